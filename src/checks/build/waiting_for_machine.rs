//! All slots of the builder are taken by other builds.

use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::checks::ssh::ssh_half_open_hang;
use crate::evidence::builds::{BuildRun, Ended};
use crate::evidence::processes::{Processes, Ssh};
use crate::prose::{and, count, span};

/// See the module.
pub static CHECK: Check = Check {
    id: "waiting-for-machine",
    title: "The builder has a free slot",
    layer: Layer::Build,
    severity: Severity::Error,
    needs: &[&vm_unresponsive::CHECK, &ssh_half_open_hang::CHECK],
    disproved_by: Proof::Nothing,
    why: "A machine takes as many builds at a time as the fourth column of its line says, and the stock builder takes one. While \
          others hold all slots Nix waits for one, without a word: builds of other users, of a CI job, or one that hangs.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["ps -axo pid,etime,command | grep -E '[_]_build-remote|[n]ix-daemon --stdio'"],
            "It shows what runs, and since when: wait for it, or end what nobody needs by its number. Files in \
             /nix/var/nix/current-load are no sign of a build and do no harm: leave them. For more slots, with the cores and \
             the memory for them, in your nix-darwin configuration, then sudo darwin-rebuild switch:\n\n    \
             nix.linux-builder.maxJobs = 4;\n    \
             nix.linux-builder.config.virtualisation.cores = 4;\n    \
             nix.linux-builder.config.virtualisation.darwin-builder.memorySize = 8 * 1024;",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["ps -axo pid,etime,command | grep -E '[_]_build-remote|[n]ix-daemon --stdio'"],
            "It shows what runs, and since when: wait for it, or end what nobody needs by its number. More slots are a matter of \
             the fourth column of the builder's line. Files in /nix/var/nix/current-load are no sign of a build and do no \
             harm: leave them.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#2260", "NixOS/nix#3751"],
    judge,
    examples: &[
        Example { name: "four builds hold four slots", given: |e| set(e, 4), expect: Expect::Fail },
        Example {
            name: "it says that it waits",
            given: |e| {
                let said = "waiting for a machine to build '/nix/store/0-x.drv'...\n";
                healthy::set_builds(e, &Ended::Deadline(60), said);
            },
            expect: Expect::Fail,
        },
        Example { name: "one build holds one of four slots", given: |e| set(e, 1), expect: Expect::Unknown },
        Example { name: "nothing else runs", given: |e| set(e, 0), expect: Expect::Moot },
        Example {
            name: "a machine took it",
            given: |e| {
                let log = "building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...\n";
                healthy::set_builds(e, &Ended::Deadline(60), log);
            },
            expect: Expect::Pass,
        },
        Example { name: "the test builds ended", given: |_| {}, expect: Expect::Pass },
        Example { name: "--quick", given: healthy::hide_builds, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let unended =
        |build: &&&BuildRun| matches!(build.ended, Ended::Deadline(_)) && build.log.dispatched_to.is_none();
    let builds = super::demanded(e, want)?;
    let stuck = builds.iter().find(unended).or_else(|| builds.iter().find(|build| build.log.waited));
    let Some(build) = stuck else {
        let taken = builds.iter().any(|build| build.log.dispatched_to.is_some());
        return if taken { pass("no test build waited") } else { moot("no test build waits") };
    };
    let machines = e.machines()?;
    let takes: Vec<_> =
        machines.machines.iter().filter(|it| it.offers(&build.system) == Some(true)).collect();
    let slots: u64 = takes.iter().map(|machine| machine.max_jobs).sum();
    let holds = |ssh: &&Ssh| ssh.of_nix && takes.iter().any(|machine| machine.host == ssh.host);
    let held = |found: &Processes| found.ssh.iter().filter(holds).count();
    let oldest = |found: &Processes| found.ssh.iter().filter(holds).filter_map(|ssh| ssh.age_seconds).max();
    let said = build.log.waited;
    let running = match e.processes() {
        Ok(found) if held(found) > 0 => {
            let since = oldest(found).map_or(String::new(), |age| format!(", the oldest for {}", span(age)));
            Some((held(found), since))
        }
        Ok(found) if found.hidden > 0 && !said => {
            return Err(Missing::new("`ps` hides the arguments of other users' processes"));
        }
        Ok(_) if !said => return moot("no other build runs on a machine that takes it"),
        Err(missing) if !said => return Err(missing),
        _ => None,
    };
    let hosts: Vec<&str> = takes.iter().map(|machine| machine.host.as_str()).collect();
    let others = match &running {
        Some((held, _)) if !said && u64::try_from(*held).is_ok_and(|held| held < slots) => {
            return Err(Missing::new(format!(
                "{held} of {slots} slots are in use, and the test build was not taken"
            )));
        }
        Some((held, since)) => format!("{} on {}{since}", runs(*held), and(&hosts)),
        None => format!("other builds hold all slots of {}", and(&hosts)),
    };
    let (waited, severity) = match build.ended {
        Ended::Deadline(seconds) => (format!("waited {} for a slot", span(seconds)), Severity::Error),
        _ if build.ran_on_a_builder() => ("had to wait for a slot".to_owned(), Severity::Warning),
        _ => ("waited for a slot".to_owned(), Severity::Error),
    };
    let line = if hosts.len() == 1 { "its line allows" } else { "their lines allow" };
    fail(
        format!("the test build for {} {waited}: {others}, and {line} {slots} at a time", build.what()),
        "a free slot",
    )
    .as_bad_as(severity)
    .verdict()
}

fn runs(number: usize) -> String {
    format!("{} {}", count(number, "other build"), if number == 1 { "runs" } else { "run" })
}

/// For examples: the test builds are not taken, and so many connections of Nix's are open.
fn set(e: &mut Evidence, number: u32) {
    healthy::set_builds(e, &Ended::Deadline(60), "this derivation will be built:\n  /nix/store/0-x.drv\n");
    let one = |pid| Ssh { pid, age_seconds: Some(600), host: "linux-builder".to_owned(), of_nix: true };
    let ssh: Vec<Ssh> = (1..=number).map(|n| one(4710 + n)).collect();
    e.processes = Probe::seen(Processes { ssh, ..Processes::default() }, "ps");
}
