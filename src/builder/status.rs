//! What the builder is doing, for `status`: the same to a reader and as JSON.

use super::{builds, control, place};
use crate::evidence::Evidence;
use crate::evidence::port::PortAnswer;
use crate::evidence::stopped::Mark;
use crate::expectations::Expectations;
use crate::host::Host;
use crate::parse::launchd::Printed;
use crate::prose::{count, moment, span};
use serde::Serialize;
use std::path::Path;

/// A change of meaning bumps this; additions do not.
pub const VERSION: u64 = 1;

/// What is known; what is not is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// [`VERSION`].
    pub schema_version: u64,
    /// `running`, `starting` (a process, and no banner), `stopped` (on purpose), `disabled`, `not-loaded`, `not-running`
    /// (loaded, and no process), `on-demand` (launchd listens for it), or `unknown`.
    pub state: &'static str,
    /// The job.
    pub label: Option<String>,
    /// launchd's word for the job's state.
    pub launchd: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// Seconds since the process was started.
    pub age_seconds: Option<u64>,
    /// How often it was started since it was loaded.
    pub runs: Option<u64>,
    /// How it last ended.
    pub last_exit: Option<i32>,
    /// Whether launchd may not start it.
    pub disabled: Option<bool>,
    /// Who stopped it on purpose, and when.
    pub stopped: Option<Mark>,
    /// Where it answers.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The banner of its sshd.
    pub banner: Option<String>,
    /// Its disk image.
    pub disk: Option<String>,
    /// What the image takes of this Mac's disk.
    pub disk_bytes: Option<u64>,
    /// Its memory.
    pub memory_mib: Option<u64>,
    /// Its cores.
    pub cores: Option<u64>,
    /// How many builds are on it or on their way to it.
    pub builds: Option<usize>,
    /// Why something is null, in words.
    pub unknown: Vec<String>,
}

impl Status {
    /// From what was seen.
    pub fn of(host: &dyn Host, e: &Evidence, want: &Expectations) -> Self {
        let (address, port) = place(e, want);
        let name = e.builder(want).ok().flatten().map_or(&want.builder.host, |machine| &machine.host);
        let answer = e.port_of(name).map(|view| view.answer.clone());
        let mut unknown = Vec::new();
        let service = e.builder_job().map_err(|why| unknown.push(format!("the job: {why}"))).ok();
        let job = service.and_then(|service| match &service.printed {
            Printed::Loaded(job) => Some(job),
            _ => None,
        });
        let says = e.vm_program().ok().map(|program| &program.says);
        let folder = service.and_then(|service| match &service.plist.state {
            crate::evidence::service::PlistState::Present(plist) => plist.working_directory.clone(),
            _ => None,
        });
        let disk = folder.map(|folder| format!("{}/nixos.qcow2", folder.trim_end_matches('/')));
        let size = disk.as_ref().and_then(|path| host.stat(Path::new(path)).ok()).map(|found| found.size);
        if disk.is_some() && size.is_none() {
            unknown.push("the disk image cannot be seen".to_owned());
        }
        let found = builds(host, e, want).map_err(|why| unknown.push(format!("builds: {why}"))).ok();
        let stopped =
            e.stopped().map_err(|why| unknown.push(format!("whether it was stopped on purpose: {why}")));
        let banner = match &answer {
            Ok(PortAnswer::Ssh(banner)) => Some(banner.clone()),
            _ => None,
        };
        let mark = stopped.ok().and_then(|it| it.mark.clone());
        let mark = mark.filter(|mark| !control::runs(e) && service.is_some_and(|it| it.label == mark.label));
        let disabled = service.and_then(|service| service.disabled);
        let state = match service.map(|service| &service.printed) {
            None | Some(Printed::Unclear(_)) => "unknown",
            Some(Printed::Loaded(_)) if control::runs(e) && banner.is_some() => "running",
            Some(Printed::Loaded(_)) if control::runs(e) => "starting",
            _ if mark.is_some() => "stopped",
            Some(Printed::Loaded(_)) if matches!(answer, Ok(PortAnswer::OnDemand)) => "on-demand",
            _ if disabled == Some(true) => "disabled",
            Some(Printed::Loaded(_)) => "not-running",
            Some(Printed::NotFound) => "not-loaded",
        };
        Status {
            schema_version: VERSION,
            state,
            label: service.map(|service| service.label.clone()),
            launchd: job.and_then(|job| job.state.clone()),
            pid: job.and_then(|job| job.pid),
            age_seconds: service.and_then(|service| service.age_seconds),
            runs: job.and_then(|job| job.runs),
            last_exit: job.and_then(|job| job.last_exit.as_ref()?.code),
            disabled,
            stopped: mark,
            address,
            port,
            banner,
            disk: disk.filter(|_| size.is_some()),
            disk_bytes: size,
            memory_mib: says.and_then(|says| says.memory_mib),
            cores: says.and_then(|says| says.cores),
            builds: found,
            unknown,
        }
    }

