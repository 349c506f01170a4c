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
];
