//! The one door to the world: what may be asked of a machine, and how a machine fails to answer.
//!
//! Looking takes `&dyn Host`, which cannot write: no method here changes anything. The commands that
//! looking runs are listed, whole, in snapshots/commands.snap.

pub mod change;
pub mod files;
pub mod live;
pub mod lock;
pub mod path;
mod process;
pub mod secrets;
pub mod state;
pub mod stream;
pub mod talk;
pub use process::end_all;
#[cfg(test)]
pub mod scripted;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What a child may print on each stream before it is stopped, and what a file may hold: 1 MiB.
pub const BOUND: usize = 1 << 20;

/// A machine that can be looked at, and not changed.
pub trait Host: Sync {
    /// Runs a program to its end, its deadline, its bound of output, or the cancelling of it. The child has
    /// its own process group, which is killed whole; it has no standard input.
    fn run(&self, command: &Command) -> Result<Output, HostError>;
    /// The first bytes of a regular file of any size, links followed; never more than [`BOUND`].
    fn read_start(&self, path: &Path, bytes: usize) -> Result<Vec<u8>, HostError>;
    /// The bytes of a regular file, links followed, up to [`BOUND`].
    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError>;
    /// The last `most` bytes of a regular file of any size, links followed; never more than [`BOUND`].
    fn read_end(&self, path: &Path, most: usize) -> Result<Vec<u8>, HostError>;
    /// What a path leads to, links followed.
    fn stat(&self, path: &Path) -> Result<Meta, HostError>;
    /// What stands at a path itself.
    fn lstat(&self, path: &Path) -> Result<Meta, HostError>;
    /// A path with every link on the way followed.
    fn canonical(&self, path: &Path) -> Result<PathBuf, HostError>;
    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError>;
    /// One variable of the environment. Never the environment as a whole.
    fn env(&self, name: &str) -> Option<String>;
    /// The folders of PATH where nothing is looked for or run, as anybody could put a program there.
    fn left_out_of_path(&self) -> &[String] {
        &[]
    }
    /// Every executable of this name on PATH, first found first; not in what is left out of it.
    fn find(&self, program: &str) -> Vec<PathBuf>;
    /// The addresses of a name, as the system's resolver gives them, within the deadline.
    fn resolve(&self, name: &str, deadline: Duration) -> Result<Vec<IpAddr>, HostError>;
    /// Connects once and reads the first line that the server says; says nothing itself.
    fn greeting(&self, address: SocketAddr, connect: Duration, line: Duration) -> Greeting;
    /// One GET over HTTP(S), trusting the certificates of this PEM bundle and no others; the bundle of the
    /// first call holds for all.
    fn fetch(&self, url: &str, bundle: Option<&[u8]>, deadline: Duration) -> Result<Answer, FetchError>;
    /// The certificate that an HTTPS server shows, in DER, whoever signed it. Nothing that it says besides is used.
    fn certificate(&self, url: &str, deadline: Duration) -> Option<Vec<u8>>;
    /// Seconds since 1970, as the machine has them.
    fn now(&self) -> u64;
    /// Time since some fixed moment; never goes back.
    fn clock(&self) -> Duration;
    /// The folder that we were started in.
    fn current_folder(&self) -> Option<PathBuf>;
    /// The path of this very program, where the system tells.
    fn this_program(&self) -> Option<PathBuf>;
    /// A word that no other run has: makes a derivation's name new to every cache.
    fn nonce(&self) -> String;
}

/// A program with its arguments. No shell ever sees it.
#[derive(Clone, Debug)]
pub struct Command {
    /// An absolute path, or a name to be found on PATH.
    pub program: String,
    /// The arguments after the program's name.
    pub args: Vec<String>,
    /// What the child's environment has besides ours; None takes a variable out.
    pub env: Vec<(&'static str, Option<String>)>,
    /// How long it may take.
    pub deadline: Duration,
    /// Its standard input stays open as long as we want it to run.
    pub lifeline: bool,
    /// Ends it early.
    pub cancel: Option<Arc<Cancel>>,
}

impl Command {
    /// A program that may take five seconds.
    pub fn new(program: impl Into<String>) -> Self {
        Command {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            deadline: Duration::from_secs(5),
            lifeline: false,
            cancel: None,
        }
    }
    /// Keeps its standard input open as long as we want it to run.
    pub fn on_lifeline(mut self) -> Self {
        self.lifeline = true;
        self
    }
    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
    /// Sets one variable of the child's environment.
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, Some(value.into())));
        self
    }
    /// Takes one variable out of the child's environment.
    pub fn without_env(mut self, name: &'static str) -> Self {
        self.env.push((name, None));
        self
    }
    /// Sets how long it may take.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
    /// Ends with this signal of ours.
    pub fn until(mut self, cancel: &Arc<Cancel>) -> Self {
        self.cancel = Some(Arc::clone(cancel));
        self
    }
}

impl fmt::Display for Command {
    /// As it would be typed; quotes only where a shell would need them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            match value {
                Some(value) => write!(f, "{name}={} ", quoted(value))?,
                None => write!(f, "{name}= ")?,
            }
        }
        f.write_str(&quoted(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// A word as a shell would have to be given it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,#".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How a child ended, and what it printed.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The exit code; None where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
    /// Why we ended it ourselves, if we did.
    pub stopped: Option<Stopped>,
}

/// Why we ended a child before it ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It took longer than this.
    Deadline(Duration),
    /// It printed more than [`BOUND`] on one stream.
    TooMuch,
    /// Somebody called [`Cancel::cancel`] on the command's own flag, for this reason.
    Cancelled(String),
    /// We gave up the whole look, for this reason: nothing is known of the child.
    Abandoned(String),
}

