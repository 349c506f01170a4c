//! The command line: what can be typed, what each word does, and what it never does.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use support::{Mac, Ran};

const EXAMPLES: [&str; 3] = ["broken", "two-causes", "healthy"];

type Words = &'static [&'static str];
type Variables = &'static [(&'static str, &'static str)];

/// A run with nothing on PATH and nothing in the environment but these variables.
fn bare(args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mac = Mac::new();
    let mut command = mac.command(args);
    command.env_clear().env("PATH", "");
    for (name, value) in variables {
        command.env(name, value);
    }
    let ran = mac.launch(&mut command).end();
    assert_eq!(mac.calls(), [""; 0], "{args:?} needs nothing of this machine");
    ran
}

/// Every check is asked of every report, so a report names them all.
fn ids() -> Vec<String> {
    let report = bare(&["--example", "healthy", "--json"], &[]).json();
    let asked = report["checks"].as_array().unwrap().iter();
    asked.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn help_fits_a_terminal_and_names_every_option() {
    let ran = bare(&["--help"], &[]);
    ran.is_plain();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let long = ran.text().lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
    assert!(long.is_empty(), "{long:#?}");
    for option in [
        "--json",
        "--format",
        "--quick",
        "--deep",
        "--offline",
        "--sudo",
        "--only",
        "--skip",
        "--strict",
        "--from",
        "--expect",
        "--timeout",
        "--example",
        "--verbose",
        "--color",
        "--ascii",
        "--help",
        "--version",
    ] {
        assert!(ran.text().contains(option), "{option} is not in:\n{}", ran.text());
    }
    for word in ["check", "list", "explain", "Exit codes"] {
        assert!(ran.text().contains(word), "{word} is not in:\n{}", ran.text());
    }
    assert!(!ran.text().contains("look-as-root"), "hidden");
}

#[test]
fn short_help_fits_a_screen() {
    let ran = bare(&["-h"], &[]);
    ran.is_plain();
    assert!(ran.text().lines().count() <= 40, "{} lines", ran.text().lines().count());
    let long = ran.text().lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn long_help_has_examples_and_fits_the_width() {
    let ran = bare(&["--help"], &[]);
    for part in ["Examples:", "Exit codes:", "Environment:", "Files:", "BUILDER_DOCTOR_EXPECT"] {
        assert!(ran.text().contains(part), "{part} is not in:\n{}", ran.text());
    }
    let long = ran.text().lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_version_is_one_line() {
    for word in ["--version", "-V"] {
        let ran = bare(&[word], &[]);
        assert_eq!(
            (ran.code, ran.text()),
            (Some(0), concat!("builder-doctor ", env!("CARGO_PKG_VERSION"), "\n"))
        );
    }
}

#[test]
fn what_cannot_be_typed_is_refused() {
    let refused: [&[&str]; 19] = [
        &["--nonsense"],
        &["nonsense"],
        &["--quick", "--deep"],
        &["--json", "--format", "human"],
        &["--format", "xml"],
        &["--timeout", "soon"],
        &["--timeout", "-1s"],
        &["--timeout"],
        &["--color", "sometimes"],
        &["--from", "x", "--sudo"],
        &["--from", "x", "--example"],
        &["--example", "--deep"],
        &["explain"],
        &["list", "no-such-word"],
        &["completions"],
        &["completions", "tcsh"],
        &["schema", "extra"],
        &["--only"],
        &["look-as-root"],
    ];
    for args in refused {
        let ran = bare(args, &[]);
        ran.is_sound();
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn words_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let mac = Mac::new();
    for option in ["explain", "--only", "--timeout", "--example", "--from", "--expect"] {
        let ran = mac.launch(mac.command(&[option]).arg(odd)).end();
        ran.is_sound();
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{option}: {}", ran.stderr);
    }
}

#[test]
fn an_unknown_check_is_met_with_a_guess() {
    for args in [
        &["explain", "ssh-key-mising"][..],
        &["--only", "ssh-key-mising"],
        &["--skip", "ssh-key-mising"],
        &["check", "--skip", "cache,ssh-key-mising", "--quick"],
    ] {
        bare(args, &[]).is_refused("did you mean ssh-key-missing?");
    }
    bare(&["--only", "guests", "--example"], &[]).is_refused("did you mean guest?");
    bare(&["--example", "helthy"], &[]).is_refused("did you mean healthy?");
    for args in [&["explain", "xyz"][..], &["--only", "xyz"], &["--only", ""]] {
        bare(args, &[]).is_refused("builder-doctor list names them all");
    }
}

#[test]
fn an_unknown_word_is_repeated_in_one_plain_line() {
    for args in
        [&["explain", "x\ny\u{1b}[31m"][..], &["--only", "x\ny\u{1b}[31m"], &["--example", "x\ny\u{1b}[31m"]]
    {
        bare(args, &[]).is_refused("there is no ");
    }
    bare(&["--expect", "/nowhere\nx\u{1b}[31m", "--quick"], &[]).is_refused("not found");
}

#[test]
fn an_unknown_example_is_not_sent_to_the_list_of_checks() {
    let ran = bare(&["--example", "xyz"], &[]);
    ran.is_refused("xyz");
    assert!(!ran.stderr.contains("builder-doctor list"), "the list names no examples: {}", ran.stderr);
}

/// Whole, so that an id can be copied, or found by grep.
#[test]
fn the_list_names_every_check() {
    let ids = ids();
    assert!(ids.len() > 30, "{ids:?}");
    for args in
        [&["list"][..], &["list", "--ascii"], &["--example", "healthy", "-v"], &["--example", "broken", "-v"]]
    {
        let ran = bare(args, &[]);
        let words: Vec<&str> = ran.text().split_whitespace().collect();
        let missing: Vec<&String> = ids.iter().filter(|id| !words.contains(&id.as_str())).collect();
        assert!(missing.is_empty(), "{args:?} lacks {missing:?}");
    }
    bare(&["list"], &[]).is_plain();
}

/// In a terminal of 80 columns what was seen of each check keeps more than a strip at the right.
#[test]
fn the_checks_of_a_report_fit_a_terminal() {
    let ran = bare(&["--example", "broken", "-v"], &[]);
    let mut rows = 0;
    for line in ran.text().lines().filter(|line| line.starts_with("               ")) {
        let paths = line.split_whitespace().count() < 3;
        assert!(paths || line.chars().count() <= 80, "{line}");
        assert!(!line.starts_with(&" ".repeat(40)), "{line}");
        rows += 1;
    }
    assert!(rows > 90, "{rows}");
}

#[test]
fn what_waits_for_a_check_that_is_left_out_says_so() {
    let ran = bare(&["--only", "build", "--quick"], &[]);
    assert!(!ran.text().contains("blocked by that"), "{}", ran.text());
    assert!(ran.text().contains("wait for checks that are left out"), "{}", ran.text());
}

#[test]
fn every_check_can_be_explained() {
    for id in ids() {
        let ran = bare(&["explain", &id], &[]);
        ran.is_plain();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{id}");
        assert!(ran.text().starts_with(&id), "{}", ran.text());
    }
}

/// Once tests/states holds real reports, these are their verdicts.
#[test]
fn each_example_needs_no_machine_and_ends_as_its_report_says() {
    for (name, verdict) in [("broken", "broken"), ("two-causes", "broken"), ("healthy", "healthy")] {
        let ran = bare(&["--example", name, "--json"], &[]);
        let report = ran.is_report();
        assert_eq!(report["verdict"], verdict, "{name}");
        let human = bare(&["--example", name], &[]);
        human.is_plain();
        assert_eq!(human.code, ran.code);
        assert_eq!(human.stderr, "");
        let long = human
            .text()
            .lines()
            .filter(|line| line.chars().count() > 80 && line.trim().contains(' '))
            .collect::<Vec<_>>();
        let commands = |line: &&&str| line.starts_with("      ");
        let prose = long.iter().filter(|line| !commands(line)).collect::<Vec<_>>();
        assert!(prose.is_empty(), "{name}: {prose:#?}");
    }
    assert_eq!(bare(&["--example"], &[]).text(), bare(&["--example", "broken"], &[]).text());
}

#[test]
fn an_example_does_not_change_with_the_place_and_the_environment() {
    let plain = bare(&["--example", "--json"], &[]);
    for (name, value) in [
        ("HOME", "/"),
        ("LANG", "de_DE.UTF-8"),
        ("TZ", "Asia/Tokyo"),
        ("NIX_CONFIG", "x"),
        ("PATH", "/usr/bin"),
    ] {
        assert_eq!(bare(&["--example", "--json"], &[(name, value)]).text(), plain.text(), "{name}");
    }
}

fn has_colour(ran: &Ran) -> bool {
    ran.text().contains("\u{1b}[")
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let cases: [(Words, Variables, bool); 13] = [
        (&[], &[], false),
        (&["--color", "always"], &[], true),
        (&["--color", "never"], &[], false),
        (&["--color", "auto"], &[], false),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "0")], false),
        (&[], &[("CLICOLOR_FORCE", "")], false),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
        (&["--color", "always"], &[("NO_COLOR", "1")], true),
        (&[], &[("NO_COLOR", "1")], false),
        (&[], &[("TERM", "dumb")], false),
        (&[], &[("TERM", "xterm-256color")], false),
    ];
    for (args, variables, coloured) in cases {
        for topic in [&["--example"][..], &["explain", "ssh-key-missing"]] {
            let ran = bare(&[topic, args].concat(), variables);
            ran.is_sound();
            assert_eq!(has_colour(&ran), coloured, "{topic:?} {args:?} {variables:?}");
        }
        let json = bare(&[&["--example", "--json"], args].concat(), variables);
        assert!(!has_colour(&json), "JSON is never coloured: {args:?} {variables:?}");
    }
}

#[test]
fn colour_changes_no_word() {
    let plain = bare(&["--example"], &[]);
    let coloured = bare(&["--example", "--color", "always"], &[]);
    let mut text = String::new();
    let mut rest = coloured.text();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.split_once('m').expect("a colour ends").1;
    }
    text.push_str(rest);
    assert_eq!(text, plain.text());
}

