//! The login works, and the Nix behind it does not speak.

use super::{set_inside, vm_disk_full};
use crate::checks::prelude::*;
use crate::checks::ssh::{ssh_login_refused, ssh_multiplexing_in_protocol};
use crate::fix::fixes::restart_builder;
use crate::parse::store_info::{self, SshFault, SshWords};

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-remote-nix-unusable",
    title: "The VM's Nix speaks through the login",
    layer: Layer::Guest,
    severity: Severity::Error,
    needs: &[&ssh_multiplexing_in_protocol::CHECK, &ssh_login_refused::CHECK, &vm_disk_full::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "Nix runs `nix-daemon --stdio` through the login and expects nothing else on that channel. The VM's own daemon is \
          down, nix is not on the login's PATH, or the login prints a greeting, which Nix takes for its protocol.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "That helps where the VM's daemon ended. If the login prints something, remove it from the shell's start-up files in \
         the VM; sudo ssh {host} true must print nothing.",
    )),
    fixes: &[&restart_builder::RESTART],
    references: &["NixOS/nix#7508", "NixOS/nix#10136"],
    judge,
    examples: &[
        Example {
            name: "the VM's daemon is down",
            given: |e| {
                set_login(
                    e,
                    "error: cannot open connection to remote store 'ssh-ng://builder@linux-builder': \
                              error: Nix daemon disconnected unexpectedly (maybe it crashed?)",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the login greets",
            given: |e| {
                set_inside(e, |guest| guest.noise = vec!["Welcome to the builder!".to_owned()]);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "the VM's Nix answers", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "nobody tried",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let host = e.builder(want)?.map_or(want.builder.host.as_str(), |it| it.host.as_str());
    let expected = "the VM's Nix, and nothing else, on that channel";
    let told = |words: &SshWords| match &words.fault {
        SshFault::ProtocolMismatch(got) => {
            Some(format!("the login to {host} prints {got:?} where Nix expects its own protocol"))
        }
        SshFault::DaemonGone => {
            Some(format!("the login to {host} works, and the Nix behind it hangs up: {}", words.line))
        }
        _ => None,
    };
    let by_build = || {
        let builds = e.builds().ok()?;
        builds.iter().flat_map(|build| &build.log.refused).find_map(|refusal| told(&refusal.words))
    };
    let login = e.root_view().ok().and_then(|view| view.login.as_ref());
    if let Some(seen) = login.and_then(|login| login.ssh_words.as_ref()).and_then(told).or_else(by_build) {
        return fail(seen, expected).verdict();
    }
    if let Some(noise) = super::inside(e).ok().and_then(|guest| guest.noise.first()) {
        return fail(
            format!("the login to {host} prints {noise:?}, which Nix takes for its protocol"),
            expected,
        )
        .verdict();
    }
    let login = e.root_view()?.login()?;
    match (&login.version, login.succeeded) {
        (Some(version), true) => pass(format!("version {version}")),
        _ => Err(Missing::new(
            login.error.clone().unwrap_or_else(|| "the VM's Nix did not say its version".to_owned()),
        )),
    }
}

fn set_login(e: &mut Evidence, stderr: &str) {
    if let Probe::Seen { fact, .. } = &mut e.root_view {
        fact.login = Some(store_info::parse("{\"url\":\"ssh-ng://builder@linux-builder\"}", stderr, Some(1)));
    }
    healthy::hide_builds(e);
}
