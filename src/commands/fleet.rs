//! `builder-doctor --from` with many reports: judges all of them, and prints what ails the fleet.

use super::check::CheckArgs;
use crate::replay::shown;
use crate::{USAGE, output, terminal};
use builder_doctor::diagnosis::Selection;
use builder_doctor::expectations::Expectations;
use builder_doctor::fleet::source::Source;
use builder_doctor::fleet::{NAMES, judge_all};
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::report::fleet::{FORMATS, Fleet, refused, render};
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;

/// Judges, and prints.
pub fn run(
    args: &CheckArgs,
    host: &Live,
    source: Source,
    want: Option<&Expectations>,
    select: &Selection,
) -> Result<ExitCode, String> {
    let outputs = args.outputs();
    if let Some((other, _)) = outputs.iter().find(|(format, _)| !FORMATS.contains(&format.name())) {
        return Err(refused(other.name()));
    }
    if args.timings {
        return Err("--timings is for one machine's report, not for many".to_owned());
    }
    let keep = if args.is_verbose() { usize::MAX } else { NAMES };
    let (judged, over) = (AtomicUsize::default(), Cancel::default());
    let tally = std::thread::scope(|scope| {
        scope.spawn(|| terminal::show_count(host, &judged, &over));
        let tally = judge_all(source, keep, want, select, &judged);
        over.cancel("all are judged");
        tally
    });
    let mut fleet = Fleet::new(tally.summary());
    fleet.verbose = args.is_verbose();
    if fleet.machines + fleet.unreadable.count == 0 {
        let shown = args.from.as_deref().map(shown).unwrap_or_default();
        return Err(format!("{shown}: it holds no report: nothing that ends in .json, .jsonl or .ndjson"));
    }
    // Nothing of what was to be one report or more is one: that is said as of one.
    if let ([only], 0, 1) = (fleet.unreadable.reports.as_slice(), fleet.machines, fleet.unreadable.count) {
        let shown = args.from.as_deref().map(shown).unwrap_or_default();
        return Err(format!("{shown}: {}: {}", only.name, only.because));
    }
    let mut code = fleet.exit_code;
    for (format, place) in outputs {
        // As the files that it counts: whose they are is for those who collected them to say.
        if !output::write(&place, &render(&fleet, format.name(), args.look.paint())?, output::OWN) {
            code = USAGE;
        }
    }
    Ok(ExitCode::from(code))
}