#[test]
fn a_locale_without_utf8_gets_ascii() {
    for name in EXAMPLES {
        let plain: [(Words, Variables); 4] = [
            (&[], &[("LC_ALL", "C")]),
            (&[], &[("LANG", "POSIX")]),
            (&[], &[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]),
            (&["--ascii"], &[("LANG", "en_US.UTF-8")]),
        ];
        for (args, variables) in plain {
            for detail in [&[][..], &["-vv"]] {
                let ran = bare(&[&["--example", name], detail, args].concat(), variables);
                let odd = ran.text().lines().find(|line| !line.is_ascii());
                assert_eq!(odd, None, "{name} {args:?} {variables:?}");
            }
        }
    }
    for id in ids() {
        let ran = bare(&["explain", &id, "--ascii"], &[]);
        let odd = ran.text().lines().find(|line| !line.is_ascii());
        assert_eq!(odd, None, "explain {id}");
    }
    assert!(bare(&["list", "--ascii"], &[]).text().is_ascii());
    assert!(!bare(&["--example"], &[("LANG", "en_US.UTF-8")]).text().is_ascii());
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    for (name, args) in [("broken", &[][..]), ("broken", &["--json"]), ("healthy", &["-vv"])] {
        let args = [&["--example", name], args].concat();
        let whole = bare(&args, &[]);
        let mac = Mac::new();
        // Closed before the program is started: the very first write fails.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = mac.launch(mac.command(&args).stdout(Stdio::from(writer))).end();
        ran.is_sound();
        assert_eq!((ran.code, ran.stderr.as_str()), (whole.code, ""), "{args:?}");
    }
    let mac = Mac::new();
    let mut running = mac.start(&["--json", "--offline"]);
    running.close_stdout();
    assert_eq!(running.end().is_sound().code, Some(0));
}

