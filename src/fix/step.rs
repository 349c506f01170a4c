//! A step of a fix, as data: what is done, why, as whom, what it interrupts, and the way back.
//!
//! Nothing here acts. No step is a line for a shell: programs get their arguments one by one.

use crate::host::quoted;
use crate::prose::span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where Nix keeps what it builds.
pub const STORE: &str = "/nix/store/";

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// What it is good for: a fragment that reads after "to".
    pub why: String,
    /// As whom.
    pub as_whom: As,
    /// Whose builds it ends.
    pub interrupts: Interrupts,
    /// How it is taken back.
    pub back: Back,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Writes a file whole; one that stands there is kept in the journal.
    WriteFile {
        /// Where.
        path: String,
        /// What it is to hold.
        text: String,
        /// Permission bits in octal, such as `644`.
        mode: String,
        /// Such as `root:wheel`; None for whoever carries the step out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Puts one line in the place of another, and only if that line is still what was seen.
    ReplaceLine {
        /// The file.
        path: String,
        /// 1-based.
        line: u32,
        /// What stands there.
        was: String,
        /// What is to stand there; None takes the line out.
        now: Option<String>,
    },
    /// Adds lines at the end of a file, each only if it is not there yet; makes the file if there is none.
    AppendLines {
        /// The file.
        path: String,
        /// The lines, without their ends.
        lines: Vec<String>,
    },
    /// Removes a file.
    RemoveFile {
        /// Which.
        path: String,
    },
    /// Sets who owns a file and who may do what with it.
    SetMode {
        /// The file.
        path: String,
        /// Permission bits in octal, such as `600`.
        mode: String,
        /// Such as `root:wheel`; None leaves it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Gives a file another name in its folder; never one that is taken: then a number is put behind it.
    MoveAside {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// The way back from [`Action::MoveAside`]: what was made there since gives way.
    MoveBack {
        /// The name that it has now.
        from: String,
        /// The name that it had.
        to: String,
    },
    /// Makes a folder, with those above it.
    MakeFolder {
        /// Where.
        path: String,
        /// Permission bits in octal, such as `755`.
        mode: String,
        /// Such as `root:wheel`; None for whoever carries the step out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Removes the folder that [`Action::MakeFolder`] made; what is in it by then is set aside with it instead.
    RemoveFolder {
        /// Which.
        path: String,
    },
    /// Gives a file a name that no program looks for, while something runs that would touch it; one that is not there
    /// is hidden already.
    Hide {
        /// Its name.
        path: String,
    },
    /// The way back from [`Action::Hide`].
    Show {
        /// The name that it had.
        path: String,
    },
    /// Runs a program.
    Run {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// Tells launchd something about a job of the system's.
    Launchctl {
        /// What.
        verb: Verb,
        /// The job.
        label: String,
        /// Its file, for bootstrap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plist: Option<String>,
    },
    /// Waits until something is so.
    Wait {
        /// What.
        until: Condition,
        /// No longer than this.
        at_most_seconds: u64,
    },
}

/// What launchd is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// The job may be started.
    Enable,
    /// The job may not be started.
    Disable,
    /// Loads the job.
    Bootstrap,
    /// Stops and unloads the job.
    Bootout,
    /// Starts the job.
    Kickstart,
    /// Stops the job if it runs, and starts it.
    Restart,
    /// Ends the job's process; launchd keeps the job.
    Terminate,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Condition {
    /// An SSH server says its banner at this port.
    Banner {
        /// Address.
        address: String,
        /// Port.
        port: u16,
    },
    /// The Nix daemon answers.
    DaemonAnswers,
    /// There is something at a path.
    Exists {
        /// The path.
        path: String,
    },
    /// launchd no longer knows the job.
    NotLoaded {
        /// The job.
        label: String,
    },
    /// The time has passed.
    TimePassed,
}

/// As whom a step is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum As {
    /// Whoever runs the doctor.
    User,
    /// Root.
    Root,
}

/// Whose builds a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupts {
    /// Nobody's.
    Nothing,
    /// Those that run in the VM.
    VmBuilds,
    /// Those of everybody on this machine.
    AllBuilds,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "way", rename_all = "kebab-case")]
pub enum Back {
    /// By these, in this order.
    By {
        /// What undoes it.
        actions: Vec<Action>,
    },
    /// What stood there is written into the journal before the step, and put back.
    FromJournal {
        /// What is done once it is back.
        #[serde(default)]
        then: Vec<Action>,
    },
    /// There is nothing to take back.
    Nothing {
        /// Why: a fragment.
        because: String,
    },
}

impl Interrupts {
    /// In words that stand for themselves.
    pub fn words(self) -> &'static str {
        match self {
            Interrupts::Nothing => "nothing",
            Interrupts::VmBuilds => "builds that run in the VM",
            Interrupts::AllBuilds => "all Nix builds on this machine",
        }
    }
}

