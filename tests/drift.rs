//! What changed: between saved machines, and between runs of the program.
#![allow(clippy::disallowed_methods)] // reads the saved machines, and plays a Mac

mod support;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::drift::{Changes, Side, compare, since};
use builder_doctor::report::json::{Saved, parse};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use support::states::read;
use support::{LAUNCHCTL, Mac, Ran};

fn side(saved: &Saved) -> Side<'_> {
    Side { evidence: &saved.evidence, expectations: &saved.expectations, version: &saved.tool.version }
}

fn changes(before: &Saved, after: &Saved) -> Changes {
    let d = diagnose(&checks::all(), &after.evidence, &after.expectations, &Selection::default());
    since(&side(before), &side(after), &d)
}

#[test]
fn a_machine_differs_from_itself_in_nothing_and_any_two_can_be_compared() {
    let all = read();
    for (i, (name, before)) in all.iter().enumerate() {
        assert_eq!(compare(&before.evidence, &before.evidence), Default::default(), "{name}");
        // Every pair would take long; each machine meets every seventh other one.
        for (_, after) in all.iter().skip(i % 7).step_by(7) {
            let _ = compare(&before.evidence, &after.evidence);
        }
    }
}

/// Each fault, by the machine that has it, and what of the changes since a healthy machine must be among the first.
#[test]
fn what_changed_names_the_guilty_thing() {
    let all = read();
    let machine =
        |name: &str| &all.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1;
    let mut silent = Vec::new();
    for (name, guilty) in [
        ("machines-feature-missing", "features of linux-builder lost nixos-test"),
        ("builder-service-not-loaded", "the builder's job, in launchd: loaded → not loaded"),
        ("builder-service-disabled", "launchd disables the builder's job: no → yes"),
        ("builder-crash-looping", "runs of the builder's job: 1 → 418"),
        ("ssh-key-missing", "/etc/nix/builder_ed25519: present → missing"),
        ("ssh-key-too-open", "mode of /etc/nix/builder_ed25519: 600 → 644"),
        ("builders-empty", "builders"),
        ("max-jobs-zero", "max-jobs"),
        ("nix-mixed-versions", "each nix on PATH gained /usr/local/bin/nix"),
        ("nix-not-installed", "Nix: nix (Nix) 2.34.8 → nothing"),
        ("trusted-key-missing", "trusted-public-keys"),
        ("substituter-missing", "substituters"),
        ("localhost-does-not-resolve", "localhost"),
        ("machines-file-missing", "machine linux-builder"),
        ("daemon-not-running", "the daemon answers: yes → no"),
        ("cache-unreachable-503", "answer of https://cache.nixos.org"),
    ] {
        let told: Vec<String> =
            changes(machine("healthy"), machine(name)).items.iter().map(|it| it.text("→")).collect();
        if !told.iter().take(6).any(|it| it.contains(guilty)) {
            silent.push(format!("{name}: {told:#?}"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn what_explains_a_cause_stands_first_and_says_so() {
    let all = read();
    let machine = |name: &str| &all.iter().find(|(known, _)| known == name).unwrap().1;
    for name in ["machines-feature-missing", "builder-service-not-loaded", "ssh-key-missing", "host-disk-low"]
    {
        let changes = changes(machine("healthy"), machine(name));
        assert_eq!(changes.items[0].explains, [name], "{name}: {:#?}", changes.items);
    }
}

#[test]
fn two_runs_of_a_healthy_machine_differ_in_nothing_that_counts() {
    let all = read();
    let machine = |name: &str| &all.iter().find(|(known, _)| known == name).unwrap().1;
    let told = |name: &str| -> Vec<String> {
        changes(machine("healthy"), machine(name)).items.iter().map(|it| it.text("→")).collect()
    };
    assert_eq!(told("healthy-slow-guest"), [""; 0]);
    assert_eq!(
        told("healthy-restarted"),
        ["runs of the builder's job: 1 → 5", "last exit of the builder's job: never → code 0"]
    );
}

/// A Mac and the folder of its history.
fn mac() -> (Mac, PathBuf) {
    let mac = Mac::new();
    let folder = mac.path("home/Library/Application Support/builder-doctor");
    (mac, folder)
}

fn break_it(mac: &Mac) {
    let gone = "case $* in print*linux-builder) echo 'Could not find service \"org.nixos.linux-builder\" in domain for system' >&2; exit 113 ;; esac\n";
    mac.program("launchctl", &format!("{gone}{LAUNCHCTL}"));
    mac.nix("build", "echo \"error: failed to start SSH connection to 'linux-builder'\" >&2; exit 1");
}

fn json(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}

#[test]
fn a_healthy_run_is_kept_and_a_broken_one_says_what_changed_since() {
    let (mac, folder) = mac();
    let first = mac.run(&["--json"]);
    assert_eq!(json(&first)["verdict"], "healthy", "{}", text(&first));
    let kept = folder.join("last-healthy.json");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let report = fs::read(&kept).unwrap();
    assert_eq!(mac.run_with_input(&["--from", "-", "--json"], &report).code, Some(0));

    break_it(&mac);
    let broken = mac.run(&["--json"]);
    let items = json(&broken)["changes"]["items"].clone();
    let found = |what: &str| items.as_array().unwrap().iter().any(|it| it["what"] == what);
    assert!(found("the builder's job, in launchd"), "{items:#}");
    assert!(json(&broken)["changes"]["since"].as_u64().unwrap() > 1_700_000_000);
    let human = text(&mac.run(&[]));
    assert!(human.contains("Since it last worked ("), "{human}");
    assert!(human.contains("the builder's job, in launchd: loaded → not loaded"), "{human}");
    assert_eq!(fs::read(&kept).unwrap(), report, "only a healthy run is kept");

    let without = mac.run(&["--json", "--no-history"]);
    assert!(json(&without)["changes"].is_null());
    let diff = mac.run(&["diff", "--json"]);
    assert_eq!(diff.code, Some(1), "{}", diff.stderr);
    assert_eq!(
        (json(&diff)["before"]["verdict"].clone(), json(&diff)["after"]["verdict"].clone()),
        ("healthy".into(), "broken".into())
    );
}

#[test]
fn a_clock_that_was_put_back_changes_no_verdict() {
    let (mac, folder) = mac();
    assert_eq!(mac.run(&["--json"]).code, Some(0));
    let kept = folder.join("last-healthy.json");
    // The last healthy run is of the year 2100 by then.
    let mut report: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    report["evidence"]["taken"]["seen"]["fact"]["at"] = 4_102_444_800_u64.into();
    fs::write(&kept, report.to_string()).unwrap();
    let healthy = mac.run(&["--json"]);
    assert_eq!(json(&healthy)["verdict"], "healthy", "{}", text(&healthy));
    fs::write(&kept, report.to_string()).unwrap();
    break_it(&mac);
    let human = text(&mac.run(&[]));
    assert!(human.contains("the builder's job, in launchd: loaded → not loaded"), "{human}");
}

#[test]
fn what_is_not_a_whole_healthy_run_of_this_machine_is_not_kept() {
    let (mac, folder) = mac();
    for args in [
        &["--no-history"][..],
        &["--quick"],
        &["--offline"],
        &["--only", "nix"],
        &["--skip", "guest"],
        &["--example", "healthy"],
    ] {
        mac.run(args);
        assert!(!folder.exists(), "{args:?}");
    }
}

#[test]
fn a_folder_or_file_that_others_can_write_to_is_not_used_and_no_error() {
    let (mac, folder) = mac();
    let state = |args: &[&str], folder: &Path| {
        mac.launch(mac.command(args).env("BUILDER_DOCTOR_STATE", folder)).end()
    };
    let healthy = |ran: &Ran, note: &str| {
        assert_eq!(ran.code, Some(0), "{}", text(ran));
        assert!(ran.stderr.contains(note), "{note}: {}", ran.stderr);
    };
    // A link in the folder's place, a folder of everybody's, no absolute path, and one that cannot be made.
    let real = mac.path("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
    symlink(&real, mac.path("link")).unwrap();
    healthy(&state(&["-v"], &mac.path("link")), "is no folder");
    healthy(&state(&["-v"], &real), "is not yours alone");
    healthy(&state(&["-v"], &real.join("inner")), "others may write to");
    healthy(&state(&["-v"], Path::new("state")), "no absolute path");
    healthy(&state(&["-v"], Path::new("/proc/none")), "history: ");
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
    let silent = state(&[], &real);
    assert_eq!((silent.code, silent.stderr.as_str()), (Some(0), ""));

    // What stands in the file's place is not read, and nothing waits for it.
    mac.run(&[]);
    let kept = folder.join("last-healthy.json");
    let owner = fs::metadata(&kept).unwrap().uid();
    break_it(&mac);
    let broken = |note: &str| {
        let ran = mac.run(&["-v"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(note), "{note}: {}", ran.stderr);
        assert!(!text(&ran).contains("Since it last worked"));
    };
    for bad in ["", "{", "[]", "{\"schema_version\": 99}", "no report"] {
        fs::write(&kept, bad).unwrap();
        broken("is not used: it ");
    }
    fs::write(&kept, vec![b' '; 3 << 20]).unwrap();
    broken("larger than 1 MiB");
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o666)).unwrap();
    broken("others may write to it");
    fs::remove_file(&kept).unwrap();
    symlink("/etc/passwd", &kept).unwrap();
    broken("it is no regular file");
    fs::remove_file(&kept).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&kept).status().unwrap().success());
    broken("it is no regular file");
    fs::remove_file(&kept).unwrap();
    if owner != rustix::process::geteuid().as_raw() {
        fs::write(&kept, "{}").unwrap();
        broken("it is another user's");
    }
}

#[test]
fn without_a_home_there_is_no_history() {
    let (mac, _) = mac();
    let ran = mac.launch(mac.command(&["-v"]).env_remove("HOME")).end();
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("HOME is not set"), "{}", ran.stderr);
}

#[test]
fn runs_at_once_leave_one_whole_report() {
    let (mac, folder) = mac();
    let runs: Vec<_> = (0..4).map(|_| mac.start(&["--json"])).collect();
    for run in runs {
        assert_eq!(run.end().code, Some(0));
    }
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["last-healthy.json"]);
    assert!(parse(&fs::read(folder.join("last-healthy.json")).unwrap()).is_ok());
}

#[test]
fn diff_compares_two_reports() {
    let (mac, _) = mac();
    let states = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states");
    let read = |name: &str| fs::read(format!("{states}/{name}.json")).unwrap();
    let a = mac.write("a.json", read("healthy"));
    let b = mac.write("b.json", read("machines-feature-missing"));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());

    let same = mac.run(&["diff", a, a]);
    assert_eq!(
        (same.code, text(&same).lines().next()),
        (Some(0), Some("Nothing changed: healthy both times."))
    );
    let differ = mac.run(&["diff", a, b]);
    assert_eq!(differ.code, Some(1));
    let human = text(&differ);
    assert!(human.contains("Findings that came:") && human.contains("machines-feature-missing"), "{human}");
    assert!(human.contains("features of linux-builder lost nixos-test"), "{human}");
    assert!(human.lines().all(|line| line.chars().count() <= 80), "{human}");
    let back = mac.run_with_input(&["diff", b, "-", "--json"], &read("healthy"));
    assert_eq!(json(&back)["went"][0]["id"], "machines-feature-missing");
    assert_eq!(json(&back)["after"]["source"], "standard input");
    // No run of this machine was kept; both from standard input; a report that is none.
    for args in [&["diff"][..], &["diff", "-", "-"], &["diff", a, "/nonexistent"], &["diff", "/dev/null", a]]
    {
        let ran = mac.run(args);
        assert_eq!(
            (ran.code, ran.stdout.len(), ran.stderr.lines().count()),
            (Some(2), 0, 1),
            "{args:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_redacted_report_and_one_that_is_not_differ_in_nothing_but_what_cannot_be_told() {
    let (mac, _) = mac();
    let real = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json")).unwrap();
    let a = mac.write("a.json", &real);
    let b = mac.write("b.json", real.replace("alice", "<user-1>"));
    let ran = mac.run(&["diff", a.to_str().unwrap(), b.to_str().unwrap(), "--json"]);
    assert_eq!((ran.code, &json(&ran)["changes"]), (Some(0), &Value::Array(Vec::new())), "{}", text(&ran));
    assert!(json(&ran)["untold"].as_u64().unwrap() > 0);
}

#[test]
fn a_change_of_a_file_says_when_it_was_written_if_that_was_since() {
    let state = |name: &str| -> Value {
        let path = format!("{}/tests/states/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let at = |mut report: Value, taken: u64, switched: u64| {
        let seen =
            |fact: Value| serde_json::json!({ "seen": { "fact": fact, "from": "test", "as_whom": "user" } });
        report["evidence"]["taken"] = seen(serde_json::json!({ "at": taken }));
        report["evidence"]["file_times"] = seen(serde_json::json!([
            { "path": "/etc/nix/machines", "modified": 1_700_000_000, "target": "/etc/static/nix/machines" },
            { "path": "/etc/static", "modified": switched, "target": "/nix/store/x-etc" },
            { "path": "/etc/ssh/ssh_config", "modified": switched },
        ]));
        parse(report.to_string().as_bytes()).unwrap()
    };
    // 2026-11-21 14:13:20, 2026-11-22 09:12:00 and 2026-11-23 14:13:20 UTC.
    let (worked, switched, now) = (1_795_270_400, 1_795_338_720, 1_795_443_200);
    let before = at(state("healthy"), worked, worked - 1);
    let found = changes(&before, &at(state("machines-feature-missing"), now, switched));
    let first = &found.items[0];
    assert!(first.what.contains("features of linux-builder"), "{first:?}");
    assert_eq!((first.at, found.since, found.until), (Some(switched), Some(worked), Some(now)));
    let written = found.items.iter().find(|it| it.what == "/etc/ssh/ssh_config").unwrap();
    assert_eq!(written.to.as_deref(), Some("written 2026-11-22 09:12 UTC"));
    // What was written before it last worked cannot have been the change.
    let found = changes(&before, &at(state("machines-feature-missing"), now, worked - 1));
    assert_eq!(found.items[0].at, None);
}

#[test]
fn what_is_expected_now_and_was_not_explains_a_cause() {
    let healthy =
        parse(&fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json")).unwrap());
    let before = healthy.unwrap();
    let mut after = before.clone();
    after.expectations.nix.minimum_version = "99.0".to_owned();
    let found = changes(&before, &after);
    let first = &found.items[0];
    assert_eq!(
        (first.fact.as_str(), first.explains.contains(&"nix-too-old")),
        ("expectations", true),
        "{first:?}"
    );
}

#[test]
fn long_lists_of_a_strangers_report_are_compared_in_a_moment() {
    let state = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json")).unwrap();
    let long = |name: &str| {
        let mut report: Value = serde_json::from_slice(&state).unwrap();
        let files = (0..30_000)
            .map(|at| serde_json::json!({ "path": format!("/{name}<user-1>{at}"), "uid": 0, "mode": "644" }));
        report["evidence"]["ssh_files"]["seen"]["fact"] = files.collect();
        parse(report.to_string().as_bytes()).unwrap()
    };
    let (before, after) = (long("a"), long("b"));
    let started = std::time::Instant::now();
    assert!(!compare(&before.evidence, &after.evidence).changes.is_empty());
    // Each with each would take minutes.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
