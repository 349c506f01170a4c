//! QEMU 11.1 refuses the interrupt controller that nixpkgs' script asks for.

use super::{breaks_as, set_crashing, set_log};
use crate::checks::prelude::*;
use crate::dated::Fit;
use crate::parse::vm_program::VmScripts;

/// See the module.
pub static CHECK: Check = Check {
    id: "qemu-gicv2-under-hvf",
    title: "QEMU takes the machine that the builder's script asks for",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "From QEMU 11.1 on, the machine `virt` uses macOS's own interrupt controller on macOS 15 and later, which is a GICv3 \
          only. The script of nixpkgs before late August 2026 asks for a GICv2, and QEMU ends at once: `HVF does not \
          support GICv2 emulation`.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "That starts the VM anew.").after_edit(
                "Update the nixpkgs of your nix-darwin configuration to one that holds NixOS/nixpkgs#555928. Where that \
                 cannot be, this does meanwhile:\n\n    \
                 launchd.daemons.linux-builder.environment.QEMU_OPTS = \"-machine gic-version=max\";",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo launchctl bootout system/{label}", "sudo launchctl bootstrap system {plist}"],
            "launchd reads the file again only when the job is loaded anew.",
        )
        .after_edit(
            "Make the builder anew from a nixpkgs that holds NixOS/nixpkgs#555928, and name its start script in {plist}; or \
             set QEMU_OPTS to `-machine gic-version=max` in EnvironmentVariables of that file. Then:",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#555928"],
    judge,
    examples: &[
        Example {
            name: "the log says so",
            given: |e| {
                set_crashing(e, 1, "11.1.1", "Apple M4");
                set_log(e, "qemu-system-aarch64: HVF does not support GICv2 emulation\n");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "no log, and QEMU 11.1 is asked for a GICv2",
            given: |e| set_crashing(e, 1, "11.1.1", "Apple M1"),
            expect: Expect::Fail,
        },
        Example {
            name: "no log, and the script asks for the machine of QEMU 11.0",
            given: |e| {
                set_crashing(e, 1, "11.1.1", "Apple M1");
                set_machine(e, Some("virt-11.0,gic-version=2,accel=hvf:tcg"));
            },
            expect: Expect::Pass,
        },
        Example {
            name: "no log, and the script asks for a GICv3",
            given: |e| {
                set_crashing(e, 1, "11.1.1", "Apple M1");
                set_machine(e, Some("virt,gic-version=max,accel=hvf:tcg"));
            },
            expect: Expect::Pass,
        },
        Example {
            name: "no log, and the machine is not known",
            given: |e| {
                set_crashing(e, 1, "11.1.1", "Apple M1");
                set_machine(e, None);
            },
            expect: Expect::Unknown,
        },
        Example { name: "the VM runs", given: |_| {}, expect: Expect::Pass },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    breaks_as(e, want, CHECK.id, 1, asks_for_gicv2)
}

/// A machine of a named older version (`virt-11.0`) has its own interrupt controller still.
fn asks_for_gicv2(scripts: &VmScripts) -> Fit {
    let Some(machine) = &scripts.machine else {
        return Fit::Unknown("the script does not say which machine QEMU imitates".to_owned());
    };
    let mut parts = machine.split(',');
    let newest = parts.next().is_some_and(|name| name == "virt");
    if newest && parts.any(|option| option == "gic-version=2") {
        return Fit::Applies;
    }
    Fit::DoesNot(format!("the script asks for the machine {machine}"))
}

fn set_machine(e: &mut Evidence, machine: Option<&str>) {
    if let Probe::Seen { fact, .. } = &mut e.vm_program {
        fact.says.machine = machine.map(str::to_owned);
    }
}
