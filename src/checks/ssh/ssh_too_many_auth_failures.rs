//! Other keys are offered before the builder's, and sshd hangs up before its turn comes.

use super::{
    set_words, ssh_alias_missing, ssh_config_bad_permissions, ssh_connection_refused, ssh_host_key_mismatch,
    ssh_key_missing, ssh_key_too_open, ssh_shut_out, view_of_root, words_of_daemon,
};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::fix::fixes::ssh_files;
use crate::parse::store_info::SshFault;
use crate::prose::count;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-too-many-auth-failures",
    title: "The builder's key is offered before sshd loses patience",
    layer: Layer::Ssh,
    severity: Severity::Error,
    // Without these no login gets so far.
    needs: &[
        &ssh_shut_out::CHECK,
        &ssh_config_bad_permissions::CHECK,
        &ssh_alias_missing::CHECK,
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
        &ssh_key_missing::CHECK,
        &ssh_key_too_open::CHECK,
        &ssh_host_key_mismatch::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "ssh offers every key of the agent before the key file that it was told to use, and sshd hangs up after some six (MaxAuthTries). The \
          daemon has no agent of yours; an IdentityAgent line for every host (1Password, Secretive) in the system's or root's \
          settings of ssh gives it one all the same.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo ssh -G {host}", "sudo darwin-rebuild switch"], WHERE).after_edit(
                "In your configuration, for this one host:\n\n    \
                 environment.etc.\"ssh/ssh_config.d/000-builder.conf\".text = ''\n      Host {host}\n        \
                 IdentitiesOnly yes\n        IdentityAgent none\n    '';",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo ssh -G {host}", "sudo -e /etc/ssh/ssh_config.d/000-builder.conf"],
            WHERE,
        )
        .after_edit(
            "The file that the second command opens is to hold:\n\n    Host {host}\n      IdentitiesOnly yes\n      \
             IdentityAgent none",
        ),
    },
    fixes: &[&ssh_files::ONE_KEY],
    references: &["https://man.openbsd.org/ssh_config.5#IdentitiesOnly", "nix-darwin/nix-darwin#913"],
    judge,
    examples: &[
        Example {
            name: "sshd hangs up on root",
            given: |e| {
                set_words(e, "Received disconnect from 127.0.0.1 port 31022:2: Too many authentication failures");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "another key is authorised",
            given: |e| set_words(e, "builder@localhost: Permission denied (publickey,password)."),
            expect: Expect::Pass,
        },
        Example { name: "root is let in", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no Linux builder",
            given: |e| healthy::set_machines(e, ""),
            expect: Expect::Moot,
        },
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

const WHERE: &str = "The first command shows which keys ssh offers as root: identityagent, identityfile. What stands in \
                     /var/root/.ssh/config comes before the system's files: mend that there.";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let Some(words) =
        words_of_daemon(e, &machine.host)?.filter(|it| it.fault == SshFault::TooManyAuthFailures)
    else {
        return pass("sshd does not complain of too many keys");
    };
    let view = view_of_root(e, &machine.host);
    let agent = view.and_then(|view| view.identity_agent.as_deref()).filter(|agent| *agent != "none");
    let why = match view {
        Some(view) if view.identities_only == Some(true) => {
            format!("{} are set for it", count(view.identity_files.len(), "key file"))
        }
        _ => match agent {
            Some(agent) => format!("the keys of the agent {agent} come first, as IdentitiesOnly is off"),
            None => "IdentitiesOnly is off".to_owned(),
        },
    };
    let seen = format!(
        "the sshd of {} hangs up before the builder's key is offered: {why}: {}",
        machine.host, words.line
    );
    fail(seen, "the builder's key, and no other, offered to it").verdict()
}
