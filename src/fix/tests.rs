//! What holds for every fix, quantified over the registry: none of these changes for the next fix.

use super::fixes::ALL;
use super::plan::{Choice, Plan, plan};
use super::step::{Action, Back, Interrupts};
use super::{Made, NoPlan, Safety, ground, made};
use crate::check::{Check, Expect, Finding, Verdict};
use crate::checks;
use crate::diagnosis::{Diagnosis, Selection, diagnose};
use crate::evidence::managers::Managers;
use crate::evidence::{Evidence, Probe, healthy};
use crate::expectations::Expectations;
use crate::report::plan::{PlanReport, render};
use crate::report::{Report, Timings, json, paint::Paint};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What may be done about a fault, as it was settled before any fix was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Idempotent, reversible, no loss.
    Auto,
    /// Ends builds, or loses what the VM built.
    Cache,
    /// Changes a file that is the user's own, where nobody manages it.
    Ask,
    /// The user's to decide, and no file that a line mends: a process to end, a licence, an option of nix-darwin.
    Decide,
    /// Printed only.
    Never,
}

#[rustfmt::skip]
const CLASSES: &[(Class, &[&str])] = &[
    (Class::Auto, &[
        "nix-volume-not-mounted", "synthetic-conf-lost", "builder-service-not-loaded", "builder-service-disabled",
        "builder-service-not-running", "launchd-bootstrap-error-5", "vm-still-booting", "vm-working-directory-missing",
        "vm-certs-share-lost", "vm-clock-skew", "ssh-key-missing", "ssh-key-too-open", "ssh-key-mismatch",
        "ssh-login-refused", "ssh-root-known-hosts-missing", "ssh-remote-nix-unusable", "ssh-shut-out", "daemon-not-running",
        "vm-not-listening", "vm-unresponsive",
    ]),
    (Class::Cache, &[
        "vm-state-corrupt", "vm-config-not-applied", "vm-backend-switched-raw-vs-qcow2", "vm-disk-full", "daemon-stale-config",
    ]),
    (Class::Ask, &[
        "shell-hook-wiped", "localhost-does-not-resolve", "ssh-alias-missing", "ssh-config-bad-permissions",
        "ssh-too-many-auth-failures", "ssh-multiplexing-in-protocol", "builders-empty",
        "builders-inline-shadows-machines-file", "extra-platforms-claims-linux", "max-jobs-zero", "external-builders-hijack",
        "experimental-features-missing", "host-system-features-overridden", "builders-use-substitutes-off",
        "machines-feature-missing", "cache-untrusted-substituter", "substituter-missing", "trusted-key-missing",
        "nix-custom-conf-clash",
    ]),
    (Class::Decide, &[
        "builder-stopped-on-purpose",
        "fix-not-ended", "host-disk-low", "rosetta-host-missing", "builder-login-item-disabled", "builder-crash-looping", "port-31022-in-use",
        "vm-certs-env-unset", "vm-dns-hardcoded", "vm-no-log-configured", "ssh-connection-refused", "ssh-key-unreadable-by-user",
        "ssh-host-key-mismatch", "ssh-half-open-hang", "builders-bad-machine-spec", "client-setting-refused-untrusted",
        "nix-remote-systems-env", "daemon-label-is-determinate", "daemon-user-not-allowed", "nix-too-old", "nix-daemon-too-old",
        "nix-mixed-versions", "machines-file-missing", "machines-edited-by-hand", "machines-duplicate-builders",
        "machines-odd-fields", "machines-port-needs-2-31", "machines-system-offered-but-not-executable", "builder-conflict",
        "cache-tls-intercepted", "cache-ca-bundle-missing", "cache-signature-untrusted", "cache-key-mismatch",
        "proxy-not-seen-by-daemon", "ipv6-broken", "waiting-for-machine", "store-untrusted-by-guest",
    ]),
    (Class::Never, &[
        "nixbld-users-missing", "host-cannot-virtualise", "qemu11-hvf-sme-abort", "qemu-m4-sme-property", "qemu-gicv2-under-hvf",
        "nixpkgs-qemu-vm-virtiofs-window", "vm-out-of-memory", "vm-sandbox-path-missing", "kvm-missing-in-guest",
        "machines-system-not-offered", "machines-optional-system-not-offered", "cache-unreachable", "cache-captive-portal",
        "cache-auth-netrc", "github-rate-limit", "builder-not-configured", "determinate-vs-nix-darwin", "nixpkgs-dropped-platform",
        "nix-not-installed", "nix-config-unreadable", "test-build-failed", "test-build-timed-out", "hello-build-failed",
        "test-build-optional-system-failed",
    ]),
];

