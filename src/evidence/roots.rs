//! /run and /nix at the root of a Mac, and /etc/synthetic.conf, which alone can put them there.

use super::{Look, Probe};
use crate::host::HostError;
use crate::parse::synthetic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What stands at the root of a Mac for Nix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Roots {
    /// Whether there is a /run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<bool>,
    /// Whether there is a /nix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nix: Option<bool>,
    /// The names that macOS is told to make there; None where that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub synthetic: Option<Vec<String>>,
    /// Where /nix is missing: a file that shows that Nix was installed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub installed: Option<String>,
}

/// Files of an installed Nix that do not stand on its volume.
const INSTALLED: [&str; 4] = [
    "/Library/LaunchDaemons/org.nixos.darwin-store.plist",
    "/Library/LaunchDaemons/systems.determinate.nix-store.plist",
    "/Library/LaunchDaemons/org.nixos.nix-daemon.plist",
    "/Library/LaunchDaemons/systems.determinate.nix-daemon.plist",
];

pub(super) fn probe(look: &Look) -> Probe<Roots> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    let there = |path: &str| match look.host.lstat(Path::new(path)) {
        Ok(_) => Some(true),
        Err(HostError::NotFound) => Some(false),
        Err(_) => None,
    };
    let nix = there("/nix");
    let installed = INSTALLED.iter().find(|path| nix == Some(false) && there(path) == Some(true));
    Probe::seen(
        Roots {
            run: there("/run"),
            nix,
            synthetic: told(look),
            installed: installed.map(|it| (*it).to_owned()),
        },
        "/etc/synthetic.conf, lstat",
    )
}

/// Since macOS 11 there may be a folder of such files besides.
fn told(look: &Look) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let folder = Path::new("/etc/synthetic.d");
    let more = look.host.list(folder).unwrap_or_default().into_iter().take(32).map(|name| folder.join(name));
    for path in std::iter::once(Path::new("/etc/synthetic.conf").to_path_buf()).chain(more) {
        match look.host.read(&path) {
            Ok(bytes) => names.extend(synthetic::parse(&String::from_utf8_lossy(&bytes))),
            Err(HostError::NotFound) => {}
            Err(_) => return None,
        }
    }
    Some(names)
}
