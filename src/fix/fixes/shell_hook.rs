//! Has new shells find Nix again, where an update of macOS replaced the shell's file.

use crate::fix::ground::{on_a_mac, unmanaged, word};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module.
pub static LINES: Fix = Fix {
    id: "add-shell-lines",
    title: "Add the lines that lead new shells to Nix",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        on_a_mac(e)?;
        let file =
            word(finding, "shell-file").ok_or_else(|| NoPlan::Unknown("which file it is".to_owned()))?;
        unmanaged(e, file)?;
        let script = "/nix/var/nix/profiles/default/etc/profile.d/nix-daemon.sh";
        let lines = vec![format!("if [ -e '{script}' ]; then . '{script}'; fi")];
        let action = Action::AppendLines { path: file.to_owned(), lines };
        Ok(vec![Step::new(action, "have a new shell find nix", Back::from_journal())])
    },
};
