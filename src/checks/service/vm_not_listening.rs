//! The VM has been running for minutes, and nothing listens at its port.

use super::{
    BOOTING, builder_crash_looping, builder_service_not_running, job, of_the_vm, set_port, the_port,
    vm_still_booting,
};
use crate::checks::host::{host_cannot_virtualise, nix_volume_not_mounted};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::restart_builder;
use crate::prose::span;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-not-listening",
    title: "The VM listens at its port",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[
        &nix_volume_not_mounted::CHECK,
        &host_cannot_virtualise::CHECK,
        &builder_crash_looping::CHECK,
        &builder_service_not_running::CHECK,
        &vm_still_booting::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The job runs, and what it runs is not QEMU with its port forwarded: it waits for /nix or for sudo's password, or \
          the VM was given another port.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "If that does not help, see what the job waits for: ps -axo pid,ppid,etime,command | grep -i qemu",
    )),
    fixes: &[&restart_builder::RESTART],
    references: &["nix-darwin/nix-darwin#913"],
    judge,
    examples: &[
        Example {
            name: "running for two hours, port closed",
            given: |e| set_port(e, PortAnswer::Refused),
            expect: Expect::Fail,
        },
        Example { name: "listening", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "started a minute ago, port closed",
            given: |e| {
                super::set_age(e, 60);
                set_port(e, PortAnswer::Refused);
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let port = match the_port(e, want)? {
        Ok(port) => port,
        Err(moot) => return Ok(moot),
    };
    if port.answer != PortAnswer::Refused {
        return pass(format!("somebody listens at {}", port.place()));
    }
    let Some(_) = job(e)?.and_then(|job| job.pid) else { return moot("the VM does not run") };
    match e.builder_job()?.age_seconds {
        Some(age) if age < BOOTING => moot("it may still be booting"),
        age => {
            let since = age.map(|age| format!(" for {}", span(age))).unwrap_or_default();
            let forwarded = e.vm_program().ok().and_then(|program| program.says.host_port);
            let instead = forwarded
                .filter(|it| *it != port.port)
                .map(|it| format!("; its script forwards port {it} instead"))
                .unwrap_or_default();
            let seen = format!(
                "the VM's job has been running{since}, and nobody listens at {}{instead}",
                port.place()
            );
            fail(seen, "the VM's sshd at that port").verdict()
        }
    }
}
