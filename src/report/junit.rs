//! JUnit's XML, as CI systems read it: a suite a layer, a case a check.
//!
//! An error is a failure; a warning is one where it ends the run with 1 (`--strict`), else it is told in the case's
//! output. What could not be told, or does not apply, is skipped.

use super::{Asked, Found, Report};
use quick_xml::escape::escape;
use std::fmt::Write;

/// The document, with a newline at its end.
pub fn render(report: &Report) -> String {
    let all: Vec<(&Asked, Option<&Found>)> = report
        .checks
        .iter()
        .map(|check| (check, report.findings.iter().find(|found| found.id == check.id)))
        .collect();
    let strict = report.exit_code == 1 && report.verdict == "degraded";
    let fails = |found: &Found| found.severity == "error" || (strict && found.severity == "warning");
    let counts = |cases: &[&(&Asked, Option<&Found>)]| {
        let failures = cases.iter().filter(|(_, found)| found.is_some_and(fails)).count();
        let skipped = cases.iter().filter(|(check, _)| is_skipped(check)).count();
        format!(r#"tests="{}" failures="{failures}" errors="0" skipped="{skipped}""#, cases.len())
    };
    let time = format!("{}.{:03}", report.timings.total_ms / 1000, report.timings.total_ms % 1000);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let whole: Vec<_> = all.iter().collect();
    let _ = writeln!(out, r#"<testsuites name="builder-doctor" {} time="{time}">"#, counts(&whole));
    for (i, layer) in report.chain.iter().map(|station| station.layer).enumerate() {
        let cases: Vec<_> = all.iter().filter(|(check, _)| check.layer == layer).collect();
        if cases.is_empty() {
            continue;
        }
        let _ = writeln!(out, r#"  <testsuite name="{layer}" id="{i}" {} time="0">"#, counts(&cases));
        let _ = writeln!(
            out,
            "    <properties>\n      <property name=\"verdict\" value=\"{}\"/>\n      <property name=\"exit_code\" value=\"{}\"/>\n    </properties>",
            report.verdict, report.exit_code
        );
        for (check, found) in cases {
            let head =
                format!(r#"    <testcase classname="builder-doctor.{layer}" name="{}" time="0""#, check.id);
            let detail = text(&check.detail);
            let _ = match found {
                Some(found) if fails(found) => writeln!(
                    out,
                    "{head}>\n      <failure type=\"{}\" message=\"{detail}\">{}</failure>\n    </testcase>",
                    found.severity,
                    text(&told(found))
                ),
                Some(found) => writeln!(
                    out,
                    "{head}>\n      <system-out>{}: {}</system-out>\n    </testcase>",
                    found.severity,
                    text(&told(found))
                ),
                None if is_skipped(check) => writeln!(
                    out,
                    "{head}>\n      <skipped message=\"{}: {detail}\"/>\n    </testcase>",
                    check.status
                ),
                None => writeln!(out, "{head}/>"),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

fn is_skipped(check: &Asked) -> bool {
    matches!(check.status, "unknown" | "moot")
}

fn told(found: &Found) -> String {
    let mut text =
        format!("{} ({})\nseen: {}\nexpected: {}\n", found.title, found.role, found.seen, found.expected);
    if let Some(place) = found.place {
        let _ = writeln!(text, "where: {}:{}:{}: {}", place.path, place.line, place.column, place.text);
    }
    if !found.because_of.is_empty() {
        let _ = writeln!(text, "because of: {}", found.because_of.join(", "));
    }
    let _ = writeln!(text, "why: {}", found.why);
    for command in &found.remedy.commands {
        let _ = writeln!(text, "    {command}");
    }
    text
}

/// As XML 1.0 can hold it: there are characters that it cannot, not even escaped.
fn text(text: &str) -> String {
    let fits = |c: &char| match c {
        '\t' | '\n' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => !crate::prose::hidden(*c),
    };
    let fit: String = text.chars().filter(fits).collect();
    escape(fit.as_str()).replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(
            text("a<b>&\"'\u{0}\u{1b}\u{fffe}\u{b}\u{85}\u{202e}]]>\n"),
            "a&lt;b&gt;&amp;&quot;&apos;]]&gt;&#10;"
        );
    }
}
