//! The VM's disk is damaged, or older than its system: its sshd takes the key, and does not know the account.
//!
//! A damaged disk that keeps sshd from coming up at all is vm-unresponsive.

use super::{
    set_words, ssh_alias_missing, ssh_config_bad_permissions, ssh_connection_refused, ssh_host_key_mismatch,
    ssh_shut_out, words_of_daemon,
};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::evidence::root_host::ImageState;
use crate::evidence::service::Service;
use crate::fix::fixes::new_disk;
use crate::parse::store_info::SshFault;
use crate::prose::span;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-state-corrupt",
    title: "The VM knows the account that it lets in",
    layer: Layer::Ssh,
    severity: Severity::Error,
    // Without these no login gets so far.
    needs: &[
        &ssh_shut_out::CHECK,
        &ssh_config_bad_permissions::CHECK,
        &ssh_alias_missing::CHECK,
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
        &ssh_host_key_mismatch::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The VM keeps its accounts on its disk, nixos.qcow2. QEMU was killed while it wrote there, or the disk was made by \
          another version of the guest than the one that boots now, so that the accounts do not fit. Restarting the VM does not \
          mend the disk.",
    remedy: Remedy::same(Advice::disruptive(
        &[
            "sudo launchctl bootout system/{label}",
            "sudo mv {image} {image}.damaged",
            "sudo launchctl bootstrap system {plist}",
        ],
        "The VM makes a new disk, which takes a minute or two. The old one held nothing that cannot be built again, unless you \
         put it there by hand; remove it once builds run.",
    )),
    fixes: &[&new_disk::MAKE],
    references: &["nix-community/nixos-generators#351", "NixOS/nixpkgs#218813"],
    judge,
    examples: &[
        Example {
            name: "PAM does not know the user",
            given: |e| {
                set_words(
                    e,
                    "User not known to the underlying authentication module\nConnection closed by 127.0.0.1 port 31022",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the key is refused",
            given: |e| set_words(e, "builder@localhost: Permission denied (publickey,password)."),
            expect: Expect::Pass,
        },
        Example { name: "root is let in", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "another machine than this Mac's VM",
            given: |e| {
                healthy::set_machines(e, &healthy::MACHINES.replace("@linux-builder", "@build.example.org"));
            },
            expect: Expect::Moot,
        },
        Example {
            name: "root did not look",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    if !e.is_own_vm(machine, want) {
        return moot(format!("the builder is {}, which is not this Mac's VM", machine.host));
    }
    let Some(words) = words_of_daemon(e, &machine.host)?.filter(|it| it.fault == SshFault::AccountUnknown)
    else {
        return pass("its sshd does not complain of the account");
    };
    let image = e.root_host().ok().and_then(|here| here.image.as_ref());
    let folder = e.builder_job().ok().and_then(Service::working_directory);
    let usual = format!("{}/nixos.qcow2", folder.unwrap_or("/var/lib/linux-builder"));
    let age = match image.map(|image| &image.state) {
        Some(ImageState::Present { size, seconds_ago, .. }) => {
            format!(" (its disk: {} MiB, changed {} ago)", size >> 20, span(*seconds_ago))
        }
        _ => String::new(),
    };
    fail(
        format!("the VM's sshd does not know the account that it is to let in{age}: {}", words.line),
        "a guest whose accounts fit its disk",
    )
    .word("image", image.map_or(usual, |image| image.path.clone()))
    .verdict()
}
