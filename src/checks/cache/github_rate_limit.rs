//! GitHub answers no more, as too much was asked without a token, or as the token has expired.

use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::parse::build_log::Outcome;

/// See the module.
pub static CHECK: Check = Check {
    id: "github-rate-limit",
    title: "GitHub answers Nix",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "Nix asks GitHub for what a flake names, `nixpkgs` included. Without a token GitHub answers 60 such questions an hour for \
          each address, which a whole office may share; a token that has expired it refuses altogether. The builder has no part \
          in it.",
    remedy: Remedy::same(Advice::manual(
        &["curl -sS https://api.github.com/rate_limit"],
        "Wait for the hour to pass, or give Nix a token of your own, which needs no rights. Flakes are fetched as you, so it belongs \
         into ~/.config/nix/nix.conf, readable by you only:\n\n    extra-access-tokens = github.com=TOKEN\n\n\
         If a token is set already, it has expired: make a new one. Never write it into a file in the Nix store, which everybody \
         can read.",
    )),
    fixes: &[],
    references: &["NixOS/nix#4653", "DeterminateSystems/zero-to-nix#340", "srid/nixos-config#54"],
    judge,
    examples: &[
        Example {
            name: "too many questions",
            given: |e| {
                set(
                    e,
                    "error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/nixpkgs-unstable': HTTP error 403\n{\"message\":\"API rate limit exceeded for 192.0.2.17.\"}\n",
                )
            },
            expect: Expect::Fail,
        },
        Example {
            name: "an expired token",
            given: |e| {
                set(
                    e,
                    "error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/nixpkgs-unstable': HTTP error 401\n{\"message\":\"Bad credentials\"}\n",
                )
            },
            expect: Expect::Fail,
        },
        Example {
            name: "another failure",
            given: |e| set(e, "error: undefined variable 'x'\n"),
            expect: Expect::Pass,
        },
        Example { name: "it answers", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not asked",
            given: |e| e.installable_builds = Probe::not_taken("only --deep builds it"),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let builds = match e.installable_builds() {
        Err(missing) if missing.is_unwanted() => return moot(missing.because),
        builds => builds?,
    };
    let what = builds.iter().find_map(|build| match build.log.outcome {
        Outcome::RateLimited => Some("GitHub answers no more for now: API rate limit exceeded"),
        Outcome::TokenRefused => Some("GitHub refuses the token of `access-tokens` (HTTP 401)"),
        _ => None,
    });
    match what {
        Some(seen) => fail(seen, "an answer").verdict(),
        None => pass("GitHub refused nothing"),
    }
}

fn set(e: &mut Evidence, said: &str) {
    if let Probe::Seen { fact, .. } = &mut e.installable_builds {
        for build in fact.iter_mut() {
            build.ended = Ended::Code(1);
            build.log = crate::parse::build_log::parse(said, Some(1));
        }
    }
}
