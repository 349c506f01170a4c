//! The VM runs out of memory, and its kernel ends builds for it.

use super::{inside, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;
use crate::evidence::builds::{BuildRun, Ended};
use crate::parse::build_log::{self, Outcome};

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-out-of-memory",
    title: "The VM has enough memory for its builds",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[&ssh_login_refused::CHECK],
    // A test build needs next to no memory, and so says nothing of it.
    disproved_by: Proof::Nothing,
    why: "The stock VM has 3 GiB of memory and no swap. More builds at a time, or one that links a large program, need more: \
          then the VM's kernel ends the largest process, and the build fails with `Killed` or `signal 9`.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &["sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"],
                "Fewer builds at a time need less: nix.linux-builder.maxJobs.",
            )
            .after_edit(
                "In your nix-darwin configuration, in MiB:\n\n    \
             nix.linux-builder.config.virtualisation.darwin-builder.memorySize = 8 * 1024;",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo launchctl bootout system/{label}", "sudo launchctl bootstrap system {plist}"],
            "Fewer builds at a time need less: the fourth column of its line.",
        )
        .after_edit(
            "Make the VM anew with more memory, virtualisation.darwin-builder.memorySize in its NixOS configuration, and name \
             its start script in {plist}. Then:",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#10351", "NixOS/nixpkgs#304011"],
    judge,
    examples: &[
        Example {
            name: "the VM's kernel ended two processes",
            given: |e| {
                set_inside(e, |guest| {
                    guest.oom_kills = Some(2);
                    guest.memory_total_kib = Some(3_062_456);
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the installable's compiler was killed",
            given: |e| {
                healthy::hide_root_view(e);
                set_installable(e, KILLED);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a process was killed, and not for memory",
            given: |e| set_installable(e, KILLED),
            expect: Expect::Unknown,
        },
        Example { name: "none was ended", given: |_| {}, expect: Expect::Pass },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

/// The compiler's words of NixOS/nixpkgs#304011 in the frame of a remote build.
const KILLED: &str = "\
building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...
error: build of '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/0-x.drv'.
       Reason: builder failed with exit code 2.
       Last 2 log lines:
       > g++: fatal error: Killed signal terminated program cc1plus
       > compilation terminated.
error: Cannot build '/nix/store/0-x.drv'.
       Reason: builder failed with exit code 1.
";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let expected = "memory for all builds that run at a time";
    let counted = inside(e).map(|guest| (guest, guest.oom_kills));
    if let Ok((guest, Some(kills))) = counted
        && kills > 0
    {
        let has = guest.memory_total_kib.map_or(String::new(), |total| {
            let swap = match guest.swap_total_kib {
                Some(0) => " and no swap",
                _ => "",
            };
            format!("; it has {} MiB{swap}", total >> 10)
        });
        let processes = if kills == 1 { "a process".to_owned() } else { format!("{kills} processes") };
        let seen =
            format!("the VM ran out of memory: its kernel ended {processes} for that since it started{has}");
        return fail(seen, expected).verdict();
    }
    // The test builds first: what ends these ends all.
    let tests = e.builds().ok().into_iter().flatten().map(|build| (build, Severity::Error));
    let others = e.installable_builds().ok().into_iter().flatten().map(|build| (build, Severity::Warning));
    if let Some((build, severity, said)) =
        tests.chain(others).find_map(|(build, severity)| Some((build, severity, killed(build)?)))
    {
        if let Ok((_, Some(0))) = counted {
            return Err(Missing::new(format!(
                "a build was killed ({said}), and the VM's kernel did not do it for memory"
            )));
        }
        let what =
            build.installable.clone().unwrap_or_else(|| format!("the test build for {}", build.what()));
        let seen = format!("the VM ended {what} by force, as a VM does that is out of memory: {said}");
        return fail(seen, expected).as_bad_as(severity).verdict();
    }
    match counted?.1 {
        Some(_) => pass("nothing was ended for want of memory"),
        None => Err(Missing::new("the VM's kernel does not say whether it ended anything")),
    }
}

/// The line of a remote build's log that says so.
fn killed(build: &BuildRun) -> Option<String> {
    build.log.dispatched_to.as_ref()?;
    if build.ran_on_a_builder() {
        return None;
    }
    let words = ["Killed signal terminated program", "failed due to signal 9", "(signal: 9, SIGKILL"];
    let says = |line: &str| words.iter().any(|words| line.contains(words));
    let line = build.log.tail.iter().find(|line| says(line)).map(String::as_str);
    let why = match &build.log.outcome {
        Outcome::FailedInGuest(why) if says(why) => Some(why.as_str()),
        _ => None,
    };
    let said = why.or(line)?.trim();
    Some(said.trim_start_matches("> ").trim_start_matches("Reason: ").trim_end_matches('.').to_owned())
}

fn set_installable(e: &mut Evidence, log: &str) {
    if let Probe::Seen { fact, .. } = &mut e.installable_builds {
        for build in fact.iter_mut() {
            build.ended = Ended::Code(1);
            build.log = build_log::parse(log, Some(1));
        }
    }
}
