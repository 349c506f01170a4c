//! The body of an issue, ready to be pasted: what is wrong first, and all that is known folded below it.
//!
//! Nothing foreign breaks out: text is escaped, commands and lines of files stand in fences longer than any that
//! they hold, and no word mentions a person or another issue.

use super::human::{Detail, sentence};
use super::paint::Paint;
use super::{Found, Report, drift};
use crate::prose::{and, line};
use std::fmt::Write;

/// What GitHub takes: 65,536 characters; a little less, as people write above it.
const MOST: usize = 64_000;

/// The body, with a newline at its end.
pub fn render(report: &Report) -> String {
    let mut out = format!("### builder-doctor: {}\n\n", text(&sentence(report)));
    let stations: Vec<String> =
        report.chain.iter().map(|it| format!("{} {}", it.layer, Paint::PLAIN.glyph(it.state))).collect();
    let _ = writeln!(out, "{}\n", stations.join(" → "));
    out.push_str(&versions(report));
    for (i, cause) in report.causes().enumerate() {
        out.push_str(&told(report, cause, i + 1));
    }
    let others: Vec<String> = report
        .findings
        .iter()
        .filter(|found| found.role != "cause")
        .map(|found| {
            let after = match found.because_of.is_empty() {
                true => String::new(),
                false => format!(" (follows from {})", and(&found.because_of)),
            };
            format!("- `{}` ({}, {}): {}{after}\n", found.id, found.role, found.severity, text(found.seen))
        })
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "#### What else was found\n\n{}", others.concat());
    }
    let changes = drift::section(report, Paint { width: 400, ..Paint::PLAIN }, Detail::Findings);
    if !changes.is_empty() {
        let _ = writeln!(out, "#### What changed\n\n{}", fenced("text", &changes));
    }
    out.push_str(&checks(report));
    if !report.timings.probes.is_empty() {
        let rows: String =
            report.timings.probes.iter().map(|it| format!("| {} | {} |\n", it.fact, it.ms)).collect();
        let table = format!("| fact | ms |\n| --- | ---: |\n{rows}");
        out.push_str(&folded(&format!("How long it took: {} ms", report.timings.total_ms), &table));
    }
    let whole = serde_json::to_string(report).unwrap_or_default();
    let folded_report = folded("The report, for `builder-doctor --from`", &fenced("json", &whole));
    if characters(&out) + characters(&folded_report) <= MOST {
        out.push_str(&folded_report);
        return out;
    }
    let note = "The whole report is too long for this place: `builder-doctor --output report.json` writes it to a file, \
                which can be attached.\n";
    cut(out, MOST - characters(note)) + "\n" + note
}

/// What it was, in a table.
fn versions(report: &Report) -> String {
    let e = report.evidence;
    let mut rows = vec![("verdict", format!("{} (exit code {})", report.verdict, report.exit_code))];
    if report.interrupted {
        rows.push(("interrupted", "yes: what is not told here may still be so".to_owned()));
    }
    if let Ok(platform) = e.platform() {
        rows.push(("machine", platform.name()));
    }
    if let Some(version) = e.nix().ok().and_then(|nix| nix.version.as_ref()) {
        rows.push(("Nix", version.text.clone()));
    }
    if let Some(version) = e.nix_daemon().ok().and_then(|daemon| daemon.info.version.as_ref()) {
        rows.push(("daemon", version.to_string()));
    }
    rows.push(("builder-doctor", report.tool.version.to_owned()));
    if let Some(replayed) = &report.replayed
        && let Some(version) = &replayed.version
    {
        rows.push(("seen by", format!("builder-doctor {version}")));
    }
    let rows: String = rows.iter().map(|(name, value)| format!("| {name} | {} |\n", cell(value))).collect();
    format!("| | |\n| --- | --- |\n{rows}\n")
}

fn told(report: &Report, cause: &Found, number: usize) -> String {
    let mut out = format!("#### {number}. `{}` ({}, {})\n\n", cause.id, cause.severity, cause.layer);
    let _ = writeln!(out, "- **Seen**: {}\n- **Expected**: {}", text(cause.seen), text(cause.expected));
    let _ = writeln!(out, "- **Why it matters**: {}\n", text(cause.why));
    if let Some(place) = cause.place {
        let before = place.text.chars().take((place.column.max(1) - 1) as usize);
        let spaces: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let at = format!("{}:{}:{}", place.path, place.line, place.column);
        let _ = writeln!(out, "{}", fenced("text", &format!("{at}\n{}\n{spaces}^", place.text)));
    }
    let remedy = &cause.remedy;
    if !remedy.edit.is_empty() {
        let _ = writeln!(out, "{}", prose(&remedy.edit));
    }
    if !remedy.commands.is_empty() {
        let _ = writeln!(out, "{}", fenced("sh", &remedy.commands.join("\n")));
    }
    if !remedy.note.is_empty() {
        let _ = writeln!(out, "{}", prose(&remedy.note));
    }
    let follows: Vec<&str> =
        report.findings.iter().filter(|it| it.because_of.contains(&cause.id)).map(|it| it.id).collect();
    if !follows.is_empty() {
        let _ = writeln!(out, "It explains {}.\n", and(&follows));
    }
    out
}

