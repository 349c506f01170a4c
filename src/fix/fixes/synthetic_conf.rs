//! Names /nix and /run in /etc/synthetic.conf again, from which alone macOS makes them.

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::fix::ground::{builder_job, loaded, on_a_mac, vm_builds};
use crate::fix::step::{Action, Back, Interrupts, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module.
pub static ADD: Fix = Fix {
    id: "name-roots",
    title: "Name what is missing in /etc/synthetic.conf, and have macOS make it",
    safety: Safety::Safe,
    plan: |e, want, _| steps(e, want),
};

const FILE: &str = "/etc/synthetic.conf";
const TOOL: &str = "/System/Library/Filesystems/apfs.fs/Contents/Resources/apfs.util";

fn steps(e: &Evidence, want: &Expectations) -> Result<Vec<Step>, NoPlan> {
    on_a_mac(e)?;
    let roots = e.roots()?;
    let unreadable = || NoPlan::Unknown(format!("{FILE} cannot be read"));
    let named = roots.synthetic.as_ref().ok_or_else(unreadable)?;
    let has = |name: &str| named.iter().any(|it| it == name);
    let nix_darwin = e.managers()?.nix_darwin.is_some();
    let mut lines = Vec::new();
    if roots.nix == Some(false) && !has("nix") {
        lines.push("nix".to_owned());
    }
    if nix_darwin && !has("run") {
        lines.push("run\tprivate/var/run".to_owned());
    }
    let mut steps = Vec::new();
    if !lines.is_empty() {
        let append = Action::AppendLines { path: FILE.to_owned(), lines };
        let why = "have macOS make them now and at each start";
        steps.push(Step::new(append, why, Back::from_journal()));
    }
    let run_is_missing = nix_darwin && roots.run == Some(false);
    if roots.nix == Some(false) || run_is_missing {
        let argv = vec![TOOL.to_owned(), "-t".to_owned()];
        let back = Back::nothing("what it makes is gone at the next start if the file no longer names it");
        steps.push(Step::new(Action::Run { argv }, "make now what the file names", back));
    }
    if let Ok(service) = builder_job(e, want)
        && run_is_missing
        && loaded(service)?.is_some()
        && vm_builds(e, want) == Interrupts::Nothing
    {
        let back = Back::nothing("launchd starts the job again and again in any case");
        let why = "start the VM, which keeps its files in /run";
        steps.push(Step::launchctl(Verb::Restart, &service.label, None, why, back));
    }
    Ok(steps)
}
