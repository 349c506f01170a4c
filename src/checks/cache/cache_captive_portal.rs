//! Something answers in the cache's place, and it is no cache.

use super::{cache_tls_intercepted, set_replies};
use crate::checks::prelude::*;
use crate::evidence::caches::CacheReply;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-captive-portal",
    title: "What answers for the caches is a binary cache",
    layer: Layer::Cache,
    severity: Severity::Error,
    needs: &[&cache_tls_intercepted::CHECK],
    disproved_by: Proof::Nothing,
    why: "A hotel's or a company's sign-in page answers every address until you have signed in. Nix takes the page for a \
          cache's answer, and says `NAR info file … is corrupt`.",
    remedy: Remedy::same(Advice::manual(
        &["open http://captive.apple.com"],
        "Sign in on the page that opens, then look again. If none opens, the URL of the cache is wrong.",
    )),
    fixes: &[],
    references: &["https://www.rfc-editor.org/rfc/rfc8952"],
    judge,
    examples: &[
        Example {
            name: "a sign-in page",
            given: |e| {
                set_replies(
                    e,
                    &CacheReply::NotACache { html: true, from: "https://login.example/".to_owned() },
                )
            },
            expect: Expect::Fail,
        },
        Example {
            name: "HTTP 511",
            given: |e| set_replies(e, &CacheReply::Status(511)),
            expect: Expect::Fail,
        },
        Example { name: "caches", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let portal = super::answers(e)?.iter().find_map(|cache| match &cache.answer {
        CacheReply::NotACache { html: true, from } => Some((&cache.url, format!("a web page from {from}"))),
        CacheReply::NotACache { html: false, .. } => {
            Some((&cache.url, "something that is no cache".to_owned()))
        }
        CacheReply::Status(511) => Some((&cache.url, "\"sign in first\" (HTTP 511)".to_owned())),
        _ => None,
    });
    match portal {
        Some((url, what)) => {
            fail(format!("{url} answers with {what}"), "a nix-cache-info with its StoreDir").verdict()
        }
        None => pass("every answer was a cache's"),
    }
}
