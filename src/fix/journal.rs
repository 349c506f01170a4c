//! The journal: what a fix is about to do and what stood there before, on disk before each step, so that it can be
//! taken back by whoever comes next, also after a crash.

use super::plan::Planned;
use super::step::Step;
use crate::host::change::{Change, ChangeError, Standing};
use crate::host::{Host, HostError};
use crate::prose::line;
use rustix::process::geteuid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A change of meaning bumps this; additions do not.
const SCHEMA_VERSION: u64 = 1;

/// What one fix did to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// Its number; the next fix has a higher one.
    pub number: u32,
    /// Seconds since 1970 when it began.
    pub at: u64,
    /// The check that it mends.
    pub id: String,
    /// The fix.
    pub fix: String,
    /// What it does.
    pub title: String,
    /// How it ended, or that it did not.
    pub state: State,
    /// In order.
    pub entries: Vec<Entry>,
}

/// How a fix stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was begun, and nobody said how it ended.
    Open,
    /// It was carried out and verified.
    Kept,
    /// It failed, or did not help, and the machine is as before.
    RolledBack,
    /// The user took it back later.
    Undone,
    /// Something of it could not be taken back.
    Stuck,
}

impl State {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "not ended",
            State::Kept => "fixed and verified",
            State::RolledBack => "rolled back",
            State::Undone => "undone",
            State::Stuck => "stuck",
        }
    }

    /// Whether something of it may still stand.
    pub fn can_be_undone(self) -> bool {
        matches!(self, State::Open | State::Kept | State::Stuck)
    }
}

/// One step, and how far it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The step.
    pub step: Step,
    /// How far it came.
    pub progress: Progress,
    /// What stood at its targets before.
    #[serde(default)]
    pub before: Vec<Stood>,
    /// And after.
    #[serde(default)]
    pub after: Vec<Stood>,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Not begun.
    Planned,
    /// Begun: it may or may not have been done.
    Begun,
    /// Done.
    Done,
    /// Taken back.
    TakenBack,
    /// It could not be taken back.
    Left,
}

/// What stood at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// The path.
    pub path: String,
    /// What stood there.
    pub was: Standing,
}

impl Journal {
    /// For a fix that is about to begin.
    pub fn new(number: u32, at: u64, planned: &Planned) -> Self {
        let entry = |step: &Step| Entry {
            step: step.clone(),
            progress: Progress::Planned,
            before: Vec::new(),
            after: Vec::new(),
        };
        Journal {
            schema_version: SCHEMA_VERSION,
            number,
            at,
            id: planned.id.clone(),
            fix: planned.fix.clone(),
            title: planned.title.clone(),
            state: State::Open,
            entries: planned.steps.iter().map(entry).collect(),
        }
    }

    /// Whether a step was begun.
    pub fn has_begun(&self) -> bool {
        self.entries.iter().any(|entry| entry.progress != Progress::Planned)
    }
}

/// Where journals are written down. Written after each change of a journal, before the next step.
pub trait Book {
    /// Keeps the journal as it is now.
    fn keep(&self, journal: &Journal) -> Result<(), String>;
}

/// A folder of journals, which nobody but its owner reads or writes.
pub struct Shelf<'a> {
    host: &'a dyn Host,
    change: &'a dyn Change,
    folder: PathBuf,
    above: u32,
}

impl<'a> Shelf<'a> {
    /// Root's shelf on this machine; it is made with the first journal.
    pub fn of_root(host: &'a dyn Host, change: &'a dyn Change) -> Self {
        Shelf { host, change, folder: of_root(host).join(JOURNALS), above: 0o755 }
    }

    /// The shelf of a user, in the user's own folder for what is kept.
    pub fn of_user(host: &'a dyn Host, change: &'a dyn Change, state: &Path) -> Self {
        Shelf { host, change, folder: state.join(JOURNALS), above: 0o700 }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every journal, the newest first, and what is wrong with those that cannot be read.
    pub fn all(&self) -> Result<Vec<Result<Journal, String>>, String> {
        if !self.is_there()? {
            return Ok(Vec::new());
        }
        let mut numbers: Vec<u32> = self.names()?.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
        Ok(numbers.into_iter().map(|number| self.read(number)).collect())
    }

    /// The number of the next fix, which is higher than any here, and than this one of another shelf.
    pub fn next_number(&self, other: u32) -> Result<u32, String> {
        let last = match self.is_there()? {
            true => self.names()?.iter().filter_map(|name| number(name)).max().unwrap_or(0),
            false => 0,
        };
        let last = last.max(other.min(MOST_NUMBERS));
        last.checked_add(1).ok_or_else(|| format!("{}: no number is left", self.shown()))
    }

    /// The journal of this number.
    pub fn read(&self, number: u32) -> Result<Journal, String> {
        let path = self.path(number);
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", line(&path.to_string_lossy()));
        let standing = self.change.standing(&path).map_err(|error| wrong(&error))?;
        let Standing::File { bytes: Some(bytes), mode, owner, .. } = standing else {
            return Err(wrong(&format!("it is {}, and no journal", standing.name())));
        };
        private(mode, owner.uid).map_err(|why| wrong(&why))?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
        let journal: Journal =
            serde_json::from_str(&text).map_err(|error| wrong(&line(&error.to_string())))?;
        if journal.schema_version > SCHEMA_VERSION {
            return Err(wrong(&"a newer builder-doctor wrote it"));
        }
        Ok(journal)
    }

    /// Makes the folder, with those above it, if it is not there.
    pub fn make(&self) -> Result<(), String> {
        let wrong = |error: ChangeError| format!("{}: {error}", self.shown());
        let mut missing = Vec::new();
        for folder in self.folder.ancestors() {
            match self.change.standing(folder) {
                Ok(Standing::Absent) => missing.push(folder),
                // The root itself has no folder that it is in.
                Ok(_) | Err(ChangeError::Untrusted(_)) => break,
                Err(error) => return Err(wrong(error)),
            }
        }
        for folder in missing.into_iter().rev() {
            // The list beside the folder is for everybody to read, what is in it for its owner alone.
            let mode = if folder == self.folder { 0o700 } else { self.above };
            self.change.make_folder(folder, mode, None).map_err(wrong)?;
        }
        self.is_there().map(|_| ())
    }

    /// Whether it is there, and nobody else's.
    fn is_there(&self) -> Result<bool, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", self.shown());
        match self.change.standing(&self.folder).map_err(|error| wrong(&error))? {
            Standing::Absent => Ok(false),
            Standing::Folder { mode, owner } => {
                private(mode, owner.uid).map(|()| true).map_err(|why| wrong(&why))
            }
            other => Err(wrong(&format!("it is {}, and not a folder of journals", other.name()))),
        }
    }