#[test]
fn standard_streams_that_are_closed_are_no_panic() {
    let mac = Mac::new();
    let program = mac.command(&[]).get_program().to_owned();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec \"$0\" --example healthy {closed}");
        let mut command = mac.command(&[]);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.arg("-c").arg(script).arg(&program).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
        std::mem::swap(&mut command, &mut shell);
        mac.launch(&mut command).end().is_sound();
    }
}

#[test]
#[cfg(target_os = "linux")] // the only one that has /dev/full
fn a_disk_that_is_full_is_an_error() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for args in [&["--example"][..], &["--example", "--json"], &["list"], &["explain", "ssh-key-missing"]] {
        let mac = Mac::new();
        let ran = mac.launch(mac.command(args).stdout(Stdio::from(full()))).end();
        ran.is_refused("cannot be written");
    }
    for args in ["--help", "--version"] {
        let mac = Mac::new();
        let ran = mac.launch(mac.command(&[args]).stdout(Stdio::from(full()))).end();
        ran.is_sound();
    }
}

#[test]
fn only_and_skip_filter_the_report_and_settle_the_exit_code() {
    let checks = |args: &[&str]| -> BTreeSet<(String, String)> {
        let ran = bare(&[&["--example", "broken", "--json"], args].concat(), &[]);
        let report = ran.is_report();
        let word = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        report["checks"].as_array().unwrap().iter().map(|it| (word(it, "layer"), word(it, "id"))).collect()
    };
    let all = checks(&[]);
    let layers = |found: &BTreeSet<(String, String)>| -> BTreeSet<String> {
        found.iter().map(|it| it.0.clone()).collect()
    };
    assert!(layers(&all).len() > 5);
    assert_eq!(layers(&checks(&["--only", "ssh"])), BTreeSet::from(["ssh".to_owned()]));
    let one = checks(&["--only", "ssh-key-missing"]);
    assert_eq!(one, BTreeSet::from([("ssh".to_owned(), "ssh-key-missing".to_owned())]));
    let some = checks(&["--only", "ssh,cache", "--skip", "ssh-key-missing"]);
    assert!(
        !some.is_superset(&one) && layers(&some) == BTreeSet::from(["cache".to_owned(), "ssh".to_owned()])
    );
    assert_eq!(
        checks(&["--skip", "ssh"]).union(&checks(&["--only", "ssh"])).cloned().collect::<BTreeSet<_>>(),
        all
    );
    let everything: Vec<&str> =
        vec!["host", "nix", "daemon", "config", "machines", "service", "ssh", "guest", "cache", "build"];
    let nothing = bare(&["--example", "broken", "--json", "--skip", &everything.join(",")], &[]).is_report();
    assert_eq!((nothing["checks"].as_array().unwrap().len(), &nothing["exit_code"]), (0, &json!(0)));
}

