//! A cache asks for a login, and Nix has none for it.

use super::{answers, cache_ca_bundle_missing, cache_tls_intercepted, set_replies};
use crate::checks::prelude::*;
use crate::evidence::caches::{CacheReply, Netrc, plain};

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-auth-netrc",
    title: "Nix has a login for every cache that asks for one",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[&cache_ca_bundle_missing::CHECK, &cache_tls_intercepted::CHECK],
    disproved_by: Proof::Nothing,
    why: "A private cache wants a login, which Nix takes from its `netrc-file`. The daemon reads that file as root, so a login in \
          your own ~/.netrc does not count; tokens expire; and the builder has no such file at all. This program never reads \
          the file, and so cannot tell whether the login in it is the right one.",
    remedy: Remedy::same(Advice::manual(
        &["ls -l \"$(nix config show netrc-file)\"", "nix store info --store {cache}"],
        "Log in again with the cache's own tool, which writes the file: `cachix authtoken`, `attic login`, `determinate-nixd \
         login`. By hand, as root, in that file, readable by root only:\n\n    machine {cache-host} login USER password TOKEN\n\n\
         If the cache is meant to be public, its URL is wrong, or its owner has closed it.",
    )),
    fixes: &[],
    references: &[
        "NixOS/nixpkgs#347478",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-netrc-file",
    ],
    judge,
    examples: &[
        Example {
            name: "a private cache, and no netrc",
            given: |e| set(e, 401, Some(false)),
            expect: Expect::Fail,
        },
        Example { name: "403, and no netrc", given: |e| set(e, 403, Some(false)), expect: Expect::Fail },
        Example {
            name: "Nix itself was sent away",
            given: |e| {
                set(e, 401, Some(true));
                if let Probe::Seen { fact, .. } = &mut e.installable_builds
                    && let Some(build) = fact.first_mut()
                {
                    build.log.login_wanted = vec![("https://cache.nixos.org".to_owned(), 401)];
                }
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a private cache, and a netrc",
            given: |e| set(e, 401, Some(true)),
            expect: Expect::Unknown,
        },
        Example {
            name: "a login in the URL",
            given: |e| {
                set(e, 401, Some(false));
                if let Probe::Seen { fact, .. } = &mut e.caches {
                    fact.answers.iter_mut().for_each(|it| it.login_in_url = true);
                }
            },
            expect: Expect::Unknown,
        },
        Example { name: "public caches", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let caches = e.caches()?;
    let netrc = caches.netrc.as_ref();
    let place = match netrc {
        Some(netrc) if !netrc.usual_place => "file of logins where `netrc-file` says",
        _ => "/etc/nix/netrc",
    };
    let there = match netrc.and_then(|it| it.exists) {
        Some(true) => "the login in its netrc-file is not for it, or no longer good".to_owned(),
        Some(false) => format!("there is no {place}"),
        None => "whether it has a netrc-file cannot be told".to_owned(),
    };
    let found = |url: &str, seen: String| {
        let host =
            crate::evidence::network::place_of(&plain(url)).map_or_else(|| plain(url), |(host, _)| host);
        fail(seen, "a login that the cache takes")
            .word("cache", plain(url))
            .word("cache-host", host)
            .verdict()
    };
    // What Nix met with, it met with a login, if it has one.
    if let Some((url, status)) = super::logs(e).flat_map(|log| &log.login_wanted).next() {
        return found(url, format!("{url} sent Nix away (HTTP {status}): {there}"));
    }
    for cache in answers(e)? {
        let CacheReply::Status(status @ (401 | 403 | 407)) = cache.answer else { continue };
        let url = &cache.url;
        if cache.login_in_url || netrc.and_then(|it| it.exists) != Some(false) {
            let because = format!("{url} asks for a login (HTTP {status}), and this program sends none");
            return Err(Missing { because, by_choice: true });
        }
        return found(url, format!("{url} asks for a login (HTTP {status}), and {there}"));
    }
    pass("no cache asks for a login")
}

fn set(e: &mut Evidence, status: u16, exists: Option<bool>) {
    set_replies(e, &CacheReply::Status(status));
    if let Probe::Seen { fact, .. } = &mut e.caches {
        fact.netrc = Some(Netrc { usual_place: true, exists });
    }
}
