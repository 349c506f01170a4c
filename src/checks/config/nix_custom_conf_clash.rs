//! nix-darwin manages Nix and refuses to activate beside /etc/nix/nix.custom.conf.

use crate::checks::prelude::*;
use crate::evidence::custom_conf::{CustomConf, FILE};
use crate::fix::fixes::custom_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-custom-conf-clash",
    title: "nix-darwin can activate the next system",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "Determinate's installer leaves /etc/nix/nix.custom.conf for a user's own settings. Where nix-darwin manages Nix, \
          its activation ends with `custom settings in /etc/nix/nix.custom.conf, aborting activation`, unless it knows \
          the file for an untouched one; whether nix.conf includes it makes no difference. Builds go on; no change to \
          the builder takes effect.",
    remedy: Remedy::same(Advice::manual(
        &[
            "cat /etc/nix/nix.custom.conf",
            "sudo mv /etc/nix/nix.custom.conf /etc/nix/nix.custom.conf.before-nix-darwin",
            "sudo darwin-rebuild switch",
        ],
        "What the file sets and you wish to keep belongs into nix.settings of your nix-darwin configuration, before the \
         second command.",
    )),
    fixes: &[&custom_conf::SET_ASIDE],
    references: &["https://github.com/nix-darwin/nix-darwin/blob/master/modules/nix/default.nix"],
    judge,
    examples: &[
        Example {
            name: "settings of one's own",
            given: |e| set(e, Some(true), Some(false)),
            expect: Expect::Fail,
        },
        Example {
            name: "the same, and nix.conf includes them",
            given: |e| {
                set(e, Some(true), Some(false));
                let text = format!("{}!include nix.custom.conf\n", healthy::NIX_CONF);
                let conf = crate::parse::conf_files::parse("/etc/nix/nix.conf", &text);
                e.conf_files = Probe::seen(vec![conf], "/etc/nix/nix.conf");
            },
            expect: Expect::Fail,
        },
        Example { name: "no such file", given: |_| {}, expect: Expect::Pass },
        Example { name: "an installer's", given: |e| set(e, Some(true), Some(true)), expect: Expect::Pass },
        Example {
            name: "a nix-darwin that does not look at it",
            given: |e| set(e, Some(false), None),
            expect: Expect::Pass,
        },
        Example { name: "no hash", given: |e| set(e, Some(true), None), expect: Expect::Unknown },
        Example {
            name: "Determinate's Nix, whose file it is",
            given: |e| {
                set(e, Some(false), None);
                if let Probe::Seen { fact, .. } = &mut e.managers {
                    fact.determinate = Some("/usr/local/bin/determinate-nixd".to_owned());
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let managers = e.managers()?;
    if managers.nix_darwin.is_none() || managers.determinate.is_some() {
        return moot("nix-darwin does not manage Nix here");
    }
    let found = e.custom_conf()?;
    if !found.present {
        return pass(format!("there is no {FILE}"));
    }
    match (found.refused, found.known) {
        (None, _) => Err(Missing::new("nix-darwin's activation script cannot be read")),
        (Some(false), _) => pass("this nix-darwin does not look at it"),
        (Some(true), Some(true)) => pass("it is as an installer left it, and the next switch sets it aside"),
        (Some(true), None) => Err(Missing::new(format!("{FILE} has no hash that could be compared"))),
        (Some(true), Some(false)) => {
            let finding = fail(
                format!("{FILE} is there, so the next `darwin-rebuild switch` aborts"),
                "these settings in the nix-darwin configuration",
            );
            // Whoever includes it wants it; nix-darwin will say so itself.
            let files = e.conf_files().map(Vec::as_slice).unwrap_or_default();
            let wanted = files.iter().flat_map(|file| &file.includes).any(|include| include.path == FILE);
            let finding = if wanted { finding.as_bad_as(Severity::Note) } else { finding };
            finding.verdict()
        }
    }
}

fn set(e: &mut Evidence, refused: Option<bool>, known: Option<bool>) {
    e.custom_conf = Probe::seen(CustomConf { present: true, refused, known }, FILE);
}
