//! Saved machines, replayed: real reports of the simulated Macs, each named for what ailed it.
//!
//! They are kept for ever: a report that was ever saved must read back and be judged by today's checks.
//! Update the snapshots with `INSTA_UPDATE=always cargo test`, and read the difference before committing it.
#![allow(clippy::disallowed_methods)] // reads the saved machines

mod support;

use builder_doctor::check::Severity;
use builder_doctor::checks;
use builder_doctor::diagnosis::{Diagnosis, Judged, Selection, diagnose};
use builder_doctor::report::json::{Saved, parse, render};
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{Report, Timings, human};
use support::states::read;

fn judged(saved: &Saved) -> Diagnosis {
    diagnose(&checks::all(), &saved.evidence, &saved.expectations, &Selection::default())
}

#[test]
fn each_saved_machine_is_told_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/states"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, saved) in read() {
            let diagnosis = judged(&saved);
            let report = Report::new(&diagnosis, &saved.evidence, &saved.expectations, Timings::default());
            let text = human::render(&report, Paint::PLAIN, human::Detail::Findings);
            insta::assert_snapshot!(name, format!("{text}\nexit code {}", diagnosis.exit_code()));
        }
    });
}

#[test]
fn a_saved_machine_is_judged_the_same_again() {
    for (name, saved) in read() {
        let report = |saved: &Saved| {
            let diagnosis = judged(saved);
            render(&Report::new(&diagnosis, &saved.evidence, &saved.expectations, Timings::default()))
        };
        let once = report(&saved);
        let again = report(&parse(once.as_bytes()).unwrap());
        assert_eq!(once, again, "{name}");
    }
}

#[test]
fn the_first_finding_is_what_the_machine_is_named_for() {
    let ids: Vec<&str> = checks::all().iter().map(|check| check.id).collect();
    for (name, saved) in read() {
        // A world that varies a fault is named for it, with more words behind.
        let Some(id) = ids.iter().filter(|id| name.starts_with(**id)).max_by_key(|id| id.len()) else {
            continue;
        };
        // Saved before this had a check of its own.
        let id = match name.as_str() {
            "substituter-missing-own-file" => &"cache-untrusted-substituter",
            _ => id,
        };
        let diagnosis = judged(&saved);
        let first = diagnosis.findings().next().map(|(judged, ..)| judged.check.id);
        // What is worth no more than a note stands last.
        let noted =
            |(judged, ..): (&Judged, _, _)| judged.check.id == *id && judged.severity == Severity::Note;
        if diagnosis.findings().any(noted) {
            continue;
        }
        // Only root can tell this one, and root did not look in the first run of its world.
        if ["store-untrusted-by-guest"].contains(&name.as_str()) && first.is_none() {
            continue;
        }
        assert_eq!(first, Some(*id), "{name}");
    }
}

#[test]
fn a_healthy_saved_machine_raises_no_alarm() {
    for (name, saved) in read().into_iter().filter(|(name, _)| name.starts_with("healthy")) {
        let alarms: Vec<String> = judged(&saved)
            .findings()
            .filter(|(judged, ..)| judged.severity > Severity::Note)
            .map(|(judged, finding, _)| format!("{}: {}", judged.check.id, finding.seen))
            .collect();
        let old = name == "healthy-2-26" && alarms.len() == 1 && alarms[0].starts_with("nix-too-old");
        assert!(alarms.is_empty() || old, "{name}: {alarms:?}");
    }
}
