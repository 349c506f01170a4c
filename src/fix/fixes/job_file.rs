//! Makes the builder's job file one that launchd loads: root's, and writable by nobody else.

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::fix::ground::{builder_job, plist};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. What is in the file stays as it is.
pub static REPAIR: Fix = Fix {
    id: "repair-job-file",
    title: "Give the builder's job file to root, and load it",
    safety: Safety::Safe,
    plan: |e, want, _| steps(e, want),
};

fn steps(e: &Evidence, want: &Expectations) -> Result<Vec<Step>, NoPlan> {
    let service = builder_job(e, want)?;
    let path = plist(service)?.to_owned();
    let owner = service.plist.owner.as_ref();
    let owner = owner.ok_or_else(|| NoPlan::Unknown(format!("whose {path} is, was not seen")))?;
    let sound = owner.uid == 0 && owner.mode == "644";
    let action = Action::SetMode { path, mode: "644".to_owned(), owner: Some("root:wheel".to_owned()) };
    let mut steps = Vec::new();
    if !sound {
        let why = "have a file that launchd loads: only root may change it";
        steps.push(Step::new(action, why, Back::from_journal()));
    }
    steps.extend(super::start_builder::steps(e, want)?);
    Ok(steps)
}
