//! Who is asked before anything is mended, and what an answer does: at a terminal, and without one.
//!
//! The fault is a line of the user's own nix.conf, so no root is needed. Root's side, and real faults, are in
//! tests/lab/fixes.rs.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program acts on")]

mod support;

use rustix::process::geteuid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::{GENEROUS, Mac, Ran};

/// What the user's own file says, and what the fault is.
const OWN: &str = "# mine\nmax-jobs = 0\nkeep-going = true\n";
const MENDED: &str = "# mine\nmax-jobs = auto\nkeep-going = true\n";
const NIX_CONF: &str = "home/.config/nix/nix.conf";

/// A Mac whose user lets it build nothing by itself: a line of the user's own file, which needs no root to change.
fn no_slots() -> Mac {
    let mac = Mac::new();
    let none = serde_json::json!({ "max-jobs": 0 });
    let some = fs::read(mac.path("config.json")).unwrap();
    mac.set_config(&none);
    fs::rename(mac.path("config.json"), mac.path("none.json")).unwrap();
    mac.write("config.json", some);
    mac.nix(
        "config show",
        r#"if grep -qs 'max-jobs = 0' "$HOME/.config/nix/nix.conf"; then cat "$here/none.json"; else cat "$here/config.json"; fi"#,
    );
    mac.write(NIX_CONF, OWN);
    if geteuid().is_root() {
        for path in ["home/.config", "home/.config/nix", NIX_CONF] {
            std::os::unix::fs::chown(mac.path(path), Some(65534), Some(65534)).unwrap();
        }
    }
    mac
}

fn conf(mac: &Mac) -> String {
    fs::read_to_string(mac.path(NIX_CONF)).unwrap()
}

/// What mends it.
const FIX: [&str; 3] = ["fix", "--allow", "ask"];

