//! Nobody answers at the daemon's socket.

use crate::checks::nix::{nix_config_unreadable, nix_not_installed};
use crate::checks::prelude::*;
use crate::evidence::nix_daemon::NixDaemon;
use crate::evidence::state_folder::StateFolder;
use crate::fix::fixes::restart_daemon;
use crate::parse::launchd::Printed;
use crate::parse::store_info::{self, DaemonError};

/// See the module.
pub static CHECK: Check = Check {
    id: "daemon-not-running",
    title: "The Nix daemon answers",
    layer: Layer::Daemon,
    severity: Severity::Error,
    needs: &[&nix_not_installed::CHECK, &nix_config_unreadable::CHECK],
    disproved_by: Proof::ABuild,
    why: "Every build goes through the daemon: it dials the builder as root. Its launchd job may be unloaded, \
          waiting for /nix to be mounted, or just being restarted (then look again in ten seconds).",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{daemon-label}"],
        "If launchctl does not know the job: sudo launchctl bootstrap system \
         /Library/LaunchDaemons/{daemon-label}.plist",
    )),
    fixes: &[&restart_daemon::START],
    references: &["NixOS/nix#1980", "NixOS/nix#10136", "NixOS/nix#15589"],
    judge,
    examples: &[
        Example {
            name: "there is no socket",
            given: |e| {
                set(e, NOBODY);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the daemon takes the connection and says nothing",
            given: |e| {
                let silent = NixDaemon { silent_for: Some(8), ..NixDaemon::default() };
                e.nix_daemon = Probe::seen(silent, "nix store info");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "an installation for one user has none",
            given: |e| {
                set(e, NOBODY);
                e.state_folder =
                    Probe::seen(StateFolder { uid: 501, mode: "755".to_owned() }, "stat /nix/var/nix");
            },
            expect: Expect::Moot,
        },
        Example { name: "the daemon answers", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the daemon refuses this user, and so runs",
            given: |e| set(e, "error: user 'alice' is not allowed to connect to the Nix daemon"),
            expect: Expect::Pass,
        },
        Example {
            name: "an answer that nobody knows",
            given: |e| set(e, "error: something new"),
            expect: Expect::Unknown,
        },
    ],
};

/// Nix 2.34.8.
const NOBODY: &str =
    "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let daemon = e.nix_daemon()?;
    let job = match e.daemon_job().map(|job| &job.printed) {
        Ok(Printed::NotFound) => "; launchd does not know its job",
        Ok(Printed::Loaded(job)) if job.pid.is_none() => "; launchd has its job, and it does not run",
        _ => "",
    };
    let words = daemon.info.error.as_deref().unwrap_or("no reason was given");
    match (&daemon.fault, daemon.silent_for) {
        (_, Some(seconds)) => {
            let seen = format!("the Nix daemon takes connections and says nothing for {seconds} s{job}");
            fail(seen, "an answer at its socket").verdict()
        }
        (Some(DaemonError::NotRunning), _) if super::none_is_needed(e) => moot(super::FOR_ONE_USER),
        (Some(DaemonError::NotRunning), _) => {
            fail(format!("nobody answers at the Nix daemon's socket{job}"), "an answer at its socket")
                .verdict()
        }
        (Some(DaemonError::NotAllowed), _) => pass("it answers, though not to this user"),
        (None, _) if daemon.info.succeeded => {
            pass(format!("version {}", daemon.info.version.as_deref().unwrap_or("unknown")))
        }
        _ => Err(Missing::new(format!("the daemon's answer is not understood: {words}"))),
    }
}

fn set(e: &mut Evidence, stderr: &str) {
    let daemon = NixDaemon {
        info: store_info::parse("{\"url\":\"daemon\"}", stderr, Some(1)),
        fault: DaemonError::find(stderr),
        silent_for: None,
    };
    e.nix_daemon = Probe::seen(daemon, "nix store info");
    healthy::hide_builds(e);
}
