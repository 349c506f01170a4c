//! The launchd job that runs the VM, and whether the VM comes up.

use crate::check::{Check, Verdict};
use crate::evidence::port::{PortAnswer, PortView};
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use crate::parse::launchd::{Job, Printed};

pub mod builder_crash_looping;
pub mod builder_login_item_disabled;
pub mod builder_service_disabled;
pub mod builder_service_not_loaded;
pub mod builder_service_not_running;
pub mod port_31022_in_use;
pub mod vm_backend_switched_raw_vs_qcow2;
pub mod vm_not_listening;
pub mod vm_still_booting;
pub mod vm_unresponsive;

/// In order.
pub const CHECKS: &[&Check] = &[
    &port_31022_in_use::CHECK,
    &builder_login_item_disabled::CHECK,
    &builder_service_disabled::CHECK,
    &builder_service_not_loaded::CHECK,
    &vm_backend_switched_raw_vs_qcow2::CHECK,
    &builder_crash_looping::CHECK,
    &builder_service_not_running::CHECK,
    &vm_still_booting::CHECK,
    &vm_not_listening::CHECK,
    &vm_unresponsive::CHECK,
];

/// A VM that was started less than this ago may still be booting: 3 minutes.
pub const BOOTING: u64 = 180;

/// The job is about this Mac's own VM: moot on another system, and where another builder is declared.
fn of_the_vm(e: &Evidence, want: &Expectations) -> Result<Option<Verdict>, Missing> {
    if let Some(moot) = crate::checks::on_mac(e)? {
        return Ok(Some(moot));
    }
    Ok(match e.builder(want).ok().flatten() {
        Some(machine) if machine.host != want.builder.host => Some(Verdict::Moot(format!(
            "the builder that is declared is {}, not {}",
            machine.host, want.builder.host
        ))),
        _ => None,
    })
}

/// What answers at the VM's port; moot where the alias leads to another.
fn the_port<'e>(e: &'e Evidence, want: &Expectations) -> Result<Result<&'e PortView, Verdict>, Missing> {
    let port = e.port_of(&want.builder.host)?;
    let elsewhere = || Verdict::Moot(format!("the alias leads to port {}, which is not the VM's", port.port));
    Ok(if port.port == want.builder.port { Ok(port) } else { Err(elsewhere()) })
}

/// The job as launchd has it; None where launchd does not know it.
fn job(e: &Evidence) -> Result<Option<&Job>, Missing> {
    match &e.builder_job()?.printed {
        Printed::Loaded(job) => Ok(Some(job)),
        Printed::NotFound => Ok(None),
        Printed::Unclear(text) => {
            let start: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
            Err(Missing::new(format!("what launchctl prints is not understood: {start:?}")))
        }
    }
}

/// A job that keeps failing and being started again, while nobody answers at its port.
fn is_crash_looping(e: &Evidence, job: &Job, age_seconds: Option<u64>) -> bool {
    let up = e.ports().is_ok_and(|all| all.iter().any(|port| matches!(port.answer, PortAnswer::Ssh(_))));
    !up && keeps_failing(job, age_seconds)
}

/// One that was ended on purpose, by `kickstart -k` or a shutdown, ends with 0 or by SIGTERM or SIGKILL, and that
/// is no failure.
fn keeps_failing(job: &Job, age_seconds: Option<u64>) -> bool {
    let exit = job.last_exit.as_ref().filter(|exit| !exit.never).and_then(|exit| exit.code);
    let failed = exit.is_some_and(|code| ![0, 9, 15, 137, 143, -9, -15].contains(&code));
    let between = job.pid.is_none() || age_seconds.is_some_and(|age| age < 60);
    failed && between && job.runs.is_some_and(|runs| runs >= 2)
}

/// For examples: changes the builder's job.
fn set_job(e: &mut Evidence, change: impl FnOnce(&mut crate::evidence::service::Service)) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.builder_job {
        change(fact);
    }
    crate::evidence::healthy::hide_builds(e);
}

/// For examples: the job is loaded, and has no process.
fn set_stopped(e: &mut Evidence, state: &str, runs: u64, last_exit: Option<i32>) {
    set_job(e, |service| {
        service.age_seconds = None;
        if let Printed::Loaded(job) = &mut service.printed {
            job.state = Some(state.to_owned());
            job.pid = None;
            job.runs = Some(runs);
            job.last_exit = last_exit.map(|code| crate::parse::launchd::LastExit {
                code: Some(code),
                text: None,
                never: false,
            });
        }
    });
    set_port(e, crate::evidence::port::PortAnswer::Refused);
}

/// For examples: the builder's port answers in this way.
fn set_port(e: &mut Evidence, answer: crate::evidence::port::PortAnswer) {
    e.ports = crate::evidence::Probe::seen(vec![crate::evidence::healthy::port(answer)], "one connection");
    crate::evidence::healthy::hide_builds(e);
}

/// For examples: the VM was started so many seconds ago.
fn set_age(e: &mut Evidence, seconds: u64) {
    set_job(e, |service| service.age_seconds = Some(seconds));
}
