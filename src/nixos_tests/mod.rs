//! A flake's NixOS tests: which there are, how one is run, and what a watched build says of it.

pub mod anew;

use serde::Deserialize;
use std::collections::BTreeMap;

/// What every NixOS test of nixpkgs is called.
const PREFIX: &str = "vm-test-run-";
/// What it requires of whoever runs it.
const FEATURE: &str = "nixos-test";
/// So much of a build's end is kept, to see what it names.
const KEPT: usize = 1 << 18;

/// A flake's checks for one system.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Checks {
    /// How many checks the flake has for each system.
    pub systems: BTreeMap<String, usize>,
    /// Those for the system that was asked for, sorted by name.
    pub checks: BTreeMap<String, Shown>,
}

/// What is known of one of them without building it; None where Nix cannot tell.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Shown {
    /// The derivation's name.
    pub name: Option<String>,
    /// The system that it is for.
    pub system: Option<String>,
    /// What it requires, if it says.
    #[serde(default)]
    pub features: Vec<String>,
}

impl Shown {
    /// Whether it is a NixOS test. nixpkgs hides what its tests require, but names them all alike.
    pub fn is_nixos_test(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name.starts_with(PREFIX))
            || self.features.iter().any(|it| it == FEATURE)
    }
}

/// The arguments by which Nix tells this machine's system.
pub const SYSTEM: &[&str] = &["eval", "--impure", "--raw", "--expr", "builtins.currentSystem"];

/// The installable of all checks of a flake.
pub fn of_flake(flake: &str) -> String {
    format!("{flake}#checks")
}

/// What is applied to a flake's checks: [`Checks`]. What one of them throws is kept from the others.
pub fn question(system: &str) -> String {
    let system = quoted(system);
    format!(
        "all: let tried = value: let it = builtins.tryEval value; in if it.success then it.value else null; in {{ \
         systems = builtins.mapAttrs (_: checks: builtins.length (builtins.attrNames checks)) all; \
         checks = builtins.mapAttrs (_: it: {{ name = tried (it.name or null); system = tried (it.system or null); \
         features = let all = tried (it.requiredSystemFeatures or []); in if builtins.isList all then all else []; }}) \
         (all.{system} or {{}}); }}"
    )
}

/// Reads the answer. The error is a fragment that reads after "because".
pub fn parse(text: &str) -> Result<Checks, String> {
    serde_json::from_str(text).map_err(|error| format!("what Nix says of the flake's checks is odd: {error}"))
}

/// Whether Nix says that the flake has no checks at all.
pub fn has_none(stderr: &str) -> bool {
    stderr.contains("does not provide attribute") && stderr.contains("checks")
}

/// The installable of one check.
pub fn installable(flake: &str, system: &str, name: &str) -> String {
    format!("{flake}#checks.{}.{}", attribute(system), attribute(name))
}

/// A name in an attribute's path, in quotes where it needs some.
pub(crate) fn attribute(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"))
}

/// The arguments that build it with its log, and keep no link to the result.
pub const BUILD: &[&str] = &["build", "-L", "--no-link"];

/// What a build that is watched has said.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    name: String,
    end: String,
    /// It was really run, here or on a builder, and not only fetched.
    pub ran: bool,
}

impl Watched {
    /// A build of the derivation of this name.
    pub fn new(name: &str) -> Self {
        Watched { name: name.to_owned(), ..Watched::default() }
    }

    /// Takes in one line, fit to be shown.
    pub fn hear(&mut self, line: &str) {
        self.ran |= self.shows_a_run(line);
        self.end.push_str(line);
        self.end.push('\n');
        if self.end.len() > 2 * KEPT {
            let from = self.end.len() - KEPT;
            let from = (from..self.end.len()).find(|at| self.end.is_char_boundary(*at)).unwrap_or(from);
            self.end.drain(..from);
        }
    }

