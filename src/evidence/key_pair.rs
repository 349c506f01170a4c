//! The builder's key pair where it is kept: the public half that the VM was given, the one that was installed for
//! the daemon, and, for root alone, the one that belongs to the private key.

use super::{Look, Probe, machines, service};
use crate::host::{Command, Host, HostError};
use crate::parse::host_key::{ScannedKey, parse_public_key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where the VM's start script installs the private key.
pub const INSTALLED: &str = "/etc/nix/builder_ed25519";

/// The public halves of what is one pair where all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPair {
    /// In the VM's working directory: the guest authorises this one. None where no job names a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<PublicHalf>,
    /// Beside the private key that the daemon dials with.
    pub installed: PublicHalf,
    /// Of that private key itself. None where nobody asked as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<PublicHalf>,
}

/// A public key, and the file that it is in, or that it was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicHalf {
    /// The file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What it holds.
    pub state: HalfState,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HalfState {
    /// This key.
    Key(ScannedKey),
    /// There is no such file.
    Missing,
    /// It cannot be told, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Hidden(String),
}

impl PublicHalf {
    /// The key, where it could be read.
    pub fn key(&self) -> Option<&ScannedKey> {
        match &self.state {
            HalfState::Key(key) => Some(key),
            _ => None,
        }
    }
}

/// Where the VM's own pair is, by its working directory.
pub fn own_path(folder: &str) -> String {
    format!("{}/keys/builder_ed25519.pub", folder.trim_end_matches('/'))
}

/// What everybody may read who may enter the folders.
pub fn read(host: &dyn Host, folder: Option<&str>, key: &str) -> KeyPair {
    KeyPair {
        own: folder.map(|folder| public(host, own_path(folder))),
        installed: public(host, format!("{key}.pub")),
        private: None,
    }
}

/// A file that is to hold a public key; of any other nothing is kept.
fn public(host: &dyn Host, path: String) -> PublicHalf {
    let state = match host.read(Path::new(&path)) {
        Ok(bytes) => match parse_public_key(&String::from_utf8_lossy(&bytes)) {
            Some(key) => HalfState::Key(key),
            None => HalfState::Hidden("it holds no public key".to_owned()),
        },
        Err(HostError::NotFound) => HalfState::Missing,
        Err(error) => HalfState::Hidden(error.to_string()),
    };
    PublicHalf { path, state }
}

/// The public half of a private key, which nobody but ssh-keygen reads; one with a passphrase is not asked for it.
pub fn of_private(host: &dyn Host, key: &str) -> PublicHalf {
    let state = match host.stat(Path::new(key)) {
        Err(HostError::NotFound) => HalfState::Missing,
        _ => match host.run(&Command::new("ssh-keygen").args(["-y", "-P", "", "-f", key])) {
            Ok(output) if output.ok() => match parse_public_key(&output.stdout) {
                Some(key) => HalfState::Key(key),
                None => HalfState::Hidden("`ssh-keygen -y` prints no public key".to_owned()),
            },
            Ok(output) => HalfState::Hidden(format!("`ssh-keygen -y`: {}", output.complaint())),
            Err(error) => HalfState::Hidden(format!("`ssh-keygen`: {error}")),
        },
    };
    PublicHalf { path: key.to_owned(), state }
}

/// The private key that the builder's line names, else the usual one.
pub(super) fn key_of(look: &Look) -> String {
    let machine = look.machines().get().ok().and_then(|all| machines::find_builder(all, look.want));
    let key = machine.and_then(|machine| machine.key.as_ref()).map(|key| key.value.clone());
    key.filter(|key| key.starts_with('/')).unwrap_or_else(|| INSTALLED.to_owned())
}

pub(super) fn probe(look: &Look) -> Probe<KeyPair> {
    let machine = look.machines().get().ok().and_then(|all| machines::find_builder(all, look.want));
    if let Some(machine) = machine.filter(|machine| machine.host != look.want.builder.host) {
        return Probe::not_taken(format!("the builder is {}, which has its keys elsewhere", machine.host));
    }
    let folder = look.builder_job().get().ok().and_then(service::Service::working_directory);
    let pair = read(look.host, folder, &key_of(look));
    let from = pair.own.iter().chain([&pair.installed]).map(|half| half.path.as_str()).collect::<Vec<_>>();
    Probe::seen(pair.clone(), from.join(", "))
}
