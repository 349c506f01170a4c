//! The name in the machines file means nothing to ssh.

use super::ssh_config_bad_permissions;
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::ssh_files;
use crate::parse::ssh_config::SshView;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-alias-missing",
    title: "ssh knows the builder's alias",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&crate::checks::machines::machines_odd_fields::CHECK, &ssh_config_bad_permissions::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "The machines file says linux-builder, which is no host but an alias in /etc/ssh/ssh_config.d/100-linux-builder.conf. The \
          file is gone, or /etc/ssh/ssh_config no longer includes that folder, as after some macOS updates.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["grep -n Include /etc/ssh/ssh_config", "sudo darwin-rebuild switch"],
            "If the first command shows no Include of /etc/ssh/ssh_config.d, add it as the first line of that file:\n\n    \
             Include /etc/ssh/ssh_config.d/*",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["grep -n Include /etc/ssh/ssh_config", "sudo -e /etc/ssh/ssh_config.d/100-linux-builder.conf"],
            "The file is to hold:\n\n    Host linux-builder\n      User builder\n      Hostname localhost\n      \
             HostKeyAlias linux-builder\n      Port 31022\n      IdentityFile /etc/nix/builder_ed25519",
        ),
    },
    fixes: &[&ssh_files::ALIAS],
    references: &["NixOS/nixpkgs#229542", "NixOS/nixpkgs#341101", "Gabriella439/macos-builder#7"],
    judge,
    examples: &[
        Example { name: "no alias", given: |e| set(e, "linux-builder", 22), expect: Expect::Fail },
        Example {
            name: "no alias, where nix-darwin writes none, and nobody tried",
            given: |e| {
                set(e, "linux-builder", 22);
                if let Probe::Seen { fact, .. } = &mut e.managers {
                    fact.nix_darwin = None;
                }
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "an alias without its port",
            given: |e| set(e, "localhost", 22),
            expect: Expect::Fail,
        },
        Example { name: "another port", given: |e| set(e, "localhost", 2222), expect: Expect::Pass },
        Example { name: "nix-darwin's alias", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "a line that names host and port",
            given: |e| {
                set(e, "localhost", 22);
                healthy::set_machines(e, &healthy::MACHINES.replace("@linux-builder", "@localhost:31022"));
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    if machine.host != want.builder.host || machine.port.is_some() {
        return moot(format!("{} is not the alias {}", machine.uri.value, want.builder.host));
    }
    let ssh = e.ssh_of(&machine.host)?;
    let view = ssh.view.as_ref().ok_or_else(|| Missing::new("ssh refuses its configuration"))?;
    // The daemon dials as root: what the user's own ~/.ssh/config adds does not reach it.
    let roots = e.root_view().ok().and_then(|root| root.ssh.as_ref()?.view.as_ref());
    let as_root = roots.is_some_and(|it| !leads_somewhere(it, &machine.host));
    let port = e.port_of(&machine.host);
    let dead_end = view.port != want.builder.port && port.is_ok_and(|it| it.answer == PortAnswer::Refused);
    if dead_end && !as_root {
        let seen = format!("the alias {} leads to port {}, where nobody listens", machine.host, view.port);
        return fail(seen, format!("port {}", want.builder.port)).verdict();
    }
    if leads_somewhere(view, &machine.host) && !as_root {
        return pass(format!("{} is {}:{}", machine.host, view.hostname, view.port));
    }
    // nix-darwin writes it for all; by hand it may stand in root's own ~/.ssh/config, which builds or root show.
    let by_hand = e.managers().is_ok_and(|it| it.nix_darwin.is_none());
    if by_hand && roots.is_none() && e.builds().is_err() {
        let because = format!(
            "no file of the system's knows the alias {}; whether root's own ~/.ssh/config does, only root can tell",
            machine.host
        );
        return Err(Missing::new(because));
    }
    let (shown, whom) = match roots {
        Some(roots) if as_root => (roots, " as root"),
        _ => (view, ""),
    };
    let seen = format!(
        "ssh{whom} does not know the alias {}: it would go to {}, port {}",
        machine.host, shown.hostname, shown.port
    );
    fail(seen, format!("localhost, port {}", want.builder.port)).verdict()
}

fn leads_somewhere(view: &SshView, alias: &str) -> bool {
    view.hostname != alias && (view.port != 22 || !crate::evidence::flavour::is_loopback(&view.hostname))
}

fn set(e: &mut Evidence, hostname: &str, port: u16) {
    if let Probe::Seen { fact, .. } = &mut e.ssh {
        for view in fact.iter_mut().filter_map(|it| it.view.as_mut()) {
            view.hostname = hostname.to_owned();
            view.port = port;
        }
    }
    healthy::hide_root_view(e);
    healthy::hide_builds(e);
}
