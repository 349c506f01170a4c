//! When the files that a build depends on were last written: by it a report can say when something changed.

use super::{Look, Probe, conf_files, machines};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file, and when it was last written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileTime {
    /// The file, or the link that leads to it.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// Seconds since 1970, by the link's own time: files in the Nix store have none.
    pub modified: u64,
    /// Where it leads, if it is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub target: Option<String>,
}

/// The link through which all of nix-darwin's files lead, and the only one that a switch changes.
pub const STATIC: &str = "/etc/static";
const SSH_FOLDER: &str = "/etc/ssh/ssh_config.d";
const PLACES: [&str; 6] = [
    STATIC,
    machines::FILE,
    "/etc/ssh/ssh_config",
    "/etc/nix/builder_ed25519",
    "/etc/synthetic.conf",
    "/etc/builder-doctor.toml",
];
/// More files than this are not asked for.
const MOST: usize = 64;

pub(super) fn probe(look: &Look) -> Probe<Vec<FileTime>> {
    let mut paths: Vec<String> = PLACES.map(str::to_owned).to_vec();
    paths.push(conf_files::SYSTEM.to_owned());
    paths.extend(look.conf_files().get().into_iter().flatten().map(|file| file.path.clone()));
    let in_folder = look.host.list(Path::new(SSH_FOLDER)).unwrap_or_default();
    paths.extend(in_folder.into_iter().map(|name| format!("{SSH_FOLDER}/{name}")));
    paths.extend(look.machines().get().into_iter().flat_map(|all| {
        let keys = all.machines.iter().filter_map(|machine| machine.key.as_ref());
        keys.map(|key| key.value.clone()).filter(|path| path.starts_with('/')).collect::<Vec<_>>()
    }));
    for job in [look.builder_job(), look.daemon_job()] {
        paths.extend(job.get().ok().map(|job| job.plist.path.clone()));
    }
    paths.sort();
    paths.dedup();
    let times = paths.into_iter().take(MOST).filter_map(|path| {
        let meta = look.host.lstat(Path::new(&path)).ok()?;
        let target = meta.target.map(|target| target.display().to_string());
        Some(FileTime { path, modified: meta.modified, target })
    });
    Probe::seen(times.collect(), "lstat")
}