impl As {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            As::User => "you",
            As::Root => "root",
        }
    }
}

impl Verb {
    /// The arguments of launchctl before the job.
    fn args(self) -> &'static [&'static str] {
        match self {
            Verb::Enable => &["enable"],
            Verb::Disable => &["disable"],
            Verb::Bootstrap => &["bootstrap"],
            Verb::Bootout => &["bootout"],
            Verb::Kickstart => &["kickstart"],
            Verb::Restart => &["kickstart", "-k"],
            Verb::Terminate => &["kill", "SIGTERM"],
        }
    }
}

impl Action {
    /// The program that does it, with its arguments; None where no program does.
    pub fn argv(&self) -> Option<Vec<String>> {
        match self {
            Action::Run { argv } => Some(argv.clone()),
            Action::Launchctl { verb, label, plist } => {
                let mut argv = vec!["launchctl".to_owned()];
                argv.extend(verb.args().iter().map(|it| (*it).to_owned()));
                match (verb, plist) {
                    (Verb::Bootstrap, Some(plist)) => argv.extend(["system".to_owned(), plist.clone()]),
                    _ => argv.push(format!("system/{label}")),
                }
                Some(argv)
            }
            _ => None,
        }
    }

    /// Whether it runs a program of the Nix store, such as a system's activation: that changes more than its targets.
    pub fn activates(&self) -> bool {
        matches!(self, Action::Run { argv } if argv.first().is_some_and(|name| name.starts_with(STORE)))
    }

    /// The paths that it writes to, removes, or makes.
    pub fn targets(&self) -> Vec<&str> {
        match self {
            Action::WriteFile { path, .. }
            | Action::ReplaceLine { path, .. }
            | Action::AppendLines { path, .. }
            | Action::RemoveFile { path }
            | Action::SetMode { path, .. }
            | Action::MakeFolder { path, .. }
            | Action::RemoveFolder { path }
            | Action::Hide { path }
            | Action::Show { path } => vec![path],
            Action::MoveAside { from, to } | Action::MoveBack { from, to } => vec![from, to],
            Action::Run { .. } | Action::Launchctl { .. } | Action::Wait { .. } => Vec::new(),
        }
    }

    /// Whether what is in a file changes, and not only its name, its owner or its mode.
    pub fn changes_contents(&self) -> bool {
        !self.targets().is_empty() && !matches!(self, Action::SetMode { .. })
    }
}

