//! Determinate's daemon has a label of its own, and a job of upstream's is left beside it.

use crate::checks::prelude::*;
use crate::evidence::left_over_daemon::{LeftOver, UPSTREAM};

/// See the module.
pub static CHECK: Check = Check {
    id: "daemon-label-is-determinate",
    title: "There is one Nix daemon's job, that of the Nix in use",
    layer: Layer::Daemon,
    severity: Severity::Note,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "Determinate's Nix daemon is the launchd job systems.determinate.nix-daemon. A job of upstream's label is left \
          from an earlier installation, so that commands from the web restart the wrong one, without a word: settings \
          seem to be ignored. Every command of this program names the right job.",
    remedy: Remedy::same(Advice::manual(
        &["launchctl print system/{left-over}"],
        "The daemon in use is restarted by:\n\n    sudo launchctl kickstart -k system/{daemon-label}\n\nTo be rid of the \
         other:\n\n    sudo launchctl bootout system/{left-over}\n    sudo rm /Library/LaunchDaemons/{left-over}.plist",
    )),
    fixes: &[],
    references: &["https://docs.determinate.systems/determinate-nix", "NixOS/nix#9978"],
    judge,
    examples: &[
        Example {
            name: "upstream's job is left",
            given: |e| {
                let plist = Some(format!("/Library/LaunchDaemons/{UPSTREAM}.plist"));
                set(e, LeftOver { plist, loaded: Some(true) });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "Determinate's alone",
            given: |e| set(e, LeftOver { plist: None, loaded: Some(false) }),
            expect: Expect::Pass,
        },
        Example { name: "upstream's Nix", given: |_| {}, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let managers = e.managers()?;
    if managers.determinate.is_none() {
        return moot("this is not Determinate's Nix");
    }
    let left = e.left_over_daemon()?;
    let seen = match (&left.plist, left.loaded) {
        (Some(path), Some(true)) => format!("{path} is left, and loaded, beside {}", managers.daemon_label()),
        (Some(path), _) => format!("{path} is left beside {}", managers.daemon_label()),
        (None, Some(true)) => format!("the job {UPSTREAM} is loaded beside {}", managers.daemon_label()),
        (None, Some(false)) => return pass(managers.daemon_label()),
        (None, None) => return Err(Missing::new("launchctl does not say whether such a job is loaded")),
    };
    fail(seen, format!("{} alone", managers.daemon_label()))
        .word("left-over", UPSTREAM)
        .word("daemon-label", managers.daemon_label())
        .verdict()
}

fn set(e: &mut Evidence, left: LeftOver) {
    if let Probe::Seen { fact, .. } = &mut e.managers {
        fact.determinate = Some("/usr/local/bin/determinate-nixd".to_owned());
    }
    e.left_over_daemon = Probe::seen(left, "launchctl print");
}
