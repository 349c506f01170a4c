//! Fixes: what mends a fault by itself, planned from evidence alone. The same evidence, the same plan.
//!
//! A fix is a static value in a file of `fixes`; the check that it mends names it in its own `fixes`. What is
//! managed by nix-darwin or Determinate is never a target: for that the plan holds an option or a line to paste.

pub mod carry_out;
pub mod fixes;
pub(crate) mod ground;
pub mod hands;
pub mod journal;
pub mod mend;
pub mod plan;
pub mod step;
pub mod verify;

use crate::check::{Check, Finding};
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use step::{As, Interrupts, Step};

/// One way to mend a fault.
pub struct Fix {
    /// Its name.
    pub id: &'static str,
    /// What it does: an order, without its dot.
    pub title: &'static str,
    /// What a user may rely on, at best: steps that end builds make it disruptive.
    pub safety: Safety,
    /// Pure: the steps for this machine, in order, or why there are none.
    pub plan: fn(&Evidence, &Expectations, &Finding) -> Result<Vec<Step>, NoPlan>,
}

impl fmt::Debug for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// What a user may rely on when a fix is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Can be repeated and taken back; loses nothing.
    Safe,
    /// Ends running builds, or sets the VM's store aside, which is built again.
    Disruptive,
    /// Changes a file that is the user's own.
    Ask,
}

impl Safety {
    /// As it stands in reports and is typed.
    pub fn name(self) -> &'static str {
        match self {
            Safety::Safe => "safe",
            Safety::Disruptive => "disruptive",
            Safety::Ask => "ask",
        }
    }
}

/// Why a fix has no steps for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// It does not apply, because of this: a fragment.
    NotHere(String),
    /// The evidence does not hold what it needs: why not.
    Unknown(String),
    /// The file is managed by somebody else.
    Managed(String),
}

impl From<Missing> for NoPlan {
    fn from(missing: Missing) -> Self {
        NoPlan::Unknown(missing.because)
    }
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPlan::NotHere(why) => f.write_str(why),
            NoPlan::Unknown(why) => write!(f, "the evidence does not hold what it needs ({why})"),
            NoPlan::Managed(path) => write!(f, "{path} is not the user's own to edit"),
        }
    }
}

/// A fix made out for one machine.
#[derive(Clone, Debug)]
pub struct Made {
    /// The fix.
    pub fix: &'static Fix,
    /// What a user may rely on here.
    pub safety: Safety,
    /// In order; at least one.
    pub steps: Vec<Step>,
}

impl Made {
    /// Whether a step needs root.
    pub fn needs_root(&self) -> bool {
        self.steps.iter().any(|step| step.as_whom == As::Root)
    }

    /// The worst of what its steps end.
    pub fn interrupts(&self) -> Interrupts {
        self.steps.iter().map(|step| step.interrupts).max().unwrap_or(Interrupts::Nothing)
    }
}

/// The first of a check's fixes that has steps for this machine; else why the last one has none; None where the
/// check has no fix.
pub fn made(
    check: &Check,
    finding: &Finding,
    e: &Evidence,
    want: &Expectations,
) -> Option<Result<Made, NoPlan>> {
    let mut none = None;
    for fix in check.fixes {
        match (fix.plan)(e, want, finding).and_then(|steps| ground::checked(steps, e)) {
            Ok(steps) => {
                let ends = steps.iter().any(|step| step.interrupts > Interrupts::Nothing);
                let safety = if ends { fix.safety.max(Safety::Disruptive) } else { fix.safety };
                return Some(Ok(Made { fix, safety, steps }));
            }
            Err(why) => none = Some(Err(why)),
        }
    }
    none
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod carry_out_tests;
