//! This Mac is a virtual machine itself, and may run others.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "mac-is-a-vm",
    title: "This Mac is no virtual machine",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "A virtual Mac runs virtual machines of its own only with nested virtualisation, which takes an M3 or newer below it, and is slow even then.",
    remedy: Remedy::same(Advice::manual(
        &["sysctl kern.hv_vmm_present kern.hv_support"],
        "Set the builder up on the Mac below, or use a Linux machine as a builder by its line in /etc/nix/machines.",
    )),
    fixes: &[],
    references: &[
        "https://developer.apple.com/documentation/virtualization/vzgenericplatformconfiguration/isnestedvirtualizationsupported",
        "nix-darwin/nix-darwin#1616",
    ],
    judge,
    examples: &[
        Example {
            name: "a virtual Mac",
            given: |e| healthy::set_setup(e, |it| it.is_vm = Some(true)),
            expect: Expect::Fail,
        },
        Example { name: "a Mac", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "sysctl gave no answer",
            given: |e| healthy::set_setup(e, |it| it.is_vm = None),
            expect: Expect::Unknown,
        },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    match e.setup()?.is_vm.ok_or_else(|| Missing::new("`sysctl kern.hv_vmm_present` gave no answer"))? {
        true => fail("kern.hv_vmm_present is 1: this Mac is a virtual machine", "a Mac of its own").verdict(),
        false => pass("kern.hv_vmm_present is 0"),
    }
}
