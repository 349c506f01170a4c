//! Whose /nix/var/nix is: who may write there needs no daemon, and Nix then asks none.

use super::{Look, Probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The folder of Nix's database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateFolder {
    /// Owner's number.
    pub uid: u32,
    /// Permission bits in octal, such as `755`.
    #[schemars(extend("x-kind" = "public"))]
    pub mode: String,
}

const PATH: &str = "/nix/var/nix";

pub(super) fn probe(look: &Look) -> Probe<StateFolder> {
    match look.host.stat(Path::new(PATH)) {
        Ok(meta) => Probe::seen(
            StateFolder { uid: meta.uid, mode: format!("{:o}", meta.mode) },
            format!("stat {PATH}"),
        ),
        Err(error) => Probe::blind(format!("{PATH}: {error}")),
    }
}
