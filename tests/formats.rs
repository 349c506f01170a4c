//! Every format of a report: golden files for each kind of machine, and a test that all say the same.
//!
//! Update the golden files with `INSTA_UPDATE=always cargo test --test formats`, and read the difference.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::{Timing, Waited};
use builder_doctor::host::secrets::Secrets;
use builder_doctor::redact::redact;
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::json::{Saved, parse};
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{Report, Timings};
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{PermissionsExt, symlink};
use support::{Mac, states};

/// The report of a saved machine as others see it.
fn with_report(saved: &Saved, selection: &Selection, look: impl FnOnce(&Report)) {
    let (evidence, _) = redact(&saved.evidence, &saved.expectations, &Secrets::default()).unwrap();
    let diagnosis = diagnose(&checks::all(), &evidence, &saved.expectations, selection);
    let waits = vec![Waited { fact: "nix".to_owned(), from_ms: 0, ms: 31 }];
    let nix = Timing { fact: "nix".to_owned(), ms: 31, waits: vec![] };
    let probes = vec![nix, Timing { fact: "builds".to_owned(), ms: 1371, waits }];
    let timings = Timings { total_ms: 1403, probes };
    let mut report = Report::new(&diagnosis, &evidence, &saved.expectations, timings);
    report.redacted = true;
    look(&report);
}

fn text(report: &Report, format: Format) -> String {
    render(report, format, Paint::PLAIN, Detail::Checks)
}

#[test]
fn each_kind_of_machine_in_each_format() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/formats"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (kind, bytes) in states::kinds() {
            with_report(&parse(&bytes).unwrap(), &Selection::default(), |report| {
                for format in Format::ALL {
                    let text = text(report, format);
                    assert!(text.ends_with('\n'), "{format}");
                    // All rules stand in each log: once is enough to read.
                    let shown = match format {
                        Format::Sarif => without_rules(&text),
                        _ => text,
                    };
                    insta::assert_snapshot!(format!("{kind}.{format}"), shown);
                }
            });
        }
    });
}

fn without_rules(log: &str) -> String {
    let mut log: Value = serde_json::from_str(log).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().unwrap();
    assert_eq!(rules.len(), checks::all().len());
    rules.truncate(1);
    serde_json::to_string_pretty(&log).unwrap()
}

/// What a format says: the verdict, the exit code, the status of each check, and each finding with its severity.
#[derive(Debug, Default, PartialEq)]
struct Said {
    verdict: Option<String>,
    exit_code: Option<u64>,
    checks: Option<BTreeMap<String, String>>,
    findings: Option<BTreeMap<String, String>>,
}

impl Said {
    fn by(report: &Report) -> Said {
        Said {
            verdict: Some(report.verdict.to_owned()),
            exit_code: Some(report.exit_code.into()),
            checks: Some(report.checks.iter().map(|it| (it.id.to_owned(), it.status.to_owned())).collect()),
            findings: Some(
                report.findings.iter().map(|it| (it.id.to_owned(), it.severity.to_owned())).collect(),
            ),
        }
    }

