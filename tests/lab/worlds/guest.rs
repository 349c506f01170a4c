//! Nix in the VM.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "store-untrusted-by-guest",
        doc: "The guest's Nix does not trust the builder's login.",
        before: "sed -i 's/^trusted-users.*/trusted-users = root/' $GUEST/etc/nix/nix.conf",
        run: &[Run::alice_sudo(Expect::Roots(&["store-untrusted-by-guest"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-disk-full",
        doc: "The file system of the guest's store is full.",
        before: "fill_store",
        run: &[
            Run::alice(Expect::Roots(&["vm-disk-full"])),
            Run::alice_sudo(Expect::Roots(&["vm-disk-full"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-disk-full-everywhere",
        doc: "The guest's whole disk is full, Nix's database included.",
        after: "fill_disk",
        run: &[
            Run::alice(Expect::Roots(&["vm-disk-full"])),
            Run::alice_sudo(Expect::Roots(&["vm-disk-full"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-system-offered-but-not-executable",
        doc: "The machine line offers x86_64-linux, and the guest cannot execute it.",
        before: "sed -i '/^extra-platforms/d' $GUEST/etc/nix/nix.conf",
        run: &[
            Run::alice(Expect::Warning(&["machines-system-offered-but-not-executable"])),
            Run::alice_sudo(Expect::Warning(&["machines-system-offered-but-not-executable"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-config-not-applied",
        doc: "diskSize was made four times as large, and the VM's disk is still the one that was made before.",
        before: r#"vm_script "$QEMU" $((GUEST_DISK * 4))"#,
        run: &[Run::alice_sudo(Expect::Warning(&["vm-config-not-applied"])), Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-share-lost",
        doc: "Someone cleaned /run up while the VM runs, and with it the folder that it has its certificates from.",
        after: "rm -r $HOST/run/$BUILDER",
        run: &[Run::alice(Expect::Warning(&["vm-certs-share-lost"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-env-unset",
        doc: "The VM's job has no NIX_SSL_CERT_FILE, so the guest has no certificates.",
        before: "job_certs $BUILDER none",
        run: &[Run::alice(Expect::Warning(&["vm-certs-env-unset"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-env-unset-missing-file",
        doc: "The VM's job is to hand a file of certificates to the guest that is gone.",
        before: "job_certs $BUILDER /etc/ssl/certs/corporate.pem",
        run: &[Run::alice(Expect::Warning(&["vm-certs-env-unset"]))],
        ..World::HEALTHY
    },
];
