//! Tables: every check and every topic there is, and every check of a report.

use super::Report;
use super::paint::Paint;
use crate::check::Check;
use crate::topics::Topic;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Every check there is, one a row: id, layer, severity, what is true when all is well.
pub fn checks(all: &[&'static Check], paint: Paint) -> String {
    let mut table = table();
    table.set_header(["id, and what is true when all is well", "layer", "severity"]);
    for check in all {
        let title = paint.wrap_at(check.title, paint.width.saturating_sub(24).max(20));
        let cell = format!("{}\n  {}", check.id, title.replace('\n', "\n  "));
        table.add_row([&cell, check.layer.name(), check.severity.name()]);
    }
    trimmed(&table)
}

/// Every topic there is, one a row: id, what is so.
pub fn topics(all: &[&'static Topic], paint: Paint) -> String {
    let mut table = table();
    table.set_header(["topics: what no machine can be judged on"]);
    for topic in all {
        let title = paint.wrap_at(topic.title, paint.width.saturating_sub(4).max(20));
        table.add_row([format!("{}\n  {}", topic.id, title.replace('\n', "\n  "))]);
    }
    trimmed(&table)
}

/// Every check of a report, one a row: state, id, what was seen.
pub fn results(report: &Report, paint: Paint) -> String {
    let plain = Paint { colour: false, ..paint };
    let mut table = table();
    let ids = report.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    // Where little room is left beside the ids, what was seen goes below them.
    let beside = paint.width.saturating_sub(ids + 18);
    let below = beside < 40;
    let room = if below { paint.width.saturating_sub(18).max(20) } else { beside };
    for check in &report.checks {
        let state =
            if check.status == "unknown" && !check.because_of.is_empty() { "blocked" } else { check.status };
        let detail = match check.because_of.as_slice() {
            [] => check.detail.clone(),
            causes => format!("{} (because of {})", check.detail, crate::prose::and(causes)),
        };
        let detail = plain.wrap_at(&crate::prose::line(&detail), room);
        let mut row = vec![plain.glyph(state), check.status.to_owned()];
        if below {
            row.push(format!("{}\n  {}", check.id, detail.replace('\n', "\n  ")));
        } else {
            row.extend([check.id.to_owned(), detail]);
        }
        table.add_row(row);
    }
    trimmed(&table)
}

fn table() -> Table {
    let mut table = Table::new();
    // Wrapped by us, as a table would break paths and commands.
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn trimmed(table: &Table) -> String {
    table.trim_fmt()
}
