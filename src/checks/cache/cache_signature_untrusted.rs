//! A build's log says that a store path was not taken, as no trusted key signed it: here, or in the builder.

use super::{cache_key_mismatch, cache_untrusted_substituter, trusted_key_missing};
use crate::checks::guest::store_untrusted_by_guest;
use crate::checks::prelude::*;
use crate::parse::build_log::Unsigned;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-signature-untrusted",
    title: "What builds need bears signatures that are trusted",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[
        &store_untrusted_by_guest::CHECK,
        &cache_untrusted_substituter::CHECK,
        &trusted_key_missing::CHECK,
        &cache_key_mismatch::CHECK,
    ],
    disproved_by: Proof::Nothing,
    why: "Whoever receives a store path checks its signature by its own `trusted-public-keys`: this Mac what it downloads, and the \
          builder what it downloads by itself or is sent by somebody whom it does not trust. Without a key it trusts, Nix warns \
          with `ignoring substitute` and builds the path again, or stops with `lacks a signature by a trusted key`.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["nix config show trusted-public-keys", "sudo darwin-rebuild switch"], NOTE).after_edit(
            "In your nix-darwin configuration, for the side that was named:\n\n    \
             nix.settings.extra-trusted-public-keys = [ \"{cache-key}\" ];\n    \
             nix.linux-builder.config.nix.settings.extra-trusted-public-keys = [ \"{cache-key}\" ];",
        )),
        determinate: Some(
            Advice::manual(
                &["nix config show trusted-public-keys", "sudo launchctl kickstart -k system/{daemon-label}"],
                NOTE,
            )
            .after_edit("In /etc/nix/nix.custom.conf, or in the builder's nix.conf:\n\n    extra-trusted-public-keys = {cache-key}"),
        ),
        otherwise: Advice::manual(
            &["nix config show trusted-public-keys", "sudo launchctl kickstart -k system/{daemon-label}"],
            NOTE,
        )
        .after_edit("In /etc/nix/nix.conf, or in the builder's nix.conf:\n\n    extra-trusted-public-keys = {cache-key}"),
    },
    fixes: &[],
    references: &["NixOS/nix#5343", "nix-community/infra#961"],
    judge,
    examples: &[
        Example {
            name: "a stranger's signature in a cache",
            given: |e| set(e, "warning: ignoring substitute for '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' from 'https://cache.nixos.org', as it's not signed by any of the keys in 'trusted-public-keys'\n"),
            expect: Expect::Fail,
        },
        Example {
            name: "nobody's signature on what the builder is sent",
            given: |e| set(e, "error: cannot add path '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' because it lacks a signature by a trusted key\n"),
            expect: Expect::Fail,
        },
        Example {
            name: "a stranger's signature, and only the builder asks that cache",
            given: |e| set(e, "building '/nix/store/5vac1rif4pkd06yv7pqs3pfmk36vzvvy-hello-2.12.2.drv' on 'ssh-ng://builder@linux-builder'...\nwarning: ignoring substitute for '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' from 'https://cache.nixos.org', as it's not signed by any of the keys in 'trusted-public-keys'\n"),
            expect: Expect::Fail,
        },
        Example { name: "no log complains", given: |_| {}, expect: Expect::Pass },
        Example { name: "--quick", given: healthy::hide_builds, expect: Expect::Unknown },
    ],
};

const NOTE: &str = "A path that you built yourself bears no signature: build it where it is needed, or sign it with \
                    `nix store sign`. Trust no key but the one that the cache's owner publishes.";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let builds = e.builds()?;
    let all: Vec<&Unsigned> = super::logs(e).flat_map(|log| &log.unsigned).collect();
    // What this Mac ignores, the builder is asked for too: the nearer one is told.
    let Some(first) = all.iter().find(|it| !it.in_guest).or(all.first()) else {
        return pass(format!("no log of {} complains", crate::prose::count(builds.len(), "build")));
    };
    let who = if first.in_guest { "the builder's Nix" } else { "Nix" };
    let name = first.path.strip_prefix("/nix/store/").and_then(|it| it.get(33..)).unwrap_or(&first.path);
    let seen = match &first.from {
        Some(cache) => format!("{who} ignores {name} from {cache}: no key that it trusts signed it"),
        None => format!("{who} does not take {name}: no key that it trusts signed it"),
    };
    let key = first.from.as_deref().map_or_else(|| super::ANY_KEY.to_owned(), |url| super::key_of(want, url));
    fail(seen, "a signature by a key of `trusted-public-keys`").word("cache-key", key).verdict()
}

fn set(e: &mut Evidence, said: &str) {
    if let Probe::Seen { fact, .. } = &mut e.installable_builds
        && let Some(build) = fact.first_mut()
    {
        build.log.unsigned = crate::parse::build_log::parse(said, Some(0)).unsigned;
    }
}
