//! A flake's NixOS tests, listed; and what became of those that were run.

use super::SCHEMA_VERSION;
use super::paint::Paint;
use crate::nixos_tests::{Checks, Shown};
use crate::prose::{count, line, span};
use serde::Serialize;
use std::fmt::Write;

/// The checks of a flake for one system.
pub struct Listed<'l> {
    /// As it was typed.
    pub flake: &'l str,
    /// The system whose checks these are.
    pub system: &'l str,
    /// They.
    pub found: &'l Checks,
    /// Also those that are no NixOS tests.
    pub all: bool,
}

impl Listed<'_> {
    /// What is listed.
    pub fn rows(&self) -> Vec<(&str, &Shown)> {
        let wanted = |(_, it): &(&str, &Shown)| self.all || it.is_nixos_test();
        self.found.checks.iter().map(|(name, it)| (name.as_str(), it)).filter(wanted).collect()
    }

    fn systems(&self) -> impl Iterator<Item = (&str, usize)> {
        let others = self.found.systems.iter().map(|(system, number)| (system.as_str(), *number));
        others.filter(|(system, number)| *system != self.system && *number > 0)
    }

    /// For people, with a newline at its end.
    pub fn render(&self, paint: Paint) -> String {
        let rows = self.rows();
        let wide = rows.iter().map(|(name, _)| line(name).chars().count()).max().unwrap_or_default();
        let mut out = String::new();
        for (name, it) in &rows {
            let on = it.system.as_deref().map_or_else(|| "a system that is not told".to_owned(), line);
            let other = if it.is_nixos_test() { "" } else { ", no NixOS test" };
            let name = line(name);
            let _ = writeln!(out, "{name:wide$}  {}", paint.dim(&format!("runs on {on}{other}")));
        }
        let system = line(self.system);
        let what = if self.all { "check" } else { "NixOS test" };
        let said = match rows.len() {
            0 => format!("The flake has no {what} for {system}."),
            some => format!("{} for {system}.", count(some, what)),
        };
        let gap = if rows.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{}", paint.wrap(&said, "", ""));
        let left = self.found.checks.len() - rows.len();
        if left > 0 {
            let said = format!("{} besides: --all.", count(left, "other check"));
            let _ = writeln!(out, "{}", paint.wrap(&said, "", ""));
        }
        for (other, number) in self.systems().filter(|_| rows.is_empty()) {
            let other = line(other);
            let said = format!("It has {} for {other}: --system {other}.", count(number, "check"));
            let _ = writeln!(out, "{}", paint.wrap(&said, "", ""));
        }
        if let Some((name, _)) = rows.first() {
            let flake = crate::host::quoted(self.flake);
            let name = crate::host::quoted(&line(name));
            let _ = writeln!(out, "\nRun one with its log:\n\n    builder-doctor tests {flake} {name}");
        }
        out
    }

    /// As JSON.
    pub fn as_json(&self) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            schema_version: u64,
            flake: &'a str,
            system: &'a str,
            tests: Vec<Row<'a>>,
            other_systems: Vec<&'a str>,
        }
        #[derive(Serialize)]
        struct Row<'a> {
            name: &'a str,
            derivation: Option<&'a str>,
            runs_on: Option<&'a str>,
            nixos_test: bool,
        }
        let row = |(name, it): (&'_ str, &'_ Shown)| -> (String, Option<String>, Option<String>, bool) {
            (name.to_owned(), it.name.clone(), it.system.clone(), it.is_nixos_test())
        };
        let rows: Vec<_> = self.rows().into_iter().map(row).collect();
        let tests = rows.iter().map(|(name, derivation, runs_on, nixos_test)| Row {
            name,
            derivation: derivation.as_deref(),
            runs_on: runs_on.as_deref(),
            nixos_test: *nixos_test,
        });
        super::json::written(&Answer {
            schema_version: SCHEMA_VERSION,
            flake: self.flake,
            system: self.system,
            tests: tests.collect(),
            other_systems: self.systems().map(|(system, _)| system).collect(),
        })
    }
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It ran, and passed.
    Passed,
    /// It passed before: its result was in a store or a cache, and nothing ran.
    PassedBefore,
    /// It ran and failed, or could not be run.
    Failed,
    /// The run was broken off.
    Interrupted,
}

