//! The registry: every check, in an order in which each comes after those that it needs.
//!
//! One folder a layer, one file a fault. To add a check, write its file beside the others of its layer, and
//! name it twice in the layer's mod.rs: as a module, and in `CHECKS`. The tests below say what is forgotten.

use crate::check::Check;

pub mod build;
pub mod cache;
pub mod config;
pub mod daemon;
pub mod guest;
pub mod host;
pub mod machines;
pub mod nix;
pub mod preflight;
pub mod service;
pub mod ssh;

/// The layers, in the order in which a build travels.
const LAYERS: &[&[&Check]] = &[
    host::CHECKS,
    nix::CHECKS,
    daemon::CHECKS,
    config::CHECKS,
    machines::CHECKS,
    service::CHECKS,
    ssh::CHECKS,
    guest::CHECKS,
    cache::CHECKS,
    build::CHECKS,
];

/// Every check of a machine that has a builder, or is to have one.
pub fn all() -> Vec<&'static Check> {
    LAYERS.concat()
}

/// Every check, and those that are asked before a set-up only.
pub fn every() -> Vec<&'static Check> {
    [&all()[..], preflight::OWN].concat()
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    every().into_iter().find(|check| check.id == id)
}

/// What every file of a check needs.
mod prelude {
    pub use super::on_mac;
    pub use crate::check::*;
    pub use crate::evidence::{Evidence, Missing, Probe, healthy};
    pub use crate::expectations::Expectations;
}

/// What belongs to macOS alone is moot elsewhere: `Some` holds the answer then.
pub fn on_mac(
    e: &crate::evidence::Evidence,
) -> Result<Option<crate::check::Verdict>, crate::evidence::Missing> {
    let platform = e.platform()?;
    let elsewhere = format!("it is about macOS, and this is {}", platform.name());
    Ok((!platform.is_mac()).then_some(crate::check::Verdict::Moot(elsewhere)))
}

/// Whether a Nix is as new as is expected; None where its numbering cannot be compared.
fn is_at_least(
    version: &crate::parse::version::NixVersion,
    want: &crate::expectations::Expectations,
) -> Option<bool> {
    let (major, minor) = want.nix.minimum_version.split_once('.')?;
    version.at_least(major.parse().ok()?, minor.parse().ok()?)
}

#[cfg(test)]
mod tests;
