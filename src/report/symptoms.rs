//! What pasted output names: most telling first, each with its line, what to look at, and what mends it.

use super::SCHEMA_VERSION;
use super::explain::{OF_AN_EXAMPLE, Piece, advised};
use super::human::prose;
use super::paint::Paint;
use crate::prose::{and, count};
use crate::symptoms::Named;
use crate::topics::Subject;
use serde::Serialize;
use std::fmt::Write;

/// As text, with a newline at its end. `cut` says that not all of the text was read.
pub fn render(all: &[Named], cut: bool, paint: Paint) -> String {
    let mut parts = vec![paint.bold(&paint.wrap(&lead(all), "", ""))];
    if cut {
        let text = "Only its beginning and its end were read: it is larger than 1 MiB.";
        parts.push(paint.dim(&paint.wrap(text, "", "")));
    }
    parts.extend(all.iter().map(|named| part(named, paint)));
    if all.is_empty() {
        parts.push(paint.wrap("To look at the machine itself:", "", ""));
        parts.push("    builder-doctor --sudo".to_owned());
    }
    parts.join("\n\n") + "\n"
}

fn lead(all: &[Named]) -> String {
    match all {
        [] => "The text names no fault that is known.".to_owned(),
        [one] if one.row.harmless => "The text names no fault, but something worth knowing.".to_owned(),
        [_] => "The text names one fault.".to_owned(),
        more => format!("The text names {}, the most telling first.", count(more.len(), "fault")),
    }
}

fn part(named: &Named, paint: Paint) -> String {
    let row = named.row;
    let mut out = paint.bad(row.id);
    let mut line = |name: &str, text: &str| {
        let _ = write!(out, "\n{}", paint.wrap(text, &format!("  {name:<9} "), "            "));
    };
    line(&format!("line {}", named.number), named.line.trim());
    if let Some(detail) = &named.detail {
        line("means", detail);
    }
    match named.subject {
        Some(Subject::Check(check)) => line("expected", &format!("{}.", check.title)),
        Some(Subject::Topic(topic)) => line("so", &format!("{}.", topic.title)),
        _ => {}
    }
    line("look at", row.look_at);
    if !row.or.is_empty() {
        line("or", &format!("The same is said by {}.", and(row.or)));
    }
    let pieces = named.subject.map(advised).unwrap_or_default();
    for piece in &pieces {
        let _ = write!(out, "\n\n  {}{}:", piece.whom(), caution(piece.safety));
        if !piece.edit.is_empty() {
            let _ = write!(out, "\n\n{}", prose(&piece.edit, paint));
        }
        out.push('\n');
        for command in &piece.commands {
            let _ = write!(out, "\n      {}", paint.bold(command));
        }
        if !piece.note.is_empty() {
            let _ = write!(out, "\n\n{}", prose(&piece.note, paint));
        }
    }
    if pieces.iter().any(|piece| piece.of_an_example) {
        let _ = write!(out, "\n\n{}", paint.dim(&paint.wrap(OF_AN_EXAMPLE, "  ", "  ")));
    }
    let _ = write!(out, "\n\n{}", paint.dim(&format!("  More: builder-doctor explain {}", row.id)));
    out
}

fn caution(safety: &str) -> &'static str {
    match safety {
        "disruptive" => " (interrupts running builds)",
        "manual" => " (yours to decide)",
        _ => "",
    }
}

/// As JSON.
pub fn as_json(all: &[Named], cut: bool) -> String {
    #[derive(Serialize)]
    struct Answer<'n> {
        schema_version: u64,
        cut: bool,
        faults: Vec<Fault<'n>>,
    }
    #[derive(Serialize)]
    struct Fault<'n> {
        id: &'static str,
        kind: &'static str,
        title: &'static str,
        line: &'n str,
        line_number: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'n str>,
        look_at: &'static str,
        or: &'static [&'static str],
        remedies: Vec<Piece>,
        docs: String,
    }
    let fault = |named: &'_ Named| -> (&'static str, &'static str) {
        match named.subject {
            Some(Subject::Check(check)) => ("check", check.title),
            Some(Subject::Topic(topic)) => ("topic", topic.title),
            _ => ("check", ""),
        }
    };
    let faults = all.iter().map(|named| {
        let (kind, title) = fault(named);
        Fault {
            id: named.row.id,
            kind,
            title,
            line: &named.line,
            line_number: named.number,
            detail: named.detail.as_deref(),
            look_at: named.row.look_at,
            or: named.row.or,
            remedies: named.subject.map(advised).unwrap_or_default(),
            docs: format!("builder-doctor explain {}", named.row.id),
        }
    });
    super::json::written(&Answer { schema_version: SCHEMA_VERSION, cut, faults: faults.collect() })
}
