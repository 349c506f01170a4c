//! The builder is offered for builds that want KVM, and its VM has none. Also known as
//! machines-kvm-advertised-but-absent: whoever looks at the machines file and whoever looks into the VM see one fault.

use super::{inside, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;

/// See the module.
pub static CHECK: Check = Check {
    id: "kvm-missing-in-guest",
    title: "A builder that is offered for kvm has /dev/kvm",
    layer: Layer::Guest,
    severity: Severity::Note,
    needs: &[&ssh_login_refused::CHECK],
    disproved_by: Proof::Nothing,
    why: "nix-darwin offers its builder for `kvm` by default, and QEMU gives a VM on a Mac no KVM of its own. Builds that ask \
          for it, NixOS tests above all, are sent there all the same and run under emulation: they work, and take many times \
          longer.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["sudo ssh {host} ls -l /dev/kvm"],
            "Nothing is broken. To have no such build sent there, leave kvm out of nix.linux-builder.supportedFeatures. KVM itself \
             takes a builder on Apple's Virtualization.framework with nested virtualisation: an M3 or later, macOS 15 or later.",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo ssh {host} ls -l /dev/kvm"],
            "Nothing is broken. To have no such build sent there, take kvm out of the sixth column of its line.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#562444", "https://discourse.nixos.org/t/24313"],
    judge,
    examples: &[
        Example {
            name: "QEMU's VM",
            given: |e| set_inside(e, |guest| guest.kvm = Some(false)),
            expect: Expect::Fail,
        },
        Example { name: "it has it", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not offered for it",
            given: |e| {
                set_inside(e, |guest| guest.kvm = Some(false));
                healthy::set_machines(e, &healthy::MACHINES.replace("kvm,", ""));
            },
            expect: Expect::Moot,
        },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let offered = machine.features.iter().chain(&machine.mandatory).find(|it| it.value == "kvm");
    let Some(field) = offered else { return moot(format!("{} is not offered for kvm", machine.host)) };
    match inside(e)?.kvm {
        Some(true) => pass("/dev/kvm is there"),
        Some(false) => {
            let expected = want.builder.features.iter().any(|it| it == "kvm");
            let severity = if expected { Severity::Warning } else { Severity::Note };
            let seen =
                format!("{} is offered for kvm, and has no /dev/kvm: such builds run slowly", machine.host);
            fail(seen, "/dev/kvm in it, or a line without kvm")
                .at(Some(&field.place))
                .as_bad_as(severity)
                .verdict()
        }
        None => Err(Missing::new("the VM does not say whether it has /dev/kvm")),
    }
}
