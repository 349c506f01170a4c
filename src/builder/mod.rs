//! The builder as a service: what it is doing, and how it is started and stopped.

pub mod control;
pub mod setup;
pub mod status;

use crate::evidence::Evidence;
use crate::evidence::processes::look;
use crate::expectations::Expectations;
use crate::fix::ground;
use crate::fix::step::Condition;
use crate::host::Host;

/// What is looked at to start, stop, or tell of the builder: no build, no cache, no login.
pub const FACTS: &[&str] = &[
    "platform",
    "user",
    "managers",
    "nix",
    "nix_config",
    "conf_files",
    "user_env",
    "machines",
    "machines_file",
    "builder_jobs",
    "disabled_jobs",
    "builder_job",
    "stopped",
    "ssh",
    "ports",
    "vm_program",
];

/// Where the VM answers: its address and port.
pub fn place(e: &Evidence, want: &Expectations) -> (String, u16) {
    match ground::banner(e, want) {
        Condition::Banner { address, port } => (address, port),
        _ => ("127.0.0.1".to_owned(), want.builder.port),
    }
}

/// How many builds are on their way to the builder or run there; an error where it cannot be told.
pub fn builds(host: &dyn Host, e: &Evidence, want: &Expectations) -> Result<usize, String> {
    let name = e.builder(want).ok().flatten().map_or(&want.builder.host, |machine| &machine.host);
    let mac = e.platform().is_ok_and(|platform| platform.is_mac());
    let (found, _) = look(host, mac, std::slice::from_ref(name))?;
    match found.ssh.iter().filter(|ssh| ssh.of_nix && &ssh.host == name).count() {
        0 if found.hidden > 0 => Err("some processes hide what they do".to_owned()),
        count => Ok(count),
    }
}