fn fix(more: &[&'static str]) -> Vec<&'static str> {
    [&FIX[..], more].concat()
}

fn run(mac: &Mac, args: &[&str]) -> Ran {
    mac.launch(&mut mac.command(args)).end()
}

/// A run at a terminal, at which somebody waits for words and then types.
struct Typist {
    keyboard: File,
    pieces: Receiver<Vec<u8>>,
    seen: String,
}

impl Typist {
    fn start(command: &mut Command) -> (std::process::Child, Typist) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut modes = tcgetattr(&theirs).unwrap();
        modes.local_modes.remove(rustix::termios::LocalModes::ECHO);
        tcsetattr(&theirs, OptionalActions::Now, &modes).unwrap();
        let end = || std::process::Stdio::from(theirs.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // Command keeps its ends open as long as it lives.
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        drop(theirs);
        let keyboard = File::from(ours);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut some) {
                if sender.send(some[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        (child, Typist { keyboard, pieces, seen: String::new() })
    }

    fn wait_for(&mut self, words: &str) {
        let end = Instant::now() + GENEROUS;
        while !self.seen.contains(words) {
            let left = end.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("{words:?} was never seen in:\n{}", self.seen),
            }
        }
    }

    /// Waits for these words, and types.
    fn answers(&mut self, words: &str, typed: &str) {
        self.wait_for(words);
        self.seen.clear();
        self.keyboard.write_all(typed.as_bytes()).unwrap();
    }

    /// Everything until the end.
    fn rest(mut self, mut child: std::process::Child) -> (Option<i32>, String) {
        let code = child.wait().unwrap().code();
        while let Ok(piece) = self.pieces.recv_timeout(Duration::from_millis(300)) {
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        (code, self.seen)
    }
}

const QUESTION: &str = "[y/N/e(xplain)] ";

#[test]
fn a_no_changes_nothing() {
    for answer in ["n\n", "\n", "what?\n"] {
        let mac = no_slots();
        let (child, mut typist) = Typist::start(&mut mac.command(&FIX));
        typist.answers(QUESTION, answer);
        let (code, text) = typist.rest(child);
        assert_eq!((code, conf(&mac).as_str()), (Some(1), OWN), "{answer:?}: {text}");
        assert!(text.contains("Nothing was changed."), "{text}");
        assert_eq!(run(&mac, &["fix", "--list"]).text(), "No fix was carried out on this machine.\n");
    }
}

#[test]
fn a_yes_mends_and_is_verified_and_undo_takes_it_back() {
    let mac = no_slots();
    let (child, mut typist) = Typist::start(&mut mac.command(&FIX));
    typist.answers(QUESTION, "y\n");
    let (code, text) = typist.rest(child);
    assert_eq!((code, conf(&mac).as_str()), (Some(0), MENDED), "{text}");
    for words in ["look again", "Fixed and verified: max-jobs-zero", "builder-doctor undo 1", "healthy"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let again = run(&mac, &fix(&["--yes"]));
    assert_eq!((again.code, again.text()), (Some(0), "Nothing is to be mended on this machine.\n"));
    let list = run(&mac, &["fix", "--list"]);
    assert!(list.text().contains("max-jobs-zero: fixed and verified"), "{}", list.text());
    let dry = run(&mac, &["undo", "--dry-run"]);
    assert!(dry.text().contains("It would be fix 1") && conf(&mac) == MENDED, "{}", dry.text());
    let undone = run(&mac, &["undo"]);
    assert_eq!((undone.code, conf(&mac).as_str()), (Some(0), OWN), "{} {}", undone.text(), undone.stderr);
    let none = run(&mac, &["undo"]);
    assert_eq!((none.code, none.stderr.as_str()), (Some(2), "builder-doctor: there is no fix to undo\n"));
}

#[test]
fn who_wants_it_explained_is_asked_again() {
    let mac = no_slots();
    let (child, mut typist) = Typist::start(&mut mac.command(&FIX));
    typist.answers(QUESTION, "e\n");
    typist.answers(QUESTION, "n\n");
    let (code, _) = typist.rest(child);
    assert_eq!((code, conf(&mac).as_str()), (Some(1), OWN));
}

#[test]
fn ctrl_c_at_the_question_ends_the_run() {
    let mac = no_slots();
    let (child, mut typist) = Typist::start(&mut mac.command(&FIX));
    typist.wait_for(QUESTION);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let (code, text) = typist.rest(child);
    assert_eq!((code, conf(&mac).as_str()), (Some(130), OWN), "{text}");
}

#[test]
fn without_a_terminal_nothing_is_done_unless_it_was_said_beforehand() {
    let mac = no_slots();
    for args in [
        &FIX[..],
        &fix(&["--json"]),
        &["--fix", "--allow", "ask"],
        &["check", "--fix", "--json", "--allow", "ask"],
    ] {
        let ran = run(&mac, args);
        assert_eq!((ran.code, conf(&mac).as_str()), (Some(2), OWN), "{args:?}: {}", ran.text());
        assert!(ran.stderr.contains("--yes"), "{args:?}: {}", ran.stderr);
    }
    let ran = run(&mac, &["--fix", "--yes", "--json", "--allow", "ask"]);
    assert_eq!((ran.code, conf(&mac).as_str()), (Some(0), MENDED), "{}", ran.stderr);
    let told = ran.json();
    assert_eq!((told["ending"].as_str(), told["verdict"].as_str()), (Some("fixed"), Some("healthy")));
    assert_eq!(told["mended"][0]["id"], "max-jobs-zero");
    assert_eq!(told["mended"][0]["steps"][0]["progress"], "done");
    assert_eq!(told["fixes"].as_array().map(Vec::len), Some(0));
}

/// The line is as it should be, and the setting is not: something else says so by then.
#[test]
fn what_did_not_help_is_rolled_back_and_said() {
    let mac = no_slots();
    mac.nix("config show", r#"cat "$here/none.json""#);
    let ran = run(&mac, &fix(&["--yes"]));
    assert_eq!((ran.code, conf(&mac).as_str()), (Some(4), OWN), "{}", ran.text());
    assert!(ran.text().contains("Rolled back: max-jobs-zero (1)."), "{}", ran.text());
    assert!(ran.text().contains("The machine is as it was before."), "{}", ran.text());
    let list = run(&mac, &["fix", "--list"]);
    assert!(list.text().contains("rolled back"), "{}", list.text());
}

#[test]
fn a_file_that_was_changed_since_is_named_and_let_be() {
    let mac = no_slots();
    assert_eq!(run(&mac, &fix(&["--yes"])).code, Some(0));
    fs::write(mac.path(NIX_CONF), "cores = 2\n").unwrap();
    let ran = run(&mac, &["undo"]);
    assert_eq!((ran.code, conf(&mac).as_str()), (Some(2), "cores = 2\n"), "{}", ran.text());
    assert!(ran.text().contains("moved on") && ran.text().contains("nix.conf"), "{}", ran.text());
    assert_eq!(run(&mac, &["undo", "1", "--anyway"]).code, Some(0));
    assert_eq!(conf(&mac), OWN);
}

#[test]
fn a_report_is_not_mended_here() {
    let mac = Mac::new();
    let report = format!("{}/tests/states/builder-service-not-loaded.json", env!("CARGO_MANIFEST_DIR"));
    let ran = run(&mac, &["fix", "--from", &report]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--dry-run"), "{}", ran.stderr);
    assert_eq!(run(&mac, &["fix", "--yes", "--from", &report]).code, Some(2));
    assert_eq!(mac.calls(), [""; 0]);
}

#[test]
fn only_one_at_a_time() {
    let mac = no_slots();
    // A look that takes its time, while the first run holds the lock: it is verifying.
    mac.nix(
        "config show",
        r#"if grep -qs 'max-jobs = 0' "$HOME/.config/nix/nix.conf"; then cat "$here/none.json"; else sleep 2; cat "$here/config.json"; fi"#,
    );
    let first = mac.launch(&mut mac.command(&fix(&["--yes"])));
    let end = Instant::now() + GENEROUS;
    while conf(&mac) != MENDED {
        assert!(Instant::now() < end, "the first run never mended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&mac, &["undo", "1"]);
    assert_eq!(second.code, Some(2), "{}", second.text());
    assert!(second.text().contains("another fix is being carried out"), "{}", second.text());
    assert_eq!(first.end().code, Some(0));
}
