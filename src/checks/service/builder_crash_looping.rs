//! The VM keeps ending, and launchd keeps starting it.

use super::{
    crash_report, fresh_log, is_crash_looping, job, of_the_vm, port_31022_in_use, qemu_gicv2_under_hvf,
    qemu_m4_sme_property, qemu11_hvf_sme_abort, set_crash_report, set_log, set_stopped,
    vm_backend_switched_raw_vs_qcow2, vm_working_directory_missing,
};
use crate::checks::host::{host_cannot_virtualise, synthetic_conf_lost};
use crate::checks::prelude::*;
use crate::parse::builder_log::telling;
use crate::parse::launchd::LastExit;
use crate::prose::{count, line, span};

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-crash-looping",
    title: "The VM stays up once it is started",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[
        &synthetic_conf_lost::CHECK,
        &host_cannot_virtualise::CHECK,
        &port_31022_in_use::CHECK,
        &vm_working_directory_missing::CHECK,
        &vm_backend_switched_raw_vs_qcow2::CHECK,
        &qemu11_hvf_sme_abort::CHECK,
        &qemu_m4_sme_property::CHECK,
        &qemu_gicv2_under_hvf::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The job ends at once and KeepAlive starts it again, every ten seconds. Exit code 134 is QEMU's own assertion \
          (SIGABRT), 126 and 127 a store path that is gone, 78 a working directory that is gone, 1 a bad argument.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &[
                "sudo launchctl debug system/{label} --stdout --stderr",
                "sudo launchctl kickstart -k system/{label}",
            ],
            "`launchctl debug` waits and shows what the job prints; run the kickstart beside it, in another terminal. Where a \
             store path is gone, sudo darwin-rebuild switch brings it back.",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &[
                "sudo launchctl debug system/{label} --stdout --stderr",
                "sudo launchctl kickstart -k system/{label}",
            ],
            "`launchctl debug` waits and shows what the job prints; run the kickstart beside it, in another terminal. Where a \
             store path is gone, set the builder up anew.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#528299", "NixOS/nixpkgs#375907", "nix-darwin/nix-darwin#1292"],
    judge,
    examples: &[
        Example {
            name: "418 runs, the last ended with 134",
            given: |e| set_stopped(e, "spawn scheduled", 418, Some(134)),
            expect: Expect::Fail,
        },
        Example {
            name: "macOS reported a crash of QEMU",
            given: |e| {
                set_stopped(e, "spawn scheduled", 418, Some(134));
                set_crash_report(e, "qemu_memalign");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "its log tells that the port is taken",
            given: |e| {
                set_stopped(e, "spawn scheduled", 31, Some(1));
                set_log(
                    e,
                    "qemu-system-aarch64: -netdev user,id=user.0: Could not set up host forwarding rule 'tcp::31022-:22'\n",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the system that the job is of was collected",
            given: |e| {
                set_stopped(e, "spawn scheduled", 31, Some(127));
                if let Probe::Seen { fact, .. } = &mut e.vm_program {
                    fact.missing = fact.scripts.first().cloned();
                }
            },
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
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
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
    let runs = count(job.runs.unwrap_or_default() as usize, "start");
    let mut seen = format!("the VM keeps crashing: {runs} since it was loaded");
    if let Some(exit) = &job.last_exit {
        seen.push_str(&ending(e, exit));
    }
    if let Some(report) = crash_report(e) {
        let says = &report.says;
        let how = says.signal.as_deref().or(says.indicator.as_deref()).unwrap_or("a crash");
        let function = says.culprit().map(|it| format!(" in {}", line(it))).unwrap_or_default();
        seen.push_str(&format!(
            "; macOS reported {} of QEMU{function} {} ago",
            line(how),
            span(report.seconds_ago)
        ));
    }
    let said = fresh_log(e).and_then(|log| Some((log, telling(&log.lines)?)));
    if let Some((log, said)) = said {
        seen.push_str(&format!("; {} ends with {:?}", log.path, line(said)));
    }
    let taken = said.is_some_and(|(_, said)| said.contains("Could not set up host forwarding rule"));
    if taken {
        seen.push_str(", as another program had the port");
    }
    let finding = fail(seen, "one start, and a VM that stays up");
    if taken {
        return finding.first_run("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN").verdict();
    }
    let by_signal = job.last_exit.as_ref().and_then(|exit| exit.code).is_some_and(|code| code > 128);
    if by_signal && e.crash_reports().is_err() {
        return finding.first_run("sudo ls -lt /Library/Logs/DiagnosticReports").verdict();
    }
    finding.verdict()
}

/// How the job last ended, and what that means.
fn ending(e: &Evidence, exit: &LastExit) -> String {
    let Some(code) = exit.code else { return String::new() };
    let missing = e.vm_program().ok().and_then(|program| program.missing.as_deref());
    let meaning = match code {
        // The shell that starts QEMU ends with 128 and the number of the signal.
        134 | -6 => "SIGABRT: QEMU gave up by itself".to_owned(),
        139 | -11 => "SIGSEGV: QEMU crashed".to_owned(),
        126 | 127 => match missing {
            Some(path) => format!("{path} is gone: the system that the job is of was collected as garbage"),
            None => "a program is not there, or may not be run".to_owned(),
        },
        78 => "EX_CONFIG: launchd cannot run the job as its file says".to_owned(),
        1 => "its script or QEMU refused to go on".to_owned(),
        _ => exit.text.clone().unwrap_or_default(),
    };
    let meaning = if meaning.is_empty() { meaning } else { format!(" ({meaning})") };
    format!(", the last ended with exit code {code}{meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(example: &str) -> String {
        let mut e = healthy::evidence();
        let example = CHECK.examples.iter().find(|it| it.name == example).unwrap();
        (example.given)(&mut e);
        match judge(&e, &Expectations::default()) {
            Ok(Verdict::Fail(finding)) => finding.seen,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_crash_left_is_said() {
        let all = [
            ("418 runs, the last ended with 134", "exit code 134 (SIGABRT"),
            (
                "macOS reported a crash of QEMU",
                "macOS reported SIGABRT of QEMU in qemu_memalign 10 minutes ago",
            ),
            (
                "its log tells that the port is taken",
                "Could not set up host forwarding rule 'tcp::31022-:22'",
            ),
            (
                "the system that the job is of was collected",
                "exit code 127 (/nix/store/6ae4e11ffa8e9431028e719342b72e54-linux-builder-start is gone",
            ),
        ];
        for (example, words) in all {
            assert!(seen(example).contains(words), "{example}: {}", seen(example));
        }
    }
}
