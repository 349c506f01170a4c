//! The binary caches: configured, trusted, reachable.

use crate::check::Check;

pub mod cache_ca_bundle_missing;
pub mod cache_captive_portal;
pub mod cache_tls_intercepted;
pub mod cache_unreachable;
pub mod substituter_missing;
pub mod trusted_key_missing;

/// In order.
pub const CHECKS: &[&Check] = &[
    &substituter_missing::CHECK,
    &trusted_key_missing::CHECK,
    &cache_ca_bundle_missing::CHECK,
    &cache_tls_intercepted::CHECK,
    &cache_captive_portal::CHECK,
    &cache_unreachable::CHECK,
];

use crate::evidence::caches::{BundleState, CacheReply, CacheView};
use crate::evidence::{Evidence, Missing};
use crate::parse::conf_files::Setting;

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

/// For examples: Nix's settings with another list.
fn set_config(e: &mut Evidence, change: impl FnOnce(&mut crate::parse::nix_config::NixConfig)) {
    use crate::evidence::nix_config::ConfigView;
    if let crate::evidence::Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        change(config);
    }
}
