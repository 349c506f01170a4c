//! The VM was started just now, and is not up yet.

use super::{
    BOOTING, builder_crash_looping, builder_service_not_running, job, of_the_vm, set_age, set_port, the_port,
};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::wait;
use crate::prose::span;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-still-booting",
    title: "The VM has booted",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&builder_crash_looping::CHECK, &builder_service_not_running::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "A VM needs from ten seconds to two minutes, the first time longer, as it makes its disk. QEMU takes connections \
          before the guest listens, so ssh hangs or is hung up on. This is no fault.",
    remedy: Remedy::same(Advice::safe(&["builder-doctor"], "Wait a minute, then look again.")),
    fixes: &[&wait::FOR_VM],
    references: &["cpick/nix-rosetta-builder#5"],
    judge,
    examples: &[
        Example {
            name: "started 30 seconds ago, no banner yet",
            given: |e| {
                set_age(e, 30);
                set_port(e, PortAnswer::Silent { seconds: 7 });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "started two hours ago, no banner",
            given: |e| set_port(e, PortAnswer::Silent { seconds: 7 }),
            expect: Expect::Pass,
        },
        Example { name: "up", given: |_| {}, expect: Expect::Pass },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
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
    if let PortAnswer::Ssh(banner) | PortAnswer::ShutOut(banner) = &port.answer {
        return pass(banner);
    }
    let Some(_) = job(e)?.and_then(|job| job.pid) else { return moot("the VM does not run") };
    let age = e.builder_job()?.age_seconds;
    let age = age.ok_or_else(|| Missing::new("`ps` does not say when the VM was started"))?;
    if age >= BOOTING {
        return pass(format!("started {} ago", span(age)));
    }
    let silent = match port.answer {
        PortAnswer::Other(_) => return moot("something else answers at its port"),
        PortAnswer::Refused => "does not listen yet",
        _ => "does not answer yet",
    };
    fail(format!("the VM was started {} ago and {silent}", span(age)), "an SSH banner at its port").verdict()
}
