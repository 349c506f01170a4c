//! `explain`: a check, a topic, another name, and whatever was pasted or piped into it.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use builder_doctor::{checks, symptoms, topics};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::Duration;
use support::{Mac, Ran};

/// Nix 2.34.8, captured (the builder's machines line without nixos-test).
const FEATURE: &str = "Failed to find a machine for remote build!
derivation: x-probe-1-aarch64-linux.drv
required (system, features): (aarch64-linux, [nixos-test])
1 available machines:
(systems, maxjobs, supportedFeatures, mandatoryFeatures)
([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm], [])
error: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.
       Reason: platform mismatch
       Required system: 'aarch64-linux'
       Current system: 'aarch64-darwin'
";

/// A public runbook; then NixOS/nix#11087.
const TWO: &str = "ssh: connect to host localhost port 31022: Connection refused
error: unable to download 'https://cache.nixos.org/gwxwlbb8fs84afdr00j3psymx7n3c8px.narinfo': Problem with the SSL CA cert (path? access rights?) (77)
";

/// A run that looks at nothing: neither a program on PATH nor a variable.
fn explain(args: &[&str], input: &[u8]) -> Ran {
    let mac = Mac::new();
    let ran = mac.run_with_input(&[&["explain"], args].concat(), input);
    ran.is_sound();
    assert_eq!(mac.calls(), [""; 0], "{args:?} looks at nothing of this machine");
    ran
}