#[test]
fn what_is_not_selected_is_not_done() {
    let mac = Mac::new();
    mac.run(&["--only", "ssh", "--json"]).is_report();
    assert!(!mac.calls().iter().any(|call| call.contains(" build ")), "{:#?}", mac.calls());
}

/// A report of the imitated Mac on which the optional system is not offered, which is worth a warning.
fn a_warning() -> String {
    let mac = Mac::new();
    let config: Value = serde_json::from_slice(&std::fs::read(mac.path("config.json")).unwrap()).unwrap();
    let builders = config["builders"]["value"].as_str().unwrap().replace(",x86_64-linux", "");
    mac.set_config(&json!({ "builders": builders }));
    mac.nix("build", "case \" $* \" in *x86_64-linux*) printf 'Failed to find a machine for remote build!\\nderivation: x.drv\\nrequired (system, features): (x86_64-linux, [])\\n1 available machines:\\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\\n([aarch64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [])\\nerror: Cannot build\\n' >&2; exit 1 ;; esac\n\
        printf \"building '/nix/store/x.drv' on 'ssh-ng://builder@linux-builder'...\\n\" >&2");
    mac.run(&["--json", "--offline"]).text().to_owned()
}

#[test]
fn a_warning_counts_only_where_it_is_asked_to() {
    let report = a_warning();
    let mac = Mac::new();
    for (args, code) in [(&["--from", "-", "--json"][..], 0), (&["--from", "-", "--json", "--strict"], 1)] {
        let judged = mac.run_with_input(args, report.as_bytes()).is_report();
        assert_eq!(
            (&judged["verdict"], &judged["exit_code"]),
            (&json!("degraded"), &json!(code)),
            "{args:?}"
        );
    }
    let healthy = mac.run(&["--json", "--offline", "--strict"]).is_report();
    assert_eq!(healthy["exit_code"], 0);
}

#[test]
fn quick_builds_nothing_and_offline_asks_no_cache() {
    let mac = Mac::new();
    let report = mac.run(&["--quick", "--offline", "--json"]).is_report();
    assert!(!mac.calls().iter().any(|call| call.contains(" build")), "{:#?}", mac.calls());
    for fact in ["builds", "installable_builds", "caches"] {
        assert!(report["evidence"][fact]["not-taken"].is_object(), "{fact}: {}", report["evidence"][fact]);
    }
    let text = mac.run(&["--quick", "--offline"]);
    assert!(text.is_plain().text().contains("no test build was made"), "{}", text.text());
}

