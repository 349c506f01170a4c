//! `nix config show --json`, and what older Nixes have instead. Only whitelisted settings are kept.

use super::{Evidence, Look, Missing, Probe};
use crate::host::Command;
use crate::parse::nix_config::{ConfigError, NixConfig, parse_error, parse_json, parse_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The settings, or what Nix says is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigView {
    /// As the client merged them: system file, user's file, environment.
    Read(Box<NixConfig>),
    /// Nix refuses its configuration, and so does nothing at all.
    Refused(ConfigError),
}

impl Evidence {
    /// The settings, where Nix could read them.
    pub fn settings(&self) -> Result<&NixConfig, Missing> {
        match self.nix_config()? {
            ConfigView::Read(config) => Ok(config),
            ConfigView::Refused(error) => {
                Err(Missing::new(format!("Nix refuses its configuration: {}", error.text)))
            }
        }
    }
}

/// The feature without which `nix config show` does not answer.
const OWN: &str = "nix-command";
/// New, old, oldest.
const FORMS: [&[&str]; 3] = [&["config", "show", "--json"], &["show-config", "--json"], &["show-config"]];

pub(super) fn probe(look: &Look) -> Probe<ConfigView> {
    let Some((path, _)) = super::nix::locate(look.host) else {
        return Probe::blind("there is no Nix to ask");
    };
    let nix = Command::new(path.to_string_lossy()).env("NIX_PAGER", "cat").within(Duration::from_secs(8));
    // Without features of our own at first: what we switch on would be shown as on.
    match look.host.run(&nix.clone().args(FORMS[0].iter().copied())) {
        Ok(output) if output.ok() => {
            if let Ok(config) = parse_json(&output.stdout) {
                return Probe::seen(ConfigView::Read(Box::new(config)), "nix config show --json");
            }
        }
        Ok(output) if output.stopped.is_some() => {
            return Probe::blind(format!("`nix config show --json`: {}", output.ending()));
        }
        _ => {}
    }
    let mut last = String::new();
    for form in FORMS {
        let command = nix.clone().args(["--extra-experimental-features", OWN]).args(form.iter().copied());
        let shown = format!("nix {}", form.join(" "));
        let output = match look.host.run(&command) {
            Ok(output) => output,
            Err(error) => return Probe::blind(format!("`{shown}`: {error}")),
        };
        if output.ok() {
            let json = form.contains(&"--json");
            let read = if json { parse_json(&output.stdout) } else { parse_text(&output.stdout) };
            match read {
                Ok(mut config) => {
                    // The bare command failed, so it was not on before.
                    if let Some(on) = &mut config.experimental_features {
                        on.retain(|feature| feature != OWN);
                    }
                    return Probe::seen(ConfigView::Read(Box::new(config)), shown);
                }
                // The text itself is not kept: it can hold tokens.
                Err(error) => last = format!("`{shown}` cannot be understood: {error}"),
            }
        } else if output.stopped.is_some() || output.signal.is_some() {
            return Probe::blind(format!("`{shown}`: {}", output.ending()));
        } else if is_unknown_command(&output.stderr) {
            last = format!("`{shown}`: {}", output.complaint());
        } else {
            let Some(error) = parse_error(&output.stderr) else {
                return Probe::blind(format!("`{shown}`: {}", output.ending()));
            };
            return Probe::seen(ConfigView::Refused(error), shown);
        }
    }
    Probe::blind(last)
}

fn is_unknown_command(stderr: &str) -> bool {
    ["is not a recognised command", "is not a recognized command", "unrecognised flag", "unrecognized flag"]
        .iter()
        .any(|words| stderr.contains(words))
}
