//! The port takes connections, and no sshd says a word.

use super::{BOOTING, set_age, set_port, starts_on_demand, vm_not_listening, vm_still_booting};
use crate::checks::host::host_cannot_virtualise;
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::restart_builder;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-unresponsive",
    title: "The VM's sshd answers",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&host_cannot_virtualise::CHECK, &vm_still_booting::CHECK, &vm_not_listening::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "QEMU holds the port open while the guest behind it hangs: it ran out of memory, stopped over a long sleep, or its \
          disk image was damaged when it was killed (vm-state-corrupt). Nix waits for such a guest for ever.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "If it hangs again after three minutes, its disk image is damaged. It holds nothing that cannot be built again; this \
         moves it aside:\n\n    sudo launchctl bootout system/{label}\n    \
         sudo mv /var/lib/linux-builder/nixos.qcow2 /var/lib/linux-builder/nixos.qcow2.damaged\n    \
         sudo launchctl bootstrap system {plist}",
    )),
    fixes: &[&restart_builder::RESTART],
    references: &["NixOS/nix#1712", "NixOS/nix#16437"],
    judge,
    examples: &[
        Example {
            name: "running for two hours, and silent",
            given: |e| set_port(e, PortAnswer::Silent { seconds: 7 }),
            expect: Expect::Fail,
        },
        Example {
            name: "hangs up without a word",
            given: |e| set_port(e, PortAnswer::Closed),
            expect: Expect::Fail,
        },
        Example { name: "answers", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "started a minute ago",
            given: |e| {
                set_age(e, 60);
                set_port(e, PortAnswer::Silent { seconds: 7 });
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    if !e.is_own_vm(machine, want) {
        return moot(format!("the builder is {}, which is not this Mac's VM", machine.host));
    }
    if starts_on_demand(e) {
        return moot("it may be waking up");
    }
    let port = e.port_of(&machine.host)?;
    let what = match &port.answer {
        PortAnswer::Silent { seconds } => format!("takes connections and says nothing for {seconds} s"),
        PortAnswer::NoAnswer => "does not answer a connection".to_owned(),
        PortAnswer::Closed => "takes connections and hangs up without a word".to_owned(),
        PortAnswer::Ssh(banner) => return pass(banner),
        _ => return moot("the port does not hang"),
    };
    let hangs = match e.builder_job().ok().and_then(|service| service.age_seconds) {
        Some(age) if age < BOOTING => return moot("it may still be booting"),
        Some(_) => "the VM hangs",
        // When it was started is not known.
        None => "the VM hangs, or is still booting",
    };
    fail(format!("{hangs}: {} {what}", port.place()), "an SSH banner within a second").verdict()
}
