//! What upstream's Nix left of its daemon on a Mac with Determinate's Nix, whose daemon has another label.

use super::{Look, Probe};
use crate::host::Command;
use crate::parse::launchd::{Printed, parse_print};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why nobody looked.
pub const NOT_DETERMINATE: &str = "this is not Determinate's Nix";
/// The label that most texts on the web name.
pub const UPSTREAM: &str = "org.nixos.nix-daemon";

/// A job of upstream's label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LeftOver {
    /// Its file, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub plist: Option<String>,
    /// Whether launchd has it loaded; None where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded: Option<bool>,
}

pub(super) fn probe(look: &Look) -> Probe<LeftOver> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    if !look.managers().get().is_ok_and(|managers| managers.determinate.is_some()) {
        return Probe::not_taken(NOT_DETERMINATE);
    }
    let path = super::service::usual_place(UPSTREAM);
    let plist = look.host.lstat(Path::new(&path)).is_ok().then_some(path);
    let command = Command::new("launchctl").args(["print", &format!("system/{UPSTREAM}")]);
    let loaded = match look.host.run(&command) {
        Ok(output) if output.stopped.is_none() => {
            match parse_print(output.code, &output.stdout, &output.stderr) {
                Printed::Loaded(_) => Some(true),
                Printed::NotFound => Some(false),
                Printed::Unclear(_) => None,
            }
        }
        _ => None,
    };
    Probe::seen(LeftOver { plist, loaded }, command.to_string())
}
