//! The report for somebody in a hurry: the verdict in the first line, the next step in the last.

use super::paint::Paint;
use super::{Found, Report};
use crate::evidence::machines::Place;
use crate::evidence::root_view::ONLY_ROOT;
use crate::prose::{and, count};
use std::fmt::Write;

/// How much to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What is wrong.
    #[default]
    Findings,
    /// And each check with what was seen.
    Checks,
    /// And each probe with its time.
    Probes,
}

/// The report as text, with a newline at its end.
pub fn render(report: &Report, paint: Paint, detail: Detail) -> String {
    let mut parts = vec![verdict(report, paint), chain(report, paint)];
    parts.extend(report.causes().map(|cause| finding(report, cause, paint)));
    let orphans = report.findings.iter().filter(|found| {
        found.role == "consequence" && !report.causes().any(|cause| found.because_of.contains(&cause.id))
    });
    parts.extend(orphans.map(|found| finding(report, found, paint)));
    let notes: Vec<String> =
        report.findings.iter().filter(|found| found.role == "note").map(|f| note(f, paint)).collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    parts.push(rest(report, paint));
    if detail >= Detail::Checks {
        parts.push(super::list::results(report, paint));
    }
    if detail >= Detail::Probes {
        parts.push(probes(report));
    }
    parts.push(next(report, paint));
    parts.retain(|part| !part.is_empty());
    at_home(report, &parts.join("\n\n")) + "\n"
}

/// `~` for the home of whoever ran the doctor, which shells read the same.
fn at_home(report: &Report, text: &str) -> String {
    let user = report.evidence.user().ok().and_then(|user| user.name.as_deref());
    match user.filter(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    }) {
        Some(name) => text.replace(&format!("/Users/{name}/"), "~/").replace(&format!("/home/{name}/"), "~/"),
        None => text.to_owned(),
    }
}

/// The verdict in a sentence.
pub fn sentence(report: &Report) -> String {
    if report.interrupted {
        return "Interrupted: this is what was seen until then.".to_owned();
    }
    let causes: Vec<&Found> = report.causes().collect();
    let more = |all: &[&Found]| match all.len() {
        0 | 1 => String::new(),
        2 => " (and one more cause)".to_owned(),
        many => format!(" (and {} more causes)", many - 1),
    };
    match (report.verdict, causes.first()) {
        ("broken", Some(first)) if first.layer == "cache" => {
            let subject = proven(report, "The builder works", "A binary cache cannot be used");
            let link = proven(report, ", but ", ": ");
            format!("{subject}{link}{}{}.", seen(first), more(&causes))
        }
        ("broken", Some(first)) => format!("Linux builds are broken: {}{}.", seen(first), more(&causes)),
        ("broken", None) => "Linux builds are broken.".to_owned(),
        ("degraded", Some(first)) => {
            format!(
                "Linux builds {}, but {}{}.",
                proven(report, "run", "are not known to fail"),
                seen(first),
                more(&causes)
            )
        }
        ("unknown", _) => format!("No fault was found, but {}.", first_gap(report)),
        _ => match proven(report, "yes", "no") {
            "yes" => "The Linux builder works.".to_owned(),
            _ => "No fault was found; no test build was made.".to_owned(),
        },
    }
}

/// What was seen, without a dot of its own at the end of the sentence that it becomes part of.
fn seen<'f>(found: &Found<'f>) -> &'f str {
    found.seen.trim_end_matches('.')
}

fn proven<'s>(report: &Report, yes: &'s str, no: &'s str) -> &'s str {
    if report.evidence.any_build_ran() { yes } else { no }
}

fn first_gap(report: &Report) -> String {
    let gap = report
        .checks
        .iter()
        .find(|it| it.status == "unknown" && it.because_of.is_empty() && it.detail != ONLY_ROOT);
    gap.map_or_else(
        || "something on the way to a build could not be told".to_owned(),
        |gap| format!("{} could not be told: {}", gap.id, gap.detail),
    )
}

fn verdict(report: &Report, paint: Paint) -> String {
    let text = paint.wrap(&sentence(report), "", "");
    let whole = |colour: &dyn Fn(&str) -> String| text.lines().map(colour).collect::<Vec<_>>().join("\n");
    match report.verdict {
        "broken" => whole(&|line| paint.bad(line)),
        "healthy" => whole(&|line| paint.bold(&paint.good(line))),
        _ => whole(&|line| paint.warn(line)),
    }
}

