//! Sets the VM's disk aside, so that the VM makes a new one. What was built on it is built again.

use super::start_builder::starts_by_itself;
use crate::check::Finding;
use crate::evidence::Evidence;
use crate::evidence::flavour::Flavour;
use crate::evidence::service::Service;
use crate::expectations::Expectations;
use crate::fix::ground::{VM_COMES_UP, banner, builder_job, loaded, plist, vm_builds, word};
use crate::fix::step::{Action, Back, Condition, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. The old disk is kept beside the new one.
pub static MAKE: Fix = Fix {
    id: "new-disk",
    title: "Set the VM's disk aside, and have the VM make a new one",
    safety: Safety::Disruptive,
    plan: steps,
};

/// A new disk grows with what is built on it: less than this is no room for it beside the old one.
const ROOM_KIB: u64 = 5 << 20;

fn steps(e: &Evidence, want: &Expectations, finding: &Finding) -> Result<Vec<Step>, NoPlan> {
    let service = builder_job(e, want)?;
    let label = service.label.as_str();
    let file = plist(service)?;
    let image = image(e, service, finding)?;
    let free = e.platform()?.disk.as_ref().map(|disk| disk.free_kib);
    match free {
        None => return Err(NoPlan::Unknown("how much room the disk has, `df` did not say".to_owned())),
        Some(free) if free < ROOM_KIB => {
            let left = free >> 10;
            return Err(NoPlan::NotHere(format!(
                "there is no room for a second disk beside the old one: {left} MiB are left on this machine"
            )));
        }
        Some(_) => {}
    }
    let mut steps = Vec::new();
    if loaded(service)?.is_some() {
        let back = Back::launchctl(Verb::Bootstrap, label, Some(file));
        let out =
            Step::launchctl(Verb::Bootout, label, None, "stop the VM, so that nobody uses the disk", back);
        steps.push(out.interrupting(vm_builds(e, want)));
        let gone = Condition::NotLoaded { label: label.to_owned() };
        steps.push(Step::wait(gone, 60, "see that the VM has stopped"));
    }
    let aside = format!("{image}.set-aside");
    let back = Back::by(Action::MoveBack { from: aside.clone(), to: image.clone() });
    let why = "have the VM make a new disk; remove the old one once builds run";
    steps.push(Step::new(Action::MoveAside { from: image, to: aside }, why, back));
    let back = Back::launchctl(Verb::Bootout, label, None);
    steps.push(Step::launchctl(Verb::Bootstrap, label, Some(file), "start the VM", back));
    if !starts_by_itself(&service.plist.state) {
        let back = Back::nothing("unloading the job, which comes next, ends it");
        steps.push(Step::launchctl(Verb::Kickstart, label, None, "start the VM", back));
    }
    steps.push(Step::wait(banner(e, want), VM_COMES_UP, "see that the VM came up"));
    Ok(steps)
}

/// The disk's image: as root saw it, else where nixpkgs' script has it.
fn image(e: &Evidence, service: &Service, finding: &Finding) -> Result<String, NoPlan> {
    let seen = e.root_host().ok().and_then(|here| here.image.as_ref()).map(|image| image.path.as_str());
    if let Some(image) = word(finding, "image").or(seen) {
        return Ok(image.to_owned());
    }
    let stock = Flavour::of_label(&service.label).is_some_and(Flavour::is_stock);
    match service.working_directory() {
        Some(folder) if stock => Ok(format!("{}/nixos.qcow2", folder.trim_end_matches('/'))),
        _ => Err(NoPlan::Unknown("where the VM's disk is; builder-doctor --sudo looks".to_owned())),
    }
}
