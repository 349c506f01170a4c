//! nixpkgs no longer supports this Mac: its processor, or its version of macOS.

use crate::checks::prelude::*;
use crate::dated::{self, Fit, Known};

/// See the module.
pub static CHECK: Check = Check {
    id: "nixpkgs-dropped-platform",
    title: "nixpkgs supports this Mac",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nixpkgs 26.11 has no packages for x86_64-darwin any more, and each release needs a newer macOS: 25.05 needs 11.3 \
          and 25.11 needs 14. With such a nixpkgs the next system for this Mac does not evaluate, or nix-darwin refuses to \
          activate it, and nothing about the builder can be changed.",
    remedy: Remedy::same(Advice::manual(
        &["cat /run/current-system/darwin-version.json"],
        "Stay on the last nixpkgs release that supports this Mac, in the inputs of your nix-darwin flake (26.05 for an \
         Intel Mac, 25.05 below macOS 14), or update macOS.",
    )),
    fixes: &[],
    references: &[
        "https://nixos.org/manual/nixos/unstable/release-notes#sec-release-25.05",
        "https://nixos.org/manual/nixpkgs/unstable/release-notes#sec-nixpkgs-release-25.11",
    ],
    judge,
    examples: &[
        Example {
            name: "26.11 on an Intel Mac",
            given: |e| set(e, "x86_64", "26.6.2", "26.11.56c666e"),
            expect: Expect::Fail,
        },
        Example {
            name: "25.11 on macOS 13",
            given: |e| set(e, "arm64", "13.7.8", "25.11.56c666e"),
            expect: Expect::Fail,
        },
        Example {
            name: "26.05 on an Intel Mac",
            given: |e| set(e, "x86_64", "26.6.2", "26.05.56c666e"),
            expect: Expect::Pass,
        },
        Example { name: "26.05 on macOS 26", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "26.11 on an Apple silicon Mac",
            given: |e| set(e, "arm64", "26.6.2", "26.11.56c666e"),
            expect: Expect::Pass,
        },
        Example {
            name: "no nix-darwin",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.managers {
                    fact.nix_darwin = None;
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if e.managers()?.nix_darwin.is_none() {
        return moot("without nix-darwin this Mac's system is made of no nixpkgs");
    }
    let platform = e.platform()?;
    let label = e.nixpkgs()?.label.as_deref();
    let known = Known {
        nixpkgs: label,
        macos: platform.macos.as_deref(),
        platform: platform.system(),
        ..Known::default()
    };
    let mut unknown = None;
    for row in dated::rows(CHECK.id) {
        match row.fits(&known) {
            Fit::Applies => {
                let seen = format!("{}, and this is {}", row.says, platform.name());
                return fail(seen, "a nixpkgs that supports this Mac").verdict();
            }
            Fit::DoesNot(_) => {}
            Fit::Unknown(what) => unknown = unknown.or(Some(what)),
        }
    }
    match unknown {
        Some(what) => Err(Missing::new(what)),
        None => pass(label.unwrap_or("this Mac is of a kind that every nixpkgs supports")),
    }
}

fn set(e: &mut Evidence, machine: &str, macos: &str, label: &str) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.machine = machine.to_owned();
        fact.macos = Some(macos.to_owned());
    }
    if let Probe::Seen { fact, .. } = &mut e.nixpkgs {
        fact.label = Some(label.to_owned());
    }
}
