//! The folder through which the running VM gets its certificates is gone from the Mac.

use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;
use crate::fix::fixes::restart_builder;
use crate::parse::launchd::Printed;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-certs-share-lost",
    title: "The folder that the VM shares with the Mac is there",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[],
    // A test build downloads nothing.
    disproved_by: Proof::Nothing,
    why: "The VM sees the Mac's certificates in a folder that its job makes at each start. Somebody cleaned that folder away \
          while the VM runs, so that every download in the VM fails with an error of SSL. Before October 2023 nix-darwin had \
          it in /tmp, which macOS cleans by itself.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo launchctl kickstart -k system/{label}"],
        "The VM starts anew, and makes the folder. Builds that run on it are lost.",
    )),
    fixes: &[&restart_builder::RESTART],
    references: &["nix-darwin/nix-darwin#768", "nix-darwin/nix-darwin#791"],
    judge,
    examples: &[
        Example { name: "the folder is gone", given: |e| set_exists(e, Some(false)), expect: Expect::Fail },
        Example { name: "it is there", given: |_| {}, expect: Expect::Pass },
        Example { name: "it cannot be told", given: |e| set_exists(e, None), expect: Expect::Unknown },
        Example {
            name: "the VM does not run, so there is none",
            given: |e| {
                set_exists(e, Some(false));
                if let Probe::Seen { fact, .. } = &mut e.builder_job
                    && let Printed::Loaded(job) = &mut fact.printed
                {
                    job.pid = None;
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "the VM hangs, and needs a restart in any case",
            given: |e| {
                set_exists(e, Some(false));
                e.ports =
                    Probe::seen(vec![healthy::port(PortAnswer::Silent { seconds: 7 })], "one connection");
            },
            expect: Expect::Moot,
        },
        Example {
            name: "the VM has no such folder",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.vm_program {
                    fact.says.shares_certs = false;
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = super::of_this_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    if !matches!(&service.printed, Printed::Loaded(job) if job.pid.is_some()) {
        return moot("the VM's job does not run");
    }
    let port = e.port_of(&want.builder.host)?;
    if !matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::ShutOut(_)) {
        return moot("the VM does not answer, and makes the folder when it starts anew");
    }
    let program = e.vm_program()?;
    let says = &program.says;
    if !says.shares_certs {
        return moot("this VM gets no certificates from the Mac");
    }
    let folder =
        says.tmpdir.as_deref().ok_or_else(|| Missing::new("the scripts do not name the shared folder"))?;
    match program.tmpdir_exists {
        Some(true) => pass(folder),
        Some(false) => fail(
            format!("the VM runs, and {folder}, which it shares with the Mac, is gone"),
            "the folder as the VM's job made it",
        )
        .verdict(),
        None => Err(Missing::new(format!("whether {folder} is there cannot be told"))),
    }
}

fn set_exists(e: &mut Evidence, exists: Option<bool>) {
    if let Probe::Seen { fact, .. } = &mut e.vm_program {
        fact.tmpdir_exists = exists;
    }
}
