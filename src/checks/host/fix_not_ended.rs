//! A fix was begun, and nobody knows how it ended, or it could not be taken back.

use crate::checks::prelude::*;
use crate::evidence::fixes::Fixes;
use crate::fix::journal::{Listed, State};

/// See the module.
pub static CHECK: Check = Check {
    id: "fix-not-ended",
    title: "No fix of builder-doctor's stopped half-way",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "`builder-doctor fix` writes each step into a journal before it takes it. One that is not ended is being \
          carried out just now, or was cut off: killed, or the Mac went off. One that is stuck could not be taken \
          back whole. What it did may still stand; `undo` takes it back, also now.",
    remedy: Remedy::same(Advice::disruptive(
        &["builder-doctor undo {fix-number}"],
        "If a fix is being carried out just now, wait for its end instead. `builder-doctor fix --list` names all \
         that were carried out.",
    )),
    fixes: &[],
    references: &["https://en.wikipedia.org/wiki/Write-ahead_logging"],
    judge,
    examples: &[
        Example { name: "one was cut off", given: |e| ended(e, State::Open), expect: Expect::Fail },
        Example { name: "one is stuck", given: |e| ended(e, State::Stuck), expect: Expect::Fail },
        Example { name: "one was carried out", given: |e| ended(e, State::Kept), expect: Expect::Pass },
        Example { name: "one was rolled back", given: |e| ended(e, State::RolledBack), expect: Expect::Pass },
    ],
};

fn ended(e: &mut Evidence, state: State) {
    let of_root = vec![Listed {
        number: 3,
        at: 1_795_000_000,
        id: "vm-unresponsive".to_owned(),
        fix: "restart-builder".to_owned(),
        title: "Restart the VM, and wait until it is up".to_owned(),
        state,
    }];
    e.fixes = Probe::seen(Fixes { of_root, of_user: Vec::new() }, "fixes.json");
}

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let all = e.fixes()?.all();
    let Some(last) = all.iter().rev().find(|it| matches!(it.state, State::Open | State::Stuck)) else {
        return pass(match all.last() {
            None => "no fix was carried out".to_owned(),
            Some(last) => format!("the last one, {} for {}: {}", last.number, last.id, last.state.name()),
        });
    };
    let seen = format!("fix {} ({}, for {}) is {}", last.number, last.fix, last.id, last.state.name());
    fail(seen, "every fix verified, or taken back").word("fix-number", last.number.to_string()).verdict()
}
