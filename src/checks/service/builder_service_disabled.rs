//! An override keeps launchd from ever starting the builder.

use super::{builder_login_item_disabled, builder_stopped_on_purpose, job, of_the_vm, set_job};
use crate::checks::prelude::*;
use crate::fix::fixes::start_builder;
use crate::parse::launchd::Printed;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-service-disabled",
    title: "launchd may start the builder",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&builder_login_item_disabled::CHECK, &builder_stopped_on_purpose::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "Somebody ran `launchctl disable` or `launchctl unload -w` (as stop-linux-builder does): that leaves an override \
          that survives reboots, and makes `bootstrap` answer `5: Input/output error`. It may have been on purpose, to \
          save memory.",
    remedy: Remedy::same(Advice::safe(
        &["sudo launchctl enable system/{label}", "sudo launchctl bootstrap system {plist}"],
        "The VM takes half a minute to come up. If bootstrap answers `5: Input/output error`, the job is loaded already: `sudo \
         launchctl kickstart system/{label}`.",
    )),
    fixes: &[&start_builder::START],
    references: &["DeterminateSystems/nix-installer#1047", "supabase/postgres#1999"],
    judge,
    examples: &[
        Example {
            name: "unloaded with -w",
            given: |e| {
                set_job(e, |service| {
                    service.disabled = Some(true);
                    service.printed = Printed::NotFound;
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "disabled, and running until the next boot",
            given: |e| set_job(e, |service| service.disabled = Some(true)),
            expect: Expect::Pass,
        },
        Example { name: "no override", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "`print-disabled` cannot be read",
            given: |e| set_job(e, |service| service.disabled = None),
            expect: Expect::Unknown,
        },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let disabled =
        service.disabled.ok_or_else(|| Missing::new("`launchctl print-disabled` cannot be understood"))?;
    if !disabled {
        return pass("not disabled");
    }
    if job(e)?.is_some_and(|job| job.pid.is_some()) {
        return pass("disabled for the next boot, and running now");
    }
    fail(
        format!("launchd is told never to start {}: it is disabled", service.label),
        "no override, or one that says enabled",
    )
    .verdict()
}