    /// The same, as far as the other says anything.
    fn within(self, other: &Said) -> Said {
        Said {
            verdict: self.verdict.filter(|_| other.verdict.is_some()),
            exit_code: self.exit_code.filter(|_| other.exit_code.is_some()),
            checks: self.checks.filter(|_| other.checks.is_some()),
            findings: self.findings.filter(|_| other.findings.is_some()),
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn pairs(rows: &Value, second: &str) -> BTreeMap<String, String> {
    rows.as_array().unwrap().iter().map(|it| (word(&it["id"]), word(&it[second]))).collect()
}

fn of_json(text: &str) -> Said {
    let report: Value = serde_json::from_str(text).unwrap();
    Said {
        verdict: Some(word(&report["verdict"])),
        exit_code: report["exit_code"].as_u64(),
        checks: Some(pairs(&report["checks"], "status")),
        findings: Some(pairs(&report["findings"], "severity")),
    }
}

fn of_jsonl(text: &str) -> Said {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert_eq!((&first["event"], &last["event"]), (&"start".into(), &"report".into()));
    let of = |event: &str| Value::from_iter(lines.iter().filter(|it| it["event"] == event).cloned());
    assert_eq!(of("fact").as_array().unwrap().len() as u64, first["facts"].as_u64().unwrap());
    Said {
        verdict: Some(word(&last["verdict"])),
        exit_code: last["exit_code"].as_u64(),
        checks: Some(pairs(&of("check"), "status")),
        findings: Some(pairs(&of("finding"), "severity")),
    }
}

fn of_sarif(text: &str) -> Said {
    let log: Value = serde_json::from_str(text).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let mut findings = BTreeMap::new();
    for result in run["results"].as_array().unwrap() {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert!(!word(&result["message"]["text"]).is_empty());
        let uri = word(&result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]);
        assert!(
            !uri.is_empty()
                && uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`{}|^\\".contains(&byte)),
            "{uri}"
        );
        findings.insert(word(&result["ruleId"]), word(&result["level"]));
    }
    let statuses = run["properties"]["checks"].as_object().unwrap();
    Said {
        verdict: Some(word(&run["properties"]["verdict"])),
        exit_code: run["invocations"][0]["exitCode"].as_u64(),
        checks: Some(statuses.iter().map(|(id, status)| (id.clone(), word(status))).collect()),
        findings: Some(findings),
    }
}

fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let found = tag.attributes().map(Result::unwrap).find(|it| it.key.as_ref() == name)?;
    Some(quick_xml::escape::unescape(&found.value).unwrap().into_owned())
}

fn of_junit(text: &str) -> Said {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut said, mut checks, mut findings) = (Said::default(), BTreeMap::new(), BTreeMap::new());
    let (mut case, mut open, mut failures, mut told) = (String::new(), Vec::new(), 0, None);
    loop {
        let event = reader.read_event().unwrap();
        let (tag, stays_open) = match &event {
            Event::Start(tag) => (tag, true),
            Event::Empty(tag) => (tag, false),
            Event::End(tag) => {
                assert_eq!(open.pop().as_deref(), Some(tag.name().as_ref()));
                continue;
            }
            Event::Text(words) if open.last().map(String::as_str) == Some("system-out") => {
                // What follows an entity is a text of its own.
                let severity = words.as_ref().split(':').next().unwrap().to_owned();
                findings.entry(case.clone()).or_insert(severity);
                checks.insert(case.clone(), "fail".to_owned());
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        match tag.name().as_ref() {
            "testsuites" => told = attribute(tag, "failures"),
            "property" => match attribute(tag, "name").as_deref() {
                Some("verdict") => said.verdict = attribute(tag, "value"),
                Some("exit_code") => said.exit_code = attribute(tag, "value").map(|it| it.parse().unwrap()),
                _ => {}
            },
            "testcase" => {
                case = attribute(tag, "name").unwrap();
                assert!(checks.insert(case.clone(), "pass".to_owned()).is_none(), "{case} twice");
            }
            "failure" => {
                failures += 1;
                checks.insert(case.clone(), "fail".to_owned());
                findings.insert(case.clone(), attribute(tag, "type").unwrap());
            }
            "skipped" => {
                let why = attribute(tag, "message").unwrap();
                checks.insert(case.clone(), why.split(':').next().unwrap().to_owned());
            }
            _ => {}
        }
        if stays_open {
            open.push(tag.name().as_ref().to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(told, Some(failures.to_string()));
    Said { checks: Some(checks), findings: Some(findings), ..said }
}

fn of_github(text: &str) -> Said {
    let (mut said, mut checks, mut findings) = (Said::default(), BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(command) =
            line.strip_prefix("::").filter(|it| !it.starts_with("group") && *it != "endgroup::")
        {
            let (head, message) = command.split_once("::").unwrap();
            let (level, properties) = head.split_once(' ').unwrap();
            assert!(["error", "warning", "notice"].contains(&level), "{line}");
            let title = properties.split(',').find_map(|it| it.strip_prefix("title=")).unwrap();
            if title == "builder-doctor" {
                assert!(findings.is_empty(), "the verdict comes first: {text}");
                said.verdict = message.split([':', ' ']).next().map(str::to_owned);
                let code = message.rsplit("; exit code ").next().unwrap();
                said.exit_code = Some(code.parse().unwrap());
            } else {
                findings.insert(title.to_owned(), if level == "notice" { "note" } else { level }.to_owned());
            }
        } else if let Some((id, rest)) = line.split_once(" (") {
            let status = rest.split(": ").nth(1).unwrap();
            checks.insert(id.to_owned(), status.to_owned());
        }
    }
    Said { checks: Some(checks), findings: Some(findings), ..said }
}

fn of_prometheus(text: &str) -> Said {
    let (mut said, mut checks, mut findings) = (Said::default(), BTreeMap::new(), BTreeMap::new());
    let mut typed = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            if words[0] == "TYPE" {
                assert!(typed.insert(words[1].to_owned()), "{line} twice");
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        assert!(typed.contains(name), "{line}");
        let label = |wanted: &str| {
            let found =
                labels.trim_end_matches('}').split(',').find_map(|it| it.strip_prefix(&format!("{wanted}=")));
            found.unwrap().trim_matches('"').to_owned()
        };
        match name {
            "builder_doctor_verdict" if value == "1" => said.verdict = Some(label("verdict")),
            "builder_doctor_exit_code" => said.exit_code = value.parse().ok(),
            "builder_doctor_check" => {
                checks.insert(label("id"), label("status"));
            }
            "builder_doctor_finding" => {
                findings.insert(label("id"), label("severity"));
            }
            _ => {}
        }
    }
    Said { checks: Some(checks), findings: Some(findings), ..said }
}

fn of_markdown(text: &str) -> Said {
    let verdict = text.lines().find_map(|line| line.strip_prefix("| verdict | ")).unwrap();
    let (verdict, rest) = verdict.split_once(" (exit code ").unwrap();
    let mut checks = BTreeMap::new();
    let mut findings = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        if let [id, _, status, ..] = cells.as_slice()
            && let Some(id) = id.strip_prefix("| `")
        {
            checks.insert(id.trim_end_matches('`').to_owned(), (*status).to_owned());
        }
        let heading = line.strip_prefix("#### ").and_then(|it| it.split_once(". `")).map(|(_, it)| it);
        if let Some((id, rest)) = heading.and_then(|it| it.split_once("` (")) {
            findings.insert(id.to_owned(), rest.split(',').next().unwrap().to_owned());
        }
        if let Some((id, rest)) = line.strip_prefix("- `").and_then(|it| it.split_once("` (")) {
            let severity = rest.split_once(", ").unwrap().1.split(')').next().unwrap();
            findings.insert(id.to_owned(), severity.to_owned());
        }
    }
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    assert!(text.chars().count() <= 65_536, "GitHub takes no more");
    Said {
        verdict: Some(verdict.to_owned()),
        exit_code: rest.trim_end_matches(") |").parse().ok(),
        checks: Some(checks),
        findings: Some(findings),
    }
}

fn of_human(text: &str, report: &Report) -> Said {
    let findings = report
        .findings
        .iter()
        .filter(|it| text.contains(it.id))
        .map(|it| (it.id.to_owned(), it.severity.to_owned()));
    let checks = report
        .checks
        .iter()
        .filter(|it| text.contains(it.id))
        .map(|it| (it.id.to_owned(), it.status.to_owned()));
    Said { checks: Some(checks.collect()), findings: Some(findings.collect()), ..Said::default() }
}

fn of_short(text: &str, report: &Report) -> Said {
    assert_eq!(text.lines().count(), 1, "{text}");
    let first = report.causes().next();
    assert!(first.is_none_or(|first| text.contains(first.id)), "{text}");
    Said { verdict: text.split(':').next().map(str::to_owned), ..Said::default() }
}

fn heard(text: &str, format: Format, report: &Report) -> Said {
    match format {
        Format::Human => of_human(text, report),
        Format::Short => of_short(text, report),
        Format::Json => of_json(text),
        Format::Jsonl => of_jsonl(text),
        Format::Markdown => of_markdown(text),
        Format::Junit => of_junit(text),
        Format::Sarif => of_sarif(text),
        Format::Github => of_github(text),
        Format::Prometheus => of_prometheus(text),
    }
}

#[test]
fn all_formats_say_the_same_of_every_saved_machine() {
    let strict = Selection { strict: true, ..Selection::default() };
    for (name, bytes) in states::all() {
        let saved = parse(&bytes).unwrap();
        for selection in [&Selection::default(), &strict] {
            with_report(&saved, selection, |report| {
                for format in Format::ALL {
                    let said = heard(&text(report, format), format, report);
                    assert_eq!(Said::by(report).within(&said), said, "{name} as {format}");
                    if !matches!(format, Format::Human | Format::Short) {
                        assert!(said.checks.is_some() && said.findings.is_some() && said.exit_code.is_some());
                    }
                }
            });
        }
    }
}

#[test]
fn a_disagreement_would_be_seen() {
    let saved = parse(&states::state("two-causes")).unwrap();
    with_report(&saved, &Selection::default(), |report| {
        for format in Format::ALL.into_iter().filter(|it| !matches!(it, Format::Human | Format::Short)) {
            let text = text(report, format);
            let other = text.replace("substituter-missing", "substituter-gone");
            let said = heard(&other, format, report);
            assert_ne!(Said::by(report), said, "{format}");
        }
    });
}

#[test]
fn each_format_ends_with_the_same_exit_code() {
    let mac = Mac::new();
    for (kind, report) in states::kinds() {
        let path = mac.write("report.json", report);
        let path = path.to_str().unwrap();
        for strict in [&[][..], &["--strict"]] {
            let code = |format: &str| {
                let args = [&["--from", path, "--format", format], strict].concat();
                mac.run(&args).code
            };
            let codes: BTreeSet<Option<i32>> = Format::ALL.iter().map(|format| code(format.name())).collect();
            assert_eq!(codes.len(), 1, "{kind} {strict:?}");
        }
    }
}

#[test]
fn several_files_are_written_at_once_and_standard_output_as_well() {
    let mac = Mac::new();
    let report = mac.write("report.json", states::state("two-causes"));
    let path = |name: &str| mac.path(name).to_str().unwrap().to_owned();
    let outputs = [
        path("a.json"),
        path("b.md"),
        format!("junit={}", path("c")),
        path("d.sarif"),
        path("e.prom"),
        path("f.txt"),
    ];
    let mut args = vec!["--from", report.to_str().unwrap(), "--format", "short"];
    for output in &outputs {
        args.extend(["--output", output]);
    }
    let ran = mac.run(&args);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    assert!(ran.text().starts_with("broken: builder-service-not-loaded: "), "{}", ran.text());
    let written = |name: &str| std::fs::read_to_string(mac.path(name)).unwrap();
    assert_eq!(of_json(&written("a.json")).findings, of_junit(&written("c")).findings);
    assert_eq!(of_sarif(&written("d.sarif")).checks, of_prometheus(&written("e.prom")).checks);
    assert!(written("b.md").starts_with("### builder-doctor: Linux builds are broken"));
    assert!(written("f.txt").starts_with("Linux builds are broken"));
    let mode = |name: &str| std::fs::metadata(mac.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("e.prom"), mode("f.txt")), (0o644, 0o600), "what holds names is for its owner alone");
    // What stands at standard output is there once.
    let ran = mac.run(&["--from", report.to_str().unwrap(), "--output", "github=-"]);
    assert!(ran.text().starts_with("::error ") && ran.text().ends_with("::endgroup::\n"), "{}", ran.text());
}

#[test]
fn what_cannot_be_written_is_said_and_the_others_are_written() {
    let mac = Mac::new();
    let report = mac.write("report.json", states::state("healthy"));
    let shut = mac.path("shut");
    std::fs::create_dir(&shut).unwrap();
    let kept = shut.join("kept.json");
    std::fs::write(&kept, "kept").unwrap();
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o555)).unwrap();
    symlink("loop", mac.path("loop")).unwrap();
    let pipe = mac.path("pipe");
    assert!(std::process::Command::new("mkfifo").args(["-m", "666"]).arg(&pipe).status().unwrap().success());
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let outputs = [
        path(&mac.path("absent/r.json")),
        path(&kept),
        path(&shut),
        "json=/dev/full".to_owned(),
        format!("json={}", path(&pipe)),
        path(&mac.path("good.json")),
    ];
    let mut args = vec!["--from", report.to_str().unwrap()];
    for output in &outputs {
        args.extend(["--output", output]);
    }
    let ran = mac.run(&args);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 5, "{}", ran.stderr);
    assert!(
        ran.stderr.lines().all(|line| line.starts_with("builder-doctor: the report cannot be written: /")),
        "{}",
        ran.stderr
    );
    assert!(ran.text().starts_with("The Linux builder works."), "{}", ran.text());
    assert_eq!(
        of_json(&std::fs::read_to_string(mac.path("good.json")).unwrap()).verdict.as_deref(),
        Some("healthy")
    );
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
    let left = |folder: &std::path::Path| {
        let all = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        all.filter(|name| name.starts_with(".builder-doctor")).collect::<Vec<_>>()
    };
    assert_eq!((left(&shut), left(&mac.path(""))), (Vec::new(), Vec::new()), "nothing is left beside them");
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_not_written_outranks_every_verdict_in_any_order() {
    let mac = Mac::new();
    for (kind, report) in states::kinds() {
        let report = mac.write("report.json", report);
        let good = mac.path("good.json");
        let (report, good) = (report.to_str().unwrap(), good.to_str().unwrap());
        for outputs in [["json=/dev/full", good], [good, "json=/dev/full"]] {
            let ran = mac.run(&["--from", report, "--output", outputs[0], "--output", outputs[1]]);
            assert_eq!(ran.code, Some(2), "{kind} {outputs:?}");
        }
    }
}

