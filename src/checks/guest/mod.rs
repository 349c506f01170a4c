//! The VM from inside: its Nix, its disk, what it can run.

use crate::check::{Check, Verdict};

pub mod kvm_missing_in_guest;
pub mod machines_system_offered_but_not_executable;
pub mod ssh_remote_nix_unusable;
pub mod store_untrusted_by_guest;
pub mod vm_certs_env_unset;
pub mod vm_certs_share_lost;
pub mod vm_clock_skew;
pub mod vm_config_not_applied;
pub mod vm_disk_full;
pub mod vm_dns_hardcoded;
pub mod vm_out_of_memory;
pub mod vm_sandbox_path_missing;

/// In order.
pub const CHECKS: &[&Check] = &[
    &vm_disk_full::CHECK,
    &vm_clock_skew::CHECK,
    &vm_out_of_memory::CHECK,
    &vm_dns_hardcoded::CHECK,
    &ssh_remote_nix_unusable::CHECK,
    &store_untrusted_by_guest::CHECK,
    &vm_sandbox_path_missing::CHECK,
    &machines_system_offered_but_not_executable::CHECK,
    &vm_config_not_applied::CHECK,
    &vm_certs_share_lost::CHECK,
    &vm_certs_env_unset::CHECK,
    &kvm_missing_in_guest::CHECK,
];

use crate::evidence::root_view::Guest;
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;

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

/// It is about this Mac's own VM: moot on another system, and where another builder is declared, or none.
fn of_this_vm(e: &Evidence, want: &Expectations) -> Result<Option<Verdict>, Missing> {
    if let Some(moot) = crate::checks::service::of_the_vm(e, want)? {
        return Ok(Some(moot));
    }
    let none = || Verdict::Moot("no Linux builder is declared".to_owned());
    Ok(e.builder(want)?.is_none().then(none))
}

/// For examples: changes what root sees inside the VM.
fn set_inside(e: &mut Evidence, change: impl FnOnce(&mut Guest)) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.root_view
        && let Some(guest) = &mut fact.guest
    {
        change(guest);
    }
}
