//! The VM's resolver does not know a cache that this machine reaches.

use super::{inside, set_inside};
use crate::checks::prelude::*;
use crate::checks::ssh::ssh_login_refused;
use crate::evidence::builds::{BuildRun, Ended};
use crate::evidence::caches::CacheReply;
use crate::evidence::processes::is_stuck;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-dns-hardcoded",
    title: "The VM can resolve the caches' names",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[&ssh_login_refused::CHECK],
    disproved_by: Proof::Nothing,
    why: "The stock VM of most releases does not ask this machine's resolver but 8.8.8.8, whatever network it is in. A VPN or a \
          company's network often blocks that, and no public resolver knows internal names. Then downloads in the VM fail, \
          those of sources included, and each build waits a minute for a resolver that is silent.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &["scutil --dns", "sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"],
                "Or let this machine do the downloading: nix.settings.builders-use-substitutes = false. Sources that a build \
                 fetches itself still need the resolver.",
            )
            .after_edit(
                "In your nix-darwin configuration, with a resolver that the first command shows:\n\n    \
                 nix.linux-builder.config.networking.nameservers = lib.mkForce [ \"192.0.2.53\" ];",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo ssh {host} cat /etc/resolv.conf"],
            "Set a resolver there that knows the name: networking.nameservers in its NixOS configuration, else that file. Or let \
             this machine do the downloading: builders-use-substitutes = false in nix.conf.",
        ),
    },
    fixes: &[],
    references: &["nix-darwin/nix-darwin#997", "NixOS/nixpkgs#108984", "NixOS/nixpkgs#398952", "NixOS/nixpkgs#416187"],
    judge,
    examples: &[
        Example {
            name: "8.8.8.8 does not answer",
            given: |e| {
                set_inside(e, |guest| guest.unresolved = std::mem::take(&mut guest.resolved));
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the test build's log says so",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::set_builds(e, &Ended::Code(0), SAID);
            },
            expect: Expect::Fail,
        },
        Example { name: "all are resolved", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "this machine does not reach it either",
            given: |e| {
                set_inside(e, |guest| guest.unresolved = std::mem::take(&mut guest.resolved));
                if let Probe::Seen { fact, .. } = &mut e.caches {
                    fact.answers.retain(|it| !it.url.contains("cache.nixos.org"));
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "no getent in the VM",
            given: |e| set_inside(e, |guest| guest.resolved.clear()),
            expect: Expect::Unknown,
        },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

/// Captured in the lab (Nix 2.34.8), shortened: the build ran all the same, as it has no inputs.
const SAID: &str = "\
building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...
copying 0 paths...
warning: unable to download 'https://cache.nixos.org/nix-cache-info': Could not resolve hostname (6) Could not resolve host: cache.nixos.org
building '/nix/store/0-x.drv'...
";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let guest = inside(e);
    let mut names: Vec<String> = guest.as_ref().map_or(Vec::new(), |guest| guest.unresolved.clone());
    for name in said(e)? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return match guest?.resolved.as_slice() {
            [] => Err(Missing::new("the VM has no `getent` that would tell")),
            resolved => pass(and(resolved)),
        };
    }
    let answers = &e.caches()?.answers;
    let reached = |name: &String| {
        let mut of_name = answers.iter().filter(|it| host_of(&it.url) == Some(name));
        of_name.any(|it| matches!(it.answer, CacheReply::Cache { .. }))
    };
    names.retain(reached);
    if names.is_empty() {
        return moot("what the VM cannot resolve, this machine does not reach either");
    }
    let by = match guest.map(|guest| guest.nameservers.as_slice()) {
        Ok([]) => ", as it has no resolver".to_owned(),
        Ok(servers) => format!(" by {}", and(servers)),
        Err(_) => String::new(),
    };
    // The VM's Nix asks its caches before it builds, five times: with a resolver that is silent that takes a minute.
    let kept = |build: &BuildRun| {
        let there = build.log.dispatched_to.is_some() && want.builder.systems.contains(&build.system);
        there
            && !build.ran_on_a_builder()
            && (is_stuck(build) || build.log.tail.iter().any(|line| is_said(line)))
    };
    let kept = e.builds().is_ok_and(|all| all.iter().any(kept));
    fail(
        format!("the VM cannot resolve {}{by}, and this machine reaches it", and(&names)),
        "a resolver that knows it",
    )
    .as_bad_as(if kept { Severity::Error } else { Severity::Warning })
    .verdict()
}

/// What a download in the VM says of it.
fn is_said(line: &str) -> bool {
    // curl's two endings: the resolver knows no such name, and it does not answer at all.
    line.contains("resolve host") || line.contains("Resolving timed out")
}

/// What the VM could not resolve while test builds ran on it. This machine itself asks no cache for these.
fn said(e: &Evidence) -> Result<Vec<String>, Missing> {
    let builds = match e.builds() {
        Err(missing) if !missing.by_choice => return Err(missing),
        builds => builds.map_or(&[][..], Vec::as_slice),
    };
    let there = builds.iter().filter(|build| build.log.dispatched_to.is_some());
    let lines = there.flat_map(|build| &build.log.tail);
    let unresolved = lines.filter(|line| is_said(line));
    Ok(unresolved.filter_map(|line| Some(host_of(line.split_once("download '")?.1)?.to_owned())).collect())
}

/// The host of a URL that may have text behind it.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split(['/', ':', '?', '\'']).next().filter(|host| !host.is_empty())
}
