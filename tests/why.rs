//! `builder-doctor why` on imitated Macs: what it says, what it asks, and what no input can do to it.
//!
//! That its answer is Nix's own is shown in the lab, beside real Nix.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;
use support::{Mac, Ran};

const HEALTHY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json");
const DRV: &str = "/nix/store/sdy1j4mq1060z8pn230ayfjwmpbbkfj0-x.drv";
const STUBBORN: &str = "trap '' TERM INT HUP; while :; do sleep 1; done";

/// What `nix derivation show` prints of a derivation with these attributes (the form of Nix 2.34).
fn shown(attributes: &Value) -> String {
    let mut all =
        json!({"name": "x", "system": "aarch64-linux", "outputs": {"out": {"path": "y"}}, "version": 4});
    for (name, value) in attributes.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({"derivations": {"sdy1j4mq1060z8pn230ayfjwmpbbkfj0-x.drv": all}, "version": 4}).to_string()
}

/// A Mac whose Nix shows this text for every derivation.
fn showing(text: &str) -> Mac {
    let mac = Mac::new();
    mac.write("shown.json", text);
    mac.nix("derivation show", "cat \"$here/shown.json\"");
    mac
}

/// Runs it for people and as JSON: both are sound and end alike, and people get text of 80 columns.
#[track_caller]
fn both(mac: &Mac, args: &[&str]) -> (Value, Ran) {
    let human = mac.run(&[&["why"], args].concat());
    human.is_plain();
    for line in human.text().lines().filter(|line| !line.starts_with("    ")) {
        // A long word, as a path is, stands whole.
        let long = line.chars().count() > 80 && line.split(' ').all(|word| word.chars().count() < 60);
        assert!(!long, "{line:?}");
    }
    let json = mac.run(&[&["why", "--json"], args].concat());
    let answer = json.is_sound().json();
    assert_eq!(answer["exit_code"].as_i64(), json.code.map(i64::from));
    assert_eq!((human.code, json.stderr.as_str()), (json.code, ""), "{}", human.text());
    assert!(!answer["answer"].as_str().unwrap().is_empty());
    (answer, human)
}

/// The same with the machines of a file of these lines.
#[track_caller]
fn of_list(lines: &str, args: &[&str]) -> (Value, Ran) {
    let mac = Mac::new();
    let path = mac.write("list", lines);
    both(&mac, &[&["--machines", path.to_str().unwrap()], args].concat())
}

fn outcome(answer: &Value) -> (&str, i64) {
    (answer["outcome"].as_str().unwrap(), answer["exit_code"].as_i64().unwrap())
}

fn verdicts(answer: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let machines = answer["machines"].as_array().unwrap().iter();
    machines
        .map(|it| (it["name"].as_str().unwrap(), it["verdict"].as_str().unwrap(), it["reason"].as_str()))
        .collect()
}

