//! The VM would take most of this Mac's memory.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "memory-low",
    title: "This Mac has memory for the VM and for itself",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The VM of the project's own configuration may take 8 GB. It takes what its builds need, and does not give it back: where that leaves the Mac less than 4 GB it swaps, and builds and the Mac are slow.",
    remedy: Remedy::same(Advice::manual(
        &["sysctl hw.memsize"],
        "Set services.linux-builder-doctor.memory lower, such as 4, in a configuration of your own, or leave bootstrap on: the stock VM takes 3 GB.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example { name: "8 GB", given: |e| set(e, Some(8 * GIB)), expect: Expect::Fail },
        Example { name: "16 GB", given: |e| set(e, Some(16 * GIB)), expect: Expect::Pass },
        Example { name: "sysctl gave no answer", given: |e| set(e, None), expect: Expect::Unknown },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

const GIB: u64 = 1 << 30;
/// The VM's 8 GB, and 4 for macOS.
const ENOUGH: u64 = 12 * GIB;

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let memory =
        e.platform()?.memory_bytes.ok_or_else(|| Missing::new("`sysctl hw.memsize` gave no answer"))?;
    let seen = format!("{} GB of memory", memory / GIB);
    if memory < ENOUGH { fail(seen, "12 GB or more").verdict() } else { pass(seen) }
}

fn set(e: &mut Evidence, memory: Option<u64>) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.memory_bytes = memory;
    }
}
