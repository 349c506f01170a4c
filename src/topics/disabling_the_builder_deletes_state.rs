//! A reset that is none.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "disabling-the-builder-deletes-state",
    title: "Switching to a configuration without the builder deletes its disk and keys",
    why: "With nix.linux-builder.enable = false, `darwin-rebuild switch` removes /var/lib/linux-builder: the VM's store and \
          its keys. All of it can be made again, and enabling the builder does that, with other keys and every path \
          downloaded anew. It is no harmless way to restart the VM.",
    advice: Advice::disruptive(
        &["sudo launchctl kickstart -k system/org.nixos.linux-builder"],
        "This restarts the VM and keeps what it holds. To have its memory back for a while:\n\n    \
         sudo launchctl bootout system/org.nixos.linux-builder\n\nIt comes back at the next start of the Mac, or with:\n\n    \
         sudo launchctl bootstrap system /Library/LaunchDaemons/org.nixos.linux-builder.plist",
    ),
    references: &[
        "https://github.com/nix-darwin/nix-darwin/blob/master/modules/nix/linux-builder.nix",
        "nix-darwin/nix-darwin#1200",
    ],
    see: &[&service::vm_unresponsive::CHECK, &service::builder_service_not_loaded::CHECK],
};
