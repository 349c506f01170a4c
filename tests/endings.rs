//! How a run ends, whatever becomes of its standard streams, its folders and its terminal: each with the exit
//! code that README's table names. (Signals to the program alone, and streams in a saved machine's replay, are
//! in hostile.rs and cli.rs.)
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;
use support::{Mac, Ran};

/// For ever, whatever the signal; SIGKILL ends it.
const STUBBORN: &str = "trap '' TERM INT HUP\nwhile :; do sleep 1; done\n";

/// The program by a shell, which redirects as it is told; `$0` is the program.
fn shell(mac: &Mac, script: &str) -> Ran {
    mac.launch(&mut mac.shell(script)).end()
}

#[test]
fn a_reader_that_takes_one_byte_is_no_error() {
    for format in ["--json", "-v"] {
        let ran = shell(&Mac::new(), &format!("\"$0\" --offline {format} 2>/dev/null | /usr/bin/head -c 1"));
        assert_eq!((ran.code, ran.stdout.len(), ran.stderr.as_str()), (Some(0), 1, ""), "{format}");
    }
    // A fault that was found stays one.
    let mac = Mac::new();
    mac.program("nix", "exit 1\n");
    let ran = shell(&mac, "\"$0\" --offline --json 2>/dev/null | /usr/bin/head -c 1");
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(1), &b"{"[..]));
}

#[test]
fn a_live_run_with_closed_streams_ends_as_ever() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let mac = Mac::new();
        let ran = shell(&mac, &format!("exec \"$0\" --offline --json {closed}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{closed}");
        assert_eq!(
            ran.stdout.is_empty(),
            closed.contains(">&- ") || closed.ends_with(" >&-") || closed == ">&-"
        );
        // No file that the program opens takes a closed stream's number, and with it the report.
        for (name, text) in [("expect.toml", "linux-builder"), ("config.json", "builders"), ("key", "no key")]
        {
            let kept = std::fs::read_to_string(mac.path(name)).unwrap();
            assert!(kept.contains(text) && !kept.contains("schema_version"), "{closed}: {name}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")] // the only one that has /dev/full
fn a_live_run_on_a_full_disk_says_so_and_ends_with_2() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for args in [&["--offline"][..], &["--offline", "--json"], &["--offline", "--wait", "1s"]] {
        let mac = Mac::new();
        let ran = mac.launch(mac.command(args).stdout(Stdio::from(full()))).end();
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("the report cannot be written: "), "{args:?}: {}", ran.stderr);
    }
    // Errors that nobody can read change no exit code.
    let mac = Mac::new();
    let ran =
        mac.launch(mac.command(&["--offline", "--json", "--wait", "1m"]).stderr(Stdio::from(full()))).end();
    assert_eq!((ran.code, ran.json()["verdict"].as_str()), (Some(0), Some("healthy")));
}

#[test]
fn folders_that_nobody_may_write_to_are_no_error() {
    let mac = Mac::new();
    let closed = mac.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let ran =
        mac.launch(mac.command(&["--offline", "--json"]).current_dir(&closed).env("HOME", &closed)).end();
    assert_eq!(ran.is_report()["verdict"], "healthy");
    let none = mac.path("there/is/none");
    let ran = mac.launch(mac.command(&["--offline", "--json"]).env("HOME", none)).end();
    assert_eq!(ran.is_report()["verdict"], "healthy");
}

/// A run in a process group of its own, as a terminal has one for what it runs.
fn interrupted_as_by_a_terminal(mac: &Mac, args: &[&str], at: &str, times: u32) -> Ran {
    let mut command = mac.command(args);
    command.process_group(0);
    let running = mac.launch(&mut command);
    mac.wait_for_call(at);
    let group = Pid::from_raw(running.id()).unwrap();
    for time in 0..times {
        // Two at once may be told as one.
        std::thread::sleep(Duration::from_millis(u64::from(time) * 100));
        let _ = kill_process_group(group, Signal::INT);
    }
    running.end()
}

#[test]
fn ctrl_c_ends_a_hanging_run_with_a_report_that_says_so_and_reads_back() {
    let mac = Mac::new();
    for program in ["launchctl", "ssh-keyscan", "sw_vers"] {
        mac.program(program, STUBBORN);
    }
    mac.nix("build", STUBBORN);
    let ran = interrupted_as_by_a_terminal(&mac, &["--offline", "--json"], "launchctl print", 1);
    assert_eq!((ran.code, ran.signal, ran.stderr.as_str()), (Some(130), None, ""));
    let report = ran.json();
    assert_eq!((&report["interrupted"], &report["exit_code"]), (&true.into(), &130.into()));
    let again = mac.run_with_input(&["--from", "-", "--json"], &ran.stdout);
    assert!(again.is_sound().json()["evidence"].is_object());
}

#[test]
fn ctrl_c_is_told_to_people_too() {
    let mac = Mac::new();
    mac.program("launchctl", STUBBORN);
    let ran = interrupted_as_by_a_terminal(&mac, &["--offline"], "launchctl print", 1);
    assert_eq!(ran.code, Some(130));
    assert!(ran.text().to_lowercase().contains("interrupted"), "{}", ran.text());
}

#[test]
fn ctrl_c_twice_ends_at_once() {
    let mac = Mac::new();
    mac.program("launchctl", STUBBORN);
    let ran = interrupted_as_by_a_terminal(&mac, &["--offline", "--json"], "launchctl print", 2);
    assert_eq!((ran.code, ran.signal), (Some(130), None));
}

#[test]
fn ctrl_c_while_sudo_hangs_ends_the_run() {
    let mac = Mac::new();
    mac.program("sudo", STUBBORN);
    let args = ["--offline", "--json", "--quick", "--sudo"];
    let ran = interrupted_as_by_a_terminal(&mac, &args, "sudo ", 1);
    assert_eq!((ran.code, ran.signal), (Some(130), None));
    assert_eq!(ran.json()["interrupted"], true);
}

#[test]
fn a_terminal_that_has_gone_away_is_a_report_that_cannot_be_written() {
    let mac = Mac::new();
    // The other side of the terminal is closed before the program starts, so each write fails with EIO.
    let script = "exec /usr/bin/python3 -c 'import os, pty, sys\n\
        ours, theirs = pty.openpty()\nos.close(ours)\nos.dup2(theirs, 1)\nos.dup2(theirs, 2)\n\
        os.execv(sys.argv[1], sys.argv[1:])' \"$0\" --offline";
    if !std::path::Path::new("/usr/bin/python3").is_file() {
        return;
    }
    let ran = shell(&mac, script);
    assert_eq!((ran.code, ran.signal), (Some(2), None), "{}", ran.stderr);
}

#[test]
fn every_exit_code_is_documented() {
    let help = Mac::new().run(&["--help"]);
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let table = readme.split_once("## How a run ends").expect("README has the section").1;
    for code in ["0", "1", "2", "3", "130"] {
        assert!(table.contains(&format!("| {code} |")), "{code} is not in README's table");
        assert!(help.text().contains(&format!("{code} ")), "{code} is not in --help");
    }
}
