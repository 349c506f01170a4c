//! A child in its own process group: bounded in time and output, and ended whole.
#![allow(clippy::disallowed_methods)] // this is the door

use super::{BOUND, Cancel, Command, HostError, Output, Stopped, path};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How often a running child is looked after when it says nothing.
const TICK: Duration = Duration::from_millis(20);
/// How long a group has to end by itself after SIGTERM before SIGKILL.
const GRACE: Duration = Duration::from_millis(300);

/// How long a child that holds a lifeline has to bring its own children down.
const LIFELINE_GRACE: Duration = Duration::from_secs(2);

/// The groups of the children that run now: whoever ends this program in a hurry ends them first.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Ends every child that runs, without grace.
pub fn end_all() {
    for group in RUNNING.lock().map(|all| all.clone()).unwrap_or_default() {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

enum Piece {
    Out(Vec<u8>),
    Err(Vec<u8>),
    End,
}

pub(super) fn run(command: &Command, interrupted: &Cancel, left: Duration) -> Result<Output, HostError> {
    let mut child = spawn(command)?;
    let _registered = Registered::new(&child);
    let (sender, pieces) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        drain(pipe, sender.clone(), Piece::Out);
    }
    if let Some(pipe) = child.stderr.take() {
        drain(pipe, sender, Piece::Err);
    }
    let started = Instant::now();
    let (mut out, mut err, mut open) = (Vec::new(), Vec::new(), 2);
    let (mut status, mut linger, mut stopped) = (None, None, None);
    while stopped.is_none() {
        match pieces.recv_timeout(TICK) {
            Ok(Piece::Out(bytes)) => stopped = keep(&mut out, &bytes),
            Ok(Piece::Err(bytes)) => stopped = keep(&mut err, &bytes),
            Ok(Piece::End) => open -= 1,
            Err(RecvTimeoutError::Timeout) => {}
            // Both pipes are shut, so the child is all but gone: look often, that no run waits for a tick.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
        }
        let now = Instant::now();
        if status.is_none() {
            status = child.try_wait()?;
            if status.is_some() && open > 0 {
                // Whoever still holds a pipe is a straggler of a group whose leader is gone.
                end_group(&child, Signal::TERM);
                linger = Some(now + GRACE);
            }
        }
        if status.is_some() && (open == 0 || linger.is_some_and(|until| now >= until)) {
            break;
        }
        if status.is_none() && stopped.is_none() {
            let flag = command.cancel.as_deref().and_then(Cancel::reason);
            stopped = if let Some(why) = flag {
                Some(Stopped::Cancelled(why.to_owned()))
            } else if let Some(why) = interrupted.reason() {
                Some(Stopped::Abandoned(why.to_owned()))
            } else if now - started >= command.deadline {
                Some(Stopped::Deadline(command.deadline))
            } else if now - started >= left {
                Some(Stopped::Abandoned("the time for the whole look was over (--timeout)".to_owned()))
            } else {
                None
            };
        }
    }
    if status.is_none() {
        status = end_whole(&mut child);
    }
    end_group(&child, Signal::KILL);
    Ok(Output {
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        stdout: String::from_utf8_lossy(&out).into_owned(),
        stderr: String::from_utf8_lossy(&err).into_owned(),
        stopped,
    })
}

pub(super) fn spawn(command: &Command) -> Result<Child, HostError> {
    let mut process = std::process::Command::new(&command.program);
    let stdin = if command.lifeline { Stdio::piped() } else { Stdio::null() };
    process.args(&command.args).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    // English, uncoloured, unpaged: the parsers know no other.
    process.env("LC_ALL", "C").env("NO_COLOR", "1").env("TERM", "dumb").env_remove("CLICOLOR_FORCE");
    // Nobody is there to answer: what asks all the same would be stopped by the terminal, and time out.
    process.env("GIT_TERMINAL_PROMPT", "0").env("SSH_ASKPASS_REQUIRE", "never");
    // Its own children find theirs as we do.
    process.env("PATH", &path::of_caller().path);
    for (name, value) in &command.env {
        match value {
            Some(value) => process.env(name, value),
            None => process.env_remove(name),
        };
    }
    Ok(process.process_group(0).spawn()?)
}

fn drain(mut pipe: impl Read + Send + 'static, to: Sender<Piece>, wrap: fn(Vec<u8>) -> Piece) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            if to.send(wrap(buffer[..n].to_vec())).is_err() {
                return;
            }
        }
        let _ = to.send(Piece::End);
    });
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) -> Option<Stopped> {
    let room = BOUND - kept.len();
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    (bytes.len() > room).then_some(Stopped::TooMuch)
}

/// Sends each line of a pipe, with its end, until the pipe or whoever hears is gone. One that never ends is cut into
/// several.
pub(super) fn send_lines(pipe: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match (&mut pipe).take(BOUND as u64).read_until(b'\n', &mut line) {
                Ok(1..) if to.send(String::from_utf8_lossy(&line).into_owned()).is_ok() => {}
                _ => return,
            }
        }
    });
}

/// A child's group, as long as this lives.
pub(super) struct Registered(Option<Pid>);

