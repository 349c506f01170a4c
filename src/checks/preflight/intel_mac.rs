//! This is a Mac with an Intel processor, which nixpkgs leaves behind.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "intel-mac",
    title: "This Mac has Apple silicon",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nixpkgs 26.05 is the last release for Macs with an Intel processor, and the project's own configuration is for Apple silicon. A builder on an Intel Mac builds for x86_64-linux; aarch64-linux is emulated.",
    remedy: Remedy::same(Advice::manual(
        &["builder-doctor setup --flake PATH#NAME"],
        "Give set-up a configuration of your own with `nixpkgs.hostPlatform = \"x86_64-darwin\"`, of nixpkgs 26.05 or older.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/unstable/release-notes#sec-nixpkgs-release-25.11"],
    judge,
    examples: &[
        Example { name: "an Intel Mac", given: |e| intel(e, Some(false)), expect: Expect::Fail },
        Example { name: "Apple silicon", given: |_| {}, expect: Expect::Pass },
        Example { name: "a shell under Rosetta", given: |e| intel(e, Some(true)), expect: Expect::Pass },
        Example { name: "sysctl gave no answer", given: |e| intel(e, None), expect: Expect::Unknown },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let platform = e.platform()?;
    match platform
        .system()
        .ok_or_else(|| Missing::new("an Intel Mac and a shell under Rosetta cannot be told apart"))?
    {
        "x86_64-darwin" => {
            fail("this Mac has an Intel processor", "Apple silicon, or a configuration for Intel").verdict()
        }
        _ => pass(platform.cpu.as_deref().unwrap_or("Apple silicon")),
    }
}

fn intel(e: &mut Evidence, translated: Option<bool>) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        (fact.machine, fact.translated) = ("x86_64".to_owned(), translated);
    }
}
