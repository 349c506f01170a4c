//! Annotations of GitHub Actions, by its workflow commands
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).

use super::{Found, Report};
use crate::prose::line;
use std::fmt::Write;

/// The verdict, one command a finding, and a folded list of all checks; with a newline at its end. The verdict is
/// first, as GitHub keeps ten errors and ten warnings of a step.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let level = match report.verdict {
        "broken" => "error",
        "healthy" => "notice",
        _ => "warning",
    };
    let text = super::short::render(report);
    let text = format!("{}; exit code {}", line(&text), report.exit_code);
    let _ = writeln!(out, "::{level} title=builder-doctor::{}", message(&text));
    for found in &report.findings {
        let _ = writeln!(out, "{}", annotation(found));
    }
    let _ = writeln!(out, "::group::builder-doctor: {} checks", report.checks.len());
    for check in &report.checks {
        // An id stands first: no line begins with the sign of a command.
        let detail = harmless(&message(&line(&check.detail)));
        let _ = writeln!(out, "{} ({}): {}: {detail}", check.id, check.layer, check.status);
    }
    out + "::endgroup::\n"
}

/// The older sign of a command, which the runner heeds anywhere in a line that has no newer one.
fn harmless(text: &str) -> String {
    text.replace("##[", "# #[")
}

fn annotation(found: &Found) -> String {
    let level = match found.severity {
        "error" => "error",
        "warning" => "warning",
        _ => "notice",
    };
    let mut properties = format!("title={}", property(found.id));
    if let Some(place) = found.place {
        let path = property(&line(&place.path));
        let _ = write!(properties, ",file={path},line={},col={}", place.line, place.column.max(1));
    }
    let mut parts = vec![found.seen.to_owned(), format!("Expected: {}", found.expected)];
    if !found.because_of.is_empty() {
        parts.push(format!("It follows from {}", crate::prose::and(&found.because_of)));
    }
    if !found.remedy.commands.is_empty() {
        parts.push(format!("To mend it: {}", found.remedy.commands.join(" && ")));
    }
    let parts: Vec<String> = parts.iter().map(|part| line(part)).collect();
    format!("::{level} {properties}::{}", message(&parts.join("\n")))
}

/// As the runner reads a message.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As the runner reads a property.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_property_or_a_message() {
        assert_eq!(property("a:b,c%\r\nd"), "a%3Ab%2Cc%25%0D%0Ad");
        assert_eq!(harmless("x ##[error]y"), "x # #[error]y");
        assert_eq!(message("::error::x\n::y 100%"), "::error::x%0A::y 100%25");
    }
}
