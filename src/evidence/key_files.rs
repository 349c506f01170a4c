//! Owner and mode of each private key that the machines name. What is in them is never read.

use super::{Look, Probe};
use crate::host::{Host, HostError, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A private key file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyFile {
    /// Where the machines file, or ssh's alias, says it is.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What is there.
    pub state: KeyState,
}

/// What is where a key should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// A file.
    Present {
        /// Permission bits in octal, such as `600`.
        #[schemars(extend("x-kind" = "public"))]
        mode: String,
        /// Owner's number.
        uid: u32,
    },
    /// Nothing, or a folder.
    Missing,
    /// It cannot be told, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Hidden(String),
}

/// What stands at the path of a key.
pub fn look_at(host: &dyn Host, path: &str) -> KeyFile {
    let state = match host.stat(Path::new(path)) {
        Ok(meta) if meta.kind == Kind::File => {
            KeyState::Present { mode: format!("{:o}", meta.mode), uid: meta.uid }
        }
        Ok(_) | Err(HostError::NotFound) => KeyState::Missing,
        Err(error) => KeyState::Hidden(error.to_string()),
    };
    KeyFile { path: path.to_owned(), state }
}

pub(super) fn probe(look: &Look) -> Probe<Vec<KeyFile>> {
    let mut paths: Vec<&str> = Vec::new();
    let named = look.machines().get().into_iter().flat_map(|all| &all.machines);
    for key in named.filter_map(|machine| machine.key.as_ref()) {
        if key.value.starts_with('/')
            && !paths.contains(&key.value.as_str())
            && paths.len() < super::ssh::MOST
        {
            paths.push(&key.value);
        }
    }
    Probe::seen(paths.into_iter().map(|path| look_at(look.host, path)).collect(), "stat")
}
