//! The VM's clock is off.

use super::{inside, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;
use crate::fix::fixes::restart_builder;
use crate::prose::span;

/// A login takes seconds, which are not the clock's fault.
const TOLERANCE: u64 = 60;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-clock-skew",
    title: "The VM's clock agrees with this machine's",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[&ssh_login_refused::CHECK],
    disproved_by: Proof::Nothing,
    why: "While a Mac sleeps the clock of its VM stands still, and only a time server that the VM can reach sets it right. \
          Until then downloads in the VM fail with `certificate is not yet valid`, and files are dated in the past.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "The restart sets the clock, and ends builds that run. It comes back after each long sleep where the VM reaches no \
         time server.",
    )),
    fixes: &[&restart_builder::RESTART],
    references: &["superradcompany/microsandbox#831", "smol-machines/smolvm#521", "arcboxlabs/arcbox#574"],
    judge,
    examples: &[
        Example {
            name: "two hours behind, after a sleep",
            given: |e| set_inside(e, |guest| guest.seconds_ahead = Some(-7_500)),
            expect: Expect::Fail,
        },
        Example {
            name: "ten minutes ahead",
            given: |e| set_inside(e, |guest| guest.seconds_ahead = Some(600)),
            expect: Expect::Fail,
        },
        Example {
            name: "eight seconds, which the login took",
            given: |e| set_inside(e, |guest| guest.seconds_ahead = Some(8)),
            expect: Expect::Pass,
        },
        Example {
            name: "no `date` in the VM",
            given: |e| set_inside(e, |guest| guest.seconds_ahead = None),
            expect: Expect::Unknown,
        },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let ahead = inside(e)?.seconds_ahead.ok_or_else(|| Missing::new("`date` in the VM gave no answer"))?;
    let off = ahead.unsigned_abs();
    if off <= TOLERANCE {
        return pass("in step");
    }
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    fail(
        format!("the VM's clock is {} {way} this machine's", span(off)),
        "the same time, give or take a minute",
    )
    .verdict()
}
