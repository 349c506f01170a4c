//! What only a real build shows.

use crate::world::{Expect, Run, Who, World};

pub const WORLDS: &[World] = &[World {
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
}];