    /// `building 'DRV'...` is said where the run begins; with ` on 'ssh-ng://…'` it is said as well where the builder has
    /// the result already. A line of the test's own log is as good.
    fn shows_a_run(&self, line: &str) -> bool {
        if self.name.is_empty() {
            return false;
        }
        let begun = line.strip_prefix("building '").and_then(|rest| rest.split_once('\''));
        let own = |path: &str| path.ends_with(&format!("-{}.drv", self.name));
        let logged = line.strip_prefix(self.name.as_str()).is_some_and(|rest| rest.starts_with("> "));
        logged || begun.is_some_and(|(path, rest)| own(path) && rest.trim_end() == "...")
    }

    /// The end of what it said.
    pub fn text(&self) -> &str {
        &self.end
    }

    /// The last derivation of which Nix says how to read the whole log.
    pub fn log_of(&self) -> Option<&str> {
        let said = self.end.lines().filter_map(|line| line.trim().strip_prefix("nix log "));
        said.map(|path| path.trim_matches('\'')).rfind(|path| path.starts_with("/nix/store/"))
    }
}

/// A line of a build, fit to be shown, as far in as it was.
pub fn shown(line: &str) -> String {
    let line = &crate::parse::text::clean(line);
    let begins = line.len() - line.trim_start_matches(' ').len();
    " ".repeat(begins.min(200)) + &crate::prose::line(line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_known_by_its_name_or_by_what_it_requires() {
        // Nix 2.34.8, of a flake with these three.
        let text = r#"{"systems":{"aarch64-darwin":3,"aarch64-linux":2},"checks":{"bad":{"features":["nixos-test"],"name":"bad","system":"aarch64-linux"},"fmt":{"features":[],"name":"fmt","system":"aarch64-darwin"},"good":{"features":[],"name":"vm-test-run-good","system":null}}}"#;
        let all = parse(text).unwrap();
        let tests = all.checks.iter().filter(|(_, it)| it.is_nixos_test());
        assert_eq!(tests.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bad", "good"]);
        assert_eq!(all.systems["aarch64-linux"], 2);
        assert!(parse("{}").is_err());
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(installable(".", "aarch64-linux", "ext-pgjwt"), ".#checks.aarch64-linux.ext-pgjwt");
        assert_eq!(
            installable(".", "aarch64-linux", "a.b\"${c}"),
            ".#checks.aarch64-linux.\"a.b\\\"\\${c}\""
        );
    }

    #[test]
    fn fetched_is_not_run() {
        let heard = |lines: &[&str]| {
            let mut watched = Watched::new("vm-test-run-good");
            lines.iter().for_each(|line| watched.hear(line));
            watched.ran
        };
        let drv = "/nix/store/a1clcgimbqddrnam6r5ivf2wg8jsna4v-vm-test-run-good.drv";
        // Nix 2.34.8, where the builder has the result, and where it has not.
        let sent = format!("building '{drv}' on 'ssh-ng://builder@linux-builder'...");
        assert!(!heard(&[&sent, "copying 0 paths...", "copying 1 paths..."]));
        assert!(heard(&[&sent, "copying 0 paths...", &format!("building '{drv}'...")]));
        assert!(heard(&["vm-test-run-good> running"]));
        assert!(!heard(&["building '/nix/store/a1clcgimbqddrnam6r5ivf2wg8jsna4v-other.drv'...", "other> x"]));
    }

    #[test]
    fn only_the_end_is_kept_and_names_the_log() {
        let mut watched = Watched::new("x");
        for _ in 0..100_000 {
            watched.hear("x> ä line of the test's own");
        }
        watched.hear("         nix log /nix/store/kd76jbsqr9ax3x9k3q308rz626nz2y6i-x.drv");
        assert!(watched.text().len() <= 2 * KEPT);
        assert_eq!(watched.log_of(), Some("/nix/store/kd76jbsqr9ax3x9k3q308rz626nz2y6i-x.drv"));
    }
}
