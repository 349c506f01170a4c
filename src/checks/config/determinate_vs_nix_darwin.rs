//! Determinate manages Nix, so nix-darwin's builder module cannot be used, and there is no builder.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "determinate-vs-nix-darwin",
    title: "nix-darwin can set up its Linux builder",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::ABuild,
    why: "Determinate's Nix manages its own installation, so nix-darwin runs beside it with nix.enable = false. But \
          `nix.linux-builder.enable` requires `nix.enable`, and with both on nix-darwin says `Determinate detected, \
          aborting activation`. So none of the nix options of the nix-darwin configuration sets a builder up here.",
    remedy: Remedy::same(Advice::manual(
        &["determinate-nixd version"],
        "Three ways lead to a builder. Determinate's own: the command lists native-linux-builder if your account has it. \
         A builder with a launchd job of its own beside Determinate, such as nix-rosetta-builder or \
         `nix run nixpkgs#darwin.linux-builder`, with its line in /etc/nix/machines and its settings in \
         /etc/nix/nix.custom.conf. Or upstream's Nix in the place of Determinate's, managed by nix-darwin with nix.enable \
         and nix.linux-builder.enable.",
    )),
    fixes: &[],
    references: &[
        "nix-darwin/nix-darwin#1505",
        "cpick/nix-rosetta-builder#37",
        "DeterminateSystems/determinate#156",
    ],
    judge,
    examples: &[
        Example {
            name: "both, and no builder",
            given: |e| {
                super::nothing(e);
                determinate(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "both, and a builder", given: determinate, expect: Expect::Pass },
        Example { name: "nix-darwin alone", given: super::nothing, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let managers = e.managers()?;
    let (Some(_), Some(path)) = (&managers.nix_darwin, &managers.determinate) else {
        return moot("not both of nix-darwin and Determinate's Nix are here");
    };
    if let Some(moot) = super::external(e) {
        return Ok(moot);
    }
    match super::set_up(e, want)? {
        Some(what) => pass(what),
        None => fail(
            format!("Determinate manages Nix ({path}), and nix-darwin's builder needs nix.enable, which that excludes"),
            "a builder that does not need nix-darwin's nix.enable",
        )
        .verdict(),
    }
}

fn determinate(e: &mut Evidence) {
    if let Probe::Seen { fact, .. } = &mut e.managers {
        fact.determinate = Some("/usr/local/bin/determinate-nixd".to_owned());
    }
}
