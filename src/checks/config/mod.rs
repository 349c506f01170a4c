//! What Nix's settings say, and whether a builder is set up at all.

use crate::check::Check;

pub mod builder_not_configured;
pub mod builders_empty;
pub mod builders_inline_shadows_machines_file;
pub mod builders_use_substitutes_off;
pub mod client_setting_refused_untrusted;
pub mod determinate_vs_nix_darwin;
pub mod experimental_features_missing;
pub mod external_builders_hijack;
pub mod extra_platforms_claims_linux;
pub mod host_system_features_overridden;
pub mod max_jobs_zero;
pub mod nix_custom_conf_clash;
pub mod nix_remote_systems_env;
pub mod nixpkgs_qemu_vm_virtiofs_window;

/// In order.
pub const CHECKS: &[&Check] = &[
    &experimental_features_missing::CHECK,
    &external_builders_hijack::CHECK,
    &client_setting_refused_untrusted::CHECK,
    &nix_remote_systems_env::CHECK,
    &nix_custom_conf_clash::CHECK,
    &determinate_vs_nix_darwin::CHECK,
    &nixpkgs_qemu_vm_virtiofs_window::CHECK,
    &builder_not_configured::CHECK,
    &builders_empty::CHECK,
    &builders_inline_shadows_machines_file::CHECK,
    &extra_platforms_claims_linux::CHECK,
    &max_jobs_zero::CHECK,
    &host_system_features_overridden::CHECK,
    &builders_use_substitutes_off::CHECK,
];

use crate::evidence::machines::linux;
use crate::evidence::service::{PlistState, Service};
use crate::evidence::{Evidence, Missing, Probe, healthy};
use crate::expectations::Expectations;
use crate::parse::launchd::Printed;

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

/// Whether the machines that the daemon acts on take every system that is demanded.
fn serve_all(e: &crate::evidence::Evidence, want: &crate::expectations::Expectations) -> bool {
    let takes = |system: &String| {
        e.machines().is_ok_and(|all| all.machines.iter().any(|it| it.offers(system) == Some(true)))
    };
    want.builder.systems.iter().all(takes)
}

/// `external-builders` is set and the experimental feature of that name is off: upstream's Nix asks machines alone,
/// and refuses the rest.
pub(super) fn external_is_off(e: &crate::evidence::Evidence) -> bool {
    let on = e.settings().ok().and_then(|it| it.experimental_features.as_ref());
    let upstream = e.managers().is_ok_and(|managers| managers.determinate.is_none());
    upstream && on.is_some_and(|on| !on.iter().any(|feature| feature == "external-builders"))
}

/// For examples: a file of settings says this besides.
fn set_file(e: &mut crate::evidence::Evidence, path: &str, text: &str) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.conf_files {
        fact.push(crate::parse::conf_files::parse(path, text));
    }
}

/// For examples: this program takes Linux builds.
fn set_external(e: &mut crate::evidence::Evidence, program: &str) {
    let value = format!("[{{\"systems\":[\"aarch64-linux\",\"x86_64-linux\"],\"program\":\"{program}\"}}]");
    set_file(e, "/etc/nix/nix.custom.conf", &format!("external-builders = {value}\n"));
    if let crate::evidence::Probe::Seen {
        fact: crate::evidence::nix_config::ConfigView::Read(config), ..
    } = &mut e.nix_config
    {
        config.external_builders = Some(value);
        config.experimental_features.get_or_insert_default().push("external-builders".to_owned());
    }
}

/// What is there of a Linux builder on this Mac: a machine, a job, an alias. None where there is nothing.
pub(in crate::checks) fn set_up(e: &Evidence, want: &Expectations) -> Result<Option<String>, Missing> {
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
pub(in crate::checks) fn nothing(e: &mut Evidence) {
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