/// The one line that tells where the way to a build breaks off.
fn chain(report: &Report, paint: Paint) -> String {
    let mut lines = vec![String::new()];
    let mut columns = 0;
    let arrow = format!(" {} ", paint.arrow());
    for (i, station) in report.chain.iter().enumerate() {
        let plain = Paint { colour: false, ..paint };
        let wide = station.layer.len() + 1 + plain.glyph(station.state).chars().count();
        let between = if i == 0 { 0 } else { arrow.chars().count() };
        if columns + between + wide > paint.width.max(40) {
            lines.push("  ".to_owned());
            columns = 2;
        }
        if let Some(line) = lines.last_mut() {
            let lead = if i == 0 { "" } else { arrow.as_str() };
            let _ = write!(line, "{lead}{} {}", station.layer, paint.glyph(station.state));
        }
        columns += between + wide;
    }
    lines.join("\n")
}

fn finding(report: &Report, found: &Found, paint: Paint) -> String {
    let state = if found.severity == "error" { "broken" } else { "warning" };
    let mut out = format!("{} {}", paint.glyph(state), paint.severity(found.severity, found.id));
    let _ = write!(out, " {}", paint.dim(&format!("({}, {})", found.severity, found.layer)));
    let mut row = |name: &str, text: &str| {
        let _ = write!(out, "\n{}", paint.wrap(text, &format!("  {name:<9} "), "            "));
    };
    row("seen", found.seen);
    row("expected", found.expected);
    row("why", found.why);
    if let Some(place) = found.place {
        out.push_str(&caret(place, paint));
    }
    let remedy = &found.remedy;
    if !remedy.edit.is_empty() {
        let _ = write!(out, "\n\n{}", prose(&remedy.edit, paint));
    }
    if !remedy.commands.is_empty() {
        let mut caution = Vec::new();
        if remedy.needs_root {
            caution.push("needs root");
        }
        match remedy.safety {
            "disruptive" => caution.push("interrupts running builds"),
            "manual" => caution.push("yours to decide"),
            _ => {}
        }
        let lead = if remedy.edit.is_empty() { "Do this" } else { "Then do this" };
        let caution = if caution.is_empty() { String::new() } else { format!(" ({})", caution.join(", ")) };
        let _ = write!(out, "\n\n  {lead}{caution}:\n");
        for command in &remedy.commands {
            let _ = write!(out, "\n      {}", paint.bold(command));
        }
    }
    if !remedy.note.is_empty() {
        let _ = write!(out, "\n\n{}", prose(&remedy.note, paint));
    }
    let follows: Vec<&str> =
        report.findings.iter().filter(|it| it.because_of.contains(&found.id)).map(|it| it.id).collect();
    if !follows.is_empty() {
        let text = format!("It explains {}.", and(&follows));
        let _ = write!(out, "\n\n{}", paint.dim(&paint.wrap(&text, "  ", "  ")));
    }
    let also: Vec<&str> = found.because_of.clone();
    if !also.is_empty() {
        let _ = write!(out, "\n\n{}", paint.dim(&format!("  It follows from {}.", and(&also))));
    }
    out
}