    fn names(&self) -> Result<Vec<String>, String> {
        match self.host.list(&self.folder) {
            Err(HostError::NotFound) => Ok(Vec::new()),
            found => found.map_err(|error| format!("{}: {error}", self.shown())),
        }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.json"))
    }

    fn shown(&self) -> String {
        line(&self.folder.to_string_lossy())
    }
}

impl Book for Shelf<'_> {
    fn keep(&self, journal: &Journal) -> Result<(), String> {
        self.make()?;
        let path = self.path(journal.number);
        let text = serde_json::to_vec_pretty(journal).map_err(|error| error.to_string())?;
        let kept = self.change.write(&path, &text, 0o600, None);
        kept.map_err(|error| format!("{}: {error}", line(&path.to_string_lossy())))?;
        self.list(journal)
    }
}

impl Shelf<'_> {
    /// Writes how a fix stands into the list, which tells nothing of what is in any file.
    fn list(&self, journal: &Journal) -> Result<(), String> {
        let Some(above) = self.folder.parent() else { return Ok(()) };
        let path = above.join(LIST);
        let mut all = match self.change.standing(&path) {
            Ok(Standing::File { bytes: Some(bytes), .. }) => listed(&bytes).unwrap_or_default(),
            _ => Vec::new(),
        };
        let row = Listed::from(journal);
        match all.iter_mut().find(|it| it.number == journal.number) {
            Some(known) if *known == row => return Ok(()),
            Some(known) => *known = row,
            None => all.push(row),
        }
        all.sort_by_key(|it| it.number);
        all.drain(..all.len().saturating_sub(MOST_LISTED));
        let text = serde_json::to_vec_pretty(&all).map_err(|error| error.to_string())?;
        let written = self.change.write(&path, &text, 0o644, None);
        written.map_err(|error| format!("{}: {error}", line(&path.to_string_lossy())))
    }
}

/// One row of the list of fixes, which everybody may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The fix's number.
    pub number: u32,
    /// Seconds since 1970 when it began.
    pub at: u64,
    /// The check that it mends.
    #[schemars(extend("x-kind" = "public"))]
    pub id: String,
    /// The fix.
    #[schemars(extend("x-kind" = "public"))]
    pub fix: String,
    /// What it does.
    #[schemars(extend("x-kind" = "text"))]
    pub title: String,
    /// How it ended, or that it did not.
    pub state: State,
}

impl From<&Journal> for Listed {
    fn from(it: &Journal) -> Self {
        let (id, fix, title) = (it.id.clone(), it.fix.clone(), it.title.clone());
        Listed { number: it.number, at: it.at, id, fix, title, state: it.state }
    }
}

/// The rows of a list.
pub fn listed(bytes: &[u8]) -> Result<Vec<Listed>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| line(&error.to_string()))
}

/// Root's folder for what is kept of this machine; what is in it tells macOS from others, as no fact is at hand.
pub fn of_root(host: &dyn Host) -> PathBuf {
    let is_mac = host.stat(Path::new("/System/Library")).is_ok() || host.stat(Path::new("/var/db")).is_ok();
    PathBuf::from(if is_mac { "/var/db/builder-doctor" } else { "/var/lib/builder-doctor" })
}

/// The name of the list, beside the folder of the journals.
pub const LIST: &str = "fixes.json";
/// The name of that folder.
const JOURNALS: &str = "fixes";
/// Rows that the list keeps; the journals themselves all stay.
const MOST_LISTED: usize = 100;
/// No honest shelf has so many.
const MOST_NUMBERS: u32 = 1_000_000;

/// Whether nobody but whoever acts reads and writes it: what stands in a journal is put back as it says.
fn private(mode: u32, uid: u32) -> Result<(), &'static str> {
    match () {
        () if uid != geteuid().as_raw() => Err("it is another user's"),
        () if mode & 0o077 != 0 => Err("others may read or write it"),
        () => Ok(()),
    }
}

fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".json")?;
    let plain = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
