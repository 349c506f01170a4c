//! nix.conf was changed, and the daemon still holds what it said before.

use super::daemon_not_running;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::fix::fixes::restart_daemon;
use crate::parse::build_log::Outcome;
use crate::prose::span;

/// See the module.
pub static CHECK: Check = Check {
    id: "daemon-stale-config",
    title: "The Nix daemon holds the settings that the files hold",
    layer: Layer::Daemon,
    severity: Severity::Error,
    needs: &[&daemon_not_running::CHECK],
    disproved_by: Proof::ABuild,
    why: "The daemon reads nix.conf once, when it is started; `nix config show` reads it anew each time. So the files can be \
          right while the daemon acts on what they said before. The machines file is read anew for every build.",
    remedy: Remedy::same(Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], "")),
    fixes: &[&restart_daemon::RESTART],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file"],
    judge,
    examples: &[
        Example {
            name: "changed since, and the daemon knows no machine",
            given: |e| {
                set(e, 60);
                healthy::set_builds(e, &Ended::Code(1), NO_MACHINES);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "changed since, and nothing was built",
            given: |e| {
                set(e, 60);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "changed since, and builds run", given: |e| set(e, 60), expect: Expect::Pass },
        Example { name: "changed before the daemon was started", given: |_| {}, expect: Expect::Pass },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

/// Captured from Nix 2.34.8 with `builders =`.
const NO_MACHINES: &str = "\
error: Cannot build '/nix/store/0-x.drv'.
       Reason: local builds are disabled (max-jobs = 0)
       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'
       Reason: platform mismatch
       Required system: 'aarch64-linux'
       Current system: 'aarch64-darwin'
";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if super::none_is_needed(e) {
        return moot(super::FOR_ONE_USER);
    }
    let age = e.daemon_job()?.age_seconds;
    let age = age.ok_or_else(|| Missing::new("`ps` does not say when the daemon was started"))?;
    let Some(change) =
        e.conf_changes()?.iter().filter(|it| it.seconds_ago < age).min_by_key(|it| it.seconds_ago)
    else {
        return pass("no file changed since the daemon was started");
    };
    let seen = format!(
        "{} was changed {} ago, and the Nix daemon was started {} ago",
        change.path,
        span(change.seconds_ago),
        span(age)
    );
    let builds = e.builds().map_err(|missing| Missing {
        because: format!("{seen}; a test build would tell"),
        by_choice: missing.by_choice,
    })?;
    // The files name machines, and the daemon knows none.
    let machines = e.machines().is_ok_and(|all| !all.machines.is_empty() && all.refused().is_none());
    if machines && builds.iter().any(|build| build.log.outcome == Outcome::NoMachinesSeen) {
        let seen = format!("the Nix daemon knows no machine, though the files name one: {seen}");
        return fail(seen, "a daemon that was started on the files as they are").verdict();
    }
    pass(format!("{seen}, and it knows its machines"))
}

fn set(e: &mut Evidence, seconds_ago: u64) {
    if let Probe::Seen { fact, .. } = &mut e.conf_changes {
        fact.iter_mut().for_each(|change| change.seconds_ago = seconds_ago);
    }
}
