//! The way from the daemon into the VM: alias, key, host key, login.

use crate::check::Check;

pub mod ssh_alias_missing;
pub mod ssh_config_bad_permissions;
pub mod ssh_connection_refused;
pub mod ssh_half_open_hang;
pub mod ssh_host_key_mismatch;
pub mod ssh_key_mismatch;
pub mod ssh_key_missing;
pub mod ssh_key_too_open;
pub mod ssh_key_unreadable_by_user;
pub mod ssh_login_refused;
pub mod ssh_multiplexing_in_protocol;
pub mod ssh_root_known_hosts_missing;
pub mod ssh_shut_out;
pub mod ssh_too_many_auth_failures;
pub mod vm_state_corrupt;

/// In order.
pub const CHECKS: &[&Check] = &[
    &ssh_config_bad_permissions::CHECK,
    &ssh_alias_missing::CHECK,
    &ssh_connection_refused::CHECK,
    &ssh_key_missing::CHECK,
    &ssh_key_too_open::CHECK,
    &ssh_key_unreadable_by_user::CHECK,
    &ssh_key_mismatch::CHECK,
    &ssh_shut_out::CHECK,
    &ssh_host_key_mismatch::CHECK,
    &ssh_root_known_hosts_missing::CHECK,
    &ssh_too_many_auth_failures::CHECK,
    &vm_state_corrupt::CHECK,
    &ssh_multiplexing_in_protocol::CHECK,
    &ssh_login_refused::CHECK,
    &ssh_half_open_hang::CHECK,
];

use crate::evidence::{Evidence, Missing};
use crate::parse::ssh_config::SshView;
use crate::parse::store_info::{SshFault, SshWords};
use base64::Engine;

/// ssh's own words for why root could not log in; None where root could, or ssh gave none.
fn words_of_root(e: &Evidence) -> Result<Option<&SshWords>, Missing> {
    Ok(e.root_view()?.login()?.ssh_words.as_ref())
}

/// The same of the daemon: where root did not dial, what the test builds quote of ssh's words.
fn words_of_daemon<'e>(e: &'e Evidence, host: &str) -> Result<Option<&'e SshWords>, Missing> {
    words_of_root(e).or_else(|missing| {
        let refused = e.builds().into_iter().flatten().flat_map(|build| &build.log.refused);
        let mut quoted = refused.filter(|it| it.uri.contains(host)).map(|it| &it.words);
        let telling = quoted.find(|it| !matches!(it.fault, SshFault::NoReason | SshFault::Other));
        telling.map_or(Err(missing), |words| Ok(Some(words)))
    })
}

/// What ssh would do for a host: by root's files where root looked, else by the system's and the user's.
fn view_of_root<'e>(e: &'e Evidence, host: &str) -> Option<&'e SshView> {
    let roots = e.root_view().ok().and_then(|view| view.ssh.as_ref()).filter(|ssh| ssh.host == host);
    roots.or_else(|| e.ssh_of(host).ok())?.view.as_ref()
}

/// For examples: root dials, and ssh says this.
fn set_words(e: &mut Evidence, stderr: &str) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.root_view {
        let said = format!("{stderr}\nerror: failed to start SSH connection to 'linux-builder'\n");
        fact.login = Some(crate::parse::store_info::parse(
            "{\"url\":\"ssh-ng://builder@linux-builder\"}",
            &said,
            Some(1),
        ));
        fact.guest = None;
    }
    unreachable_builds(e);
}

/// For examples: the test builds find the machine unreachable.
fn unreachable_builds(e: &mut Evidence) {
    let log = "cannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'linux-builder'\n\
               Failed to find a machine for remote build!\nderivation: 0-x.drv\n\
               required (system, features): (aarch64-linux, [])\n1 available machines:\n\
               (systems, maxjobs, supportedFeatures, mandatoryFeatures)\n\
               ([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [])\n\
               error: Cannot build '/nix/store/0-x.drv'.\n       Reason: platform mismatch\n";
    crate::evidence::healthy::set_builds(e, &crate::evidence::builds::Ended::Code(1), log);
}

/// A fault of ssh's that a check of its own explains.
fn has_its_own_check(fault: &SshFault) -> bool {
    matches!(
        fault,
        SshFault::ConnectionRefused
            | SshFault::HostKeyChanged
            | SshFault::HostKeyUnknown
            | SshFault::CannotResolve(_)
            | SshFault::BadOwner(_)
            | SshFault::IdentityMissing(_)
            | SshFault::KeyTooOpen(_)
            | SshFault::TooManyAuthFailures
            | SshFault::AccountUnknown
            | SshFault::SharingRefused
    )
}

/// What to put in the eighth column for the host key that a machine shows: base64 of the key without a host.
fn column_for(e: &Evidence, host: &str) -> String {
    let keys = e.host_key_of(host).ok().and_then(|view| view.scan.as_ref()).map(|scan| scan.keys.as_slice());
    match keys.unwrap_or_default().first() {
        Some(key) => base64::engine::general_purpose::STANDARD.encode(format!("{} {}", key.kind, key.base64)),
        None => "(base64 of the machine's `ssh-ed25519 AAAA...` line)".to_owned(),
    }
}
