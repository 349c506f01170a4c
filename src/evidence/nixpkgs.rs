//! Which nixpkgs nix-darwin's system is made of, and which one its flake is locked to.

use super::{Look, Probe};
use crate::parse::nixpkgs::{Locked, parse_darwin_version, parse_lock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which nixpkgs the system is made of, and which one the next is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nixpkgs {
    /// The system's label, such as `26.05.56c666e`; up to 24.05 it held the day of nixpkgs' commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub label: Option<String>,
    /// The commit of its nixpkgs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub revision: Option<String>,
    /// What the flake of nix-darwin's configuration is locked to, where it stands in a usual place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<Locked>,
}

/// What nix-darwin says of the system that it made.
const VERSION: &str = "/run/current-system/darwin-version.json";

pub(super) fn probe(look: &Look) -> Probe<Nixpkgs> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    match look.managers().get() {
        Ok(managers) if managers.nix_darwin.is_none() => return Probe::not_taken("nix-darwin is not here"),
        _ => {}
    }
    let text =
        |path: &Path| look.host.read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let version = text(Path::new(VERSION)).and_then(|text| parse_darwin_version(&text)).unwrap_or_default();
    let home = look.host.env("HOME").filter(|home| home.starts_with('/'));
    let homes = home.into_iter().map(|home| Path::new(&home).join(".config/nix-darwin"));
    let folders = std::iter::once(PathBuf::from("/etc/nix-darwin")).chain(homes);
    let locked = folders
        .map(|folder| folder.join("flake.lock"))
        .find_map(|path| parse_lock(&path.display().to_string(), &text(&path)?));
    Probe::seen(
        Nixpkgs { label: version.label, revision: version.revision, locked },
        format!("{VERSION}, flake.lock"),
    )
}
