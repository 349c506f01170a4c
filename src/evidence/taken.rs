//! When and how the evidence was taken: the clock and what was typed.

use super::{Look, Probe, RootAccess};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When and how the evidence was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// Seconds since 1970, as the machine had them.
    pub at: u64,
    /// Test builds were made.
    #[serde(default)]
    pub builds: bool,
    /// The expectations' installable was built as well.
    #[serde(default)]
    pub deep: bool,
    /// The binary caches were asked.
    #[serde(default)]
    pub caches: bool,
    /// Root looked, too.
    #[serde(default)]
    pub root: bool,
}

pub(super) fn probe(look: &Look) -> Probe<Taken> {
    let taken = Taken {
        at: look.host.now(),
        builds: look.wanted.no_builds.is_none(),
        deep: look.wanted.deep,
        caches: look.wanted.offline.is_none(),
        root: look.wanted.root != RootAccess::No,
    };
    Probe::seen(taken, "the clock and the command line")
}
