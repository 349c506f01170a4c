//! A build that reached the builder and failed there.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "build-fails-in-guest",
    title: "A build that fails on the builder is most often the package's own failure",
    why: "`build of '…' on 'ssh-ng://…' failed` means that the machine was found, reached and given the derivation: the \
          builder did its work, and the package does not build. What can still be the VM's is a full disk, too little \
          memory, a name that does not resolve there, certificates, or a wrong clock; each has words of its own in the \
          log.",
    advice: Advice::safe(
        &["builder-doctor --sudo"],
        "It looks into the VM for these. The entire log of the build: nix log, and the path that ends with .drv in the \
         error.",
    ),
    references: &["https://nix.dev/manual/nix/latest/advanced-topics/distributed-builds"],
    see: &[
        &guest::vm_disk_full::CHECK,
        &guest::machines_system_offered_but_not_executable::CHECK,
        &build::test_build_failed::CHECK,
    ],
};