/// Invariant 2: looking changes nothing. Every command of every kind of run is one of these.
#[test]
fn every_command_of_a_run_only_looks() {
    const FEATURES: &str = "--extra-experimental-features nix-command flakes";
    let allowed = |call: &str| {
        let (name, args) = call.split_once(' ').unwrap_or((call, ""));
        let args = args.strip_prefix(FEATURES).map_or(args, str::trim_start);
        let args = args.strip_prefix("--extra-experimental-features nix-command ").unwrap_or(args);
        let own_build = "build --no-link --print-build-logs --max-jobs 0 ";
        match name {
            "uname" => args == "-sm",
            "sw_vers" => args.is_empty(),
            "sysctl" => {
                args == "hw.memsize machdep.cpu.brand_string hw.model kern.hv_support sysctl.proc_translated"
            }
            "dscl" => {
                args == ". -list /Users UniqueID"
                    || args == ". -read /Groups/nixbld PrimaryGroupID GroupMembership"
            }
            "df" => ["-k /nix", "-k /"].contains(&args),
            "id" => args.is_empty(),
            "ps" => {
                args == "-axwwo pid,ppid,etime,command"
                    || args.strip_prefix("-o etime= -p ").is_some_and(|pid| pid.parse::<u32>().is_ok())
            }
            "launchctl" => {
                args == "print-disabled system"
                    || ["print system/org.nixos.linux-builder", "print system/org.nixos.nix-daemon"]
                        .contains(&args)
            }
            "ssh-keyscan" => args.starts_with("-T 3 -t ed25519 -p ") && args.ends_with(" -- 127.0.0.1"),
            // The second is root's look into the VM: options and one script that reads.
            "ssh" => {
                args == "-G -- linux-builder"
                    || (args.starts_with("-x -T -o BatchMode=yes ")
                        && args.contains(" -- linux-builder echo "))
            }
            "sudo" => {
                args.starts_with("--non-interactive -- /") && args.contains("/builder-doctor look-as-root {")
            }
            "nix" => {
                ["--version", "config show --json", "show-config --json", "show-config", "store info --json"]
                    .contains(&args)
                    || args.starts_with("store info --json --store ssh-ng://builder@linux-builder?ssh-key=")
                    || args.strip_prefix(own_build).is_some_and(|rest| {
                        rest.starts_with(
                            "--option substitute false --expr derivation { name = \"builder-doctor-",
                        ) || rest.starts_with("-- nixpkgs#legacyPackages.")
                    })
            }
            _ => false,
        }
    };
    let mac = Mac::new();
    mac.program("sudo", "PATH=$here/bin; export PATH; shift 2; exec \"$@\"\n");
    for args in [
        &[][..],
        &["--deep"],
        &["--quick", "--offline"],
        &["--sudo"],
        &["--only", "cache"],
        &["list"],
        &["--example"],
    ] {
        mac.run(&[args, &["--timeout", "60s"]].concat());
    }
    let sick = Mac::with_builder(drop);
    sick.nix("config show", "echo error: no >&2; exit 1");
    sick.program("launchctl", "exit 1\n");
    sick.run(&["--deep", "--sudo"]).is_sound();
    let calls: BTreeSet<String> = mac.calls().into_iter().chain(sick.calls()).collect();
    let others: Vec<&String> = calls.iter().filter(|call| !allowed(call)).collect();
    assert!(others.is_empty(), "commands that are on no list: {others:#?}");
    for name in [
        "nix",
        "launchctl",
        "ssh",
        "ssh-keyscan",
        "uname",
        "sw_vers",
        "sysctl",
        "df",
        "id",
        "ps",
        "dscl",
        "sudo",
    ] {
        assert!(
            calls.iter().any(|call| call.starts_with(name)),
            "{name} was never called, so this test proves little"
        );
    }
}

#[test]
fn nobody_is_knocked_at_more_than_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let knocks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&knocks);
    let mac = Mac::with_builder(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_10.2\r\n");
    });
    mac.run(&["--offline"]).is_sound();
    assert_eq!(knocks.load(Ordering::SeqCst), 1, "sshd shuts out whoever knocks often");
    let scans = mac.calls().iter().filter(|call| call.starts_with("ssh-keyscan")).count();
    assert_eq!(scans, 1);
}

