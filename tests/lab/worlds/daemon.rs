//! The Nix daemon.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "daemon-not-running",
        doc: "The daemon's job ended and does not run; the socket that it left refuses.",
        after: "job_stop $DAEMON",
        run: &[Run::alice(Expect::Roots(&["daemon-not-running"]))],
        ..World::HEALTHY
    },
    World {
        name: "daemon-not-loaded",
        doc: "The daemon's job is not loaded, and there is no socket.",
        before: "job_unload $DAEMON",
        run: &[Run::alice(Expect::Roots(&["daemon-not-running"]))],
        ..World::HEALTHY
    },
    World {
        name: "daemon-user-not-allowed",
        doc: "allowed-users names root alone.",
        before: "edit_etc nix/nix.conf 's/^allowed-users.*/allowed-users = root/'",
        run: &[Run::alice(Expect::Roots(&["daemon-user-not-allowed"]))],
        ..World::HEALTHY
    },
];
