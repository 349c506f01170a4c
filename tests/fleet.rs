//! Many saved reports in one run: a table of what ails how many, whatever stands between them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test makes the folders")]

use builder_doctor::report::fleet::Fleet;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const STATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states");

/// As whom the program runs where the tests run as root, who may read everything.
const NOBODY: u32 = 65534;

fn doctor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_builder-doctor"));
    command.args(args).env_clear().env("PATH", "").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    told(doctor(args).output().unwrap())
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The same with this on standard input.
fn fed(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child =
        doctor(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        told(child.wait_with_output().unwrap())
    })
}

fn state(name: &str) -> Vec<u8> {
    fs::read(format!("{STATES}/{name}.json")).unwrap()
}

/// A report on one line.
fn one_line(name: &str) -> String {
    serde_json::from_slice::<Value>(&state(name)).unwrap().to_string()
}

fn folder(reports: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (path, name) in reports {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, state(name)).unwrap();
    }
    folder
}

/// Eight Macs, as collectors leave them: one file each, or a folder each.
fn office() -> TempDir {
    folder(&[
        ("anna.json", "builder-service-not-loaded"),
        ("ben.json", "builder-service-not-loaded-fewer-facts"),
        ("cora.json", "healthy"),
        ("dan/Library/report.json", "healthy-determinate"),
        ("eve/Library/report.json", "two-causes"),
        ("finn.json", "nix-not-installed"),
        ("gus.JSON", "nix-mixed-versions"),
        ("hal.json", "builder-service-not-loaded"),
        ("notes.txt", "healthy"),
        (".hidden.json", "healthy"),
        ("._anna.json", "healthy"),
    ])
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/fleet"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_folder_is_one_table() {
    let office = office();
    let (code, table, errors) = run(&["--from", path(&office)]);
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    snapshot("human", &table);
    assert!(table.lines().all(|line| line.chars().count() <= 80 || line.starts_with("    ")), "{table}");
}

#[test]
fn every_format_tells_the_same() {
    let office = office();
    let (code, text, _) = run(&["--from", path(&office), "--json"]);
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &fleet["exit_code"], &fleet["machines"]), (Some(1), &json!(1), &json!(8)));
    assert_eq!(fleet["kind"], "fleet");
    snapshot("json", &text);
    let first = &fleet["findings"][0];
    assert_eq!((&first["id"], &first["cause"]), (&json!("builder-service-not-loaded"), &json!(4)));
    // The others are told by the library, whatever the program offers.
    let tell = |format: &str| {
        let host =
            builder_doctor::host::live::Live::new(std::time::Duration::ZERO, std::sync::Arc::default());
        let given = builder_doctor::fleet::source::open(&host, office.path()).unwrap();
        let builder_doctor::fleet::source::Given::Many(source) = given else { panic!("a folder is many") };
        let select = builder_doctor::diagnosis::Selection::default();
        let tally = builder_doctor::fleet::judge_all(source, 10, None, &select, &Default::default());
        let fleet = Fleet::new(tally.summary());
        builder_doctor::report::fleet::render(&fleet, format, builder_doctor::report::paint::Paint::PLAIN)
            .unwrap()
    };
    assert_eq!(tell("json"), text, "the same in two runs");
    for format in ["short", "markdown", "prometheus"] {
        let told = tell(format);
        assert!(told.contains("builder-service-not-loaded"), "{told}");
        snapshot(format, &told);
    }
    let samples = tell("prometheus");
    for finding in fleet["findings"].as_array().unwrap() {
        let (id, cause) = (finding["id"].as_str().unwrap(), &finding["cause"]);
        let row = samples
            .lines()
            .find(|row| row.starts_with(&format!("builder_doctor_fleet_cause_machines{{id=\"{id}\"")));
        assert!(row.unwrap().ends_with(&format!(" {cause}")), "{row:?}");
    }
}