impl fmt::Display for Action {
    /// What is done: an order to a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(argv) = self.argv() {
            let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
            return write!(f, "run `{}`", words.join(" "));
        }
        match self {
            Action::WriteFile { path, mode, .. } => write!(f, "write {path} (mode {mode})"),
            Action::ReplaceLine { path, line, now: Some(_), .. } => write!(f, "change line {line} of {path}"),
            Action::ReplaceLine { path, line, now: None, .. } => write!(f, "take line {line} out of {path}"),
            Action::AppendLines { path, .. } => write!(f, "add to the end of {path}"),
            Action::RemoveFile { path } => write!(f, "remove {path}"),
            Action::SetMode { path, mode, owner: None } => write!(f, "set the mode of {path} to {mode}"),
            Action::SetMode { path, mode, owner: Some(owner) } => {
                write!(f, "give {path} to {owner}, with mode {mode}")
            }
            Action::MoveAside { from, to } => write!(f, "move {from} aside, to {to}"),
            Action::MoveBack { from, to } => {
                write!(f, "move {from} back to {to}, in the place of what was made there since")
            }
            Action::Hide { path } => write!(f, "hide {path}"),
            Action::Show { path } => write!(f, "show {path} again"),
            Action::MakeFolder { path, mode, .. } => write!(f, "make the folder {path} (mode {mode})"),
            Action::RemoveFolder { path } => {
                write!(f, "remove the folder {path}, or set it aside if something is in it")
            }
            Action::Wait { until, at_most_seconds } => {
                let most = span(*at_most_seconds);
                match until {
                    Condition::Banner { address, port } => {
                        write!(f, "wait for the SSH banner at {address}:{port}, {most} at most")
                    }
                    Condition::DaemonAnswers => {
                        write!(f, "wait for the Nix daemon to answer, {most} at most")
                    }
                    Condition::Exists { path } => write!(f, "wait for {path}, {most} at most"),
                    Condition::NotLoaded { label } => {
                        write!(f, "wait until launchd has unloaded {label}, {most} at most")
                    }
                    Condition::TimePassed => write!(f, "wait {most}"),
                }
            }
            Action::Run { .. } | Action::Launchctl { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Back::By { actions } => f.write_str(&one_after_the_other(actions)),
            Back::FromJournal { then } if then.is_empty() => f.write_str(KEPT),
            Back::FromJournal { then } => write!(f, "{KEPT}; then {}", one_after_the_other(then)),
            Back::Nothing { because } => write!(f, "none is needed: {because}"),
        }
    }
}

const KEPT: &str = "what stood there before is kept, and put back";

fn one_after_the_other(actions: &[Action]) -> String {
    actions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ")
}

impl Step {
    /// A step of root's that ends nobody's builds; `why` reads after "to".
    pub fn new(action: Action, why: impl Into<String>, back: Back) -> Self {
        Step { action, why: why.into(), as_whom: As::Root, interrupts: Interrupts::Nothing, back }
    }

    /// It ends these builds.
    pub fn interrupting(self, interrupts: Interrupts) -> Self {
        Step { interrupts, ..self }
    }

    /// Whoever runs the doctor may do it.
    pub fn as_user(self) -> Self {
        Step { as_whom: As::User, ..self }
    }

    /// Tells launchd something, which this undoes.
    pub fn launchctl(verb: Verb, label: &str, plist: Option<&str>, why: &str, back: Back) -> Self {
        let action = Action::Launchctl { verb, label: label.to_owned(), plist: plist.map(str::to_owned) };
        Step::new(action, why, back)
    }

    /// Waits.
    pub fn wait(until: Condition, at_most_seconds: u64, why: &str) -> Self {
        let back = Back::nothing("waiting changes nothing");
        Step::new(Action::Wait { until, at_most_seconds }, why, back).as_user()
    }
}

impl Back {
    /// What stood there before.
    pub fn from_journal() -> Self {
        Back::FromJournal { then: Vec::new() }
    }

    /// What is known to be done on the way back.
    pub fn actions(&self) -> &[Action] {
        match self {
            Back::By { actions } | Back::FromJournal { then: actions } => actions,
            Back::Nothing { .. } => &[],
        }
    }

    /// There is nothing to take back.
    pub fn nothing(because: &str) -> Self {
        Back::Nothing { because: because.to_owned() }
    }

    /// By this.
    pub fn by(action: Action) -> Self {
        Back::By { actions: vec![action] }
    }

    /// By telling launchd this.
    pub fn launchctl(verb: Verb, label: &str, plist: Option<&str>) -> Self {
        Back::by(Action::Launchctl { verb, label: label.to_owned(), plist: plist.map(str::to_owned) })
    }
}
