//! The machines that `builders` names, and which of them is the builder that is expected.

pub use crate::parse::text::{Field, Place};

use super::nix_config::ConfigView;
use super::{Evidence, Look, Missing, Probe};
use crate::expectations::Expectations;
use crate::host::{Host, HostError};
use crate::parse::machines::{FileRead, Machine, Machines, parse};
use std::path::Path;

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
            Some(builders) => (builders.clone(), "builders"),
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
