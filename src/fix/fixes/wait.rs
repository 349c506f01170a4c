//! What time alone mends.

use crate::fix::ground::{VM_COMES_UP, banner, builder_job};
use crate::fix::step::{Condition, Step};
use crate::fix::{Fix, Safety};

/// For a VM that was started a moment ago.
pub static FOR_VM: Fix = Fix {
    id: "wait-for-vm",
    title: "Wait until the VM is up",
    safety: Safety::Safe,
    plan: |e, want, _| {
        builder_job(e, want)?;
        Ok(vec![Step::wait(banner(e, want), VM_COMES_UP, "let the VM come up")])
    },
};

/// For an sshd that shuts out who failed too often.
pub static LET_IN_AGAIN: Fix = Fix {
    id: "wait-to-be-let-in",
    title: "Wait until the sshd lets this Mac in again",
    safety: Safety::Safe,
    plan: |_, _, _| {
        Ok(vec![Step::wait(Condition::TimePassed, 60, "have the sshd forget the logins that failed")])
    },
};