fn class(check: &Check) -> Class {
    let of = CLASSES.iter().find(|(_, ids)| ids.contains(&check.id));
    of.unwrap_or_else(|| panic!("{}: say in CLASSES what may be done about it", check.id)).0
}

/// The machine under each manager of its files.
fn under_every_manager(e: &Evidence) -> Vec<(&'static str, Evidence)> {
    let with = |nix_darwin: bool, determinate: bool| {
        let mut e = e.clone();
        let is = |is: bool, path: &str| is.then(|| path.to_owned());
        let managers = Managers {
            nix_darwin: is(nix_darwin, "/run/current-system"),
            determinate: is(determinate, "/usr/local/bin/determinate-nixd"),
        };
        e.managers = Probe::seen(managers, "paths");
        if let (Probe::Seen { fact, .. }, false) = (&mut e.conf_files, nix_darwin || determinate) {
            fact.iter_mut().for_each(|file| file.generated_by = None);
        }
        e
    };
    vec![
        ("nobody", with(false, false)),
        ("nix-darwin", with(true, false)),
        ("Determinate", with(false, true)),
        ("both", with(true, true)),
    ]
}

fn failing(check: &Check, e: &Evidence, want: &Expectations) -> Option<Finding> {
    match (check.judge)(e, want) {
        Ok(Verdict::Fail(finding)) => Some(finding),
        _ => None,
    }
}

/// Every example of every check in which it fails, under every manager.
fn failures() -> Vec<(&'static Check, String, Evidence, Finding)> {
    let want = Expectations::default();
    let mut all = Vec::new();
    for check in checks::all() {
        for example in check.examples {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            for (manager, e) in under_every_manager(&e) {
                if let Some(finding) = failing(check, &e, &want) {
                    all.push((check, format!("{}, {manager}", example.name), e, finding));
                }
            }
        }
    }
    all
}

fn every_made() -> Vec<(&'static Check, String, Evidence, Made)> {
    let want = Expectations::default();
    failures()
        .into_iter()
        .filter_map(|(check, name, e, finding)| {
            let made = made(check, &finding, &e, &want)?.ok()?;
            Some((check, name, e, made))
        })
        .collect()
}

#[test]
fn every_check_has_the_fix_that_its_class_allows() {
    let mut listed: Vec<&str> = CLASSES.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    listed.sort_unstable();
    assert!(listed.windows(2).all(|pair| pair[0] != pair[1]), "a check is listed twice");
    for id in &listed {
        assert!(checks::find(id).is_some(), "{id} is no check");
    }
    for check in checks::all() {
        let best = check.fixes.iter().map(|fix| fix.safety).min();
        let wanted = match class(check) {
            Class::Auto => Some(Safety::Safe),
            Class::Cache => Some(Safety::Disruptive),
            Class::Ask => Some(Safety::Ask),
            Class::Decide | Class::Never => None,
        };
        assert_eq!(best, wanted, "{} ({:?})", check.id, class(check));
    }
}

