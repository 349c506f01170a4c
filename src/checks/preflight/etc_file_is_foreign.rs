//! Where nix-darwin has to place a file stands something that nobody may move aside.

use crate::checks::prelude::*;
use crate::evidence::setup::What;

/// See the module.
pub static CHECK: Check = Check {
    id: "etc-file-is-foreign",
    title: "nix-darwin may place its files in /etc",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nix-darwin makes links in /etc, and stops at what stands there and is none of its own (`Unexpected files in /etc, aborting activation`). Set-up moves regular files aside; a link of somebody else's, or a folder, it leaves to you, as it may be what other tools go by.",
    remedy: Remedy::same(Advice::manual(
        &["ls -l {path}"],
        "Look at what it is, and give it another name: `sudo mv {path} {path}.before-nix-darwin`.",
    )),
    fixes: &[],
    references: &["https://github.com/nix-darwin/nix-darwin/blob/master/modules/system/etc.nix"],
    judge,
    examples: &[
        Example {
            name: "a link to a folder of dotfiles",
            given: |e| set(e, What::Link("/Users/alice/dotfiles/bashrc".to_owned())),
            expect: Expect::Fail,
        },
        Example { name: "a folder", given: |e| set(e, What::Other), expect: Expect::Fail },
        Example { name: "nix-darwin's own links", given: |_| {}, expect: Expect::Pass },
        Example { name: "a regular file", given: |e| set(e, What::File), expect: Expect::Pass },
        Example { name: "it cannot be seen", given: |e| set(e, What::Hidden), expect: Expect::Unknown },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let files = &e.setup()?.files;
    let foreign = files.iter().find_map(|file| match &file.is {
        What::Link(target) => Some((file, format!("{} is a link to {target}", file.path))),
        What::Other => Some((file, format!("{} is neither a file nor a link", file.path))),
        _ => None,
    });
    match foreign {
        Some((file, seen)) => fail(seen, "nothing there, a regular file, or nix-darwin's own link")
            .word("path", file.path.clone())
            .verdict(),
        None if files.iter().any(|file| file.is == What::Hidden) => {
            Err(Missing::new("a file in /etc could not be looked at"))
        }
        None => pass("nothing there is anybody else's"),
    }
}

fn set(e: &mut Evidence, is: What) {
    healthy::set_setup(e, |it| it.files[0].is = is);
}
