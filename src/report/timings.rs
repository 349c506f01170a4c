//! The chart of a run: what ran when, what it waited for, and which chain of waits made it as long as it was.

use super::Timings;
use super::paint::Paint;
use crate::evidence::{FACTS, Timing, Waited};
use std::fmt::Write;

/// Columns of the bars, at most.
const WIDEST: usize = 60;

/// The chart: a line for each probe that took a millisecond or more, in the order in which they were done.
pub fn chart(timings: &Timings, paint: Paint) -> String {
    // A saved report may name anything.
    let mut known: Vec<&Timing> =
        timings.probes.iter().filter(|it| FACTS.contains(&it.fact.as_str())).collect();
    if known.is_empty() {
        return "What ran when: the report does not say.\n".to_owned();
    }
    known.sort_by_key(|it| ended(it));
    let (shown, quick): (Vec<&Timing>, Vec<&Timing>) = known.iter().partition(|it| it.ms > 0);
    let (most, whole) = (known.iter().map(|it| ended(it)).max().unwrap_or(0), timings.total_ms);
    let names = shown.iter().map(|it| it.fact.len()).max().unwrap_or(0);
    // An older report says how long each took, and not when.
    if known.iter().all(|it| it.waits.is_empty()) && known.len() > 1 {
        let mut text = format!(
            "How long each probe took, of {}; when it ran, the report does not say:\n",
            time(whole.max(most))
        );
        for it in &shown {
            let _ = writeln!(text, "  {:names$}  {:>7}", it.fact, time(it.ms));
        }
        return text;
    }
    let waits = shown.iter().filter_map(|it| longest_wait(it)).map(str::len).max().unwrap_or(0);
    // Between them: two columns before each, and seven for the time.
    let room = paint.columns().saturating_sub(names + waits + 15).clamp(8, WIDEST);
    let marks = if paint.ascii { ('#', '.') } else { ('█', '·') };
    let mut text = format!(
        "What ran when, of {} ({} at work, {} waiting for what is named behind):\n",
        time(whole.max(most)),
        marks.0,
        marks.1
    );
    for it in &shown {
        let bar = bar(it, most, room, marks);
        let _ = write!(text, "  {:names$}  {bar:room$}  {:>7}", it.fact, time(it.ms));
        if let Some(fact) = longest_wait(it) {
            let _ = write!(text, "  {}", paint.dim(fact));
        }
        text.push('\n');
    }
    if !quick.is_empty() {
        let _ = writeln!(text, "  and {} that took less than a millisecond each.", quick.len());
    }
    let chain = slowest_chain(&known);
    let steps: Vec<String> = chain.iter().map(|(it, ms)| format!("{} {}", it.fact, time(*ms))).collect();
    let arrow = format!(" {} ", paint.arrow());
    text.push_str(&paint.wrap(&format!("The slowest chain: {}.", steps.join(&arrow)), "", "  "));
    text.push('\n');
    text
}

/// What a probe waited for longest.
fn longest_wait(it: &Timing) -> Option<&str> {
    let waits = it.waits.iter().filter(|wait| wait.ms > 0 && FACTS.contains(&wait.fact.as_str()));
    waits.max_by_key(|wait| wait.ms).map(|wait| wait.fact.as_str())
}

/// When a wait was over: milliseconds since the first probe began.
fn over(wait: &Waited) -> u64 {
    wait.from_ms.saturating_add(wait.ms)
}

/// When a probe was done: milliseconds since the first began.
fn ended(it: &Timing) -> u64 {
    it.waits.iter().map(|wait| wait.ms).fold(it.ms, u64::saturating_add)
}

/// One probe's life in columns: waits where they were, work elsewhere, nothing after its end.
fn bar(it: &Timing, most: u64, room: usize, (work, wait): (char, char)) -> String {
    let column = |ms: u64| {
        let of = u128::from(ms) * room as u128 / u128::from(most.max(1));
        usize::try_from(of).unwrap_or(room).min(room)
    };
    let end = column(ended(it)).max(1);
    let mut cells = vec![work; end];
    for waited in &it.waits {
        let (from, to) = (column(waited.from_ms), column(over(waited)));
        cells.iter_mut().take(to.min(end)).skip(from).for_each(|cell| *cell = wait);
    }
    // What it did after its last wait is seen, however short.
    if it.ms > 0 && cells.iter().all(|cell| *cell == wait) {
        cells[end - 1] = work;
    }
    cells.into_iter().collect()
}

