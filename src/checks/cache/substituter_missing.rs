//! A cache that is expected is not among the substituters: nothing names it.
//!
//! Where only the user names it and the daemon ignores that, it is `cache-untrusted-substituter`.

use super::set_config;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::caches::plain;
use crate::evidence::conf_files;
use crate::fix::fixes::nix_conf;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "substituter-missing",
    title: "Every expected cache is among the substituters",
    layer: Layer::Cache,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "Without the cache, what the project has built already is built again on this machine, which takes hours.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    \
             nix.settings.extra-substituters = [ \"{cache}\" ];\n    \
             nix.settings.extra-trusted-public-keys = [ \"{cache-key}\" ];",
        )),
        determinate: Some(
            Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
                "In /etc/nix/nix.custom.conf:\n\n    extra-substituters = {cache}\n    \
             extra-trusted-public-keys = {cache-key}",
            ),
        ),
        otherwise: Advice::disruptive(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
            "In /etc/nix/nix.conf:\n\n    extra-substituters = {cache}\n    \
             extra-trusted-public-keys = {cache-key}",
        ),
    },
    fixes: &[&nix_conf::CACHE],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-substituters"],
    judge,
    examples: &[
        Example {
            name: "only cache.nixos.org",
            given: |e| {
                set_config(e, |config| {
                    config.substituters = Some(vec!["https://cache.nixos.org/".to_owned()])
                })
            },
            expect: Expect::Fail,
        },
        Example {
            name: "in alice's own file, and the daemon does not trust her",
            given: |e| super::set_own_file(e, "https://nix-postgres-artifacts.s3.amazonaws.com"),
            expect: Expect::Pass,
        },
        Example {
            name: "both, with a slash and a priority",
            given: |e| {
                let urls = [
                    "https://cache.nixos.org/?priority=10",
                    "/mnt/cache",
                    "https://nix-postgres-artifacts.s3.amazonaws.com/",
                ];
                set_config(e, |config| config.substituters = Some(urls.map(str::to_owned).to_vec()));
            },
            expect: Expect::Pass,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let set = e.settings()?.substituters.as_ref();
    let set = set.ok_or_else(|| Missing::new("Nix does not show `substituters`"))?;
    let missing: Vec<_> =
        want.cache.iter().filter(|cache| !set.iter().any(|url| plain(url) == plain(&cache.url))).collect();
    let Some(first) = missing.first() else {
        return pass(crate::prose::count(want.cache.len(), "expected cache"));
    };
    let urls: Vec<&str> = missing.iter().map(|cache| cache.url.as_str()).collect();
    let verb = if urls.len() == 1 { "is" } else { "are" };
    let origin = e.conf_files().ok().and_then(|files| conf_files::origin(files, "substituters"));
    fail(format!("{} {verb} not among the substituters", and(&urls)), "every expected cache")
        .at(origin.map(|it| &it.place))
        .word("cache", &first.url)
        .word("cache-key", &first.public_key)
        .verdict()
}
