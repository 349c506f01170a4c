//! An ssh of Nix's is still connected to a VM that is gone, and holds a slot of the builder.

use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::evidence::builds::{BuildRun, Ended};
use crate::evidence::processes::{Processes, Ssh, is_stuck};
use crate::prose::span;

/// `ps` and launchd tell whole seconds, and not of the same moment.
const MARGIN: u64 = 5;
/// Hardly a build takes this long: 6 hours.
const TOO_LONG: u64 = 6 * 3600;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-half-open-hang",
    title: "No dead connection to the builder holds a slot",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&vm_unresponsive::CHECK],
    disproved_by: Proof::EveryBuild,
    why: "Nix sends nothing through a quiet connection, and so never notices that the other end is gone: after a sleep, or when \
          the VM was restarted during a build. The ssh waits for ever, and its build keeps its slot of the builder from all \
          others.",
    remedy: Remedy {
        nix_darwin: Some(Advice::disruptive(
            &["ps -o pid,etime,command -p {stuck-pid}", "sudo kill {stuck-pid}"],
            "The second command ends that one build, which fails and can be started again; where it is a build that really \
             takes so long, leave it. Files in /nix/var/nix/current-load are free as soon as nobody holds them: leave them \
             where they are. To have ssh notice by itself from now on, in your nix-darwin configuration, then \
             sudo darwin-rebuild switch:\n\n    \
             programs.ssh.extraConfig = ''\n      Host {host}\n        ServerAliveInterval 30\n        \
             ServerAliveCountMax 3\n    '';",
        )),
        determinate: None,
        otherwise: Advice::disruptive(
            &["ps -o pid,etime,command -p {stuck-pid}", "sudo kill {stuck-pid}"],
            "The second command ends that one build, which fails and can be started again; where it is a build that really \
             takes so long, leave it. Files in /nix/var/nix/current-load are free as soon as nobody holds them: leave them \
             where they are. To have ssh notice by itself from now on, put this under the builder's Host in \
             /etc/ssh/ssh_config.d:\n\n    ServerAliveInterval 30\n    ServerAliveCountMax 3",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#15620", "NixOS/nix#1712", "NixOS/nix#4427", "NixOS/nix#16437"],
    judge,
    examples: &[
        Example {
            name: "an ssh older than the VM, and builds that wait",
            given: |e| set(e, Some(9_000)),
            expect: Expect::Fail,
        },
        Example {
            name: "an ssh of nine hours",
            given: |e| {
                set(e, Some(32_400));
                if let Probe::Seen { fact, .. } = &mut e.builder_job {
                    fact.age_seconds = Some(90_000);
                }
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a build that runs for ten minutes",
            given: |e| set(e, Some(600)),
            expect: Expect::Pass,
        },
        Example {
            name: "the login of a person, who may stay",
            given: |e| {
                set(e, Some(9_000));
                if let Probe::Seen { fact, .. } = &mut e.processes {
                    fact.ssh.iter_mut().for_each(|ssh| ssh.of_nix = false);
                }
            },
            expect: Expect::Pass,
        },
        Example { name: "the test builds ended", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "`ps` hides what others run",
            given: |e| {
                set(e, None);
                e.processes = Probe::seen(Processes { hidden: 2, ..Processes::default() }, "ps");
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "the test builds were refused at once",
            given: |e| healthy::set_builds(e, &Ended::Code(1), "error: Cannot build '/nix/store/0-x.drv'.\n"),
            expect: Expect::Moot,
        },
        Example { name: "--quick", given: healthy::hide_builds, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let builds = e.builds()?;
    if !builds.iter().any(is_stuck) {
        let any = builds.iter().any(BuildRun::ran_on_a_builder);
        return if any { pass("the test builds ended") } else { moot("no test build hangs") };
    }
    let processes = e.processes()?;
    // The age of the VM is that of its job; where there is no job, that of the one QEMU.
    let qemu = || if let [one] = processes.qemu.as_slice() { one.age_seconds } else { None };
    let vm = e.builder_job().ok().and_then(|job| job.age_seconds).or_else(qemu);
    let dead = |ssh: &&Ssh| {
        let age = ssh.age_seconds.unwrap_or(0);
        let outlived = ssh.host == want.builder.host && vm.is_some_and(|vm| age > vm + MARGIN);
        ssh.of_nix && (outlived || age > TOO_LONG)
    };
    let mut found: Vec<&Ssh> = processes.ssh.iter().filter(dead).collect();
    found.sort_by_key(|ssh| std::cmp::Reverse(ssh.age_seconds));
    let Some(oldest) = found.first() else {
        return match processes.hidden {
            0 => pass("no connection is older than the VM"),
            _ => Err(Missing::new("`ps` hides the arguments of other users' processes")),
        };
    };
    let age = oldest.age_seconds.unwrap_or(0);
    let outlived = oldest.host == want.builder.host && vm.is_some_and(|vm| age > vm + MARGIN);
    let than = if outlived { ", longer than the VM itself" } else { "" };
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(", one of {} such", more + 1),
    };
    fail(
        format!(
            "an ssh of Nix to {} (process {}{more}) has been running for {}{than}: it leads nowhere, and keeps a slot of the builder",
            oldest.host,
            oldest.pid,
            span(age)
        ),
        "connections that are younger than what they lead to",
    )
    .word("stuck-pid", oldest.pid.to_string())
    .verdict()
}

/// For examples: the test builds wait, and one ssh of Nix's is this old.
fn set(e: &mut Evidence, age: Option<u64>) {
    healthy::set_builds(e, &Ended::Deadline(60), "this derivation will be built:\n  /nix/store/0-x.drv\n");
    let ssh = Ssh { pid: 4711, age_seconds: age, host: "linux-builder".to_owned(), of_nix: true };
    let processes = Processes { ssh: vec![ssh], hooks: 1, oldest_hook: age, ..Processes::default() };
    e.processes = Probe::seen(processes, "ps");
}
