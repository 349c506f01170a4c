//! macOS's reports of QEMU's crashes. Looked for only where the builder's job does not run well.

use super::{Look, Probe};
use crate::host::{HostError, Kind};
use crate::parse::crash_report::{Crash, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The reports of QEMU's crashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CrashReports {
    /// The names of the newest ones, newest first.
    #[schemars(extend("x-kind" = "text"))]
    pub names: Vec<String>,
    /// The newest one that is about the builder's QEMU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<CrashReport>,
    /// Why one could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub error: Option<String>,
}

/// One report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CrashReport {
    /// Its file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// How long ago it was written.
    pub seconds_ago: u64,
    /// What it says.
    pub says: Crash,
}

const FOLDER: &str = "/Library/Logs/DiagnosticReports";
/// Names are looked at, and reports are read, up to these numbers.
const MOST_NAMES: usize = 64;
const MOST_READ: usize = 4;

/// Not UTM's nor another VM's QEMU: the job's own, or one of the store where the report names no job.
fn is_of(label: &str, crash: &Crash) -> bool {
    match (&crash.coalition, &crash.path) {
        (Some(coalition), _) => coalition == label,
        (None, Some(path)) => path.starts_with("/nix/store/"),
        (None, None) => true,
    }
}

pub(super) fn probe(look: &Look) -> Probe<CrashReports> {
    if let Some(why) = super::service::runs_well(look) {
        return why;
    }
    let listed = match look.host.list(Path::new(FOLDER)) {
        Ok(listed) => listed,
        Err(HostError::NotFound) => Vec::new(),
        Err(error) => return Probe::blind(format!("{FOLDER}: {error}")),
    };
    let is_one = |name: &&String| name.starts_with("qemu-system-") && name.ends_with(".ips");
    // The names end with the day and the time, so the last are the newest of one program.
    let mut files: Vec<(u64, String)> = listed
        .iter()
        .filter(is_one)
        .rev()
        .take(MOST_NAMES)
        .filter_map(|name| {
            let meta = look.host.lstat(&Path::new(FOLDER).join(name)).ok()?;
            (meta.kind == Kind::File).then(|| (meta.modified, name.clone()))
        })
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.truncate(MOST_READ);
    let label = super::flavour::label(look);
    let mut found = CrashReports::default();
    for (modified, name) in files {
        found.names.push(crate::prose::line(&name));
        if found.newest.is_some() {
            continue;
        }
        let read = look.host.read(&Path::new(FOLDER).join(&name)).map_err(|error| error.to_string());
        match read.and_then(|bytes| parse(&String::from_utf8_lossy(&bytes))) {
            Ok(says) if is_of(&label, &says) => {
                let path = format!("{FOLDER}/{}", crate::prose::line(&name));
                let seconds_ago = look.host.now().saturating_sub(modified);
                found.newest = Some(CrashReport { path, seconds_ago, says });
            }
            Ok(_) => {}
            Err(error) => found.error = Some(format!("{}: {error}", crate::prose::line(&name))),
        }
    }
    Probe::seen(found, FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_builders_own_qemu_counts() {
        let crash = |coalition: Option<&str>, path: Option<&str>| Crash {
            coalition: coalition.map(str::to_owned),
            path: path.map(str::to_owned),
            ..Crash::default()
        };
        let ours = |crash: Crash| is_of("org.nixos.linux-builder", &crash);
        assert!(ours(crash(Some("org.nixos.linux-builder"), Some("/opt/x"))));
        assert!(!ours(crash(Some("com.utmapp.UTM"), Some("/nix/store/x"))));
        assert!(!ours(crash(None, Some("/opt/homebrew/bin/qemu-system-aarch64"))));
        assert!(ours(crash(None, Some("/nix/store/x"))));
    }
}
