//! On what ground a step may act: which paths are nobody's but the user's, and how a machine's own names are told.

use super::NoPlan;
use super::step::{Action, Condition, Interrupts, Step};
use crate::advice::manager;
use crate::check::{Finding, Manager};
use crate::evidence::Evidence;
use crate::evidence::port::PortAnswer;
use crate::evidence::service::{PlistState, Service};
use crate::expectations::Expectations;
use crate::parse::launchd::{Job, Printed};

/// A VM takes half a minute to come up, and more after its disk was made.
pub const VM_COMES_UP: u64 = 180;

/// Where a job's file may stand.
const JOBS: &str = "/Library/LaunchDaemons/";

/// What nix-darwin links to its own where it runs; the files that it leaves to the user are not of them.
const OF_NIX_DARWIN: [&str; 9] = [
    "/etc/nix/nix.conf",
    "/etc/nix/machines",
    "/etc/nix/registry.json",
    "/etc/ssh/ssh_config.d/",
    "/etc/ssl/certs/",
    "/etc/static/",
    "/etc/zshrc",
    "/etc/zshenv",
    "/etc/bashrc",
];

/// The steps, if each stands on good ground: the last door before a plan leaves this module.
pub fn checked(steps: Vec<Step>, e: &Evidence) -> Result<Vec<Step>, NoPlan> {
    if steps.is_empty() {
        return Err(NoPlan::NotHere("nothing is left to do".to_owned()));
    }
    let all_back = steps.iter().flat_map(|step| step.back.actions());
    for action in steps.iter().map(|step| &step.action).chain(all_back) {
        if let Some(path) = action.targets().into_iter().find(|path| !is_sane(path)) {
            return Err(NoPlan::NotHere(format!("{path:?} is no path to write to")));
        }
        let managed = action.targets().into_iter().find(|path| is_managed(path, e));
        if let Some(path) = managed.filter(|path| action.changes_contents() || !path.starts_with(JOBS)) {
            return Err(NoPlan::Managed(path.to_owned()));
        }
        if let Action::Launchctl { label, plist, .. } = action
            && (!is_label(label) || plist.as_deref().is_some_and(|path| !is_sane(path)))
        {
            return Err(NoPlan::NotHere(format!("{label:?} is no name of a job")));
        }
    }
    Ok(steps)
}

/// An absolute path that leads where it says, and not into the store. A redacted report begins a home with a token.
pub fn is_sane(path: &str) -> bool {
    (path.starts_with('/') || path.starts_with('<'))
        && !path.split('/').any(|part| part == "..")
        && !path.chars().any(crate::prose::hidden)
        && !path.starts_with("/nix/store")
        && path.len() < 1000
}

/// Whether somebody else writes what is there. A job's file is a copy that nix-darwin makes: what is in it is
/// nix-darwin's, its owner and mode are launchd's condition.
pub fn is_managed(path: &str, e: &Evidence) -> bool {
    let under = |it: &str| if it.ends_with('/') { path.starts_with(it) } else { path == it };
    let written = e.conf_files().ok().into_iter().flatten().any(|file| {
        let says = file.generated_by.is_some();
        says && file.path == path
    });
    let managers = e.managers().ok();
    let nix_darwin = managers.is_none_or(|it| it.nix_darwin.is_some());
    let determinate = managers.is_none_or(|it| it.determinate.is_some());
    written
        || (nix_darwin && (OF_NIX_DARWIN.iter().any(|it| under(it)) || path.starts_with(JOBS)))
        || (determinate && ["/etc/nix/nix.conf", "/etc/nix/nix.custom.conf"].contains(&path))
}

/// A job's name.
fn is_label(label: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.<>".contains(c);
    !label.is_empty() && !label.starts_with('-') && label.chars().all(plain)
}

/// launchd is part of macOS.
pub fn on_a_mac(e: &Evidence) -> Result<(), NoPlan> {
    let platform = e.platform()?;
    if platform.is_mac() {
        return Ok(());
    }
    Err(NoPlan::NotHere(format!("launchd is part of macOS, and this is {}", platform.name())))
}

/// Nobody but the user writes the system's files.
pub fn unmanaged(e: &Evidence, path: &str) -> Result<(), NoPlan> {
    e.managers()?;
    if manager(e) == Manager::Nobody && !is_managed(path, e) {
        return Ok(());
    }
    Err(NoPlan::Managed(path.to_owned()))
}

/// What launchd says of the builder's job, if the builder is this Mac's VM.
pub fn builder_job<'e>(e: &'e Evidence, want: &Expectations) -> Result<&'e Service, NoPlan> {
    on_a_mac(e)?;
    let other = e.builder(want).ok().flatten().filter(|machine| !e.is_own_vm(machine, want));
    if let Some(machine) = other {
        return Err(NoPlan::NotHere(format!("{} is another machine", machine.host)));
    }
    Ok(e.builder_job()?)
}

/// The job, if it is loaded.
pub fn loaded(service: &Service) -> Result<Option<&Job>, NoPlan> {
    match &service.printed {
        Printed::Loaded(job) => Ok(Some(job)),
        Printed::NotFound => Ok(None),
        Printed::Unclear(_) => Err(NoPlan::Unknown("what launchctl prints is not understood".to_owned())),
    }
}

/// The job's file, if it is there.
pub fn plist(service: &Service) -> Result<&str, NoPlan> {
    match &service.plist.state {
        PlistState::Present(_) => Ok(&service.plist.path),
        PlistState::Missing => Err(NoPlan::NotHere(format!("there is no {}", service.plist.path))),
        PlistState::Invalid(why) => Err(NoPlan::NotHere(format!("{}: {why}", service.plist.path))),
        PlistState::Unreadable(why) => Err(NoPlan::Unknown(format!("{}: {why}", service.plist.path))),
    }
}

/// Where the VM answers once it is up.
pub fn banner(e: &Evidence, want: &Expectations) -> Condition {
    let host = e.builder(want).ok().flatten().map_or(&want.builder.host, |machine| &machine.host);
    match e.port_of(host) {
        Ok(port) => Condition::Banner { address: port.address.clone(), port: port.port },
        Err(_) => Condition::Banner { address: "127.0.0.1".to_owned(), port: want.builder.port },
    }
}

/// Whose builds end with the VM. None, where nobody answers at its port, or no build is on the way to it.
pub fn vm_builds(e: &Evidence, want: &Expectations) -> Interrupts {
    let host = e.builder(want).ok().flatten().map_or(&want.builder.host, |machine| &machine.host);
    let silent = e.port_of(host).is_ok_and(|port| {
        matches!(port.answer, PortAnswer::Refused | PortAnswer::Closed | PortAnswer::Other(_))
    });
    if silent || is_idle(e) { Interrupts::Nothing } else { Interrupts::VmBuilds }
}

/// The same where the VM lets nobody in: no build can be sent there, and what is seen of processes speaks of none.
pub fn builds_of_a_shut_vm(e: &Evidence) -> Interrupts {
    let busy = e.processes().is_ok_and(|all| all.ssh.iter().any(|ssh| ssh.of_nix));
    if busy { Interrupts::VmBuilds } else { Interrupts::Nothing }
}

/// No build was on the way to any machine.
fn is_idle(e: &Evidence) -> bool {
    e.processes().is_ok_and(|all| all.hidden == 0 && all.hooks == 0 && !all.ssh.iter().any(|ssh| ssh.of_nix))
}

/// What the finding calls by this name.
pub fn word<'f>(finding: &'f Finding, name: &str) -> Option<&'f str> {
    finding.words.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}
