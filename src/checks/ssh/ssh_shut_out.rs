//! The builder's sshd shuts this Mac out for a while.

use super::{ssh_key_mismatch, ssh_key_missing, ssh_key_too_open};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::wait;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-shut-out",
    title: "The builder's sshd lets this Mac knock",
    layer: Layer::Ssh,
    severity: Severity::Error,
    // sshd counts what these let fail.
    needs: &[&ssh_key_missing::CHECK, &ssh_key_too_open::CHECK, &ssh_key_mismatch::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "Since OpenSSH 9.8 sshd counts logins that fail or never come, and then refuses the address they came from for some \
          seconds, longer each time. To the VM all of this Mac is one address. Why logins failed before cannot be seen while this lasts.",
    remedy: Remedy::same(Advice::safe(
        &["sleep 60 && builder-doctor --sudo"],
        "Run no builds in that minute: each that fails makes it longer.",
    )),
    fixes: &[&wait::LET_IN_AGAIN],
    references: &["https://man.openbsd.org/sshd_config#PerSourcePenalties"],
    judge,
    examples: &[
        Example {
            name: "sshd says `Not allowed at this time`",
            given: |e| {
                let answer = PortAnswer::ShutOut("Not allowed at this time".to_owned());
                e.ports = Probe::seen(vec![healthy::port(answer)], "one connection");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "sshd greets", given: |_| {}, expect: Expect::Pass },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    match &e.port_of(&machine.host)?.answer {
        PortAnswer::ShutOut(words) => {
            let seen = format!(
                "the sshd of {} shuts this Mac out for now, after logins that failed: {words:?}",
                machine.host
            );
            fail(seen, "its banner").verdict()
        }
        _ => pass("it does not shut this Mac out"),
    }
}
