//! Has the VM's script install its pair of keys anew: it does so at its start, where the public half that is
//! installed is not its own.

use crate::evidence::Evidence;
use crate::evidence::key_pair::{HalfState, INSTALLED};
use crate::expectations::Expectations;
use crate::fix::ground::{builder_job, builds_of_a_shut_vm, word};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. Nobody can log in with the keys as they are, so no build is lost.
pub static REINSTALL: Fix = Fix {
    id: "reinstall-keys",
    title: "Have the VM install its keys anew",
    safety: Safety::Safe,
    plan: |e, want, finding| steps(e, want, word(finding, "key").unwrap_or(INSTALLED)),
};

fn steps(e: &Evidence, want: &Expectations, key: &str) -> Result<Vec<Step>, NoPlan> {
    builder_job(e, want)?;
    if key != INSTALLED {
        return Err(NoPlan::NotHere(format!(
            "the VM installs its key as {INSTALLED}, and the line names {key}"
        )));
    }
    let roots = e.root_host().ok().and_then(|here| here.keys.as_ref());
    let pair = roots.map_or_else(|| e.key_pair(), Ok).ok();
    let mut steps = Vec::new();
    // What is not known to be there may be: the step is passed over where there is no such file.
    if pair.is_none_or(|pair| pair.installed.state != HalfState::Missing) {
        let path = format!("{INSTALLED}.pub");
        let why = "have the VM's script see that the pair is to be installed";
        steps.push(Step::new(Action::RemoveFile { path }, why, Back::from_journal()));
    }
    let why = "install the pair of the VM's own folder";
    steps.extend(super::restart_builder::steps(e, want, builds_of_a_shut_vm(e), why)?);
    Ok(steps)
}
