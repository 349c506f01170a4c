//! `diskutil info`: the volume that is mounted at /nix. It is slow, and so asked only where there is no Nix.

use super::{Look, Probe};
use crate::host::{Command, HostError};
use crate::parse::diskutil::{Info, Volume, parse_info, uuid_in_fstab};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// Why nobody looked.
pub const NIX_IS_THERE: &str = "there is a Nix, so its volume is mounted";

/// /nix/store, and the volume that belongs there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NixVolume {
    /// Whether /nix/store holds anything.
    pub store_filled: bool,
    /// The volume, mounted or not; None where there is none, or nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    /// The launchd job that mounts it, by its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub job: Option<String>,
}

/// The jobs that mount it: upstream's and Determinate's.
pub const JOBS: [&str; 2] = ["org.nixos.darwin-store", "systems.determinate.nix-store"];

pub(super) fn probe(look: &Look) -> Probe<NixVolume> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    if super::nix::locate(look.host).is_some() {
        return Probe::not_taken(NIX_IS_THERE);
    }
    match look.host.list(Path::new("/nix/store")) {
        Ok(names) if names.iter().any(|name| !name.starts_with('.')) => {
            return Probe::seen(NixVolume { store_filled: true, ..NixVolume::default() }, "/nix/store");
        }
        Ok(_) | Err(HostError::NotFound) => {}
        Err(error) => return Probe::blind(format!("/nix/store: {error}")),
    }
    // The name is the installers' choice, and can be changed; /etc/fstab has the volume itself.
    let uuid = look.host.read(Path::new("/etc/fstab")).ok();
    let uuid = uuid.and_then(|bytes| uuid_in_fstab(&String::from_utf8_lossy(&bytes)));
    let mut volume = None;
    for name in uuid.into_iter().chain(["Nix Store".to_owned()]) {
        let command = Command::new("diskutil").args(["info", &name]).within(Duration::from_secs(15));
        let output = match look.host.run(&command) {
            Ok(output) if output.stopped.is_none() => output,
            Ok(output) => return Probe::blind(format!("`{command}`: {}", output.ending())),
            Err(error) => return Probe::blind(format!("`diskutil`: {error}")),
        };
        match parse_info(&format!("{}\n{}", output.stdout, output.stderr)) {
            Info::Volume(found) => {
                volume = Some(found);
                break;
            }
            Info::NoSuch => {}
            Info::Unclear => return Probe::blind(format!("`{command}` cannot be understood")),
        }
    }
    let has =
        |label: &&&str| look.host.lstat(Path::new(&format!("/Library/LaunchDaemons/{label}.plist"))).is_ok();
    let job = JOBS.iter().find(has).map(|label| (*label).to_owned());
    Probe::seen(NixVolume { store_filled: false, volume, job }, "diskutil info")
}
