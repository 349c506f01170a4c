//! /etc/nix/machines: what the builder is said to offer.

use crate::world::{Expect, Nix, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "machines-file-missing",
        doc: "/etc/nix/machines is gone.",
        before: "remove_etc nix/machines",
        run: &[Run::alice(Expect::Roots(&["machines-file-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-file-dangling",
        doc: "/etc/nix/machines leads to a store path that was collected.",
        before: "rm $(echo $HOST/nix/store/*-machines)",
        run: &[Run::alice(Expect::Roots(&["machines-file-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "builders-bad-machine-spec",
        doc: "The machine line still holds the manual's placeholder for the number of jobs.",
        before: "machines \"$(machine '' '' '${MAX_JOBS}')\"",
        run: &[Run::alice(Expect::Roots(&["builders-bad-machine-spec"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-system-not-offered",
        doc: "The only machine line offers x86_64-linux alone.",
        before: "machines \"$(machine x86_64-linux)\"",
        run: &[Run::alice(Expect::Roots(&["machines-system-not-offered"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-optional-system-not-offered",
        doc: "The machine line offers aarch64-linux alone, as nix-darwin writes it by default.",
        before: "machines \"$(machine aarch64-linux)\"",
        run: &[
            Run::alice(Expect::Warning(&["machines-optional-system-not-offered"])),
            Run::alice_sudo(Expect::Warning(&["machines-optional-system-not-offered"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-feature-missing",
        doc: "The builder's line lacks nixos-test; a comment and a Mac's line have the word.",
        before: r#"
            machines '# the builder runs every nixos-test' \
                "$(machine '' '' 4 1 kvm,benchmark,big-parallel)" \
                'ssh-ng://builder@other-mac aarch64-darwin - 4 1 nixos-test,big-parallel'
        "#,
        run: &[Run::alice(Expect::Roots(&["machines-feature-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-max-jobs-0",
        doc: "The machine line allows 0 jobs: every build waits for a slot for ever.",
        before: "machines \"$(machine '' '' 0)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-mandatory",
        doc: "The machine line makes nixos-test mandatory: no plain build goes there.",
        before: "machines \"$(machine '' '' 4 1 '' nixos-test)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-port-needs-2-31",
        nix: Nix::Nix226,
        doc: "The machine's URL has a port, which Nix 2.26 hands to ssh as part of the host's name.",
        before: r#"machines "$(machine | sed 's/@linux-builder /@linux-builder:31022 /')""#,
        run: &[
            Run::alice(Expect::Roots(&["machines-port-needs-2-31", "nix-too-old"])),
            Run::alice_sudo(Expect::Roots(&["machines-port-needs-2-31", "nix-too-old"])),
        ],
        ..World::HEALTHY
    },
];
