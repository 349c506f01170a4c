//! ssh shares connections, and what it says of that ends up in Nix's channel.

use super::{
    set_words, ssh_alias_missing, ssh_config_bad_permissions, ssh_connection_refused, ssh_host_key_mismatch,
    ssh_shut_out, view_of_root, words_of_daemon,
};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::fix::fixes::ssh_files;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-multiplexing-in-protocol",
    title: "ssh shares no connection that Nix does not know of",
    layer: Layer::Ssh,
    severity: Severity::Error,
    // Without these no login gets so far.
    needs: &[
        &ssh_shut_out::CHECK,
        &ssh_config_bad_permissions::CHECK,
        &ssh_alias_missing::CHECK,
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
        &ssh_host_key_mismatch::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "A ControlMaster line for every host makes ssh share one connection. Nix asks whether there is one, and if so waits for \
          no sign of a new connection; where the shared one then refuses another session, ssh opens a new one after all, \
          and Nix takes the sign, `started`, for the first word of its protocol.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo ssh -O exit {host}", "sudo darwin-rebuild switch"], WHERE).after_edit(
                "In your configuration, for this one host:\n\n    \
                 environment.etc.\"ssh/ssh_config.d/000-builder.conf\".text = ''\n      Host {host}\n        \
                 ControlMaster no\n        ControlPath none\n    '';",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo ssh -O exit {host}", "sudo -e /etc/ssh/ssh_config.d/000-builder.conf"],
            WHERE,
        )
        .after_edit(
            "The file that the second command opens is to hold:\n\n    Host {host}\n      ControlMaster no\n      \
             ControlPath none",
        ),
    },
    fixes: &[&ssh_files::NO_SHARING],
    references: &["NixOS/nix#14132", "NixOS/nix#8329", "DeterminateSystems/nix-src#441"],
    judge,
    examples: &[
        Example {
            name: "the sign of a new connection stands where Nix expects its protocol",
            given: |e| {
                set_words(
                    e,
                    "mux_client_request_session: session request failed: Session open refused by peer\n\
                     ControlSocket /tmp/mux-1 already exists, disabling multiplexing\n\
                     error: cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: protocol mismatch, got 'started",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the shared connection refuses, and nothing else is known",
            given: |e| {
                set_words(
                    e,
                    "mux_client_request_session: session request failed: Session open refused by peer",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the login greets",
            given: |e| set_words(e, "error: protocol mismatch, got 'Welcome to the builder!"),
            expect: Expect::Pass,
        },
        Example { name: "root is let in", given: |_| {}, expect: Expect::Pass },
        Example { name: "no Linux builder", given: |e| healthy::set_machines(e, ""), expect: Expect::Moot },
        Example {
            name: "root did not look",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
    ],
};

const WHERE: &str = "The first command ends the shared connection; it says so where there is none. What stands in \
                     /var/root/.ssh/config comes before the system's files: mend that there.";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let words = words_of_daemon(e, &machine.host)?;
    let what = match words.map(|words| (&words.fault, &words.line)) {
        Some((SshFault::Multiplexing(got), _)) => {
            format!("{got:?} stands where Nix expects its own protocol")
        }
        Some((SshFault::SharingRefused, line)) => line.clone(),
        _ => return pass("what ssh says of shared connections is not in the way"),
    };
    let view = view_of_root(e, &machine.host);
    let master = view.and_then(|view| view.control_master.as_deref()).filter(|it| *it != "false");
    let path = view.and_then(|view| view.control_path.as_deref());
    let how = match (master, path) {
        (Some(master), Some(path)) => format!(" (ControlMaster {master}, ControlPath {path})"),
        _ => String::new(),
    };
    fail(
        format!("ssh shares its connection to {}{how}, and {what}", machine.host),
        "a connection for each build, which Nix makes by itself",
    )
    .verdict()
}
