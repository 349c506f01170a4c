//! A cache does not answer, or answers with an error.

use super::{cache_ca_bundle_missing, cache_captive_portal, cache_tls_intercepted, set_replies};
use super::{ipv6_broken, proxy_not_seen_by_daemon};
use crate::checks::prelude::*;
use crate::evidence::caches::CacheReply;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-unreachable",
    title: "The caches answer",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[&cache_ca_bundle_missing::CHECK, &cache_tls_intercepted::CHECK, &cache_captive_portal::CHECK],
    disproved_by: Proof::Nothing,
    why: "What a build needs comes from the caches. While one does not answer, Nix waits for it, retries, and then builds \
          everything by itself. Offline, that is as it must be: --offline leaves the caches out.",
    remedy: Remedy::same(Advice::manual(
        &["curl -sS {cache}/nix-cache-info"],
        "Offline? Then this is as it must be, and --offline leaves the caches out. If the command answers and Nix does not, ask your administrators whether this network needs a proxy.",
    )),
    fixes: &[],
    references: &["NixOS/nix#7914"],
    judge,
    examples: &[
        Example {
            name: "HTTP 503",
            given: |e| set_replies(e, &CacheReply::Status(503)),
            expect: Expect::Fail,
        },
        Example {
            name: "no answer in five seconds",
            given: |e| set_replies(e, &CacheReply::Unreachable("no answer in 5s".to_owned())),
            expect: Expect::Fail,
        },
        Example {
            name: "a private cache, which asks for a login",
            given: |e| set_replies(e, &CacheReply::Status(401)),
            expect: Expect::Pass,
        },
        Example {
            name: "a folder as cache",
            given: |e| set_replies(e, &CacheReply::NotAsked),
            expect: Expect::Pass,
        },
        Example { name: "both answer", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "--offline",
            given: |e| e.caches = Probe::not_taken("--offline: no cache was asked"),
            expect: Expect::Unknown,
        },
    ],
};

/// Why nothing answers at all.
const WAYS: &[&Check] = &[&proxy_not_seen_by_daemon::CHECK, &ipv6_broken::CHECK];

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let answers = super::answers(e)?;
    let silent: Vec<(&str, String)> = answers
        .iter()
        .filter_map(|cache| match &cache.answer {
            // These have checks of their own.
            CacheReply::Status(401 | 403 | 407 | 511) => None,
            CacheReply::Status(status) => Some((cache.url.as_str(), format!("it answers HTTP {status}"))),
            CacheReply::Unreachable(why) => Some((cache.url.as_str(), why.clone())),
            _ => None,
        })
        .collect();
    let Some((first, why)) = silent.first() else {
        return pass(crate::prose::count(answers.len(), "cache"));
    };
    let no_answer = answers.iter().any(|it| matches!(it.answer, CacheReply::Unreachable(_)));
    let urls: Vec<&str> = silent.iter().map(|(url, _)| *url).collect();
    let verb = if urls.len() == 1 { "is" } else { "are" };
    fail(format!("{} {verb} not usable: {why}", and(&urls)), "HTTP 200 within a second")
        .word("cache", crate::evidence::caches::plain(first))
        .pointing_to(if no_answer { WAYS } else { &[] })
        .verdict()
}
