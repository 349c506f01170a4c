//! Another program than the VM has the builder's port: something that is no SSH server answers there, or root sees
//! that what listens is no child of the job that cannot start.

use super::{keeps_failing, set_port, set_stopped};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::evidence::service::Service;
use crate::parse::launchd::Printed;
use crate::parse::listeners::Listener;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "port-31022-in-use",
    title: "The builder's port belongs to the builder",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "The VM's sshd is forwarded to this port. Where another program has it, QEMU ends with `Could not set up host \
          forwarding rule`, and Nix talks to the wrong one.",
    remedy: Remedy::same(Advice::manual(
        &["sudo lsof -nP -iTCP:{port} -sTCP:LISTEN", "sudo launchctl kickstart -k system/{label}"],
        "The first command names the program that has the port: stop that, then run the second. It may be a builder that was \
         started by hand, or one whose job is gone. Or give the VM another port: virtualisation.darwin-builder.hostPort.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example {
            name: "a web server has the port",
            given: |e| set_port(e, PortAnswer::Other("HTTP/1.1 400 Bad Request".to_owned())),
            expect: Expect::Fail,
        },
        Example {
            name: "an SSH server that is not the job's, which cannot start",
            given: |e| {
                set_stopped(e, "spawn scheduled", 31, Some(1));
                set_port(e, PortAnswer::Ssh("SSH-2.0-OpenSSH_10.2".to_owned()));
                set_listener(e, 7001, &[6999]);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the same without root, who alone sees whose it is",
            given: |e| {
                set_stopped(e, "spawn scheduled", 31, Some(1));
                set_port(e, PortAnswer::Ssh("SSH-2.0-OpenSSH_10.2".to_owned()));
                healthy::hide_root_view(e);
            },
            expect: Expect::Pass,
        },
        Example {
            name: "a VM that was started by hand, and no job",
            given: |e| {
                super::set_job(e, |service| service.printed = Printed::NotFound);
                set_listener(e, 7001, &[6999]);
            },
            expect: Expect::Pass,
        },
        Example { name: "an SSH server answers", given: |_| {}, expect: Expect::Pass },
        Example { name: "nobody listens", given: |e| set_port(e, PortAnswer::Refused), expect: Expect::Pass },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let port = e.port_of(&machine.host)?;
    let listeners = e.root_host().ok().and_then(|here| here.listeners.as_deref()).unwrap_or_default();
    let named = match listeners {
        [] => String::new(),
        all => format!(" ({})", and(&all.iter().map(name).collect::<Vec<_>>())),
    };
    let told =
        |seen: String| fail(seen, "the VM's sshd, or nobody").word("port", port.port.to_string()).verdict();
    match &port.answer {
        PortAnswer::Other(said) => {
            told(format!("what answers at {} is no SSH server{named}: it says {said:?}", port.place()))
        }
        PortAnswer::Ssh(banner) => match kept_off(e, listeners) {
            Some(service) if machine.host == want.builder.host => told(format!(
                "what listens at {}{named} is not of the job {}, which cannot start while that has the port",
                port.place(),
                service.label
            )),
            _ => pass(banner),
        },
        _ => pass(format!("nothing foreign answers at {}", port.place())),
    }
}

/// Such as `qemu-system-aarch64, pid 412`.
fn name(listener: &Listener) -> String {
    match &listener.command {
        Some(command) => format!("{command}, pid {}", listener.pid),
        None => format!("pid {}", listener.pid),
    }
}

/// The job that fails again and again while none of those who have the port is a child of its process.
fn kept_off<'e>(e: &'e Evidence, listeners: &[Listener]) -> Option<&'e Service> {
    let service = e.builder_job().ok()?;
    let Printed::Loaded(job) = &service.printed else { return None };
    let is_its = |it: &Listener| job.pid.is_some_and(|pid| it.pid == pid || it.parents.contains(&pid));
    let foreign = !listeners.is_empty() && !listeners.iter().any(is_its);
    (foreign && keeps_failing(job, service.age_seconds)).then_some(service)
}

fn set_listener(e: &mut Evidence, pid: u32, parents: &[u32]) {
    if let Probe::Seen { fact, .. } = &mut e.root_view
        && let Some(here) = &mut fact.host
    {
        let command = Some("qemu-system-aarch64".to_owned());
        here.listeners = Some(vec![Listener { pid, command, parents: parents.to_vec() }]);
    }
}
