//! Makes the folder that the VM's job runs in.

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::fix::ground::{VM_COMES_UP, banner, builder_job, loaded, vm_builds, word};
use crate::fix::step::{Action, Back, Interrupts, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module.
pub static MAKE: Fix = Fix {
    id: "make-working-directory",
    title: "Make the folder that the VM's job runs in, and start the VM",
    safety: Safety::Safe,
    plan: |e, want, finding| steps(e, want, word(finding, "folder")),
};

fn steps(e: &Evidence, want: &Expectations, folder: Option<&str>) -> Result<Vec<Step>, NoPlan> {
    let service = builder_job(e, want)?;
    let folder = folder.ok_or_else(|| NoPlan::Unknown("the job's file names no folder".to_owned()))?;
    let make = Action::MakeFolder {
        path: folder.to_owned(),
        mode: "755".to_owned(),
        owner: Some("root:wheel".to_owned()),
    };
    let back = Back::by(Action::RemoveFolder { path: folder.to_owned() });
    let mut steps = vec![Step::new(make, "give the VM a place for its disk and its keys", back)];
    // A VM that runs without it goes on until it is stopped: it is let be.
    if vm_builds(e, want) == Interrupts::Nothing && loaded(service)?.is_some() {
        let why = "start the VM, which makes a disk and keys there";
        let back = Back::nothing("launchd starts the job again and again in any case");
        steps.push(Step::launchctl(Verb::Restart, &service.label, None, why, back));
        steps.push(Step::wait(banner(e, want), VM_COMES_UP, "see that the VM came up"));
    }
    Ok(steps)
}
