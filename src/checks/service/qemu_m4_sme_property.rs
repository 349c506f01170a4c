//! QEMU before 10.0 switches off a feature of the processor that it does not know itself, and aborts.

use super::{breaks_as, set_crashing, set_log};
use crate::checks::prelude::*;
use crate::dated::Fit;

/// See the module.
pub static CHECK: Check = Check {
    id: "qemu-m4-sme-property",
    title: "QEMU knows this Mac's processor",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "macOS 15.2 shows SME, which the M4 has, to virtual machines. QEMU of nixpkgs 24.11 wants to switch it off on a \
          processor that has no such property, and aborts: `Property 'max-arm-cpu.sme' not found`.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "That starts the VM anew, with the other QEMU.").after_edit(
                "Update the nixpkgs of your nix-darwin configuration: 25.11 has QEMU 10.1. Where that cannot be, a processor \
                 without SME does meanwhile:\n\n    \
                 nix.linux-builder.config.virtualisation.qemu.options = [ \"-cpu cortex-a57\" ];",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo launchctl bootout system/{label}", "sudo launchctl bootstrap system {plist}"],
            "",
        )
        .after_edit(
            "Make the builder anew from a newer nixpkgs, as 25.11, which has QEMU 10.1, and name its start script in {plist}. \
             Then:",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#375907", "nix-darwin/nix-darwin#1292", "lima-vm/lima#3226"],
    judge,
    examples: &[
        Example {
            name: "the log says so",
            given: |e| {
                set_crashing(e, 134, "9.1.2", "Apple M4");
                set_log(e, NOT_FOUND);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the log says so, and QEMU's version is not known",
            given: |e| {
                set_crashing(e, 134, "9.1.2", "Apple M4");
                set_log(e, NOT_FOUND);
                e.vm_program = Probe::blind("permission denied");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the log says something else",
            given: |e| {
                set_crashing(e, 134, "9.1.2", "Apple M4");
                set_log(e, "Created Nix store image.\nqemu-system-aarch64: cannot set up guest memory\n");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "no log, and an M3",
            given: |e| set_crashing(e, 134, "9.1.2", "Apple M3 Pro"),
            expect: Expect::Pass,
        },
        Example { name: "the VM runs", given: |_| {}, expect: Expect::Pass },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

/// nix-darwin/nix-darwin#1292.
const NOT_FOUND: &str = "\
Created Nix store image.
Unexpected error in object_property_find_err() at ../qom/object.c:1358:
qemu-system-aarch64: Property 'max-arm-cpu.sme' not found
/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 14: 93190 Abort trap: 6
";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    breaks_as(e, want, CHECK.id, 134, |_| Fit::Applies)
}
