//! One fix from its first step to its end: carried out, and then kept or taken back.

use super::carry_out::{Hands, Left, carry_out, take_back};
use super::journal::{Book, Entry, Journal, Progress, Shelf, State};
use super::plan::{Choice, Planned, plan};
use crate::checks;
use crate::diagnosis::{Selection, diagnose};
use crate::evidence::Evidence;
use crate::expectations::Expectations;
use serde::{Deserialize, Serialize};

/// What is to be mended: root plans it anew out of what was seen, and takes no steps from anybody.
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
}

impl Order {
    /// The fix, if there is one that is allowed.
    pub fn planned(&self) -> Result<Planned, String> {
        let found = diagnose(&checks::all(), &self.evidence, &self.expectations, &Selection::default());
        let choice = Choice { disruptive: self.disruptive, ask: self.ask, only: vec![self.id.clone()] };
        let made = plan(&found, &self.evidence, &self.expectations, &choice);
        made.fixes.into_iter().next().ok_or_else(|| format!("{}: there is nothing to carry out", self.id))
    }
}

/// How far a step came, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    },
    /// The machine is as before.
    TakenBack {
        /// The journal's number; None where nothing was begun.
        number: Option<u32>,
        /// Why.
        because: String,
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
}

/// Who mends.
pub struct Mender<'a> {
    /// Ahead: stops when the user wants it to.
    pub ahead: &'a dyn Hands,
    /// On the way back: does not stop.
    pub back: &'a dyn Hands,
    /// The journals.
    pub shelf: &'a Shelf<'a>,
}

impl Mender<'_> {
    /// Carries a fix out; where a step fails, takes it back at once.
    pub fn carry_out(
        &self,
        planned: &Planned,
        at: u64,
        said: &mut dyn FnMut(Told),
    ) -> (Option<Journal>, Outcome) {
        let number = match self.shelf.make().and_then(|()| self.shelf.next_number()) {
            Ok(number) => number,
            Err(because) => return (None, Outcome::TakenBack { number: None, because }),
        };
        let mut journal = Journal::new(number, at, planned);
        let mut tell = |entry: &Entry| said(entry.into());
        match carry_out(&mut journal, self.ahead, self.shelf, &mut tell) {
            Ok(()) => (Some(journal), Outcome::CarriedOut { number }),
            Err(because) => {
                let outcome = self.take_back(&mut journal, because, State::RolledBack, said);
                (None, outcome)
            }
        }
    }

    /// It helped: it stays.
    pub fn keep(&self, journal: &mut Journal) -> Outcome {
        journal.state = State::Kept;
        // What was done is done, and helped; a book that cannot be written says "not ended", which can be undone.
        let _ = self.shelf.keep(journal);
        Outcome::Kept { number: journal.number }
    }

    /// Takes it back, because of this.
    pub fn take_back(
        &self,
        journal: &mut Journal,
        because: String,
        ended: State,
        said: &mut dyn FnMut(Told),
    ) -> Outcome {
        let number = journal.number;
        let left = take_back(journal, self.back, self.shelf, ended, &mut |entry| said(entry.into()));
        if left.is_empty() {
            Outcome::TakenBack { number: Some(number), because }
        } else {
            Outcome::Stuck { number, because, left }
        }
    }
}
