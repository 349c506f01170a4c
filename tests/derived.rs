//! What is derived from the command line and the checks: the list, completions, the manual page.
#![allow(clippy::disallowed_methods)] // runs shells and the manual's formatter

use builder_doctor::checks;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_builder-doctor");
    Command::new(program).args(args).env_remove("CLICOLOR_FORCE").env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn said(args: &[&str]) -> String {
    let ran = run(args);
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).unwrap()
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

/// What a program makes of this input; None where it is not on this machine.
fn fed(program: &str, args: &[&str], input: &str) -> Option<Output> {
    let started = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    // In CI nothing is passed over because something is missing.
    assert!(started.is_ok() || !in_ci(), "there is no {program}");
    let mut child = started.ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join();
    Some(output)
}

#[test]
fn the_list_has_every_check_in_a_row_of_eighty_columns() {
    let text = said(&["list"]);
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, Vec::<&str>::new());
    for check in checks::all() {
        let row = text.lines().find(|line| line.split_whitespace().next() == Some(check.id));
        let words: Vec<&str> = row.unwrap_or_else(|| panic!("{}", check.id)).split_whitespace().collect();
        assert_eq!(words[1..3], [check.layer.name(), check.severity.name()], "{}", check.id);
        assert_eq!(words.len(), 7, "{words:?}");
    }
}

#[test]
fn the_list_as_json_says_the_same_and_the_titles() {
    let list: Value = serde_json::from_str(&said(&["list", "--json"])).unwrap();
    let rows = list["checks"].as_array().unwrap();
    assert_eq!(rows.len(), checks::all().len());
    for (row, check) in rows.iter().zip(checks::all()) {
        assert_eq!(row["id"], check.id);
        assert_eq!(row["title"], check.title);
        assert!(row["has_fix"].is_boolean());
        for means in ["root", "network", "build"] {
            let need = row["needs"][means].as_str().unwrap();
            assert!(["never", "sometimes", "always"].contains(&need), "{row}");
        }
    }
    assert!(list["topics"].as_array().unwrap().len() > 3);
}

#[test]
fn words_narrow_the_list_and_nothing_found_is_said() {
    let text = said(&["list", "SSH", "key"]);
    assert!(text.contains("ssh-key-missing") && !text.contains("nix-not-installed"), "{text}");
    let ran = run(&["list", "ssh", "nonesuch"]);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(2), &b""[..]));
    assert_eq!(
        String::from_utf8_lossy(&ran.stderr),
        "builder-doctor: nothing in the list matches \"ssh nonesuch\"\n"
    );
}

#[test]
fn a_mistyped_word_is_met_with_a_guess() {
    for (args, guess) in [
        (&["chek"][..], "check"),
        (&["explian", "x"], "explain"),
        (&["completions", "fsh"], "fish"),
        (&["explain", "ssh-key-mising"], "ssh-key-missing"),
        (&["--only", "gest"], "guest"),
        (&["--skip", "ssh-key-mising"], "ssh-key-missing"),
        (&["--example", "brokn"], "broken"),
    ] {
        let ran = run(args);
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{args:?}");
        assert!(ran.stdout.is_empty() && error.contains(guess), "{args:?}: {error}");
    }
}

#[test]
fn every_shell_completes_commands_options_and_ids() {
    for shell in ["bash", "zsh", "fish", "elvish", "nushell"] {
        let script = said(&["completions", shell]);
        for word in ["explain", "schema", "completions", "sudo", "only"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("look-as-root"), "{shell}: hidden");
        // What is made for Elvish knows no values.
        let ids = checks::all().into_iter().map(|it| it.id).chain(["two-causes", "guest"]);
        for id in ids.filter(|_| shell != "elvish") {
            assert!(script.contains(id), "{shell}: {id}");
        }
        // Where the shell itself is here, it has to read it.
        let reader: Option<(&str, &[&str])> = match shell {
            "bash" => Some(("bash", &["-n"])),
            "zsh" => Some(("zsh", &["-n"])),
            "fish" => Some(("fish", &["--no-execute"])),
            _ => None,
        };
        let Some((program, args)) = reader else { continue };
        let read = fed(program, args, &script);
        assert!(shell != "bash" || read.is_some(), "there is no bash");
        if let Some(read) = read {
            assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }
}

/// The words that bash offers behind these.
fn offered(words: &str) -> Vec<String> {
    let asked = format!(
        "{}\nCOMP_WORDS=({words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         _builder__doctor builder-doctor '' \"${{COMP_WORDS[COMP_CWORD - 1]}}\" 2>/dev/null\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        said(&["completions", "bash"])
    );
    let ran = fed("bash", &[], &asked).expect("there is no bash");
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_offers_what_can_be_typed() {
    let offers = |words: &str, word: &str| offered(words).iter().any(|it| it == word);
    assert!(offers("builder-doctor", "explain") && offers("builder-doctor", "--sudo"));
    assert!(offers("builder-doctor --only", "guest") && offers("builder-doctor --only", "ssh-key-missing"));
    assert!(offers("builder-doctor --example", "two-causes"));
    assert!(offers("builder-doctor completions", "nushell"));
    assert!(
        offers("builder-doctor explain", "ssh-key-missing") && offers("builder-doctor check --skip", "guest")
    );
    assert!(!offers("builder-doctor explain", "--only"));
    assert!(!offers("builder-doctor", "look-as-root"));
}

#[test]
fn the_manual_page_tells_every_command_and_option() {
    let page = said(&["man"]);
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    for heading in
        ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"]
    {
        assert!(headings.contains(&heading), "{heading} is not in {headings:?}");
    }
    assert_eq!(
        headings.len(),
        headings.iter().collect::<std::collections::BTreeSet<_>>().len(),
        "{headings:?}"
    );
    for word in
        ["\\-\\-sudo", "\\-\\-timeout", "End the whole look after this time", "130", "BUILDER_DOCTOR_EXPECT"]
    {
        assert!(page.contains(word), "{word}");
    }
    for command in ["check", "list", "explain", "why", "schema", "completions", "man"] {
        let quoted = format!(".SS \"builder\\-doctor {command}\"");
        let plain = format!(".SS \"builder-doctor {command}\"");
        assert!(page.contains(&quoted) || page.contains(&plain), "{command}");
    }
    assert!(!page.contains("as\\-root") && !page.contains("as-root"), "hidden");
    let formatted = fed("groff", &["-man", "-Tascii", "-ww"], &page);
    if let Some(ran) = formatted {
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.is_empty(), "{said}");
    }
}
