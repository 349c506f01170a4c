//! What ssh would do for each machine's host: `ssh -G`, which connects to nothing.

use super::{Evidence, Look, Missing, Probe, machines};
use crate::expectations::Expectations;
use crate::host::Command;
use crate::parse::machines::Machine;
use crate::parse::ssh_config::{SshConfigError, SshView, parse_errors, parse_view};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// What ssh would do for one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshHost {
    /// The name in the machines file.
    pub host: String,
    /// What it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<SshView>,
    /// ssh refuses its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<SshConfigError>,
    /// Why there is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<String>,
}

/// A file of the system's ssh settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshFile {
    /// Its path.
    pub path: String,
    /// Owner's number, links followed.
    pub uid: u32,
    /// Permission bits in octal, such as `644`.
    pub mode: String,
}

/// How `localhost` resolves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Localhost {
    /// In the resolver's order, each once.
    pub addresses: Vec<String>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Evidence {
    /// What ssh would do for a host of the machines file.
    pub fn ssh_of(&self, host: &str) -> Result<&SshHost, Missing> {
        let all = self.ssh()?;
        all.iter()
            .find(|it| it.host == host)
            .ok_or_else(|| Missing::new(format!("`ssh -G {host}` was not asked")))
    }
}

/// Machines beyond this number are not looked at by ssh.
pub const MOST: usize = 8;

/// The hosts of the machines that offer Linux, and the expected one where there is none; each once.
pub fn hosts(machines: Option<&crate::parse::machines::Machines>, want: &Expectations) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let builder = machines.and_then(|all| machines::find_builder(all, want));
    let others = machines.into_iter().flat_map(machines::linux);
    for host in builder.into_iter().chain(others).map(|machine| &machine.host) {
        if !hosts.contains(host) && is_plain(host) {
            hosts.push(host.clone());
        }
    }
    if hosts.is_empty() {
        hosts.push(want.builder.host.clone());
    }
    hosts.truncate(MOST);
    hosts
}

/// A host name that ssh cannot take for an option, nor a shell for anything else.
pub fn is_plain(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:%[]".contains(c);
    !host.is_empty() && !host.starts_with('-') && host.chars().all(plain)
}

/// Where a machine's sshd is to be found: the address to connect to, and the port.
pub fn endpoint(machine: Option<&Machine>, ssh: Option<&SshHost>, want: &Expectations) -> (String, u16) {
    let view = ssh.and_then(|it| it.view.as_ref());
    let stated = machine.and_then(|it| it.port);
    match view {
        // The alias is missing: ssh would take the name as it is, and that leads nowhere. The port of the
        // expectations tells whether the VM itself is up.
        Some(view) if view.hostname == want.builder.host && view.port == 22 => {
            ("127.0.0.1".to_owned(), want.builder.port)
        }
        Some(view) => {
            let local = ["localhost", "127.0.0.1"].contains(&view.hostname.as_str());
            // QEMU forwards IPv4 only, and localhost may resolve to ::1 first.
            let address = if local { "127.0.0.1".to_owned() } else { view.hostname.clone() };
            (address, stated.unwrap_or(view.port))
        }
        None => ("127.0.0.1".to_owned(), stated.unwrap_or(want.builder.port)),
    }
}

pub(super) fn probe(look: &Look) -> Probe<Vec<SshHost>> {
    let (hosts, views) = std::thread::scope(|scope| {
        // The expected host is most often the one; asked for at once, it is known when the machines are.
        let expected = &look.want.builder.host;
        let early = scope.spawn(|| ask(look.host, expected));
        let hosts = hosts(look.machines().get().ok(), look.want);
        let mut early = early.join().ok();
        let views: Vec<SshHost> = hosts
            .iter()
            .map(|host| match early.take_if(|it| &it.host == host) {
                Some(view) => view,
                None => ask(look.host, host),
            })
            .collect();
        (hosts, views)
    });
    Probe::seen(views, format!("ssh -G {}", hosts.join(", ")))
}

/// Asks ssh what it would do.
pub(super) fn ask(machine: &dyn crate::host::Host, host: &str) -> SshHost {
    let mut found = SshHost { host: host.to_owned(), view: None, error: None, no_answer: None };
    match machine.run(&Command::new("ssh").args(["-G", "--", host])) {
        Ok(output) if output.ok() => {
            found.view = parse_view(&output.stdout);
            if found.view.is_none() {
                found.no_answer = Some("`ssh -G` printed nothing that can be understood".to_owned());
            }
        }
        Ok(output) => {
            found.error = parse_errors(&output.stderr).into_iter().next();
            if found.error.is_none() {
                found.no_answer = Some(format!("`ssh -G {host}`: {}", output.complaint()));
            }
        }
        Err(error) => found.no_answer = Some(format!("`ssh`: {error}")),
    }
    found
}

/// The system's files only: the daemon dials as root, whom the user's own file does not reach.
pub(super) fn probe_files(look: &Look) -> Probe<Vec<SshFile>> {
    const FOLDER: &str = "/etc/ssh/ssh_config.d";
    let listed = look.host.list(Path::new(FOLDER)).unwrap_or_default();
    let configs =
        listed.into_iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{FOLDER}/{name}"));
    let paths = std::iter::once("/etc/ssh/ssh_config".to_owned()).chain(configs).take(64);
    let files = paths.filter_map(|path| {
        let meta = look.host.stat(Path::new(&path)).ok()?;
        Some(SshFile { path, uid: meta.uid, mode: format!("{:o}", meta.mode) })
    });
    Probe::seen(files.collect(), "stat")
}

pub(super) fn probe_localhost(look: &Look) -> Probe<Localhost> {
    let found = match look.host.resolve("localhost", Duration::from_secs(3)) {
        Ok(all) => {
            let mut addresses: Vec<String> = Vec::new();
            for address in all.iter().map(ToString::to_string) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Localhost { addresses, error: None }
        }
        Err(error) => Localhost { addresses: Vec::new(), error: Some(error.to_string()) },
    };
    Probe::seen(found, "the system's resolver")
}
