//! The folder that the builder's job is to run in is gone.

use super::{job, of_the_vm, set_stopped};
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::evidence::service::PlistState;
use crate::fix::fixes::working_directory;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-working-directory-missing",
    title: "The folder that the VM runs in is there",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "launchd starts the job in this folder, where the VM's disk and keys are. It ends at once where there is none, with \
          exit code 78 or `Read-only file system`. A clean-up removed it, or nix.linux-builder was off for one \
          `darwin-rebuild switch`, which deletes it.",
    remedy: Remedy::same(Advice::safe(
        &["sudo mkdir -p {folder}", "sudo launchctl kickstart -k system/{label}"],
        "The VM makes a new disk and new keys there, and installs the new key in /etc/nix. That takes a minute.",
    )),
    fixes: &[&working_directory::MAKE],
    references: &["https://github.com/nix-darwin/nix-darwin/blob/master/modules/nix/linux-builder.nix"],
    judge,
    examples: &[
        Example {
            name: "the folder is gone, and the job keeps failing",
            given: |e| {
                set_stopped(e, "spawn scheduled", 40, Some(78));
                super::set_job(e, |service| service.working_directory_exists = Some(false));
            },
            expect: Expect::Fail,
        },
        Example { name: "it is there", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the job's file names none",
            given: |e| {
                super::set_job(e, |service| {
                    service.working_directory_exists = None;
                    if let PlistState::Present(plist) = &mut service.plist.state {
                        plist.working_directory = None;
                    }
                });
            },
            expect: Expect::Moot,
        },
        Example {
            name: "nobody but root may look there",
            given: |e| super::set_job(e, |service| service.working_directory_exists = None),
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    let folder = match &service.plist.state {
        PlistState::Present(plist) => plist.working_directory.as_deref(),
        _ => job.working_directory.as_deref(),
    };
    let Some(folder) = folder else { return moot("the job's file names no folder to run in") };
    match service.working_directory_exists {
        Some(true) => pass(folder),
        None => Err(Missing::new(format!("whether {folder} is there cannot be told"))),
        Some(false) => {
            let up = e
                .port_of(&want.builder.host)
                .is_ok_and(|port| matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::ShutOut(_)));
            let runs = if up { "; the VM that runs will not start again" } else { "" };
            let seen = format!("{folder}, where the VM's job runs, is not there{runs}");
            let finding = fail(seen, "the folder that the job's file names").word("folder", folder);
            if up { finding.as_bad_as(Severity::Warning).verdict() } else { finding.verdict() }
        }
    }
}
