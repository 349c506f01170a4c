//! The lab: builder-doctor in simulated Macs with a real Nix, a real sshd and a real fault each.
//!
//! One world is one test. See README.md here for what is real and how to get a shell in a world.

#![allow(
    clippy::disallowed_methods,
    reason = "the lab makes the world that the program looks at through `Host`"
)]

mod control;
mod derived;
mod fixes;
mod flake_tests;
mod harness;
mod preflight;
mod setup;
mod table;
mod world;
mod worlds {
    pub mod build;
    pub mod cache;
    pub mod config;
    pub mod daemon;
    pub mod flavours;
    pub mod guest;
    pub mod healthy;
    pub mod host;
    pub mod machines;
    pub mod nix;
    pub mod pairs;
    pub mod service;
    pub mod ssh;
    pub mod why;
}

use world::World;

/// The worlds that are written down, in the order of the layers of a build's way.
fn plain() -> Vec<&'static World> {
    [
        worlds::healthy::WORLDS,
        worlds::flavours::WORLDS,
        worlds::host::WORLDS,
        worlds::nix::WORLDS,
        worlds::daemon::WORLDS,
        worlds::config::WORLDS,
        worlds::machines::WORLDS,
        worlds::service::WORLDS,
        worlds::ssh::WORLDS,
        worlds::guest::WORLDS,
        worlds::cache::WORLDS,
        worlds::build::WORLDS,
        worlds::why::WORLDS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every world.
fn all() -> Vec<&'static World> {
    let plain = plain();
    let derived = derived::derive(&plain, worlds::pairs::PAIRS);
    plain.into_iter().chain(derived).collect()
}

fn main() -> std::process::ExitCode {
    harness::main(&all(), || {
        let worlds = plain();
        [
            fixes::trials(&worlds),
            control::trials(&worlds),
            flake_tests::trials(&worlds),
            preflight::trials(),
            setup::trials(),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}