#[test]
fn events_come_as_they_happen() {
    let mac = Mac::new();
    // One probe waits until it is told to go on: the others are heard of before.
    mac.program("sw_vers", "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done");
    let out = mac.write("events", "");
    std::fs::set_permissions(&out, PermissionsExt::from_mode(0o666)).unwrap();
    let mut command = mac.command(&["--offline", "--quick", "--format", "jsonl"]);
    command.stdout(std::fs::File::create(&out).unwrap());
    let running = mac.launch(&mut command);
    let heard = || std::fs::read_to_string(&out).unwrap();
    let early = support::until(support::GENEROUS, || heard().contains(r#""fact":"localhost""#));
    assert!(early && !heard().contains(r#""event":"report""#), "{}", heard());
    let home = command.get_envs().find_map(|(name, value)| value.filter(|_| name == "HOME")).unwrap();
    std::fs::write(std::path::Path::new(home).join("go"), "").unwrap();
    let ran = running.end();
    let text = heard();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts: Vec<&Value> = events.iter().filter(|it| it["event"] == "fact").collect();
    assert_eq!(facts.len() as u64, events[0]["facts"].as_u64().unwrap());
    assert!(facts.iter().all(|it| it["ms"].is_u64()), "a live look has times");
    let names: BTreeSet<&str> = facts.iter().map(|it| it["fact"].as_str().unwrap()).collect();
    assert_eq!(names.len(), facts.len(), "each once");
    assert_eq!(of_jsonl(&text).exit_code, ran.code.map(|code| u64::try_from(code).unwrap()));
}
