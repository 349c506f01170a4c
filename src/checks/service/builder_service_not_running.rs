//! The job is loaded, and has no process.

use super::{
    builder_crash_looping, builder_login_item_disabled, builder_service_disabled, builder_service_not_loaded,
    is_crash_looping, job, of_the_vm, port_31022_in_use, set_stopped, starts_on_demand,
    vm_working_directory_missing,
};
use crate::checks::host::{host_cannot_virtualise, nix_volume_not_mounted, synthetic_conf_lost};
use crate::checks::prelude::*;
use crate::fix::fixes::start_builder;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-service-not-running",
    title: "The builder's job is running",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[
        &synthetic_conf_lost::CHECK,
        &nix_volume_not_mounted::CHECK,
        &host_cannot_virtualise::CHECK,
        &port_31022_in_use::CHECK,
        &builder_login_item_disabled::CHECK,
        &builder_service_disabled::CHECK,
        &builder_service_not_loaded::CHECK,
        &vm_working_directory_missing::CHECK,
        &builder_crash_looping::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "launchd has the job and does not run it: KeepAlive was switched off, it waits for /nix, or it was stopped this \
          moment.",
    remedy: Remedy::same(Advice::safe(
        &["sudo launchctl kickstart system/{label}"],
        "The VM takes half a minute to come up.",
    )),
    fixes: &[&start_builder::START],
    references: &["nix-darwin/nix-darwin#1033"],
    judge,
    examples: &[
        Example {
            name: "stopped after a clean run",
            given: |e| set_stopped(e, "not running", 1, Some(0)),
            expect: Expect::Fail,
        },
        Example { name: "running", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "between two crashes",
            given: |e| set_stopped(e, "spawn scheduled", 418, Some(134)),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    match job.pid {
        Some(pid) => {
            let since = service
                .age_seconds
                .map(|age| format!(", for {}", crate::prose::span(age)))
                .unwrap_or_default();
            pass(format!("pid {pid}{since}"))
        }
        None if is_crash_looping(e, job, service.age_seconds) => moot("it is between two crashes"),
        None if starts_on_demand(e) => pass("launchd starts it when a build comes"),
        None => {
            let state = job.state.as_deref().unwrap_or("unknown");
            let seen =
                format!("the builder's job {} is loaded and not running (state: {state})", service.label);
            fail(seen, "a running VM").verdict()
        }
    }
}
