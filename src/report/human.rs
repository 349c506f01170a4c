//! The report for somebody in a hurry: the verdict in the first line, the next step in the last.

use super::paint::Paint;
use super::purpose::Purpose;
use super::{Asked, Found, Report, Station};
use crate::checks::preflight::already_set_up;
use crate::evidence::machines::Place;
use crate::evidence::root_view::ONLY_ROOT;
use crate::evidence::setup::installed_by;
use crate::prose::{and, count, hidden};
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
    let mut parts = vec![paint.headline(report.verdict == "broken", &headline(report)), chain(report, paint)];
    parts.extend(report.causes().map(|cause| finding(report, cause, paint)));
    let orphans = report.findings.iter().filter(|found| {
        found.role == "consequence" && !report.causes().any(|cause| found.because_of.contains(&cause.id))
    });
    parts.extend(orphans.map(|found| finding(report, found, paint)));
    let notes: Vec<String> =
        report.findings.iter().filter(|found| found.role == "note").map(|f| note(report, f, paint)).collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    if report.verdict == "unknown" {
        parts.push(gaps(report, paint));
    }
    parts.push(at_home(report, &super::drift::section(report, paint, detail)));
    parts.push(rest(report, paint));
    parts.extend(report.replayed.as_ref().map(|it| super::replayed::render(it, report.tool.version, paint)));
    if detail >= Detail::Checks {
        parts.push(at_home(report, &super::list::results(report, paint)));
    }
    if detail >= Detail::Probes {
        parts.push(super::timings::chart(&report.timings, paint).trim_end().to_owned());
    }
    parts.push(next(report, paint));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

/// `~` for the home of whoever ran the doctor, in what is to be read. Between quotes no shell reads it so, and a
/// path may go on before it.
fn at_home(report: &Report, text: &str) -> String {
    with_tilde(report, text, |before| before.is_none_or(|c| !c.is_alphanumeric() && !"'\"/._-=".contains(c)))
}

