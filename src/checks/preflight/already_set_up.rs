//! A Linux builder is set up already.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "already-set-up",
    title: "No Linux builder is set up yet",
    layer: Layer::Machines,
    severity: Severity::Note,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "A Linux builder is declared or installed here. Set-up then switches to its configuration all the same, if that is another one, and changes nothing if it is not.",
    remedy: Remedy::same(Advice::manual(
        &["builder-doctor"],
        "Nothing has to be done. The command says how the builder is.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example { name: "one is declared", given: |_| {}, expect: Expect::Fail },
        Example { name: "none", given: super::bare, expect: Expect::Pass },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    match crate::checks::config::set_up(e, want)? {
        Some(what) => fail(format!("there is one: {what}"), "none, or one that you know of").verdict(),
        None => pass("none is there"),
    }
}
