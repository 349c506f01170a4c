//! nixpkgs' QEMU 11.0 aborts as it makes its first virtual processor.

use super::{breaks_as, set_crash_report, set_crashing, set_log};
use crate::checks::prelude::*;
use crate::dated::Fit;

/// See the module.
pub static CHECK: Check = Check {
    id: "qemu11-hvf-sme-abort",
    title: "QEMU can make a virtual processor on this Mac",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "nixpkgs first built QEMU 11.0 with an SDK of macOS 14, which does not know the SME registers of newer processors. \
          QEMU asserts that they are what it expects, and aborts with exit code 134 before the guest boots. No `-cpu` \
          option avoids it.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "That starts the VM anew, with the other QEMU.").after_edit(
                "Update the nixpkgs of your nix-darwin configuration to one that holds NixOS/nixpkgs#536526. Or give the VM \
                 an older QEMU, where nixpkgs-25_11 is an input of your flake that leads to nixos-25.11:\n\n    \
                 nix.linux-builder.config.virtualisation.qemu.package =\n      \
                 inputs.nixpkgs-25_11.legacyPackages.aarch64-darwin.qemu;",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo launchctl bootout system/{label}", "sudo launchctl bootstrap system {plist}"],
            "",
        )
        .after_edit(
            "Make the builder anew from a nixpkgs that holds NixOS/nixpkgs#536526, or from nixos-25.11 with its QEMU 10.1, and \
             name its start script in {plist}. Then:",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#528299", "NixOS/nixpkgs#532038", "NixOS/nixpkgs#536526"],
    judge,
    examples: &[
        Example {
            name: "the crash report names hvf_arch_init_vcpu",
            given: |e| {
                set_crashing(e, 134, "11.0.1", "Apple M4 Pro");
                set_crash_report(e, "hvf_arch_init_vcpu");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the log holds the assertion",
            given: |e| {
                set_crashing(e, 134, "11.0.1", "Apple M3");
                set_log(
                    e,
                    "Created Nix store image.\nERROR:../target/arm/hvf/sysreg.c.inc:149:hvf_arch_init_vcpu: assertion failed: \
                     (HV_SYS_REG_SMCR_EL1 == KVMID_TO_HVF(KVMID_AA64_SYS_REG64(3, 0, 1, 2, 6)))\nBail out!\n",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "neither is there, and all conditions hold",
            given: |e| set_crashing(e, 134, "11.0.1", "Apple M4 Pro"),
            expect: Expect::Fail,
        },
        Example {
            name: "the same, and the crash report names another function",
            given: |e| {
                set_crashing(e, 134, "11.0.1", "Apple M4 Pro");
                set_crash_report(e, "qemu_memalign");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "an older QEMU crashes",
            given: |e| set_crashing(e, 134, "10.1.5", "Apple M4 Pro"),
            expect: Expect::Pass,
        },
        Example {
            name: "QEMU 11.0 on an M4, and the VM runs",
            given: |e| {
                set_crashing(e, 134, "11.0.1", "Apple M4 Pro");
                e.builder_job = healthy::evidence().builder_job;
                e.ports = healthy::evidence().ports;
            },
            expect: Expect::Pass,
        },
        Example {
            name: "it crashes, and the scripts cannot be read",
            given: |e| {
                set_crashing(e, 134, "11.0.1", "Apple M4 Pro");
                e.vm_program = Probe::blind("permission denied");
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "launchd does not know the job",
            given: |e| super::set_job(e, |service| service.printed = crate::parse::launchd::Printed::NotFound),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    breaks_as(e, want, CHECK.id, 134, |_| Fit::Applies)
}
