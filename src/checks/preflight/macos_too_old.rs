//! macOS is older than what the packages of nix-darwin are built for.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "macos-too-old",
    title: "macOS is new enough for nix-darwin",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[&crate::checks::host::nixpkgs_dropped_platform::CHECK],
    disproved_by: Proof::Nothing,
    why: "The packages that nix-darwin brings are built for macOS 14 and newer: on an older one their programs, QEMU among them, end at once for want of symbols.",
    remedy: Remedy::same(Advice::manual(
        &["softwareupdate --list"],
        "Update macOS, or give `builder-doctor setup --flake` a configuration of an older release of nixpkgs and nix-darwin.",
    )),
    fixes: &[],
    references: &[
        "https://nixos.org/manual/nixpkgs/unstable/release-notes#sec-nixpkgs-release-25.11",
        "https://github.com/nix-darwin/nix-darwin/blob/master/modules/system/checks.nix",
    ],
    judge,
    examples: &[
        Example { name: "macOS 13", given: |e| set(e, Some("13.7.8")), expect: Expect::Fail },
        Example { name: "macOS 14", given: |e| set(e, Some("14.0")), expect: Expect::Pass },
        Example { name: "sw_vers gave no answer", given: |e| set(e, None), expect: Expect::Unknown },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

/// Since nixpkgs 25.11.
const OLDEST: u32 = 14;

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let platform = e.platform()?;
    let major = platform.macos_major().ok_or_else(|| Missing::new("`sw_vers` gave no version"))?;
    match major >= OLDEST {
        true => pass(platform.name()),
        false => fail(format!("this is {}", platform.name()), "macOS 14 or newer").verdict(),
    }
}

fn set(e: &mut Evidence, version: Option<&str>) {
    // Which nixpkgs it will be is not known yet.
    e.nixpkgs = Probe::seen(Default::default(), "");
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.macos = version.map(str::to_owned);
    }
}
