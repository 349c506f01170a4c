//! The machine itself.

use crate::check::Check;

pub mod host_disk_low;
pub mod localhost_does_not_resolve;

/// In order.
pub const CHECKS: &[&Check] = &[&host_disk_low::CHECK, &localhost_does_not_resolve::CHECK];
