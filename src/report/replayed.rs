//! A report that is judged again: whose words these are, and what it cannot show.

use super::json::Saved;
use super::paint::Paint;
use crate::diagnosis::Diagnosis;
use crate::evidence::root_view::ONLY_ROOT;
use crate::evidence::{Evidence, NOT_HELD, Probe};
use crate::prose::{and, line, timestamp, to_the_minute};
use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

/// Where a saved report comes from, and what cannot be learned from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replayed {
    /// The version of builder-doctor that took the evidence, where the report says so.
    pub version: Option<String>,
    /// When the evidence was taken, in UTC and as RFC 3339 has it. Earlier versions did not say.
    pub taken_at: Option<String>,
    /// On what it was taken, such as `macOS 26.6.2 (arm64)`.
    pub machine: Option<String>,
    /// What cannot be learned from it.
    pub lacks: Vec<Lack>,
}

/// Something that cannot be learned from a saved report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lack {
    /// `root`, `builds`, `caches`, `rest`, `names`, `older` or `newer`.
    pub what: &'static str,
    /// In words.
    pub says: String,
}

impl Replayed {
    /// What a saved report says of itself, or else what its facts say; the diagnosis is today's.
    pub fn new(saved: &Saved, e: &Evidence, diagnosis: &Diagnosis) -> Self {
        Replayed {
            version: Some(line(taker(saved))).filter(|it| !it.is_empty()),
            taken_at: e.taken().ok().and_then(|taken| timestamp(taken.at)),
            machine: e.platform().ok().map(|it| {
                let name = line(&it.name());
                name.split_once(" on ").map_or(name.clone(), |(system, on)| format!("{system} ({on})"))
            }),
            lacks: lacks(saved, e, diagnosis),
        }
    }
}

/// The version that took the evidence; empty where nobody says.
fn taker(saved: &Saved) -> &str {
    match &saved.replayed {
        Some(before) => before.version.as_deref().unwrap_or_default(),
        None => &saved.tool.version,
    }
}

fn lacks(saved: &Saved, e: &Evidence, diagnosis: &Diagnosis) -> Vec<Lack> {
    let mut all = Vec::new();
    let mut add = |what, says: String| all.push(Lack { what, says });
    if without_root(e) {
        add("root", "what only root sees (it was taken without --sudo)".to_owned());
    }
    match why_not(&e.builds, e.taken().is_ok_and(|taken| !taken.builds)) {
        Some(why) if why.starts_with("--quick") => add("builds", "test builds (--quick)".to_owned()),
        Some(_) => add("builds", "test builds (none was asked for)".to_owned()),
        None => {}
    }
    match why_not(&e.caches, e.taken().is_ok_and(|taken| !taken.caches)) {
        Some(why) if why.starts_with("--offline") => {
            add("caches", "the binary caches (--offline)".to_owned())
        }
        Some(_) => add("caches", "the binary caches (none was asked)".to_owned()),
        None => {}
    }
    let lacked =
        |what: &str| saved.replayed.iter().flat_map(|before| &before.lacks).any(|lack| lack.what == what);
    if saved.interrupted || lacked("rest") {
        add("rest", "what was still to come when it was interrupted".to_owned());
    }
    if saved.redacted || lacked("names") {
        add("names", "real names (it is redacted)".to_owned());
    }
    let older = diagnosis.unknowns().filter(|(_, missing)| missing.because == NOT_HELD).count();
    match older {
        0 => {}
        1 => add("older", "what one of today's checks asks for (it is older than that)".to_owned()),
        many => add("older", format!("what {many} of today's checks ask for (it is older than they are)")),
    }
    let parsed = |text: &str| Version::parse(text).ok();
    // Who took it may have known more than who wrote it down again.
    let theirs = taker(saved);
    let newer = parsed(theirs).zip(parsed(env!("CARGO_PKG_VERSION"))).is_some_and(|(it, own)| it > own);
    if newer {
        let version = line(theirs);
        add("newer", format!("what builder-doctor {version} added, which is newer than this one"));
    }
    all
}

/// Root did not look, by choice; where root tried and failed, the facts say why.
fn without_root(e: &Evidence) -> bool {
    match (&e.root_view, e.taken()) {
        (Probe::Seen { .. }, _) => false,
        (_, Ok(taken)) => !taken.root,
        (Probe::NotTaken { because } | Probe::Blind { because, .. }, Err(_)) => because == ONLY_ROOT,
    }
}

/// Why nobody looked, where it was a choice.
fn why_not<T>(probe: &Probe<T>, chosen: bool) -> Option<&str> {
    match probe {
        Probe::NotTaken { because }
            if chosen || because.starts_with("--") || because.ends_with("was selected") =>
        {
            Some(because)
        }
        _ => None,
    }
}

/// A [`Lack::what`] in a few words, of many reports.
pub fn in_short(what: &str) -> &str {
    match what {
        "root" => "what only root sees",
        "builds" => "test builds",
        "caches" => "the binary caches",
        "rest" => "what came after an interruption",
        "names" => "real names",
        "older" => "what newer checks ask for",
        "newer" => "what a newer builder-doctor added",
        other => other,
    }
}

