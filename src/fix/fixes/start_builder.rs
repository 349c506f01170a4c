//! Starts the builder's job, as far as launchd lets it be started.

use crate::evidence::Evidence;
use crate::evidence::service::PlistState;
use crate::expectations::Expectations;
use crate::fix::ground::{VM_COMES_UP, banner, builder_job, loaded, plist};
use crate::fix::step::{Back, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module.
pub static START: Fix = Fix {
    id: "start-builder",
    title: "Start the builder's job, and wait for the VM",
    safety: Safety::Safe,
    plan: |e, want, _| steps(e, want),
};

/// Enable, load, start, wait: what of it is needed here.
pub fn steps(e: &Evidence, want: &Expectations) -> Result<Vec<Step>, NoPlan> {
    let service = builder_job(e, want)?;
    let label = service.label.as_str();
    let mut steps = Vec::new();
    if service.disabled == Some(true) {
        let back = Back::launchctl(Verb::Disable, label, None);
        steps.push(Step::launchctl(Verb::Enable, label, None, "let launchd start the job at all", back));
    }
    let mut start = || {
        let back = Back::launchctl(Verb::Terminate, label, None);
        steps.push(Step::launchctl(Verb::Kickstart, label, None, "start the VM", back));
    };
    match loaded(service)? {
        Some(job) if job.pid.is_some() => {
            return Err(NoPlan::NotHere(format!("{label} runs already")));
        }
        Some(_) => start(),
        None => {
            let file = plist(service)?;
            let back = Back::launchctl(Verb::Bootout, label, None);
            steps.push(Step::launchctl(
                Verb::Bootstrap,
                label,
                Some(file),
                "have launchd load the job",
                back,
            ));
            if !starts_by_itself(&service.plist.state) {
                let back = Back::nothing("unloading the job, which comes next, ends it");
                steps.push(Step::launchctl(Verb::Kickstart, label, None, "start the VM", back));
            }
        }
    }
    if !matches!(&service.plist.state, PlistState::Present(plist) if plist.on_demand) {
        steps.push(Step::wait(banner(e, want), VM_COMES_UP, "see that the VM came up"));
    }
    Ok(steps)
}

/// launchd starts it as soon as it is loaded, or when somebody connects.
pub fn starts_by_itself(state: &PlistState) -> bool {
    let PlistState::Present(plist) = state else { return false };
    plist.on_demand || plist.run_at_load == Some(true) || plist.keep_alive == Some(true)
}
