//! `preflight` and `setup` as somebody types them, without a Mac: by a saved report, with fake commands, with wrong input.
#![allow(clippy::disallowed_methods)] // drives the program from outside

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const STATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json");

fn doctor(path: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_builder-doctor"));
    command.args(words).env_clear().env("PATH", path).env("HOME", "/nonexistent").stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A folder with these commands, each a line of shell.
fn fake(commands: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, line) in commands {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn a_whole_report_says_whether_its_mac_could_be_set_up() {
    let said = doctor("/nonexistent", &["preflight", "--from", STATE]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    assert!(text(&said).contains("already-set-up"), "{}", text(&said));
    // It was taken without what a preflight asks, and says so.
    assert!(text(&said).contains("It cannot show what"), "{}", text(&said));
    assert!(!text(&said).contains("--sudo") && !text(&said).contains("--quick"), "{}", text(&said));
}

#[test]
fn its_own_report_is_judged_again_and_is_none_of_a_builder() {
    let bin = fake(&[("uname", "echo Darwin arm64"), ("sw_vers", "printf 'ProductVersion:\\t\\t12.7\\n'")]);
    let path = bin.path().to_str().unwrap();
    let taken = doctor(path, &["preflight", "--json"]);
    assert_eq!(taken.status.code(), Some(1), "{}", text(&taken));
    let report: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!(report["purpose"], "preflight");
    let ids = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids(&report).contains(&"macos-too-old".to_owned()), "{:?}", ids(&report));
    let file = bin.path().join("report.json");
    fs::write(&file, &taken.stdout).unwrap();
    let file = file.to_str().unwrap();
    let again = doctor("/nonexistent", &["preflight", "--from", file, "--json"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(ids(&serde_json::from_slice(&again.stdout).unwrap()), ids(&report));
    let misread = doctor("/nonexistent", &["--from", file]);
    assert_eq!(misread.status.code(), Some(2));
    assert!(text(&misread).contains("builder-doctor preflight --from"), "{}", text(&misread));
    for format in ["human", "short", "jsonl", "markdown", "junit", "sarif", "github", "prometheus"] {
        let said = doctor("/nonexistent", &["preflight", "--from", file, "--format", format]);
        assert_eq!(said.status.code(), Some(1), "{format}");
        let said = text(&said);
        assert!(!said.is_empty() && !said.contains("test build"), "{format}: {said}");
    }
}

#[test]
fn a_linux_machine_is_no_mac() {
    let bin = fake(&[("uname", "echo Linux x86_64")]);
    let path = bin.path().to_str().unwrap();
    for words in [&["preflight"][..], &["setup", "--yes"]] {
        let said = doctor(path, words);
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
        assert!(text(&said).contains("not-a-mac"), "{}", text(&said));
    }
}

#[test]
fn wrong_usage_of_setup_is_one_line() {
    for words in [
        &["setup", "--flake", ""][..],
        &["setup", "--flake", "--impure"],
        &["setup", "--dry-run", "--yes"],
        &["setup", "--timeout", "soon"],
        &["setup", "--expect", "/nonexistent.toml"],
    ] {
        let said = doctor("/nonexistent", words);
        assert_eq!(said.status.code(), Some(2), "{words:?}: {}", text(&said));
    }
}
