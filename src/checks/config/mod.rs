//! What Nix's settings say, and whether a builder is set up at all.

use crate::check::Check;

pub mod builder_not_configured;
pub mod builders_empty;
pub mod experimental_features_missing;

/// In order.
pub const CHECKS: &[&Check] =
    &[&experimental_features_missing::CHECK, &builder_not_configured::CHECK, &builders_empty::CHECK];
