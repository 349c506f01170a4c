//! The VM's disk is smaller than its configuration says: it was made before.

use super::{inside, of_this_vm, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;
use crate::fix::fixes::new_disk;
use crate::parse::platform::Df;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-config-not-applied",
    title: "The VM's disk is as large as it is configured",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[&ssh_login_refused::CHECK],
    disproved_by: Proof::Nothing,
    why: "The size of the VM's disk counts only when the disk is made, at the first start. A larger diskSize changes the \
          script that makes it, and the old disk stays.",
    remedy: Remedy {
        nix_darwin: Some(Advice::disruptive(
            &[
                "sudo launchctl bootout system/{label}",
                "sudo mv {folder}/nixos.qcow2 {folder}/nixos.qcow2.old",
                "sudo launchctl bootstrap system {plist}",
            ],
            "The VM makes a new disk, without what was built on the old one, which can go once the new one works. With \
             nix.linux-builder.ephemeral = true, each start does.",
        )),
        determinate: None,
        otherwise: Advice::disruptive(
            &[
                "sudo launchctl bootout system/{label}",
                "sudo mv {folder}/nixos.qcow2 {folder}/nixos.qcow2.old",
                "sudo launchctl bootstrap system {plist}",
            ],
            "The VM makes a new disk, without what was built on the old one, which can go once the new one works.",
        ),
    },
    fixes: &[&new_disk::MAKE],
    references: &["nix-darwin/nix-darwin#1200", "nix-darwin/nix-darwin#850"],
    judge,
    examples: &[
        Example {
            name: "a disk of 20 GB, configured as 40 GB",
            given: |e| {
                let disk = Df { total_kib: 20_466_256, free_kib: 15_000_000 };
                set_inside(e, |guest| guest.disk = Some(disk));
            },
            expect: Expect::Fail,
        },
        Example { name: "40 GB, as configured", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "larger than configured",
            given: |e| {
                let disk = Df { total_kib: 82_000_000, free_kib: 70_000_000 };
                set_inside(e, |guest| guest.disk = Some(disk));
            },
            expect: Expect::Pass,
        },
        Example {
            name: "a store in memory",
            given: |e| {
                let disk = Df { total_kib: 4_000_000, free_kib: 3_000_000 };
                set_inside(e, |guest| guest.disk = Some(disk));
            },
            expect: Expect::Unknown,
        },
        Example { name: "no root view", given: healthy::hide_root_view, expect: Expect::Unknown },
        Example {
            name: "the builder is another machine",
            given: |e| healthy::set_machines(e, "ssh-ng://me@box aarch64-linux /k 4 1 nixos-test - -"),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_this_vm(e, want)? {
        return Ok(moot);
    }
    let says = &e.vm_program()?.says;
    let Some(configured) = says.disk_mib else {
        return moot("the VM's scripts do not say how large its disk is");
    };
    let disk = inside(e)?.disk.as_ref();
    let disk = disk.ok_or_else(|| Missing::new("the VM did not say how large its disk is"))?;
    // A store in memory is smaller than the memory, and says nothing of the disk.
    if says.memory_mib.is_none_or(|memory| disk.total_kib <= memory << 10) {
        return Err(Missing::new("the VM's store may be in memory, and not on its disk"));
    }
    let has = disk.total_kib >> 10;
    // A file system keeps some for itself.
    if has >= configured / 5 * 4 {
        return pass(format!("{has} of {configured} MiB"));
    }
    let folder = match e.builder_job().map(|service| &service.plist.state) {
        Ok(crate::evidence::service::PlistState::Present(plist)) => plist.working_directory.clone(),
        _ => None,
    };
    fail(
        format!("the VM's disk has {} GiB, and its configuration says {} GiB", has >> 10, configured >> 10),
        "a disk that was made with the size that is configured now",
    )
    .word("folder", folder.unwrap_or_else(|| "/var/lib/linux-builder".to_owned()))
    .verdict()
}