fn checks(report: &Report) -> String {
    let rows: String = report
        .checks
        .iter()
        .map(|it| format!("| `{}` | {} | {} | {} |\n", it.id, it.layer, it.status, cell(&line(&it.detail))))
        .collect();
    let count = |status: &str| report.count(status);
    let title = format!(
        "All checks: {} passed, {} failed, {} could not be told, {} do not apply",
        count("pass"),
        count("fail"),
        count("unknown"),
        count("moot")
    );
    folded(&title, &format!("| check | layer | status | what was seen |\n| --- | --- | --- | --- |\n{rows}"))
}

fn folded(title: &str, body: &str) -> String {
    format!("<details><summary>{}</summary>\n\n{}\n</details>\n\n", title.replace('`', ""), body)
}

/// Sentences, and indented lines, which are to be pasted.
fn prose(whole: &str) -> String {
    let mut out = String::new();
    let mut lines = whole.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.strip_prefix("    ") else {
            let _ = writeln!(out, "{}", text(line));
            continue;
        };
        let mut block = vec![first];
        while let Some(next) = lines.next_if(|next| next.starts_with("    ")) {
            block.push(next.strip_prefix("    ").unwrap_or(next));
        }
        out.push_str(&fenced("text", &block.join("\n")));
    }
    out
}

/// A block that nothing in it can end.
fn fenced(language: &str, body: &str) -> String {
    // What is left out may part backticks: they are counted as they are shown.
    let shown = |c: &char| *c == '\n' || *c == '\t' || !crate::prose::hidden(*c);
    let body: String = body.chars().filter(shown).collect();
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", body.trim_end_matches('\n'))
}

/// One line of text: what is between backticks stays code.
fn text(text: &str) -> String {
    escaped(text, false)
}

/// The same in a table.
fn cell(text: &str) -> String {
    escaped(text, true)
}

fn escaped(text: &str, in_a_table: bool) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !crate::prose::hidden(*c))
        .collect();
    let parts: Vec<&str> = text.split('`').collect();
    let paired = parts.len() % 2 == 1;
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        let is_code = paired && i % 2 == 1 && !part.trim().is_empty();
        // In a table, a backslash before a sign that ends a cell would take its escape away.
        if is_code && in_a_table && part.contains("\\|") {
            out.push_str("<code>");
            plain(part, &mut out);
            out.push_str("</code>");
            continue;
        }
        if is_code {
            let code = if in_a_table { part.replace('|', "\\|") } else { (*part).to_owned() };
            let _ = write!(out, "`{code}`");
            continue;
        }
        if i > 0 && !(paired && i % 2 == 0 && !parts[i - 1].trim().is_empty()) {
            out.push_str("\\`");
        }
        plain(part, &mut out);
    }
    out
}

/// Text that is nothing but text.
fn plain(text: &str, out: &mut String) {
    let mut last = [' '; 2];
    for c in text.chars() {
        let before = last;
        last = [last[1], c];
        match c {
            // GH-12 is an issue, as #12 is.
            '-' if before.map(|c| c.to_ascii_uppercase()) == ['G', 'H'] => out.push_str("-&#8203;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A space of no width, so that nobody is called and no issue linked.
            '@' | '#' => {
                out.push(c);
                out.push_str("&#8203;");
            }
            '\\' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Cut at the end of a line, with whatever was open closed again.
fn cut(text: String, most: usize) -> String {
    if characters(&text) <= most {
        return text;
    }
    let room = most.saturating_sub(100);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let kept = &text[..text[..end].rfind('\n').map_or(0, |at| at + 1)];
    let mut fence = None;
    for line in kept.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks == open && line.len() == ticks => fence = None,
            _ => {}
        }
    }
    let mut out = kept.to_owned();
    if let Some(ticks) = fence {
        let _ = writeln!(out, "{}", "`".repeat(ticks.min(90)));
    }
    if kept.matches("<details>").count() > kept.matches("</details>").count() {
        out.push_str("\n</details>\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_breaks_out() {
        assert_eq!(text("@alice #12 <b>*x*"), "@&#8203;alice #&#8203;12 &lt;b&gt;\\*x\\*");
        assert_eq!(text("run `sudo x | y` now"), "run `sudo x | y` now");
        assert_eq!(cell("run `a | b` | c\nd"), "run `a \\| b` \\| c d");
        assert_eq!(text("one ` tick"), "one \\` tick");
        assert_eq!(text("an empty `` pair"), "an empty \\`\\` pair");
        assert_eq!(fenced("sh", "a\n```\nb"), "````sh\na\n```\nb\n````\n");
        assert_eq!(fenced("sh", "``\u{7}`"), "````sh\n```\n````\n");
        assert_eq!(text("as in GH-12"), "as in GH-&#8203;12");
        assert_eq!(cell(r"`a\|<b>`"), r"<code>a\\\|&lt;b&gt;</code>");
    }

    #[test]
    fn what_is_cut_is_closed() {
        let long = format!("<details>\n\n````text\n{}````\n</details>\n", "x\n".repeat(1000));
        let shorter = cut(long, 500);
        assert!(shorter.ends_with("x\n````\n\n</details>\n"), "{shorter}");
        assert!(shorter.chars().count() <= 500);
    }
}
