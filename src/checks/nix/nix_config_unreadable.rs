//! Nix refuses its own configuration.

use super::nix_not_installed;
use crate::checks::prelude::*;
use crate::evidence::nix_config::ConfigView;
use crate::parse::nix_config::parse_error;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-config-unreadable",
    title: "Nix can read its configuration",
    layer: Layer::Nix,
    severity: Severity::Error,
    needs: &[&nix_not_installed::CHECK],
    disproved_by: Proof::ABuild,
    why: "A line that Nix cannot read stops every command, whatever it was to do. The file may be the system's, \
          one that it includes, the user's own, or the variable NIX_CONFIG.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["nix config show"],
            "The command says the file. /etc/nix/nix.conf is made from nix.settings of your nix-darwin configuration: \
             mend it there, then run sudo darwin-rebuild switch. ~/.config/nix/nix.conf and \
             /etc/nix/nix.custom.conf are yours to edit.",
        )),
        determinate: Some(Advice::manual(
            &["nix config show"],
            "The command says the file. Mend /etc/nix/nix.custom.conf or ~/.config/nix/nix.conf; Determinate \
             replaces /etc/nix/nix.conf.",
        )),
        otherwise: Advice::manual(&["nix config show"], "The command says the file; mend the line in it."),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file"],
    judge,
    examples: &[
        Example {
            name: "a line without `=`",
            given: |e| {
                let said = "error: syntax error in configuration line 'max-jobs' in '/etc/nix/nix.conf'";
                let error = parse_error(said).unwrap_or_default();
                e.nix_config = Probe::seen(ConfigView::Refused(error), "nix config show");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "nix-darwin's own nix.conf", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "`nix config show` hangs",
            given: |e| e.nix_config = Probe::blind("`nix config show --json`: no answer in 8s"),
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    match e.nix_config()? {
        ConfigView::Read(_) => pass("`nix config show` answers"),
        ConfigView::Refused(error) => {
            let files = e.conf_files().map(Vec::as_slice).unwrap_or_default();
            let place = files
                .iter()
                .filter(|file| error.path.as_deref().is_none_or(|path| path == file.path))
                .flat_map(|file| &file.problems)
                .map(|problem| &problem.place)
                .next();
            fail(
                format!("Nix refuses its configuration: {}", error.text.trim_start_matches("error: ")),
                "a configuration that Nix can read",
            )
            .at(place)
            .verdict()
        }
    }
}