#[test]
fn every_fix_is_registered_and_mends_something() {
    let ids: BTreeSet<&str> = ALL.iter().map(|fix| fix.id).collect();
    assert_eq!(ids.len(), ALL.len(), "a name is used twice");
    let used: BTreeSet<&str> = checks::all().iter().flat_map(|check| check.fixes).map(|fix| fix.id).collect();
    assert_eq!(used, ids, "named by a check, and registered in fixes/mod.rs");
    for fix in ALL {
        assert!(fix.title.starts_with(|c: char| c.is_uppercase()) && !fix.title.ends_with('.'), "{}", fix.id);
        assert!(fix.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", fix.id);
    }
}

#[test]
fn every_fix_has_steps_for_an_example() {
    let made: BTreeSet<&str> = every_made().iter().map(|(.., made)| made.fix.id).collect();
    // Of a machine that shows a key of its own there is a test below.
    let shown = super::fixes::machine_line::SHOWN_HOST_KEY.id;
    let none = |id: &&str| !made.contains(id) && *id != shown;
    let without: Vec<&str> = ALL.iter().map(|fix| fix.id).filter(none).collect();
    assert!(without.is_empty(), "no example gives these fixes a step: {without:?}");
    let mended: BTreeSet<&str> = every_made().iter().map(|(check, ..)| check.id).collect();
    let not: Vec<&str> = checks::all()
        .iter()
        .filter(|check| !check.fixes.is_empty() && !mended.contains(check.id))
        .map(|check| check.id)
        .collect();
    assert!(not.is_empty(), "in no example of theirs these checks are mended: {not:?}");
}

#[test]
fn each_step_has_its_way_back_and_writes_only_where_it_may() {
    for (check, name, _, made) in every_made() {
        let at = format!("{}: {name}: {}", check.id, made.fix.id);
        for step in &made.steps {
            let all = std::iter::once(&step.action).chain(step.back.actions());
            for action in all {
                for path in action.targets() {
                    assert!(path.starts_with('/') && !path.starts_with("/nix/"), "{at}: {path}");
                }
                let argv = action.argv().unwrap_or_default();
                let shells = ["sh", "bash", "zsh", "/bin/sh", "sudo", "rm"];
                assert!(!argv.iter().any(|word| shells.contains(&word.as_str())), "{at}: {argv:?}");
                assert!(!action.to_string().contains('{'), "{at}: {action}");
            }
            assert!(!matches!(&step.back, Back::By { actions } if actions.is_empty()), "{at}");
            let writes = !step.action.targets().is_empty();
            assert!(!(writes && matches!(step.back, Back::Nothing { .. })), "{at}: {}", step.action);
            // In an installation for one user the key is that user's.
            let of_root = |path: &str| !path.starts_with("/Users/") && !name.contains("for one user");
            let root = step.action.targets().into_iter().any(of_root)
                || matches!(step.action, Action::Launchctl { .. });
            assert!(!root || made.needs_root(), "{at}: root is not asked for");
            assert!(!step.why.is_empty() && !step.why.ends_with('.'), "{at}");
        }
        let ends = made.interrupts() > Interrupts::Nothing;
        assert!(!(ends && made.safety == Safety::Safe), "{at}: what ends builds is not safe");
        assert!(made.safety >= made.fix.safety, "{at}");
    }
}

#[test]
fn what_somebody_else_writes_is_never_a_target() {
    for (check, name, e, made) in every_made() {
        assert_unmanaged(
            &format!("{}: {name}", check.id),
            &e,
            &made.steps.iter().map(|it| &it.action).collect::<Vec<_>>(),
        );
    }
}

/// Said again in other words than `ground` says it.
fn assert_unmanaged(at: &str, e: &Evidence, actions: &[&Action]) {
    let managers = e.managers().unwrap();
    for action in actions.iter().filter(|action| action.changes_contents()) {
        for path in action.targets() {
            let of_ssh = path.starts_with("/etc/ssh/");
            let of_nix = ["/etc/nix/nix.conf", "/etc/nix/machines"].contains(&path);
            let of_shells = ["/etc/zshrc", "/etc/bashrc", "/etc/zshenv"].contains(&path);
            let job = path.starts_with("/Library/");
            assert!(
                !(managers.nix_darwin.is_some() && (of_ssh || of_nix || of_shells || job)),
                "{at}: {path}"
            );
            let conf = ["/etc/nix/nix.conf", "/etc/nix/nix.custom.conf"].contains(&path);
            assert!(!(managers.determinate.is_some() && conf), "{at}: {path}");
        }
    }
}

fn diagnosis(e: &Evidence, want: &Expectations) -> Diagnosis {
    diagnose(&checks::all(), e, want, &Selection::default())
}

#[test]
fn a_report_gives_the_plan_that_the_machine_gives() {
    let want = Expectations::default();
    let choice = Choice { disruptive: true, ask: true, only: Vec::new() };
    for (check, name, e, _) in failures().into_iter().filter(|(_, name, ..)| name.ends_with("nobody")) {
        let here = diagnosis(&e, &want);
        let text = json::render(&Report::new(&here, &e, &want, Timings::default()));
        let saved = json::parse(text.as_bytes()).unwrap();
        let there = diagnosis(&saved.evidence, &saved.expectations);
        let replayed = plan(&there, &saved.evidence, &saved.expectations, &choice);
        assert_eq!(plan(&here, &e, &want, &choice), replayed, "{}: {name}", check.id);
    }
}

#[test]
fn a_plan_reads_back() {
    let want = Expectations::default();
    let choice = Choice { disruptive: true, ask: true, only: Vec::new() };
    for (check, name, e, _) in failures() {
        let made = plan(&diagnosis(&e, &want), &e, &want, &choice);
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), made, "{}: {name}", check.id);
    }
}