    /// 0 where it answers or will when it is asked, 3 where that cannot be told, else 1.
    pub fn exit_code(&self) -> u8 {
        match self.state {
            "running" | "on-demand" => 0,
            "unknown" => 3,
            _ => 1,
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// For a reader.
    pub fn human(&self, now: u64) -> String {
        let unknown = || "unknown".to_owned();
        let mut rows: Vec<(&str, String)> = Vec::new();
        let headline = match (&self.stopped, self.state) {
            (Some(mark), _) => format!(
                "stopped on purpose by {}, {}; start it with `builder-doctor start`",
                mark.by,
                moment(mark.at)
            ),
            (None, "running") => "running".to_owned(),
            (None, "starting") => "its process runs, and nothing answers yet".to_owned(),
            (None, "not-running") => "loaded, and not running".to_owned(),
            (None, "not-loaded") => "not loaded".to_owned(),
            (None, "on-demand") => "asleep; launchd starts it when a build comes".to_owned(),
            (None, other) => other.to_owned(),
        };
        rows.push(("builder", headline));
        let launchd = self.launchd.clone().unwrap_or_else(|| match self.state {
            "unknown" => unknown(),
            _ => "not loaded".to_owned(),
        });
        let pid = self.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
        rows.push(("job", format!("{}: {launchd}{pid}", self.label.as_deref().unwrap_or("unknown"))));
        if let Some(age) = self.age_seconds {
            rows.push(("since", format!("{} ({} ago)", moment(now.saturating_sub(age)), span(age))));
        }
        let exit = self.last_exit.map(|code| format!(", last exit {code}")).unwrap_or_default();
        if let Some(runs) = self.runs {
            rows.push(("runs", format!("{runs}{exit}")));
        }
        let enabled = self.disabled.map(|it| if it { "no: it is disabled" } else { "yes" });
        rows.push(("at boot", enabled.map_or_else(unknown, str::to_owned)));
        let banner = self.banner.clone().unwrap_or_else(|| "no banner".to_owned());
        rows.push(("port", format!("{}:{}, {banner}", self.address, self.port)));
        if let (Some(path), Some(bytes)) = (&self.disk, self.disk_bytes) {
            rows.push(("disk", format!("{path}, {} MiB", bytes >> 20)));
        }
        let cores = self.cores.map(|cores| count(usize::try_from(cores).unwrap_or(0), "core"));
        let memory = self.memory_mib.map(|mib| format!("{mib} MiB of memory"));
        let vm: Vec<String> = [cores, memory].into_iter().flatten().collect();
        rows.push(("VM", if vm.is_empty() { unknown() } else { vm.join(", ") }));
        rows.push(("builds", self.builds.map_or_else(unknown, |builds| builds.to_string())));
        rows.extend(self.unknown.iter().map(|why| ("unknown", why.clone())));
        rows.iter().map(|(name, text)| format!("{name:<8} {}\n", crate::prose::line(text))).collect()
    }
}
