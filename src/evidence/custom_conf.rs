//! /etc/nix/nix.custom.conf in nix-darwin's eyes: what its activation will do about that file.

use super::{Look, Probe};
use crate::host::{Command, HostError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file that installers leave, and Determinate's Nix reads.
pub const FILE: &str = "/etc/nix/nix.custom.conf";
/// What nix-darwin runs at every switch: that of the system that is active.
pub const ACTIVATION: &str = "/run/current-system/activate";

/// The file, and whether nix-darwin knows it for an installer's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CustomConf {
    /// Whether it is there.
    pub present: bool,
    /// Whether the activation ends where it does not know the file; None where that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<bool>,
    /// Whether it is one that the activation knows by its hash, and sets aside by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

pub(super) fn probe(look: &Look) -> Probe<CustomConf> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    match look.managers().get() {
        Ok(managers) if managers.nix_darwin.is_none() => return Probe::not_taken("nix-darwin is not here"),
        _ => {}
    }
    match look.host.stat(Path::new(FILE)) {
        Ok(_) => {}
        Err(HostError::NotFound) => return Probe::seen(CustomConf::default(), FILE),
        Err(error) => return Probe::blind(format!("{FILE}: {error}")),
    }
    let mut found = CustomConf { present: true, ..CustomConf::default() };
    if let Ok(script) = look.host.read(Path::new(ACTIVATION)) {
        let script = String::from_utf8_lossy(&script);
        let refuses = refuses(&script);
        found.refused = Some(refuses);
        if refuses {
            found.known = hash(look).map(|hash| script.contains(&hash));
        }
    }
    Probe::seen(found, format!("{FILE}, {ACTIVATION}"))
}

/// nix-darwin's own message, by which the check for the file can be told.
fn refuses(script: &str) -> bool {
    script.lines().any(|line| line.contains("nix.custom.conf") && line.contains("aborting activation"))
}

fn hash(look: &Look) -> Option<String> {
    let output = look.host.run(&Command::new("shasum").args(["-a", "256", FILE])).ok()?;
    let word = output.stdout.split_whitespace().next().filter(|_| output.ok())?;
    (word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit())).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_activation_that_refuses_it_is_known_by_its_message() {
        // The line that nix-darwin 389f6b89 prints; what is around it is shortened.
        let script = "if [[ -e /etc/nix/nix.custom.conf ]]; then\n  printf >&2 '\\e[1;31merror: custom settings in `/etc/nix/nix.custom.conf`, aborting activation\\e[0m\\n'\n  exit 2\nfi\n";
        assert!(refuses(script));
        assert!(!refuses(
            "mv /etc/nix/nix.custom.conf{,.before-nix-darwin}\nerror: x, aborting activation\n"
        ));
    }
}
