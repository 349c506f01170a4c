//! The report: everything that any format says, made once from a diagnosis. Renderers decide nothing.

pub mod diff;
pub mod drift;
pub mod explain;
pub mod fleet;
pub mod format;
pub mod github;
pub mod human;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod list;
pub mod markdown;
pub mod mended;
pub mod paint;
pub mod plan;
pub mod prometheus;
pub mod purpose;
pub mod replayed;
pub mod sarif;
pub mod schema;
pub mod setup;
pub mod short;
pub mod symptoms;
pub mod tests_of_flake;
pub mod timings;
pub mod troubleshooting;
pub mod why;

use crate::advice::{Prescription, prescribe};
use crate::check::{Layer, Severity, Verdict};
use crate::diagnosis::{Diagnosis, Link, Role, State};
use crate::drift::Changes;
use crate::evidence::machines::Place;
use crate::evidence::{Evidence, Timing};
use crate::expectations::Expectations;
use crate::fix::{self, Safety};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Additions to the report bump nothing; a change of meaning bumps this.
pub const SCHEMA_VERSION: u64 = 1;

/// The report, as the JSON contract has it; keys and order are part of the contract.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Additions bump nothing; a change of meaning does.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u64,
    /// Who wrote it.
    pub tool: Tool,
    /// What it is for, where that is not `check`: `preflight` asks fewer checks, and is about a builder to come.
    #[serde(skip_serializing_if = "purpose::Purpose::is_usual")]
    #[schemars(default)]
    pub purpose: purpose::Purpose,
    /// `healthy`, `degraded`, `broken` or `unknown`.
    #[schemars(with = "State")]
    pub verdict: &'static str,
    /// 0: no error. 1: an error was found. 2: the report cannot be read or written. 3: no error, but something on the way to a
    /// build could not be told. 4: a fix was rolled back or is stuck. 130: interrupted.
    #[schemars(extend("enum" = [0, 1, 2, 3, 4, 130]))]
    pub exit_code: u8,
    /// The look was interrupted: what is not told here may still be so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// It is about a saved report: where that comes from, and what it cannot show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<replayed::Replayed>,
    /// Tokens such as `<user-1>` stand in for the names of people and machines; false in a file for local use.
    #[schemars(default)]
    pub redacted: bool,
    /// Each layer and how it stands: `ok`, `warning`, `broken`, `blocked`, `unknown`, `skipped`.
    pub chain: Vec<Station>,
    /// Failed checks only: roots first, in rank order, each followed by its consequences; notes last.
    pub findings: Vec<Found<'a>>,
    /// Every check that was asked, in the order of the layers.
    pub checks: Vec<Asked>,
    /// What changed since the machine was last seen healthy, where it no longer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// All facts. `--from` reads only this and the expectations, and judges again.
    pub evidence: &'a Evidence,
    /// By what it was judged.
    pub expectations: &'a Expectations,
    /// How long it took to take the evidence.
    pub timings: Timings,
    /// It is read at a terminal of the very machine, so that its fixes may be offered.
    #[serde(skip)]
    pub offers_fixes: bool,
}

/// Who wrote a report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `builder-doctor`.
    pub name: &'static str,
    /// Such as `0.1.0`.
    pub version: &'static str,
}

/// One layer and how it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Station {
    /// The layer's name.
    #[schemars(with = "Layer")]
    pub layer: &'static str,
    /// How it stands.
    #[schemars(with = "Link")]
    pub state: &'static str,
}

/// A failed check.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found<'a> {
    /// The fault's name.
    #[schemars(with = "schema::CheckId")]
    pub id: &'static str,
    /// The layer's name.
    #[schemars(with = "Layer")]
    pub layer: &'static str,
    /// `error`, `warning` or `note`.
    #[schemars(with = "Severity")]
    pub severity: &'static str,
    /// `cause`, `consequence` or `note`.
    #[schemars(with = "Role")]
    pub role: &'static str,
    /// The causes that a consequence follows from.
    #[schemars(with = "Vec<schema::CheckId>")]
    pub because_of: Vec<&'static str>,
    /// What is true when all is well.
    pub title: &'static str,
    /// What was seen.
    pub seen: &'a str,
    /// What was expected instead.
    pub expected: &'a str,
    /// Where, if a file is to blame.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<&'a Place>,
    /// Why it matters.
    pub why: &'static str,
    /// What mends it on this machine.
    pub remedy: Prescription,
    /// What does so without anybody typing; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Mendable>,
    /// The command that explains it.
    pub docs: String,
}

