//! Several Nixes: on PATH, or a client and a daemon of different releases.

use super::daemon_not_running;
use crate::checks::prelude::*;
use crate::parse::version::parse_version;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-mixed-versions",
    title: "Client and daemon are of one release, and PATH has one Nix",
    layer: Layer::Daemon,
    severity: Severity::Note,
    needs: &[&daemon_not_running::CHECK],
    disproved_by: Proof::Nothing,
    why: "The protocol bridges releases, so this breaks nothing by itself. It explains why one terminal knows a \
          setting that another does not.",
    remedy: Remedy::same(Advice::manual(
        &["which -a nix"],
        "Remove the one that you did not mean to install.",
    )),
    fixes: &[],
    references: &["NixOS/nix#14032"],
    judge,
    examples: &[
        Example {
            name: "client 2.34, daemon 2.31",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
                    fact.info.version = Some("2.31.2".to_owned());
                }
            },
            expect: Expect::Fail,
        },
        Example {
            name: "two Nixes on PATH",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.nix {
                    fact.all_on_path.push("/usr/local/bin/nix".to_owned());
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "one Nix", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let nix = e.nix()?;
    if nix.all_on_path.len() > 1 {
        return fail(format!("PATH has {}", crate::prose::and(&nix.all_on_path)), "one Nix").verdict();
    }
    let client = nix.version.as_ref().and_then(|version| version.release.as_ref());
    let daemon =
        e.nix_daemon()?.info.version.as_deref().and_then(parse_version).and_then(|version| version.release);
    match (client, daemon) {
        (Some(client), Some(daemon)) if (client.major, client.minor) != (daemon.major, daemon.minor) => fail(
            format!(
                "the client is {}.{} and the daemon {}.{}",
                client.major, client.minor, daemon.major, daemon.minor
            ),
            "one release",
        )
        .verdict(),
        (Some(client), Some(_)) => pass(format!("{}.{} on both sides", client.major, client.minor)),
        _ => Err(Missing::new("one of the two versions is not known")),
    }
}
