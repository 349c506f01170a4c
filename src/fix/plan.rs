//! The plan for one machine: what is mended by itself, in which order, and what is left to the user. Pure, so a
//! report of the machine gives the plan that the machine gives.

use super::step::{Interrupts, Step};
use super::{Made, Safety, made};
use crate::advice::{manager, prescribe};
use crate::check::{Check, Finding, Manager};
use crate::diagnosis::{Diagnosis, Judged, Role};
use crate::evidence::Evidence;
use crate::expectations::Expectations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of the fixes is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Disruptive ones, too.
    pub disruptive: bool,
    /// Those that change a file of the user's own, too.
    pub ask: bool,
    /// Only what mends these checks; empty for every cause.
    pub only: Vec<String>,
}

impl Choice {
    /// Whether a fix of this kind may be applied.
    pub fn allows(&self, safety: Safety) -> bool {
        match safety {
            Safety::Safe => true,
            Safety::Disruptive => self.disruptive,
            Safety::Ask => self.ask,
        }
    }
}

/// The plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// What is applied, one after the other, each verified before the next.
    pub fixes: Vec<Planned>,
    /// What could be applied, and was not allowed.
    pub withheld: Vec<Planned>,
    /// What to paste where nix-darwin, Determinate or the user writes the file.
    pub patches: Vec<Patch>,
    /// What only the user can do.
    pub by_hand: Vec<ByHand>,
}

/// A fix with its steps for this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// The check that it mends.
    pub id: String,
    /// What was seen.
    pub seen: String,
    /// The fix.
    pub fix: String,
    /// What it does.
    pub title: String,
    /// What a user may rely on.
    pub safety: Safety,
    /// A step needs root.
    pub needs_root: bool,
    /// The worst that its steps end.
    pub interrupts: Interrupts,
    /// In order.
    pub steps: Vec<Step>,
}

/// Text to paste.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Patch {
    /// The check that it mends.
    pub id: String,
    /// What was seen.
    pub seen: String,
    /// Who writes the file.
    #[serde(rename = "for")]
    pub manager: Manager,
    /// Where it goes, and what.
    pub text: String,
    /// What to run then.
    pub then: Vec<String>,
    /// What else to know; may be empty.
    #[serde(default)]
    pub note: String,
}

/// What only the user can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByHand {
    /// The check.
    pub id: String,
    /// What was seen.
    pub seen: String,
    /// Why it is not done by itself: a fragment.
    pub because: String,
    /// Each can be typed alone on its line.
    pub commands: Vec<String>,
    /// What else to know; may be empty.
    #[serde(default)]
    pub note: String,
}

/// The plan for what a diagnosis found: the causes in rank order, and no consequence, unless it is named.
pub fn plan(d: &Diagnosis, e: &Evidence, want: &Expectations, choice: &Choice) -> Plan {
    let mut plan = Plan::default();
    for (judged, finding, role) in d.findings() {
        let named = choice.only.iter().any(|id| id == judged.check.id);
        if !(named || (choice.only.is_empty() && role == Role::Cause)) {
            continue;
        }
        if role == Role::Consequence {
            plan.by_hand.push(consequence(judged, finding));
            continue;
        }
        match made(judged.check, finding, e, want) {
            Some(Ok(made)) => {
                let list = if choice.allows(made.safety) { &mut plan.fixes } else { &mut plan.withheld };
                list.push(planned(judged.check, finding, made));
            }
            Some(Err(why)) => left(&mut plan, judged.check, finding, e, want, &why.to_string()),
            None => left(&mut plan, judged.check, finding, e, want, NOT_OURS),
        }
    }
    plan
}

const NOT_OURS: &str = "nothing that can be taken back mends it by itself";

fn planned(check: &Check, finding: &Finding, made: Made) -> Planned {
    Planned {
        id: check.id.to_owned(),
        seen: finding.seen.clone(),
        fix: made.fix.id.to_owned(),
        title: made.fix.title.to_owned(),
        safety: made.safety,
        needs_root: made.needs_root(),
        interrupts: made.interrupts(),
        steps: made.steps,
    }
}

fn consequence(judged: &Judged, finding: &Finding) -> ByHand {
    let causes: Vec<&str> = judged.because_of.iter().map(|check| check.id).collect();
    ByHand {
        id: judged.check.id.to_owned(),
        seen: finding.seen.clone(),
        because: format!("it follows from {}, which is to be mended first", crate::prose::and(&causes)),
        commands: causes.iter().map(|id| format!("builder-doctor fix --dry-run --only {id}")).collect(),
        note: String::new(),
    }
}

/// What no fix does: text to paste where there is some, else what the remedy says.
fn left(plan: &mut Plan, check: &Check, finding: &Finding, e: &Evidence, want: &Expectations, why: &str) {
    let remedy = prescribe(check, finding, e, want);
    let (id, seen) = (check.id.to_owned(), finding.seen.clone());
    if remedy.edit.is_empty() {
        let because = why.to_owned();
        plan.by_hand.push(ByHand { id, seen, because, commands: remedy.commands, note: remedy.note });
    } else {
        let manager = manager(e);
        let then = remedy.commands;
        plan.patches.push(Patch { id, seen, manager, text: remedy.edit, then, note: remedy.note });
    }
}

impl Plan {
    /// Whether anything would be done.
    pub fn is_empty(&self) -> bool {
        self.fixes.is_empty()
    }
}
