//! The Nix that the user runs.

use crate::check::Check;

pub mod nix_config_unreadable;
pub mod nix_not_installed;
pub mod nix_too_old;
pub mod shell_hook_wiped;

/// In order.
pub const CHECKS: &[&Check] = &[
    &nix_not_installed::CHECK,
    &shell_hook_wiped::CHECK,
    &nix_too_old::CHECK,
    &nix_config_unreadable::CHECK,
];
