//! No host key is given, and root never accepted one.

use super::{ssh_connection_refused, words_of_root};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::fix::fixes::machine_line;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-root-known-hosts-missing",
    title: "Root knows the builder's host key",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[
        &crate::checks::machines::machines_odd_fields::CHECK,
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The last column of the machine's line is empty, so root's own known_hosts decides, and the daemon cannot ask. That \
          you accepted the key yourself does not help: it is in your known_hosts, not in root's.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "nix.linux-builder gives its own VM's key by itself. In the nix.buildMachines entry of another builder, once you have \
             compared the key with what that machine says of itself:\n\n    publicHostKey = \"{host-key-column}\";",
        )),
        determinate: None,
        otherwise: Advice::manual(&["sudo -e {file}"], "").after_edit(
            "Put the host key into the eighth column of the line, once you have compared it with what that machine says of \
             itself. It shows:\n\n    {host-key-column}",
        ),
    },
    fixes: &[&machine_line::STOCK_HOST_KEY, &machine_line::SHOWN_HOST_KEY],
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
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
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
            .word("host-key-column", super::column_for(e, &machine.host))
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
