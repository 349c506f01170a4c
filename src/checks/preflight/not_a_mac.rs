//! This is no Mac, and no builder of nix-darwin's is set up on it.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "not-a-mac",
    title: "This is a Mac",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The builder is a VM that nix-darwin runs on a Mac. Linux builds for Linux by itself, and for another processor by \
          emulation or on a machine in /etc/nix/machines.",
    remedy: Remedy::same(Advice::manual(
        &["nix config show system"],
        "Run this on the Mac that is to have the builder. `builder-doctor preflight --from` judges a Mac's report anywhere.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Fail },
        Example { name: "a Mac", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let platform = e.platform()?;
    match platform.is_mac() {
        true => pass(platform.name()),
        false => fail(format!("this is {}", platform.name()), "a Mac").verdict(),
    }
}
