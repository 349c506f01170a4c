//! The launchd job that runs the VM, and whether the VM comes up.

use crate::check::{Check, Verdict, fail, moot, pass};
use crate::dated::{self, Fit, Known};
use crate::evidence::builder_log::BuilderLog;
use crate::evidence::crash_report::CrashReport;
use crate::evidence::port::{PortAnswer, PortView};
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use crate::parse::launchd::{Job, LastExit, Printed};
use crate::parse::vm_program::{Backend, VmScripts};
use crate::prose::{line, span};

pub mod builder_crash_looping;
pub mod builder_login_item_disabled;
pub mod builder_service_disabled;
pub mod builder_service_not_loaded;
pub mod builder_service_not_running;
pub mod builder_stopped_on_purpose;
pub mod launchd_bootstrap_error_5;
pub mod port_31022_in_use;
pub mod qemu11_hvf_sme_abort;
pub mod qemu_gicv2_under_hvf;
pub mod qemu_m4_sme_property;
pub mod vm_backend_switched_raw_vs_qcow2;
pub mod vm_no_log_configured;
pub mod vm_not_listening;
pub mod vm_still_booting;
pub mod vm_unresponsive;
pub mod vm_working_directory_missing;

/// In order.
pub const CHECKS: &[&Check] = &[
    &port_31022_in_use::CHECK,
    &builder_stopped_on_purpose::CHECK,
    &builder_login_item_disabled::CHECK,
    &builder_service_disabled::CHECK,
    &launchd_bootstrap_error_5::CHECK,
    &builder_service_not_loaded::CHECK,
    &vm_working_directory_missing::CHECK,
    &qemu11_hvf_sme_abort::CHECK,
    &qemu_m4_sme_property::CHECK,
    &qemu_gicv2_under_hvf::CHECK,
    &vm_backend_switched_raw_vs_qcow2::CHECK,
    &builder_crash_looping::CHECK,
    &builder_service_not_running::CHECK,
    &vm_still_booting::CHECK,
    &vm_not_listening::CHECK,
    &vm_unresponsive::CHECK,
    &vm_no_log_configured::CHECK,
];

/// A VM that was started less than this ago may still be booting: 3 minutes.
pub const BOOTING: u64 = 180;

/// The job is about this Mac's own VM: moot on another system, and where the builder is another machine.
pub fn of_the_vm(e: &Evidence, want: &Expectations) -> Result<Option<Verdict>, Missing> {
    if let Some(moot) = crate::checks::on_mac(e)? {
        return Ok(Some(moot));
    }
    Ok(match e.builder(want).ok().flatten() {
        Some(machine) if !e.is_own_vm(machine, want) => Some(Verdict::Moot(format!(
            "the builder that is declared is {}, which this Mac does not run itself",
            machine.host
        ))),
        _ => None,
    })
}

/// What answers at the VM's port; moot where the alias leads to one at which nobody is, and which is not the
/// expected one: then the alias is to blame.
fn the_port<'e>(e: &'e Evidence, want: &Expectations) -> Result<Result<&'e PortView, Verdict>, Missing> {
    let host = e.builder(want).ok().flatten().map_or(&want.builder.host, |machine| &machine.host);
    let port = e.port_of(host)?;
    let expected = port.port == want.builder.port || host != &want.builder.host;
    let elsewhere = || Verdict::Moot(format!("the alias leads to port {}, which is not the VM's", port.port));
    Ok(if expected || port.answer != PortAnswer::Refused { Ok(port) } else { Err(elsewhere()) })
}

