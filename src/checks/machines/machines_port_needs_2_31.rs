//! A machine's URL has a port, and the Nix that dials is too old to understand it.

use super::builders_bad_machine_spec;
use crate::checks::prelude::*;
use crate::dated::{self, Fit, Known};
use crate::evidence::flavour::is_loopback;
use crate::evidence::machines::linux;
use crate::parse::version::{NixVersion, parse_version};

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-port-needs-2-31",
    title: "The Nix in use understands the ports of the machines",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[&builders_bad_machine_spec::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "Since 2.31 a machine can be written as ssh-ng://user@host:port. An older Nix hands `host:port` to ssh as the name \
          of a host: `Could not resolve hostname linux-builder:31022`. What counts is the version of the daemon, which dials.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "Or use a Nix of 2.31 or later.").after_edit(
            "In your nix-darwin configuration, make the machine's hostName {port-alias}, without a port, and give the port to ssh:\n\n    \
             programs.ssh.extraConfig = ''\n      Host {port-alias}\n        Hostname {port-hostname}\n        Port {machine-port}\n    '';",
        )),
        determinate: None,
        otherwise: Advice::manual(&["ssh -G {port-alias}"], "Or use a Nix of 2.31 or later.").after_edit(
            "Write {port-alias} in the place of {port-host}:{machine-port} in the machine's line, and into a new file under \
             /etc/ssh/ssh_config.d:\n\n    Host {port-alias}\n      Hostname {port-hostname}\n      Port {machine-port}",
        ),
    },
    fixes: &[],
    references: &[
        "NixOS/nix#7044",
        "NixOS/nix#3425",
        "https://nix.dev/manual/nix/2.31/release-notes/rl-2.31",
    ],
    judge,
    examples: &[
        Example { name: "a port, and a daemon of 2.30", given: |e| set(e, ":31022", "2.30.2"), expect: Expect::Fail },
        Example { name: "a port, and a daemon of 2.31", given: |e| set(e, ":31022", "2.31.0"), expect: Expect::Pass },
        Example { name: "no port", given: |e| set(e, "", "2.30.2"), expect: Expect::Pass },
        Example { name: "a Lix", given: |e| set(e, ":31022", "2.94.0"), expect: Expect::Moot },
        Example {
            name: "nobody says the version",
            given: |e| {
                set(e, ":31022", "?");
                if let Probe::Seen { fact, .. } = &mut e.nix {
                    fact.version = None;
                }
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let machines = e.machines()?;
    let Some((machine, port)) = linux(machines).find_map(|it| Some((it, it.port?))) else {
        return pass("no machine's URL has a port");
    };
    let own = is_loopback(&machine.host) || machine.host == want.builder.host;
    let version = version(e).ok_or_else(|| Missing::new("the daemon's version is not known"))?;
    // A Lix counts its versions otherwise.
    let known = version.release.filter(|_| version.at_least(2, 31).is_some());
    let nix = known.map(|it| (u64::from(it.major), u64::from(it.minor)));
    let row = dated::row(CHECK.id);
    match row.fits(&Known { nix, ..Known::default() }) {
        Fit::DoesNot(_) => pass(format!("{} understands {}", version.text, machine.uri.value)),
        Fit::Unknown(_) => moot(format!("{} does not count its versions as Nix does", version.text)),
        Fit::Applies => fail(
            format!("{} has a port, and this is Nix {}", machine.uri.value, version.text),
            "Nix 2.31 or newer, or the port in an ssh alias",
        )
        .at(Some(&machine.uri.place))
        .word("port-host", &machine.host)
        .word("port-hostname", if own { "localhost" } else { machine.host.as_str() })
        // A name of its own: every other login to this Mac itself would be led to the VM's port.
        .word("port-alias", if own { &want.builder.host } else { &machine.host })
        .word("machine-port", port.to_string())
        .verdict(),
    }
}

/// The daemon's, as it dials; else the client's.
fn version(e: &Evidence) -> Option<NixVersion> {
    let daemon = e.nix_daemon().ok().and_then(|daemon| parse_version(daemon.info.version.as_deref()?));
    daemon.or_else(|| e.nix().ok()?.version.clone())
}

fn set(e: &mut Evidence, port: &str, version: &str) {
    let line = healthy::MACHINES.replace("linux-builder ", &format!("linux-builder{port} "));
    healthy::set_machines(e, &line);
    if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
        fact.info.version = Some(version.to_owned());
    }
    healthy::hide_builds(e);
}
