//! The test build runs, and what the expectations name does not.

use super::{test_build_failed, test_build_timed_out, words};
use crate::checks::cache::{
    cache_auth_netrc, cache_ca_bundle_missing, cache_captive_portal, cache_tls_intercepted,
    cache_unreachable, github_rate_limit, proxy_not_seen_by_daemon,
};
use crate::checks::guest::{store_untrusted_by_guest, vm_clock_skew, vm_dns_hardcoded, vm_out_of_memory};
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
        &store_untrusted_by_guest::CHECK,
        &cache_tls_intercepted::CHECK,
        &cache_captive_portal::CHECK,
        &cache_unreachable::CHECK,
        &github_rate_limit::CHECK,
        &test_build_timed_out::CHECK,
        &test_build_failed::CHECK,
    ],
    disproved_by: Proof::Nothing,
    why: "The builder itself works: its test build ran. What failed here comes before or beside the building: evaluation, the \
          flake registry, the download of a flake's input, GitHub, or a cache. Or the package itself does not build.",
    remedy: Remedy::same(Advice::manual(
        &["nix build --no-link -L {installable}"],
        "The command shows the whole error. `nix registry list` shows what the names of flakes stand for.",
    )),
    fixes: &[],
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

/// What can keep a download from succeeding, besides what is needed anyway.
const DOWNLOADS: &[&Check] =
    &[&cache_ca_bundle_missing::CHECK, &cache_auth_netrc::CHECK, &proxy_not_seen_by_daemon::CHECK];

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let builds = match e.installable_builds() {
        Err(missing) if missing.is_unwanted() => return moot(missing.because),
        builds => builds?,
    };
    for build in builds {
        let installable = build.installable.as_deref().unwrap_or("the installable");
        let how = match &build.ended {
            Ended::Code(0) => continue,
            Ended::Other(why) => return Err(Missing::new(why.clone())),
            Ended::Deadline(seconds) => format!("did not end in {seconds} s: {}", build.last_words()),
            Ended::Cancelled(why) => format!("was stopped: {why}"),
            _ => match &build.log.outcome {
                Outcome::RateLimited => "was refused by GitHub: API rate limit exceeded".to_owned(),
                Outcome::TokenRefused => "was refused by GitHub: it does not take the token".to_owned(),
                Outcome::NotInRegistry(why) => format!("names what no flake registry has: {why}"),
                Outcome::FetchFailed(why) => format!("could not fetch a flake's input: {why}"),
                Outcome::EvaluationFailed(why) => format!("cannot be evaluated: {why}"),
                Outcome::CacheTrouble(why) => format!("was stopped by a cache: {why}"),
                Outcome::FailedInGuest(why) => format!("ran on {} and failed: {why}", build.machine()),
                _ => format!("failed: {}", words(build)),
            },
        };
        let downloading = matches!(build.log.outcome, Outcome::FetchFailed(_) | Outcome::CacheTrouble(_));
        return fail(format!("`nix build {installable}` {how}"), "a package, built or fetched")
            .word("installable", installable)
            .pointing_to(if downloading { DOWNLOADS } else { &[] })
            .verdict();
    }
    pass(crate::prose::count(builds.len(), "build"))
}