/// launchd listens in the VM's stead, and starts it when a build comes: that it does not run is no fault.
fn starts_on_demand(e: &Evidence) -> bool {
    let plist = e.builder_job().ok().map(|service| &service.plist.state);
    matches!(plist, Some(crate::evidence::service::PlistState::Present(plist)) if plist.on_demand)
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

/// A job that keeps failing and being started again.
fn keeps_failing(job: &Job, age_seconds: Option<u64>) -> bool {
    let failed = job.last_exit.as_ref().is_some_and(LastExit::is_failure);
    let between = job.pid.is_none() || age_seconds.is_some_and(|age| age < 60);
    failed && between && job.runs.is_some_and(|runs| runs >= 2)
}

/// A job that crashes every ten seconds leaves fresh traces; what is older than two days is of another fault.
const FRESH: u64 = 2 * 86_400;

/// macOS's fresh report of how the VM's QEMU crashed.
fn crash_report(e: &Evidence) -> Option<&CrashReport> {
    e.crash_reports().ok()?.newest.as_ref().filter(|report| report.seconds_ago < FRESH)
}

/// The fresh end of the job's own log.
fn fresh_log(e: &Evidence) -> Option<&BuilderLog> {
    e.builder_log().ok().filter(|log| log.seconds_ago < FRESH && !log.lines.is_empty())
}

/// Whether the VM keeps crashing as a row of the table of dated breakages says. Its signs in a log or a crash
/// report settle it. Where neither tells anything, it is likely where the job ends with this exit code, all of
/// the row's conditions hold, and the scripts do not speak against it.
fn breaks_as(
    e: &Evidence,
    want: &Expectations,
    id: &str,
    exit: i32,
    script: fn(&VmScripts) -> Fit,
) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    if !is_crash_looping(e, job, service.age_seconds) {
        return pass("the VM does not keep crashing");
    }
    let scripts = e.vm_program().ok().map(|program| &program.says);
    if scripts.is_some_and(|it| it.backend == Backend::Virtualization) {
        return moot("it is about QEMU, which does not run this VM");
    }
    let row = dated::row(id);
    let qemu = scripts.and_then(|it| it.qemu_version.as_deref());
    if let Fit::DoesNot(why) = row.fits(&Known { qemu, ..Known::default() }) {
        return pass(why);
    }
    let expected = "a QEMU that runs on this Mac";
    let has_sign = |text: &String| row.signs.iter().any(|sign| text.contains(sign.as_str()));
    let report = crash_report(e);
    let traces = |report: &'_ CrashReport| report.says.frames.iter().chain(&report.says.said).any(has_sign);
    if let Some(report) = report.filter(|report| traces(report)) {
        let ago = span(report.seconds_ago);
        return fail(format!("{}: the crash report of {ago} ago shows it", row.says), expected).verdict();
    }
    let log = fresh_log(e);
    if let Some((log, said)) = log.and_then(|log| Some((log, log.lines.iter().find(|it| has_sign(it))?))) {
        return fail(format!("{}: {} says {:?}", row.says, log.path, line(said)), expected).verdict();
    }
    if let Some(function) = report.and_then(|report| report.says.culprit()) {
        return pass(format!("QEMU crashed elsewhere, in {function}"));
    }
    if let Some(log) = log.filter(|log| log.errors) {
        return pass(format!("{} tells of no such thing", log.path));
    }
    match job.last_exit.as_ref().and_then(|exit| exit.code) {
        Some(code) if code == exit => {}
        Some(code) => return pass(format!("the job ended with exit code {code}, not {exit}")),
        None => return Err(Missing::new("launchd does not say how the job ended")),
    }
    let platform = e.platform()?;
    let known = Known {
        qemu,
        macos: platform.macos.as_deref(),
        processor: platform.cpu.as_deref(),
        ..Known::default()
    };
    let by_script = scripts.map_or_else(|| Fit::Unknown("the VM's scripts were not read".to_owned()), script);
    let fits = [row.fits(&known), by_script];
    if let Some(Fit::DoesNot(why)) = fits.iter().find(|fit| matches!(fit, Fit::DoesNot(_))) {
        return pass(why);
    }
    if let Some(Fit::Unknown(why)) = fits.into_iter().find(|fit| matches!(fit, Fit::Unknown(_))) {
        return Err(Missing::new(why));
    }
    let this = format!("QEMU {}, {}", qemu.unwrap_or_default(), platform.name());
    let seen = format!(
        "{}, which is likely the case here: {this}, and the job ended with exit code {exit}; neither a log nor a crash \
         report tells more",
        row.says
    );
    fail(seen, expected).verdict()
}

/// For examples: the VM keeps crashing with this exit code, under this QEMU on this processor.
fn set_crashing(e: &mut Evidence, exit: i32, qemu: &str, processor: &str) {
    set_stopped(e, "spawn scheduled", 418, Some(exit));
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.vm_program {
        fact.says.qemu_version = Some(qemu.to_owned());
    }
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.platform {
        fact.cpu = Some(processor.to_owned());
    }
}

/// For examples: macOS reported minutes ago that QEMU crashed in this function.
fn set_crash_report(e: &mut Evidence, function: &str) {
    let frames = ["__pthread_kill", "pthread_kill", "abort", "g_assertion_message_expr", function];
    let report = CrashReport {
        path: "/Library/Logs/DiagnosticReports/qemu-system-aarch64-2026-06-05-104233.ips".to_owned(),
        seconds_ago: 600,
        says: crate::parse::crash_report::Crash {
            signal: Some("SIGABRT".to_owned()),
            frames: frames.map(str::to_owned).to_vec(),
            ..Default::default()
        },
    };
    let reports = crate::evidence::crash_report::CrashReports { newest: Some(report), ..Default::default() };
    e.crash_reports = crate::evidence::Probe::seen(reports, "/Library/Logs/DiagnosticReports");
}

/// For examples: the job's log ended with these lines seconds ago.
fn set_log(e: &mut Evidence, text: &str) {
    let log = BuilderLog {
        path: "/var/log/darwin-builder.log".to_owned(),
        errors: true,
        seconds_ago: 7,
        lines: crate::parse::builder_log::last_lines(text.as_bytes(), true),
    };
    e.builder_log = crate::evidence::Probe::seen(log, "/var/log/darwin-builder.log");
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
