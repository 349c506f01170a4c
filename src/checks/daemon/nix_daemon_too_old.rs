//! The client is recent enough, and the daemon that runs is not.

use super::daemon_not_running;
use crate::checks::nix::nix_too_old;
use crate::checks::prelude::*;
use crate::parse::version::parse_version;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-daemon-too-old",
    title: "The Nix daemon is recent enough",
    layer: Layer::Daemon,
    severity: Severity::Warning,
    needs: &[&daemon_not_running::CHECK, &nix_too_old::CHECK],
    disproved_by: Proof::Nothing,
    why: "It is the daemon that dials the builder. After an upgrade the old one may still be running, or its \
          launchd job may name an old store path.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{daemon-label}"],
        "If it is still old after that, its launchd job names an old Nix: activate your configuration again, or \
         install Nix again over itself.",
    )),
    fixes: &[],
    references: &["NixOS/nix#14032"],
    judge,
    examples: &[
        Example { name: "a daemon of version 2.24.1", given: |e| set(e, "2.24.1"), expect: Expect::Fail },
        Example { name: "a daemon of version 2.34.8", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "a daemon that does not say its version",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
                    fact.info.version = None;
                }
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let text = e.nix_daemon()?.info.version.as_deref();
    let text = text.ok_or_else(|| Missing::new("the daemon did not say its version"))?;
    let version = parse_version(text)
        .ok_or_else(|| Missing::new(format!("the daemon's version {text:?} cannot be read")))?;
    // Where the client is as old, one finding is enough.
    let client = e.nix().ok().and_then(|nix| nix.version.as_ref());
    if client.is_some_and(|client| super::super::is_at_least(client, want) == Some(false)) {
        return moot("the client is too old as well");
    }
    match super::super::is_at_least(&version, want) {
        Some(true) => pass(text),
        Some(false) => fail(
            format!("the running Nix daemon is {text}"),
            format!("{} or newer", want.nix.minimum_version),
        )
        .verdict(),
        None => moot(format!("{text} does not count its versions as Nix does")),
    }
}

fn set(e: &mut Evidence, version: &str) {
    if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
        fact.info.version = Some(version.to_owned());
    }
}
