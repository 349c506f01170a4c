//! nix.conf: which builders, caches and keys the daemon was told of.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "builders-empty",
        doc: "nix.conf says `builders =`, and the daemon was started on it.",
        before: "edit_etc nix/nix.conf 's/^builders-use-substitutes/builders =\\n&/'",
        run: &[Run::alice(Expect::Roots(&["builders-empty"]))],
        ..World::HEALTHY
    },
    World {
        name: "builders-empty-in-environment",
        doc: "A variable in the shell, NIX_CONFIG, says `builders =`; the files are right.",
        before: "LAB_ENV=('NIX_CONFIG=builders =')",
        run: &[Run::alice(Expect::Roots(&["builders-empty"]))],
        ..World::HEALTHY
    },
    World {
        name: "daemon-stale-config",
        doc: "nix.conf said `builders =` when the daemon was started, and was mended since.",
        before: "edit_etc nix/nix.conf 's/^builders-use-substitutes/builders =\\n&/'",
        after: "edit_etc nix/nix.conf '/^builders =/d'",
        run: &[Run::alice(Expect::Roots(&["daemon-stale-config"]))],
        ..World::HEALTHY
    },
    World {
        name: "substituter-missing",
        doc: "nix.conf lacks the project's cache.",
        before: "edit_etc nix/nix.conf '/^extra-substituters/d'",
        run: &[Run::alice(Expect::Roots(&["substituter-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "trusted-key-missing",
        doc: "nix.conf lacks the key of the project's cache.",
        before: "edit_etc nix/nix.conf '/^extra-trusted-public-keys/d'",
        run: &[Run::alice(Expect::Roots(&["trusted-key-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "trusted-key-typo",
        doc: "The key of the project's cache has one wrong character.",
        before: "edit_etc nix/nix.conf 's/dGZlQOvK/dGZIQOvK/'",
        run: &[Run::alice(Expect::Roots(&["trusted-key-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "two-causes",
        doc: "nix.conf lacks the project's cache, and the builder's job was booted out.",
        before: "
            edit_etc nix/nix.conf '/^extra-substituters/d'
            job_unload $BUILDER
        ",
        run: &[Run::alice(Expect::Roots(&["builder-service-not-loaded", "substituter-missing"]))],
        ..World::HEALTHY
    },
];
