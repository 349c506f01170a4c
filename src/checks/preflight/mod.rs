//! What is asked before the builder is set up: those checks of the doctor's whose fault stands in its way already, and,
//! one file each, those that mean nothing once it is there.

use super::{all, cache, config, daemon, host, nix};
use crate::check::Check;
use crate::evidence::{Evidence, healthy};

pub mod already_set_up;
pub mod determinate_manages_nix;
pub mod etc_file_is_foreign;
pub mod etc_files_in_the_way;
pub mod etc_older_backups;
pub mod intel_mac;
pub mod mac_is_a_vm;
pub mod macos_too_old;
pub mod memory_low;
pub mod no_admin_rights;
pub mod not_a_mac;
pub mod port_taken;
pub mod vm_image_not_cached;

/// Those that are asked before a set-up only, in the order of the layers.
pub const OWN: &[&Check] = &[
    &not_a_mac::CHECK,
    &macos_too_old::CHECK,
    &intel_mac::CHECK,
    &mac_is_a_vm::CHECK,
    &memory_low::CHECK,
    &no_admin_rights::CHECK,
    &determinate_manages_nix::CHECK,
    &etc_file_is_foreign::CHECK,
    &etc_files_in_the_way::CHECK,
    &etc_older_backups::CHECK,
    &already_set_up::CHECK,
    &port_taken::CHECK,
    &vm_image_not_cached::CHECK,
];

/// What the checks below rest on. Nothing among them logs in anywhere, or builds.
pub const FACTS: &[&str] = &[
    "taken",
    "platform",
    "user",
    "managers",
    "roots",
    "nix_volume",
    "build_users",
    "nixpkgs",
    "setup",
    "nix",
    "nix_daemon",
    "nix_config",
    "conf_files",
    "fixes",
    "disabled_jobs",
    "builder_jobs",
    "builder_job",
    "daemon_job",
    "localhost",
    "machines",
    "caches",
];

/// Each with those that it needs.
const CHECKS: &[&Check] = &[
    &host::host_disk_low::CHECK,
    &host::synthetic_conf_lost::CHECK,
    &host::nix_volume_not_mounted::CHECK,
    &host::host_cannot_virtualise::CHECK,
    &host::localhost_does_not_resolve::CHECK,
    &host::nixbld_users_missing::CHECK,
    &host::rosetta_host_missing::CHECK,
    &host::nixpkgs_dropped_platform::CHECK,
    &host::fix_not_ended::CHECK,
    &nix::nix_not_installed::CHECK,
    &nix::nix_config_unreadable::CHECK,
    &nix::nix_too_old::CHECK,
    &daemon::daemon_not_running::CHECK,
    &config::determinate_vs_nix_darwin::CHECK,
    &cache::cache_ca_bundle_missing::CHECK,
    &cache::cache_tls_intercepted::CHECK,
    &cache::cache_captive_portal::CHECK,
    &cache::cache_unreachable::CHECK,
];

/// The checks of `preflight`, in the order of the layers, each after those that it needs.
pub fn checks() -> Vec<&'static Check> {
    let mut asked: Vec<&Check> = all().into_iter().filter(|check| CHECKS.contains(check)).collect();
    asked.extend(OWN);
    asked.sort_by_key(|check| check.layer);
    asked
}

/// For examples: a Mac with Nix and nothing else.
pub(super) fn bare(e: &mut Evidence) {
    config::nothing(e);
    healthy::nothing_set_up(e);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Selection, diagnose};
    use crate::expectations::Expectations;

    #[test]
    fn what_a_check_needs_is_asked_too() {
        let asked = checks();
        assert_eq!(asked.len(), CHECKS.len() + OWN.len());
        for check in &asked {
            for need in check.needs {
                assert!(asked.contains(need), "{check:?} needs {need:?}");
            }
        }
    }

    #[test]
    fn the_facts_suffice() {
        let (whole, mut part) = (healthy::evidence(), Evidence::default());
        for fact in FACTS {
            assert!(crate::evidence::FACTS.contains(fact), "there is no fact {fact}");
            part.adopt(fact, &whole);
        }
        let want = Expectations::default();
        for judged in diagnose(&checks(), &part, &want, &Selection::default()).results {
            let held = !matches!(&judged.verdict, crate::check::Verdict::Unknown(_));
            assert!(held, "{:?}: {:?}", judged.check, judged.verdict);
        }
    }
}
