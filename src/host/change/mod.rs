//! The other door: what may be done to a machine. Only `fix` takes it, one step of a plan at a time.
//!
//! Every path is walked anew from `/`, one folder after the other, and never through a link or a folder that
//! anybody but root and the one who acts could swap. What is done is done relative to the folder that was
//! reached so, and never through a link at the path's end.

mod live;
pub mod memory;
mod walk;

pub use live::LiveChanges;

use super::HostError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// What a file may hold for its bytes to be kept: 1 MiB. A larger one can be moved, and not be written to.
pub const LARGEST: u64 = super::BOUND as u64;

/// A machine that can be changed. Each call does the whole of it or nothing.
pub trait Change {
    /// What stands at a path itself; a link is not followed.
    fn standing(&self, path: &Path) -> Result<Standing, ChangeError>;
    /// Puts a file with these bytes there, in the place of a file that is there; None for the owner is
    /// whoever acts.
    fn write(&self, path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), ChangeError>;
    /// Sets the mode, and the owner where one is given, of a file or a folder.
    fn set(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError>;
    /// Gives a file or a folder another name; never over one that is there.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), ChangeError>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<(), ChangeError>;
    /// Makes one folder, in one that is there.
    fn make_folder(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError>;
    /// Removes a folder, if nothing is in it.
    fn remove_folder(&self, path: &Path) -> Result<(), ChangeError>;
}

/// Whose something is, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// What it holds; None where it is larger than [`LARGEST`], or nobody needs to know.
        #[serde(with = "base64_bytes")]
        bytes: Option<Vec<u8>>,
        /// Permission bits.
        mode: u32,
        /// Whose it is.
        owner: Owner,
        /// Its length.
        size: u64,
    },
    /// A folder.
    Folder {
        /// Permission bits.
        mode: u32,
        /// Whose it is.
        owner: Owner,
    },
    /// A link, a device, a pipe: nothing that a step acts on.
    Other {
        /// In words.
        what: String,
    },
}

/// Why something was not done. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// Somebody else could lead the way there elsewhere: this is where.
    Untrusted(String),
    /// Something else stands there than what the step is for.
    Unexpected(String),
    /// The machine refused.
    Host(HostError),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::Untrusted(why) | ChangeError::Unexpected(why) => f.write_str(why),
            ChangeError::Host(error) => error.fmt(f),
        }
    }
}

impl From<HostError> for ChangeError {
    fn from(error: HostError) -> Self {
        ChangeError::Host(error)
    }
}

impl From<rustix::io::Errno> for ChangeError {
    fn from(error: rustix::io::Errno) -> Self {
        ChangeError::Host(std::io::Error::from(error).into())
    }
}

impl From<std::io::Error> for ChangeError {
    fn from(error: std::io::Error) -> Self {
        ChangeError::Host(error.into())
    }
}

/// Bytes as they stand in JSON: any, and not much longer than they are.
mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| STANDARD.decode(text).map_err(D::Error::custom)).transpose()
    }
}

impl Standing {
    /// The same, without what is in it: whoever moves a file, or sets its mode, needs no copy of a key.
    pub fn without_bytes(self) -> Self {
        match self {
            Standing::File { mode, owner, size, .. } => Standing::File { bytes: None, mode, owner, size },
            other => other,
        }
    }

    /// Whether this still stands there, as far as is known of it.
    pub fn is_still(&self, now: &Standing) -> bool {
        match (self, now) {
            (
                Standing::File { bytes: None, mode, owner, size },
                Standing::File { mode: mode_now, owner: owner_now, size: size_now, .. },
            ) => (mode, owner, size) == (mode_now, owner_now, size_now),
            (was, now) => was == now,
        }
    }

    /// In words, for whoever finds something else there.
    pub fn name(&self) -> String {
        match self {
            Standing::Absent => "nothing".to_owned(),
            Standing::File { .. } => "a file".to_owned(),
            Standing::Folder { .. } => "a folder".to_owned(),
            Standing::Other { what } => what.clone(),
        }
    }
}
