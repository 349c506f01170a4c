//! The hidden command that `fix` and `undo` run by sudo: carries out what is asked on standard input, a line at a
//! time, and answers in lines. When the input ends, what nobody said a word on is taken back.

use crate::terminal;
use builder_doctor::fix::hands::LiveHands;
use builder_doctor::fix::journal::Shelf;
use builder_doctor::fix::mend::{Answer, Ask, Here, Mender, Outcome};
use builder_doctor::host::change::LiveChanges;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anybody mends a machine.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Serves until the input ends.
pub fn run() -> Result<ExitCode, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("this is what `builder-doctor fix` runs by sudo: it needs root".to_owned());
    }
    let (stop, never) = (Arc::new(Cancel::default()), Arc::new(Cancel::default()));
    terminal::heed_signals_and_go_on(&stop)?;
    let lines = terminal::lines(&stop);
    let ahead_host = Live::new(LONGEST, Arc::clone(&stop)).on_roots_path();
    let back_host = Live::new(LONGEST, Arc::clone(&never)).on_roots_path();
    let ahead = LiveHands { host: &ahead_host, change: &LiveChanges, stop: &stop };
    let back = LiveHands { host: &back_host, change: &LiveChanges, stop: &never };
    let shelf = Shelf::of_root(&back_host, &LiveChanges);
    let mut here = Here::new(&ahead, &back, &shelf, back_host.now()).with_eyes(&back_host);
    // Who asked may be gone: the machine comes first all the same.
    let say = |answer: &Answer| {
        if let Ok(text) = serde_json::to_string(answer) {
            let _ = terminal::print(&format!("{text}\n"));
        }
    };
    while let Ok(line) = lines.recv() {
        let outcome = match serde_json::from_str::<Ask>(&line) {
            Ok(ask) => here.ask(ask, &mut |told| say(&Answer::Told(told)))?,
            Err(error) => Outcome::NotBegun { because: format!("what is asked cannot be read: {error}") },
        };
        say(&Answer::Outcome(outcome));
        if stop.reason().is_some() {
            break;
        }
    }
    if let Some(outcome) = here.end(stop.reason().unwrap_or("the caller is gone")) {
        say(&Answer::Outcome(outcome));
    }
    Ok(ExitCode::SUCCESS)
}
