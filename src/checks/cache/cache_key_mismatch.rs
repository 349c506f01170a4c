//! A cache signs with another key than the one that is trusted for it.

use super::trusted_key_missing;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::caches::plain;
use crate::parse::cache_info::Narinfo;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-key-mismatch",
    title: "The caches sign with keys that are trusted",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK, &trusted_key_missing::CHECK],
    disproved_by: Proof::Nothing,
    why: "A cache was given a new key, or a key was copied from the page of another cache. Nix takes nothing whose signature it \
          cannot check by a trusted key of the same name, and builds instead. A full look asks each expected cache for one path \
          that it is known to have, and reads whose signatures it bears.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&[SHOW, "sudo darwin-rebuild switch"], NOTE).after_edit(
            "Ask whoever runs the cache for its public key. In your nix-darwin configuration:\n\n    \
             nix.settings.extra-trusted-public-keys = [ \"{signer}:KEY\" ];",
        )),
        determinate: Some(
            Advice::manual(&[SHOW, "sudo launchctl kickstart -k system/{daemon-label}"], NOTE).after_edit(
                "Ask whoever runs the cache for its public key. In /etc/nix/nix.custom.conf:\n\n    \
                 extra-trusted-public-keys = {signer}:KEY",
            ),
        ),
        otherwise: Advice::manual(&[SHOW, "sudo launchctl kickstart -k system/{daemon-label}"], NOTE)
            .after_edit(
                "Ask whoever runs the cache for its public key. In /etc/nix/nix.conf:\n\n    \
             extra-trusted-public-keys = {signer}:KEY",
            ),
    },
    fixes: &[],
    references: &[
        "nix-community/infra#961",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-trusted-public-keys",
    ],
    judge,
    examples: &[
        Example {
            name: "a new key",
            given: |e| set_signers(e, &["cache.nixos.org-2"]),
            expect: Expect::Fail,
        },
        Example { name: "no signature at all", given: |e| set_signers(e, &[]), expect: Expect::Fail },
        Example {
            name: "a second signature, by a stranger",
            given: |e| set_signers(e, &["stranger-1", "cache.nixos.org-1"]),
            expect: Expect::Pass,
        },
        Example {
            name: "a path made of its contents",
            given: |e| set(e, Some(Narinfo { signers: Vec::new(), content_addressed: true })),
            expect: Expect::Unknown,
        },
        Example { name: "it does not have the path", given: |e| set(e, None), expect: Expect::Unknown },
        Example {
            name: "no signature is asked for",
            given: |e| super::set_config(e, |config| config.require_sigs = Some(false)),
            expect: Expect::Moot,
        },
    ],
};

const SHOW: &str = "nix path-info --sigs --store {cache} {path}";
const NOTE: &str = "A key that is on no page of the cache's owner is not to be trusted: what it signs runs on this machine. \
                    The expectations' `public-key` is then out of date as well.";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let config = e.settings()?;
    if config.require_sigs == Some(false) {
        return moot("`require-sigs` is off");
    }
    let trusted = config.trusted_public_keys.as_ref();
    let trusted = trusted.ok_or_else(|| Missing::new("Nix does not show `trusted-public-keys`"))?;
    let names: Vec<&str> = trusted.iter().filter_map(|key| key.split(':').next()).collect();
    let mut seen_of = 0;
    for cache in &e.caches()?.answers {
        let Some(path) = &cache.known_path else { continue };
        let Some(narinfo) = path.narinfo.as_ref().filter(|it| !it.content_addressed) else { continue };
        seen_of += 1;
        if narinfo.signers.iter().any(|signer| names.contains(&signer.as_str())) {
            continue;
        }
        // Nix's own way to say that all of a cache is trusted.
        if cache.url.contains("trusted=true") || cache.url.contains("trusted=1") {
            continue;
        }
        let how = match narinfo.signers.as_slice() {
            [] => "does not sign".to_owned(),
            signers => format!("signs with {}, which is not trusted", and(signers)),
        };
        let signer = narinfo.signers.first().map_or("NAME", String::as_str);
        return fail(format!("{} {how}: {}", cache.url, path.path), "a signature by a trusted key")
            .word("cache", plain(&cache.url))
            .word("path", &path.path)
            .word("signer", signer)
            .verdict();
    }
    if seen_of == 0 {
        let because = "no expected cache was asked for a path that it has".to_owned();
        return Err(Missing { because, by_choice: true });
    }
    pass(crate::prose::count(seen_of, "signature"))
}

fn set(e: &mut Evidence, narinfo: Option<Narinfo>) {
    if let Probe::Seen { fact, .. } = &mut e.caches {
        for path in fact.answers.iter_mut().filter_map(|it| it.known_path.as_mut()) {
            path.narinfo = narinfo.clone();
        }
    }
}

fn set_signers(e: &mut Evidence, signers: &[&str]) {
    let signers = signers.iter().map(|it| (*it).to_owned()).collect();
    set(e, Some(Narinfo { signers, content_addressed: false }));
}
