//! The report in one line: for a prompt, a status bar, an extension attribute, a chat.

use super::Report;
use crate::prose::line;

/// One line, with a newline at its end: the verdict, the first cause, what was seen, and how many causes more.
pub fn render(report: &Report) -> String {
    let mut causes = report.causes();
    let text = match causes.next() {
        Some(first) => {
            let more = match causes.count() {
                0 => String::new(),
                1 => " (and 1 more cause)".to_owned(),
                more => format!(" (and {more} more causes)"),
            };
            format!("{}: {}: {}{more}", verdict(report), first.id, first.seen.trim_end_matches('.'))
        }
        None => {
            let sentence = super::human::sentence(report);
            format!("{}: {}", verdict(report), sentence.trim_end_matches('.'))
        }
    };
    line(&text) + "\n"
}

fn verdict(report: &Report) -> String {
    match report.interrupted {
        true => format!("{} (interrupted)", report.verdict),
        false => report.verdict.to_owned(),
    }
}
