//! `builder-doctor fix --dry-run`: the plan of saved machines, by the program itself, and what it refuses.
#![allow(clippy::disallowed_methods, reason = "a test reads the saved machines and runs the program")]

mod support;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::fix::plan::{Choice, Plan, plan};
use builder_doctor::report::json::{Saved, parse, render};
use builder_doctor::report::{Report, Timings};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use support::{Mac, Ran};

fn state(name: &str) -> String {
    format!("{}/tests/states/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

fn states() -> Vec<(PathBuf, Saved)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<_> =
        paths.map(|path| (path.clone(), parse(&std::fs::read(&path).unwrap()).unwrap())).collect();
    assert!(all.len() > 50, "the saved machines are gone");
    all
}

fn planned(saved: &Saved) -> Plan {
    let (e, want) = (&saved.evidence, &saved.expectations);
    let d = diagnose(&checks::all(), e, want, &Selection::default());
    plan(&d, e, want, &Choice { disruptive: true, ask: true, only: Vec::new() })
}

/// Nothing of this machine is needed to plan for another one.
fn fix(args: &[&str]) -> Ran {
    let mac = Mac::new();
    let mut command = mac.command(&[&["fix"], args].concat());
    command.env_clear().env("PATH", "");
    let ran = mac.launch(&mut command).end();
    assert_eq!(mac.calls(), [""; 0], "{args:?} needs nothing of this machine");
    ran
}

fn ids(plan: &Value, list: &str) -> Vec<String> {
    let all = plan[list].as_array().unwrap().iter();
    all.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_saved_machine_gives_the_same_plan_when_its_report_is_written_again() {
    for (path, saved) in states() {
        let (e, want) = (&saved.evidence, &saved.expectations);
        let d = diagnose(&checks::all(), e, want, &Selection::default());
        let again = parse(render(&Report::new(&d, e, want, Timings::default())).as_bytes()).unwrap();
        assert_eq!(planned(&saved), planned(&again), "{}", path.display());
    }
}

#[test]
fn no_plan_of_a_saved_machine_touches_what_somebody_else_writes() {
    for (path, saved) in states() {
        let Ok(managers) = saved.evidence.managers() else { continue };
        let made = planned(&saved);
        let steps = made.fixes.iter().chain(&made.withheld).flat_map(|fix| &fix.steps);
        for action in steps.flat_map(|step| std::iter::once(&step.action).chain(step.back.actions())) {
            for target in action.targets().into_iter().filter(|_| action.changes_contents()) {
                let of_darwin = [
                    "/etc/nix/nix.conf",
                    "/etc/nix/machines",
                    "/etc/ssh/",
                    "/etc/zshrc",
                    "/etc/static",
                    "/Library/",
                ];
                let darwin =
                    managers.nix_darwin.is_some() && of_darwin.iter().any(|it| target.starts_with(it));
                let of_determinate = ["/etc/nix/nix.conf", "/etc/nix/nix.custom.conf"].contains(&target);
                let determinate = managers.determinate.is_some() && of_determinate;
                assert!(!darwin && !determinate, "{}: {target}", path.display());
                assert!(
                    target.starts_with('/') && !target.starts_with("/nix/"),
                    "{}: {target}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn a_machine_that_is_mended_by_itself() {
    let report = state("builder-service-not-loaded");
    let ran = fix(&["--dry-run", "--from", &report]);
    ran.is_plain();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for words in [
        "sudo launchctl bootstrap system /Library",
        "way back: run `sudo launchctl bootout",
        "as root, interrupts nothing",
        "nothing was changed",
    ] {
        assert!(ran.text().contains(words), "{words}: {}", ran.text());
    }
    let json = fix(&["--dry-run", "--json", "--from", &report]).json();
    assert_eq!(ids(&json, "fixes"), ["builder-service-not-loaded"]);
    assert_eq!((json["machine"].as_str(), json["schema_version"].as_u64()), (Some("report"), Some(1)));
    assert_eq!(json["fixes"][0]["steps"][0]["action"]["do"], "launchctl");
    assert_eq!(json["fixes"][0]["steps"][0]["back"]["way"], "by");
}

#[test]
fn causes_alone_are_planned_and_a_consequence_names_its_cause() {
    let report = state("two-causes");
    let all = fix(&["--dry-run", "--json", "--from", &report]).json();
    assert_eq!(ids(&all, "fixes"), ["builder-service-not-loaded"]);
    assert_eq!(ids(&all, "patches"), ["substituter-missing"]);
    let one = fix(&["--dry-run", "--json", "--only", "substituter-missing", "--from", &report]);
    assert_eq!(one.code, Some(1), "nothing that is allowed mends it");
    assert_eq!(ids(&one.json(), "patches"), ["substituter-missing"]);
    assert!(ids(&one.json(), "fixes").is_empty());
}

#[test]
fn what_is_disruptive_is_planned_only_where_it_is_allowed() {
    let report = state("vm-config-not-applied");
    let shy = fix(&["--dry-run", "--json", "--from", &report]);
    assert_eq!((shy.code, ids(&shy.json(), "withheld")), (Some(1), vec!["vm-config-not-applied".to_owned()]));
    let bold = fix(&["--dry-run", "--json", "--allow", "disruptive", "--from", &report]);
    assert_eq!((bold.code, ids(&bold.json(), "fixes")), (Some(0), vec!["vm-config-not-applied".to_owned()]));
    let steps = bold.json()["fixes"][0]["steps"].clone();
    let done: Vec<&str> =
        steps.as_array().unwrap().iter().map(|it| it["action"]["do"].as_str().unwrap()).collect();
    assert_eq!(done, ["launchctl", "wait", "move-aside", "launchctl", "wait"]);
}

#[test]
fn a_healthy_machine_needs_nothing() {
    let ran = fix(&["--dry-run", "--from", &state("healthy")]);
    assert_eq!((ran.code, ran.text()), (Some(0), "Nothing is to be mended on the machine of this report.\n"));
}

#[test]
fn what_is_wrong_with_the_call_is_one_line_and_exit_code_2() {
    let healthy = state("healthy");
    for (args, said) in [
        (vec!["--from", healthy.as_str()], "add --dry-run"),
        (vec!["--dry-run", "--from", "/nowhere.json"], "/nowhere.json"),
        (
            vec!["--dry-run", "--only", "ssh-key-too-opn", "--from", &healthy],
            "did you mean ssh-key-too-open?",
        ),
    ] {
        let ran = fix(&args);
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 1), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert_eq!(fix(&["--dry-run", "--allow", "everything", "--from", &healthy]).code, Some(2));
    assert_eq!(fix(&["--dry-run", "--sudo", "--from", &healthy]).code, Some(2));
}

#[test]
fn a_report_on_standard_input_is_planned_for() {
    let mac = Mac::new();
    let mut command = mac.command(&["fix", "--dry-run", "--json", "--from", "-"]);
    command.stdin(Stdio::from(std::fs::File::open(state("ssh-key-too-open")).unwrap()));
    let ran = mac.launch(&mut command).end();
    assert_eq!(ids(&ran.json(), "fixes"), ["ssh-key-too-open"]);
}

#[test]
fn this_machine_is_looked_at_and_not_touched() {
    let mac = Mac::new();
    let mut command = mac.command(&["fix", "--dry-run", "--offline", "--json"]);
    let ran = mac.launch(&mut command).end();
    assert_eq!(ran.json()["machine"], "this-machine");
    let writes = ["bootstrap", "bootout", "kickstart", "enable", "disable"];
    let wrote: Vec<String> = mac
        .calls()
        .into_iter()
        .filter(|call| {
            call.starts_with("launchctl") && writes.iter().any(|verb| call.split(' ').any(|it| it == *verb))
        })
        .collect();
    assert!(wrote.is_empty(), "{wrote:?}");
}
