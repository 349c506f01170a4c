//! The daemon refuses the user.

use super::daemon_not_running;
use crate::checks::prelude::*;
use crate::evidence::conf_files;
use crate::evidence::nix_daemon::NixDaemon;
use crate::parse::store_info::{self, DaemonError};

/// See the module.
pub static CHECK: Check = Check {
    id: "daemon-user-not-allowed",
    title: "The Nix daemon serves this user",
    layer: Layer::Daemon,
    severity: Severity::Error,
    needs: &[&daemon_not_running::CHECK],
    disproved_by: Proof::ABuild,
    why: "The setting `allowed-users` names who may use the daemon at all; members of the group nixbld are always \
          refused.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
                "In your nix-darwin configuration:\n\n    nix.settings.allowed-users = [ \"*\" ];",
            ),
        ),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
                .after_edit("In /etc/nix/nix.custom.conf:\n\n    allowed-users = *"),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
            .after_edit("In /etc/nix/nix.conf:\n\n    allowed-users = *"),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-allowed-users"],
    judge,
    examples: &[
        Example {
            name: "alice is not among the allowed users",
            given: |e| {
                let said = "error: user 'alice' is not allowed to connect to the Nix daemon";
                let info = store_info::parse("{\"url\":\"daemon\"}", said, Some(1));
                let daemon = NixDaemon { info, fault: DaemonError::find(said), silent_for: None };
                e.nix_daemon = Probe::seen(daemon, "nix store info");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the daemon hangs up, and allowed-users names only root",
            given: |e| {
                let said = "error: cannot open connection to remote store 'daemon': error: write of 16 bytes: Broken pipe";
                let info = store_info::parse("{\"url\":\"daemon\"}", said, Some(1));
                let daemon = NixDaemon { info, fault: DaemonError::find(said), silent_for: None };
                e.nix_daemon = Probe::seen(daemon, "nix store info");
                e.nix_config = Probe::seen(
                    crate::evidence::nix_config::ConfigView::Read(Box::new(healthy::config(
                        "allowed-users = root\n",
                    ))),
                    "nix config show",
                );
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "everybody is allowed", given: |_| {}, expect: Expect::Pass },
    ],
};

/// What the client sees of the refusal: the reason itself stands in the daemon's log only (Nix 2.34.8).
const HUNG_UP: [&str; 2] = ["Broken pipe", "Connection reset by peer"];

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let daemon = e.nix_daemon()?;
    let words = daemon.info.error.clone().unwrap_or_default();
    let origin = e.conf_files().ok().and_then(|files| conf_files::origin(files, "allowed-users"));
    let refused =
        |seen: String| fail(seen, "a daemon that serves this user").at(origin.map(|it| &it.place)).verdict();
    if daemon.fault == Some(DaemonError::NotAllowed) {
        return refused(format!("the Nix daemon says: {}", words.trim_start_matches("error: ")));
    }
    if daemon.info.succeeded {
        return pass("it answers this user");
    }
    if super::none_is_needed(e) {
        return moot(super::FOR_ONE_USER);
    }
    let allowed = e.settings()?.allowed_users.as_ref();
    let allowed = allowed.ok_or_else(|| Missing::new("Nix does not show `allowed-users`"))?;
    let user = e.user()?.name.as_deref().unwrap_or_default();
    // A group may hold the user; only where there is none can a name be missed.
    let listed = allowed.iter().any(|it| it == "*" || it == user || it.starts_with('@'));
    if HUNG_UP.iter().any(|it| words.contains(it)) && !listed && user != "root" {
        let list = if allowed.is_empty() { "nobody".to_owned() } else { crate::prose::and(allowed) };
        return refused(format!("the Nix daemon hangs up on {user}: allowed-users names {list} only"));
    }
    Err(Missing::new("the daemon does not answer"))
}
