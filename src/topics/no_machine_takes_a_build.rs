//! How to read Nix's refusals.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "no-machine-takes-a-build",
    title: "Nix says in three ways that nobody takes a build",
    why: "`Failed to find a machine for remote build` means that Nix did read machines: the lines that follow name the system \
          and the features that were required, and for each machine what it offers. A machine is passed over if it lacks \
          the system or a feature, if it has a mandatory feature that was not required, or if it could not be reached, \
          which a line before says. Without those words, a platform mismatch means that Nix read no machine at all. With \
          max-jobs = 0 alone it means that this Mac builds nothing itself.",
    advice: Advice::safe(
        &["builder-doctor"],
        "It compares what is required with what each machine offers, and shows the column to change.",
    ),
    references: &[
        "NixOS/nix#2238",
        "NixOS/nix#4117",
        "https://github.com/NixOS/nix/blob/master/src/nix/build-remote/build-remote.cc",
    ],
    see: &[
        &config::builders_empty::CHECK,
        &machines::machines_file_missing::CHECK,
        &machines::machines_system_not_offered::CHECK,
        &machines::machines_feature_missing::CHECK,
        &machines::machines_odd_fields::CHECK,
    ],
};
