//! launchd's view of a job. None of this needs root.

use super::{Look, Probe};
use crate::host::{Command, HostError};
use crate::parse::launchd::{
    DisabledList, LastExit, Plist, Printed, TOO_LARGE, etime, parse_disabled, parse_plist, parse_print,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A job of launchd's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Such as `org.nixos.linux-builder`.
    #[schemars(extend("x-kind" = "text"))]
    pub label: String,
    /// What `launchctl print system/LABEL` says.
    pub printed: Printed,
    /// Whether an override keeps it from being started; None where `print-disabled` could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The job's file.
    pub plist: PlistFile,
    /// Seconds since its process was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// Whether its working directory is there; None where it names none, or it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory_exists: Option<bool>,
}

/// A job's file in /Library/LaunchDaemons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlistFile {
    /// Where it is, or would be.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What is there.
    pub state: PlistState,
    /// Whose it is, links followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PlistOwner>,
}

/// Whose a job's file is. launchd loads none that anybody but root may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlistOwner {
    /// Owner's number.
    pub uid: u32,
    /// Permission bits in octal, such as `644`.
    #[schemars(extend("x-kind" = "public"))]
    pub mode: String,
}

/// What is where a job's file would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlistState {
    /// A job.
    Present(Plist),
    /// Nothing.
    Missing,
    /// A file that is no job's: why.
    #[schemars(extend("x-kind" = "text"))]
    Invalid(String),
    /// Something that cannot be read, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Unreadable(String),
}

pub(super) fn probe_builder(look: &Look) -> Probe<Service> {
    probe_label(look, &super::flavour::label(look))
}

/// Why there is no launchd to ask here.
pub(super) fn no_launchd(look: &Look) -> Option<String> {
    let platform = look.platform().get().ok().filter(|platform| !platform.is_mac())?;
    Some(format!("launchd is part of macOS, and this is {}", platform.kernel))
}

pub(super) fn probe_daemon(look: &Look) -> Probe<Service> {
    let answers = || look.nix_daemon().get().is_ok_and(|daemon| daemon.info.succeeded);
    if look.wanted.no_builds.is_some() && answers() {
        return Probe::not_taken("the daemon answers, so a quick look asks launchd no more");
    }
    match look.managers().get() {
        Ok(managers) => probe_label(look, managers.daemon_label()),
        Err(missing) => Probe::blind(missing.because),
    }
}

fn probe_label(look: &Look, label: &str) -> Probe<Service> {
    if let Some(why) = no_launchd(look) {
        return Probe::not_taken(why);
    }
    let shown = format!("launchctl print system/{label}");
    let launchctl = |args: &[&str]| look.host.run(&Command::new("launchctl").args(args.iter().copied()));
    let printed = match launchctl(&["print", &format!("system/{label}")]) {
        Ok(output) if output.stopped.is_none() => parse_print(output.code, &output.stdout, &output.stderr),
        Ok(output) => return Probe::blind(format!("`{shown}`: {}", output.ending())),
        Err(error) => return Probe::blind(format!("`launchctl`: {error}")),
    };
    let disabled = look.disabled_jobs().get().ok().map(|found| found.get(label).copied().unwrap_or(false));
    let plist = plist_file(look, label, &printed);
    let pid = match &printed {
        Printed::Loaded(job) => job.pid,
        _ => None,
    };
    // How old the VM is matters where its port does not answer; a quick look asks only then.
    let quick = look.wanted.no_builds.is_some();
    let answers = || {
        let ports = look.ports().get();
        ports.is_ok_and(|all| all.iter().any(|port| matches!(port.answer, super::port::PortAnswer::Ssh(_))))
    };
    let pid = pid.filter(|_| !(quick && answers()));
    let age_seconds = pid.and_then(|pid| {
        let output =
            look.host.run(&Command::new("ps").args(["-o", "etime=", "-p", &pid.to_string()])).ok()?;
        output.ok().then(|| etime(output.stdout.trim()))?
    });
    let folder = match &plist.state {
        PlistState::Present(plist) => plist.working_directory.as_deref(),
        _ => None,
    };
    let working_directory_exists = folder.and_then(|folder| match look.host.stat(Path::new(folder)) {
        Ok(_) => Some(true),
        Err(HostError::NotFound) => Some(false),
        Err(_) => None,
    });
    let label = label.to_owned();
    Probe::seen(
        Service { label, printed, disabled, plist, age_seconds, working_directory_exists },
        format!("{shown}, launchctl print-disabled system"),
    )
}