/// The ids of the faults that a text names.
fn named(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let faults = ran.json()["faults"].as_array().unwrap().clone();
    faults.iter().map(|fault| fault["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn output_is_read_from_standard_input_and_from_the_command_line_alike() {
    let piped = explain(&["-"], FEATURE.as_bytes());
    piped.is_plain();
    assert_eq!((piped.code, piped.stderr.as_str()), (Some(0), ""));
    for words in [
        "The text names one fault.",
        "machines-feature-missing",
        "required (system, features): (aarch64-linux, [nixos-test])",
        "The sixth column",
        "sudo darwin-rebuild switch",
        "builder-doctor explain machines-feature-missing",
    ] {
        assert!(piped.text().contains(words), "{words:?} is not in:\n{}", piped.text());
    }
    assert_eq!(explain(&["--text", FEATURE], b"").text(), piped.text());
    assert_eq!(explain(&[&format!("--text={FEATURE}")], b"").text(), piped.text());
}

#[test]
fn several_faults_stand_in_the_order_of_a_build_s_way() {
    let ran = explain(&["-"], TWO.as_bytes());
    assert!(ran.text().starts_with("The text names 2 faults, the most telling first.\n"), "{}", ran.text());
    let at = |id: &str| ran.text().find(id).unwrap_or_else(|| panic!("no {id}"));
    assert!(at("ssh-connection-refused") < at("cache-ca-bundle-missing"));
    let backwards: String = TWO.lines().rev().map(|line| format!("{line}\n")).collect();
    assert_eq!(
        named(&explain(&["-", "--json"], backwards.as_bytes())),
        ["ssh-connection-refused", "cache-ca-bundle-missing"]
    );
}

#[test]
fn json_says_the_same() {
    let ran = explain(&["--text", FEATURE, "--json"], b"");
    assert_eq!(named(&ran), ["machines-feature-missing"]);
    let fault = &ran.json()["faults"][0];
    assert_eq!(fault["line"], "required (system, features): (aarch64-linux, [nixos-test])");
    assert_eq!((fault["line_number"].as_u64(), fault["kind"].as_str()), (Some(3), Some("check")));
    for key in ["title", "detail", "look_at", "docs"] {
        assert!(fault[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {fault}");
    }
    let whom: Vec<&Value> = fault["remedies"].as_array().unwrap().iter().map(|it| &it["for"]).collect();
    assert_eq!(whom, ["nix-darwin", "nobody"]);
    assert_eq!(explain(&["-", "--json"], b"hello").json()["faults"].as_array().map(Vec::len), Some(0));
}

#[test]
fn every_sample_of_the_table_is_named_through_the_command_line() {
    // A run for each is much; one for each row is enough to see that all can be shown.
    for row in symptoms::all() {
        let ran = explain(&["-"], row.samples[0].text.as_bytes());
        ran.is_plain();
        let first = ran.text().lines().nth(2);
        assert_eq!(first, Some(row.id), "{}", ran.text());
        let ascii = explain(&["-", "--ascii", "--json"], row.samples[0].text.as_bytes());
        assert_eq!(named(&ascii).first().map(String::as_str), Some(row.id));
    }
}

#[test]
fn a_text_that_names_nothing_says_what_to_do() {
    let ran = explain(&["-"], b"hello\nworld\n");
    ran.is_plain();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.text().starts_with("The text names no fault that is known.\n"), "{}", ran.text());
    assert!(ran.text().contains("builder-doctor --sudo"));
}

#[test]
fn nothing_is_nothing_to_explain() {
    for input in [&b""[..], b"\n \t\r\n", b"\x1b[0m\n", b"\0\0"] {
        explain(&["-"], input).is_refused("there is nothing to explain");
        explain(&["-", "--json"], input).is_refused("there is nothing to explain");
    }
    explain(&["--text", ""], FEATURE.as_bytes()).is_refused("there is nothing to explain");
}

#[test]
fn bytes_that_are_no_text_are_read_as_well_as_they_can() {
    let mut bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    assert_eq!(named(&explain(&["-", "--json"], &bytes)), [""; 0]);
    bytes
        .extend_from_slice(b"\n\xff\xfe error: cannot connect to socket at '/nix/\xc3\x28/socket'\n\0\x9b2J");
    let ran = explain(&["-"], &bytes);
    ran.is_plain();
    assert!(ran.text().contains("daemon-not-running"), "{}", ran.text());
    // On the command line too, where it is one argument.
    let mac = Mac::new();
    let text = OsStr::from_bytes(b"\xff\nssh: connect to host localhost port 31022: Connection refused\xfe");
    let ran = mac.launch(mac.command(&["explain", "--json", "--text"]).arg(text)).end();
    assert_eq!(named(&ran), ["ssh-connection-refused"]);
}

#[test]
fn orders_to_the_terminal_and_secrets_are_not_repeated() {
    let text = "\u{1b}]0;owned\u{7}\u{1b}[2Jerror: cannot connect to socket at '\u{9b}31m/x\u{202e}' as https://me:hunter2@host/ with ghp_0123456789abcdef\n";
    for args in [&["-"][..], &["-", "--json"]] {
        let ran = explain(args, text.as_bytes());
        ran.is_plain();
        assert!(ran.text().contains("daemon-not-running"));
        for secret in ["hunter2", "ghp_0123"] {
            assert!(!ran.text().contains(secret), "{}", ran.text());
        }
    }
}

#[test]
fn of_a_huge_text_the_beginning_and_the_end_are_read() {
    let filler = "building '/nix/store/x.drv'...\n".repeat(200_000);
    let refused = "ssh: connect to host localhost port 31022: Connection refused\n";
    for text in [format!("{refused}{filler}"), format!("{filler}{refused}")] {
        let ran = explain(&["-", "--json"], text.as_bytes());
        assert_eq!(named(&ran), ["ssh-connection-refused"]);
        assert_eq!(ran.json()["cut"], true);
    }
    let ran = explain(&["-"], format!("{refused}{filler}").as_bytes());
    assert!(ran.text().contains("larger than 1 MiB"), "{}", ran.text());
    assert_eq!(explain(&["-", "--json"], refused.as_bytes()).json()["cut"], false);
}

#[test]
fn input_without_end_comes_to_an_end() {
    let mac = Mac::new();
    for path in ["/dev/zero", "/dev/urandom"] {
        let endless = std::fs::File::open(path).unwrap();
        let ran = mac.launch(mac.command(&["explain", "-"]).stdin(endless)).end();
        ran.is_sound();
        assert!(matches!(ran.code, Some(0 | 2)), "{path}: {:?} {}", ran.code, ran.stderr);
    }
}

#[test]
fn hostile_input_takes_no_time() {
    let one = |part: &str| part.repeat((1 << 20) / part.len());
    for text in [
        one("a"),
        one("'"),
        one("\u{1b}["),
        one("é"),
        one("Cannot build 'x\n"),
        one("is required to build 'x', but I am a '"),
        one("Failed to find a machine for remote build!\n"),
        one("could not resolve hostname "),
        one("unable to download '"),
        one("error: unexpected files in /etc, aborting activation\n"),
    ] {
        let ran = explain(&["-"], text.as_bytes());
        ran.is_plain();
        assert!(ran.took < Duration::from_secs(30), "{:?} for {:?}", ran.took, &text[..20]);
    }
}

#[test]
fn standard_streams_that_are_closed_are_no_panic() {
    let mac = Mac::new();
    // Nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for args in [
        &["explain", "--text", FEATURE][..],
        &["explain", "ssh-key-missing"],
        &["explain", "--text", FEATURE, "--json"],
    ] {
        let ran = mac.launch(mac.command(args).stdout(Stdio::from(writer.try_clone().unwrap()))).end();
        ran.is_sound();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
    // Standard input is a folder, or is not there.
    let folder = std::fs::File::open(&mac.folder).unwrap();
    mac.launch(mac.command(&["explain", "-"]).stdin(folder)).end().is_refused("standard input: ");
    let program = mac.command(&[]).get_program().to_owned();
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "exec \"$0\" explain - <&-"]).arg(&program).env_clear();
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(mac.launch(&mut shell).end().is_sound().code, Some(2));
}

#[test]
#[cfg(target_os = "linux")] // the only one that has /dev/full
fn a_disk_that_is_full_is_an_error() {
    let mac = Mac::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = mac.launch(mac.command(&["explain", "--text", FEATURE]).stdout(Stdio::from(full))).end();
    ran.is_refused("cannot be written");
}

#[test]
fn what_contradicts_itself_is_refused() {
    for args in [
        &[][..],
        &["-", "ssh-key-missing"],
        &["-", "--text", "x"],
        &["ssh-key-missing", "--text", "x"],
        &["--text"],
        &["--json"],
        &["--text", "x", "--text", "y"],
    ] {
        let ran = explain(args, FEATURE.as_bytes());
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty());
    }
    // What begins with a dash is output as well.
    assert_eq!(
        named(&explain(&["--json", "--text", "-bash: nix: command not found"], b"")),
        ["shell-hook-wiped"]
    );
}

