//! One fix from its first step to its end: carried out, and then kept or taken back. Whoever asks says so in
//! messages, so that the one who acts may be another process, and root.

use super::carry_out::{Hands, Left, TakenBack, carry_out, look_again, moved_on, take_back};
use super::journal::{Book, Entry, Journal, Progress, Shelf, State};
use super::plan::{Choice, Planned, plan};
use super::step::Step;
use crate::builder::setup;
use crate::checks;
use crate::diagnosis::{Selection, diagnose};
use crate::evidence::{Evidence, Progress as Looking, Wanted, gather};
use crate::expectations::Expectations;
use crate::host::Host;
use crate::host::lock::{Lock, lock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is to be mended. Whoever acts plans it anew out of what was seen, and takes no steps from anybody: the
/// steps that were confirmed are only compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The check to mend.
    pub id: String,
    /// Whether its fix may be disruptive.
    pub disruptive: bool,
    /// Whether its fix may change a file of the user's own.
    pub ask: bool,
    /// What was seen.
    pub evidence: Evidence,
    /// What is expected.
    pub expectations: Expectations,
    /// What the user agreed to.
    pub confirmed: Vec<Step>,
    /// The highest number of any fix that the caller knows of.
    pub after: u32,
}

/// What root sees with its own eyes before it acts, whatever it was told: whose the files are, and what launchd
/// says. Each of these asks the system alone, and no program of Nix's.
const OWN_EYES: &[&str] = &[
    "platform",
    "managers",
    "roots",
    "conf_files",
    "custom_conf",
    "disabled_jobs",
    "builder_jobs",
    "builder_job",
    "daemon_job",
];

/// What is asked of whoever acts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Carry a fix out, and wait for a word on it.
    Mend(Box<Order>),
    /// Set the builder up, and wait for a word on it.
    SetUp(Box<setup::Order>),
    /// It helped.
    Keep,
    /// It did not, for this reason.
    TakeBack(String),
    /// Take back the fix of this number; also where the machine has moved on since.
    Undo {
        /// Which.
        number: u32,
        /// Although files were changed since.
        anyway: bool,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How far a step came. More follows.
    Told(Told),
    /// How it ended, for now.
    Outcome(Outcome),
}

/// How far a step came, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// What it does.
    pub step: String,
    /// How far it came.
    pub progress: Progress,
}

impl From<&Entry> for Told {
    fn from(entry: &Entry) -> Self {
        Told { step: entry.step.action.to_string(), progress: entry.progress }
    }
}

/// How a fix stands after its steps, or after they were taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Every step was done; whether it helped is not known yet.
    CarriedOut {
        /// The journal's number.
        number: u32,
    },
    /// It helped.
    Kept {
        /// The journal's number.
        number: u32,
        /// The journal could not be brought up to date, for this reason: it says "not ended".
        unwritten: Option<String>,
    },
    /// The machine is as before.
    TakenBack {
        /// The journal's number.
        number: u32,
        /// Why.
        because: String,
        /// What was made since and is kept beside, in words.
        beside: Vec<String>,
    },
    /// Something could not be taken back.
    Stuck {
        /// The journal's number.
        number: u32,
        /// Why it was to be taken back.
        because: String,
        /// What still stands.
        left: Vec<Left>,
    },
    /// Nothing was begun, for this reason.
    NotBegun {
        /// Why.
        because: String,
    },
    /// Nothing was taken back: these files were changed since the fix.
    MovedOn {
        /// The journal's number.
        number: u32,
        /// Which.
        files: Vec<String>,
    },
}

/// Who acts when asked.
pub trait Mender {
    /// Does it, and tells each step; the error says why there is no answer.
    fn ask(&mut self, ask: Ask, told: &mut dyn FnMut(Told)) -> Result<Outcome, String>;
}

/// Acts in this process.
pub struct Here<'a> {
    /// Ahead: stops when the user wants it to.
    pub ahead: &'a dyn Hands,
    /// On the way back: does not stop.
    pub back: &'a dyn Hands,
    /// The journals.
    pub shelf: &'a Shelf<'a>,
    /// With which eyes to look again before anything is done; None where the evidence is our own.
    pub eyes: Option<&'a dyn Host>,
    /// Seconds since 1970.
    pub now: u64,
    /// The fix that nobody has said a word on yet.
    open: Option<Journal>,
    lock: Option<Lock>,
}

impl<'a> Here<'a> {
    /// Whoever acts with these hands, and keeps its journals there.
    pub fn new(ahead: &'a dyn Hands, back: &'a dyn Hands, shelf: &'a Shelf<'a>, now: u64) -> Self {
        Here { ahead, back, shelf, eyes: None, now, open: None, lock: None }
    }

    /// Looks again before it acts.
    pub fn with_eyes(self, eyes: &'a dyn Host) -> Self {
        Here { eyes: Some(eyes), ..self }
    }

    /// Nobody will say a word any more: what was begun is taken back.
    pub fn end(&mut self, because: &str) -> Option<Outcome> {
        let open = self.open.take()?;
        Some(self.take_back(open, because.to_owned(), State::RolledBack, &mut |_| {}))
    }

    /// One at a time: until this ends.
    fn locked(&mut self) -> Result<(), String> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.shelf.make()?;
        let folder = self.shelf.folder();
        let held = lock(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        self.lock = Some(held.ok_or("another fix is being carried out: wait until it has ended")?);
        Ok(())
    }

