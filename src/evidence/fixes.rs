//! What `builder-doctor fix` did to this machine: its lists, root's and the user's own, which hold how each fix
//! ended and nothing of what is in any file.

use super::{Look, Probe};
use crate::fix::journal::{LIST, Listed, listed, of_root};
use crate::history;
use crate::host::{Host, HostError};
use rustix::process::geteuid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The fixes, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fixes {
    /// Those that root carried out.
    pub of_root: Vec<Listed>,
    /// Those that the user carried out, in files of the user's own.
    pub of_user: Vec<Listed>,
}

impl Fixes {
    /// All of them, by number.
    pub fn all(&self) -> Vec<&Listed> {
        let mut all: Vec<&Listed> = self.of_root.iter().chain(&self.of_user).collect();
        all.sort_by_key(|it| it.number);
        all
    }
}

/// A list that is longer than this is none of ours.
const MOST: usize = 200;

pub(super) fn probe(look: &Look) -> Probe<Fixes> {
    let uid = geteuid().as_raw();
    match read(look.host, look.platform(), uid) {
        Ok(fixes) => Probe::seen(fixes, LIST),
        Err(why) => Probe::blind(why),
    }
}

/// Reads both lists.
pub fn read(host: &dyn Host, platform: &Probe<super::platform::Platform>, uid: u32) -> Result<Fixes, String> {
    let of_root = rows(host, &of_root(host).join(LIST), 0)?;
    // Without a home there is no list of one's own.
    let of_user = match history::folder_on(host, platform, uid) {
        Ok(folder) => rows(host, &folder.join(LIST), uid)?,
        Err(_) => Vec::new(),
    };
    Ok(Fixes { of_root, of_user })
}

fn rows(host: &dyn Host, path: &Path, uid: u32) -> Result<Vec<Listed>, String> {
    let told =
        |why: &dyn std::fmt::Display| format!("{}: {why}", crate::prose::line(&path.to_string_lossy()));
    let found = match host.lstat(path) {
        Err(HostError::NotFound | HostError::Denied) => return Ok(Vec::new()),
        found => found.map_err(|error| told(&error))?,
    };
    if found.kind != crate::host::Kind::File || found.uid != uid || found.mode & 0o022 != 0 {
        return Err(told(&"others may write to it"));
    }
    let mut rows = listed(&host.read(path).map_err(|error| told(&error))?).map_err(|why| told(&why))?;
    rows.truncate(MOST);
    Ok(rows)
}
