//! A check's remedy made out for one machine: who manages its files, and what its things are called.

use crate::check::{Check, Finding, Manager};
use crate::evidence::{Evidence, managers::Managers};
use crate::expectations::Expectations;
use crate::host::quoted;
use crate::prose::line;
use serde::Serialize;

/// What to do about one finding on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prescription {
    /// Each can be typed alone on its line.
    pub commands: Vec<String>,
    /// At least one of them begins with sudo.
    pub needs_root: bool,
    /// `safe`, `disruptive` or `manual`.
    pub safety: &'static str,
    /// What to write into a file first; may be empty.
    pub edit: String,
    /// What else to know; may be empty.
    pub note: String,
}

/// The remedy of a check for this machine.
pub fn prescribe(check: &Check, finding: &Finding, e: &Evidence, want: &Expectations) -> Prescription {
    let advice = check.remedy.by(manager(e));
    let words = vocabulary(e, want);
    let own = finding.words.iter().map(|(name, value)| (*name, value.as_str()));
    let words: Vec<(&str, &str)> =
        own.chain(words.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    // What was found may come from a stranger's report: in a command it is one word and nothing else.
    let safe: Vec<(&str, String)> = words.iter().map(|(name, value)| (*name, quoted(&line(value)))).collect();
    let safe: Vec<(&str, &str)> = safe.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let commands: Vec<String> =
        finding.first.iter().chain(advice.commands).map(|command| filled(command, &safe)).collect();
    Prescription {
        needs_root: commands.iter().any(|command| command.starts_with("sudo ")),
        commands,
        safety: advice.safety.name(),
        edit: filled(advice.edit, &words),
        note: filled(advice.note, &words),
    }
}

/// Whose advice to give.
pub fn manager(e: &Evidence) -> Manager {
    e.managers().map_or(Manager::Nobody, Managers::chief)
}

/// What the `{words}` of every remedy stand for on this machine.
pub fn vocabulary(e: &Evidence, want: &Expectations) -> Vec<(&'static str, String)> {
    let machine = e.builder(want).ok().flatten();
    let host = machine.map_or(want.builder.host.clone(), |it| it.host.clone());
    let key = machine.and_then(|it| it.key.as_ref()).map(|it| it.value.clone());
    let label = want.builder.launchd_label.clone();
    let plist = e.builder_job().map(|job| job.plist.path.clone());
    let daemon = e.managers().map_or("org.nixos.nix-daemon", Managers::daemon_label);
    vec![
        ("host", host),
        ("port", want.builder.port.to_string()),
        ("key", key.unwrap_or_else(|| "/etc/nix/builder_ed25519".to_owned())),
        ("plist", plist.unwrap_or_else(|_| format!("/Library/LaunchDaemons/{label}.plist"))),
        ("label", label),
        ("daemon-label", daemon.to_owned()),
        ("features", want.builder.features.join(" ")),
        ("system", want.builder.systems.first().cloned().unwrap_or_default()),
        ("minimum-version", want.nix.minimum_version.clone()),
        ("experimental-features", want.nix.experimental_features.join(" ")),
    ]
}

/// Puts values in the place of `{names}`; the first of a name counts. Other braces stay.
fn filled(text: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_findings_own_words_come_first() {
        let words = [("key", "/own"), ("key", "/general"), ("host", "h")];
        assert_eq!(filled("chmod 600 {key} # {host} {x}", &words), "chmod 600 /own # h {x}");
    }
}
