//! There is no Nix, neither on PATH nor where installers put it.

use crate::checks::host::{nix_volume_not_mounted, synthetic_conf_lost};
use crate::checks::prelude::*;
use crate::evidence::nix::Nix;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-not-installed",
    title: "Nix is installed",
    layer: Layer::Nix,
    severity: Severity::Error,
    needs: &[&synthetic_conf_lost::CHECK, &nix_volume_not_mounted::CHECK],
    disproved_by: Proof::ABuild,
    why: "Everything else needs Nix. It was looked for on PATH and at /nix/var/nix/profiles/default/bin, \
          /run/current-system/sw/bin and /etc/profiles/per-user/*/bin. If Nix worked here before, look whether \
          /nix is mounted before installing anything again.",
    remedy: Remedy::same(Advice::manual(
        &["ls /nix/store"],
        "To install Nix, follow https://nixos.org/download.",
    )),
    fixes: &[],
    references: &["https://nixos.org/download", "NixOS/nix#3616"],
    judge,
    examples: &[
        Example {
            name: "no nix anywhere",
            given: |e| {
                set(e, Nix::default());
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "no nix but where anybody could have put one",
            given: |e| {
                let left_out_of_path = vec![".".to_owned(), "/tmp/bin".to_owned()];
                set(e, Nix { left_out_of_path, ..Nix::default() });
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "nix beside PATH",
            given: |e| {
                let path = Some("/nix/var/nix/profiles/default/bin/nix".to_owned());
                set(e, Nix { path, on_path: false, ..Nix::default() });
            },
            expect: Expect::Pass,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let nix = e.nix()?;
    match &nix.path {
        Some(path) => pass(path),
        None => {
            let seen = format!("no `nix` was found on this machine{}", nix.not_looked_for());
            fail(seen, "`nix` on PATH").verdict()
        }
    }
}

fn set(e: &mut Evidence, nix: Nix) {
    e.nix = Probe::seen(nix, "PATH");
}
