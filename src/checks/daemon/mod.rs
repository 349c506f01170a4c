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

use crate::evidence::Evidence;
use crate::parse::store_info::DaemonError;

const FOR_ONE_USER: &str = "/nix/var/nix is this user's, so that Nix builds without a daemon";

/// An installation for one user: nobody answers, and Nix asks for a daemon only where it may not write itself.
fn none_is_needed(e: &Evidence) -> bool {
    let nobody = e.nix_daemon().is_ok_and(|daemon| daemon.fault == Some(DaemonError::NotRunning));
    let (Ok(folder), Ok(user)) = (e.state_folder(), e.user()) else { return false };
    nobody && folder.uid != 0 && folder.uid == user.uid
}
