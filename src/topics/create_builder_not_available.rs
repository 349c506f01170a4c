//! The builder's package out of the wrong package set.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "create-builder-not-available",
    title: "`darwin.linux-builder` comes out of the Mac's own package set",
    why: "The builder's start script runs on the Mac. Where the packages of Linux are handed to the builder, or \
          nix.linux-builder.config sets nixpkgs.hostPlatform, nixpkgs says that create-builder is not available on the \
          requested hostPlatform.",
    advice: Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
        "In your nix-darwin configuration, where pkgs is for the Mac, and without nixpkgs.hostPlatform in \
         nix.linux-builder.config:\n\n    nix.linux-builder.package = pkgs.darwin.linux-builder;",
    ),
    references: &["nix-darwin/nix-darwin#1618", "NixOS/nixpkgs#243685"],
    see: &[&config::builder_not_configured::CHECK],
};
