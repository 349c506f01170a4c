//! A cache does not answer, or answers with an error.

use super::{cache_ca_bundle_missing, cache_captive_portal, cache_tls_intercepted, set_replies};
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
        "Offline? Then this is as it must be, and --offline leaves the caches out. If the command answers and Nix does not, the daemon lacks the proxy that your shell has: launchd's jobs do not inherit it.",
    )),
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
            expect: Expect::Unknown,
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

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let answers = super::answers(e)?;
    let silent: Vec<(&str, String)> = answers
        .iter()
        .filter_map(|cache| match &cache.answer {
            CacheReply::Status(401 | 403 | 511) => None,
            CacheReply::Status(status) => Some((cache.url.as_str(), format!("it answers HTTP {status}"))),
            CacheReply::Unreachable(why) => Some((cache.url.as_str(), why.clone())),
            _ => None,
        })
        .collect();
    let Some((first, why)) = silent.first() else {
        let private = answers.iter().find(|cache| matches!(cache.answer, CacheReply::Status(401 | 403)));
        if let Some(cache) = private {
            return Err(Missing::new(format!("{} asks for a login, and this program holds none", cache.url)));
        }
        return pass(crate::prose::count(answers.len(), "cache"));
    };
    let urls: Vec<&str> = silent.iter().map(|(url, _)| *url).collect();
    let verb = if urls.len() == 1 { "is" } else { "are" };
    fail(format!("{} {verb} not usable: {why}", and(&urls)), "HTTP 200 within a second")
        .word("cache", crate::evidence::caches::plain(first))
        .verdict()
}
