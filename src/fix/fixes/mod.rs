//! The fixes: one file a fix, or a few that differ in a word. To add one, write its file beside the others, and
//! name it here, and in the `fixes` of each check that it mends.

use super::Fix;

pub mod custom_conf;
pub mod hosts_file;
pub mod job_file;
pub mod key_mode;
pub mod machine_line;
pub mod new_disk;
pub mod nix_conf;
pub mod nix_volume;
pub mod reinstall_keys;
pub mod restart_builder;
pub mod restart_daemon;
pub mod shell_hook;
pub mod ssh_files;
pub mod start_builder;
pub mod synthetic_conf;
pub mod wait;
pub mod working_directory;

/// Every fix.
pub const ALL: &[&Fix] = &[
    &start_builder::START,
    &restart_builder::RESTART,
    &reinstall_keys::REINSTALL,
    &job_file::REPAIR,
    &working_directory::MAKE,
    &new_disk::MAKE,
    &restart_daemon::START,
    &restart_daemon::RESTART,
    &nix_volume::MOUNT,
    &synthetic_conf::ADD,
    &wait::FOR_VM,
    &wait::LET_IN_AGAIN,
    &key_mode::CLOSE,
    &machine_line::STOCK_HOST_KEY,
    &machine_line::SHOWN_HOST_KEY,
    &machine_line::FEATURE,
    &nix_conf::TAKE_OUT,
    &nix_conf::NO_LINUX,
    &nix_conf::LOCAL_SLOT,
    &nix_conf::SUBSTITUTES,
    &nix_conf::FEATURES,
    &nix_conf::EXPERIMENTAL,
    &nix_conf::CACHE,
    &nix_conf::CACHE_KEY,
    &ssh_files::ALIAS,
    &ssh_files::ONE_KEY,
    &ssh_files::NO_SHARING,
    &ssh_files::OWNER,
    &hosts_file::LOCALHOST,
    &custom_conf::SET_ASIDE,
    &shell_hook::LINES,
];
