//! Setting the builder up: which configuration of which flake, what stands in its way, and the steps of root's part.
//!
//! The configuration is built by whoever asks, and before anything is touched. Root gets a store path, looks at the
//! machine with its own eyes, and makes of it what `darwin-rebuild switch` would: that path's own activation, with
//! each step in a journal, as those of a fix are.

pub mod flake;
pub mod ground;
pub mod steps;

use crate::fix::Safety;
use crate::fix::plan::Planned;
use crate::fix::step::{Interrupts, Step};
use crate::host::Host;
use serde::{Deserialize, Serialize};

/// What root is asked to make of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The system to activate: a store path that was built.
    pub system: String,
    /// Of which flake it is, as it was typed.
    pub flake: String,
    /// Where the builder answers then.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// How long its VM may take to come up.
    pub at_most_seconds: u64,
    /// The highest number of any fix that the caller knows of.
    pub after: u32,
}

impl Order {
    /// What it takes on this machine; the error says what is in the way.
    pub fn planned(&self, host: &dyn Host) -> Result<Planned, String> {
        let ground = ground::look(host, &self.system)?;
        Ok(planned(&self.flake, steps::steps(&ground, self)?))
    }
}

fn planned(flake: &str, steps: Vec<Step>) -> Planned {
    Planned {
        id: "setup".to_owned(),
        seen: "this Mac was to be set up".to_owned(),
        fix: "nix-darwin".to_owned(),
        title: format!("switches this Mac to {}", crate::prose::line(flake)),
        safety: Safety::Disruptive,
        needs_root: true,
        interrupts: Interrupts::AllBuilds,
        steps,
    }
}