#[test]
fn the_json_of_a_fleet_is_as_its_schema_says() {
    let office = office();
    fs::write(office.path().join("bad.json"), "{").unwrap();
    let fleet: Value = serde_json::from_str(&run(&["--from", path(&office), "--json"]).1).unwrap();
    let schema = schemars::schema_for!(Fleet);
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&fleet).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!validator.is_valid(&json!({ "kind": "fleet" })), "and not everything is");
}

#[test]
fn every_saved_machine_counts_as_it_is_judged_alone() {
    let fleet: Value = serde_json::from_str(&run(&["--from", STATES, "--json", "-v"]).1).unwrap();
    let checks = builder_doctor::checks::all();
    let mut causes = std::collections::BTreeMap::<&str, Vec<String>>::new();
    let mut states = std::collections::BTreeMap::<&str, u64>::new();
    let mut files: Vec<PathBuf> = fs::read_dir(STATES).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    for file in files {
        let saved = builder_doctor::report::json::parse(&fs::read(&file).unwrap()).unwrap();
        let judged = builder_doctor::diagnosis::diagnose(
            &checks,
            &saved.evidence,
            &saved.expectations,
            &Default::default(),
        );
        *states.entry(judged.state.name()).or_default() += 1;
        let name = file.file_stem().unwrap().to_str().unwrap();
        judged.causes().for_each(|(it, _)| causes.entry(it.check.id).or_default().push(name.to_owned()));
    }
    for (state, machines) in states {
        assert_eq!(fleet["verdicts"][state], machines, "{state}");
    }
    let found = fleet["findings"].as_array().unwrap().iter().filter(|it| it["cause"] != 0);
    for finding in found {
        let mut alone = causes.remove(finding["id"].as_str().unwrap()).unwrap();
        // In the order of the files' names with their ending.
        alone.sort_by_key(|name| format!("{name}.json"));
        assert_eq!(finding["machines"], json!(alone), "{}", finding["id"]);
        assert_eq!(finding["cause"], alone.len(), "{}", finding["id"]);
    }
    assert!(causes.is_empty(), "{causes:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_stops_nothing() {
    let office = folder(&[("a.json", "healthy"), ("z.json", "builders-empty")]);
    let at = |name: &str| office.path().join(name);
    fs::write(at("b-empty.json"), " \n").unwrap();
    fs::write(at("b-nothing.json"), "").unwrap();
    let whole = state("healthy");
    fs::write(at("c-cut.json"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("d-binary.json"), [0xff, 0, 0x1b, b'[', b'3', b'1', b'm', 0xfe]).unwrap();
    fs::write(at("e-other.json"), "{\"name\": \"package\"}").unwrap();
    fs::write(at("f-huge.json"), vec![b'x'; 9 << 20]).unwrap();
    fs::File::create(at("g-sparse.json")).unwrap().set_len(1 << 40).unwrap();
    assert!(Command::new("mkfifo").arg(at("h-pipe.json")).status().unwrap().success());
    fs::write(at("i-denied.json"), &whole).unwrap();
    fs::set_permissions(at("i-denied.json"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink(at("j-round.json"), at("j-round.json")).unwrap();
    symlink("..", at("k-up")).unwrap();
    symlink("/dev/zero", at("l-zero.json")).unwrap();
    symlink("nowhere", at("m-dangling.json")).unwrap();
    fs::create_dir(at("n-closed")).unwrap();
    fs::set_permissions(at("n-closed"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::create_dir(at("o-folder.json")).unwrap();
    let deep = (0..20).fold(at("p"), |path, _| path.join("p"));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep.json"), &whole).unwrap();
    fs::write(at("q-list.json"), format!("[{0},{0}]", one_line("healthy"))).unwrap();
    fs::write(at("r-later.json"), "{\"schema_version\": 99, \"evidence\": {}}").unwrap();
    symlink(at("a.json"), at("s-link.json")).unwrap();
    let mut command = doctor(&["--from", path(&office), "--json", "-v"]);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let (code, text, errors) = told(command.output().unwrap());
    for closed in ["i-denied.json", "n-closed"] {
        fs::set_permissions(at(closed), fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fleet["machines"], 3, "a, z, and the link to a");
    let unread = fleet["unreadable"]["reports"].as_array().unwrap();
    let of = |name: &str| {
        let found = unread.iter().find(|it| it["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {unread:#?}"))["because"].as_str().unwrap()
    };
    for (name, words) in [
        ("b-empty", "it is empty"),
        ("b-nothing", "it is empty"),
        ("c-cut", "it is cut short"),
        ("d-binary", "it is not JSON"),
        ("e-other", "it is no report of builder-doctor"),
        ("f-huge", "it is larger than 8 MiB"),
        ("g-sparse", "it is larger than 8 MiB"),
        ("h-pipe", "not a regular file"),
        ("i-denied", "permission denied"),
        ("j-round", "symbolic links"),
        ("k-up", "a link to a folder"),
        ("l-zero", "not a regular file"),
        ("m-dangling", "not found"),
        ("n-closed", "permission denied"),
        ("q-list", "several reports"),
        ("r-later", "newer builder-doctor"),
    ] {
        assert!(of(name).contains(words), "{name}: {}", of(name));
        assert_eq!(of(name).lines().count(), 1);
    }
    assert!(unread.iter().any(|it| it["because"].as_str().unwrap().contains("folders deep")), "{unread:#?}");
    assert_eq!(unread.len(), 17);
    assert_eq!(fleet["unreadable"]["count"], 17);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn nothing_that_can_be_read_is_exit_code_2() {
    let bad = folder(&[]);
    let (code, out, errors) = run(&["--from", path(&bad)]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("it holds no report: nothing that ends in .json"), "{errors}");
    fs::write(bad.path().join("a.json"), "{").unwrap();
    let (code, out, errors) = run(&["--from", path(&bad)]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains(": a: it is cut short"), "{errors}");
    fs::write(bad.path().join("b.json"), "{").unwrap();
    let (code, out, _) = run(&["--from", path(&bad)]);
    assert_eq!(code, Some(2));
    assert!(out.starts_with("No report could be judged. 2 reports could not be read."), "{out}");
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let well = folder(&[("a.json", "healthy"), ("b.json", "healthy-determinate")]);
    let code = |folder: &TempDir, more: &[&str]| {
        let mut args = vec!["--from", path(folder)];
        args.extend(more);
        run(&args).0
    };
    assert_eq!(code(&well, &[]), Some(0));
    fs::write(well.path().join("c.json"), state("builder-conflict")).unwrap();
    assert_eq!((code(&well, &[]), code(&well, &["--strict"])), (Some(0), Some(1)));
    fs::write(well.path().join("d.json"), "{").unwrap();
    assert_eq!(code(&well, &[]), Some(3), "one of them is not known");
    fs::write(well.path().join("e.json"), state("builders-empty")).unwrap();
    assert_eq!(code(&well, &[]), Some(1));
    assert_eq!(code(&well, &["--only", "guest"]), Some(3), "what is not asked is no error");
}

#[test]
fn json_lines_are_many_and_one_object_is_one() {
    let lines =
        format!("{}\n\n{}\nnonsense\n{}\n", one_line("healthy"), one_line("builders-empty"), "{\"cut\": ");
    let (code, text, _) = fed(&["--from", "-", "--json"], lines.as_bytes());
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &fleet["kind"], &fleet["machines"]), (Some(1), &json!("fleet"), &json!(2)));
    let names: Vec<&str> = fleet["unreadable"]["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["line 4", "line 5"]);
    let indented = [state("healthy"), state("builders-empty")].concat();
    let (code, text, _) = fed(&["--from", "-", "--json"], &indented);
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &fleet["machines"], &fleet["unreadable"]["count"]), (Some(1), &json!(2), &json!(0)));
    let (code, text, _) = fed(&["--from", "-", "--json"], &state("builders-empty"));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["findings"][0]["id"]), (Some(1), &json!("builders-empty")));
    let file = folder(&[]);
    let file = file.path().join("all.jsonl");
    fs::write(&file, format!("{}\n{}\n", one_line("healthy"), one_line("builders-empty"))).unwrap();
    let (_, text, _) = run(&["--from", file.to_str().unwrap(), "--json"]);
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fleet["findings"][0]["machines"], json!(["all:2"]));
}

#[test]
fn a_collectors_rows_name_the_machines() {
    let log = json!({ "name": "pack_doctor", "hostIdentifier": "mac-017", "unixTime": 1,
        "columns": { "line": one_line("builders-empty") }, "action": "added" });
    let own = json!({ "host": "mac-018", "report": serde_json::from_slice::<Value>(&state("builders-empty")).unwrap() });
    let (_, text, _) = fed(&["--from", "-", "--json"], format!("{log}\n{own}\n").as_bytes());
    let fleet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fleet["findings"][0]["machines"], json!(["mac-017", "mac-018"]));
    let (code, text, _) = fed(&["--from", "-"], log.to_string().as_bytes());
    assert_eq!(code, Some(1));
    assert!(text.contains("builders-empty") && text.contains("on that machine"), "{text}");
}

#[test]
fn a_saved_report_says_whose_it_is() {
    let mut report: Value = serde_json::from_slice(&state("builders-empty")).unwrap();
    let taken =
        json!({ "at": 1_795_183_392_u64, "builds": true, "deep": false, "caches": true, "root": false });
    report["evidence"]["taken"] =
        json!({ "seen": { "fact": taken, "from": "the clock", "as_whom": "user" } });
    report["interrupted"] = json!(true);
    let (_, text, _) = fed(&["--from", "-"], report.to_string().as_bytes());
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains(
            "A report of builder-doctor 0.1.0, taken 2026-11-20 14:03 UTC on macOS 26.6.2 (arm64);"
        ),
        "{text}"
    );
    assert!(flat.contains("what only root sees (it was taken without --sudo)"), "{text}");
    assert!(flat.contains("what was still to come when it was interrupted"), "{text}");
    assert!(flat.contains("Next: on that machine, "), "{text}");
    let (_, text, _) = fed(&["--from", "-", "--json"], report.to_string().as_bytes());
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["replayed"]["taken_at"], "2026-11-20T14:03:12Z");
    assert_eq!(again["replayed"]["lacks"][0]["what"], "root");
    // And again: what was cut off by an interruption does not come back.
    let (_, text, _) = fed(&["--from", "-", "--json", "--no-redact"], report.to_string().as_bytes());
    let (_, third, _) = fed(&["--from", "-", "--json"], text.as_bytes());
    assert_eq!(serde_json::from_str::<Value>(&third).unwrap()["replayed"], again["replayed"]);
    let (_, example, _) = run(&["--example"]);
    assert!(!example.contains("A report of") && !example.contains("on that machine"), "{example}");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_fleet() {
    let peak = |reports: usize| {
        let mut child =
            doctor(&["--from", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let lines: Vec<String> =
            ["healthy", "two-causes", "builders-empty", "vm-disk-full"].map(one_line).to_vec();
        let mut peak = 0;
        for at in 0..reports {
            let mut line = lines[at % lines.len()].clone();
            // Each with a name of its own, so that what is kept by name would show.
            line = format!("{{\"host\":\"mac-{at:06}\",\"report\":{line}}}\n");
            stdin.write_all(line.as_bytes()).unwrap();
            if at % 50 == 49 || at + 1 == reports {
                let text = fs::read_to_string(&status).unwrap();
                let row = text.lines().find_map(|row| row.strip_prefix("VmHWM:")).unwrap();
                peak = row.split_whitespace().next().unwrap().parse::<u64>().unwrap();
            }
        }
        drop(stdin);
        let fleet: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(fleet["machines"], reports);
        peak
    };
    let (few, many) = (peak(100), peak(1000));
    // All thousand reports are some fifty megabytes as text alone.
    assert!(many < few + 12 * 1024, "{few} kB with 100 reports, {many} kB with 1000");
}

#[test]
fn a_format_of_one_machine_is_refused() {
    for format in ["junit", "sarif", "github", "jsonl"] {
        let error = builder_doctor::report::fleet::refused(format);
        assert!(error.contains("human, short, json, markdown and prometheus"), "{error}");
    }
}
