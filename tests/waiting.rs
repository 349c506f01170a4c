//! `--wait`, on a Mac of scripts whose answers change while it waits.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use rustix::process::Signal;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Mac, Ran};

/// Nothing for the first scans of the host key; the healthy answer from then on.
fn silent_for(mac: &Mac, scans: usize) {
    let port = mac.port;
    mac.program(
        "ssh-keyscan",
        &format!(
            "test $(grep -c ssh-keyscan \"$here/calls\") -gt {scans} || exit 1\n\
             echo '# 127.0.0.1:{port} SSH-2.0-OpenSSH_10.2' >&2\n\
             echo '[127.0.0.1]:{port} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJBWcxb/Blaqt1auOtE+F8QUWrUotiC5qBJ+UuEWdVCb root@nixos'\n"
        ),
    );
}

/// A builder that hangs up for as long as it boots, and how many connections it saw.
fn booting() -> (Mac, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let mac = Mac::with_builder(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        drop(stream);
    });
    mac.program("ps", "echo '00:20'\n");
    (mac, seen)
}

fn builds(mac: &Mac) -> usize {
    mac.calls().iter().filter(|call| call.starts_with("nix ") && call.contains(" build ")).count()
}

#[track_caller]
fn says(ran: &Ran, words: &str) {
    assert!(ran.stderr.contains(words), "{:?} is not in:\n{}", words, ran.stderr);
}

#[test]
fn a_healthy_mac_is_green_at_once() {
    let mac = Mac::new();
    let ran = mac.run(&["--offline", "--json", "--wait", "10m"]);
    ran.is_sound();
    assert_eq!((ran.code, ran.json()["verdict"].as_str()), (Some(0), Some("healthy")), "{}", ran.stderr);
    assert!(ran.json()["evidence"]["builds"].get("seen").is_some(), "green is what a build has shown");
    assert!(ran.stderr.lines().eq(["   0:00  green"]) || ran.stderr.ends_with("  green\n"), "{}", ran.stderr);
}

#[test]
fn a_vm_that_boots_is_waited_for() {
    let (mac, seen) = booting();
    silent_for(&mac, 2);
    let ran = mac.run(&["--offline", "--json", "--wait", "10m"]);
    ran.is_sound();
    assert_eq!((ran.code, ran.json()["verdict"].as_str()), (Some(0), Some("healthy")), "{}", ran.stderr);
    says(&ran, "in the way: vm-still-booting: ");
    says(&ran, "no longer in the way: vm-still-booting");
    says(&ran, "service broken → ok");
    assert_eq!(ran.stderr.matches("in the way: vm-still-booting").count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("  green\n"), "{}", ran.stderr);
    // Two looks that met nobody knocked once each; those after them had the scan's answer.
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(builds(&mac), 3, "builds are made once, when all else is well: {:#?}", mac.calls());
}

#[test]
fn a_wait_that_is_over_ends_with_the_last_look() {
    let (mac, _) = booting();
    silent_for(&mac, usize::from(u16::MAX));
    let ran = mac.run(&["--offline", "--json", "--wait", "2s"]);
    ran.is_sound();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.causes(), ["vm-still-booting"]);
    assert!(ran.stderr.ends_with("  still not green after 2s\n"), "{}", ran.stderr);
    assert_eq!(builds(&mac), 0, "no build can end while the VM boots");
}

#[test]
fn what_time_does_not_mend_is_said_once_and_waited_for_all_the_same() {
    let mac = Mac::new();
    mac.nix("build", "echo 'error: no' >&2; exit 1");
    mac.program("launchctl", "exit 113\n");
    std::fs::rename(mac.path("org.nixos.linux-builder.plist"), mac.path("aside")).unwrap();
    mac.set_config(&serde_json::json!({ "builders": "" }));
    let ran = mac.run(&["--offline", "--json", "--wait", "4s"]);
    ran.is_sound();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = ran.stderr.lines().filter(|line| line.contains("waiting does not mend"));
    let told: Vec<&str> = told.collect();
    let mut once = told.iter().map(|line| line.split_once("mend").unwrap().1).collect::<Vec<_>>();
    once.sort_unstable();
    let all = once.len();
    once.dedup();
    assert!(all > 0 && once.len() == all, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("  still not green after 4s\n"), "{}", ran.stderr);
}

#[test]
fn without_builds_green_is_what_a_quick_look_says() {
    let mac = Mac::new();
    let ran = mac.run(&["--quick", "--offline", "--json", "--wait", "10m"]);
    ran.is_sound();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(builds(&mac), 0);
    let scans = mac.calls().iter().filter(|call| call.starts_with("ssh-keyscan")).count();
    assert_eq!(scans, 1, "one look is enough");
}

#[test]
fn an_interrupt_ends_a_wait_with_the_last_report() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mac, _) = booting();
        silent_for(&mac, usize::from(u16::MAX));
        let running = mac.start(&["--offline", "--json", "--wait", "10m"]);
        // The second look has begun, so there is a first report.
        let second = || mac.calls().iter().filter(|call| call.starts_with("uname")).count() > 1;
        assert!(support::until(support::GENEROUS, second), "{:#?}", mac.calls());
        running.signal(signal);
        let ran = running.end();
        assert_eq!((ran.code, ran.signal), (Some(130), None), "{}", ran.stderr);
        let report = ran.json();
        assert_eq!((&report["interrupted"], &report["exit_code"]), (&true.into(), &130.into()));
        assert_eq!(ran.causes(), ["vm-still-booting"]);
    }
}

#[test]
fn a_reader_of_the_changes_who_goes_away_ends_no_wait() {
    let (mac, _) = booting();
    silent_for(&mac, 1);
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(writer.write_all(b"x").is_err());
    let ran = mac.launch(mac.command(&["--offline", "--json", "--wait", "10m"]).stderr(writer)).end();
    assert_eq!((ran.code, ran.json()["verdict"].as_str()), (Some(0), Some("healthy")));
}

#[test]
fn there_is_nothing_to_wait_for_in_a_saved_report() {
    let mac = Mac::new();
    for args in
        [&["--wait", "1s", "--from", "x.json"][..], &["--wait", "1s", "--example"], &["--wait", "soon"]]
    {
        let ran = mac.run(args);
        assert_eq!((ran.code, ran.text()), (Some(2), ""), "{}", ran.stderr);
    }
}
