//! The VM answers, and the daemon cannot log in.

use super::{
    has_its_own_check, ssh_alias_missing, ssh_config_bad_permissions, ssh_connection_refused,
    ssh_host_key_mismatch, ssh_key_mismatch, ssh_key_missing, ssh_key_too_open, ssh_key_unreadable_by_user,
    ssh_multiplexing_in_protocol, ssh_root_known_hosts_missing, ssh_shut_out, ssh_too_many_auth_failures,
    vm_state_corrupt, words_of_root,
};
use crate::checks::host::localhost_does_not_resolve;
use crate::checks::machines::{
    builders_bad_machine_spec, machines_port_needs_2_31, machines_system_not_offered,
};
use crate::checks::prelude::*;
use crate::checks::service;
use crate::evidence::root_view::ONLY_ROOT;
use crate::fix::fixes::reinstall_keys;
use crate::parse::build_log::Outcome;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-login-refused",
    title: "Root can log in to the builder",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[
        &localhost_does_not_resolve::CHECK,
        &builders_bad_machine_spec::CHECK,
        &crate::checks::machines::machines_odd_fields::CHECK,
        &machines_port_needs_2_31::CHECK,
        &machines_system_not_offered::CHECK,
        &service::port_31022_in_use::CHECK,
        &service::vm_unresponsive::CHECK,
        &ssh_shut_out::CHECK,
        &ssh_config_bad_permissions::CHECK,
        &ssh_alias_missing::CHECK,
        &ssh_connection_refused::CHECK,
        &ssh_key_missing::CHECK,
        &ssh_key_too_open::CHECK,
        &ssh_key_unreadable_by_user::CHECK,
        &ssh_key_mismatch::CHECK,
        &ssh_too_many_auth_failures::CHECK,
        &vm_state_corrupt::CHECK,
        &ssh_multiplexing_in_protocol::CHECK,
        &ssh_host_key_mismatch::CHECK,
        &ssh_root_known_hosts_missing::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "Port, alias, key file and host key are in order, and still no login. Most often the VM authorises another key than \
          the one in /etc/nix: its folder of keys was made anew, two builders share the port, or /etc was restored.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "At its start the VM's script installs the key anew where it differs. If that does not help, let it make a new \
         one:\n\n    sudo rm /etc/nix/builder_ed25519.pub\n    sudo launchctl kickstart -k system/{label}",
    )),
    fixes: &[&reinstall_keys::REINSTALL],
    references: &["nix-darwin/nix-darwin#913", "NixOS/nix#2030"],
    judge,
    examples: &[
        Example {
            name: "root's ssh says `Permission denied`",
            given: |e| {
                super::set_words(
                    e,
                    "builder@localhost: Permission denied (publickey,password,keyboard-interactive).",
                )
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the test build cannot start ssh, and root did not look",
            given: |e| {
                super::unreachable_builds(e);
                healthy::hide_root_view(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "one test build is let in and finds no daemon, and another one's pipe breaks",
            given: |e| {
                super::unreachable_builds(e);
                healthy::hide_root_view(e);
                if let Probe::Seen { fact, .. } = &mut e.builds
                    && let [_, .., last] = fact.as_mut_slice()
                {
                    last.log.refused.iter_mut().for_each(|it| it.words.fault = SshFault::DaemonGone);
                }
            },
            expect: Expect::Pass,
        },
        Example { name: "root is let in", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "nobody tried",
            given: |e| {
                healthy::hide_builds(e);
                healthy::hide_root_view(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let expected = "a login with the key that the machine's line names";
    if let Ok(words) = words_of_root(e) {
        return match words.map(|words| &words.fault) {
            None => pass("root is let in"),
            Some(fault) if fault.is_behind_the_login() => pass("root is let in"),
            Some(fault) => {
                let line = words.map(|words| words.line.as_str()).unwrap_or_default();
                let more = if has_its_own_check(fault) {
                    ""
                } else {
                    ", though port, key and host key are in order"
                };
                fail(format!("root cannot log in to {}{more}: {line}", machine.host), expected).verdict()
            }
        };
    }
    // The builds dial side by side: where one was let in, another one's broken pipe is no refusal.
    let unreachable =
        e.builds().into_iter().flatten().filter(|it| it.log.outcome == Outcome::MachineUnreachable);
    let refusals = unreachable.flat_map(|it| &it.log.refused).filter(|it| it.uri.contains(&machine.host));
    let faults: Vec<_> = refusals.map(|refusal| &refusal.words.fault).collect();
    let let_in = faults.iter().find(|fault| fault.is_behind_the_login());
    match let_in.or(faults.first()) {
        Some(fault) if fault.is_behind_the_login() => pass("the daemon is let in"),
        Some(_) => {
            let seen = format!("the daemon cannot log in to {}; --sudo would say why", machine.host);
            fail(seen, expected).first_run("builder-doctor --sudo").verdict()
        }
        None => Err(Missing { because: ONLY_ROOT.to_owned(), by_choice: true }),
    }
}
