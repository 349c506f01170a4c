//! The Nix that the user runs.

use crate::check::Check;

pub mod nix_config_unreadable;
pub mod nix_not_installed;
pub mod nix_too_old;

/// In order.
pub const CHECKS: &[&Check] =
    &[&nix_not_installed::CHECK, &nix_too_old::CHECK, &nix_config_unreadable::CHECK];
