//! Some modes of Nix never ask a remote builder.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "rebuild-check-forces-local",
    title: "`--rebuild`, `--check` and `--repair` build on this Mac only",
    why: "Nix builds a second time, to compare or to repair, only by itself: in these modes it never asks a remote builder. \
          A Linux derivation then ends with a platform mismatch, or with `Undefined error: 0`, on a Mac whose builder is \
          sound.",
    advice: Advice::safe(
        &["builder-doctor --only build"],
        "It makes a fresh build under a name that no cache has. To build a Linux derivation twice and compare, run \
         nix-store --realise --check inside the VM.",
    ),
    references: &["NixOS/nix#7178", "cpick/nix-rosetta-builder#19"],
    see: &[&config::builders_empty::CHECK],
};
