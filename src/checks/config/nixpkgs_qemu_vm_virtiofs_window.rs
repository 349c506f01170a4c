//! The nixpkgs in use is of the weeks in which linux-builder could not be made on a Mac.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::dated::{self, Fit, Known};
use crate::parse::nixpkgs::Locked;

/// See the module.
pub static CHECK: Check = Check {
    id: "nixpkgs-qemu-vm-virtiofs-window",
    title: "The nixpkgs in use can make the builder's VM",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::ABuild,
    why: "From late August to mid September 2026 nixpkgs' VMs shared files by virtiofs alone, and virtiofsd is a program \
          for Linux: with such a nixpkgs nix.linux-builder does not evaluate on a Mac, and the error names virtiofsd. A \
          builder that was made before runs on.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["nix flake update nixpkgs", "sudo darwin-rebuild switch"],
            "Run both in the folder of your nix-darwin flake. If no newer nixpkgs will do, take the VM alone from one \
                 that is older or newer:\n\n    nix.linux-builder.package = inputs.other-nixpkgs.legacyPackages.aarch64-darwin.darwin.linux-builder;",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["nix run github:NixOS/nixpkgs/nixpkgs-26.05-darwin#darwin.linux-builder"],
            "The command starts the stock VM of a nixpkgs release, which is not hit.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#552774", "NixOS/nixpkgs#562444", "Mic92/nixos-shell#170"],
    judge,
    examples: &[
        Example {
            name: "no builder, and such a nixpkgs in the lock",
            given: |e| {
                super::nothing(e);
                lock(e, "20260901");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a builder of before, and such a nixpkgs in the lock",
            given: |e| lock(e, "20260901"),
            expect: Expect::Pass,
        },
        Example {
            name: "no builder, and a later nixpkgs",
            given: |e| {
                super::nothing(e);
                lock(e, "20261101");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "no builder, and nothing says of which day nixpkgs is",
            given: super::nothing,
            expect: Expect::Unknown,
        },
        Example {
            name: "no nix-darwin",
            given: |e| {
                super::nothing(e);
                if let Probe::Seen { fact, .. } = &mut e.managers {
                    fact.nix_darwin = None;
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if e.managers()?.nix_darwin.is_none() {
        return moot("nix-darwin is not here");
    }
    if let Some(moot) = super::external(e) {
        return Ok(moot);
    }
    if let Some(what) = super::set_up(e, want)? {
        return pass(what);
    }
    let nixpkgs = e.nixpkgs()?;
    let row = dated::row(CHECK.id);
    // What the next switch will use counts before what the last one used.
    let locked = nixpkgs.locked.as_ref().and_then(|it| Some((it.path.as_str(), it.day.as_deref()?)));
    let system = nixpkgs.label.as_deref().map(|label| ("the system", label));
    let mut unknown = "nothing says of which day nixpkgs is".to_owned();
    for (whose, version) in locked.into_iter().chain(system) {
        match row.fits(&Known { nixpkgs: Some(version), ..Known::default() }) {
            Fit::Applies => {
                return fail(
                    format!("there is no builder, and by {whose} its nixpkgs is {version}: {}", row.says),
                    "a nixpkgs of before, or of after NixOS/nixpkgs#562444",
                )
                .verdict();
            }
            Fit::DoesNot(what) => return pass(what),
            Fit::Unknown(what) => unknown = what,
        }
    }
    Err(Missing { because: unknown, by_choice: true })
}

fn lock(e: &mut Evidence, day: &str) {
    if let Probe::Seen { fact, .. } = &mut e.nixpkgs {
        let path = "/etc/nix-darwin/flake.lock".to_owned();
        fact.locked = Some(Locked { path, day: Some(day.to_owned()), revision: None });
    }
}
