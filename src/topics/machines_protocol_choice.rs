//! What the two protocols show of a failed connection.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "machines-protocol-choice",
    title: "`ssh-ng` hides why ssh failed, and `ssh` shows it",
    why: "Over ssh-ng Nix says `failed to start SSH connection` and no more. These words are the same for a closed port, a \
          key that is missing, unprotected or refused, a host key that is unknown or another, and a name that does not \
          resolve. Over ssh the words of ssh follow, but with that protocol a build can hang on much output. ssh-ng is \
          nix-darwin's default.",
    advice: Advice::safe(
        &["builder-doctor --sudo"],
        "It dials once as the daemon does, which is as root, and shows ssh's own words; so does:\n\n    \
         sudo ssh -v linux-builder true\n\nKeep ssh-ng in the machines file.",
    ),
    references: &["nix-darwin/nix-darwin#913", "NixOS/nix#2030", "NixOS/nix#16437"],
    see: &[
        &ssh::ssh_connection_refused::CHECK,
        &ssh::ssh_alias_missing::CHECK,
        &ssh::ssh_key_missing::CHECK,
        &ssh::ssh_key_too_open::CHECK,
        &ssh::ssh_host_key_mismatch::CHECK,
        &ssh::ssh_root_known_hosts_missing::CHECK,
        &ssh::ssh_login_refused::CHECK,
    ],
};
