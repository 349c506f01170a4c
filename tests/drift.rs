//! What changed: between saved machines, and between runs of the program.
#![allow(clippy::disallowed_methods)] // reads the saved machines, and plays a Mac

mod support;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::drift::{Changes, Side, compare, since};
use builder_doctor::report::json::{Saved, parse};
use std::path::Path;

fn saved() -> Vec<(String, Saved)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states"));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        all.push((name, parse(&std::fs::read(&path).unwrap()).unwrap()));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(all.len() > 50, "the saved machines are gone");
    all
}

fn side(saved: &Saved) -> Side<'_> {
    Side { evidence: &saved.evidence, expectations: &saved.expectations, version: &saved.tool.version }
}

fn changes(before: &Saved, after: &Saved) -> Changes {
    let d = diagnose(&checks::all(), &after.evidence, &after.expectations, &Selection::default());
    since(&side(before), &side(after), &d)
}

#[test]
fn show() {
    let all = saved();
    let healthy = &all.iter().find(|(name, _)| name == "healthy").unwrap().1;
    for (name, state) in &all {
        println!("== {name}");
        for it in changes(healthy, state).items {
            println!("   {}{} {:?} [{}]", if it.minor { "(minor) " } else { "" }, it.text("→"), it.explains, it.fact);
        }
    }
}

#[test]
fn a_machine_differs_from_itself_in_nothing_and_any_two_can_be_compared() {
    let all = saved();
    for (i, (name, before)) in all.iter().enumerate() {
        assert_eq!(compare(&before.evidence, &before.evidence), Default::default(), "{name}");
        // Every pair would take long; each machine meets every seventh other one.
        for (_, after) in all.iter().skip(i % 7).step_by(7) {
            let _ = compare(&before.evidence, &after.evidence);
        }
    }
}