    fn mend(&mut self, order: &Order, told: &mut dyn FnMut(Told)) -> Outcome {
        let eyes = self.eyes;
        self.begin(order.after, || order.planned(eyes), told)
    }

    fn set_up(&mut self, order: &setup::Order, told: &mut dyn FnMut(Told)) -> Outcome {
        let Some(eyes) = self.eyes else {
            return Outcome::NotBegun { because: "a set-up needs root".to_owned() };
        };
        self.begin(order.after, || order.planned(eyes), told)
    }

    fn begin(
        &mut self,
        after: u32,
        planned: impl FnOnce() -> Result<Planned, String>,
        told: &mut dyn FnMut(Told),
    ) -> Outcome {
        let begun = self.locked().and_then(|()| planned()).and_then(|planned| {
            let number = self.shelf.next_number(after)?;
            let journal = Journal::new(number, self.now, &planned);
            self.shelf.keep(&journal)?;
            Ok(journal)
        });
        let mut journal = match begun {
            Ok(journal) => journal,
            Err(because) => return Outcome::NotBegun { because },
        };
        let number = journal.number;
        match carry_out(&mut journal, self.ahead, self.shelf, &mut |entry| told(entry.into())) {
            Ok(()) => {
                self.open = Some(journal);
                Outcome::CarriedOut { number }
            }
            Err(because) => self.take_back(journal, because, State::RolledBack, told),
        }
    }

    fn keep(&mut self) -> Outcome {
        let Some(mut journal) = self.open.take() else { return nothing_open() };
        // What the VM wrote once it ran belongs to the fix: who undoes it later asks what changed after this moment.
        look_again(&mut journal, self.back);
        journal.state = State::Kept;
        // What was done is done, and helped: a journal that says "not ended" can be undone as well.
        let unwritten = self.shelf.keep(&journal).err();
        Outcome::Kept { number: journal.number, unwritten }
    }

    fn undo(&mut self, number: u32, anyway: bool, told: &mut dyn FnMut(Told)) -> Outcome {
        // Where there is no such journal, not even a lock is made.
        let read = self.shelf.read(number).and_then(|_| self.locked()).and_then(|()| self.shelf.read(number));
        let journal = match read {
            Ok(journal) => journal,
            Err(because) => return Outcome::NotBegun { because },
        };
        if !journal.state.can_be_undone() {
            let because = format!("fix {number} is {} already", journal.state.name());
            return Outcome::NotBegun { because };
        }
        let files = moved_on(&journal, self.back);
        if !files.is_empty() && !anyway {
            return Outcome::MovedOn { number, files };
        }
        self.take_back(journal, "you asked for it".to_owned(), State::Undone, told)
    }

    fn take_back(
        &self,
        mut journal: Journal,
        because: String,
        ended: State,
        told: &mut dyn FnMut(Told),
    ) -> Outcome {
        let number = journal.number;
        let all = take_back(&mut journal, self.back, self.shelf, ended, &mut |entry| told(entry.into()));
        let TakenBack { left, beside } = all;
        match left.is_empty() {
            true => Outcome::TakenBack { number, because, beside },
            false => Outcome::Stuck { number, because, left },
        }
    }
}

fn nothing_open() -> Outcome {
    Outcome::NotBegun { because: "no fix is open".to_owned() }
}

impl Mender for Here<'_> {
    fn ask(&mut self, ask: Ask, told: &mut dyn FnMut(Told)) -> Result<Outcome, String> {
        Ok(match ask {
            // One that nobody said a word on is not helped by another.
            Ask::Mend(_) | Ask::SetUp(_) if self.open.is_some() => {
                Outcome::NotBegun { because: "the fix before is not ended".to_owned() }
            }
            Ask::Mend(order) => self.mend(&order, told),
            Ask::SetUp(order) => self.set_up(&order, told),
            Ask::Keep => self.keep(),
            Ask::TakeBack(because) => match self.open.take() {
                Some(journal) => self.take_back(journal, because, State::RolledBack, told),
                None => nothing_open(),
            },
            Ask::Undo { number, anyway } => self.undo(number, anyway, told),
        })
    }
}

impl Order {
    /// The fix, if there is one that is allowed, and is the one that was confirmed. `eyes`: those of whoever acts.
    pub fn planned(&self, eyes: Option<&dyn Host>) -> Result<Planned, String> {
        let evidence = match eyes {
            None => self.evidence.clone(),
            Some(host) => {
                let known = Some(Arc::new(self.evidence.clone()));
                let wanted = Wanted { known, ..Wanted::only(OWN_EYES) };
                gather(host, &self.expectations, &wanted, &Looking::default()).0
            }
        };
        let found = diagnose(&checks::all(), &evidence, &self.expectations, &Selection::default());
        let choice = Choice { disruptive: self.disruptive, ask: self.ask, only: vec![self.id.clone()] };
        let made = plan(&found, &evidence, &self.expectations, &choice);
        let made = made.fixes.into_iter().find(|it| it.id == self.id && it.steps == self.confirmed);
        made.ok_or_else(|| {
            format!("{}: the machine is not as it was when the plan was shown: look again", self.id)
        })
    }
}
