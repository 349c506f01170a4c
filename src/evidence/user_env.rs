//! What the caller's environment says to Nix. Of NIX_CONFIG only whitelisted names, and harmless values.

use super::{Look, Probe};
use crate::parse::conf_files::{Setting, parse_variable};
use crate::parse::text::{cut, scrub};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The variables by which a shell changes what Nix does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UserEnv {
    /// NIX_CONFIG: which settings it sets, as a file would; None where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nix_config: Option<Vec<Setting>>,
    /// NIX_REMOTE_SYSTEMS: the machines files that it names; None where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub nix_remote_systems: Option<Vec<String>>,
    /// NIX_USER_CONF_FILES is set: the user's own files are elsewhere.
    pub nix_user_conf_files: bool,
    /// NIX_SSHOPTS is set.
    pub nix_sshopts: bool,
    /// NIX_REMOTE: the store, scrubbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub nix_remote: Option<String>,
    /// NIX_SSL_CERT_FILE: a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub nix_ssl_cert_file: Option<String>,
}

pub(super) fn probe(look: &Look) -> Probe<UserEnv> {
    let text = |name| look.host.env(name).map(|value| scrub(&cut(&value, 1000)));
    let found = UserEnv {
        nix_config: look.host.env("NIX_CONFIG").map(|value| parse_variable(&value)),
        nix_remote_systems: text("NIX_REMOTE_SYSTEMS").map(|value| paths(&value)),
        nix_user_conf_files: look.host.env("NIX_USER_CONF_FILES").is_some(),
        nix_sshopts: look.host.env("NIX_SSHOPTS").is_some(),
        nix_remote: text("NIX_REMOTE"),
        nix_ssl_cert_file: text("NIX_SSL_CERT_FILE"),
    };
    Probe::seen(found, "six variables of the environment")
}

/// The machines files of a NIX_REMOTE_SYSTEMS.
pub fn paths(value: &str) -> Vec<String> {
    value.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}
