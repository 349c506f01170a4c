//! A child that is talked with, a line at a time: whoever acts as root. The end of its input tells it that nobody
//! wants anything of it any more.
#![allow(clippy::disallowed_methods)] // this is the door, the other way

use super::process::{Registered, send_lines, spawn};
use super::{BOUND, Cancel, Command, HostError};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether nobody wants to hear any more.
const TICK: Duration = Duration::from_millis(50);

/// The child.
pub struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    heard: Receiver<String>,
    complaints: Arc<Mutex<Vec<u8>>>,
    _registered: Registered,
}

impl Talk {
    /// Starts it.
    pub fn start(command: Command) -> Result<Talk, HostError> {
        let mut child = spawn(&command.on_lifeline())?;
        let registered = Registered::new(&child);
        let to = child.stdin.take();
        let (sender, heard) = channel();
        if let Some(pipe) = child.stdout.take() {
            send_lines(pipe, sender);
        }
        let complaints: Arc<Mutex<Vec<u8>>> = Arc::default();
        if let Some(pipe) = child.stderr.take() {
            let kept = Arc::clone(&complaints);
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = pipe.take(BOUND as u64).read_to_end(&mut text);
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = text;
            });
        }
        Ok(Talk { child, to, heard, complaints, _registered: registered })
    }

    /// Says one line.
    pub fn say(&mut self, line: &str) -> Result<(), HostError> {
        let to = self.to.as_mut().ok_or_else(|| HostError::Other("its input is shut".to_owned()))?;
        Ok(to.write_all(format!("{line}\n").as_bytes()).and_then(|()| to.flush())?)
    }

    /// The next line; None when it has ended. Where `stop` is raised its input is shut, and it is heard out.
    pub fn hear(&mut self, stop: &Cancel) -> Option<String> {
        loop {
            match self.heard.recv_timeout(TICK) {
                Ok(line) => return Some(line),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if stop.reason().is_some() => self.to = None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits for its end: whether all went well, and the last thing that it complained of, or how it ended.
    pub fn end(mut self) -> (bool, String) {
        self.to = None;
        let ended = self.child.wait();
        // Whoever reads its complaints ends with it.
        std::thread::sleep(TICK);
        let text = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&text);
        let ok = ended.as_ref().is_ok_and(ExitStatus::success);
        let said = match (text.lines().map(str::trim).rfind(|line| !line.is_empty()), ended) {
            (Some(line), _) => crate::prose::line(line),
            (None, Ok(status)) => status.to_string(),
            (None, Err(error)) => error.to_string(),
        };
        (ok, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Talk {
        Talk::start(Command::new("/bin/sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn lines_go_to_and_fro_until_the_input_ends() {
        let mut talk = sh("while read line; do echo \"heard $line\"; done; echo over");
        let never = Cancel::default();
        for word in ["one", "two"] {
            talk.say(word).unwrap();
            assert_eq!(talk.hear(&never).as_deref(), Some(format!("heard {word}\n").as_str()));
        }
        let stop = Cancel::default();
        stop.cancel("interrupted");
        assert_eq!(talk.hear(&stop).as_deref(), Some("over\n"));
        assert_eq!(talk.hear(&stop), None);
        assert_eq!(talk.end(), (true, "exit status: 0".to_owned()));
    }

    #[test]
    fn what_it_complains_of_at_last_is_told() {
        let mut talk = sh("echo 'sudo: a password is required' >&2; exit 1");
        assert_eq!(talk.hear(&Cancel::default()), None);
        assert_eq!(talk.end(), (false, "sudo: a password is required".to_owned()));
    }
}
