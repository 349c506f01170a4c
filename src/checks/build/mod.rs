//! The test builds: what they say themselves.

use crate::check::Check;
use crate::checks::{config, daemon, guest, host, machines, nix, service, ssh};

pub mod hello_build_failed;
pub mod test_build_failed;
pub mod test_build_optional_system_failed;
pub mod test_build_timed_out;
pub mod waiting_for_machine;

/// In order.
pub const CHECKS: &[&Check] = &[
    &waiting_for_machine::CHECK,
    &test_build_timed_out::CHECK,
    &test_build_failed::CHECK,
    &test_build_optional_system_failed::CHECK,
    &hello_build_failed::CHECK,
];

/// Every check on the way of a test build: what can keep it from running. No cache is on that way.
const ON_THE_WAY: &[&Check] = &[
    &host::synthetic_conf_lost::CHECK,
    &host::nix_volume_not_mounted::CHECK,
    &host::host_cannot_virtualise::CHECK,
    &host::localhost_does_not_resolve::CHECK,
    &nix::nix_not_installed::CHECK,
    &nix::nix_config_unreadable::CHECK,
    &daemon::daemon_not_running::CHECK,
    &daemon::daemon_user_not_allowed::CHECK,
    &daemon::daemon_stale_config::CHECK,
    &config::external_builders_hijack::CHECK,
    &config::client_setting_refused_untrusted::CHECK,
    &config::nix_remote_systems_env::CHECK,
    &config::determinate_vs_nix_darwin::CHECK,
    &config::nixpkgs_qemu_vm_virtiofs_window::CHECK,
    &config::builder_not_configured::CHECK,
    &config::builders_empty::CHECK,
    &config::builders_inline_shadows_machines_file::CHECK,
    &machines::machines_file_missing::CHECK,
    &machines::builders_bad_machine_spec::CHECK,
    &machines::machines_system_not_offered::CHECK,
    &machines::machines_feature_missing::CHECK,
    &machines::machines_odd_fields::CHECK,
    &machines::machines_port_needs_2_31::CHECK,
    &service::port_31022_in_use::CHECK,
    &service::builder_login_item_disabled::CHECK,
    &service::builder_service_disabled::CHECK,
    &service::launchd_bootstrap_error_5::CHECK,
    &service::builder_service_not_loaded::CHECK,
    &service::vm_working_directory_missing::CHECK,
    &service::qemu11_hvf_sme_abort::CHECK,
    &service::qemu_m4_sme_property::CHECK,
    &service::qemu_gicv2_under_hvf::CHECK,
    &service::vm_backend_switched_raw_vs_qcow2::CHECK,
    &service::builder_crash_looping::CHECK,
    &service::builder_service_not_running::CHECK,
    &service::vm_still_booting::CHECK,
    &service::vm_not_listening::CHECK,
    &service::vm_unresponsive::CHECK,
    &ssh::ssh_shut_out::CHECK,
    &ssh::ssh_config_bad_permissions::CHECK,
    &ssh::ssh_alias_missing::CHECK,
    &ssh::ssh_connection_refused::CHECK,
    &ssh::ssh_key_missing::CHECK,
    &ssh::ssh_key_too_open::CHECK,
    &ssh::ssh_key_unreadable_by_user::CHECK,
    &ssh::ssh_key_mismatch::CHECK,
    &ssh::ssh_too_many_auth_failures::CHECK,
    &ssh::vm_state_corrupt::CHECK,
    &ssh::ssh_multiplexing_in_protocol::CHECK,
    &ssh::ssh_host_key_mismatch::CHECK,
    &ssh::ssh_root_known_hosts_missing::CHECK,
    &ssh::ssh_login_refused::CHECK,
    &ssh::ssh_half_open_hang::CHECK,
    &guest::vm_disk_full::CHECK,
    &guest::ssh_remote_nix_unusable::CHECK,
    &guest::vm_sandbox_path_missing::CHECK,
    &waiting_for_machine::CHECK,
];

use crate::evidence::builds::BuildRun;
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use crate::parse::build_log::Outcome;

/// The test builds that must run: each demanded system, and each demanded feature.
fn demanded<'a>(e: &'a Evidence, want: &Expectations) -> Result<Vec<&'a BuildRun>, Missing> {
    Ok(e.builds()?.iter().filter(|build| want.builder.systems.contains(&build.system)).collect())
}

/// What a failed build says of itself: the last words of its log that say something.
fn words(build: &BuildRun) -> String {
    if let Outcome::FailedInGuest(why)
    | Outcome::FailedLocally(why)
    | Outcome::EvaluationFailed(why)
    | Outcome::NotInRegistry(why)
    | Outcome::FetchFailed(why)
    | Outcome::CacheTrouble(why) = &build.log.outcome
    {
        return why.trim_start_matches("error: ").to_owned();
    }
    if let Some(refusal) = build.log.refused.first() {
        return format!("cannot build on {}: {}", refusal.uri, refusal.why);
    }
    let said = build
        .log
        .tail
        .iter()
        .rev()
        .map(|line| line.trim())
        .find(|line| line.contains("error:") || line.starts_with("Reason:"));
    said.unwrap_or_else(|| build.last_words()).trim_start_matches("error: ").to_owned()
}
