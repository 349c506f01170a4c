//! launchd does not know the job, though its plist is there.

use super::{
    builder_login_item_disabled, builder_service_disabled, builder_stopped_on_purpose, job,
    launchd_bootstrap_error_5, of_the_vm, set_job,
};
use crate::checks::config::builder_not_configured;
use crate::checks::prelude::*;
use crate::evidence::service::PlistState;
use crate::fix::fixes::start_builder;
use crate::parse::launchd::Printed;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-service-not-loaded",
    title: "launchd knows the builder's job",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[
        &builder_not_configured::CHECK,
        &builder_login_item_disabled::CHECK,
        &builder_stopped_on_purpose::CHECK,
        &builder_service_disabled::CHECK,
        &launchd_bootstrap_error_5::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "The job was booted out by hand, or an activation failed half-way. launchd starts only what is loaded, so the VM \
          stays off, after a reboot too. Whether it was switched off in System Settings instead, only --sudo tells.",
    remedy: Remedy::same(Advice::safe(
        &["sudo launchctl bootstrap system {plist}"],
        "The VM takes half a minute to come up.",
    )),
    fixes: &[&start_builder::START],
    references: &["nix-darwin/nix-darwin#1033"],
    judge,
    examples: &[
        Example {
            name: "booted out, and the plist is there",
            given: |e| set_job(e, |service| service.printed = Printed::NotFound),
            expect: Expect::Fail,
        },
        Example { name: "loaded", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no plist: the VM is run by hand, or not at all",
            given: |e| {
                set_job(e, |service| {
                    service.printed = Printed::NotFound;
                    service.plist.state = PlistState::Missing;
                });
            },
            expect: Expect::Moot,
        },
        Example {
            name: "launchctl prints something else",
            given: |e| {
                set_job(e, |service| service.printed = Printed::Unclear("v2 of the format".to_owned()))
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    match job(e)? {
        Some(_) => pass(format!("{} is loaded", service.label)),
        None if service.plist.state == PlistState::Missing => {
            moot(format!("there is no {}: launchd does not run this builder", service.plist.path))
        }
        None => fail(
            format!("launchd does not know {}, though {} is there", service.label, service.plist.path),
            "the job loaded and running",
        )
        .verdict(),
    }
}