#[test]
fn each_fix_reads_as_its_snapshot() {
    let want = Expectations::default();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/fixes"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let all = every_made();
        for check in checks::all().into_iter().filter(|check| !check.fixes.is_empty()) {
            let (_, name, e, _) = all.iter().find(|(other, ..)| *other == check).unwrap();
            let d = diagnosis(e, &want);
            let choice = Choice { disruptive: true, ask: true, only: vec![check.id.to_owned()] };
            let report = PlanReport::new(&d, plan(&d, e, &want, &choice), true);
            insta::assert_snapshot!(check.id, format!("{name}\n\n{}", render(&report, Paint::PLAIN)));
        }
    });
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let want = Expectations::default();
    for (check, name, _, finding) in failures() {
        let Some(told) = made(check, &finding, &Evidence::default(), &want) else { continue };
        // What needs no evidence is harmless: it waits.
        match told {
            Ok(made) => {
                assert!(made.steps.iter().all(|it| matches!(it.action, Action::Wait { .. })), "{}", check.id)
            }
            Err(NoPlan::Unknown(_) | NoPlan::NotHere(_)) => {}
            Err(other) => panic!("{}: {name}: {other}", check.id),
        }
    }
}

#[test]
fn the_default_is_safe_and_what_is_named_is_judged_alike() {
    let want = Expectations::default();
    for (check, name, e, _) in failures() {
        let d = diagnosis(&e, &want);
        let made = plan(&d, &e, &want, &Choice::default());
        assert!(made.fixes.iter().all(|fix| fix.safety == Safety::Safe), "{}: {name}", check.id);
        assert!(made.withheld.iter().all(|fix| fix.safety > Safety::Safe), "{}: {name}", check.id);
        let causes: Vec<&str> = d.causes().map(|(judged, _)| judged.check.id).collect();
        let told = [
            made.fixes.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
            made.withheld.iter().map(|it| it.id.as_str()).collect(),
            made.patches.iter().map(|it| it.id.as_str()).collect(),
            made.by_hand.iter().map(|it| it.id.as_str()).collect(),
        ]
        .concat();
        assert_eq!(BTreeSet::from_iter(causes.iter()), told.iter().collect(), "{}: {name}", check.id);
        // In rank order.
        let order: Vec<usize> =
            made.fixes.iter().filter_map(|fix| causes.iter().position(|id| *id == fix.id)).collect();
        assert!(order.is_sorted(), "{}: {name}", check.id);
    }
}

