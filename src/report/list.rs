//! Tables: every check and every topic there is, and every check of a report.

use super::paint::Paint;
use super::{Report, SCHEMA_VERSION};
use crate::check::Check;
use crate::evidence::healthy;
use crate::expectations::Expectations;
use crate::means::{self, Means};
use crate::topics::Topic;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use std::collections::BTreeMap;

/// A check, as the list has it.
#[derive(Serialize)]
pub struct Row {
    id: &'static str,
    layer: &'static str,
    severity: &'static str,
    title: &'static str,
    /// Each means, and how much the check depends on it: `always`, `sometimes` or `never`.
    needs: BTreeMap<&'static str, &'static str>,
    has_fix: bool,
}

/// Whether `fix` can mend it.
pub fn has_fix(check: &Check) -> bool {
    !check.fixes.is_empty()
}

/// The checks that have each of these words in their id, layer, severity, title or needs; all, where there is no word.
pub fn rows(all: &[&'static Check], words: &[String]) -> Vec<Row> {
    let (healthy, want) = (healthy::evidence(), Expectations::default());
    let row = |check: &&'static Check| {
        let needs = means::needs(check, &healthy, &want);
        Row {
            id: check.id,
            layer: check.layer.name(),
            severity: check.severity.name(),
            title: check.title,
            needs: needs.into_iter().map(|(means, need)| (means.name(), need.name())).collect(),
            has_fix: has_fix(check),
        }
    };
    let wanted = |row: &Row| {
        let text = format!("{} {} {} {} {}", row.id, row.layer, row.severity, row.title, row.needed());
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    all.iter().map(row).filter(wanted).collect()
}

impl Row {
    /// What it needs, at least for some forms of the fault.
    fn needed(&self) -> String {
        let needed =
            Means::ALL.map(Means::name).into_iter().filter(|name| self.needs.get(name) != Some(&"never"));
        needed.collect::<Vec<_>>().join(" ")
    }

    fn mark(&self, means: Means) -> &'static str {
        match self.needs.get(means.name()).copied() {
            Some("always") => "yes",
            Some("sometimes") => "some",
            _ => "-",
        }
    }
}

/// Each check of the list in a row; where there is room, with what is true when all is well.
pub fn checks(rows: &[Row], paint: Paint) -> String {
    let mut table = table();
    let mut header = vec!["id", "layer", "severity", "root", "net", "build", "fix"];
    let ids = rows.iter().map(|row| row.id.len()).max().unwrap_or_default();
    // The other columns, and a space after each.
    let room = paint.width.saturating_sub(ids + "machines severity root some build yes   ".len());
    let roomy = room >= 30;
    header.extend(roomy.then_some("when all is well"));
    table.set_header(header);
    for row in rows {
        let mut cells = vec![row.id.to_owned(), row.layer.to_owned(), row.severity.to_owned()];
        cells.extend(Means::ALL.iter().map(|means| row.mark(*means).to_owned()));
        cells.push(if row.has_fix { "yes" } else { "-" }.to_owned());
        cells.extend(roomy.then(|| paint.wrap_at(row.title, room)));
        table.add_row(cells);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    trimmed(&table)
}

/// What the columns mean.
pub fn legend(paint: Paint) -> String {
    let text = "What a check takes to find its fault: root is --sudo; net is lost with --offline, build with --quick; \
                some is for some forms of the fault. fix: builder-doctor fix can mend it. \
                builder-doctor explain ID says more.";
    paint.wrap(text, "", "")
}

/// The list as JSON, with a newline at its end.
pub fn as_json(rows: &[Row], topics: &[&'static Topic]) -> String {
    #[derive(Serialize)]
    struct TopicRow {
        id: &'static str,
        title: &'static str,
    }
    #[derive(Serialize)]
    struct List<'a> {
        schema_version: u64,
        checks: &'a [Row],
        topics: Vec<TopicRow>,
    }
    let topics = topics.iter().map(|it| TopicRow { id: it.id, title: it.title }).collect();
    super::json::written(&List { schema_version: SCHEMA_VERSION, checks: rows, topics })
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
