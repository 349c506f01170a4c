//! A builder that needs a builder.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "bootstrap-chicken-and-egg",
    title: "Building a changed builder needs a builder that runs",
    why: "The VM is a NixOS system, so making it takes Linux builds. For a revision that nixpkgs' build farm has finished, \
          an unchanged builder comes from the cache. Any change in nix.linux-builder.config, or a revision that is newer \
          than the cache, has to be built, and while no Linux builder runs the switch ends at nixos-system, \
          append-initrd-secrets or create-builder.",
    advice: Advice::manual(
        &["nix build --dry-run nixpkgs#darwin.linux-builder"],
        "If it names derivations that will be built, the cache lacks this revision. Enable the builder without \
         nix.linux-builder.config first, switch, and add your changes once it runs. If even that has to be built, take \
         nix.linux-builder.package from an older nixpkgs for the first switch.",
    ),
    references: &["NixOS/nixpkgs#257686", "NixOS/nixpkgs#341101", "nix-darwin/nix-darwin#1081"],
    see: &[&config::builder_not_configured::CHECK, &config::builders_empty::CHECK],
};
