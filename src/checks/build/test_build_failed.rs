//! A test build failed.

use super::{ON_THE_WAY, demanded, test_build_timed_out, words};
use crate::checks::cache::{
    cache_ca_bundle_missing, cache_captive_portal, cache_tls_intercepted, cache_unreachable,
};
use crate::checks::config::extra_platforms_claims_linux;
use crate::checks::guest::{vm_clock_skew, vm_dns_hardcoded, vm_out_of_memory};
use crate::checks::host::nixbld_users_missing;
use crate::checks::prelude::*;
use crate::evidence::builds::{BuildRun, Ended};
use crate::parse::build_log::Outcome;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "test-build-failed",
    title: "Test builds run on the builder",
    layer: Layer::Build,
    severity: Severity::Error,
    needs: ON_THE_WAY,
    disproved_by: Proof::Nothing,
    why: "The test build is a derivation that no cache can have, with no inputs: it runs on the builder or not at all. It \
          failed, and no other check tells why. Its last lines are in the report (--json).",
    remedy: Remedy::same(Advice::manual(
        &[
            "builder-doctor --sudo",
            "nix --extra-experimental-features nix-command build --no-link -L --max-jobs 0 --expr 'derivation { name = \"try-1\"; system = \"{system}\"; builder = \"/bin/sh\"; \
             args = [ \"-c\" \"echo ok > $out\" ]; }'",
        ],
        "The first command looks as root too, which tells more. The second is the test build; change the name to run it again.",
    )),
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/advanced-topics/distributed-builds"],
    judge,
    examples: &[
        Example {
            name: "it fails in the VM",
            given: |e| {
                healthy::set_builds(
                    e,
                    &Ended::Code(1),
                    "building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...\n\
                     error: build of '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder' failed: builder failed with exit code 1.\n",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a download that the VM attempts ends it",
            given: |e| {
                healthy::set_builds(
                    e,
                    &Ended::Code(1),
                    "building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...\n\
                     error: NAR info file 'pdjibfv8916r6xvlcn698rc6jp3r7v7d.narinfo' is corrupt: expecting ':' at line 1\n\
                     error: Cannot build '/nix/store/0-x.drv'.\n       Reason: builder failed with exit code 1.\n",
                );
            },
            expect: Expect::Fail,
        },
        Example {
            name: "it came from a cache, which proves nothing",
            given: |e| {
                let log = "copying path '/nix/store/0-x' from 'https://cache.nixos.org'...\n";
                healthy::set_builds(e, &Ended::Code(0), log);
            },
            expect: Expect::Fail,
        },
        Example { name: "it runs on the builder", given: |_| {}, expect: Expect::Pass },
        Example { name: "--quick", given: healthy::hide_builds, expect: Expect::Unknown },
        Example {
            name: "it did not end, which is another fault",
            given: |e| healthy::set_builds(e, &Ended::Deadline(60), ""),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let builds = demanded(e, want)?;
    // A report from before external builders were tried cannot tell of them.
    if let Some(moot) = crate::checks::config::external(e)
        && !builds.iter().any(|build| build.external)
    {
        return Ok(moot);
    }
    if builds.is_empty() {
        return Err(Missing::new("no test build was made"));
    }
    let unended = |build: &&&BuildRun| matches!(build.ended, Ended::Deadline(_) | Ended::Cancelled(_));
    let failed: Vec<_> = builds.iter().filter(|build| !build.ran_on_a_builder()).collect();
    let Some(first) = failed.iter().find(|build| !unended(build)) else {
        if failed.is_empty() {
            let what: Vec<String> = builds.iter().map(|build| build.what()).collect();
            return pass(and(&what));
        }
        return moot(format!("it did not end: see {}", test_build_timed_out::CHECK.id));
    };
    if let Ended::Other(why) = &first.ended {
        return Err(Missing::new(why.clone()));
    }
    let how = match (&first.log.outcome, &first.ended) {
        (Outcome::Substituted, _) => "came from a cache, which proves nothing".to_owned(),
        (Outcome::BuiltLocally, _) if !first.external => {
            "ran on this machine and not on the builder".to_owned()
        }
        (_, Ended::Signal(signal)) => format!("was killed by signal {signal}"),
        _ => format!("failed: {}", download(first).unwrap_or_else(|| words(first))),
    };
    let finding =
        fail(format!("the test build for {} {how}", first.what()), "a build that runs on the builder");
    // The VM asks its own caches before it builds, and may stand behind the same portal.
    if DOWNLOADS.iter().any(|words| how.contains(words)) {
        finding.pointing_to(CACHES).verdict()
    } else if KILLED.iter().any(|words| how.contains(words)) {
        finding.pointing_to(MEMORY).verdict()
    } else if extra_platforms_claims_linux::ran_here(first) {
        finding.pointing_to(HERE).verdict()
    } else if nixbld_users_missing::is_named_in(&how) {
        finding.pointing_to(USERS).verdict()
    } else {
        finding.verdict()
    }
}

/// A download that ended it: a VM that does not trust the login says after it only that the builder failed.
fn download(build: &BuildRun) -> Option<String> {
    let errors = build.log.tail.iter().filter_map(|line| line.trim().strip_prefix("error: "));
    errors.rev().find(|line| DOWNLOADS.iter().any(|words| line.contains(words))).map(str::to_owned)
}

/// What a download that went wrong says.
const DOWNLOADS: [&str; 4] =
    ["NAR info file", "unable to download", "does not appear to be a binary cache", "nix-cache-info"];
/// What a build says that was ended by force.
const KILLED: [&str; 2] = ["signal 9", "Killed"];
const HERE: &[&Check] = &[&extra_platforms_claims_linux::CHECK];
const USERS: &[&Check] = &[&nixbld_users_missing::CHECK];
const MEMORY: &[&Check] = &[&vm_out_of_memory::CHECK];
const CACHES: &[&Check] = &[
    &vm_clock_skew::CHECK,
    &vm_dns_hardcoded::CHECK,
    &cache_ca_bundle_missing::CHECK,
    &cache_tls_intercepted::CHECK,
    &cache_captive_portal::CHECK,
    &cache_unreachable::CHECK,
];
