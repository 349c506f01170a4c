//! Starting and stopping: the steps from what launchd says, and how they are carried out as root.

use crate::evidence::Evidence;
use crate::evidence::service::{PlistState, Service};
use crate::evidence::stopped::{Mark, PATH, VERSION};
use crate::expectations::Expectations;
use crate::fix::carry_out::{Hands, NotRun};
use crate::fix::fixes::start_builder::starts_by_itself;
use crate::fix::ground;
use crate::fix::step::Back;
use crate::fix::step::{Action, Condition, Step, Verb};
use crate::host::change::Standing;
use std::path::Path;

/// The name of the hidden command that root runs.
pub const HIDDEN_COMMAND: &str = "control-as-root";
/// What root asks of the machine by itself.
pub const FACTS_OF_ROOT: &[&str] =
    &["platform", "managers", "builder_jobs", "disabled_jobs", "builder_job", "stopped"];
/// How long launchd may take to end the VM.
pub const UNLOADS: u64 = 60;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Let it run.
    Start,
    /// Let it not run, until it is started.
    Stop,
    /// End it if it runs, and let it run.
    Restart,
}

impl Order {
    /// As one word.
    pub fn word(self) -> &'static str {
        match self {
            Order::Start => "start",
            Order::Stop => "stop",
            Order::Restart => "restart",
        }
    }

    /// By its word.
    pub fn named(word: &str) -> Option<Self> {
        [Order::Start, Order::Stop, Order::Restart].into_iter().find(|it| it.word() == word)
    }
}

/// Whether the job has a process.
pub fn runs(e: &Evidence) -> bool {
    use crate::parse::launchd::Printed;
    e.builder_job().is_ok_and(|job| matches!(&job.printed, Printed::Loaded(job) if job.pid.is_some()))
}

/// What launchd has to be told, from what it says; none where all is so already.
pub fn steps(order: Order, e: &Evidence, want: &Expectations) -> Result<Vec<Step>, String> {
    let said = |why: crate::fix::NoPlan| why.to_string();
    let service = ground::builder_job(e, want).map_err(said)?;
    let job = ground::loaded(service).map_err(said)?;
    let running = job.is_some_and(|job| job.pid.is_some());
    let mut steps = Vec::new();
    let mut tell = |verb, why| steps.push(step(verb, service, why));
    if order == Order::Stop {
        if job.is_none() && matches!(service.plist.state, PlistState::Missing) {
            return Err(format!("launchd has no {}, and there is no {}", service.label, service.plist.path));
        }
        if service.disabled != Some(true) {
            tell(Verb::Disable, "keep launchd from starting it, after a reboot too");
        }
        if job.is_some() {
            tell(Verb::Bootout, "end the VM");
            let gone = Condition::NotLoaded { label: service.label.clone() };
            steps.push(Step::wait(gone, UNLOADS, "see that it is gone"));
        }
        return Ok(steps);
    }
    if service.disabled != Some(false) {
        tell(Verb::Enable, "let launchd start it at all");
    }
    match (order, job.is_some()) {
        (_, false) => {
            ground::plist(service).map_err(said)?;
            tell(Verb::Bootstrap, "have launchd load it");
            if !starts_by_itself(&service.plist.state) {
                tell(Verb::Kickstart, "start the VM");
            }
        }
        (Order::Restart, true) if running => tell(Verb::Restart, "end the VM, and start it"),
        (_, true) if running => {}
        (_, true) => tell(Verb::Kickstart, "start the VM"),
    }
    if steps.is_empty() {
        return Ok(steps);
    }
    ground::checked(steps, e).map_err(said)
}

fn step(verb: Verb, service: &Service, why: &str) -> Step {
    let file = (verb == Verb::Bootstrap).then_some(service.plist.path.as_str());
    Step::launchctl(verb, &service.label, file, why, Back::nothing("the opposite command takes it back"))
}

/// Carries out an order as root. Says each step when it is done.
pub fn carry_out(
    order: Order,
    e: &Evidence,
    want: &Expectations,
    by: (&str, u64),
    hands: &dyn Hands,
    said: &mut dyn FnMut(String),
) -> Result<(), String> {
    let steps = steps(order, e, want)?;
    let label = e.builder_job().map_err(|missing| missing.because)?.label.clone();
    let marked = e.stopped().is_ok_and(|it| it.mark.as_ref().is_some_and(|mark| mark.label == label));
    // Before the VM ends: whoever looks meanwhile is told the truth.
    let fresh = order == Order::Stop && !(steps.is_empty() && marked);
    if fresh {
        let mark = Mark { schema_version: VERSION, label: label.clone(), at: by.1, by: by.0.to_owned() };
        keep(hands, &mark)?;
    }
    let ended = steps.iter().try_for_each(|step| {
        if let Some(why) = hands.stop() {
            return Err(why);
        }
        act(&step.action, &label, hands).map_err(|why| format!("{}: {why}", step.action))?;
        said(step.action.to_string());
        Ok(())
    });
    match (order, &ended) {
        (Order::Stop, Ok(())) => {}
        // It is not stopped: launchd may start it again, and no mark says otherwise.
        (Order::Stop, Err(_)) if fresh => {
            let _ = launchctl(Verb::Enable, &label, hands);
            let _ = forget(hands);
        }
        (Order::Stop | Order::Start | Order::Restart, Err(_)) => {}
        (Order::Start | Order::Restart, Ok(())) => forget(hands)?,
    }
    ended
}

