//! Determinate manages Nix, and nix-darwin is not here: its builder is not for this Mac.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "determinate-manages-nix",
    title: "nix-darwin may manage Nix",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nix-darwin's builder needs `nix.enable`. Where Determinate's Nix is installed, nix-darwin says `Determinate detected, aborting activation` to that, so that no set-up can come to its end.",
    remedy: Remedy::same(Advice::manual(
        &["determinate-nixd version"],
        "Two ways: Determinate's own Linux builder, if the command lists native-linux-builder; or upstream's Nix in its place (`/nix/nix-installer uninstall`, then https://nixos.org/download), and then the set-up.",
    )),
    fixes: &[],
    references: &["nix-darwin/nix-darwin#1505", "DeterminateSystems/determinate#156"],
    judge,
    examples: &[
        Example { name: "Determinate alone", given: |e| set(e, false), expect: Expect::Fail },
        Example { name: "upstream's Nix", given: |_| {}, expect: Expect::Pass },
        Example { name: "both", given: |e| set(e, true), expect: Expect::Moot },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let managers = e.managers()?;
    match (&managers.determinate, &managers.nix_darwin) {
        (None, _) => pass("Determinate's Nix is not here"),
        (Some(_), Some(_)) => moot("nix-darwin is here as well: determinate-vs-nix-darwin tells of both"),
        (Some(path), None) => fail(
            format!("Determinate manages Nix ({path})"),
            "a Nix that nix-darwin may manage, or Determinate's own builder",
        )
        .verdict(),
    }
}

fn set(e: &mut Evidence, nix_darwin: bool) {
    if let Probe::Seen { fact, .. } = &mut e.managers {
        fact.determinate = Some("/usr/local/bin/determinate-nixd".to_owned());
        fact.nix_darwin = fact.nix_darwin.take().filter(|_| nix_darwin);
    }
}
