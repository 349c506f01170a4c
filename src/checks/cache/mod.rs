//! The binary caches: configured, trusted, reachable.

use crate::check::Check;

pub mod cache_auth_netrc;
pub mod cache_ca_bundle_missing;
pub mod cache_captive_portal;
pub mod cache_key_mismatch;
pub mod cache_signature_untrusted;
pub mod cache_tls_intercepted;
pub mod cache_unreachable;
pub mod cache_untrusted_substituter;
pub mod github_rate_limit;
pub mod ipv6_broken;
pub mod proxy_not_seen_by_daemon;
pub mod substituter_missing;
pub mod trusted_key_missing;

/// In order.
pub const CHECKS: &[&Check] = &[
    &substituter_missing::CHECK,
    &cache_untrusted_substituter::CHECK,
    &trusted_key_missing::CHECK,
    &cache_key_mismatch::CHECK,
    &cache_signature_untrusted::CHECK,
    &cache_ca_bundle_missing::CHECK,
    &cache_tls_intercepted::CHECK,
    &cache_captive_portal::CHECK,
    &cache_auth_netrc::CHECK,
    &proxy_not_seen_by_daemon::CHECK,
    &ipv6_broken::CHECK,
    &cache_unreachable::CHECK,
    &github_rate_limit::CHECK,
];

use crate::evidence::caches::plain;
use crate::evidence::caches::{BundleState, CacheReply, CacheView};
use crate::evidence::conf_files::SYSTEM;
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use crate::parse::build_log::BuildLog;
use crate::parse::conf_files::{ConfFile, Setting};

/// Stands in a remedy for a key that nobody told us.
const ANY_KEY: &str = "NAME:KEY";

/// The key of a cache, where it is an expected one.
fn key_of(want: &Expectations, url: &str) -> String {
    let known = want.cache.iter().find(|cache| plain(&cache.url) == plain(url));
    known.map_or_else(|| ANY_KEY.to_owned(), |cache| cache.public_key.clone())
}

/// What the builds' logs say, where builds were made.
fn logs(e: &Evidence) -> impl Iterator<Item = &BuildLog> {
    let builds = e.builds().ok().into_iter().chain(e.installable_builds().ok());
    builds.flatten().map(|build| &build.log)
}

/// What the system's file sets, and every file that it includes.
fn of_system(files: &[ConfFile]) -> Vec<&Setting> {
    let mut paths = vec![SYSTEM];
    let mut at = 0;
    while let Some(path) = paths.get(at) {
        let included = files.iter().filter(|file| file.path == *path).flat_map(|file| &file.includes);
        let new: Vec<&str> = included.map(|it| it.path.as_str()).filter(|it| !paths.contains(it)).collect();
        paths.extend(new);
        at += 1;
    }
    files.iter().filter(|file| paths.contains(&file.path.as_str())).flat_map(|file| &file.settings).collect()
}

/// Where only the user's own file sets this, and the daemon does not trust the user, so that it is ignored.
fn ignored<'a>(e: &'a Evidence, name: &str, holds: impl Fn(&str) -> bool) -> Option<&'a Setting> {
    if e.nix_daemon().ok()?.info.trusted != Some(false) {
        return None;
    }
    let all = || e.conf_files().ok().into_iter().flatten().flat_map(|file| &file.settings);
    let set = || all().filter(|it| it.name == name && it.value.split_whitespace().any(&holds));
    let by_system = set().any(|it| it.place.path.starts_with("/etc/"));
    let own = set().find(|it| !it.place.path.starts_with("/etc/"))?;
    (!by_system).then_some(own)
}

/// What the caches answered; a gap where there were no certificates to ask them by.
fn answers(e: &Evidence) -> Result<&[CacheView], Missing> {
    let caches = e.caches()?;
    match caches.bundle.as_ref().map(|bundle| &bundle.state) {
        Some(BundleState::Certificates(1..)) => Ok(&caches.answers),
        _ if !caches.answers.iter().any(|it| it.url.starts_with("https://")) => Ok(&caches.answers),
        _ => Err(Missing::new("without certificates no cache was asked")),
    }
}

/// For examples: every cache answers in this way.
fn set_replies(e: &mut Evidence, reply: &CacheReply) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.caches {
        fact.answers.iter_mut().for_each(|it| it.answer = reply.clone());
    }
}

/// For examples: only alice's own file names this cache.
fn set_own_file(e: &mut Evidence, url: &str) {
    let system = crate::evidence::healthy::NIX_CONF.replace(&format!("extra-substituters = {url}\n"), "");
    let own = format!("extra-substituters = {url}\n");
    let parse = crate::parse::conf_files::parse;
    let files = vec![parse(SYSTEM, &system), parse("/Users/alice/.config/nix/nix.conf", &own)];
    e.conf_files = crate::evidence::Probe::seen(files, "files");
}

/// For examples: Nix's settings with another list.
fn set_config(e: &mut Evidence, change: impl FnOnce(&mut crate::parse::nix_config::NixConfig)) {
    use crate::evidence::nix_config::ConfigView;
    if let crate::evidence::Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        change(config);
    }
}