fn launchctl(verb: Verb, label: &str, hands: &dyn Hands) -> Result<(), String> {
    let action = Action::Launchctl { verb, label: label.to_owned(), plist: None };
    hands.run(&action.argv().unwrap_or_default()).map_err(NotRun::why)
}

fn act(action: &Action, label: &str, hands: &dyn Hands) -> Result<(), String> {
    let gone = |most| hands.wait(&Condition::NotLoaded { label: label.to_owned() }, most);
    match action {
        Action::Wait { until, at_most_seconds } => hands.wait(until, *at_most_seconds),
        Action::Launchctl { verb, .. } => {
            let ended = hands.run(&action.argv().unwrap_or_default()).map_err(NotRun::why);
            match (verb, ended) {
                // launchd answers 36, in progress, while the VM takes its time to end.
                (Verb::Bootout, Err(why)) => gone(UNLOADS).map_err(|_| why),
                // 5 or 37: it was loaded meanwhile, which is what was wanted.
                (Verb::Bootstrap, Err(why)) if gone(0).is_ok() => Err(why),
                (Verb::Bootstrap, Err(_)) => launchctl(Verb::Kickstart, label, hands),
                (_, ended) => ended,
            }
        }
        _ => Err("this is no step of starting or stopping".to_owned()),
    }
}

fn keep(hands: &dyn Hands, mark: &Mark) -> Result<(), String> {
    let told = |why: String| format!("{PATH}: {why}");
    let path = Path::new(PATH);
    let folder = path.parent().unwrap_or(path);
    let files = hands.files();
    if files.standing(folder).map_err(|error| told(error.to_string()))? == Standing::Absent {
        files.make_folder(folder, 0o755, None).map_err(|error| told(error.to_string()))?;
    }
    let text = serde_json::to_vec_pretty(mark).map_err(|error| told(error.to_string()))?;
    files.write(path, &text, 0o644, None).map_err(|error| told(error.to_string()))
}

fn forget(hands: &dyn Hands) -> Result<(), String> {
    let told = |why: String| format!("{PATH}: {why}");
    let path = Path::new(PATH);
    let files = hands.files();
    match files.standing(path) {
        Ok(Standing::Absent) => Ok(()),
        // Its folder is not there either.
        Err(crate::host::change::ChangeError::Host(crate::host::HostError::NotFound)) => Ok(()),
        Ok(_) => files.remove(path).map_err(|error| told(error.to_string())),
        Err(error) => Err(told(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Probe, healthy};
    use crate::parse::launchd::Printed;

    fn with(disabled: Option<bool>, change: impl FnOnce(&mut Printed)) -> Evidence {
        let mut e = healthy::evidence();
        if let Probe::Seen { fact, .. } = &mut e.builder_job {
            fact.disabled = disabled;
            change(&mut fact.printed);
        }
        e
    }

    fn dead(printed: &mut Printed) {
        if let Printed::Loaded(job) = printed {
            job.pid = None;
        }
    }

    fn verbs(order: Order, e: &Evidence) -> Vec<Verb> {
        let steps = steps(order, e, &Expectations::default()).unwrap();
        let verb = |step: &Step| match &step.action {
            Action::Launchctl { verb, .. } => Some(*verb),
            _ => None,
        };
        steps.iter().filter_map(verb).collect()
    }

    #[test]
    fn launchd_is_told_what_is_not_so_yet_and_nothing_else() {
        let running = with(Some(false), |_| {});
        let loaded_and_dead = with(Some(false), dead);
        let gone = with(Some(false), |printed| *printed = Printed::NotFound);
        let disabled = with(Some(true), |printed| *printed = Printed::NotFound);
        assert_eq!(verbs(Order::Start, &running), []);
        assert_eq!(verbs(Order::Start, &loaded_and_dead), [Verb::Kickstart]);
        assert_eq!(verbs(Order::Start, &gone), [Verb::Bootstrap]);
        assert_eq!(verbs(Order::Start, &disabled), [Verb::Enable, Verb::Bootstrap]);
        assert_eq!(verbs(Order::Stop, &running), [Verb::Disable, Verb::Bootout]);
        assert_eq!(verbs(Order::Stop, &disabled), []);
        assert_eq!(verbs(Order::Restart, &running), [Verb::Restart]);
        assert_eq!(verbs(Order::Restart, &disabled), [Verb::Enable, Verb::Bootstrap]);
    }

    #[test]
    fn what_launchd_says_and_nobody_understands_is_no_ground_to_act() {
        let unclear = with(Some(false), |printed| *printed = Printed::Unclear("?".to_owned()));
        for order in [Order::Start, Order::Stop, Order::Restart] {
            steps(order, &unclear, &Expectations::default()).unwrap_err();
        }
        let mut linux = healthy::evidence();
        healthy::on_linux(&mut linux);
        steps(Order::Start, &linux, &Expectations::default()).unwrap_err();
    }
}
