//! `max-jobs` is 0, and no machine builds for this Mac's own system.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::nix_config::ConfigView;
use crate::fix::fixes::nix_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "max-jobs-zero",
    title: "Somebody builds for this machine's own system",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "With max-jobs = 0 Nix builds nothing on this machine. That suits who has machines for every system; a Linux \
          builder alone does not build for macOS, so every build of a Mac's own package fails.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "")
                .after_edit("In your nix-darwin configuration:\n\n    nix.settings.max-jobs = \"auto\";"),
        ),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
                .after_edit("In /etc/nix/nix.custom.conf:\n\n    max-jobs = auto"),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
            .after_edit("In /etc/nix/nix.conf:\n\n    max-jobs = auto"),
    },
    fixes: &[&nix_conf::LOCAL_SLOT],
    references: &["NixOS/nix#10451", "NixOS/nix#3806", "NixOS/nix#2238"],
    judge,
    examples: &[
        Example { name: "0, and only a Linux builder", given: |e| set(e, "0"), expect: Expect::Fail },
        Example {
            name: "0, and Linux builds are left to a program on this Mac",
            given: |e| {
                set(e, "0");
                super::set_external(e, "/usr/local/bin/determinate-nixd");
                healthy::set_machines(e, "");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "0, and another Mac builds",
            given: |e| {
                set(e, "0");
                healthy::set_machines(e, &format!("{}ssh://admin@mini - - 8 2\n", healthy::MACHINES));
            },
            expect: Expect::Pass,
        },
        Example { name: "auto", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let settings = e.settings()?;
    let Some(jobs) = &settings.max_jobs else {
        return Err(Missing::new("Nix does not show `max-jobs`"));
    };
    if jobs != "0" {
        return pass(format!("max-jobs = {jobs}"));
    }
    let Some(own) = &settings.system else { return Err(Missing::new("Nix does not show `system`")) };
    let takers = |machine: &&crate::parse::machines::Machine| machine.offers(own).unwrap_or(true);
    if let Some(machine) = e.machines()?.machines.iter().find(takers) {
        return pass(format!("max-jobs = 0, and {} takes {own}", machine.uri.value));
    }
    let origin = e.origin("max-jobs");
    let seen = format!(
        "`max-jobs` is set to 0 {}, and no machine builds for {own}{}",
        origin.words(),
        e.only_for_you("max-jobs")
    );
    let finding = fail(seen, "a local slot, such as max-jobs = auto").at(origin.place().as_ref());
    // What external-builders names needs a local slot.
    match super::external(e) {
        Some(_) => finding.as_bad_as(Severity::Error).verdict(),
        None => finding.verdict(),
    }
}

fn set(e: &mut Evidence, jobs: &str) {
    super::set_file(e, "/etc/nix/nix.conf", &format!("max-jobs = {jobs}\n"));
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.max_jobs = Some(jobs.to_owned());
    }
}
