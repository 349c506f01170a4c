//! The disk that holds /nix is all but full.

use crate::checks::prelude::*;
use crate::parse::platform::Df;

/// Below this Nix and the VM's growing disk image soon fail: 1 GiB.
const LOW_KIB: u64 = 1 << 20;

/// See the module.
pub static CHECK: Check = Check {
    id: "host-disk-low",
    title: "The disk that holds /nix has room",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The Nix store and the VM's disk image share this disk. The image only grows; when the disk is full, \
          the VM sees I/O errors and Nix says `No space left on device`.",
    remedy: Remedy::same(Advice::manual(
        &["df -h /nix", "nix-collect-garbage"],
        "nix-collect-garbage deletes what nothing uses; with -d it deletes old generations as well.",
    )),
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/package-management/garbage-collection"],
    judge,
    examples: &[
        Example {
            name: "200 MB left",
            given: |e| set(e, Some(Df { total_kib: 971_350_180, free_kib: 204_800 })),
            expect: Expect::Fail,
        },
        Example { name: "400 GB left", given: |_| {}, expect: Expect::Pass },
        Example { name: "`df` says something else", given: |e| set(e, None), expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let disk = e.platform()?.disk.as_ref().ok_or_else(|| Missing::new("`df -k` gave no answer"))?;
    let gigabytes = |kib: u64| format!("{:.1} GiB", kib as f64 / f64::from(1 << 20));
    let free = format!("{} of {} free", gigabytes(disk.free_kib), gigabytes(disk.total_kib));
    if disk.free_kib < LOW_KIB {
        return fail(format!("only {free} on the disk that holds /nix"), "at least 1 GiB free").verdict();
    }
    pass(free)
}

fn set(e: &mut Evidence, disk: Option<Df>) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.disk = disk;
    }
}
