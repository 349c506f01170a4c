//! What answers at the port is not the machine that the machines file expects.

use super::{ssh_connection_refused, words_of_root};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::parse::host_key::parse_public_key;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-host-key-mismatch",
    title: "The builder shows the host key that is expected",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[
        &crate::checks::machines::machines_odd_fields::CHECK,
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The last column of the machine's line holds the builder's host key, and ssh refuses any other. Another VM has the \
          port, the VM was given a host key of its own, or somebody is in between.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"],
            "The command names what listens: is it this builder's QEMU? If not, stop it. If so, and the VM has a host key of its \
             own, its nix.buildMachines entry takes it as:\n\n    publicHostKey = \"{host-key-column}\";",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo lsof -nP -iTCP:{port} -sTCP:LISTEN", "sudo -e {file}"],
            "The first command names what listens: is it this builder's QEMU? If not, stop it. If so, and the VM has a host key \
             of its own, its line takes it in the eighth column as:\n\n    {host-key-column}",
        ),
    },
    fixes: &[],
    references: &["cpick/nix-rosetta-builder#18", "NixOS/nix#2030"],
    judge,
    examples: &[
        Example {
            name: "another host key",
            given: |e| {
                let other =
                    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBTZyoKVsXurarPeBH5FRqn09Ocy5kiS3Kzb82zzeErX";
                e.host_keys = Probe::seen(vec![healthy::host_key(other)], "ssh-keyscan");
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "root's ssh says so",
            given: |e| {
                super::set_words(
                    e,
                    "Host key for linux-builder has changed and you have requested strict checking.\nHost key verification failed.",
                )
            },
            expect: Expect::Fail,
        },
        Example { name: "the stock builder's", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the line expects none",
            given: |e| {
                let start = healthy::MACHINES.find("c3No").unwrap_or_default();
                healthy::set_machines(e, &format!("{}-\n", &healthy::MACHINES[..start]));
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let Some(field) = &machine.host_key else { return moot("the machine's line expects no host key") };
    let place = &field.field.place;
    let port = e.port_of(&machine.host).map_or(want.builder.port, |it| it.port).to_string();
    let told = |seen: String| {
        fail(seen, "the host key in the last column of its line")
            .at(Some(place))
            .word("port", port.as_str())
            .word("file", place.path.as_str())
            .word("host-key-column", super::column_for(e, &machine.host))
            .verdict()
    };
    if let Ok(Some(words)) = words_of_root(e)
        && words.fault == SshFault::HostKeyChanged
    {
        return told(format!("{} shows another host key than expected: ssh refuses it", machine.host));
    }
    let expected = field.decoded.as_deref().and_then(parse_public_key);
    let expected = expected.ok_or_else(|| Missing::new("the last column holds no public key"))?;
    let view = e.host_key_of(&machine.host)?;
    let keys = view.scan.as_ref().map(|scan| scan.keys.as_slice()).unwrap_or_default();
    let same_kind: Vec<_> = keys.iter().filter(|key| key.kind == expected.kind).collect();
    if same_kind.is_empty() {
        let why = view.error.clone().unwrap_or_else(|| format!("it shows no {} key", expected.kind));
        // That no proxy is started for a look is this program's choice.
        return Err(Missing { because: why, by_choice: e.is_behind_proxy(&machine.host) });
    }
    if same_kind.iter().any(|key| key.base64 == expected.base64) {
        return pass(expected.kind);
    }
    let end =
        |key: &str| key.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<String>();
    told(format!(
        "{} shows another host key (…{}) than the one that is expected (…{})",
        machine.host,
        end(&same_kind[0].base64),
        end(&expected.base64)
    ))
}