/// The same, but for indented lines: a file's own syntax may not know `~`.
fn at_home_in_prose(report: &Report, text: &str) -> String {
    let line = |line: &str| match line.starts_with("    ") {
        true => line.to_owned(),
        false => at_home(report, line),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The same in a command, where `~` holds at the beginning of a word only.
fn at_home_in_a_command(report: &Report, command: &str) -> String {
    match command.contains(['\'', '"', '\\']) {
        true => command.to_owned(),
        false => with_tilde(report, command, |before| before.is_none_or(char::is_whitespace)),
    }
}

fn with_tilde(report: &Report, text: &str, fits: impl Fn(Option<char>) -> bool) -> String {
    let user = report.evidence.user().ok().and_then(|user| user.name.as_deref());
    let plain = |name: &&str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let Some(name) = user.filter(plain) else { return text.to_owned() };
    let homes = [format!("/Users/{name}/"), format!("/home/{name}/")];
    homes.iter().fold(text.to_owned(), |text, home| {
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(home.as_str()) {
            out.push_str(before);
            out.push_str(if fits(out.chars().next_back()) { "~/" } else { home });
            rest = after;
        }
        out + rest
    })
}

/// What fits on the first line of most terminals.
const LINE: usize = 80;

/// The verdict in a sentence, in a line where one is enough: the cause's own block has all that was seen.
fn headline(report: &Report) -> String {
    let whole = at_home(report, &sentence(report));
    let Some(first) = report.causes().next().filter(|_| wide(&whole) > LINE) else { return whole };
    let shorter = gists(seen(first)).into_iter().map(|gist| at_home(report, &told(report, &gist)));
    let shorter: Vec<String> = shorter.collect();
    // The longest that fits, or the shortest of all.
    let fitting = shorter.iter().filter(|text| wide(text) <= LINE).max_by_key(|text| wide(text));
    fitting.or_else(|| shorter.iter().min_by_key(|text| wide(text))).cloned().unwrap_or(whole)
}

fn wide(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// The verdict in a sentence.
pub fn sentence(report: &Report) -> String {
    told(report, report.causes().next().map_or("", seen))
}

/// What was seen without its details: what stands in brackets, and what stands behind a colon.
fn gists(seen: &str) -> Vec<String> {
    let mut plain = seen.to_owned();
    let opened = |plain: &str| {
        let outside = |at: &usize| plain[..*at].matches('`').count().is_multiple_of(2);
        let at = plain.match_indices(" (").map(|(at, _)| at).find(outside)?;
        let end = at + plain[at..].find(')')?;
        (!plain[at + 2..end].contains('(')).then_some(at..=end)
    };
    while let Some(bracket) = opened(&plain) {
        plain.replace_range(bracket, "");
    }
    let ends = [": ", "; ", ", though "];
    let cuts = ends.iter().flat_map(|end| plain.match_indices(end)).map(|(at, _)| &plain[..at]);
    let whole = |part: &&str| {
        ['`', '"'].iter().all(|quote| part.matches(*quote).count().is_multiple_of(2))
            && part.contains(' ')
            && !LEADS.iter().any(|lead| part.ends_with(lead))
    };
    let mut all: Vec<String> = cuts.filter(whole).map(str::to_owned).collect();
    all.push(plain);
    all
}

/// Behind these a sentence goes on.
const LEADS: [&str; 6] = [" says", " said", " with", " by", " is", " are"];

fn told(report: &Report, seen: &str) -> String {
    if report.interrupted {
        return "Interrupted: this is what was seen until then.".to_owned();
    }
    let causes: Vec<&Found> = report.causes().collect();
    let more = |all: &[&Found]| match all.len() {
        0 | 1 => String::new(),
        2 => " (and one more cause)".to_owned(),
        many => format!(" (and {} more causes)", many - 1),
    };
    if report.purpose == Purpose::Preflight {
        return match report.verdict {
            "broken" => format!("This Mac cannot run the Linux builder yet: {seen}{}.", more(&causes)),
            "degraded" => format!("This Mac can run the Linux builder, but {seen}{}.", more(&causes)),
            "unknown" => format!("Nothing stands in the builder's way, but {}.", gap(report)),
            _ => "This Mac can run the Linux builder.".to_owned(),
        };
    }
    match (report.verdict, causes.first()) {
        ("broken", Some(first)) if first.layer == "cache" => {
            let subject = proven(report, "The builder works", "A binary cache cannot be used");
            let link = proven(report, ", but ", ": ");
            format!("{subject}{link}{seen}{}.", more(&causes))
        }
        ("broken", Some(first)) if first.id == crate::checks::service::builder_stopped_on_purpose::ID => {
            format!("Linux builds wait: {seen}{}.", more(&causes))
        }
        ("broken", Some(_)) => format!("Linux builds are broken: {seen}{}.", more(&causes)),
        ("broken", None) => "Linux builds are broken.".to_owned(),
        ("degraded", Some(_)) => {
            let run = proven(report, "run", "are not known to fail");
            format!("Linux builds {run}, but {seen}{}.", more(&causes))
        }
        ("unknown", _) => format!("No fault was found, but {}.", gap(report)),
        _ => match proven(report, "yes", "no") {
            "yes" => "The Linux builder works.".to_owned(),
            _ => "No fault was found; no test build was made.".to_owned(),
        },
    }
}

/// What was seen, without a dot of its own at the end of the sentence that it becomes part of.
fn seen<'e>(found: &Found<'e>) -> &'e str {
    bare(found.seen)
}

fn bare(text: &str) -> &str {
    text.trim_end_matches('.')
}

fn proven<'s>(report: &Report, yes: &'s str, no: &'s str) -> &'s str {
    if report.evidence.any_build_ran() { yes } else { no }
}

/// What could not be told, though it was asked, and though nothing that was found explains it.
fn open_gaps<'r>(report: &'r Report) -> impl Iterator<Item = &'r Asked> {
    report.checks.iter().filter(|it| it.status == "unknown" && it.because_of.is_empty() && !it.by_choice)
}

