//! The section of a report on what changed since the machine was last healthy.

use super::Report;
use super::human::Detail;
use super::paint::Paint;
use crate::drift::{Change, Changes};
use crate::prose::{moment, span};

/// More lines than this are for `-v`.
const MOST: usize = 6;

/// The section, without a newline at its end; empty where nothing is known of a healthy time, or all is well.
pub fn section(report: &Report, paint: Paint, detail: Detail) -> String {
    let Some(changes) = &report.changes else { return String::new() };
    let since = since(changes);
    if changes.items.is_empty() {
        return paint.wrap(
            &format!("Nothing that can be seen has changed since it last worked{since}."),
            "",
            "",
        );
    }
    let told: Vec<&Change> = changes
        .items
        .iter()
        .filter(|it| detail >= Detail::Checks || !it.minor || !it.explains.is_empty())
        .collect();
    let most = if detail >= Detail::Checks { told.len() } else { MOST };
    let mut lines = vec![paint.wrap(&format!("Since it last worked{since}:"), "", "")];
    lines.extend(told.iter().take(most).map(|it| item(it, &changes.items, paint)));
    let more = changes.items.len() - told.len().min(most);
    if more > 0 {
        lines.push(paint.dim(&format!("  and {more} more: builder-doctor -v lists them.")));
    }
    lines.join("\n")
}

/// " (2 days ago, 2026-11-21 14:03 UTC)".
fn since(changes: &Changes) -> String {
    match (changes.since, changes.until) {
        (Some(since), Some(until)) if until >= since => {
            format!(" ({} ago, {})", span(until - since), moment(since))
        }
        (Some(since), _) => format!(" ({})", moment(since)),
        (None, _) => String::new(),
    }
}

/// One change of `all` on a line of its own. Where several are of one fact, it is not known which of them explains.
pub(super) fn item(change: &Change, all: &[Change], paint: Paint) -> String {
    let alone = all.iter().filter(|it| !it.minor && it.fact == change.fact).count() == 1;
    let mut text = change.text(paint.arrow());
    if let Some(at) = change.at {
        text = format!("{text} ({})", moment(at));
    }
    if alone && !change.explains.is_empty() {
        text = format!("{text} (explains {})", crate::prose::and(&change.explains));
    }
    if paint.ascii {
        text = text.replace('…', "...");
    }
    paint.wrap(&text, "  - ", "    ")
}
