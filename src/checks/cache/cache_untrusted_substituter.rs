//! A cache is named by the user only, and the daemon ignores it, as it does not trust the user.
//!
//! Where nothing names an expected cache at all, that is `substituter-missing`.

use super::substituter_missing;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::caches::plain;
use crate::fix::fixes::nix_conf;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-untrusted-substituter",
    title: "The daemon uses every cache that you name",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK, &substituter_missing::CHECK],
    disproved_by: Proof::Nothing,
    why: "It is the daemon that downloads, and from a user whom it does not trust it takes no caches but those that the system's \
          nix.conf has in `substituters` or `trusted-substituters`. It warns with `ignoring untrusted substituter`, and builds \
          everything instead. Caches come from your own nix.conf, from NIX_CONFIG, or from a flake's nixConfig.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], NOTE).after_edit(
            "In your nix-darwin configuration:\n\n    \
             nix.settings.extra-substituters = [ \"{cache}\" ];\n    \
             nix.settings.extra-trusted-public-keys = [ \"{cache-key}\" ];",
        )),
        determinate: Some(
            Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], NOTE).after_edit(
                "In /etc/nix/nix.custom.conf:\n\n    extra-substituters = {cache}\n    \
                 extra-trusted-public-keys = {cache-key}",
            ),
        ),
        otherwise: Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], NOTE).after_edit(
            "In /etc/nix/nix.conf:\n\n    extra-substituters = {cache}\n    extra-trusted-public-keys = {cache-key}",
        ),
    },
    fixes: &[&nix_conf::CACHE],
    references: &[
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-trusted-substituters",
        "juspay/omnix#409",
    ],
    judge,
    examples: &[
        Example {
            name: "in alice's own file, and the daemon does not trust her",
            given: |e| super::set_own_file(e, "https://nix-postgres-artifacts.s3.amazonaws.com"),
            expect: Expect::Fail,
        },
        Example {
            name: "a cache of her own",
            given: |e| {
                super::set_config(e, |config| {
                    config.substituters.get_or_insert_default().push("https://alice.cachix.org".to_owned())
                });
                let own = "extra-substituters = https://alice.cachix.org\n";
                if let Probe::Seen { fact, .. } = &mut e.conf_files {
                    fact.push(crate::parse::conf_files::parse("/Users/alice/.config/nix/nix.conf", own));
                }
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the daemon says so of NIX_CONFIG's",
            given: |e| {
                let said = "warning: ignoring untrusted substituter 'https://rstats-on-nix.cachix.org', you are not a trusted user.";
                if let Probe::Seen { fact, .. } = &mut e.builds
                    && let Some(build) = fact.first_mut()
                {
                    build.log.ignored_caches = crate::parse::build_log::parse(said, Some(0)).ignored_caches;
                }
            },
            expect: Expect::Fail,
        },
        Example {
            name: "her own file repeats the system's caches",
            given: |e| {
                let own = "substituters = https://cache.nixos.org/ https://nix-postgres-artifacts.s3.amazonaws.com/\n";
                if let Probe::Seen { fact, .. } = &mut e.conf_files {
                    fact.push(crate::parse::conf_files::parse("/Users/alice/.config/nix/nix.conf", own));
                }
            },
            expect: Expect::Pass,
        },
        Example {
            name: "the daemon trusts her",
            given: |e| {
                super::set_own_file(e, "https://nix-postgres-artifacts.s3.amazonaws.com");
                if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
                    fact.info.trusted = Some(true);
                }
            },
            expect: Expect::Pass,
        },
        Example { name: "all in the system's file", given: |_| {}, expect: Expect::Pass },
    ],
};

/// Being trusted is being root: no remedy for a cache.
const NOTE: &str = "To allow the cache without using it for everybody, write `extra-trusted-substituters` in the place of \
                    `extra-substituters`; the key is needed all the same. Do not become a trusted user for it: that is as good \
                    as root.";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let set = e.settings()?.substituters.as_ref();
    let set = set.ok_or_else(|| Missing::new("Nix does not show `substituters`"))?;
    let said: Vec<&str> = super::logs(e).flat_map(|log| &log.ignored_caches).map(String::as_str).collect();
    if let Some(first) = said.first() {
        let mut all = said.clone();
        all.sort_unstable();
        all.dedup();
        let verb = if all.len() == 1 { "is" } else { "are" };
        let allowed = e.conf_files().ok().and_then(|files| {
            let system = super::of_system(files).into_iter().filter(|it| is_list(&it.name));
            system.flat_map(|it| it.value.split_whitespace()).find(|it| plain(it) == plain(first))
        });
        if let Some(allowed) = allowed {
            // Compared by the letter: a slash too many makes another cache.
            if allowed == *first {
                let seen = format!(
                    "{first} is ignored by the daemon, which was not restarted since the system's file has it"
                );
                return fail(seen, "a daemon that has read the file")
                    .first_run("sudo launchctl kickstart -k system/{daemon-label}")
                    .word("cache", plain(first))
                    .word("cache-key", super::key_of(want, first))
                    .verdict();
            }
            let seen =
                format!("{first} is ignored by the daemon, as the system's file writes it as {allowed}");
            return fail(seen, format!("{allowed}, to the letter"))
                .word("cache", plain(allowed))
                .word("cache-key", super::key_of(want, allowed))
                .verdict();
        }
        return found(
            want,
            first,
            format!("{} {verb} ignored by the daemon, which does not trust you", and(&all)),
        );
    }
    match e.nix_daemon()?.info.trusted {
        Some(false) => {}
        Some(true) => return pass("the daemon trusts you"),
        None => return Err(Missing::new("the daemon does not say whether it trusts you")),
    }
    let files = e.conf_files()?;
    let names = |setting: &crate::parse::conf_files::Setting, url: &str| {
        is_list(&setting.name) && setting.value.split_whitespace().any(|it| plain(it) == plain(url))
    };
    let system = super::of_system(files);
    let unknown_to_system = |url: &&String| {
        // Nix's own default is no file's.
        plain(url) != "https://cache.nixos.org" && !system.iter().any(|it| names(it, url))
    };
    for url in set.iter().filter(unknown_to_system) {
        let own = files
            .iter()
            .flat_map(|file| &file.settings)
            .find(|it| it.name == "substituters" && names(it, url));
        // Where no file names it, only a log can tell.
        let Some(own) = own else { continue };
        let whose = format!("your own {} only (line {})", own.place.path, own.place.line);
        let seen =
            format!("{url} is a substituter in {whose}, which the daemon ignores: it does not trust you");
        return found(want, url, seen);
    }
    pass(crate::prose::count(set.len(), "cache"))
}

fn is_list(name: &str) -> bool {
    ["substituters", "trusted-substituters"].contains(&name)
}

fn found(want: &Expectations, url: &str, seen: String) -> Result<Verdict, Missing> {
    fail(seen, "the cache in the system's file")
        .word("cache", plain(url))
        .word("cache-key", super::key_of(want, url))
        .verdict()
}
