//! Builders beside nix-darwin's.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "other-builder-in-use",
    title: "Linux builds can go to another builder than nix-darwin's",
    why: "nix-rosetta-builder, virby, darwin.linux-builder-vz, Determinate's native builder, and VMs of Lima, OrbStack, UTM or \
          Docker all take Linux builds, each with its own launchd job, port, keys and log. Nix gives a build to any \
          machine that offers the system and the features. If a machine of another name failed, restarting nix-darwin's \
          VM mends nothing.",
    advice: Advice::safe(
        &["builder-doctor"],
        "It judges the builder that the machines file declares, whichever it is. To expect another host, write \
         builder.host in builder-doctor.toml.",
    ),
    references: &[
        "cpick/nix-rosetta-builder#5",
        "cpick/nix-rosetta-builder#37",
        "cpick/nix-rosetta-builder#40",
    ],
    see: &[&config::builder_not_configured::CHECK, &ssh::ssh_connection_refused::CHECK],
};
