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

use crate::evidence::Evidence;
use crate::evidence::caches::CacheReply;

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
