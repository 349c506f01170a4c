//! Who manages /etc/nix, by what they leave on the disk.

use super::{Look, Probe};
use crate::check::Manager;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Who manages /etc/nix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Managers {
    /// nix-darwin is active: the path that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub nix_darwin: Option<String>,
    /// Determinate's Nix is installed: the path that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub determinate: Option<String>,
}

impl Managers {
    /// Whose advice to give. Where both are, Determinate writes nix.conf, and nix-darwin leaves Nix alone.
    pub fn chief(&self) -> Manager {
        match (&self.determinate, &self.nix_darwin) {
            (Some(_), _) => Manager::Determinate,
            (None, Some(_)) => Manager::NixDarwin,
            (None, None) => Manager::Nobody,
        }
    }

    /// The label of the Nix daemon's launchd job.
    pub fn daemon_label(&self) -> &'static str {
        if self.determinate.is_some() { "systems.determinate.nix-daemon" } else { "org.nixos.nix-daemon" }
    }
}

/// Links that only nix-darwin's activation makes.
const NIX_DARWIN: [&str; 3] =
    ["/run/current-system/darwin-version.json", "/run/current-system", "/etc/static"];
const DETERMINATE: [&str; 2] = ["/usr/local/bin/determinate-nixd", "/nix/var/determinate"];

pub(super) fn probe(look: &Look) -> Probe<Managers> {
    let first = |paths: &[&str]| {
        paths.iter().find(|path| look.host.lstat(Path::new(path)).is_ok()).map(|path| (*path).to_owned())
    };
    // NixOS has /run/current-system and /etc/static too, and no nix-darwin.
    let is_mac = look.platform().get().is_ok_and(super::platform::Platform::is_mac);
    let nix_darwin = if is_mac { first(&NIX_DARWIN) } else { None };
    Probe::seen(Managers { nix_darwin, determinate: first(&DETERMINATE) }, "what stands at well-known paths")
}
