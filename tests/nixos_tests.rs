//! `builder-doctor tests` beside an imitated Nix: what is listed, what is run, and how it ends.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use support::Mac;

/// A Mac whose Nix knows a flake of these tests; `build` is what its `nix build` does.
fn flake(build: &str) -> Mac {
    let mac = Mac::new();
    mac.write(
        "checks.json",
        r#"{"systems":{"aarch64-darwin":3,"x86_64-linux":1},"checks":{"zeta":{"name":"vm-test-run-zeta","system":"aarch64-linux","features":[]},"ext-pgjwt":{"name":"x","system":"aarch64-linux","features":["kvm","nixos-test"]},"fmt":{"name":"fmt","system":"aarch64-darwin","features":[]}}}"#,
    );
    mac.write(
        "shown.json",
        r#"{"/nix/store/a-x.drv":{"args":[],"builder":"/bin/sh","env":{"out":"/nix/store/b-x"},"inputDrvs":{},"inputSrcs":[],"name":"x","outputs":{"out":{"path":"/nix/store/b-x"}},"system":"aarch64-linux"}}"#,
    );
    mac.nix(
        "--extra-experimental-features nix-command flakes",
        &format!(
            "case \" $* \" in\n\
             *\" builtins.currentSystem \"*) printf aarch64-darwin ;;\n\
             *\" eval --json \"*) cat \"$here/checks.json\" ;;\n\
             *\" eval --raw \"*) printf x ;;\n\
             *\" derivation show \"*) cat \"$here/shown.json\" ;;\n\
             *\" build \"*) {build} ;;\n\
             esac"
        ),
    );
    mac
}

#[test]
fn the_tests_of_this_system_are_listed_in_order() {
    let ran = flake("exit 9").run(&["tests"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = ran.text();
    let (first, second) = (text.find("ext-pgjwt  runs on"), text.find("zeta       runs on"));
    assert!(first.is_some() && first < second && !text.contains("fmt"), "{text}");
    assert!(text.contains("2 NixOS tests for aarch64-darwin.\n1 other check besides: --all."), "{text}");
    let all = flake("exit 9").run(&["tests", "--all", "--json"]).json();
    assert_eq!(all["tests"][1]["name"], "fmt");
    assert_eq!(all["tests"][1]["nixos_test"], false);
}

#[test]
fn what_ran_is_told_from_what_passed_before() {
    let ran = flake("echo \"building '/nix/store/a-x.drv'...\" >&2; echo 'x> up' >&2").run(&[
        "tests",
        ".",
        "ext-pgjwt",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.text().contains("passed\n") && ran.stderr.contains("x> up\n"), "{}", ran.text());
    let ran = flake("exit 0").run(&["tests", ".", "ext-pgjwt"]);
    assert!(ran.text().contains("passed before; nothing ran"), "{}", ran.text());
}

#[test]
fn a_failure_names_its_log_and_the_fault_and_the_others_run() {
    let build = "case \"$*\" in *zeta*) printf '\\033[31mx> up\\033[0m\\n' >&2 ;; \
                 *) echo \"cannot build on 'ssh-ng://b': error: x\" >&2; echo 'nix log /nix/store/a-x.drv' >&2; exit 1 ;; esac";
    let ran = flake(build).run(&["tests", ".", "ext-pgjwt", "zeta", "--json"]);
    let answer = ran.json();
    assert_eq!((ran.code, &answer["exit_code"]), (Some(1), &1.into()), "{}", ran.stderr);
    assert_eq!(answer["tests"][0]["result"], "failed");
    assert_eq!(answer["tests"][0]["log"], "nix log /nix/store/a-x.drv");
    assert_eq!(answer["tests"][1]["result"], "passed");
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn a_rerun_builds_what_no_store_has_and_deletes_nothing() {
    let build = "printf '%s\\n' \"$*\" > \"$here/asked\"; echo 'x> up' >&2";
    let mac = flake(build);
    let ran = mac.run(&["tests", ".", "ext-pgjwt", "--rerun"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = format!("{}{}", ran.stderr, ran.text());
    assert!(asked.contains("BUILDER_DOCTOR_RUN") && !asked.contains("delete"), "{asked}");
}

#[test]
fn what_is_mistyped_is_met_with_a_guess() {
    let mac = flake("exit 9");
    mac.run(&["tests", ".", "ext-pgjwtt"]).is_refused("did you mean ext-pgjwt?");
    mac.run(&["tests", ".", "nonesuch"]).is_refused("tests lists them all");
    mac.run(&["tests", "--", "--impure"]).is_refused("is no flake");
    mac.run(&["tests", "--system", "a b"]).is_refused("no plain word");
    assert_eq!(mac.run(&["tests", "--rerun"]).code, Some(2));
}