impl Output {
    /// Exit code 0, by itself.
    pub fn ok(&self) -> bool {
        self.code == Some(0) && self.stopped.is_none()
    }

    /// How it ended, in words that read after "because".
    pub fn ending(&self) -> String {
        match (&self.stopped, self.code, self.signal) {
            (Some(Stopped::Deadline(after)), ..) => {
                format!("no answer in {}", humantime::format_duration(*after))
            }
            (Some(Stopped::TooMuch), ..) => "it printed more than 1 MiB and was stopped".to_owned(),
            (Some(Stopped::Cancelled(why) | Stopped::Abandoned(why)), ..) => format!("stopped: {why}"),
            (None, Some(code), _) => format!("exit code {code}"),
            (None, None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None, None) => "it ended in an unknown way".to_owned(),
        }
    }

    /// The last line of standard error that says something, without secrets, else how it ended.
    pub fn complaint(&self) -> String {
        let said = self.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
        match (said, &self.stopped) {
            (Some(line), None) => crate::parse::text::scrub(&crate::prose::line(line)),
            _ => self.ending(),
        }
    }
}

/// Why the machine did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// Nothing of that name. The only error that means "absent".
    NotFound,
    /// It is there, and not for us.
    Denied,
    /// Larger than [`BOUND`].
    TooBig,
    /// A folder, a pipe, a device: nothing to read.
    NotAFile,
    /// No answer within this time.
    TimedOut(Duration),
    /// Anything else, in the system's words.
    Other(String),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::NotFound => f.write_str("not found"),
            HostError::Denied => f.write_str("permission denied"),
            HostError::TooBig => f.write_str("larger than 1 MiB"),
            HostError::NotAFile => f.write_str("not a regular file"),
            HostError::TimedOut(after) => write!(f, "no answer in {}", humantime::format_duration(*after)),
            HostError::Other(text) => f.write_str(text),
        }
    }
}

impl From<std::io::Error> for HostError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::*;
        match error.kind() {
            NotFound | NotADirectory => HostError::NotFound,
            PermissionDenied => HostError::Denied,
            _ => HostError::Other(error.to_string()),
        }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// File, folder, link or something else.
    pub kind: Kind,
    /// Permission bits, such as 0o600.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970 of the last change of content. Files in the Nix store always say 1.
    pub modified: u64,
    /// Where a link leads, as written in it.
    pub target: Option<PathBuf>,
}

/// The kinds of things that stand at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// What happened at one connection to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Nobody listens.
    Refused,
    /// No answer to the connection itself.
    NoAnswer,
    /// Connected, and not a byte within this time.
    Silent(Duration),
    /// Connected, and closed without a byte.
    Closed,
    /// The first line, at most 255 bytes, lossily decoded, without its end.
    Line(String),
    /// Anything else, in the system's words.
    Failed(String),
}

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// Where it came from in the end, redirects followed.
    pub url: String,
    /// The body, lossily decoded, at most 64 KiB of it.
    pub body: String,
}

/// Why there was no answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// At what it failed.
    pub at: FetchStage,
    /// In the library's words, the innermost cause last.
    pub text: String,
}

/// The stages of a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FetchStage {
    Address,
    Name,
    Connect,
    Certificate,
    Deadline,
    Answer,
}

/// A flag, raised once and for a reason, that ends the children that were told to heed it.
#[derive(Debug, Default)]
pub struct Cancel {
    why: OnceLock<String>,
    raised: Mutex<bool>,
    bell: Condvar,
}

impl Cancel {
    /// Raises the flag; only the first reason counts.
    pub fn cancel(&self, why: impl Into<String>) {
        let _ = self.why.set(why.into());
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }
    /// The reason, once the flag is up.
    pub fn reason(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }
    /// Waits until the flag is raised, at most so long.
    pub fn wait(&self, most: Duration) {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout_while(raised, most, |raised| !*raised));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_would_be_typed() {
        let command = Command::new("nix").args(["build", "--expr", "a 'b'"]).env("NIX_REMOTE", "daemon");
        assert_eq!(command.to_string(), r"NIX_REMOTE=daemon nix build --expr 'a '\''b'\'''");
    }

    #[test]
    fn only_the_first_reason_counts() {
        let cancel = Cancel::default();
        assert_eq!(cancel.reason(), None);
        cancel.cancel("the port is silent");
        cancel.cancel("later");
        assert_eq!(cancel.reason(), Some("the port is silent"));
    }

    #[test]
    fn whoever_waits_is_woken_by_the_flag() {
        let cancel = Arc::new(Cancel::default());
        cancel.wait(Duration::ZERO);
        let raiser = Arc::clone(&cancel);
        let waiter = std::thread::spawn(move || raiser.cancel("now"));
        cancel.wait(Duration::from_secs(1000));
        assert_eq!(cancel.reason(), Some("now"));
        waiter.join().unwrap();
    }

    #[test]
    fn a_complaint_is_the_last_words_or_the_ending() {
        let mut output =
            Output { code: Some(1), stderr: "warning: x\nerror: y\n\n".to_owned(), ..Output::default() };
        assert_eq!(output.complaint(), "error: y");
        output.stopped = Some(Stopped::Deadline(Duration::from_secs(5)));
        assert_eq!(output.complaint(), "no answer in 5s");
    }
}
