//! No host key is given, and root never accepted one.

use super::{ssh_connection_refused, words_of_root};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-root-known-hosts-missing",
    title: "Root knows the builder's host key",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&ssh_connection_refused::CHECK, &vm_unresponsive::CHECK],
    disproved_by: Proof::ABuild,
    why: "The last column of the machine's line is empty, so root's own known_hosts decides, and the daemon cannot ask. That \
          you accepted the key yourself does not help: it is in your known_hosts, not in root's.",
    remedy: Remedy {
        nix_darwin: None,
        determinate: None,
        otherwise: Advice::manual(
            &["ssh-keyscan -t ed25519 -p {port} 127.0.0.1", "sudo $EDITOR {file}"],
            "Put the base64 of the key (as `ssh-ed25519 AAAA…`) in the eighth column. nixpkgs' stock builder has:\n\n    \
             c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=",
        ),
    },
    references: &["NixOS/nix#2030"],
    judge,
    examples: &[
        Example {
            name: "no key in the line, and root's ssh knows none",
            given: |e| {
                without_key(e);
                super::set_words(
                    e,
                    "No ED25519 host key is known for linux-builder and you have requested strict checking.\nHost key verification failed.",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "no key in the line, and root did not look",
            given: |e| {
                without_key(e);
                healthy::hide_root_view(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "the line gives the key", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    if machine.host_key.is_some() {
        return pass("its line gives the key");
    }
    match words_of_root(e)?.map(|words| &words.fault) {
        Some(SshFault::HostKeyUnknown) => {
            let column = machine.column(7);
            let port = e.port_of(&machine.host).map_or(want.builder.port, |it| it.port);
            fail(
                format!("root does not know the host key of {}, and its line gives none", machine.host),
                "the host key in the eighth column",
            )
            .word("file", &column.path)
            .word("port", port.to_string())
            .at(Some(&column))
            .verdict()
        }
        _ => pass("root's ssh does not complain of it"),
    }
}

fn without_key(e: &mut Evidence) {
    let start = healthy::MACHINES.find("c3No").unwrap_or_default();
    healthy::set_machines(e, &format!("{}-\n", &healthy::MACHINES[..start]));
}