#[test]
fn every_topic_and_every_other_name_is_explained() {
    for topic in topics::ALL {
        for args in [&[topic.id][..], &[topic.id, "--ascii"]] {
            let ran = explain(args, b"");
            ran.is_plain();
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", topic.id);
            assert!(ran.text().starts_with(topic.id), "{}", ran.text());
            assert!(args.len() == 1 || ran.text().is_ascii(), "{}", ran.text());
        }
        let json = explain(&[topic.id, "--json"], b"").json();
        assert_eq!(json["pages"][0]["id"], topic.id);
        assert_eq!(json["pages"][0]["kind"], "topic");
    }
    for alias in topics::ALIASES {
        let ran = explain(&[alias.id], b"");
        ran.is_plain();
        assert_eq!(ran.code, Some(0));
        for id in alias.means {
            assert!(ran.text().contains(id), "{} does not lead to {id}:\n{}", alias.id, ran.text());
        }
    }
    let pages = explain(&["nix-too-old-or-mixed", "--json"], b"").json();
    let ids: Vec<&str> =
        pages["pages"].as_array().unwrap().iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(ids, ["nix-too-old", "nix-daemon-too-old", "nix-mixed-versions"]);
}

#[test]
fn a_check_s_page_as_json_has_what_its_page_has() {
    for check in checks::all() {
        let page = &explain(&[check.id, "--json"], b"").json()["pages"][0];
        assert_eq!((page["id"].as_str(), page["kind"].as_str()), (Some(check.id), Some("check")));
        assert_eq!((page["title"].as_str(), page["why"].as_str()), (Some(check.title), Some(check.why)));
        assert_eq!(page["layer"], check.layer.name());
        let commands = |it: &Value| it["commands"].as_array().is_some_and(|all| !all.is_empty());
        assert!(page["remedies"].as_array().unwrap().iter().all(commands), "{page}");
    }
}

#[test]
fn a_near_miss_of_a_topic_is_met_with_a_guess() {
    explain(&["probe-was-substitute"], b"").is_refused("did you mean probe-was-substituted?");
    explain(&["nix-to-old-or-mixed"], b"").is_refused("did you mean nix-too-old-or-mixed?");
    explain(&["xyz"], b"").is_refused("builder-doctor list names them all");
}

#[test]
fn the_list_names_every_topic_after_the_checks() {
    let mac = Mac::new();
    let ran = mac.run(&["list"]);
    ran.is_plain();
    let (checks_part, topics_part) = ran.text().split_once("topics: ").expect("a section of topics");
    let words: BTreeSet<&str> = topics_part.split_whitespace().collect();
    for topic in topics::ALL {
        assert!(words.contains(topic.id), "{} is not in:\n{topics_part}", topic.id);
    }
    for check in checks::all() {
        assert!(checks_part.split_whitespace().any(|word| word == check.id), "{}", check.id);
    }
}

#[test]
fn help_says_how_to_paste() {
    for word in ["--help", "-h"] {
        let ran = explain(&[word], b"");
        ran.is_plain();
        assert_eq!(ran.code, Some(0));
        for words in ["--text", "--json", "explain -", "Exit codes"] {
            assert!(ran.text().contains(words), "{words} is not in:\n{}", ran.text());
        }
        let long: Vec<&str> = ran.text().lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:#?}");
    }
}
