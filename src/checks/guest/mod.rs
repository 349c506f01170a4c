//! The VM from inside: its Nix, its disk, what it can run.

use crate::check::Check;

pub mod machines_system_offered_but_not_executable;
pub mod ssh_remote_nix_unusable;
pub mod store_untrusted_by_guest;
pub mod vm_disk_full;

/// In order.
pub const CHECKS: &[&Check] = &[
    &vm_disk_full::CHECK,
    &ssh_remote_nix_unusable::CHECK,
    &store_untrusted_by_guest::CHECK,
    &machines_system_offered_but_not_executable::CHECK,
];

use crate::evidence::root_view::Guest;
use crate::evidence::{Evidence, Missing};

/// The VM from inside, where root could look.
fn inside(e: &Evidence) -> Result<&Guest, Missing> {
    let view = e.root_view()?;
    let nobody = || Missing::new(view.no_login.as_deref().unwrap_or("nobody could log in"));
    let guest = view.guest.as_ref().ok_or_else(nobody)?;
    match &guest.error {
        Some(error) => Err(Missing::new(format!("the look into the VM: {error}"))),
        None => Ok(guest),
    }
}

/// For examples: changes what root sees inside the VM.
fn set_inside(e: &mut Evidence, change: impl FnOnce(&mut Guest)) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.root_view
        && let Some(guest) = &mut fact.guest
    {
        change(guest);
    }
}