fn gap(report: &Report) -> String {
    let mut gaps = open_gaps(report);
    let Some(first) = gaps.next() else {
        return "something on the way to a build could not be told".to_owned();
    };
    let what = match gaps.count() {
        0 => first.id.to_owned(),
        more => count(more + 1, "check"),
    };
    format!("{what} could not be told: {}", bare(&first.detail))
}

/// How many of the checks that one gap leaves open are named.
const MOST_OPEN: usize = 4;

/// Why something could not be told, and what, where that is the news.
fn gaps(report: &Report, paint: Paint) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for gap in open_gaps(report) {
        match reasons.iter_mut().find(|(reason, _)| *reason == bare(&gap.detail)) {
            Some((_, ids)) => ids.push(gap.id),
            None => reasons.push((bare(&gap.detail), vec![gap.id])),
        }
    }
    let shown = reasons.iter().map(|(reason, ids)| {
        let text = format!("{reason}, which leaves open {}.", some(ids, MOST_OPEN));
        paint.wrap(&at_home(report, &text), &format!("{} ", paint.glyph("unknown")), "  ")
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// The first of them, and how many more.
fn some(ids: &[&str], most: usize) -> String {
    match ids.len().checked_sub(most) {
        None | Some(0) => and(ids),
        Some(_) => format!("{} and {} more", ids[..most - 1].join(", "), ids.len() - most + 1),
    }
}

/// The one line that tells where the way to a build breaks off; where it is too long, lines of equal parts.
fn chain(report: &Report, paint: Paint) -> String {
    let plain = Paint { colour: false, ..paint };
    let arrow = format!(" {} ", paint.arrow());
    let station = |it: &Station, paint: Paint| format!("{} {}", it.layer, paint.glyph(it.state));
    let joined = |part: &[Station], paint: Paint| {
        part.iter().map(|it| station(it, paint)).collect::<Vec<_>>().join(&arrow)
    };
    let count = report.chain.len().max(1);
    let fits = |each: usize| {
        let wide = |part| textwrap::core::display_width(&joined(part, plain)) + LEAD.len() + arrow.len();
        count <= each && wide(&report.chain) - LEAD.len() - arrow.len() <= paint.columns()
            || count > each && report.chain.chunks(each).all(|part| wide(part) <= paint.columns())
    };
    let each = (1..=count).map(|lines| count.div_ceil(lines)).find(|each| fits(*each)).unwrap_or(1);
    let lines: Vec<String> = report.chain.chunks(each).map(|part| joined(part, paint)).collect();
    lines.join(&format!("\n{LEAD}{arrow}"))
}

/// Before the chain's second line.
const LEAD: &str = "  ";

fn finding(report: &Report, found: &Found, paint: Paint) -> String {
    let state = if found.severity == "error" { "broken" } else { "warning" };
    let mut out = format!("{} {}", paint.glyph(state), paint.severity(found.severity, found.id));
    let _ = write!(out, " {}", paint.dim(&format!("({}, {})", found.severity, found.layer)));
    let row = |name: &str, text: &str| {
        let label = paint.dim(&format!("  {name:<9} "));
        format!("\n{}", paint.wrap(&at_home(report, text), &label, ROWS))
    };
    out += &row("seen", found.seen);
    out += &row("expected", found.expected);
    if let Some(place) = found.place {
        out += &row("at", &format!("{}:{}:{}", place.path, place.line, place.column));
        out += &caret(place, paint);
    }
    out += &row("why", found.why);
    let remedy = &found.remedy;
    if !remedy.edit.is_empty() {
        let _ = write!(out, "\n\n{}", prose(&at_home_in_prose(report, &remedy.edit), paint));
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
        let _ = write!(out, "\n\n{}\n", paint.wrap(&format!("{lead}{caution}:"), "  ", "  "));
        for command in &remedy.commands {
            let _ = write!(out, "\n      {}", paint.bold(&at_home_in_a_command(report, command)));
        }
    }
    if !remedy.note.is_empty() {
        let _ = write!(out, "\n\n{}", prose(&at_home_in_prose(report, &remedy.note), paint));
    }
    let follows: Vec<&str> =
        report.findings.iter().filter(|it| it.because_of.contains(&found.id)).map(|it| it.id).collect();
    if !follows.is_empty() {
        let text = format!("It explains {}.", and(&follows));
        let _ = write!(out, "\n\n{}", paint.wrap(&text, "  ", "  "));
    }
    if !found.because_of.is_empty() {
        let text = format!("It follows from {}.", and(&found.because_of));
        let _ = write!(out, "\n\n{}", paint.wrap(&text, "  ", "  "));
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

/// What a finding's rows stand behind.
const ROWS: &str = "            ";

/// The line, and carets under the guilty word.
fn caret(place: &Place, paint: Paint) -> String {
    let room = paint.columns() - ROWS.len() - 1;
    // One column a character, or the carets stand elsewhere.
    let text: Vec<char> =
        place.text.trim_end().chars().map(|c| if hidden(c) || c == '\t' { ' ' } else { c }).collect();
    let at = (place.column.max(1) as usize - 1).min(text.len());
    let word = text[at..].iter().take_while(|c| !c.is_whitespace()).count().max(1);
    // A machines line is long: show the part around the word.
    let from = if text.len() <= room { 0 } else { at.saturating_sub(room / 2).min(text.len() - room) };
    let to = (from + room).min(text.len());
    let more = if paint.ascii { '~' } else { '…' };
    let mut shown: Vec<char> = text[from..to].to_vec();
    if let Some(first) = shown.first_mut().filter(|_| from > 0) {
        *first = more;
    }
    if let Some(last) = shown.last_mut().filter(|_| to < text.len()) {
        *last = more;
    }
    let carets = "^".repeat(word.min((from + room).saturating_sub(at)).max(1));
    let shown: String = shown.into_iter().collect();
    format!("\n{ROWS}{shown}\n{ROWS}{}{}", " ".repeat(at - from), paint.bad(&carets))
}

fn note(report: &Report, found: &Found, paint: Paint) -> String {
    let text = format!("{} ({}): {}.", found.id, found.layer, seen(found));
    paint.wrap(&at_home(report, &text), "  note: ", "        ")
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
    let waits = if shown { "are blocked by that" } else { "wait for checks that are left out" };
    let gaps = [(blocked, waits), (unasked, "were not asked"), (open - unasked, "could not be told")];
    for (number, words) in gaps {
        let words = match number {
            1 => words
                .replace("were", "was")
                .replace("are blocked", "is blocked")
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
        let there = if report.replayed.is_some() { " there" } else { "" };
        lines.push(format!("`builder-doctor --sudo`{there} also answers {}.", some(&settles, 3)));
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
        if let Some(installer) = installed_by(e).filter(|_| report.purpose == Purpose::Preflight) {
            parts.push(format!("installed by {installer}"));
        }
    }
    if let Some(version) = e.nix_daemon().ok().and_then(|daemon| daemon.info.version.as_ref()) {
        parts.push(format!("daemon {version}"));
    }
    if let Some(guest) = e.root_view().ok().and_then(|view| view.login.as_ref()?.version.as_ref()) {
        parts.push(format!("builder's Nix {guest}"));
    }
    parts.push(format!("builder-doctor {}", report.tool.version));
    let mut text = parts.join(", ") + ".";
    let left_out = e.nix().map(|nix| nix.left_out_of_path.as_slice()).unwrap_or_default();
    if !left_out.is_empty() {
        let _ = write!(
            text,
            "\nNothing was run from PATH's {}: relative, or open to everybody (`chmod o-w` closes it).",
            and(left_out)
        );
    }
    let ran: Vec<_> = e.builds().into_iter().flatten().filter(|build| build.ran_on_a_builder()).collect();
    if let Some(first) = ran.first() {
        let what: Vec<String> = ran.iter().map(|build| build.what()).collect();
        text = format!("Test builds ran on {} for {}.\n{text}", first.machine(), and(&what));
    }
    text
}

/// The last line: what to do next.
fn next(report: &Report, paint: Paint) -> String {
    if let Some(offer) = super::plan::offer(report) {
        return paint.wrap(&offer, "", "");
    }
    // A saved report is of another machine, or of another time.
    let (on_it, there) = if report.replayed.is_some() { ("on that machine, ", " there") } else { ("", "") };
    let step = match report.verdict {
        _ if report.interrupted => format!("`builder-doctor` again{there}, to the end."),
        "broken" | "degraded" => format!("{on_it}{}", to_mend(report)),
        "unknown" if report.purpose == Purpose::Preflight => {
            "`builder-doctor preflight -v` shows each check.".to_owned()
        }
        "unknown" if !there.is_empty() => "-v shows each check, and what was seen.".to_owned(),
        "unknown" => "`builder-doctor -v` shows each check, and what was seen.".to_owned(),
        _ if report.purpose == Purpose::Preflight => {
            match report.findings.iter().any(|found| found.id == already_set_up::CHECK.id) {
                true => format!("`builder-doctor`{there} says how the builder is that there is."),
                false => format!("`builder-doctor setup`{there} sets the builder up."),
            }
        }
        _ if proven(report, "yes", "no") == "no" => {
            format!("`builder-doctor` without --quick{there} makes the test build that proves it.")
        }
        _ => "nothing to do.".to_owned(),
    };
    paint.wrap(&format!("Next: {step}"), "", "")
}

/// The next step where something was found.
fn to_mend(report: &Report) -> String {
    let again = match report.purpose {
        Purpose::Check => "builder-doctor",
        Purpose::Preflight => "builder-doctor preflight",
    };
    let causes: Vec<&Found> = report.causes().collect();
    match causes.as_slice() {
        // What is left to whoever sits there may be more than its one command, which may only look.
        [one]
            if one.remedy.commands.len() == 1
                && one.remedy.edit.is_empty()
                && one.remedy.safety != crate::check::Safety::Manual.name() =>
        {
            format!("run the command above, then `{again}` again.")
        }
        [] | [_] => format!("do what is said above, then run `{again}` again."),
        [first, ..] => format!("{} first, then `{again}` again.", first.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Selection, diagnose};
    use crate::evidence::{Evidence, Probe, healthy};
    use crate::expectations::Expectations;
    use crate::report::Timings;

    fn with_report(e: &Evidence, look: impl Fn(Report)) {
        let want = Expectations::default();
        let diagnosis = diagnose(&crate::checks::all(), e, &want, &Selection::default());
        look(Report::new(&diagnosis, e, &want, Timings::default()));
    }

    /// A machine of alice's.
    fn of_alice() -> Evidence {
        let mut e = healthy::evidence();
        if let Probe::Seen { fact, .. } = &mut e.user {
            fact.name = Some("alice".to_owned());
        }
        e
    }

    #[test]
    fn home_is_a_tilde_where_a_shell_reads_it_so() {
        with_report(&of_alice(), |report| {
            let read = |text: &str| at_home(&report, text);
            assert_eq!(read("see /Users/alice/.ssh/config, /home/alice/x."), "see ~/.ssh/config, ~/x.");
            assert_eq!(
                read("'/Users/alice/my key' and /mnt/Users/alice/x"),
                "'/Users/alice/my key' and /mnt/Users/alice/x"
            );
            let command = |text: &str| at_home_in_a_command(&report, text);
            assert_eq!(command("chmod 600 /Users/alice/k"), "chmod 600 ~/k");
            for kept in
                ["chmod 600 '/Users/alice/my key'", "ssh -i/Users/alice/k h", "x --key=/Users/alice/k"]
            {
                assert_eq!(command(kept), kept);
            }
            let prose = "In /Users/alice/nix.conf:\n\n    secret-key-files = /Users/alice/k";
            assert_eq!(
                at_home_in_prose(&report, prose),
                "In ~/nix.conf:\n\n    secret-key-files = /Users/alice/k"
            );
        });
    }

    #[test]
    fn the_carets_stand_under_the_word() {
        let under = |text: &str, column: u32, width: usize| {
            let place = Place { path: String::new(), line: 1, column, text: text.to_owned() };
            let drawn = caret(&place, Paint { width, ..Paint::PLAIN });
            let [line, carets] = drawn.trim_start_matches('\n').split('\n').collect::<Vec<_>>()[..] else {
                panic!("{drawn:?}")
            };
            assert!(line.chars().count() < width, "{line}");
            let marked = line.chars().zip(carets.chars()).filter(|(_, caret)| *caret == '^');
            marked.map(|(letter, _)| letter).collect::<String>()
        };
        assert_eq!(under("  Port 22", 3, 80), "Port");
        assert_eq!(under("\tPort 22", 2, 80), "Port");
        assert_eq!(under("a\u{7}b c", 5, 80), "c");
        assert_eq!(under("/Users/alice/k 4", 16, 80), "4");
        let long = format!("{} guilty {}", "x ".repeat(100), "y".repeat(100));
        assert_eq!(under(&long, 202, 80), "guilty");
        assert_eq!(under(&long, 209, 80).chars().next(), Some('y'));
        // Behind its end, and where it is empty.
        assert_eq!(under("short", 99, 80), "");
        assert_eq!(under("", 1, 80), "");
    }

    #[test]
    fn a_long_sentence_is_told_without_its_details() {
        let all = |seen: &str| gists(seen);
        assert_eq!(
            all("the VM keeps crashing: 418 starts (of 2)"),
            ["the VM keeps crashing", "the VM keeps crashing: 418 starts"]
        );
        assert_eq!(all("ssh says: no"), ["ssh says: no"], "what says, says something");
        assert_eq!(all("ssh prints `a: b (c)`"), ["ssh prints `a: b (c)`"], "nothing of a quotation");
        assert_eq!(all("an ssh (pid 4 (x)) hangs"), ["an ssh (pid 4 (x)) hangs"]);
    }

    #[test]
    fn the_chain_is_one_line_where_it_fits_and_else_lines_of_equal_parts() {
        with_report(&healthy::evidence(), |report| {
            let stations = |width: usize| -> Vec<usize> {
                let drawn = chain(&report, Paint { width, ..Paint::PLAIN });
                assert!(drawn.lines().all(|line| line.chars().count() <= width), "{drawn}");
                drawn.lines().map(|line| line.matches('✓').count()).collect()
            };
            assert_eq!(stations(140), [10]);
            assert_eq!(stations(99), [10]);
            assert_eq!(stations(80), [5, 5]);
            assert_eq!(stations(45).iter().sum::<usize>(), 10);
        });
    }

    #[test]
    fn an_interrupted_look_is_to_be_made_again() {
        with_report(&Evidence::default(), |mut report| {
            report.interrupted = true;
            let text = render(&report, Paint::PLAIN, Detail::Findings);
            assert!(text.starts_with("Interrupted: "), "{text}");
            assert!(text.ends_with("\n\nNext: `builder-doctor` again, to the end.\n"), "{text}");
        });
    }

    #[test]
    fn what_could_not_be_told_is_named_with_its_reason() {
        let mut e = healthy::evidence();
        e.builds = Probe::blind("nix gave no answer");
        with_report(&e, |report| {
            let text = render(&report, Paint::PLAIN, Detail::Findings);
            assert!(text.starts_with("No fault was found, but "), "{text}");
            assert!(text.contains("\n? nix gave no answer, which leaves open "), "{text}");
        });
    }
}
