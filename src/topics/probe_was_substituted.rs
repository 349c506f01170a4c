//! A test that no builder is needed for.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "probe-was-substituted",
    title: "A package that comes from a cache proves nothing about the builder",
    why: "Most packages of nixpkgs are in its cache, for Linux too. Asking for one of them passes on a Mac that has no \
          builder at all. Only a line that begins `building '` and ends `on 'ssh-ng://…'...`, and exit 0, show that a \
          machine built something.",
    advice: Advice::safe(
        &["builder-doctor --only build"],
        "It builds a derivation that no cache can have, and looks for that line.",
    ),
    references: &[
        "supabase/postgres#1999",
        "https://nix.dev/manual/nix/latest/advanced-topics/distributed-builds",
    ],
    see: &[&build::test_build_failed::CHECK, &build::hello_build_failed::CHECK],
};
