//! What only a real build shows. Not made here, and tested by evidence alone: test-build-optional-system-failed, as the lab's
//! VM runs the builds of both systems by the same shell; nix-daemon-too-old, as client and daemon are of one root filesystem.

use crate::world::{Expect, Run, Who, World};

pub const WORLDS: &[World] = &[
    World {
        name: "test-build-failed",
        doc: "The VM's nix.conf names a group of build users that is not there.",
        before: "echo 'build-users-group = no-such-group' >>$GUEST/etc/nix/nix.conf",
        run: &[Run::alice(Expect::Roots(&["test-build-failed"]))],
        ..World::HEALTHY
    },
    World {
        name: "test-build-timed-out",
        doc: "The builder takes the build, whose shell sleeps there for an hour.",
        before: r#"
            guest_builds 'exec /usr/bin/sleep 3600'
            printf '[test-build]\ninstallable = "nixpkgs#hello"\ntimeout = "3s"\n' >$HOST/etc/builder-doctor.toml
        "#,
        run: &[Run::alice(Expect::Roots(&["test-build-timed-out"]))],
        ..World::HEALTHY
    },
    World {
        name: "waiting-for-machine",
        doc: "The builder has one slot, and a build that does not end holds it.",
        before: r#"
            machines "$(machine '' '' 1)"
            printf '[test-build]\ninstallable = "nixpkgs#hello"\ntimeout = "3s"\n' >$HOST/etc/builder-doctor.toml
        "#,
        after: "hold_slot",
        run: &[
            Run::alice(Expect::Roots(&["waiting-for-machine"])),
            Run::alice_sudo(Expect::Roots(&["waiting-for-machine"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "hello-build-failed",
        doc: "No registry knows nixpkgs, so that nixpkgs#hello cannot be evaluated.",
        before: "remove_etc nix/registry.json",
        run: &[
            Run {
                who: Who::Alice,
                args: &["--json", "--deep"],
                expect: Expect::Warning(&["hello-build-failed"]),
            },
            Run::alice(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
];
