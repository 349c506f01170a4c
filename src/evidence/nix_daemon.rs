//! The daemon behind the local socket: `NIX_REMOTE=daemon nix store info --json`.

use super::{Look, Probe, Whom};
use crate::parse::store_info::{self, DaemonError, StoreInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the daemon says of itself, or why it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NixDaemon {
    /// Its version, and whether it trusts who asks.
    pub info: StoreInfo,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<DaemonError>,
    /// It took the connection and said nothing for so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_for: Option<u64>,
}

pub(super) fn probe(look: &Look) -> Probe<NixDaemon> {
    let Some(command) = super::nix::command(look.host, &["store", "info", "--json"]) else {
        return Probe::blind("there is no Nix to ask");
    };
    // The settings first, as for `nix --version`.
    look.nix_config();
    let deadline = Duration::from_secs(8);
    let command = command.env("NIX_REMOTE", "daemon").within(deadline);
    let shown = "NIX_REMOTE=daemon nix store info --json";
    match look.host.run(&command) {
        Ok(output) if output.stopped.is_some() => match output.stopped {
            Some(crate::host::Stopped::Deadline(after)) => {
                look.hopeless.cancel("the Nix daemon says nothing, so no build can end");
                Probe::Seen {
                    fact: NixDaemon { silent_for: Some(after.as_secs()), ..NixDaemon::default() },
                    from: shown.to_owned(),
                    as_whom: Whom::Daemon,
                }
            }
            _ => Probe::blind(format!("`{shown}`: {}", output.ending())),
        },
        Ok(output) => {
            let info = store_info::parse(&output.stdout, &output.stderr, output.code);
            let fault = if info.succeeded { None } else { DaemonError::find(&output.stderr) };
            if !info.succeeded && info.error.is_none() {
                // Killed by a signal, or a Nix without this command: nothing said of the daemon.
                return Probe::blind(format!("`{shown}`: {}", output.complaint()));
            }
            Probe::Seen {
                fact: NixDaemon { info, fault, silent_for: None },
                from: shown.to_owned(),
                as_whom: Whom::Daemon,
            }
        }
        Err(error) => Probe::blind(format!("`{shown}`: {error}")),
    }
}
