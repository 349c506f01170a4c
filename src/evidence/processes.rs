//! What runs on this machine of remote builds and VMs: looked for only where a build does not end, or nobody answers.

use super::builds::{BuildRun, Ended};
use super::port::PortAnswer;
use super::{Look, Probe, ssh};
use crate::host::{Command, Host, Stopped};
use crate::parse::processes::parse;
pub use crate::parse::processes::{Processes, Qemu, Ssh};

/// It did not end by itself, or said that it waits.
pub fn is_stuck(build: &BuildRun) -> bool {
    build.log.waited || matches!(build.ended, Ended::Deadline(_) | Ended::Cancelled(_))
}

pub(super) fn probe(look: &Look) -> Probe<Processes> {
    if let Some(why) = &look.wanted.no_builds {
        return Probe::not_taken(why.clone());
    }
    let stuck = look.builds().get().is_ok_and(|all| all.iter().any(is_stuck));
    let silent = || {
        let ports = look.ports().get();
        ports.is_ok_and(|all| {
            all.iter().any(|port| !matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::Failed(_)))
        })
    };
    if !stuck && !silent() {
        return Probe::not_taken(
            "the test builds ended and the builder answers, so there is nothing to look for",
        );
    }
    let mac = look.platform().get().is_ok_and(|platform| platform.is_mac());
    let hosts = ssh::hosts(look.machines().get().ok(), look.want);
    match self::look(look.host, mac, &hosts) {
        Ok((found, from)) => Probe::seen(found, from),
        Err(why) => Probe::blind(why),
    }
}

/// What runs on the way to these hosts, and the command that tells.
pub fn look(host: &dyn Host, mac: bool, hosts: &[String]) -> Result<(Processes, String), String> {
    // However wide the terminal is.
    let args = if mac { ["-axwwo", "pid,ppid,etime,command"] } else { ["-ewwo", "pid,ppid,etime,args"] };
    let command = Command::new("ps").args(args);
    let output = match host.run(&command) {
        Ok(output) if output.ok() || output.stopped == Some(Stopped::TooMuch) => output,
        Ok(output) => return Err(format!("`ps`: {}", output.complaint())),
        Err(error) => return Err(format!("`ps`: {error}")),
    };
    let mut found = parse(&output.stdout, hosts);
    // What lies beyond the bound is as hidden as what `ps` hides.
    found.hidden += usize::from(output.stopped.is_some());
    Ok((found, command.to_string()))
}
