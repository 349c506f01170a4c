//! Backups of an earlier set-up are there.

use crate::checks::prelude::*;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "etc-older-backups",
    title: "No backup of an earlier set-up is there",
    layer: Layer::Config,
    severity: Severity::Note,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "A file with .before-nix-darwin at its end is what stood there before an earlier set-up. This one never writes over it, and numbers its own; but nix-darwin's own uninstaller, run by hand, gives the older one its name back.",
    remedy: Remedy::same(Advice::manual(
        &["ls -l {path}.before-nix-darwin"],
        "Nothing has to be done. Remove the older one if you know that nobody needs it.",
    )),
    fixes: &[],
    references: &[
        "https://github.com/nix-darwin/nix-darwin/blob/master/pkgs/darwin-uninstaller/configuration.nix",
    ],
    judge,
    examples: &[
        Example { name: "one of bashrc", given: set, expect: Expect::Fail },
        Example { name: "none", given: super::bare, expect: Expect::Pass },
        Example { name: "nix-darwin is here", given: |_| {}, expect: Expect::Moot },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if e.managers()?.nix_darwin.is_some() {
        return moot("nix-darwin is here, and these are its own backups");
    }
    let files = e.setup()?.files.iter().filter(|file| file.has_backup);
    let paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    match paths.as_slice() {
        [] => pass("no older backup is there"),
        [first, ..] => {
            fail(format!("an older backup is there of {}", and(&paths)), "none, or one that you know of")
                .word("path", (*first).to_owned())
                .verdict()
        }
    }
}

fn set(e: &mut Evidence) {
    super::bare(e);
    healthy::set_setup(e, |it| it.files[0].has_backup = true);
}