/// What became of a test.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// As in the flake.
    pub name: String,
    /// How it ended.
    pub result: Ended,
    /// How long it took.
    pub seconds: u64,
    /// What was run.
    pub command: String,
    /// Where it failed: what prints the whole log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Where it failed: the known fault, or the topic, that its words name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Where it could not even be tried, why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The exit code: 0 all passed, 1 one failed, 130 broken off.
pub fn exit_code(all: &[Outcome]) -> u8 {
    let any = |ended| all.iter().any(|it| it.result == ended);
    match (any(Ended::Interrupted), any(Ended::Failed)) {
        (true, _) => 130,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// As JSON.
pub fn summary_as_json(all: &[Outcome]) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        schema_version: u64,
        exit_code: u8,
        tests: &'a [Outcome],
    }
    super::json::written(&Answer { schema_version: SCHEMA_VERSION, exit_code: exit_code(all), tests: all })
}

/// For people, with a newline at its end.
pub fn summary(all: &[Outcome], paint: Paint) -> String {
    let wide = all.iter().map(|it| line(&it.name).chars().count()).max().unwrap_or_default();
    let mut out = String::new();
    for it in all {
        let (glyph, said) = match it.result {
            Ended::Passed => ("ok", "passed"),
            Ended::PassedBefore => ("ok", "passed before; nothing ran (--rerun runs it anew)"),
            Ended::Failed => ("fail", "failed"),
            Ended::Interrupted => ("unknown", "interrupted"),
        };
        let name = line(&it.name);
        let _ = writeln!(out, "{} {name:wide$}  {:>11}  {said}", paint.glyph(glyph), span(it.seconds));
        if let Some(because) = &it.because {
            let _ = writeln!(out, "{}", paint.wrap(&format!("{because}."), "    ", "    "));
        }
        if let Some(fault) = it.fault {
            let _ = writeln!(out, "    this is {fault}: builder-doctor explain {fault}");
        }
        if let Some(log) = &it.log {
            let _ = writeln!(out, "    whole log: {log}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn outcome(result: Ended) -> Outcome {
        let (name, command) = ("ext-pgjwt".to_owned(), "nix build".to_owned());
        Outcome { name, result, seconds: 61, command, log: None, fault: None, because: None }
    }

    #[test]
    fn the_worst_ending_is_the_exit_code() {
        let code = |all: &[Ended]| exit_code(&all.iter().copied().map(outcome).collect::<Vec<_>>());
        assert_eq!(code(&[Ended::Passed, Ended::PassedBefore]), 0);
        assert_eq!(code(&[Ended::Passed, Ended::Failed]), 1);
        assert_eq!(code(&[Ended::Failed, Ended::Interrupted]), 130);
    }

    #[test]
    fn a_summary_names_the_fault_and_the_log() {
        let mut failed = outcome(Ended::Failed);
        failed.fault = Some("machines-feature-missing");
        failed.log = Some("nix log /nix/store/x.drv".to_owned());
        let text = summary(&[outcome(Ended::PassedBefore), failed], Paint { ascii: true, ..Paint::PLAIN });
        assert!(text.contains("nothing ran (--rerun runs it anew)"), "{text}");
        assert!(text.contains("builder-doctor explain machines-feature-missing"), "{text}");
        assert!(text.contains("whole log: nix log /nix/store/x.drv"), "{text}");
    }

    #[test]
    fn where_there_is_none_the_other_systems_are_named() {
        let found = Checks {
            systems: BTreeMap::from([("aarch64-linux".to_owned(), 2), ("aarch64-darwin".to_owned(), 0)]),
            checks: BTreeMap::new(),
        };
        let listed = Listed { flake: ".", system: "aarch64-darwin", found: &found, all: false };
        let text = listed.render(Paint::PLAIN);
        assert!(text.contains("no NixOS test for aarch64-darwin"), "{text}");
        assert!(text.contains("2 checks for aarch64-linux: --system aarch64-linux"), "{text}");
    }
}
