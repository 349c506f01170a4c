//! Two reports beside each other: the verdicts, the findings that came and went, and what changed of the evidence.

use super::paint::Paint;
use super::{Found, Report, SCHEMA_VERSION};
use crate::drift::{Change, Comparison};
use crate::prose::moment;
use schemars::JsonSchema;
use serde::Serialize;

/// All that is said of two reports.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// As of the report.
    pub schema_version: u64,
    /// Whether nothing at all is different.
    pub same: bool,
    /// The earlier one.
    pub before: Looked,
    /// The later one.
    pub after: Looked,
    /// Findings that only the later one has.
    pub came: Vec<Short>,
    /// Findings that only the earlier one has.
    pub went: Vec<Short>,
    /// What changed of the evidence, what explains a cause of the later one first.
    pub changes: Vec<Change>,
    /// So many values are redacted in one of the two, and cannot be told apart.
    pub untold: usize,
}

/// One of the two.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Looked {
    /// What was read, in words.
    pub source: String,
    /// By today's checks.
    pub verdict: &'static str,
    /// When the evidence was taken, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
    /// Which builder-doctor looked.
    pub version: String,
}

/// A finding in a line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Short {
    /// The fault's name.
    pub id: &'static str,
    /// The layer's name.
    pub layer: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// `cause`, `consequence` or `note`.
    pub role: &'static str,
    /// What was seen.
    pub seen: String,
}

impl Page {
    /// Of two reports and what they were read from.
    pub fn new(before: (&Report, Looked), after: (&Report, Looked), found: Comparison) -> Self {
        let only = |a: &Report, b: &Report| -> Vec<Short> {
            a.findings
                .iter()
                .filter(|it| !b.findings.iter().any(|other| other.id == it.id))
                .map(short)
                .collect()
        };
        let (came, went) = (only(after.0, before.0), only(before.0, after.0));
        let verdicts = before.1.verdict == after.1.verdict;
        Page {
            schema_version: SCHEMA_VERSION,
            same: verdicts && came.is_empty() && went.is_empty() && found.changes.is_empty(),
            before: before.1,
            after: after.1,
            came,
            went,
            changes: found.changes,
            untold: found.untold,
        }
    }

    /// As diff has it: 0 the same, 1 not.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.same)
    }

    /// For machines.
    pub fn json(&self) -> String {
        super::json::written(self)
    }

    /// For people; minor changes only where all is wanted.
    pub fn human(&self, paint: Paint, all: bool) -> String {
        let mut parts = vec![paint.bold(&paint.wrap(&self.sentence(), "", ""))];
        parts.push(format!("{}\n{}", row("before", &self.before, paint), row("after", &self.after, paint)));
        let came = self.came.iter().map(|it| {
            let state = if it.severity == "error" { "broken" } else { "warning" };
            told(&format!("  {} ", paint.glyph(state)), it, paint)
        });
        let went = self.went.iter().map(|it| told(&format!("  {} ", paint.glyph("ok")), it, paint));
        parts.push(section("Findings that came:", came.collect()));
        parts.push(section("Findings that went:", went.collect()));
        let shown = self.changes.iter().filter(|it| all || !it.minor);
        let mut lines: Vec<String> = shown.map(|it| super::drift::item(it, &self.changes, paint)).collect();
        let more = self.changes.len() - lines.len();
        if more > 0 {
            lines.push(paint.dim(&format!("  and {more} of little account: -v lists them.")));
        }
        parts.push(section("What changed:", lines));
        if self.untold > 0 {
            let values = crate::prose::count(self.untold, "value");
            parts.push(paint.wrap(
                &format!(
                    "{values} cannot be compared, as one of the two reports is redacted and the other is not."
                ),
                "",
                "",
            ));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n") + "\n"
    }

    fn sentence(&self) -> String {
        match (self.same, self.before.verdict == self.after.verdict) {
            (true, _) => format!("Nothing changed: {} both times.", self.after.verdict),
            (false, true) => format!("The verdict is the same: {}.", self.after.verdict),
            (false, false) => format!("It was {}, and is {}.", self.before.verdict, self.after.verdict),
        }
    }
}

impl Looked {
    /// Of a report, with what it was read from, and which builder-doctor looked.
    pub fn new(report: &Report, source: String, version: &str) -> Self {
        let taken = report.evidence.taken().ok().map(|taken| taken.at);
        Looked { source, verdict: report.verdict, taken, version: crate::prose::line(version) }
    }
}

fn short(found: &Found) -> Short {
    let Found { id, layer, severity, role, seen, .. } = *found;
    Short { id, layer, severity, role, seen: seen.to_owned() }
}

fn row(name: &str, it: &Looked, paint: Paint) -> String {
    let taken = it.taken.map(|at| format!(", {}", moment(at))).unwrap_or_default();
    let by = if it.version.is_empty() { String::new() } else { format!(", builder-doctor {}", it.version) };
    paint.wrap(&format!("{}{taken}, {}{by}", it.verdict, it.source), &format!("  {name:<7} "), "          ")
}

fn told(lead: &str, it: &Short, paint: Paint) -> String {
    paint.wrap(&format!("{} ({}, {}): {}", it.id, it.severity, it.layer, it.seen), lead, "    ")
}

fn section(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() { String::new() } else { format!("{title}\n{}", lines.join("\n")) }
}
