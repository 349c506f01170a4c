//! What a check or a topic means: made from its own fields, a check's examples included.

use super::SCHEMA_VERSION;
use super::paint::Paint;
use crate::advice::{illustrated, names_what_was_found};
use crate::check::{Advice, Check, Expect, Manager, Proof, Remedy, Verdict};
use crate::evidence::healthy;
use crate::expectations::Expectations;
use crate::means::{Means, Need};
use crate::topics::{Alias, Subject, Topic};
use serde::Serialize;
use std::fmt::Write;

/// The page of one check, with a newline at its end.
pub fn render(check: &Check, paint: Paint) -> String {
    let mut out = format!(
        "{} {}\n\n{}\n",
        paint.bold(check.id),
        paint.dim(&format!("({}, {})", check.severity.name(), check.layer.name())),
        paint.wrap(&format!("When all is well: {}.", check.title), "", "")
    );
    let _ = writeln!(out, "\n{}", paint.wrap(check.why, "", ""));
    let pieces = advice(check);
    for piece in &pieces {
        out.push_str(&piece.render(&format!("{} ({})", paint.bold(piece.whom()), piece.safety), paint));
    }
    if pieces.iter().any(|piece| piece.of_an_example) {
        let _ = writeln!(out, "\n{}", paint.wrap(OF_AN_EXAMPLE, "", ""));
    }
    let proof = match check.disproved_by {
        Proof::Nothing => None,
        Proof::ABuild => Some("A test build that runs on any remote machine disproves it."),
        Proof::ABuildThere => Some("A test build that runs on the builder disproves it."),
        Proof::EveryBuild => Some("Test builds for every expected system and feature disprove it."),
    };
    if !check.fixes.is_empty() {
        let text =
            "`builder-doctor fix` does it where that is safe, and takes it back where it does not help.";
        let _ = writeln!(out, "\n{}", paint.wrap(text, "", ""));
    }
    if let Some(needs) = takes(check) {
        let _ = writeln!(out, "\n{}", paint.wrap(&needs, "", ""));
    }
    let ids = |all: Vec<&'static Check>| all.iter().map(|it| it.id).collect::<Vec<_>>();
    let needed = ids(check.needs.to_vec());
    if !needed.is_empty() {
        let text = format!("It can follow from {}.", crate::prose::and(&needed));
        let _ = writeln!(out, "\n{}", paint.wrap(&text, "", ""));
    }
    let needing = ids(crate::checks::all().into_iter().filter(|it| it.needs.contains(&check)).collect());
    if !needing.is_empty() {
        let text = format!("From it can follow {}.", crate::prose::and(&needing));
        let _ = writeln!(out, "\n{}", paint.wrap(&text, "", ""));
    }
    if let Some(proof) = proof {
        let _ = writeln!(out, "\n{}", paint.wrap(proof, "", ""));
    }
    let _ = writeln!(out, "\n{}", paint.bold("Examples"));
    out.push_str(&examples(check, paint));
    if !check.references.is_empty() {
        let _ = writeln!(out, "\n{}", paint.wrap(&format!("See {}.", check.references.join(", ")), "", ""));
    }
    out
}

/// What the check takes to find its fault, in a sentence; None where any run finds it.
fn takes(check: &Check) -> Option<String> {
    let needs = crate::means::of(check);
    let deep = crate::means::is_deep(check);
    let with = |wanted: Need| {
        let named = needs.iter().filter(|(_, need)| *need == wanted).map(|(means, _)| match means {
            Means::Root => "root's look (--sudo)",
            Means::Network => "the network (no --offline)",
            Means::Build => "test builds (no --quick)",
        });
        let more = (deep && wanted == Need::Always).then_some("a deep look (--deep)");
        named.chain(more).collect::<Vec<_>>()
    };
    let always = with(Need::Always);
    let sometimes = with(Need::Sometimes);
    match (always.as_slice(), sometimes.as_slice()) {
        ([], []) => None,
        (always, []) => Some(format!("Finding it takes {}.", crate::prose::and(always))),
        ([], some) => Some(format!("Finding some forms of it takes {}.", some.join(" or "))),
        (always, some) => {
            let (all, more) = (crate::prose::and(always), some.join(" or "));
            Some(format!("Finding it takes {all}; some forms of it take {more} as well."))
        }
    }
}

/// The page of one topic, with a newline at its end.
pub fn topic(topic: &Topic, paint: Paint) -> String {
    let mut out = format!(
        "{} {}\n\n{}\n",
        paint.bold(topic.id),
        paint.dim("(topic)"),
        paint.wrap(&format!("{}.", topic.title), "", "")
    );
    let _ = writeln!(out, "\n{}", paint.wrap(topic.why, "", ""));
    let advice = Piece::of(&topic.advice, None, str::to_owned);
    out.push_str(&advice.render(&format!("{} ({})", paint.bold(advice.whom()), advice.safety), paint));
    let see: Vec<&str> =
        topic.see.iter().map(|check| check.id).chain(topic.references.iter().copied()).collect();
    let _ = writeln!(out, "\n{}", paint.wrap(&format!("See {}.", see.join(", ")), "", ""));
    out
}

