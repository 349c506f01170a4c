//! The public key of an expected cache is not trusted.

use super::{cache_untrusted_substituter, set_config};
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::conf_files;
use crate::fix::fixes::nix_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "trusted-key-missing",
    title: "The keys of the expected caches are trusted",
    layer: Layer::Cache,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK, &cache_untrusted_substituter::CHECK],
    disproved_by: Proof::Nothing,
    why: "Nix takes nothing from a cache whose signatures it cannot check; it says `ignoring substitute` and builds instead.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    \
             nix.settings.extra-trusted-public-keys = [ \"{cache-key}\" ];",
        )),
        determinate: Some(
            Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
                .after_edit("In /etc/nix/nix.custom.conf:\n\n    extra-trusted-public-keys = {cache-key}"),
        ),
        otherwise: Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
            .after_edit("In /etc/nix/nix.conf:\n\n    extra-trusted-public-keys = {cache-key}"),
    },
    fixes: &[&nix_conf::CACHE_KEY],
    references: &["NixOS/nix#5343", "nix-community/infra#961"],
    judge,
    examples: &[
        Example { name: "no key of the project", given: |e| set(e, None), expect: Expect::Fail },
        Example {
            name: "a typo in it",
            given: |e| set(e, Some("nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLX=")),
            expect: Expect::Fail,
        },
        Example { name: "both keys", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let trusted = e.settings()?.trusted_public_keys.as_ref();
    let trusted = trusted.ok_or_else(|| Missing::new("Nix does not show `trusted-public-keys`"))?;
    let Some(cache) = want.cache.iter().find(|cache| !trusted.contains(&cache.public_key)) else {
        for cache in &want.cache {
            if let Some(own) = super::ignored(e, "trusted-public-keys", |key| key == cache.public_key)
                && !cache.public_key.starts_with("cache.nixos.org-1:")
            {
                let seen = format!(
                    "the key of {} is trusted in your own {} only (line {}), which the daemon ignores: it does not trust you",
                    cache.url, own.place.path, own.place.line
                );
                return fail(seen, "the key in the system's file")
                    .word("cache-key", &cache.public_key)
                    .verdict();
            }
        }
        return pass(crate::prose::count(want.cache.len(), "expected key"));
    };
    let name = cache.public_key.split(':').next().unwrap_or_default();
    let same_name = trusted.iter().find(|key| key.split(':').next() == Some(name));
    let seen = match same_name {
        Some(key) => {
            let at = key.chars().zip(cache.public_key.chars()).take_while(|(a, b)| a == b).count() + 1;
            format!("the trusted key {name} is not the right one: it differs from character {at} on")
        }
        None => format!("the key {name} of {} is not trusted", cache.url),
    };
    let origin = e.conf_files().ok().and_then(|files| conf_files::origin(files, "trusted-public-keys"));
    fail(seen, cache.public_key.clone())
        .at(origin.map(|it| &it.place))
        .word("cache-key", &cache.public_key)
        .verdict()
}

fn set(e: &mut Evidence, second: Option<&str>) {
    let first = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
    set_config(e, |config| {
        config.trusted_public_keys =
            Some([Some(first), second].into_iter().flatten().map(str::to_owned).collect());
    });
}
