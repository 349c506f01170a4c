//! The VM keeps ending, and launchd keeps starting it.

use super::{
    is_crash_looping, job, of_the_vm, port_31022_in_use, set_stopped, vm_backend_switched_raw_vs_qcow2,
};
use crate::checks::prelude::*;
use crate::prose::count;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-crash-looping",
    title: "The VM stays up once it is started",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&port_31022_in_use::CHECK, &vm_backend_switched_raw_vs_qcow2::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "The job ends at once and KeepAlive starts it again, every ten seconds. Exit code 134 is QEMU's own assertion \
          (SIGABRT), 126 and 127 a store path that is gone, 78 a working directory that is gone, 1 a bad argument.",
    remedy: Remedy::same(Advice::manual(
        &[
            "ls -t /Library/Logs/DiagnosticReports/qemu-system-*.ips",
            "sudo launchctl debug system/{label} --stdout --stderr",
            "sudo launchctl kickstart -k system/{label}",
        ],
        "The first command lists QEMU's crash reports, newest first. The second waits and shows what the job prints; run \
         the third beside it, in another terminal.",
    )),
    references: &["NixOS/nixpkgs#528299", "NixOS/nixpkgs#375907", "nix-darwin/nix-darwin#1292"],
    judge,
    examples: &[
        Example {
            name: "418 runs, the last ended with 134",
            given: |e| set_stopped(e, "spawn scheduled", 418, Some(134)),
            expect: Expect::Fail,
        },
        Example {
            name: "stopped seven times on purpose",
            given: |e| set_stopped(e, "not running", 7, Some(143)),
            expect: Expect::Pass,
        },
        Example {
            name: "one run that ended well",
            given: |e| set_stopped(e, "not running", 1, Some(0)),
            expect: Expect::Pass,
        },
        Example { name: "running for two hours", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    if !is_crash_looping(e, job, service.age_seconds) {
        return pass(job.runs.map_or_else(|| "no crash seen".to_owned(), |runs| count(runs as usize, "run")));
    }
    let ending = match job.last_exit.as_ref() {
        Some(exit) => match (exit.code, &exit.text) {
            (Some(code), Some(text)) => format!(", the last ended with {code} ({text})"),
            (Some(code), None) => format!(", the last ended with exit code {code}"),
            _ => String::new(),
        },
        None => String::new(),
    };
    let runs = count(job.runs.unwrap_or_default() as usize, "start");
    fail(
        format!("the VM keeps crashing: {runs} since it was loaded{ending}"),
        "one start, and a VM that stays up",
    )
    .verdict()
}
