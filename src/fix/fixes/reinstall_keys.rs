//! Has the VM's script install its pair of keys anew: it does so at its start, where the public half that is
//! installed is not its own.

use crate::evidence::Evidence;
use crate::evidence::key_files::KeyState;
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
    let mut steps = keys_aside(e)?;
    let why = "install the pair of the VM's own folder";
    let restart = super::restart_builder::steps(e, want, builds_of_a_shut_vm(e), why)?;
    steps.extend(taking_new_keys_away(restart, &steps));
    Ok(steps)
}

/// The way back of a restart after which there are keys where there were none: none that was set aside is put in
/// their place.
fn taking_new_keys_away(mut restart: Vec<Step>, aside: &[Step]) -> Vec<Step> {
    let is_aside = |path: &str| aside.iter().any(|step| step.action.targets().contains(&path));
    let new = [INSTALLED.to_owned(), format!("{INSTALLED}.pub")].into_iter().filter(|path| !is_aside(path));
    let actions: Vec<Action> = new.map(|path| Action::RemoveFile { path }).collect();
    if let (Some(first), false) = (restart.first_mut(), actions.is_empty()) {
        first.back = Back::By { actions };
    }
    restart
}

/// Sets the pair that is installed aside, so that it can be put back: the VM's script writes over it.
pub fn keys_aside(e: &Evidence) -> Result<Vec<Step>, NoPlan> {
    let found = e.key_files()?.iter().find(|it| it.path == INSTALLED).map(|it| &it.state);
    let private = match found {
        Some(KeyState::Present { .. }) => true,
        Some(KeyState::Missing) => false,
        _ => return Err(NoPlan::Unknown(format!("whether there is a {INSTALLED}"))),
    };
    let roots = e.root_host().ok().and_then(|here| here.keys.as_ref());
    let pair = roots.map_or_else(|| e.key_pair(), Ok)?;
    let public = pair.installed.state != HalfState::Missing;
    let aside = |path: String, why: &str| {
        let to = format!("{path}.set-aside");
        let back = Back::by(Action::MoveBack { from: to.clone(), to: path.clone() });
        Step::new(Action::MoveAside { from: path, to }, why, back)
    };
    let mut steps = Vec::new();
    if public {
        let why = "have the VM's script see that the pair is to be installed";
        steps.push(aside(format!("{INSTALLED}.pub"), why));
    }
    if private {
        steps.push(aside(INSTALLED.to_owned(), "keep the key that the script would write over"));
    }
    Ok(steps)
}
