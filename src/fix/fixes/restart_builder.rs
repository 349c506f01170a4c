//! Restarts the VM.

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::fix::ground::{VM_COMES_UP, banner, builder_job, loaded, vm_builds};
use crate::fix::step::{Back, Interrupts, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. It is disruptive where a build may be in the VM.
pub static RESTART: Fix = Fix {
    id: "restart-builder",
    title: "Restart the VM, and wait until it is up",
    safety: Safety::Safe,
    plan: |e, want, _| steps(e, want, vm_builds(e, want), "have the VM start anew"),
};

/// Restart and wait, which ends these builds.
pub fn steps(e: &Evidence, want: &Expectations, ends: Interrupts, why: &str) -> Result<Vec<Step>, NoPlan> {
    let service = builder_job(e, want)?;
    if loaded(service)?.is_none() {
        return Err(NoPlan::NotHere(format!("launchd does not know {}", service.label)));
    }
    let back = Back::nothing("the job runs again as it is configured");
    let restart = Step::launchctl(Verb::Restart, &service.label, None, why, back).interrupting(ends);
    Ok(vec![restart, Step::wait(banner(e, want), VM_COMES_UP, "see that the VM came up")])
}
