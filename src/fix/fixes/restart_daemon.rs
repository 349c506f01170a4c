//! Starts the Nix daemon, or restarts it, by the label that it has here.

use crate::evidence::Evidence;
use crate::fix::ground::{loaded, on_a_mac, plist};
use crate::fix::step::{Action, Back, Condition, Interrupts, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// For a daemon that nobody hears of.
pub static START: Fix =
    Fix { id: "start-daemon", title: "Start the Nix daemon", safety: Safety::Safe, plan: |e, _, _| start(e) };

/// For one that runs on settings of yesterday.
pub static RESTART: Fix = Fix {
    id: "restart-daemon",
    title: "Restart the Nix daemon, so that it reads its files",
    safety: Safety::Disruptive,
    plan: |e, _, _| Ok(vec![restart(e, "have the daemon read its files again")?]),
};

/// How long the daemon may take to come up.
const COMES_UP: u64 = 30;

fn start(e: &Evidence) -> Result<Vec<Step>, NoPlan> {
    on_a_mac(e)?;
    let service = e.daemon_job()?;
    let label = service.label.as_str();
    let mut steps = Vec::new();
    if service.disabled == Some(true) {
        let back = Back::launchctl(Verb::Disable, label, None);
        steps.push(Step::launchctl(Verb::Enable, label, None, "let launchd start the daemon at all", back));
    }
    if loaded(service)?.is_some() {
        // One that takes connections and says nothing may still have builds to its name.
        let silent = e.nix_daemon()?.silent_for.is_some();
        let ends = if silent { Interrupts::AllBuilds } else { Interrupts::Nothing };
        let back = Back::nothing("launchd keeps the daemon running in any case");
        let restart = Step::launchctl(Verb::Restart, label, None, "start the daemon", back);
        steps.push(restart.interrupting(ends));
    } else {
        let back = Back::launchctl(Verb::Bootout, label, None);
        let why = "have launchd load the daemon's job, and start it when it is called";
        steps.push(Step::launchctl(Verb::Bootstrap, label, Some(plist(service)?), why, back));
    }
    steps.push(Step::wait(Condition::DaemonAnswers, COMES_UP, "see that the daemon answers"));
    Ok(steps)
}

/// The step that restarts a daemon that runs.
pub fn restart(e: &Evidence, why: &str) -> Result<Step, NoPlan> {
    let Action::Launchctl { label, .. } = restart_action(e)? else {
        return Err(NoPlan::NotHere("there is no daemon".to_owned()));
    };
    let back =
        Back::nothing("the daemon runs as before; where a file is put back, it is restarted after that");
    Ok(Step::launchctl(Verb::Restart, &label, None, why, back).interrupting(Interrupts::AllBuilds))
}

/// What restarts the daemon, for the way back of a changed file.
pub fn restart_action(e: &Evidence) -> Result<Action, NoPlan> {
    on_a_mac(e)?;
    let label = e.managers()?.daemon_label().to_owned();
    Ok(Action::Launchctl { verb: Verb::Restart, label, plist: None })
}
