//! What Nix's settings say, and whether a builder is set up at all.

use crate::check::Check;

pub mod builder_not_configured;
pub mod builders_empty;
pub mod experimental_features_missing;

/// In order.
pub const CHECKS: &[&Check] =
    &[&experimental_features_missing::CHECK, &builder_not_configured::CHECK, &builders_empty::CHECK];

/// Linux builds that Nix hands to another program on this Mac (Determinate's native Linux builder), without any
/// machine: none of our questions about machines is about that.
pub(super) fn external(e: &crate::evidence::Evidence) -> Option<crate::check::Verdict> {
    let machines = e.machines().is_ok_and(|all| crate::evidence::machines::linux(all).next().is_some());
    let linux = e.settings().ok()?.external_systems().iter().any(|system| system.ends_with("-linux"));
    (linux && !machines).then(|| {
        crate::check::Verdict::Moot(
            "external-builders takes Linux builds, and no machine is declared".to_owned(),
        )
    })
}
