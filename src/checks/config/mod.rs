//! What Nix's settings say, and whether a builder is set up at all.

use crate::check::Check;

pub mod builder_not_configured;
pub mod builders_empty;
pub mod determinate_vs_nix_darwin;
pub mod experimental_features_missing;
pub mod nix_custom_conf_clash;
pub mod nixpkgs_qemu_vm_virtiofs_window;

/// In order.
pub const CHECKS: &[&Check] = &[
    &experimental_features_missing::CHECK,
    &nix_custom_conf_clash::CHECK,
    &determinate_vs_nix_darwin::CHECK,
    &nixpkgs_qemu_vm_virtiofs_window::CHECK,
    &builder_not_configured::CHECK,
    &builders_empty::CHECK,
];

/// Linux builds that Nix hands to another program on this Mac (Determinate's native Linux builder), without any
/// machine: none of our questions about machines is about that.
pub(super) fn external(e: &crate::evidence::Evidence) -> Option<crate::check::Verdict> {
    let machines = e.machines().is_ok_and(|all| crate::evidence::machines::linux(all).next().is_some());
    let linux = e.settings().ok()?.external_systems().iter().any(|system| system.ends_with("-linux"));
    (linux && !machines).then(|| {
        crate::check::Verdict::Moot(
            "external-builders takes Linux builds, and no machine is declared".to_owned(),
        )
    })
}

use crate::evidence::machines::linux;
use crate::evidence::service::{PlistState, Service};
use crate::evidence::{Evidence, Missing, Probe, healthy};
use crate::expectations::Expectations;
use crate::parse::launchd::Printed;

/// What is there of a Linux builder on this Mac: a machine, a job, an alias. None where there is nothing.
fn set_up(e: &Evidence, want: &Expectations) -> Result<Option<String>, Missing> {
    if let Some(machine) = linux(e.machines()?).next() {
        return Ok(Some(format!("{} is declared", machine.uri.value)));
    }
    let job = e.builder_job()?;
    match (&job.printed, &job.plist.state) {
        (Printed::Unclear(_), _) => return Err(Missing::new("what launchctl prints is not understood")),
        (Printed::NotFound, PlistState::Missing) => {}
        _ => return Ok(Some(format!("launchd has {}, or its plist is there", job.label))),
    }
    let host = &want.builder.host;
    let alias = e.ssh_of(host).ok().and_then(|it| it.view.as_ref());
    Ok(alias.is_some_and(|view| &view.hostname != host).then(|| format!("ssh knows the alias {host}")))
}

/// For examples: a Mac without any of it.
fn nothing(e: &mut Evidence) {
    let gone = |service: &mut Service| {
        service.printed = Printed::NotFound;
        service.plist.state = PlistState::Missing;
        service.age_seconds = None;
    };
    if let Probe::Seen { fact, .. } = &mut e.builder_job {
        gone(fact);
    }
    if let Probe::Seen { fact, .. } = &mut e.ssh {
        for view in fact.iter_mut().filter_map(|it| it.view.as_mut()) {
            view.hostname = "linux-builder".to_owned();
            view.port = 22;
        }
    }
    healthy::set_builders(e, "@/etc/nix/machines", None);
    healthy::hide_builds(e);
}