#[test]
fn a_host_key_that_is_not_the_stock_vms_is_for_the_user_to_compare() {
    let want = Expectations::default();
    let check = checks::find("ssh-root-known-hosts-missing").unwrap();
    let is_stock = |made: &Made| made.fix.id == "write-stock-host-key" && made.safety == Safety::Safe;
    let (_, _, mut e, finding) =
        failures().into_iter().find(|(other, name, ..)| *other == check && name.ends_with("nobody")).unwrap();
    assert!(is_stock(&made(check, &finding, &e, &want).unwrap().unwrap()));
    let base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIBTZyoKVsXurarPeBH5FRqn09Ocy5kiS3Kzb82zzeErX";
    if let Probe::Seen { fact, .. } = &mut e.host_keys {
        fact[0].scan.as_mut().unwrap().keys[0].base64 = base64.to_owned();
    }
    let other = made(check, &finding, &e, &want).unwrap().unwrap();
    assert_eq!((other.fix.id, other.safety), ("write-shown-host-key", Safety::Ask));
}

#[test]
fn no_two_fixes_write_one_file_whole() {
    let mut whole = BTreeSet::new();
    for (_, _, _, made) in every_made() {
        for step in &made.steps {
            if let Action::WriteFile { path, .. } = &step.action {
                whole.insert((path.clone(), made.fix.id));
            }
        }
    }
    let paths: BTreeSet<&String> = whole.iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), whole.len(), "{whole:?}");
}

#[test]
fn a_login_that_prints_is_not_restarted() {
    let check = checks::find("ssh-remote-nix-unusable").unwrap();
    let want = Expectations::default();
    for (name, restarts) in [("the VM's daemon is down", true), ("the login greets", false)] {
        let mut e = healthy::evidence();
        (check.examples.iter().find(|it| it.name == name).unwrap().given)(&mut e);
        let finding = failing(check, &e, &want).unwrap();
        assert_eq!(made(check, &finding, &e, &want).unwrap().is_ok(), restarts, "{name}");
    }
}

#[test]
fn a_running_daemon_is_not_restarted_as_safe() {
    let e = healthy::evidence();
    let step = super::fixes::restart_daemon::restart(&e, "x").unwrap();
    assert_eq!(step.interrupts, Interrupts::AllBuilds);
}

proptest! {
    /// Whatever a stranger's report calls its files, no step leaves good ground.
    #[test]
    fn no_name_of_a_stranger_leads_a_step_astray(path in "(/|\\.\\./|~|-)?[a-z./\\-\n\u{202e}]{0,40}", which in 0usize..5) {
        let path = if which == 4 { format!("/nix/store/{path}") } else { path };
        let mut e = healthy::evidence();
        e.managers = Probe::seen(Managers::default(), "paths");
        let want = Expectations::default();
        let words = ["key", "folder", "image", "ssh-file", "shell-file", "store-label"];
        for check in checks::all() {
            let mut finding = crate::check::fail("x", "y");
            for word in words {
                finding = finding.word(word, path.clone());
            }
            if let Some(Ok(made)) = made(check, &finding, &e, &want) {
                for target in made.steps.iter().flat_map(|step| step.action.targets()) {
                    prop_assert!(ground::is_sane(target), "{}: {target:?}", check.id);
                    prop_assert!(target.starts_with('/') && !target.split('/').any(|part| part == ".."), "{}: {target:?}", check.id);
                }
            }
        }
    }
}

#[test]
fn an_example_that_does_not_fail_has_no_plan() {
    let want = Expectations::default();
    for check in checks::all() {
        for example in check.examples.iter().filter(|it| it.expect == Expect::Pass) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let choice = Choice { disruptive: true, ask: true, only: vec![check.id.to_owned()] };
            let made = plan(&diagnosis(&e, &want), &e, &want, &choice);
            assert_eq!(made, Plan::default(), "{}: {}", check.id, example.name);
        }
    }
}