/// Sentences, wrapped; an indented line is to be pasted, and so stays as it is.
pub(super) fn prose(text: &str, paint: Paint) -> String {
    let shown = text.lines().map(|line| match line.strip_prefix("    ") {
        Some(config) => format!("      {}", paint.bold(config)),
        None if line.is_empty() => String::new(),
        None => paint.wrap(line, "  ", "  "),
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// File, line and column, the line, and a caret under the guilty word.
fn caret(place: &Place, paint: Paint) -> String {
    let column = place.column.max(1) as usize;
    let room = paint.width.max(40) - 6;
    // A machines line is long: show the part around the column.
    let text: Vec<char> = place.text.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let from =
        if text.len() <= room { 0 } else { (column - 1).saturating_sub(room / 2).min(text.len() - room + 2) };
    let (cut, tail) = (from > 0, from + room < text.len());
    let more = if paint.ascii { '~' } else { '…' };
    let mut shown: String = text.iter().skip(from).take(room).collect();
    if cut {
        shown = std::iter::once(more).chain(shown.chars().skip(1)).collect();
    }
    if tail {
        shown.pop();
        shown.push(more);
    }
    let spot = " ".repeat((column - 1).min(text.len()).saturating_sub(from));
    format!(
        "\n\n  {}\n    {}\n    {spot}{}",
        paint.dim(&format!("{}:{}:{}", place.path, place.line, place.column)),
        crate::prose::line(&shown),
        paint.bad("^")
    )
}

fn note(found: &Found, paint: Paint) -> String {
    let text = format!("{} ({}): {}.", found.id, found.layer, found.seen);
    paint.dim(&paint.wrap(&text, "  note: ", "        "))
}

/// What passed, what could not be told and why, and what this machine is: one line each.
fn rest(report: &Report, paint: Paint) -> String {
    let mut lines = Vec::new();
    let mut counts = vec![format!("{} passed", count(report.count("pass"), "check"))];
    match report.count("moot") {
        0 => {}
        1 => counts.push("1 does not apply".to_owned()),
        many => counts.push(format!("{many} do not apply")),
    }
    let unknown = || report.checks.iter().filter(|it| it.status == "unknown");
    let open = unknown().filter(|it| it.because_of.is_empty()).count();
    let blocked = unknown().count() - open;
    let unasked = unknown().filter(|it| it.because_of.is_empty() && it.by_choice).count();
    // With --only, what they wait for may not be shown.
    let shown = report.checks.iter().any(|it| it.status == "fail");
    let waits = if shown { "wait for that to be mended" } else { "wait for checks that are left out" };
    let gaps = [(blocked, waits), (unasked, "were not asked"), (open - unasked, "could not be told")];
    for (number, words) in gaps {
        let words = match number {
            1 => words
                .replace("were", "was")
                .replace("wait ", "waits ")
                .replace("for checks that are", "for a check that is"),
            _ => words.to_owned(),
        };
        if number > 0 {
            counts.push(format!("{number} {words}"));
        }
    }
    lines.push(format!("{}.", counts.join(", ")));
    let only_root = unknown().filter(|it| it.because_of.is_empty() && it.detail == ONLY_ROOT);
    let settles: Vec<&str> = only_root.map(|it| it.id).collect();
    if !settles.is_empty() {
        let more = match settles.len() {
            0..=3 => and(&settles),
            many => format!("{} and {} more", settles[..2].join(", "), many - 2),
        };
        lines.push(format!("Only root can tell {more}: builder-doctor --sudo settles it."));
    }
    lines.push(about(report));
    lines.iter().map(|line| paint.wrap(line, "", "")).collect::<Vec<_>>().join("\n")
}

/// Versions, so that a healthy report is worth pasting too.
fn about(report: &Report) -> String {
    let e = report.evidence;
    let mut parts = Vec::new();
    if let Ok(platform) = e.platform() {
        parts.push(platform.name());
    }
    if let Some(version) = e.nix().ok().and_then(|nix| nix.version.as_ref()) {
        parts.push(version.text.clone());
    }
    if let Some(version) = e.nix_daemon().ok().and_then(|daemon| daemon.info.version.as_ref()) {
        parts.push(format!("daemon {version}"));
    }
    if let Some(guest) = e.root_view().ok().and_then(|view| view.login.as_ref()?.version.as_ref()) {
        parts.push(format!("builder's Nix {guest}"));
    }
    parts.push(format!("builder-doctor {}", report.tool.version));
    let mut text = parts.join(", ") + ".";
    let ran: Vec<_> = e.builds().into_iter().flatten().filter(|build| build.ran_on_a_builder()).collect();
    if let Some(first) = ran.first() {
        let what: Vec<String> = ran.iter().map(|build| build.what()).collect();
        text = format!("Test builds ran on {} for {}.\n{text}", first.machine(), and(&what));
    }
    text
}

fn probes(report: &Report) -> String {
    let mut text = String::from("Probes, slowest first:");
    let mut probes: Vec<_> = report.timings.probes.iter().collect();
    probes.sort_by_key(|probe| std::cmp::Reverse(probe.ms));
    for probe in probes {
        let _ = write!(text, "\n  {:>6} ms  {}", probe.ms, probe.fact);
    }
    text
}

/// The last line: what to do next.
fn next(report: &Report, paint: Paint) -> String {
    let first = report.causes().next();
    if let Some(offer) = super::plan::offer(report) {
        return paint.wrap(&offer, "", "");
    }
    let text = match (report.verdict, first) {
        ("broken" | "degraded", Some(first))
            if first.remedy.commands.len() == 1 && first.remedy.edit.is_empty() =>
        {
            format!("Next: run the command under {}, then builder-doctor again.", first.id)
        }
        ("broken" | "degraded", Some(first)) => {
            format!("Next: do what {} says, then run builder-doctor again.", first.id)
        }
        ("unknown", _) => "Next: builder-doctor -v lists what could not be told, and why.".to_owned(),
        _ if proven(report, "yes", "no") == "no" && report.verdict == "healthy" => {
            "Next: builder-doctor without --quick makes the test build that proves it.".to_owned()
        }
        _ => "Next: nothing to do.".to_owned(),
    };
    paint.wrap(&text, "", "")
}
