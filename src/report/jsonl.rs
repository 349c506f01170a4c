//! One JSON object a line, as things happen: `start`, each `fact` when it is in (its name and how it went, never
//! what it holds), each `check`, each `finding`, and last `report`, which a reader may wait for.

use super::{Asked, Found, Report, SCHEMA_VERSION, Tool};
use crate::evidence::FACTS;
use serde::Serialize;

/// A line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The first line.
    Start {
        /// [`SCHEMA_VERSION`].
        schema_version: u64,
        /// Who writes.
        tool: Tool,
        /// How many facts are going to be told.
        facts: usize,
    },
    /// A fact is in.
    Fact {
        /// Its name.
        fact: &'a str,
        /// `seen`, `blind` or `not-taken`.
        state: &'a str,
        /// How long it took to take it, in milliseconds; None where that is not known.
        ms: Option<u64>,
    },
    /// A check was judged.
    Check(&'a Asked),
    /// A check failed.
    Finding(&'a Found<'a>),
    /// The last line.
    Report {
        /// `healthy`, `degraded`, `broken` or `unknown`.
        verdict: &'a str,
        /// With what the run ends.
        exit_code: u8,
        /// The look was interrupted.
        interrupted: bool,
        /// Tokens stand for names.
        redacted: bool,
        /// Milliseconds in all.
        total_ms: u64,
    },
}

impl Event<'_> {
    /// As a line with its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// The first line.
pub fn start() -> String {
    let tool = Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
    Event::Start { schema_version: SCHEMA_VERSION, tool, facts: FACTS.len() }.line()
}

/// All lines, for whoever did not hear them as they happened.
pub fn render(report: &Report) -> String {
    let states = report.evidence.states();
    let facts = states.iter().map(|(fact, state)| {
        let took = report.timings.probes.iter().find(|probe| probe.fact == *fact);
        Event::Fact { fact, state, ms: took.map(|took| took.ms) }.line()
    });
    start() + &facts.collect::<String>() + &judged(report)
}

/// What follows the facts.
pub fn judged(report: &Report) -> String {
    let checks = report.checks.iter().map(|check| Event::Check(check).line());
    let findings = report.findings.iter().map(|found| Event::Finding(found).line());
    let last = Event::Report {
        verdict: report.verdict,
        exit_code: report.exit_code,
        interrupted: report.interrupted,
        redacted: report.redacted,
        total_ms: report.timings.total_ms,
    };
    checks.chain(findings).collect::<String>() + &last.line()
}
