//! What a report is for: which checks were asked, and what its verdict is about.

use crate::check::Check;
use crate::checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a report is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Why Linux builds fail.
    #[default]
    Check,
    /// Whether this Mac can run the builder, before it is set up.
    Preflight,
}

impl Purpose {
    /// Whether it is what a report is for that does not say so.
    pub fn is_usual(&self) -> bool {
        *self == Purpose::Check
    }

    /// The checks that are asked for it.
    pub fn checks(self) -> Vec<&'static Check> {
        match self {
            Purpose::Check => checks::all(),
            Purpose::Preflight => checks::preflight::checks(),
        }
    }
}