/// The overrides of the daemon and of every builder in one question.
pub(super) fn probe_disabled(look: &Look) -> Probe<BTreeMap<String, bool>> {
    if let Some(why) = no_launchd(look) {
        return Probe::not_taken(why);
    }
    let daemon = look.managers().get().map_or("org.nixos.nix-daemon", |managers| managers.daemon_label());
    let shown = "launchctl print-disabled system";
    match look.host.run(&Command::new("launchctl").args(["print-disabled", "system"])) {
        Ok(output) if output.ok() => {
            let label = super::flavour::label(look);
            let jobs = look.builder_jobs().get().map(Vec::as_slice).unwrap_or_default();
            let labels =
                [label.as_str(), daemon].into_iter().chain(jobs.iter().map(|job| job.label.as_str()));
            match parse_disabled(&output.stdout, &labels.collect::<Vec<_>>()) {
                DisabledList::Read(found) => Probe::seen(found, shown),
                DisabledList::Unclear(raw) => {
                    Probe::Blind { because: format!("`{shown}` cannot be understood"), raw: Some(raw) }
                }
            }
        }
        Ok(output) => Probe::blind(format!("`{shown}`: {}", output.complaint())),
        Err(error) => Probe::blind(format!("`{shown}`: {error}")),
    }
}

/// Where a job's file is unless launchd says otherwise.
pub(super) fn usual_place(label: &str) -> String {
    format!("/Library/LaunchDaemons/{label}.plist")
}

fn plist_file(look: &Look, label: &str, printed: &Printed) -> PlistFile {
    let told = match printed {
        Printed::Loaded(job) => job.path.clone().filter(|path| path.starts_with('/')),
        _ => None,
    };
    let path = told.unwrap_or_else(|| usual_place(label));
    read_plist(look, path)
}

/// What a job's file says, whether launchd knows the job or not.
pub(super) fn read_plist(look: &Look, path: String) -> PlistFile {
    let state = match look.host.read(Path::new(&path)) {
        Ok(bytes) => match parse_plist(&bytes) {
            Ok(plist) => PlistState::Present(plist),
            Err(why) if why == TOO_LARGE => PlistState::Unreadable(why),
            Err(why) => PlistState::Invalid(why),
        },
        Err(HostError::NotFound) => PlistState::Missing,
        Err(error) => PlistState::Unreadable(error.to_string()),
    };
    let owner = look.host.stat(Path::new(&path)).ok();
    let owner = owner.map(|meta| PlistOwner { uid: meta.uid, mode: format!("{:o}", meta.mode) });
    PlistFile { path, state, owner }
}

/// Where the job's errors and its output go, by launchd's word, else by the job's file.
pub fn log_paths(service: &Service) -> [Option<&str>; 2] {
    let (errors, output) = match (&service.printed, &service.plist.state) {
        (Printed::Loaded(job), _) if job.stderr_path.is_some() || job.stdout_path.is_some() => {
            (&job.stderr_path, &job.stdout_path)
        }
        (_, PlistState::Present(plist)) => (&plist.stderr_path, &plist.stdout_path),
        _ => (&None, &None),
    };
    [errors.as_deref(), output.as_deref()]
}

/// Why nobody looks for what tells how the builder's job fails: it does not. None where it does.
pub(super) fn runs_well<T>(look: &Look) -> Option<Probe<T>> {
    let service = match look.builder_job() {
        Probe::Seen { fact, .. } => fact,
        Probe::Blind { because, .. } => return Some(Probe::blind(because.clone())),
        Probe::NotTaken { because } => return Some(Probe::not_taken(because.clone())),
    };
    let Printed::Loaded(job) = &service.printed else {
        return Some(Probe::not_taken(format!("{} is not loaded, so it does not fail", service.label)));
    };
    let failed = job.last_exit.as_ref().is_some_and(LastExit::is_failure);
    let answers = || {
        use super::port::PortAnswer;
        let machine =
            look.machines().get().ok().and_then(|all| super::machines::find_builder(all, look.want));
        let host = machine.map_or(&look.want.builder.host, |machine| &machine.host);
        let ports = look.ports().get();
        ports.is_ok_and(|all| {
            all.iter().any(|port| {
                &port.host == host && matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::ShutOut(_))
            })
        })
    };
    let well = job.pid.is_some() && !failed && answers();
    well.then(|| Probe::not_taken("the VM runs, and its sshd answers"))
}
