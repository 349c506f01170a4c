//! Which file and line sets what: /etc/nix/nix.conf and what it includes, then the user's own. Whitelisted.

use super::{Look, Probe};
use crate::host::{Host, HostError};
use crate::parse::conf_files::{ConfFile, Setting, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The system's file, which every Nix and the daemon read.
pub const SYSTEM: &str = "/etc/nix/nix.conf";
/// When a file of the system's settings last changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The file, or the link that leads to it.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// Seconds ago, by the link's own time: files in the Nix store have none.
    pub seconds_ago: u64,
}

/// More files than this are not read.
const MOST: usize = 32;

/// The last line that sets this, in the order in which Nix reads the files.
pub fn origin<'a>(files: &'a [ConfFile], name: &str) -> Option<&'a Setting> {
    files.iter().flat_map(|file| &file.settings).rfind(|setting| setting.name == name)
}

pub(super) fn probe(look: &Look) -> Probe<Vec<ConfFile>> {
    let mut queue = vec![(PathBuf::from(SYSTEM), false)];
    queue.extend(user_files(look.host).into_iter().map(|path| (path, true)));
    let mut files: Vec<ConfFile> = Vec::new();
    // Depth first, as Nix reads an included file where the include stands; a circle ends by the names.
    queue.reverse();
    while let Some((path, own)) = queue.pop() {
        let shown = path.display().to_string();
        if files.len() >= MOST || files.iter().any(|file| file.path == shown) {
            continue;
        }
        match look.host.read(&path) {
            Ok(bytes) => {
                let file = parse(&shown, &String::from_utf8_lossy(&bytes));
                queue.extend(file.includes.iter().rev().map(|it| (PathBuf::from(&it.path), own)));
                files.push(ConfFile { own, ..file });
            }
            Err(HostError::NotFound) => {}
            Err(_) => files.push(ConfFile { path: shown, own, ..ConfFile::default() }),
        }
    }
    Probe::seen(files, format!("{SYSTEM}, what it includes, and the user's own"))
}

/// Weakest first, as later ones override.
pub(crate) fn user_files(host: &dyn Host) -> Vec<PathBuf> {
    if let Some(listed) = host.env("NIX_USER_CONF_FILES") {
        return listed.split(':').filter(|path| path.starts_with('/')).rev().map(PathBuf::from).collect();
    }
    let home = host.env("HOME").filter(|home| home.starts_with('/'));
    let config = host
        .env("XDG_CONFIG_HOME")
        .filter(|path| path.starts_with('/'))
        .map(PathBuf::from)
        .or_else(|| home.map(|home| Path::new(&home).join(".config")));
    config.map(|folder| folder.join("nix/nix.conf")).into_iter().collect()
}

/// What the daemon read when it was started: the system's file, what it includes, and nix-darwin's link.
pub(super) fn probe_changes(look: &Look) -> Probe<Vec<Change>> {
    let read = look.conf_files().get().map(Vec::as_slice).unwrap_or_default();
    let own = read.iter().map(|file| file.path.as_str()).filter(|path| path.starts_with("/etc/"));
    // nix-darwin changes no link but this one, through which nix.conf leads.
    let managed = look
        .host
        .lstat(Path::new(SYSTEM))
        .is_ok_and(|meta| meta.target.is_some_and(|it| it.starts_with("/etc/static")));
    let system = own.chain(managed.then_some("/etc/static"));
    let now = look.host.now();
    let mut changes: Vec<Change> = Vec::new();
    for path in system {
        // What was written in the future was written before the clock was put back: nobody can say how long ago.
        let ago = look.host.lstat(Path::new(path)).ok().and_then(|meta| now.checked_sub(meta.modified));
        if let Some(seconds_ago) = ago {
            changes.push(Change { path: path.to_owned(), seconds_ago });
        }
    }
    Probe::seen(changes, "lstat")
}