#[test]
fn a_healthy_machine_takes_what_is_expected_of_it() {
    let ran = Mac::new().run(&["why", "--from", HEALTHY]);
    assert_eq!(
        ran.text(),
        "\
linux-builder takes it.

Required, as expected of the builder: aarch64-linux with nixos-test.

✓ linux-builder (/etc/nix/machines:1)
    takes it

– this Mac
    builds for aarch64-darwin and x86_64-darwin, not aarch64-linux

Next: builder-doctor tells whether a build really runs there.
"
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_refusal_names_its_reason_its_line_and_what_would_mend_it() {
    let ran = Mac::new().run(&[
        "why",
        "--from",
        HEALTHY,
        "--system",
        "x86_64-linux",
        "--features",
        "big-parallel,cuda",
    ]);
    assert_eq!(
        ran.text(),
        "\
No machine takes it: linux-builder lacks cuda.

Required, as asked: x86_64-linux with big-parallel and cuda.

✗ linux-builder (/etc/nix/machines:1)
    lacks cuda
    to let it: add cuda to nix.linux-builder.supportedFeatures, if it has that

– this Mac
    builds for aarch64-darwin and x86_64-darwin, not x86_64-linux; lacks cuda in
    system-features

Next: for linux-builder, add cuda to nix.linux-builder.supportedFeatures, if it
has that, and ask again:

    sudo darwin-rebuild switch
"
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
}

const LIST: &str = "\
ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux - 4 1 kvm,big-parallel

slow aarch64-linux - 2 0.5 kvm,nixos-test
twin aarch64-linux - 2 0.5 kvm,nixos-test
mac aarch64-darwin - 2 9 kvm,nixos-test
gpu aarch64-linux - 1 9 kvm,nixos-test cuda
full aarch64-linux - 0 9 kvm,nixos-test
";

#[test]
fn each_machine_of_a_list_gets_its_one_reason() {
    let (answer, human) = of_list(LIST, &[]);
    assert_eq!(outcome(&answer), ("machine", 0));
    assert_eq!(answer["taker"], "ssh://slow");
    assert_eq!(
        verdicts(&answer),
        [
            ("slow", "takes", None),
            ("twin", "could", Some("later")),
            ("linux-builder", "refuses", Some("features-not-supported")),
            ("mac", "refuses", Some("system-not-offered")),
            ("gpu", "refuses", Some("mandatory-not-required")),
            ("full", "no-slots", Some("no-slots")),
        ]
    );
    assert_eq!(answer["machines"][0]["where"]["line"], 3);
    for words in [
        "slow takes it.\n",
        "takes it; if it cannot be reached, Nix tries twin\n",
        "could take it, and stands behind slow, which is as fast\n",
        "to let it: add nixos-test to column 6 of its line\n",
        "takes only what requires cuda\n",
        "to let it: put 1 or more in column 4 of its line\n",
        "all of them count as idle",
    ] {
        assert!(human.text().contains(words), "{words:?} is not in:\n{}", human.text());
    }
    // No line makes a Mac a Linux machine.
    assert!(!human.text().contains("add aarch64-linux"), "{}", human.text());
}

#[test]
fn a_list_without_a_slot_or_a_fitting_machine_says_what_comes_nearest() {
    let (answer, human) = of_list("full aarch64-linux - 0 9 nixos-test\n", &[]);
    assert_eq!(outcome(&answer), ("waits", 1));
    assert!(human.text().starts_with("It waits for ever for full, "), "{}", human.text());
    assert!(human.text().contains("\n    ${EDITOR:-nano} /tmp/"), "{}", human.text());

    let (answer, human) = of_list(LIST, &["--features", "cuda"]);
    assert_eq!(answer["taker"], "ssh://gpu", "{}", human.text());
    let (answer, human) = of_list(LIST, &["--features", "sorcery"]);
    assert_eq!(outcome(&answer), ("nobody", 1));
    assert!(
        human.text().starts_with("No machine takes it: linux-builder comes nearest, and lacks sorcery.\n"),
        "{}",
        human.text()
    );

    let (answer, human) = of_list(LIST, &["--system", "riscv64-freebsd"]);
    assert_eq!(outcome(&answer), ("nobody", 1));
    assert!(human.text().starts_with("No machine takes it: none offers riscv64-freebsd.\n"));
    assert!(
        human.text().ends_with("\nNext: declare a machine that builds for riscv64-freebsd, and ask again.\n")
    );

    let (answer, human) = of_list("# none\n", &[]);
    assert_eq!(outcome(&answer), ("nobody", 1));
    assert!(human.text().starts_with("No machine takes it: there is none.\n"), "{}", human.text());
}

#[test]
fn a_list_that_nix_refuses_is_told_with_its_line() {
    let (answer, human) = of_list("a aarch64-linux\nb aarch64-linux - many\n", &[]);
    assert_eq!(outcome(&answer), ("refused", 1));
    assert_eq!(verdicts(&answer), []);
    assert!(human.text().contains("failed to convert column #3 in a row"), "{}", human.text());
    assert!(human.text().contains("\nNext: mend line 2 of /tmp/"), "{}", human.text());
    let mac = Mac::new();
    let list = mac.path("list");
    mac.write("list", format!("@{}", list.display()));
    let (answer, human) = both(&mac, &["--machines", list.to_str().unwrap()]);
    assert_eq!(outcome(&answer), ("refused", 1));
    assert!(human.text().starts_with("Nobody builds it: Nix never comes to the end of"), "{}", human.text());
}

#[test]
fn this_mac_builds_what_no_machine_takes_and_it_can() {
    let (answer, human) = both(&Mac::new(), &["--system", "x86_64-darwin"]);
    assert_eq!(outcome(&answer), ("itself", 0));
    assert_eq!(answer["this_machine"]["verdict"], "takes");
    assert!(human.text().starts_with("This Mac builds it itself.\n"), "{}", human.text());
    // The hook is asked first.
    let (answer, human) = of_list("mac aarch64-darwin\n", &["--system", "aarch64-darwin"]);
    assert_eq!(outcome(&answer), ("machine", 0));
    assert!(human.text().contains("could build it; Nix asks the machines first"), "{}", human.text());
}

#[test]
fn a_program_on_the_mac_is_told_from_the_mac() {
    let mac = Mac::new();
    let program =
        json!([{"systems": ["aarch64-linux"], "program": "/usr/local/bin/determinate-nixd", "args": []}]);
    mac.set_config(&json!({"builders": "", "external-builders": program}));
    let (answer, human) = both(&mac, &[]);
    assert_eq!(outcome(&answer), ("external-builder", 0));
    assert!(human.text().starts_with("A program on this Mac takes it, "), "{}", human.text());
}

#[test]
fn a_derivation_is_shown_by_nix_and_asked_for_nothing_else() {
    let environment = json!({"requiredSystemFeatures": "kvm uid-range", "secret": "hunter2"});
    let mac = showing(&shown(&json!({"env": environment, "name": "hello-2.12.2"})));
    let (answer, human) = both(&mac, &[DRV]);
    assert_eq!(outcome(&answer), ("nobody", 1));
    assert_eq!(
        answer["required"],
        json!({"from": "derivation", "name": "hello-2.12.2", "system": "aarch64-linux",
               "features": ["kvm", "uid-range"], "prefer_local": false, "builtin": false})
    );
    let words =
        "Required by hello-2.12.2: aarch64-linux with kvm and uid-range. Its inputs were\nnot asked.\n";
    assert!(human.text().contains(words), "{}", human.text());
    assert!(!human.text().contains("hunter2") && !answer.to_string().contains("hunter2"));
    let asked: BTreeSet<String> = mac.calls().into_iter().collect();
    let wanted = format!(
        "nix --extra-experimental-features nix-command flakes derivation show --option \
         allow-import-from-derivation false -- {DRV}"
    );
    assert!(asked.contains(&wanted), "{asked:#?}");
    // No port, no ssh, no launchd, no build; the daemon says whether it takes this user's settings.
    let daemon = "nix --extra-experimental-features nix-command flakes store info --json";
    let few = ["uname", "sw_vers", "sysctl", "df", "nix config show --json", daemon];
    let others: Vec<&String> =
        asked.iter().filter(|it| **it != wanted && !few.iter().any(|start| it.starts_with(start))).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_derivation_that_prefers_the_local_build_is_built_here() {
    let attributes = json!({"system": "aarch64-darwin", "env": {"preferLocalBuild": "1"}});
    let mac = showing(&shown(&attributes));
    let list = mac.write("list", "mac aarch64-darwin\n");
    let (answer, human) = both(&mac, &["--machines", list.to_str().unwrap(), ".#x"]);
    assert_eq!(outcome(&answer), ("itself", 0));
    assert_eq!(verdicts(&answer), [("mac", "could", Some("local-first"))]);
    assert!(human.text().contains("before any machine is asked"), "{}", human.text());
}

#[test]
fn a_derivation_that_cannot_be_read_is_told_and_not_guessed() {
    let one = shown(&json!({}));
    let two = one.replace("\"version\":4}}", "\"version\":4},\"b.drv\":{}}");
    let huge = shown(&json!({"env": {"x": "y".repeat(2 << 20)}}));
    for (text, words) in [
        ("", "not JSON"),
        ("hello", "not JSON"),
        (&one[..one.len() / 2], "not JSON"),
        ("[]", "no derivation"),
        ("{}", "names no derivation"),
        ("{\"derivations\": 3, \"version\": 4}", "no derivation"),
        (two.as_str(), "names 2 derivations"),
        (huge.as_str(), "larger than 1 MiB"),
        (&"[".repeat(1 << 19), "not JSON"),
        (&shown(&json!({"system": 3})), "names no system"),
        (&shown(&json!({"structuredAttrs": {"requiredSystemFeatures": "kvm"}})), "no list of words"),
    ] {
        let (answer, human) = both(&showing(text), &[DRV]);
        assert_eq!(outcome(&answer), ("unknown", 3), "{}", human.text());
        assert_eq!(answer["required"], Value::Null);
        assert!(answer["answer"].as_str().unwrap().contains(words), "{words:?}: {}", human.text());
    }
    let mac = Mac::new();
    mac.nix(
        "derivation show",
        "echo \"error: path '/nix/store/x.drv' is not a valid store path\" >&2; exit 1",
    );
    let (answer, human) = both(&mac, &[DRV]);
    assert_eq!(outcome(&answer), ("unknown", 3));
    assert!(human.text().contains("is not a valid store path"), "{}", human.text());
    assert!(human.text().contains(&format!("\n    nix derivation show -- {DRV}\n")), "{}", human.text());
}

#[test]
fn a_derivation_that_hangs_ends_with_the_look() {
    let mac = Mac::new();
    mac.nix("derivation show", STUBBORN);
    let (answer, _) = both(&mac, &["--timeout", "2s", "nixpkgs#hello"]);
    assert_eq!(outcome(&answer), ("unknown", 3));
    let running = mac.start(&["why", "--json", "nixpkgs#hello"]);
    mac.wait_for_call("-- nixpkgs#hello");
    // The call of the first run is in the log already: this one has to have begun, too.
    support::until(support::GENEROUS, || {
        mac.calls().iter().filter(|it| it.contains("-- nixpkgs#hello")).count() == 3
    });
    running.signal(Signal::INT);
    let ran = running.end();
    assert_eq!((ran.code, ran.json()["exit_code"].as_i64()), (Some(130), Some(130)), "{}", ran.stderr);
}

#[test]
fn what_a_derivation_is_called_is_no_order_to_the_terminal() {
    let odd = "a\u{1b}[31m\u{7}\u{202e}b\nc";
    let attributes = json!({"name": odd, "system": odd, "structuredAttrs": {"requiredSystemFeatures": [odd, "y".repeat(9000)]}});
    let (answer, human) = both(&showing(&shown(&attributes)), &[DRV]);
    assert_eq!(outcome(&answer), ("nobody", 1));
    assert!(human.text().contains("a[31mb"), "{}", human.text());
    // Nor is what a machine is called.
    let (_, human) =
        of_list("h\u{1b}[31m\u{202e} aarch64-linux,x\u{7}y - 1 1 \u{1b}]0;t\n", &["--features", "z"]);
    assert!(human.text().contains("lacks z"), "{}", human.text());
}

#[test]
fn a_file_of_machines_that_is_none_is_refused() {
    let mac = Mac::new();
    let named = |path: &str| mac.run(&["why", "--machines", path]);
    named("/nowhere/list").is_refused("/nowhere/list: not found");
    named(mac.folder.to_str().unwrap()).is_refused("not a regular file");
    named("/dev/zero").is_refused("not a regular file");
    let pipe = mac.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    named(pipe.to_str().unwrap()).is_refused("not a regular file");
    let huge = mac.write("huge", "a b\n".repeat(1 << 19));
    named(huge.to_str().unwrap()).is_refused("larger than 1 MiB");
    named("no\nsuch\u{1b}[31mfile").is_refused("not found");
}

#[test]
fn a_file_of_machines_may_hold_anything() {
    let mac = Mac::new();
    let all: Vec<u8> = (0..=255).collect();
    for bytes in
        [&all[..], b"\xff\xfe a aarch64-linux\n", b"\0", b"", b"@", b"@/dev/zero", &b"a,".repeat(400_000)]
    {
        let path = mac.write("odd", bytes);
        both(&mac, &["--machines", path.to_str().unwrap()]);
    }
    // Of more machines than are read, a later one could be the one.
    let many = mac.write("many", "h aarch64-linux - 1 1 nixos-test\n".repeat(2000));
    let (answer, _) = both(&mac, &["--machines", many.to_str().unwrap()]);
    assert_eq!(outcome(&answer), ("unknown", 3));
    // A file within it that only root may read, perhaps: what Nix makes of it is not known.
    let within = mac.write("within", "a aarch64-linux - 1 1 nixos-test\n@/dev/zero\n");
    let (answer, _) = both(&mac, &["--machines", within.to_str().unwrap()]);
    assert_eq!(outcome(&answer), ("unknown", 3));
}

#[test]
fn without_nix_a_named_list_is_judged_and_nothing_else() {
    let mac = Mac::new();
    let list = mac.write("list", LIST);
    let list = list.to_str().unwrap();
    std::fs::remove_file(mac.path("bin/nix")).unwrap();
    // Where the tests run there may be a Nix at a well-known place.
    if mac.run(&["why", "--json"]).json()["this_machine"]["verdict"] != "unknown" {
        return;
    }
    assert_eq!(outcome(&both(&mac, &[]).0), ("unknown", 3));
    assert_eq!(outcome(&both(&mac, &[DRV]).0), ("unknown", 3));
    let (answer, _) = both(&mac, &["--machines", list]);
    assert_eq!((outcome(&answer), &answer["taker"]), (("machine", 0), &json!("ssh://slow")));
    let (answer, human) = both(&mac, &["--machines", list, "--features", "sorcery"]);
    assert_eq!(outcome(&answer), ("unknown", 3));
    assert!(
        human.text().starts_with("No machine takes it, and of this machine it cannot be told"),
        "{}",
        human.text()
    );
}

#[test]
fn settings_that_nix_refuses_leave_nothing_to_tell() {
    let mac = Mac::new();
    mac.nix("config show", "echo 'error: syntax error in configuration line 1' >&2; exit 1");
    let (answer, human) = both(&mac, &[]);
    assert_eq!(outcome(&answer), ("unknown", 3));
    assert!(human.text().contains("syntax error"), "{}", human.text());
    mac.nix("config show", STUBBORN);
    let (answer, _) = both(&mac, &["--timeout", "3s"]);
    assert_eq!(outcome(&answer), ("unknown", 3));
}

#[test]
fn a_setting_that_holds_the_machines_is_changed_where_it_is_set() {
    let mac = Mac::new();
    // The daemon takes it from whom it trusts.
    mac.nix("store info", r#"echo '{"trusted":true,"url":"daemon","version":"2.34.8"}'"#);
    let own = mac.write("home/.config/nix/nix.conf", "builders = x\n");
    let (_, human) = both(&mac, &["--features", "sorcery"]);
    let command = format!("\n    ${{EDITOR:-nano}} {}\n", own.display());
    assert!(human.text().ends_with(&command), "{}", human.text());
}

#[test]
fn a_saved_machine_is_judged_without_this_one() {
    let mac = Mac::new();
    let state = |name: &str| HEALTHY.replace("/healthy.json", &format!("/{name}.json"));
    for (name, wanted) in [
        ("healthy", ("machine", 0)),
        ("machines-feature-missing", ("nobody", 1)),
        ("machines-system-not-offered", ("nobody", 1)),
        ("machines-file-missing", ("nobody", 1)),
        ("machines-odd-fields-max-jobs-0", ("waits", 1)),
        ("builders-bad-machine-spec", ("refused", 1)),
        ("nix-config-unreadable", ("unknown", 3)),
        ("nix-not-installed", ("unknown", 3)),
        ("linux-host", ("machine", 0)),
    ] {
        let (answer, human) = both(&mac, &["--from", &state(name)]);
        assert_eq!(outcome(&answer), wanted, "{name}: {}", human.text());
    }
    let report = std::fs::read(HEALTHY).unwrap();
    let piped = mac.run_with_input(&["why", "--from", "-", "--json"], &report);
    assert_eq!(piped.json()["taker"], "ssh-ng://builder@linux-builder");
    mac.run_with_input(&["why", "--from", "-"], b"hello").is_refused("not JSON");
    mac.run(&["why", "--from", "/nowhere"]).is_refused("/nowhere: not found");
    assert_eq!(mac.calls(), [""; 0], "nothing is asked of this machine");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_report_with_bytes_changed_is_judged_or_refused(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut bytes = std::fs::read(HEALTHY).unwrap();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let ran = Mac::new().run_with_input(&["why", "--from", "-"], &bytes);
        ran.is_plain();
        prop_assert_eq!(ran.code == Some(2), ran.text().is_empty());
    }
}

#[test]
fn a_report_whose_words_are_foreign_is_judged_in_plain_text() {
    let report: Value = serde_json::from_slice(&std::fs::read(HEALTHY).unwrap()).unwrap();
    let odd = json!("\u{1b}]0;t\u{7}\u{202e}'; rm -rf /\n\u{9b}x");
    let number = json!(u32::MAX);
    let machine = "/evidence/machines/seen/fact/machines/0";
    let settings = "/evidence/nix_config/seen/fact/read";
    for (place, value) in [
        (format!("{machine}/host"), &odd),
        (format!("{machine}/uri/value"), &odd),
        (format!("{machine}/scheme"), &odd),
        (format!("{machine}/speed"), &odd),
        (format!("{machine}/place/path"), &odd),
        (format!("{machine}/place/line"), &number),
        (format!("{machine}/systems/0/value"), &odd),
        (format!("{machine}/features/0/value"), &odd),
        (format!("{settings}/system"), &odd),
        (format!("{settings}/max_jobs"), &odd),
        (format!("{settings}/external_builders"), &odd),
    ] {
        let mut report = report.clone();
        *report.pointer_mut(&place).unwrap_or_else(|| panic!("{place} is not in the report")) = value.clone();
        for args in [&["why", "--from", "-"][..], &["why", "--from", "-", "--features", "x"]] {
            let ran = Mac::new().run_with_input(args, report.to_string().as_bytes());
            ran.is_plain();
            assert!(!ran.text().is_empty(), "{place}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mac = Mac::new();
    mac.run(&["why", "--", "--impure"]).is_refused("Nix would read it as an option");
    mac.run(&["why", ""]).is_refused("it is empty");
    mac.run(&["why", "a\nb"]).is_refused("not plain text");
    mac.run(&["why", "--system", ""]).is_refused("--system");
    mac.run(&["why", "--system", "a b"]).is_refused("no plain word");
    mac.run(&["why", "--system", "aarch64-linux,x86_64-linux"]).is_refused("no plain word");
    mac.run(&["why", "--features", "kvm,a b"]).is_refused("no plain word");
    for args in [
        &["why", DRV, "--system", "x"][..],
        &["why", DRV, "--features", "x"],
        &["why", "--machines", "x", "--from", "y"],
        &["why", "a", "b"],
        &["why", "--quick"],
    ] {
        let ran = mac.run(args);
        assert_eq!((ran.is_sound().code, ran.text()), (Some(2), ""), "{args:?}");
    }
    assert_eq!(mac.calls(), [""; 0], "nothing was asked before");
}

#[test]
fn features_are_those_that_are_named_and_none_where_only_a_system_is() {
    let required = |args: &[&str]| both(&Mac::new(), args).0["required"].clone();
    let told = |from: &str, system: &str, features: &[&str]| json!({"from": from, "name": null, "system": system, "features": features, "prefer_local": false, "builtin": false});
    assert_eq!(required(&[]), told("expectations", "aarch64-linux", &["nixos-test"]));
    assert_eq!(required(&["--system", "x86_64-linux"]), told("options", "x86_64-linux", &[]));
    assert_eq!(
        required(&["--features", "kvm,big-parallel,kvm"]),
        told("options", "aarch64-linux", &["big-parallel", "kvm"])
    );
    for none in [&["--features", ""][..], &["--features"]] {
        assert_eq!(required(none), told("options", "aarch64-linux", &[]));
    }
}

#[test]
fn the_json_has_the_same_keys_whatever_the_answer() {
    const KEYS: [&str; 10] = [
        "answer",
        "exit_code",
        "machines",
        "next",
        "outcome",
        "required",
        "schema_version",
        "taker",
        "this_machine",
        "tool",
    ];
    const ROW: [&str; 7] = ["detail", "name", "reason", "remedy", "store", "verdict", "where"];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted =
        |value: &Value| keys(value).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let mac = showing("hello");
    for answer in [
        both(&mac, &[]).0,
        both(&mac, &["--system", "x"]).0,
        both(&mac, &[DRV]).0,
        of_list("a b c d", &[]).0,
        of_list(LIST, &[]).0,
    ] {
        assert_eq!(sorted(&answer), KEYS);
        assert_eq!(sorted(&answer["next"]), ["commands", "text"]);
        for row in answer["machines"].as_array().unwrap() {
            assert_eq!(sorted(row), ROW);
        }
    }
}

#[test]
fn help_fits_a_terminal() {
    for help in ["--help", "-h"] {
        let ran = Mac::new().run(&["why", help]);
        ran.is_plain();
        assert_eq!(ran.code, Some(0));
        let long: Vec<&str> = ran.text().lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:#?}");
        for words in ["inputs can require other things", "Exit codes", "--machines", "--from", "--json"] {
            assert!(ran.text().contains(words), "{words}");
        }
    }
}

#[test]
fn ascii_and_colour_are_as_everywhere() {
    let mac = Mac::new();
    let ascii = mac.run(&["why", "--ascii"]);
    assert!(ascii.text().is_ascii(), "{}", ascii.text());
    assert!(!mac.run(&["why"]).text().contains('\u{1b}'));
    assert!(mac.run(&["why", "--color", "always"]).text().contains("\u{1b}["));
    assert!(!mac.run(&["why", "--color", "always", "--json"]).text().contains('\u{1b}'));
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    for args in [&["why"][..], &["why", "--json"], &["why", "--system", "x"]] {
        let mac = Mac::new();
        let whole = mac.run(args);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = mac.launch(mac.command(args).stdout(Stdio::from(writer))).end();
        ran.is_sound();
        assert_eq!((ran.code, ran.stderr.as_str()), (whole.code, ""), "{args:?}");
    }
}
