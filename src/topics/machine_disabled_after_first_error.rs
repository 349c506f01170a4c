//! One failure turns a machine off for the rest of a build.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "machine-disabled-after-first-error",
    title: "One failed connection turns a machine off for the rest of a build",
    why: "For each build, Nix asks a build hook for a machine, and after the first failed connection that hook forgets the \
          machine for as long as it lives. One hiccup of ssh at the start of a large build makes Linux derivations that \
          come later end with `Failed to find a machine for remote build`, though the VM is up by then.",
    advice: Advice::safe(
        &["builder-doctor"],
        "Run the build again first: a new build asks every machine anew. If it ends the same way at once, the machine \
         still does not answer, and the command says why.",
    ),
    references: &[
        "cpick/nix-rosetta-builder#40",
        "https://github.com/NixOS/nix/blob/master/src/nix/build-remote/build-remote.cc",
    ],
    see: &[&ssh::ssh_connection_refused::CHECK, &service::vm_still_booting::CHECK],
};
