//! A check's remedy made out for one machine: who manages its files, and what its things are called.

use crate::check::{Check, Expect, Finding, Layer, Manager, Safety, Verdict};
use crate::evidence::{Evidence, managers::Managers};
use crate::expectations::Expectations;
use crate::host::quoted;
use crate::prose::{hidden, line};
use schemars::JsonSchema;
use serde::Serialize;

/// What to do about one finding on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prescription {
    /// Each can be typed alone on its line.
    pub commands: Vec<String>,
    /// At least one of them begins with sudo.
    pub needs_root: bool,
    /// `safe`, `disruptive` or `manual`.
    #[schemars(with = "Safety")]
    pub safety: &'static str,
    /// What to write into a file first; may be empty.
    pub edit: String,
    /// What else to know; may be empty.
    pub note: String,
}

/// The remedy of a check for this machine.
pub fn prescribe(check: &Check, finding: &Finding, e: &Evidence, want: &Expectations) -> Prescription {
    if let Some(own) = in_ones_own_shell(finding).or_else(|| in_ones_own_file(finding, e)) {
        return own;
    }
    let advice = check.remedy.by(manager(e));
    let words = words(Some(finding), &vocabulary(e, want));
    let safe: Vec<(&str, String)> =
        words.iter().map(|(name, value)| (*name, in_a_command(name, value))).collect();
    let commands = finding.first.iter().chain(advice.commands).map(|command| filled(command, &safe));
    let text = |text: &str| {
        let is_command = |line: &str| line.trim_start().starts_with("sudo ");
        let lines = text.split('\n').map(|line| filled(line, if is_command(line) { &safe } else { &words }));
        lines.collect::<Vec<_>>().join("\n")
    };
    let made = Prescription {
        commands: commands.collect(),
        needs_root: false,
        safety: advice.safety.name(),
        edit: text(advice.edit),
        note: text(advice.note),
    };
    let fitted = for_linux(e, of_another_machine(check, e, want, made));
    Prescription { needs_root: fitted.commands.iter().any(|command| command.starts_with("sudo ")), ..fitted }
}

/// What was found may come from a stranger's report: in a command it is one word and nothing else. What would be
/// read as an option is left for the reader to put in.
fn in_a_command(name: &str, value: &str) -> String {
    if value.starts_with('-') { format!("{{{name}}}") } else { quoted(&line(value)) }
}

/// What a variable of this shell sets, no file takes back.
fn in_ones_own_shell(finding: &Finding) -> Option<Prescription> {
    let place = finding.place.as_ref()?;
    let variable = ["NIX_CONFIG", "NIX_REMOTE_SYSTEMS"].into_iter().find(|name| place.path == *name)?;
    Some(Prescription {
        commands: vec![format!("unset {variable}")],
        needs_root: false,
        safety: Safety::Manual.name(),
        edit: String::new(),
        note: format!(
            "That holds for this shell. What sets it for the next is a start file of the shell (~/.zshenv, ~/.zprofile, \
             ~/.zshrc), a folder's .envrc, or a script that wraps the command. Expected: {}.",
            finding.expected
        ),
    })
}

/// What a user's own file sets, no manager takes back.
fn in_ones_own_file(finding: &Finding, e: &Evidence) -> Option<Prescription> {
    let place = finding.place.as_ref()?;
    let known = e.conf_files().ok().into_iter().flatten().find(|file| file.path == place.path);
    let elsewhere =
        |path: &str| path.starts_with('/') && !path.starts_with("/etc/") && !path.starts_with("/nix/");
    // What the system's file includes may stand anywhere, and is no user's own.
    let own = known.map_or_else(|| elsewhere(&place.path), |file| file.is_own());
    own.then(|| Prescription {
        commands: vec![format!("${{EDITOR:-nano}} {}", in_a_command("file", &place.path))],
        needs_root: false,
        safety: Safety::Manual.name(),
        edit: String::new(),
        note: format!(
            "Line {} of that file, which is your own, sets it: mend or remove it there. Expected: {}.",
            place.line, finding.expected
        ),
    })
}

/// A builder that is not this Mac's VM is not mended by restarting the VM.
fn of_another_machine(check: &Check, e: &Evidence, want: &Expectations, made: Prescription) -> Prescription {
    let other = e.builder(want).ok().flatten().filter(|machine| !e.is_own_vm(machine, want));
    let (Some(machine), Layer::Ssh | Layer::Guest | Layer::Build) = (other, check.layer) else { return made };
    if !made.commands.iter().any(|command| command.contains("launchctl")) {
        return made;
    }
    let host = in_a_command("host", &machine.host);
    Prescription {
        commands: vec![format!("ssh -G {host}"), format!("sudo ssh -v {host} true")],
        safety: Safety::Manual.name(),
        note: format!(
            "{host} is not this Mac's own VM: mend it there, or its line. The commands show where ssh goes, and where it stops."
        ),
        ..made
    }
}

