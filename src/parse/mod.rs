//! Parsers of what a Mac's Nix, launchd and ssh print: text in, facts out, no effects.

pub mod background;
pub mod build_log;
pub mod builder_log;
pub mod cache_info;
pub mod certificate;
pub mod conf_files;
pub mod crash_report;
pub mod derivation;
pub mod diskutil;
pub mod dry_run;
pub mod dscl;
pub mod host_key;
pub mod launchd;
pub mod listeners;
pub mod machines;
pub mod nix_config;
pub mod nixpkgs;
pub mod platform;
pub mod processes;
pub mod proxy;
pub mod ssh_config;
pub mod store_info;
pub mod synthetic;
pub mod text;
pub mod version;
pub mod vm_program;