/// The fix of a finding, whose steps `builder-doctor fix --dry-run` shows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mendable {
    /// Its name.
    pub id: &'static str,
    /// `safe`, `disruptive` or `ask`.
    pub safety: Safety,
    /// How many steps it has.
    pub steps: usize,
    /// A step needs root.
    pub needs_root: bool,
}

/// A check that was asked.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Asked {
    /// The fault's name.
    #[schemars(with = "schema::CheckId")]
    pub id: &'static str,
    /// The layer's name.
    #[schemars(with = "Layer")]
    pub layer: &'static str,
    /// What is true when all is well.
    pub title: &'static str,
    /// `pass`, `fail`, `unknown` or `moot` (the question does not arise). A fact that was not taken by choice, or that an older
    /// report lacks, makes `unknown`.
    #[schemars(extend("enum" = ["pass", "fail", "unknown", "moot"]))]
    pub status: &'static str,
    /// The causes that a failure or a gap follows from.
    #[schemars(with = "Vec<schema::CheckId>")]
    pub because_of: Vec<&'static str>,
    /// What was seen, or why there is no answer.
    pub detail: String,
    /// There is no answer as nobody wanted one (`--quick`, no `--sudo`), or the report is older than the question.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_choice: bool,
}

/// How long it took to take the evidence.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    /// Milliseconds in all.
    pub total_ms: u64,
    /// Each probe, without what it waited for others.
    pub probes: Vec<Timing>,
}

impl<'a> Report<'a> {
    /// The report of a diagnosis.
    pub fn new(d: &'a Diagnosis, e: &'a Evidence, want: &'a Expectations, timings: Timings) -> Self {
        Report {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            purpose: purpose::Purpose::default(),
            verdict: d.state.name(),
            exit_code: d.exit_code(),
            interrupted: false,
            replayed: None,
            redacted: false,
            chain: d
                .chain()
                .into_iter()
                .map(|(layer, link)| Station { layer: layer.name(), state: word(link) })
                .collect(),
            findings: findings(d, e, want),
            checks: d.results.iter().map(asked).collect(),
            changes: None,
            evidence: e,
            expectations: want,
            timings,
            offers_fixes: false,
        }
    }

    /// The causes that a fix mends which is safe here.
    pub fn fixable(&self) -> impl Iterator<Item = &Found<'a>> {
        self.causes().filter(|found| found.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Safe))
    }

    /// The causes: failed checks that nobody else is to blame for.
    pub fn causes(&self) -> impl Iterator<Item = &Found<'a>> {
        self.findings.iter().filter(|found| found.role == "cause")
    }

    /// How many checks have this status.
    pub fn count(&self, status: &str) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

fn word(link: Link) -> &'static str {
    match link {
        Link::Sound => "ok",
        Link::Impaired => "warning",
        Link::Broken => "broken",
        Link::Blocked => "blocked",
        Link::Unknown => "unknown",
        Link::Skipped => "skipped",
    }
}

fn findings<'a>(d: &'a Diagnosis, e: &Evidence, want: &Expectations) -> Vec<Found<'a>> {
    d.findings()
        .map(|(judged, finding, role)| Found {
            id: judged.check.id,
            layer: judged.check.layer.name(),
            severity: judged.severity.name(),
            role: role.name(),
            because_of: judged.because_of.iter().map(|check| check.id).collect(),
            title: judged.check.title,
            seen: &finding.seen,
            expected: &finding.expected,
            place: finding.place.as_ref(),
            why: judged.check.why,
            remedy: prescribe(judged.check, finding, e, want),
            fix: fix::made(judged.check, finding, e, want).and_then(Result::ok).map(|made| Mendable {
                id: made.fix.id,
                safety: made.safety,
                steps: made.steps.len(),
                needs_root: made.needs_root(),
            }),
            docs: format!("builder-doctor explain {}", judged.check.id),
        })
        .collect()
}

fn asked(judged: &crate::diagnosis::Judged) -> Asked {
    let (status, detail) = match &judged.verdict {
        Verdict::Pass(seen) => ("pass", seen.clone()),
        Verdict::Fail(finding) => ("fail", finding.seen.clone()),
        Verdict::Moot(why) => ("moot", why.clone()),
        Verdict::Unknown(missing) => ("unknown", missing.because.clone()),
    };
    Asked {
        id: judged.check.id,
        layer: judged.check.layer.name(),
        title: judged.check.title,
        status,
        because_of: judged.because_of.iter().map(|check| check.id).collect(),
        detail,
        by_choice: matches!(&judged.verdict, Verdict::Unknown(missing) if missing.by_choice),
    }
}
