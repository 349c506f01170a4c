//! Files of nobody's stand where nix-darwin places its own: set-up moves them aside.

use crate::checks::prelude::*;
use crate::evidence::setup::What;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "etc-files-in-the-way",
    title: "Nothing has to be moved aside in /etc",
    layer: Layer::Config,
    severity: Severity::Note,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nix-darwin stops at regular files whose contents it does not know. Set-up gives each the name that nix-darwin asks for, with .before-nix-darwin at its end, and puts them back where it fails or is undone. What is in them does not count meanwhile.",
    remedy: Remedy::same(Advice::manual(
        &["builder-doctor setup --dry-run"],
        "Nothing has to be done. Settings of your own in /etc/nix/nix.conf are to be carried over to /etc/nix/nix.custom.conf or to the configuration.",
    )),
    fixes: &[],
    references: &["https://github.com/nix-darwin/nix-darwin/blob/master/modules/system/etc.nix"],
    judge,
    examples: &[
        Example {
            name: "upstream's nix.conf",
            given: |e| healthy::set_setup(e, |it| it.files[4].is = What::File),
            expect: Expect::Fail,
        },
        Example { name: "nix-darwin's own links", given: |_| {}, expect: Expect::Pass },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let files = e.setup()?.files.iter().filter(|file| file.is == What::File);
    let paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    match paths.as_slice() {
        [] => pass("no regular file is where nix-darwin places its own"),
        some => {
            fail(format!("set-up moves {} aside", and(some)), "nothing; set-up puts them back if it fails")
                .verdict()
        }
    }
}
