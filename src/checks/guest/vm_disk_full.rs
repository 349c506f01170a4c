//! The VM's disk is full.

use super::{inside, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;
use crate::evidence::builds::Ended;
use crate::fix::fixes::new_disk;
use crate::parse::build_log::Outcome;
use crate::parse::platform::Df;

/// Below this no build of any size gets through: 256 MiB. The VM's own Nix collects garbage below 1 GiB.
const FULL_KIB: u64 = 256 << 10;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-disk-full",
    title: "The VM's disk has room",
    layer: Layer::Guest,
    severity: Severity::Error,
    needs: &[&ssh_login_refused::CHECK],
    // A test build writes three bytes, and so says nothing of room.
    disproved_by: Proof::Nothing,
    why: "The stock VM has a disk of 20 GB, and its Nix collects garbage only when 1 GiB is left, which is too late for one big \
          build. When it is full, builds fail with I/O errors or `No space left on device`.",
    remedy: Remedy {
        nix_darwin: Some(Advice::disruptive(
            &[
                "sudo nix store gc --store ssh-ng://builder@{host}",
                "sudo launchctl kickstart -k system/{label}",
            ],
            "The first command empties the VM's store; where nix.linux-builder.ephemeral is true, the second alone does. A \
             larger disk takes effect when the disk is made anew:\n\n    \
             nix.linux-builder.config.virtualisation.darwin-builder.diskSize = 40 * 1024;",
        )),
        determinate: None,
        otherwise: Advice::disruptive(
            &["sudo nix store gc --store ssh-ng://builder@{host}"],
            "Empties the VM's store.",
        ),
    },
    fixes: &[&new_disk::MAKE],
    references: &["nix-darwin/nix-darwin#1200", "Mic92/nixos-shell#30"],
    judge,
    examples: &[
        Example {
            name: "20 MB left in the VM",
            given: |e| {
                set_inside(e, |guest| guest.disk = Some(Df { total_kib: 40 << 20, free_kib: 20 << 10 }));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the test build says so",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::set_builds(
                    e,
                    &Ended::Code(1),
                    "building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...\n\
                     error: build of '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder' failed: \
                     error: write of 60 bytes: No space left on device\n",
                );
            },
            expect: Expect::Fail,
        },
        Example { name: "33 GB left", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "root did not look, and nothing was built",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(build) = e.build_that_says(|outcome| *outcome == Outcome::DiskFull) {
        let said =
            build.log.tail.iter().find(|line| line.contains("No space left") || line.contains("I/O error"));
        // `error: build of '…' on '…' failed: error: write of 81 bytes: No space left on device`
        let last = |line: &str, before: &str| line.rsplit(before).next().unwrap_or_default().to_owned();
        let said =
            said.map_or(String::new(), |line| format!(": {}", last(&last(line.trim(), "> "), "error: ")));
        return fail(format!("the VM's disk is full{said}"), "room for a build").verdict();
    }
    let disk = inside(e)?.disk.ok_or_else(|| Missing::new("`df` in the VM gave no answer"))?;
    let megabytes = disk.free_kib >> 10;
    if disk.free_kib < FULL_KIB {
        return fail(format!("the VM's disk is full: {megabytes} MiB left"), "room for a build").verdict();
    }
    pass(format!("{megabytes} MiB left"))
}