/// From the first probe of the chain that ended last to its last, each with what it added.
fn slowest_chain<'a>(known: &[&'a Timing]) -> Vec<(&'a Timing, u64)> {
    let mut chain: Vec<(&Timing, u64)> = Vec::new();
    let mut next = known.iter().max_by_key(|it| ended(it)).copied();
    while let Some(it) = next {
        // A chain that comes back to where it was is no chain: the report is not of our making.
        if chain.iter().any(|(seen, _)| seen.fact == it.fact) {
            break;
        }
        let last = it.waits.iter().filter(|wait| wait.ms > 0).max_by_key(|wait| over(wait));
        let since = last.map_or(0, over);
        chain.push((it, ended(it).saturating_sub(since)));
        next = last.and_then(|wait| known.iter().find(|other| other.fact == wait.fact).copied());
    }
    chain.reverse();
    chain
}

/// Milliseconds as people read them.
fn time(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..100_000 => format!("{}.{:02} s", ms / 1000, ms % 1000 / 10),
        _ => format!("{} s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probe(fact: &str, ms: u64, waits: &[(&str, u64, u64)]) -> Timing {
        let waits = waits.iter().map(|(fact, from_ms, ms)| Waited {
            fact: (*fact).to_owned(),
            from_ms: *from_ms,
            ms: *ms,
        });
        Timing { fact: fact.to_owned(), ms, waits: waits.collect() }
    }

    fn run() -> Timings {
        let probes = vec![
            probe("taken", 0, &[]),
            probe("platform", 20, &[]),
            probe("nix", 80, &[("platform", 0, 20)]),
            probe("nix_config", 200, &[("nix", 0, 100)]),
            probe("caches", 500, &[("nix_config", 10, 290)]),
            probe("builds", 1100, &[("nix_config", 0, 300)]),
            probe("processes", 1, &[("builds", 1, 1399)]),
        ];
        Timings { total_ms: 1403, probes }
    }

    #[test]
    fn the_chart_says_what_ran_when_and_what_it_waited_for() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/formats"));
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!("timings", chart(&run(), Paint::PLAIN)));
        let ascii = chart(&run(), Paint { ascii: true, width: 60, ..Paint::PLAIN });
        assert!(ascii.is_ascii(), "{ascii}");
        assert!(ascii.lines().filter(|it| it.starts_with("  ")).all(|row| row.len() <= 60), "{ascii}");
    }

    #[test]
    fn the_slowest_chain_adds_up_to_the_run() {
        let run = run();
        let known: Vec<&Timing> = run.probes.iter().collect();
        let chain = slowest_chain(&known);
        let names: Vec<&str> = chain.iter().map(|(it, _)| it.fact.as_str()).collect();
        assert_eq!(names, ["platform", "nix", "nix_config", "builds", "processes"]);
        assert_eq!(chain.iter().map(|(_, ms)| ms).sum::<u64>(), 1400);
    }

    #[test]
    fn a_report_of_an_older_version_says_how_long_and_not_when() {
        let probes = vec![probe("nix", 31, &[]), probe("builds", 1402, &[])];
        let text = chart(&Timings { total_ms: 1403, probes }, Paint::PLAIN);
        assert!(text.contains("the report does not say") && !text.contains("chain"), "{text}");
    }

    #[test]
    fn what_a_saved_report_names_is_known_or_not_shown() {
        let order = "\u{1b}[2J";
        let probes = vec![probe(order, 5, &[]), probe("builds", 9, &[(order, 0, 7), ("nix", 0, 1)])];
        let text = chart(&Timings { total_ms: 20, probes }, Paint::PLAIN);
        assert!(!text.contains('\u{1b}') && text.contains("  nix"), "{text}");
    }

    #[test]
    fn a_report_without_times_has_no_chart() {
        assert_eq!(chart(&Timings::default(), Paint::PLAIN), "What ran when: the report does not say.\n");
    }

    proptest! {
        // A saved report may say anything: circles, ends before beginnings, centuries.
        #[test]
        fn no_times_break_the_chart(
            times in prop::collection::vec((0..FACTS.len(), any::<u64>(), prop::collection::vec((0..FACTS.len(), any::<u64>(), any::<u64>()), 0..4)), 0..12),
            total_ms: u64,
            width in 0usize..300,
        ) {
            let probes = times.iter().map(|(fact, ms, waits)| {
                let waits: Vec<_> = waits.iter().map(|(fact, from, ms)| (FACTS[*fact], *from, *ms)).collect();
                probe(FACTS[*fact], *ms, &waits)
            });
            let text = chart(&Timings { total_ms, probes: probes.collect() }, Paint { width, ..Paint::PLAIN });
            prop_assert!(text.lines().count() <= 12 + 40 && text.len() < 20_000);
        }
    }
}
