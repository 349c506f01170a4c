//! The Nix daemon.

use crate::check::Check;

pub mod daemon_label_is_determinate;
pub mod daemon_not_running;
pub mod daemon_stale_config;
pub mod daemon_user_not_allowed;
pub mod nix_daemon_too_old;
pub mod nix_mixed_versions;

/// In order.
pub const CHECKS: &[&Check] = &[
    &daemon_not_running::CHECK,
    &daemon_user_not_allowed::CHECK,
    &daemon_stale_config::CHECK,
    &nix_daemon_too_old::CHECK,
    &nix_mixed_versions::CHECK,
    &daemon_label_is_determinate::CHECK,
];