impl Registered {
    pub(super) fn new(child: &Child) -> Self {
        let group = group(child);
        if let (Some(group), Ok(mut all)) = (group, RUNNING.lock()) {
            all.push(group);
        }
        Registered(group)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Ok(mut all) = RUNNING.lock() {
            all.retain(|group| Some(*group) != self.0);
        }
    }
}

fn group(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn end_group(child: &Child, signal: Signal) {
    if let Some(group) = group(child) {
        let _ = kill_process_group(group, signal);
    }
}

/// SIGTERM to the group, and SIGKILL to what of it is left after the grace. None where it outlives both:
/// a child that runs as another user (sudo) cannot be killed by us, and has deadlines of its own.
pub(super) fn end_whole(child: &mut Child) -> Option<ExitStatus> {
    if child.stdin.take().is_some() {
        // The end of its input tells it; it may run as another user, whom no signal of ours reaches.
        let ended = wait_for(child, LIFELINE_GRACE);
        if ended.is_some() {
            return ended;
        }
    }
    end_group(child, Signal::TERM);
    let ended = wait_for(child, GRACE);
    if ended.is_some() {
        return ended;
    }
    end_group(child, Signal::KILL);
    wait_for(child, GRACE)
}

fn wait_for(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + grace;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LONG: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Command {
        Command::new("/bin/sh").args(["-c", script]).within(LONG)
    }

    fn done(command: &Command) -> Output {
        run(command, &Cancel::default(), LONG).unwrap()
    }

    #[test]
    fn both_streams_and_the_code_come_back() {
        let output = done(&sh("echo out; echo err >&2; exit 3"));
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!((output.code, output.signal, output.stopped), (Some(3), None, None));
    }

    #[test]
    fn a_signal_is_told_from_an_exit_code() {
        let output = done(&sh("kill -9 $$"));
        assert_eq!((output.code, output.signal), (None, Some(9)));
        assert_eq!(output.ending(), "killed by signal 9");
    }

    #[test]
    fn endless_output_is_stopped_at_the_bound() {
        let output = done(&sh("yes"));
        assert_eq!(output.stopped, Some(Stopped::TooMuch));
        assert_eq!(output.stdout.len(), BOUND);
    }

    #[test]
    fn the_deadline_ends_grandchildren_too() {
        let mut command = sh("sleep 1000 & echo $!; wait");
        command.deadline = Duration::from_millis(200);
        let output = done(&command);
        assert_eq!(output.stopped, Some(Stopped::Deadline(Duration::from_millis(200))));
        let pid = output.stdout.trim().parse().ok().and_then(Pid::from_raw).unwrap();
        assert!(gone(pid), "the grandchild {pid:?} is left");
    }

    #[test]
    fn a_child_that_ignores_sigterm_ends_all_the_same() {
        let mut command = sh("trap '' TERM; echo up; while :; do sleep 1; done");
        command.deadline = Duration::from_millis(300);
        let output = done(&command);
        assert_eq!(output.signal, Some(9));
    }

    #[test]
    fn a_straggler_that_holds_the_pipe_does_not_hold_us() {
        let started = Instant::now();
        let output = done(&sh("sleep 1000 & echo said"));
        assert_eq!((output.stdout.as_str(), output.code), ("said\n", Some(0)));
        assert!(started.elapsed() < LONG / 2);
    }

    #[test]
    fn a_cancelled_child_says_why() {
        let cancel = Arc::new(Cancel::default());
        cancel.cancel("the port is silent");
        let output = done(&sh("sleep 1000").until(&cancel));
        assert_eq!(output.stopped, Some(Stopped::Cancelled("the port is silent".to_owned())));
    }

    #[test]
    fn the_limit_of_the_whole_look_is_no_deadline_of_the_command() {
        let output = run(&sh("sleep 1000"), &Cancel::default(), Duration::from_millis(50)).unwrap();
        assert!(matches!(output.stopped, Some(Stopped::Abandoned(_))), "{:?}", output.stopped);
    }

    #[test]
    fn the_end_of_its_lifeline_tells_a_child() {
        let mut command = sh("trap '' TERM; echo up; read line; echo told");
        command.lifeline = true;
        command.deadline = Duration::from_millis(300);
        let output = done(&command);
        assert_eq!((output.code, output.signal), (Some(0), None));
    }

    #[test]
    fn a_missing_program_is_not_found_and_a_folder_denied() {
        let missing = run(&Command::new("/nonexistent/nix"), &Cancel::default(), LONG);
        assert_eq!(missing.unwrap_err(), HostError::NotFound);
        let folder = run(&Command::new("/"), &Cancel::default(), LONG);
        assert_eq!(folder.unwrap_err(), HostError::Denied);
    }

    #[test]
    fn bytes_that_are_no_text_are_read_all_the_same() {
        let output = done(&sh(r"printf 'a\377b'"));
        assert_eq!(output.stdout, "a\u{fffd}b");
    }

    /// Gone, or dead and not yet collected by whoever adopted it.
    fn gone(pid: Pid) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
            let dead =
                state.as_deref().is_ok_and(|s| s.rsplit(')').next().is_some_and(|r| r.starts_with(" Z")));
            let there = rustix::process::test_kill_process(pid).is_ok();
            if !there || dead || Instant::now() > end {
                return !there || dead;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