#[test]
fn an_expectations_file_that_is_none_is_refused() {
    let mac = Mac::new();
    for (text, words) in [
        ("[nyx]\n", "nyx"),
        ("hello\nworld", ""),
        ("[\"a\u{1b}[31m\u{7}b\"]\n", ""),
        ("a\u{1b}[31m\u{7}b = 1\n", ""),
        (
            "[builder]\nhost = \"-oProxyCommand=x\"\nport = 1\nlaunchd-label = \"x\"\nsystems = []\n",
            "builder.host",
        ),
    ] {
        let path = mac.write("own.toml", text);
        let ran = mac.run(&["--expect", path.to_str().unwrap(), "--quick", "--offline"]);
        ran.is_sound();
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{text:?}");
        // More than one line: it shows the place.
        assert!(ran.stderr.starts_with("builder-doctor: /"), "{}", ran.stderr);
        assert!(ran.stderr.contains("own.toml: ") && ran.stderr.contains(words), "{}", ran.stderr);
        assert!(!ran.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", ran.stderr);
    }
    mac.run(&["--expect", "/nowhere.toml"]).is_refused("/nowhere.toml: not found");
    mac.run(&["--expect", "/dev/zero"]).is_refused("/dev/zero: not a regular file");
    mac.run(&["--expect", mac.folder.to_str().unwrap()]).is_refused("not a regular file");
    assert_eq!(mac.calls(), [""; 0], "nothing is asked before the expectations are read");
}

#[test]
fn an_expectations_file_is_found_upward_from_here() {
    let mac = Mac::new();
    let own = std::fs::read_to_string(mac.path("expect.toml"))
        .unwrap()
        .replace("port =", "# found\nport =")
        .replace("nixos-test", "found-upward");
    mac.write("a/builder-doctor.toml", own);
    mac.write("a/b/c/x", "");
    let mut command = mac.command(&["--json", "--quick", "--offline"]);
    command.env_remove("BUILDER_DOCTOR_EXPECT").current_dir(mac.path("a/b/c")).env("PWD", mac.path("a/b/c"));
    let report = mac.launch(&mut command).end().is_report();
    assert_eq!(report["expectations"]["builder"]["features"], json!(["found-upward"]));
}

/// A program that starts another in a folder sets no PWD, or leaves its own.
#[test]
fn the_current_folder_is_where_we_stand_whatever_pwd_says() {
    let mac = Mac::new();
    let own = std::fs::read_to_string(mac.path("expect.toml")).unwrap();
    mac.write("here/builder-doctor.toml", own.replace("nixos-test", "right"));
    mac.write("there/builder-doctor.toml", own.replace("nixos-test", "wrong"));
    for pwd in [None, Some(mac.path("there"))] {
        let mut command = mac.command(&["--json", "--quick", "--offline"]);
        command.env_remove("BUILDER_DOCTOR_EXPECT").current_dir(mac.path("here"));
        if let Some(pwd) = &pwd {
            command.env("PWD", pwd);
        }
        let report = mac.launch(&mut command).end().is_report();
        assert_eq!(report["expectations"]["builder"]["features"], json!(["right"]), "PWD = {pwd:?}");
    }
}

/// The same run by a symlink of this name.
fn by_name(mac: &Mac, name: &str, args: &[&str]) -> Ran {
    let plain = mac.command(args);
    let link = mac.path(name);
    if !link.is_symlink() {
        std::os::unix::fs::symlink(plain.get_program(), &link).unwrap();
    }
    let mut command = Command::new(&link);
    command.args(args).env_clear().current_dir(plain.get_current_dir().unwrap());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    mac.launch(&mut command).end()
}

#[test]
fn the_verification_is_a_deep_look_by_its_old_name() {
    let mac = Mac::new();
    let name = "verify-darwin-linux-builder";
    let report = by_name(&mac, name, &["--json"]).is_report();
    assert!(report["checks"].is_array());
    let builds = |calls: Vec<String>| calls.iter().filter(|it| it.contains(".hello")).count();
    assert!(builds(mac.calls()) > 0, "{:#?}", mac.calls());

    // The same flags, the same answers; and where no deep look can be, none is asked for.
    for args in [&["--example", "healthy", "--json"][..], &["--help"], &["--quick", "--no-such-flag"]] {
        let whole: Vec<&str> = ["check"].iter().chain(args).copied().collect();
        let (by_name, plain) = (by_name(&mac, name, args), mac.launch(&mut mac.command(&whole)).end());
        assert_eq!((by_name.code, by_name.text()), (plain.code, plain.text()), "{args:?}");
        assert_eq!(by_name.stderr, plain.stderr, "{args:?}");
    }
    let mac = Mac::new();
    by_name(&mac, name, &["--quick", "--json", "--offline"]).is_report();
    assert_eq!(builds(mac.calls()), 0);
    assert_eq!(by_name(&mac, name, &["--version"]).text(), bare(&["--version"], &[]).text());
}
