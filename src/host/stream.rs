//! A child whose words are passed on line by line as they come, whichever stream they are from, for as long as it
//! wants: a build that is watched.
#![allow(clippy::disallowed_methods)] // this is the door

use super::process::{Registered, end_whole, send_lines, spawn};
use super::{Cancel, Command, HostError};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often it is looked whether nobody wants to watch any more.
const TICK: Duration = Duration::from_millis(50);
/// How long what it left running is heard once it has ended.
const LINGER: Duration = Duration::from_millis(300);

/// Runs a program to its end, or until `stop` is raised, which ends its whole group. True where it ended by itself,
/// with exit code 0. It has no deadline: whoever watches decides.
pub fn watch(command: &Command, stop: &Cancel, heard: &mut dyn FnMut(&str)) -> Result<bool, HostError> {
    let mut child = spawn(command)?;
    let _registered = Registered::new(&child);
    let (sender, lines) = channel();
    if let Some(pipe) = child.stdout.take() {
        send_lines(pipe, sender.clone());
    }
    if let Some(pipe) = child.stderr.take() {
        send_lines(pipe, sender);
    }
    let (mut ended, mut until) = (None, None);
    loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => heard(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if stop.reason().is_some() {
            end_whole(&mut child);
            return Ok(false);
        }
        if ended.is_none() {
            ended = child.try_wait()?;
            until = ended.map(|_| Instant::now() + LINGER);
        }
        if until.is_some_and(|until| Instant::now() > until) {
            break;
        }
    }
    while ended.is_none() {
        if stop.reason().is_some() {
            end_whole(&mut child);
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(2));
        ended = child.try_wait()?;
    }
    Ok(ended.is_some_and(|status| status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn watched(script: &str, stop: &Cancel) -> (bool, Vec<String>) {
        let mut all = Vec::new();
        let command = Command::new("/bin/sh").args(["-c", script]);
        let well = watch(&command, stop, &mut |line| all.push(line.to_owned())).unwrap();
        (well, all)
    }

    #[test]
    fn each_line_is_heard_and_the_end_is_known() {
        let (well, mut all) = watched("echo one; echo two >&2; printf three", &Cancel::default());
        all.sort();
        assert_eq!((well, all), (true, vec!["one\n".to_owned(), "three".to_owned(), "two\n".to_owned()]));
        assert!(!watched("exit 1", &Cancel::default()).0);
    }

    #[test]
    fn more_is_heard_than_is_ever_kept() {
        let (well, all) = watched("yes 0123456789012345678901234567890 | head -n 40000", &Cancel::default());
        assert_eq!((well, all.len()), (true, 40_000));
    }

    #[test]
    fn whoever_stops_watching_ends_it() {
        let stop = Arc::new(Cancel::default());
        let raiser = Arc::clone(&stop);
        let mut heard = |_: &str| raiser.cancel("interrupted");
        let command = Command::new("/bin/sh").args(["-c", "echo up; sleep 1000"]);
        assert_eq!(watch(&command, &stop, &mut heard), Ok(false));
    }

    #[test]
    fn what_it_leaves_running_does_not_hold_us() {
        let (well, all) = watched("sleep 1000 & echo said", &Cancel::default());
        assert_eq!((well, all), (true, vec!["said\n".to_owned()]));
    }

    #[test]
    fn a_missing_program_is_not_found() {
        let command = Command::new("/nonexistent/nix");
        assert_eq!(watch(&command, &Cancel::default(), &mut |_| {}), Err(HostError::NotFound));
    }
}