/// For a reader: whose words the report is, and what it cannot show.
pub fn render(replayed: &Replayed, judged_by: &str, paint: Paint) -> String {
    let mut text = "A report".to_owned();
    if let Some(version) = &replayed.version {
        text += &format!(" of builder-doctor {version}");
    }
    let taken = replayed.taken_at.as_ref().map(|at| format!("taken {}", to_the_minute(at)));
    match (taken, &replayed.machine) {
        (Some(taken), Some(machine)) => text += &format!(", {taken} on {machine}"),
        (Some(taken), None) => text += &format!(", {taken}"),
        (None, Some(machine)) => text += &format!(", taken on {machine}"),
        (None, None) => {}
    }
    text += &format!("; judged by today's checks ({judged_by}).");
    let lacks: Vec<&str> = replayed.lacks.iter().map(|lack| lack.says.as_str()).collect();
    let mut lines = vec![paint.wrap(&text, "", "")];
    if !lacks.is_empty() {
        lines.push(paint.wrap(&format!("It cannot show {}.", and(&lacks)), "", ""));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::json::{SavedReplay, SavedTool};
    use super::*;
    use crate::diagnosis::{Selection, diagnose};
    use crate::evidence::taken::Taken;
    use crate::expectations::Expectations;

    fn saved() -> Saved {
        Saved {
            tool: SavedTool { name: "builder-doctor".to_owned(), version: "0.1.0".to_owned() },
            interrupted: false,
            redacted: false,
            replayed: None,
            timings: crate::report::Timings::default(),
            evidence: crate::evidence::healthy::evidence(),
            expectations: Expectations::default(),
        }
    }

    fn replayed(saved: &Saved) -> Replayed {
        let checks = crate::checks::all();
        let judged = diagnose(&checks, &saved.evidence, &saved.expectations, &Selection::default());
        Replayed::new(saved, &saved.evidence, &judged)
    }

    fn lacks(saved: &Saved) -> Vec<&'static str> {
        replayed(saved).lacks.iter().map(|lack| lack.what).collect()
    }

    fn taken(at: u64) -> Probe<Taken> {
        let all = Taken { at, builds: true, deep: false, caches: true, root: true };
        Probe::seen(all, "the clock")
    }

    #[test]
    fn it_says_whose_words_they_are() {
        let mut saved = saved();
        saved.evidence.taken = taken(1_795_183_392);
        let text = render(&replayed(&saved), "0.2.0", Paint { width: 200, ..Paint::PLAIN });
        assert!(
            text.starts_with("A report of builder-doctor 0.1.0, taken 2026-11-20 14:03 UTC on macOS "),
            "{text}"
        );
        let one = text.replace('\n', " ");
        assert!(one.contains("; judged by today's checks (0.2.0)."), "{text}");
        assert!(!text.contains("It cannot show"), "{text}");
    }

    #[test]
    fn what_it_lacks_is_told_by_what_was_typed_or_else_by_the_facts() {
        let mut saved = saved();
        saved.evidence.root_view = Probe::not_taken(ONLY_ROOT);
        saved.evidence.taken = Probe::not_taken("the report does not hold it");
        assert!(lacks(&saved).contains(&"root"));
        saved.evidence.builds = Probe::not_taken("--quick: no test build was made");
        saved.evidence.caches = Probe::not_taken("no check of the caches was selected");
        assert_eq!(lacks(&saved), ["root", "builds", "caches"]);
        saved.evidence.taken = taken(1);
        saved.interrupted = true;
        saved.redacted = true;
        saved.tool.version = "99.0.0".to_owned();
        assert_eq!(lacks(&saved), ["builds", "caches", "rest", "names", "newer"]);
    }

    #[test]
    fn an_older_report_lacks_what_today_is_asked() {
        let mut saved = saved();
        saved.evidence.localhost = Probe::default();
        saved.evidence.nixpkgs = Probe::default();
        saved.evidence.build_users = Probe::default();
        assert!(lacks(&saved).contains(&"older"), "{:?}", lacks(&saved));
    }

    #[test]
    fn who_took_it_stands_through_any_number_of_replays() {
        let mut saved = saved();
        let first = SavedReplay { version: Some("0.0.9".to_owned()), ..SavedReplay::default() };
        saved.replayed = Some(first);
        assert_eq!(replayed(&saved).version.as_deref(), Some("0.0.9"));
    }

    #[test]
    fn what_it_lacks_stands_through_any_number_of_replays() {
        let lack = |what: &str| super::super::json::SavedLack { what: what.to_owned() };
        let mut saved = saved();
        let lacked = vec![lack("rest"), lack("names"), lack("newer")];
        saved.replayed = Some(SavedReplay { version: Some("99.0.0".to_owned()), lacks: lacked });
        let found = lacks(&saved);
        for what in ["rest", "names", "newer"] {
            assert!(found.contains(&what), "{what}: {found:?}");
        }
    }

    #[test]
    fn no_number_of_seconds_is_too_large() {
        let mut saved = saved();
        const LATEST: u64 = 253_402_300_799;
        for at in [0, LATEST + 1, u64::MAX] {
            saved.evidence.taken = taken(at);
            assert_eq!(replayed(&saved).taken_at, None);
        }
        saved.evidence.taken = taken(LATEST);
        assert_eq!(replayed(&saved).taken_at.as_deref(), Some("9999-12-31T23:59:59Z"));
    }
}