/// The page of what a name has become, with a newline at its end.
pub fn alias(alias: &Alias, paint: Paint) -> String {
    let checks: Vec<&Check> = alias.means.iter().filter_map(|id| crate::checks::find(id)).collect();
    if let [only] = checks.as_slice() {
        let lead = format!("{} is called {}.", alias.id, only.id);
        return format!("{}\n\n{}", paint.wrap(&lead, "", ""), render(only, paint));
    }
    let lead = format!("{} is told apart as {}.", alias.id, crate::prose::and(alias.means));
    let mut out = format!("{}\n", paint.wrap(&lead, "", ""));
    for check in checks {
        let text = format!("{}.", check.title);
        let _ = write!(out, "\n{}\n{}\n", paint.bold(check.id), paint.wrap(&text, "    ", "    "));
        let _ = writeln!(out, "    builder-doctor explain {}", check.id);
    }
    out
}

/// The page of whatever an id stands for.
pub fn page(subject: Subject, paint: Paint) -> String {
    match subject {
        Subject::Check(it) => render(it, paint),
        Subject::Topic(it) => topic(it, paint),
        Subject::Alias(it) => alias(it, paint),
    }
}

/// The same as JSON.
pub fn page_as_json(subject: Subject) -> String {
    #[derive(Serialize)]
    struct Pages {
        schema_version: u64,
        pages: Vec<Page>,
    }
    let subjects: Vec<Subject> = match subject {
        Subject::Alias(alias) => alias.means.iter().filter_map(|id| Subject::find(id)).collect(),
        other => vec![other],
    };
    let pages = subjects.into_iter().filter_map(Page::new).collect();
    super::json::written(&Pages { schema_version: SCHEMA_VERSION, pages })
}

/// A page's contents.
#[derive(Serialize)]
struct Page {
    id: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    title: &'static str,
    why: &'static str,
    remedies: Vec<Piece>,
    see: Vec<&'static str>,
    references: &'static [&'static str],
}

impl Page {
    fn new(subject: Subject) -> Option<Page> {
        let ids = |checks: &[&'static Check]| checks.iter().map(|check| check.id).collect();
        match subject {
            Subject::Check(it) => Some(Page {
                id: it.id,
                kind: "check",
                layer: Some(it.layer.name()),
                severity: Some(it.severity.name()),
                title: it.title,
                why: it.why,
                remedies: advice(it),
                see: ids(it.needs),
                references: it.references,
            }),
            Subject::Topic(it) => Some(Page {
                id: it.id,
                kind: "topic",
                layer: None,
                severity: None,
                title: it.title,
                why: it.why,
                remedies: vec![Piece::of(&it.advice, None, str::to_owned)],
                see: ids(it.see),
                references: it.references,
            }),
            Subject::Alias(_) => None,
        }
    }
}

/// A piece of advice, for whoever's Nix it is; its words are those of an example.
#[derive(Serialize)]
pub struct Piece {
    /// Who manages Nix where it holds; None where there is but one piece.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    manager: Option<Manager>,
    /// `safe`, `disruptive` or `manual`.
    pub safety: &'static str,
    /// What to write into a file first; may be empty.
    pub edit: String,
    /// Each can be typed alone on its line.
    pub commands: Vec<String>,
    /// What else to know; may be empty.
    pub note: String,
    /// It names what an example found.
    #[serde(skip)]
    pub of_an_example: bool,
}

/// The labels of the daemon's job.
const UPSTREAM: &str = "org.nixos.nix-daemon";
const DETERMINATE: &str = "systems.determinate.nix-daemon";

/// What to say below such a piece.
pub const OF_AN_EXAMPLE: &str =
    "What is named here is an example's; a report names what it finds on this machine.";

impl Piece {
    fn of(advice: &Advice, manager: Option<Manager>, shown: impl Fn(&str) -> String) -> Piece {
        Piece {
            manager,
            safety: advice.safety.name(),
            edit: shown(advice.edit),
            commands: advice.commands.iter().map(|command| shown(command)).collect(),
            note: shown(advice.note),
            of_an_example: false,
        }
    }

    /// For whom it is, as a heading.
    pub fn whom(&self) -> &'static str {
        match self.manager {
            Some(Manager::NixDarwin) => "Where nix-darwin manages Nix",
            Some(Manager::Determinate) => "Where Determinate manages Nix",
            Some(Manager::Nobody) => "Otherwise",
            None => "What to do",
        }
    }

