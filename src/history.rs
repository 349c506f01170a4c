//! What the machine was when it was last healthy: one report, kept where nobody else may write, for its owner
//! alone. It never leaves the machine, and so is not redacted: what is redacted cannot be compared.
//!
//! It is a report as `--json` prints it, and so `--from` reads it. Secrets are not in it, as they are not in any
//! evidence. No trouble with it is an error of a run.

use crate::evidence::platform::Platform;
use crate::evidence::{Evidence, Probe};
use crate::host::state::{is_open_to_others, make_own_folder};
use crate::host::{Host, HostError, Kind, files};
use crate::report::Report;
use crate::report::json::{Saved, parse, render};
use std::path::{Path, PathBuf};

/// Says where the folder is; empty counts as not set.
pub const VARIABLE: &str = "BUILDER_DOCTOR_STATE";
/// The report of the last healthy run, in that folder.
pub const FILE: &str = "last-healthy.json";

/// The folder in which it is kept, or why there is none. `uid` is the number of whoever runs us.
pub fn folder(host: &dyn Host, evidence: &Evidence, uid: u32) -> Result<PathBuf, String> {
    folder_on(host, &evidence.platform, uid)
}

/// The same where only the system is known.
pub fn folder_on(host: &dyn Host, platform: &Probe<Platform>, uid: u32) -> Result<PathBuf, String> {
    let set = |name: &str| host.env(name).filter(|value| !value.is_empty());
    let absolute = |name: &str, value: String| match value.starts_with('/') {
        true => Ok(PathBuf::from(value)),
        false => Err(format!("{name} is no absolute path")),
    };
    if let Some(value) = set(VARIABLE) {
        return absolute(VARIABLE, value);
    }
    if let Some(value) = set("XDG_STATE_HOME").filter(|value| value.starts_with('/')) {
        return Ok(Path::new(&value).join("builder-doctor"));
    }
    let mac = platform.get().is_ok_and(Platform::is_mac);
    let home = absolute("HOME", set("HOME").ok_or("HOME is not set")?)?;
    // sudo on a Mac leaves HOME as it was: root has a home of its own.
    let foreign = uid == 0 && host.stat(&home).is_ok_and(|found| found.uid != 0);
    let home = match foreign {
        true => PathBuf::from(if mac { "/var/root" } else { "/root" }),
        false => home,
    };
    let inner = if mac { "Library/Application Support" } else { ".local/state" };
    Ok(home.join(inner).join("builder-doctor"))
}

/// The last healthy report; None where none was kept, and an error, for those who want to know, where it is not
/// fit to be read.
pub fn read(host: &dyn Host, folder: &Path, uid: u32) -> Result<Option<Saved>, String> {
    let path = folder.join(FILE);
    let told = |why: &str| format!("{} is not used: {why}", crate::prose::line(&path.display().to_string()));
    let found = match host.lstat(&path) {
        Ok(found) => found,
        Err(HostError::NotFound) => return Ok(None),
        Err(error) => return Err(told(&error.to_string())),
    };
    if let Some(why) = is_open_to_others(host, folder, uid) {
        return Err(told(&why));
    }
    match found.kind {
        Kind::File if found.uid != uid => return Err(told("it is another user's")),
        Kind::File if found.mode & 0o022 != 0 => return Err(told("others may write to it")),
        Kind::File => {}
        Kind::Folder | Kind::Link | Kind::Other => return Err(told("it is no regular file")),
    }
    let bytes = host.read(&path).map_err(|error| told(&error.to_string()))?;
    parse(&bytes).map(Some).map_err(|error| told(&error))
}

/// Whether a report is worth keeping: all was looked at, all is well, and test builds really ran.
pub fn is_worth_keeping(report: &Report) -> bool {
    let whole = report.evidence.taken().is_ok_and(|taken| taken.builds && taken.caches);
    report.verdict == "healthy" && !report.interrupted && whole && report.evidence.any_build_ran()
}

/// Keeps a report in place of the one that was kept before.
pub fn keep(host: &dyn Host, folder: &Path, uid: u32, report: &Report) -> Result<(), String> {
    let path = folder.join(FILE);
    let told =
        |why: &str| format!("{} is not written: {why}", crate::prose::line(&path.display().to_string()));
    let open = || is_open_to_others(host, folder, uid).map_or(Ok(()), |why| Err(told(&why)));
    // Before, so that nothing is made below somebody else's folder; and of what was made.
    open()?;
    make_own_folder(folder).map_err(|error| told(&error.to_string()))?;
    open()?;
    if host.lstat(&path).is_ok_and(|found| found.kind != Kind::File) {
        return Err(told("it is no regular file"));
    }
    let text = render(report);
    if text.len() > crate::host::BOUND {
        return Err(told("it would be larger than can be read back"));
    }
    files::replace(&path, text.as_bytes(), 0o600).map_err(|error| told(&error.to_string()))
}
