//! The Nix daemon.

use crate::world::{Expect, Run, World, text};

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
    World {
        name: "daemon-label-is-determinate",
        doc: "Determinate's Nix, beside which the file of upstream's job is left; everything works.",
        before: "determinate beside",
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            match report.findings().iter().map(|finding| text(finding, "id")).collect::<Vec<_>>().as_slice() {
                ["daemon-label-is-determinate"] => Ok(()),
                other => Err(format!("the findings are {other:?}")),
            }
        }))],
        ..World::HEALTHY
    },
];
