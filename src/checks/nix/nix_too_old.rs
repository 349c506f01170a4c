//! The client is older than what is expected.

use super::nix_not_installed;
use crate::checks::prelude::*;
use crate::parse::version::parse_version;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-too-old",
    title: "Nix is recent enough",
    layer: Layer::Nix,
    severity: Severity::Warning,
    needs: &[&nix_not_installed::CHECK],
    disproved_by: Proof::Nothing,
    why: "Older Nixes name other reasons in their errors, do not understand a port in a store URL (before 2.31), \
          cannot show their settings (before 2.20), and are not what this project is tested with.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["nix flake update", "sudo darwin-rebuild switch"],
            "Run both in the folder of your nix-darwin flake: its nixpkgs decides which Nix you get.",
        )),
        determinate: Some(Advice::manual(&["sudo determinate-nixd upgrade"], "")),
        otherwise: Advice::manual(&["sudo -i nix upgrade-nix"], ""),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/release-notes/rl-2.30"],
    judge,
    examples: &[
        Example { name: "2.26.3", given: |e| set(e, "nix (Nix) 2.26.3"), expect: Expect::Fail },
        Example {
            name: "2.18.1, which cannot show its settings, and no build ran",
            given: |e| {
                set(e, "nix (Nix) 2.18.1");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a pre-release of 2.31",
            given: |e| set(e, "nix (Nix) 2.31pre20250712_abc"),
            expect: Expect::Pass,
        },
        Example {
            name: "Determinate's 3.22, which is Nix 2.35",
            given: |e| set(e, "nix (Determinate Nix 3.22.2) 2.35.2"),
            expect: Expect::Pass,
        },
        Example {
            name: "Lix, which counts otherwise",
            given: |e| set(e, "nix (Lix, like Nix) 2.94.0-dev-pre20251001-f1ef994"),
            expect: Expect::Moot,
        },
        Example {
            name: "a version that cannot be read",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.nix {
                    fact.version = None;
                    fact.no_version = Some("it says \"banana\"".to_owned());
                }
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let nix = e.nix()?;
    let Some(version) = &nix.version else {
        let why = nix.no_version.clone().unwrap_or_else(|| "there is no Nix".to_owned());
        return Err(Missing::new(format!("Nix's version: {why}")));
    };
    match super::super::is_at_least(version, want) {
        Some(true) => pass(&version.text),
        Some(false) => {
            let finding =
                fail(format!("this is {}", version.text), format!("{} or newer", want.nix.minimum_version));
            // Without `nix config show` nothing can be said of the settings; where all builds ran, nothing need be.
            let blind = version.at_least(2, 20) == Some(false) && Proof::EveryBuild.given(e, want).is_none();
            let finding = if blind { finding.as_bad_as(Severity::Error) } else { finding };
            finding.verdict()
        }
        None => moot(format!("{} does not count its versions as Nix does", version.text)),
    }
}

fn set(e: &mut Evidence, text: &str) {
    if let Probe::Seen { fact, .. } = &mut e.nix {
        fact.version = parse_version(text);
    }
}
