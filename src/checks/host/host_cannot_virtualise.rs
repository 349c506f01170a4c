//! This Mac cannot run virtual machines: it is one itself, without nested virtualisation.

use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;

/// See the module.
pub static CHECK: Check = Check {
    id: "host-cannot-virtualise",
    title: "This Mac can run virtual machines",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "The builder is a virtual machine, and macOS offers no Hypervisor.framework here: most often because this Mac is \
          a virtual machine itself, such as a hosted runner of a CI service. QEMU then ends at once, or is far too slow.",
    remedy: Remedy::same(Advice::manual(
        &["sysctl kern.hv_support hw.model"],
        "Nothing on this machine mends it. Use a Linux builder on another machine, as a line in /etc/nix/machines.",
    )),
    fixes: &[],
    references: &["nix-darwin/nix-darwin#1616"],
    judge,
    examples: &[
        Example {
            name: "a hosted runner",
            given: |e| {
                set(e, Some(false), "VirtualMac2,1");
                closed(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "a Mac", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "a virtual Mac with nested virtualisation",
            given: |e| set(e, Some(true), "VirtualMac2,1"),
            expect: Expect::Pass,
        },
        Example {
            name: "the VM runs all the same",
            given: |e| set(e, Some(false), "VirtualMac2,1"),
            expect: Expect::Pass,
        },
        Example {
            name: "the builder is another machine",
            given: |e| {
                set(e, Some(false), "VirtualMac2,1");
                healthy::set_machines(e, "ssh-ng://builder@big aarch64-linux - 8 1 - - -\n");
            },
            expect: Expect::Moot,
        },
        Example {
            name: "--quick",
            given: |e| {
                set(e, None, "");
                closed(e);
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let platform = e.platform()?;
    if let Some(machine) = e.builder(want).ok().flatten()
        && !e.is_own_vm(machine, want)
    {
        return moot(format!("the builder that is declared is {}", machine.host));
    }
    if let Some(moot) = crate::checks::config::external(e) {
        return Ok(moot);
    }
    let up = |answer: &PortAnswer| matches!(answer, PortAnswer::Ssh(_));
    if e.port_of(&want.builder.host).is_ok_and(|port| up(&port.answer)) {
        return pass("the VM runs");
    }
    let model = platform.model.as_deref().unwrap_or_default();
    match platform.hypervisor {
        Some(true) => pass("kern.hv_support is 1"),
        Some(false) => {
            let itself =
                if model.starts_with("VirtualMac") { ", and is a virtual machine itself" } else { "" };
            fail(
                format!("this Mac cannot run virtual machines (kern.hv_support is 0){itself}"),
                "a Mac with Hypervisor.framework, or a builder on another machine",
            )
            .verdict()
        }
        None => {
            Err(Missing { because: "`sysctl kern.hv_support` was not asked".to_owned(), by_choice: true })
        }
    }
}

fn set(e: &mut Evidence, hypervisor: Option<bool>, model: &str) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.hypervisor = hypervisor;
        fact.model = Some(model.to_owned());
    }
}

fn closed(e: &mut Evidence) {
    e.ports = Probe::seen(vec![healthy::port(PortAnswer::Refused)], "one connection");
    healthy::hide_builds(e);
}
