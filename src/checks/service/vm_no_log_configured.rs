//! The VM fails, and its job writes no log that would say why.

use super::{job, of_the_vm, set_stopped};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::evidence::service::{PlistState, log_paths};
use crate::parse::launchd::LastExit;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-no-log-configured",
    title: "A VM that fails leaves a log",
    layer: Layer::Service,
    severity: Severity::Note,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "nix-darwin gives the builder's job no log, as launchd rotates none and it would grow for ever. What QEMU says when it \
          ends is lost then.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &[
                    "sudo launchctl debug system/{label} --stdout --stderr",
                    "sudo launchctl kickstart -k system/{label}",
                ],
                "The first command waits and shows what the job prints when it starts the next time; run the second beside it, \
                 in another terminal.",
            )
            .after_edit(
                "For a lasting log, in your nix-darwin configuration, and then sudo darwin-rebuild switch:\n\n    \
                 launchd.daemons.linux-builder.serviceConfig.StandardOutPath = \"/var/log/darwin-builder.log\";\n    \
                 launchd.daemons.linux-builder.serviceConfig.StandardErrorPath = \"/var/log/darwin-builder.log\";",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &[
                "sudo launchctl debug system/{label} --stdout --stderr",
                "sudo launchctl kickstart -k system/{label}",
            ],
            "The first command waits and shows what the job prints when it starts the next time; run the second beside it, in \
             another terminal. StandardOutPath and StandardErrorPath in {plist} make a lasting log.",
        ),
    },
    fixes: &[],
    references: &["nix-darwin/nix-darwin#684"],
    judge,
    examples: &[
        Example {
            name: "the VM keeps crashing, and no log is named",
            given: |e| set_stopped(e, "spawn scheduled", 418, Some(134)),
            expect: Expect::Fail,
        },
        Example {
            name: "the same, and a log is named",
            given: |e| {
                set_stopped(e, "spawn scheduled", 418, Some(134));
                super::set_job(e, |service| {
                    if let PlistState::Present(plist) = &mut service.plist.state {
                        plist.stderr_path = Some("/var/log/darwin-builder.log".to_owned());
                    }
                });
            },
            expect: Expect::Pass,
        },
        Example { name: "the VM runs", given: |_| {}, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    let failed = job.pid.is_none() && job.last_exit.as_ref().is_some_and(LastExit::is_failure);
    let answer = e.port_of(&want.builder.host).map(|port| &port.answer);
    let up = matches!(answer, Ok(PortAnswer::Ssh(_) | PortAnswer::ShutOut(_)));
    // One that was started just now may still come up.
    let late = service.age_seconds.is_some_and(|age| age >= super::BOOTING);
    if up || !(failed || (job.pid.is_some() && late && answer.is_ok())) {
        return moot("the VM does not fail");
    }
    match log_paths(service).into_iter().flatten().next() {
        Some(path) => pass(format!("it writes to {path}")),
        None => fail(
            "the VM fails, and its job writes no log that would say why",
            "StandardErrorPath in the job's file",
        )
        .verdict(),
    }
}
