//! Reports for others: tokens for names, no secret in any, and a refusal where one survives.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use serde_json::json;
use support::{Mac, Ran};

fn run(mac: &Mac, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = mac.command(args);
    for (name, value) in variables {
        command.env(name, value);
    }
    mac.launch(&mut command).end()
}

const ALICE: [(&str, &str); 1] = [("USER", "alice")];

/// A Mac whose daemon trusts alice, and whose private cache is her company's.
fn of_alice() -> Mac {
    let mac = Mac::new();
    mac.set_config(&json!({
        "trusted-users": ["root", "alice"],
        "substituters": ["https://cache.nixos.org/", "https://nix.corp.example/"],
    }));
    mac
}

#[test]
fn json_holds_tokens_and_the_screen_holds_names() {
    let mac = of_alice();
    let ran = run(&mac, &["--json"], &ALICE);
    let report = ran.json();
    assert_eq!(report["redacted"], true);
    assert!(!ran.text().contains("alice") && !ran.text().contains("corp.example"), "{}", ran.text());
    let trusted = &report["evidence"]["nix_config"]["seen"]["fact"]["read"]["trusted_users"];
    assert_eq!(trusted[0], "root");
    assert_eq!(
        trusted[1], report["evidence"]["user"]["seen"]["fact"]["name"],
        "what is the same stays the same"
    );
    // Read back, it is redacted already, and judged the same.
    let again = mac.run_with_input(&["--json", "--from", "-"], &ran.stdout);
    assert_eq!(again.json()["evidence"], report["evidence"]);
    assert_eq!(again.code, ran.code);
}

#[test]
fn names_stay_for_local_use_and_the_file_says_so() {
    let ran = run(&of_alice(), &["--json", "--no-redact"], &ALICE);
    assert_eq!(ran.json()["redacted"], false);
    assert!(ran.text().contains("\"alice\"") && ran.text().contains("nix.corp.example"));
}

#[test]
fn what_a_token_stands_for_is_said_beside_the_report() {
    let mac = of_alice();
    let ran = run(&mac, &["--json", "--show-redactions"], &ALICE);
    assert!(ran.stderr.contains("> stands for alice, "), "{}", ran.stderr);
    assert!(!ran.text().contains("alice"));
    let both = run(&mac, &["--json", "--show-redactions", "--no-redact"], &ALICE);
    assert_eq!(both.code, Some(2));
    assert_eq!(both.text(), "");
}

/// No shape tells these: only who knows the secret finds it.
#[test]
fn a_secret_of_this_machine_is_refused_with_the_name_of_the_fact() {
    let mac = of_alice();
    mac.write("home/.netrc", "machine nix.corp.example login ci password zq7plainpassword\n");
    mac.nix("build", "echo 'error: the server did not take zq7plainpassword' >&2; exit 1");
    for args in [&["--json"][..], &["--json", "--no-redact"], &[]] {
        let ran = run(&mac, args, &ALICE);
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.contains("the report is not written: evidence.builds."), "{}", ran.stderr);
        assert!(!ran.stderr.contains("zq7plainpassword"));
    }
}

#[test]
fn an_access_token_in_the_environment_is_looked_for() {
    let mac = of_alice();
    mac.nix("build", "echo 'error: zq7plaintoken is no good' >&2; exit 1");
    let tokens = [("NIX_CONFIG", "access-tokens = git.corp.example=zq7plaintoken")];
    let ran = run(&mac, &["--json"], &tokens);
    assert_eq!((ran.code, ran.text()), (Some(2), ""));
}

/// Wherever Nix would read it: in a file that the user's own includes, and by each command that looks.
#[test]
fn a_token_of_an_included_file_is_printed_by_no_command() {
    let mac = of_alice();
    let path = |name: &str| mac.folder.join(name).to_string_lossy().into_owned();
    mac.write("home/settings/nix/nix.conf", "# mine\n!include ../tokens\n");
    mac.write("home/settings/tokens", "extra-access-tokens = git.corp.example=PAT:zq7plaintoken\n");
    mac.write("home/other.conf", "access-tokens = git.corp.example=zq7plaintoken\n");
    mac.nix("config show", "echo 'error: zq7plaintoken is no good' >&2; exit 1");
    let included = ("XDG_CONFIG_HOME", path("home/settings"));
    let listed = ("NIX_USER_CONF_FILES", path("home/other.conf"));
    for (name, value) in [included, listed] {
        for args in [
            &["--quick"][..],
            &["--quick", "--json"],
            &["why"],
            &["why", "--json"],
            &["fix", "--dry-run", "--quick", "--json"],
            &["diff", "--quick", "--json", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states/healthy.json")],
        ] {
            let ran = run(&mac, args, &[(name, &value)]);
            assert_eq!((ran.code, ran.text()), (Some(2), ""), "{args:?}");
            assert!(ran.stderr.contains("secret"), "{args:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("zq7plaintoken"));
        }
    }
}

/// Secrets whose shape tells what they are, in all that the doctor reads.
#[test]
fn secrets_in_what_programs_print_come_out_of_no_format() {
    let lines = "echo 'access-tokens = github.com=zq7secret01'; echo 'https://bob:zq7secret02@x.example/';\n\
                 echo 'Authorization: Bearer zq7secret03abc'; echo 'ghp_zq7secret04abcdefgh';\n\
                 echo '-----BEGIN OPENSSH PRIVATE KEY-----'; echo zq7secret05; echo '-----END OPENSSH PRIVATE KEY-----'\n";
    let both = format!("{{ {lines} }} >&2; {lines} exit 1");
    for (program, sub) in [
        ("nix", "build"),
        ("nix", "config show"),
        ("nix", "store info"),
        ("launchctl", ""),
        ("ssh", ""),
        ("ssh-keyscan", ""),
        ("dscl", ""),
        ("ps", ""),
        ("sw_vers", ""),
    ] {
        let mac = of_alice();
        if sub.is_empty() {
            mac.program(program, &both)
        } else {
            mac.nix(sub, &both)
        }
        for args in [&["--json"][..], &["--json", "--no-redact"], &["-vv"]] {
            let ran = run(&mac, args, &ALICE);
            assert!(!ran.text().is_empty(), "{program} {sub}: {}", ran.stderr);
            assert!(!ran.text().contains("zq7secret"), "{program} {sub} {args:?}: {}", ran.text());
        }
    }
}
