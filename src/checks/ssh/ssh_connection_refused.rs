//! Nobody listens at the builder's port.

use super::{ssh_alias_missing, ssh_config_bad_permissions};
use crate::checks::config::builder_not_configured;
use crate::checks::host::localhost_does_not_resolve;
use crate::checks::prelude::*;
use crate::checks::service;
use crate::evidence::port::{PortAnswer, PortView};

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-connection-refused",
    title: "Somebody listens at the builder's port",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[
        &builder_not_configured::CHECK,
        &localhost_does_not_resolve::CHECK,
        &service::port_31022_in_use::CHECK,
        &service::builder_service_disabled::CHECK,
        &service::builder_service_not_loaded::CHECK,
        &service::builder_crash_looping::CHECK,
        &service::builder_service_not_running::CHECK,
        &service::vm_still_booting::CHECK,
        &service::vm_not_listening::CHECK,
        &service::vm_unresponsive::CHECK,
        &ssh_config_bad_permissions::CHECK,
        &ssh_alias_missing::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The connection is refused before ssh says a word. Where launchd runs the VM, the reason is there; where it does \
          not, the VM was started by hand and has ended, or the remote machine's sshd is off.",
    remedy: Remedy::same(Advice::manual(
        &["ssh -G {host}"],
        "The command shows where ssh would go. Start what is to listen there; nixpkgs' stock builder is started by hand with \
         nix run nixpkgs#darwin.linux-builder.",
    )),
    fixes: &[],
    references: &["NixOS/nixpkgs#229542"],
    judge,
    examples: &[
        Example {
            name: "nobody listens at a machine elsewhere",
            given: |e| elsewhere(e, PortAnswer::Refused),
            expect: Expect::Fail,
        },
        Example {
            name: "a machine elsewhere that answers",
            given: |e| elsewhere(e, PortAnswer::Ssh("SSH-2.0-OpenSSH_10.2".to_owned())),
            expect: Expect::Pass,
        },
        Example {
            name: "a machine behind a jump host",
            given: |e| elsewhere(e, PortAnswer::Failed("it is reached through a proxy".to_owned())),
            expect: Expect::Unknown,
        },
        Example { name: "an SSH server answers", given: |_| {}, expect: Expect::Pass },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

/// No VM here: the builder is another machine.
fn elsewhere(e: &mut Evidence, answer: PortAnswer) {
    healthy::set_machines(e, &healthy::MACHINES.replace("linux-builder", "buildbox"));
    if let Probe::Seen { fact, .. } = &mut e.ssh {
        fact.iter_mut().for_each(|it| it.host = "buildbox".to_owned());
        fact.iter_mut().filter_map(|it| it.view.as_mut()).for_each(|it| it.hostname = "192.0.2.7".to_owned());
    }
    let port = PortView { host: "buildbox".to_owned(), address: "192.0.2.7".to_owned(), port: 22, answer };
    e.ports = Probe::seen(vec![port], "one connection");
    e.builder_jobs = Probe::seen(Vec::new(), "/Library/LaunchDaemons");
    healthy::hide_root_view(e);
    healthy::hide_builds(e);
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let port = e.port_of(&machine.host)?;
    match &port.answer {
        PortAnswer::Refused => {
            fail(format!("nobody listens at {}", port.place()), format!("the sshd of {}", machine.host))
                .verdict()
        }
        PortAnswer::NoAnswer | PortAnswer::Silent { .. } | PortAnswer::Closed
            if !e.is_own_vm(machine, want) =>
        {
            let seen = format!("{} does not answer at {}", machine.host, port.place());
            fail(seen, format!("the sshd of {}", machine.host)).verdict()
        }
        // That no proxy is started for a look is this program's choice.
        PortAnswer::Failed(why) => Err(Missing {
            because: format!("{}: {why}", port.place()),
            by_choice: e.is_behind_proxy(&machine.host),
        }),
        PortAnswer::Ssh(banner) => pass(banner),
        PortAnswer::OnDemand => pass("launchd listens there, and starts the VM when a build comes"),
        _ => pass(format!("somebody listens at {}", port.place())),
    }
}
