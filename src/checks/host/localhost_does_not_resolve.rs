//! The name `localhost`, by which the ssh alias reaches the VM, leads nowhere.

use crate::checks::prelude::*;
use crate::evidence::ssh::Localhost;
use crate::fix::fixes::hosts_file;

/// See the module.
pub static CHECK: Check = Check {
    id: "localhost-does-not-resolve",
    title: "`localhost` resolves",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuild,
    why: "The ssh alias of the builder says `Hostname localhost`. Where that name does not resolve (a damaged \
          /etc/hosts, VPN or security software), the daemon cannot reach the VM, though 127.0.0.1 would work.",
    remedy: Remedy::same(Advice::manual(
        &["grep -n localhost /etc/hosts"],
        "/etc/hosts needs these two lines:\n\n    127.0.0.1 localhost\n    ::1 localhost",
    )),
    fixes: &[&hosts_file::LOCALHOST],
    references: &["nix-darwin/nix-darwin#913"],
    judge,
    examples: &[
        Example {
            name: "the resolver knows no localhost",
            given: |e| {
                let error = Some("failed to lookup address information".to_owned());
                e.localhost = Probe::seen(Localhost { addresses: Vec::new(), error }, "resolver");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "::1 comes first",
            given: |e| {
                let addresses = vec!["::1".to_owned(), "127.0.0.1".to_owned()];
                e.localhost = Probe::seen(Localhost { addresses, error: None }, "resolver");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "::1 alone",
            given: |e| {
                let addresses = vec!["::1".to_owned()];
                e.localhost = Probe::seen(Localhost { addresses, error: None }, "resolver");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the builder is elsewhere",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.ssh {
                    fact.iter_mut()
                        .filter_map(|it| it.view.as_mut())
                        .for_each(|it| it.hostname = "10.0.0.7".to_owned());
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let localhost = e.localhost()?;
    if let Some(machine) = e.builder(want).ok().flatten()
        && let Some(view) = e.ssh_of(&machine.host).ok().and_then(|it| it.view.as_ref())
        && view.hostname != "localhost"
        && view.hostname != machine.host
    {
        return moot(format!("the builder is reached as {}", view.hostname));
    }
    let own_vm = e.builder(want).ok().flatten().is_some_and(|machine| e.is_own_vm(machine, want));
    let only_ipv6 = own_vm && localhost.addresses.iter().all(|address| address.contains(':'));
    match &localhost.error {
        Some(error) => {
            fail(format!("`localhost` does not resolve: {error}"), "127.0.0.1 for `localhost`").verdict()
        }
        None if localhost.addresses.is_empty() => {
            fail("`localhost` has no address", "127.0.0.1 for `localhost`").verdict()
        }
        // QEMU forwards the VM's port on IPv4 alone.
        None if only_ipv6 => {
            let seen = format!(
                "`localhost` is {} alone, and the VM listens on IPv4",
                localhost.addresses.join(", ")
            );
            fail(seen, "127.0.0.1 for `localhost`").verdict()
        }
        None => pass(localhost.addresses.join(", ")),
    }
}
