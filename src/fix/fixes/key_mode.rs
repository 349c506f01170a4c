//! Closes the builder's key to others.

use crate::evidence::Evidence;
use crate::evidence::key_files::KeyState;
use crate::fix::ground::word;
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module.
pub static CLOSE: Fix = Fix {
    id: "close-key",
    title: "Let only its owner read the builder's key",
    safety: Safety::Safe,
    plan: |e, _, finding| steps(e, word(finding, "key")),
};

fn steps(e: &Evidence, key: Option<&str>) -> Result<Vec<Step>, NoPlan> {
    let unknown = || NoPlan::Unknown("the mode of the key is not known".to_owned());
    let key = key.ok_or_else(unknown)?;
    let found = e.key_files()?.iter().find(|it| it.path == key).map(|it| &it.state);
    let Some(KeyState::Present { mode: was, uid }) = found else { return Err(unknown()) };
    let set = |mode: &str| Action::SetMode { path: key.to_owned(), mode: mode.to_owned(), owner: None };
    let step = Step::new(set("600"), "have ssh take the key", Back::by(set(was)));
    Ok(vec![if *uid == 0 { step } else { step.as_user() }])
}
