//! The machine itself.

use crate::check::Check;

pub mod fix_not_ended;
pub mod host_cannot_virtualise;
pub mod host_disk_low;
pub mod localhost_does_not_resolve;
pub mod nix_volume_not_mounted;
pub mod nixbld_users_missing;
pub mod nixpkgs_dropped_platform;
pub mod rosetta_host_missing;
pub mod synthetic_conf_lost;

/// In order.
pub const CHECKS: &[&Check] = &[
    &host_disk_low::CHECK,
    &synthetic_conf_lost::CHECK,
    &nix_volume_not_mounted::CHECK,
    &host_cannot_virtualise::CHECK,
    &localhost_does_not_resolve::CHECK,
    &nixbld_users_missing::CHECK,
    &rosetta_host_missing::CHECK,
    &nixpkgs_dropped_platform::CHECK,
    &fix_not_ended::CHECK,
];