    /// Under a heading.
    fn render(&self, heading: &str, paint: Paint) -> String {
        let mut out = format!("\n{heading}:\n{}\n", prose(&self.edit, paint));
        for command in &self.commands {
            let _ = writeln!(out, "    {command}");
        }
        out + &prose(&self.note, paint)
    }
}

/// What the page of a subject advises.
pub fn advised(subject: Subject) -> Vec<Piece> {
    match subject {
        Subject::Check(check) => advice(check),
        Subject::Topic(topic) => vec![Piece::of(&topic.advice, None, str::to_owned)],
        Subject::Alias(_) => Vec::new(),
    }
}

fn advice(check: &Check) -> Vec<Piece> {
    let (e, want) = (healthy::evidence(), Expectations::default());
    let same = matches!(check.remedy, Remedy { nix_darwin: None, determinate: None, .. });
    let all = check.remedy.all();
    let piece = |(manager, advice): (Manager, &Advice)| {
        let determinate = manager == Manager::Determinate;
        let shown = |text: &str| match determinate {
            true => illustrated(&text.replace("{daemon-label}", DETERMINATE), check, &e, &want),
            false => illustrated(text, check, &e, &want),
        };
        let texts = || advice.commands.iter().copied().chain([advice.edit, advice.note]);
        let of_an_example = texts().any(|text| names_what_was_found(text, check, &e, &want));
        let mut piece = Piece { of_an_example, ..Piece::of(advice, (!same).then_some(manager), shown) };
        // Restarting upstream's label does nothing there, without a word.
        let theirs_too = manager == Manager::Nobody && check.remedy.determinate.is_none();
        if theirs_too
            && !piece.note.contains(DETERMINATE)
            && piece.commands.iter().any(|command| command.contains(UPSTREAM))
        {
            let note = format!("With Determinate's Nix, write {DETERMINATE} in the place of {UPSTREAM}.");
            piece.note = if piece.note.is_empty() { note } else { format!("{}\n\n{note}", piece.note) };
        }
        piece
    };
    all.map(piece).collect()
}

fn prose(text: &str, paint: Paint) -> String {
    if text.is_empty() {
        return String::new();
    }
    let shown = text
        .lines()
        .map(|line| if line.starts_with("    ") { line.to_owned() } else { paint.wrap(line, "", "") });
    format!("\n{}\n", shown.collect::<Vec<_>>().join("\n"))
}

/// Each example with what the check answers, really judged.
fn examples(check: &Check, paint: Paint) -> String {
    let want = Expectations::default();
    let mut out = String::new();
    for example in check.examples {
        let mut evidence = healthy::evidence();
        (example.given)(&mut evidence);
        let verdict = (check.judge)(&evidence, &want).unwrap_or_else(Verdict::Unknown);
        let answer = match &verdict {
            Verdict::Pass(seen) => format!("passes: {seen}"),
            Verdict::Fail(finding) => format!("fails: {}; expected: {}", finding.seen, finding.expected),
            Verdict::Moot(why) => format!("does not apply: {why}"),
            Verdict::Unknown(missing) => format!("cannot be told: {missing}"),
        };
        let mark = match example.expect {
            Expect::Pass => "ok",
            Expect::Fail => "fail",
            Expect::Moot => "moot",
            Expect::Unknown => "unknown",
        };
        let text = format!("{}: it {answer}", example.name);
        let _ = writeln!(out, "{}", paint.wrap(&text, &format!("  {} ", paint.glyph(mark)), "    "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Restarting the other's job does nothing, and says nothing.
    #[test]
    fn determinates_daemon_is_called_by_its_own_label() {
        let mut own = 0;
        for check in crate::checks::all() {
            let pieces = advice(check);
            let determinate = pieces.iter().find(|piece| piece.manager == Some(Manager::Determinate));
            let for_them = determinate.or(pieces.last()).unwrap();
            let commands = for_them.commands.join("\n");
            own += usize::from(determinate.is_some() && commands.contains(DETERMINATE));
            assert!(
                !commands.contains(UPSTREAM)
                    || (determinate.is_none() && for_them.note.contains(DETERMINATE)),
                "{}: {commands}",
                check.id
            );
        }
        assert!(own > 3, "{own}");
    }

    #[test]
    fn what_is_an_examples_is_not_taken_for_ones_own() {
        let page = render(&crate::checks::ssh::ssh_half_open_hang::CHECK, Paint::PLAIN);
        assert!(page.contains("sudo kill PID") && !page.contains("kill 4711"), "{page}");
        let page = render(&crate::checks::cache::proxy_not_seen_by_daemon::CHECK, Paint::PLAIN);
        assert!(page.contains("What is named here is"), "{page}");
        let page = render(&crate::checks::service::vm_unresponsive::CHECK, Paint::PLAIN);
        assert!(!page.contains("What is named here is"), "{page}");
    }
}
