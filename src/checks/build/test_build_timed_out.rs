//! A test build did not end in time.

use super::{ON_THE_WAY, demanded};
use crate::checks::guest::vm_dns_hardcoded;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::prose::span;

/// See the module.
pub static CHECK: Check = Check {
    id: "test-build-timed-out",
    title: "A test build ends in time",
    layer: Layer::Build,
    severity: Severity::Error,
    needs: ON_THE_WAY,
    disproved_by: Proof::Nothing,
    why: "The test build needs a second where all is well. It waits for a free slot of the builder, for a lock that a dead \
          connection still holds, or for a VM that is overloaded.",
    remedy: Remedy::same(Advice::disruptive(
        &["ps -axo pid,etime,command | grep '[l]inux-builder'", "sudo launchctl kickstart -k system/{label}"],
        "If the first command shows an ssh that is older than the VM, it is dead and holds a slot: end it, or restart the VM \
         with the second.",
    )),
    fixes: &[],
    references: &["NixOS/nix#2260", "NixOS/nix#3751", "NixOS/nix#1712"],
    judge,
    examples: &[
        Example {
            name: "no end in 60 seconds",
            given: |e| {
                healthy::set_builds(
                    e,
                    &Ended::Deadline(60),
                    "this derivation will be built:\n  /nix/store/0-x.drv\n",
                )
            },
            expect: Expect::Fail,
        },
        Example { name: "0.3 seconds", given: |_| {}, expect: Expect::Pass },
        Example { name: "--quick", given: healthy::hide_builds, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    for build in demanded(e, want)? {
        let seen = match &build.ended {
            Ended::Deadline(seconds) => {
                let where_to = match &build.log.dispatched_to {
                    Some(machine) => format!("{machine} took it, and did not finish it"),
                    None => "no builder took it, as each slot is in use or locked".to_owned(),
                };
                format!("the test build for {} did not end in {}: {where_to}", build.what(), span(*seconds))
            }
            Ended::Cancelled(why) => format!("the test build for {} was stopped: {why}", build.what()),
            _ => continue,
        };
        let finding = fail(seen, "an end within seconds");
        // The VM asks its caches before it builds, and may ask long.
        let there = build.log.dispatched_to.is_some();
        return if there { finding.pointing_to(RESOLVER).verdict() } else { finding.verdict() };
    }
    pass("in time")
}

const RESOLVER: &[&Check] = &[&vm_dns_hardcoded::CHECK];
