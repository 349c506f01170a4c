//! The test build runs, and what the expectations name does not.

use super::{test_build_failed, test_build_timed_out, words};
use crate::checks::cache::{cache_captive_portal, cache_tls_intercepted, cache_unreachable};
use crate::checks::guest::{vm_clock_skew, vm_dns_hardcoded, vm_out_of_memory};
use crate::checks::machines::machines_optional_system_not_offered;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::parse::build_log::Outcome;

/// See the module.
pub static CHECK: Check = Check {
    id: "hello-build-failed",
    title: "The expected installable can be had for every system",
    layer: Layer::Build,
    severity: Severity::Warning,
    needs: &[
        &machines_optional_system_not_offered::CHECK,
        &vm_clock_skew::CHECK,
        &vm_out_of_memory::CHECK,
        &vm_dns_hardcoded::CHECK,
        &cache_tls_intercepted::CHECK,
        &cache_captive_portal::CHECK,
        &cache_unreachable::CHECK,
        &test_build_timed_out::CHECK,
        &test_build_failed::CHECK,
    ],
    disproved_by: Proof::Nothing,
    why: "The builder itself works: its test build ran. What failed here is evaluation, the flake registry, GitHub's limit of \
          requests, or a cache.",
    remedy: Remedy::same(Advice::manual(
        &["nix build --no-link -L {installable}"],
        "The command shows the whole error. `API rate limit exceeded` means: set access-tokens for github.com, or wait an hour.",
    )),
    references: &["NixOS/nix#4653", "DeterminateSystems/zero-to-nix#340"],
    judge,
    examples: &[
        Example {
            name: "no registry",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.installable_builds {
                    for build in fact.iter_mut() {
                        build.ended = Ended::Code(1);
                        let said = "error: cannot find flake 'flake:nixpkgs' in the flake registries\n";
                        build.log = crate::parse::build_log::parse(said, Some(1));
                    }
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "it can be had", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not asked for",
            given: |e| e.installable_builds = Probe::not_taken("only --deep builds it"),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let builds = match e.installable_builds() {
        Err(missing) if missing.by_choice => return moot(missing.because),
        builds => builds?,
    };
    for build in builds {
        let installable = build.installable.as_deref().unwrap_or("the installable");
        let how = match &build.ended {
            Ended::Code(0) => continue,
            Ended::Other(why) => return Err(Missing::new(why.clone())),
            Ended::Deadline(seconds) => format!("did not end in {seconds} s: {}", build.last_words()),
            Ended::Cancelled(why) => format!("was stopped: {why}"),
            _ if build.log.outcome == Outcome::RateLimited => {
                "was refused by GitHub: API rate limit exceeded".to_owned()
            }
            _ => format!("failed: {}", words(build)),
        };
        return fail(format!("`nix build {installable}` {how}"), "a package, built or fetched")
            .word("installable", installable)
            .verdict();
    }
    pass(crate::prose::count(builds.len(), "build"))
}
