//! The hands of this machine: files by the other door, programs by their absolute path.

use super::carry_out::{Hands, NotRun};
use super::step::{Condition, STORE};
use crate::host::change::{Change, Owner};
use crate::host::live::PATH_OF_ROOT;
use crate::host::{Cancel, Command, Greeting, Host, HostError};
use crate::parse::launchd::{Printed, parse_print};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Where a program that a fix names without a path may stand: folders of the system's own.
const FOLDERS: [&str; 4] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];
/// How long a program of a step may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// The same for one in the Nix store, which is a system's activation: it waits for services, and for macOS.
const ACTIVATES: Duration = Duration::from_secs(15 * 60);
/// Between two looks at what is waited for; the first ones are sooner.
const PAUSES: [u64; 5] = [200, 500, 1000, 2000, 3000];

/// This machine.
pub struct LiveHands<'a> {
    /// What is asked of it.
    pub host: &'a dyn Host,
    /// What is done to its files.
    pub change: &'a dyn Change,
    /// Raised when the user wants it to stop; not on the way back.
    pub stop: &'a Cancel,
}

impl LiveHands<'_> {
    /// The absolute path of a program.
    fn program(&self, name: &str) -> Result<String, String> {
        if name.starts_with('/') {
            return Ok(name.to_owned());
        }
        let here = |folder: &&&str| self.host.stat(Path::new(&format!("{folder}/{name}"))).is_ok();
        let folder = FOLDERS.iter().find(here);
        folder
            .map(|folder| format!("{folder}/{name}"))
            .ok_or_else(|| format!("{name} is not on this machine"))
    }

    /// A Nix that nobody but root could have put there: it may be root who runs it.
    fn nix(&self) -> Option<String> {
        use crate::evidence::nix::{WELL_KNOWN, of_root};
        let found = WELL_KNOWN.iter().find_map(|path| of_root(self.host, Path::new(path)))?;
        found.starts_with(STORE).then(|| found.to_string_lossy().into_owned())
    }

    fn ask(&self, argv: &[&str]) -> Result<crate::host::Output, String> {
        let (name, args) = argv.split_first().ok_or("there is no program to run")?;
        let command = Command::new(self.program(name)?).args(args.iter().copied());
        let most = if name.starts_with(STORE) { ACTIVATES } else { DEADLINE };
        self.host
            .run(&command.env("PATH", PATH_OF_ROOT).within(most))
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Whether what is waited for is so; why not, where it is not.
    fn is_so(&self, until: &Condition) -> Result<(), String> {
        match until {
            Condition::Banner { address, port } => {
                let address = address.trim_start_matches('[').trim_end_matches(']');
                let address = address.parse().map_err(|_| format!("{address} is no address"))?;
                let second = Duration::from_secs(1);
                match self.host.greeting(SocketAddr::new(address, *port), second, 3 * second) {
                    Greeting::Line(line) if line.starts_with("SSH-") => Ok(()),
                    Greeting::Refused => Err("nobody listens there".to_owned()),
                    _ => Err("nobody speaks SSH there".to_owned()),
                }
            }
            Condition::DaemonAnswers => {
                let nix = self.nix().ok_or("no Nix of root's stands where installers put one")?;
                let asked = crate::evidence::nix::at(&nix).args(["store", "info", "--store", "daemon"]);
                match self.host.run(&asked.env("PATH", PATH_OF_ROOT)) {
                    Ok(output) if output.ok() => Ok(()),
                    Ok(output) => Err(output.complaint()),
                    Err(error) => Err(error.to_string()),
                }
            }
            Condition::Exists { path } => match self.host.stat(Path::new(path)) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("{path}: {error}")),
            },
            Condition::NotLoaded { label } => {
                let asked = self.ask(&["launchctl", "print", &format!("system/{label}")])?;
                match parse_print(asked.code, &asked.stdout, &asked.stderr) {
                    Printed::NotFound => Ok(()),
                    Printed::Loaded(_) => Err(format!("launchd still has {label}")),
                    Printed::Unclear(_) => Err(format!("what launchd says of {label} is not understood")),
                }
            }
            Condition::TimePassed => Err(String::new()),
        }
    }

    /// The number of a user or a group by its name.
    fn number(&self, kind: &str, name: &str) -> Result<u32, String> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        if name == "root" || (kind == "group" && name == "wheel") {
            return Ok(0);
        }
        let found = match kind {
            "user" => self.ask(&["id", "-u", name]).ok().filter(crate::host::Output::ok).map(|it| it.stdout),
            _ => self.group(name),
        };
        let number = found.and_then(|text| text.split_whitespace().last()?.parse().ok());
        number.ok_or_else(|| format!("there is no {kind} {name}"))
    }

    /// macOS keeps its groups in a directory, of which /etc/group is only a part.
    fn group(&self, name: &str) -> Option<String> {
        let listed = match self.host.read(Path::new("/etc/group")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(HostError::NotFound) => String::new(),
            Err(_) => return None,
        };
        let line = listed.lines().find(|line| line.split(':').next() == Some(name));
        if let Some(number) = line.and_then(|line| line.split(':').nth(2)) {
            return Some(number.to_owned());
        }
        let asked = self.ask(&["dscl", ".", "-read", &format!("/Groups/{name}"), "PrimaryGroupID"]).ok()?;
        asked.ok().then_some(asked.stdout)
    }
}

impl Hands for LiveHands<'_> {
    fn files(&self) -> &dyn Change {
        self.change
    }

    fn run(&self, argv: &[String]) -> Result<(), NotRun> {
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let ask = || self.ask(&argv).map_err(NotRun::Refused);
        let mut output = ask()?;
        // What launchd has just unloaded may still be ending, and is not loaded again before that.
        for pause in [500, 1000] {
            if output.ok() || argv.get(..2) != Some(&["launchctl", "bootstrap"]) || self.stop().is_some() {
                break;
            }
            self.stop.wait(Duration::from_millis(pause));
            output = ask()?;
        }
        // launchd has begun, and does not wait for the end.
        let begun = argv.get(..2) == Some(&["launchctl", "bootout"])
            && output.code == Some(36)
            && output.stderr.contains("now in progress");
        if output.ok() || begun {
            return Ok(());
        }
        let why = format!("{}: {}", output.ending(), output.complaint());
        // An activation that fails has done what came before that.
        let activates = argv.first().is_some_and(|name| name.starts_with(STORE));
        Err(if output.code.is_some() && output.stopped.is_none() && !activates {
            NotRun::Refused(why)
        } else {
            NotRun::Unknown(why)
        })
    }

    fn wait(&self, until: &Condition, at_most_seconds: u64) -> Result<(), String> {
        let end = self.host.clock() + Duration::from_secs(at_most_seconds);
        let mut pauses = PAUSES.iter().copied().map(Duration::from_millis);
        let mut pause = Duration::ZERO;
        loop {
            let why = match self.is_so(until) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if let Some(why) = self.stop() {
                return Err(why);
            }
            let left = end.saturating_sub(self.host.clock());
            if left.is_zero() {
                return if *until == Condition::TimePassed { Ok(()) } else { Err(why) };
            }
            pause = pauses.next().unwrap_or(pause);
            self.stop.wait(pause.min(left));
        }
    }

    fn owner(&self, name: &str) -> Result<Owner, String> {
        let (user, group) = name.split_once(':').ok_or_else(|| format!("{name:?} names no group"))?;
        Ok(Owner { uid: self.number("user", user)?, gid: self.number("group", group)? })
    }

    fn stop(&self) -> Option<String> {
        self.stop.reason().map(str::to_owned)
    }
}
