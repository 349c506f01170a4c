//! The machines that `builders` names, and which of them is the builder that is expected.

pub use crate::parse::text::{Field, Place};

use super::nix_config::ConfigView;
use super::origin::{Origin, is_refused, origin, system_value};
use super::user_env::paths;
use super::{Evidence, Look, Missing, Probe};
use crate::expectations::Expectations;
use crate::host::{Host, HostError};
use crate::parse::machines::{FileRead, Machine, Machines, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What Nix takes where nothing sets `builders`.
pub const DEFAULT: &str = "@/etc/nix/machines";
/// The file that this names.
pub const FILE: &str = "/etc/nix/machines";

impl Evidence {
    /// The machine that the expectations name, else the first that offers a Linux system. None where the
    /// machines were read and there is no such one.
    pub fn builder(&self, want: &Expectations) -> Result<Option<&Machine>, Missing> {
        self.machines().map(|all| find_builder(all, want))
    }
}

/// See [`Evidence::builder`].
pub fn find_builder<'a>(all: &'a Machines, want: &Expectations) -> Option<&'a Machine> {
    all.machines.iter().find(|machine| machine.host == want.builder.host).or_else(|| linux(all).next())
}

/// The machines that offer a Linux system.
pub fn linux(all: &Machines) -> impl Iterator<Item = &Machine> {
    all.machines.iter().filter(|machine| machine.systems.iter().any(|it| it.value.ends_with("-linux")))
}

/// What is where a list names a file.
pub fn file(host: &dyn Host, path: &str) -> FileRead {
    match host.read(Path::new(path)) {
        Ok(bytes) => FileRead::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(HostError::NotFound) => FileRead::Missing,
        Err(error) => FileRead::Unreadable(error.to_string()),
    }
}

pub(super) fn probe(look: &Look) -> Probe<Machines> {
    if super::nix::locate(look.host).is_none() {
        return Probe::blind("there is no Nix that would read them");
    }
    let (builders, from) = match look.nix_config().get() {
        Ok(ConfigView::Read(config)) => match &config.builders {
            Some(builders) => (acting(look, builders), "builders"),
            None => (DEFAULT.to_owned(), "builders (default)"),
        },
        // Nix refuses to say; what it would read if it worked is still worth seeing.
        _ => (DEFAULT.to_owned(), "builders (default)"),
    };
    let machines = parse(&builders, from, &mut |path| file(look.host, path));
    if linux(&machines).next().is_some() && linux(&machines).all(|machine| machine.max_jobs == 0) {
        look.hopeless.cancel("no builder takes a job, so no build can end");
    }
    Probe::seen(machines, format!("builders = {builders}"))
}

/// The `builders` that the daemon acts on, where Nix shows the user this. It takes none from a user whom it does
/// not trust, but for none at all; and NIX_REMOTE_SYSTEMS counts where it is set: each process has its own.
fn acting(look: &Look, shown: &str) -> String {
    let files = look.conf_files().get().map(Vec::as_slice).unwrap_or_default();
    let set_by = origin(files, look.user_env().get().ok(), "builders");
    let daemon = || look.nix_daemon().get().ok();
    let systems = || system_value(files, "builders").or_else(|| of_the_daemons_environment(look));
    let acts = match set_by {
        Origin::Default => systems(),
        Origin::System(_) => None,
        Origin::RemoteSystems(_) if daemon().is_some_and(|it| it.info.succeeded) => {
            Some(systems().unwrap_or_else(|| DEFAULT.to_owned()))
        }
        Origin::RemoteSystems(_) => None,
        Origin::Environment(_) | Origin::User(_) => {
            is_refused(&set_by, "builders", daemon()).then(|| systems().unwrap_or_else(|| DEFAULT.to_owned()))
        }
    };
    acts.unwrap_or_else(|| shown.to_owned())
}

/// NIX_REMOTE_SYSTEMS of the daemon's job, by its file: launchd is asked elsewhere.
fn of_the_daemons_environment(look: &Look) -> Option<String> {
    if super::service::no_launchd(look).is_some() {
        return None;
    }
    let label = look.managers().get().ok()?.daemon_label();
    let job = super::service::read_plist(look, super::service::usual_place(label));
    let super::service::PlistState::Present(plist) = job.state else { return None };
    let named = paths(plist.environment.nix_remote_systems.as_deref()?);
    Some(named.iter().map(|path| format!("@{path}")).collect::<Vec<_>>().join("\n"))
}

/// What stands at /etc/nix/machines itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MachinesFile {
    /// Whether anything does.
    pub exists: bool,
    /// Where it leads, if it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub target: Option<String>,
    /// nix-darwin makes a file for this place.
    pub managed: bool,
    /// It leads to that file, by whatever links.
    pub is_the_managed: bool,
    /// Its machines, where `builders` does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<Machines>,
}

/// Where nix-darwin puts its own.
const MANAGED: &str = "/etc/static/nix/machines";

pub(super) fn probe_file(look: &Look) -> Probe<MachinesFile> {
    let found = look.host.lstat(Path::new(FILE));
    let end = |path: &str| look.host.canonical(Path::new(path)).ok();
    let ends: Option<(PathBuf, PathBuf)> = end(FILE).zip(end(MANAGED));
    let named = |all: &Machines| all.sources.iter().any(|source| source.path == FILE);
    let unnamed = look.machines().get().is_ok_and(|all| !named(all)) && found.is_ok();
    let target = found.as_ref().ok().and_then(|meta| meta.target.clone());
    let seen = MachinesFile {
        exists: found.is_ok(),
        is_the_managed: ends.is_some_and(|(here, there)| here == there)
            || target.as_deref() == Some(Path::new(MANAGED)),
        target: target.map(|it| crate::prose::line(&it.display().to_string())),
        managed: look.host.lstat(Path::new(MANAGED)).is_ok(),
        unnamed: unnamed.then(|| parse(DEFAULT, "builders (default)", &mut |path| file(look.host, path))),
    };
    Probe::seen(seen, format!("lstat {FILE}"))
}
