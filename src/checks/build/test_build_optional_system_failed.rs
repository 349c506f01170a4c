//! The test build for an optional system failed, though a machine offers it.

use super::{test_build_failed, test_build_timed_out, words};
use crate::checks::guest::machines_system_offered_but_not_executable;
use crate::checks::machines::machines_optional_system_not_offered;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;

/// See the module.
pub static CHECK: Check = Check {
    id: "test-build-optional-system-failed",
    title: "Test builds for the optional systems run, too",
    layer: Layer::Build,
    severity: Severity::Warning,
    needs: NEEDS,
    disproved_by: Proof::Nothing,
    why: "A machine offers the system, and the test build for it failed, while no other check tells why.",
    remedy: Remedy::same(Advice::manual(
        &["builder-doctor --sudo"],
        "That looks into the VM too. If you do not need the system, empty optional-systems in builder-doctor.toml.",
    )),
    fixes: &[],
    references: &["nix-darwin/nix-darwin#1192"],
    judge,
    examples: &[
        Example {
            name: "only x86_64-linux fails",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.builds {
                    for build in fact.iter_mut().filter(|build| build.system == "x86_64-linux") {
                        build.ended = Ended::Code(1);
                        build.log = crate::parse::build_log::parse("error: something new\n", Some(1));
                    }
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "it runs", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no machine offers it",
            given: |e| healthy::set_machines(e, &healthy::MACHINES.replace(",x86_64-linux", "")),
            expect: Expect::Moot,
        },
    ],
};

const NEEDS: &[&Check] = &[
    &machines_optional_system_not_offered::CHECK,
    &machines_system_offered_but_not_executable::CHECK,
    &test_build_timed_out::CHECK,
    &test_build_failed::CHECK,
];

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let machines = e.machines()?;
    let offered: Vec<&String> = want
        .builder
        .optional_systems
        .iter()
        .filter(|system| machines.machines.iter().any(|machine| machine.offers(system) == Some(true)))
        .collect();
    if offered.is_empty() {
        return moot("no machine offers an optional system");
    }
    for system in &offered {
        let build = e.build_of(system, None)?;
        match &build.ended {
            _ if build.ran_on_a_builder() => {}
            Ended::Other(why) => return Err(Missing::new(why.clone())),
            Ended::Deadline(_) | Ended::Cancelled(_) => {
                return fail(format!("the test build for {system} did not end in time"), "a build that runs")
                    .verdict();
            }
            _ => {
                return fail(
                    format!("the test build for {system} failed: {}", words(build)),
                    "a build that runs",
                )
                .verdict();
            }
        }
    }
    pass(crate::prose::and(&offered))
}
