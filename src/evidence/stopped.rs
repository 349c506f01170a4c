//! The mark of `builder-doctor stop`: who stopped the builder on purpose, and when.

use super::{Look, Probe};
use crate::host::{HostError, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where the mark stands: root's, and for everybody to read.
pub const PATH: &str = "/var/db/builder-doctor/stopped.json";

/// Whether the builder was stopped on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopped {
    /// The mark, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// What the mark says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// A change of meaning bumps this; additions do not.
    pub schema_version: u64,
    /// The job that was stopped.
    #[schemars(extend("x-kind" = "text"))]
    pub label: String,
    /// Seconds since 1970.
    pub at: u64,
    /// Who did it.
    #[schemars(extend("x-kind" = "user-name"))]
    pub by: String,
}

/// The version of [`Mark`] that is written and understood.
pub const VERSION: u64 = 1;

pub(super) fn probe(look: &Look) -> Probe<Stopped> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    let path = Path::new(PATH);
    match look.host.lstat(path) {
        Err(HostError::NotFound) => return Probe::seen(Stopped::default(), PATH),
        Err(error) => return Probe::blind(format!("{PATH}: {error}")),
        Ok(found) if found.kind != Kind::File || found.uid != 0 || found.mode & 0o022 != 0 => {
            return Probe::blind(format!("{PATH} is not a file of root's alone"));
        }
        Ok(_) => {}
    }
    let bytes = match look.host.read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Probe::blind(format!("{PATH}: {error}")),
    };
    match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.schema_version == VERSION => {
            let mark =
                Mark { by: crate::prose::line(&mark.by), label: crate::prose::line(&mark.label), ..mark };
            Probe::seen(Stopped { mark: Some(mark) }, PATH)
        }
        Ok(mark) => Probe::blind(format!(
            "{PATH} is of version {}, which this program does not know",
            mark.schema_version
        )),
        Err(_) => Probe::blind(format!("{PATH} cannot be understood")),
    }
}
