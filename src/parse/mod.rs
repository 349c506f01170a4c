//! Parsers of what a Mac's Nix, launchd and ssh print: text in, facts out, no effects.

pub mod build_log;
pub mod cache_info;
pub mod certificate;
pub mod conf_files;
pub mod host_key;
pub mod launchd;
pub mod machines;
pub mod nix_config;
pub mod platform;
pub mod proxy;
pub mod ssh_config;
pub mod store_info;
pub mod text;
pub mod version;