/// Linux has no launchd, and root's group is called root there.
fn for_linux(e: &Evidence, made: Prescription) -> Prescription {
    if !e.platform().is_ok_and(|platform| !platform.is_mac()) {
        return made;
    }
    let fit = |command: String| match command.contains("launchctl") {
        true if command.contains("nix-daemon") => {
            Some("sudo systemctl restart nix-daemon.service".to_owned())
        }
        true => None,
        false => Some(command.replace("root:wheel", "root:root")),
    };
    let note = if made.note.contains("launchctl") { String::new() } else { made.note };
    Prescription { commands: made.commands.into_iter().filter_map(fit).collect(), note, ..made }
}

/// A remedy's text with the words of an example put in, for whoever reads about a check.
pub fn illustrated(text: &str, check: &Check, e: &Evidence, want: &Expectations) -> String {
    let failing =
        check.examples.iter().filter(|example| example.expect == Expect::Fail).find_map(|example| {
            let mut given = e.clone();
            (example.given)(&mut given);
            match (check.judge)(&given, want) {
                Ok(Verdict::Fail(finding)) => Some(finding),
                _ => None,
            }
        });
    let general = vocabulary(e, want);
    // A reader's own process may have the example's number.
    let mut all = vec![("stuck-pid", "PID".to_owned())];
    all.extend(words(failing.as_ref(), &general));
    filled(text, &all)
}

/// Whether a remedy's text names what an example found, which is another thing on each machine.
pub fn names_what_was_found(text: &str, check: &Check, e: &Evidence, want: &Expectations) -> bool {
    let general = vocabulary(e, want);
    filled(text, &words(None, &general)) != illustrated(text, check, e, want)
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
    let label = e.builder_job().map_or_else(|_| want.builder.launchd_label.clone(), |job| job.label.clone());
    let plist = e.builder_job().map(|job| job.plist.path.clone());
    let daemon = e.managers().map_or("org.nixos.nix-daemon", Managers::daemon_label);
    vec![
        ("host", host),
        (
            "port",
            machine
                .and_then(|it| e.port_of(&it.host).ok())
                .map_or(want.builder.port, |it| it.port)
                .to_string(),
        ),
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

/// The finding's own words, then those that hold for the machine. Each is one line, but for lines of a file.
fn words(finding: Option<&Finding>, general: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let own = finding.into_iter().flat_map(|finding| &finding.words);
    let shown = |name: &str, c: &char| !hidden(*c) || (*c == '\n' && name == "line");
    own.chain(general).map(|(name, it)| (*name, it.chars().filter(|c| shown(name, c)).collect())).collect()
}

/// Puts values in the place of `{names}`; the first of a name counts. Other braces stay, those of values too.
fn filled(text: &str, words: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let known = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = words.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        out.push_str(before);
        match known {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ones_own_shell_sets_is_unset_there() {
        let place = crate::evidence::machines::Place {
            path: "NIX_CONFIG".to_owned(),
            line: 1,
            column: 1,
            text: String::new(),
        };
        let finding = crate::check::fail("x", "y").at(Some(&place));
        let e = crate::evidence::healthy::evidence();
        let check = &crate::checks::config::builders_empty::CHECK;
        let done = prescribe(check, &finding, &e, &Expectations::default());
        assert_eq!((done.commands, done.needs_root), (vec!["unset NIX_CONFIG".to_owned()], false));
    }

    #[test]
    fn what_the_systems_file_includes_is_no_users_own() {
        let mut e = crate::evidence::healthy::evidence();
        let file = crate::parse::conf_files::parse("/run/secrets/nix.conf", "builders =\n");
        let place = file.settings[0].place.clone();
        e.conf_files = crate::evidence::Probe::seen(vec![file], "files");
        let finding = crate::check::fail("x", "y").at(Some(&place));
        assert_eq!(in_ones_own_file(&finding, &e), None);
        assert!(in_ones_own_file(&finding, &Evidence::default()).is_some());
    }

    #[test]
    fn the_findings_own_words_come_first() {
        let words = [("key", "/own"), ("key", "/general"), ("host", "h")].map(|(n, v)| (n, v.to_owned()));
        assert_eq!(filled("chmod 600 {key} # {host} {x} { {key}", &words), "chmod 600 /own # h {x} { /own");
    }

    /// A machine of a stranger's report, whose names are not what names are.
    fn odd(host: &str, key: &str) -> Evidence {
        let mut e = crate::evidence::healthy::evidence();
        if let crate::evidence::Probe::Seen { fact, .. } = &mut e.machines {
            let machine = fact.machines.first_mut().unwrap();
            machine.host = host.to_owned();
            machine.key.as_mut().unwrap().value = key.to_owned();
        }
        e
    }

    #[test]
    fn a_value_that_looks_like_a_word_of_ours_is_not_filled_in_again() {
        let check = &crate::checks::guest::kvm_missing_in_guest::CHECK;
        let e = odd("{key}", "; touch /tmp/x;");
        let done = prescribe(check, &crate::check::fail("x", "y"), &e, &Expectations::default());
        for command in &done.commands {
            assert!(!command.contains("touch"), "{command}");
        }
    }

    #[test]
    fn no_value_is_an_option_of_a_command() {
        let e = odd("-oProxyCommand=touch /tmp/x", "/k");
        for check in crate::checks::all() {
            let done = prescribe(check, &crate::check::fail("x", "y"), &e, &Expectations::default());
            for command in &done.commands {
                assert!(!command.contains("ProxyCommand="), "{}: {command}", check.id);
            }
        }
    }
}
