//! What ssh would do for each machine's host: `ssh -G`, which connects to nothing.

use super::{Evidence, Look, Missing, Probe, RootAccess, machines};
use crate::expectations::Expectations;
use crate::host::Command;
use crate::parse::machines::Machine;
use crate::parse::ssh_config::{SshConfigError, SshView, parse_errors, parse_view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// What ssh would do for one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SshHost {
    /// The name in the machines file.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// What it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<SshView>,
    /// ssh refuses its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<SshConfigError>,
    /// Why there is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub no_answer: Option<String>,
}

/// A file of the system's ssh settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SshFile {
    /// Its path.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// Owner's number, links followed.
    pub uid: u32,
    /// Permission bits in octal, such as `644`.
    #[schemars(extend("x-kind" = "public"))]
    pub mode: String,
}

/// How `localhost` resolves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Localhost {
    /// In the resolver's order, each once.
    #[schemars(extend("x-kind" = "ip-address"))]
    pub addresses: Vec<String>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
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
    /// Whether ssh reaches it through a jump host or a proxy, so that it has no port that could be tried.
    pub fn is_behind_proxy(&self, host: &str) -> bool {
        self.ssh_of(host).ok().and_then(|it| it.view.as_ref()).is_some_and(SshView::goes_through_proxy)
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

const SYSTEMS_FILE: &str = "/etc/ssh/ssh_config";

/// The file that stands for all that the daemon's ssh reads. The daemon dials as root, whom this user's own
/// ~/.ssh/config does not reach: where there is one, ssh is to read the system's file alone. None where ssh is
/// to read what it always does.
fn file_of_daemon(look: &Look) -> Option<&'static str> {
    // Root's own file counts.
    if look.wanted.root == RootAccess::Already {
        return None;
    }
    let home = look.host.env("HOME").filter(|home| home.starts_with('/'))?;
    look.host.stat(&Path::new(&home).join(".ssh/config")).ok()?;
    // An installation for one user has no daemon: this user dials.
    let one_user = look.host.stat(Path::new("/nix/var/nix")).is_ok_and(|meta| meta.uid != 0);
    let system = look.host.read_start(Path::new(SYSTEMS_FILE), 256 << 10).ok()?;
    let whole = includes_by_full_path(&String::from_utf8_lossy(&system));
    (!one_user && whole).then_some(SYSTEMS_FILE)
}

/// Of a file named with -F, ssh looks for a relative Include in ~/.ssh, and not in /etc/ssh.
fn includes_by_full_path(text: &str) -> bool {
    text.lines().all(|line| {
        let mut words = line.split([' ', '\t', '=', '"']).filter(|word| !word.is_empty());
        let include = words.next().is_some_and(|word| word.eq_ignore_ascii_case("include"));
        !include || words.take_while(|word| !word.starts_with('#')).all(|path| path.starts_with('/'))
    })
}

pub(super) fn probe(look: &Look) -> Probe<Vec<SshHost>> {
    let file = file_of_daemon(look);
    let (hosts, views) = std::thread::scope(|scope| {
        // The expected host is most often the one; asked for at once, it is known when the machines are.
        let expected = &look.want.builder.host;
        let early = scope.spawn(move || ask_as_daemon(look, expected, file));
        let hosts = hosts(look.machines().get().ok(), look.want);
        let mut early = early.join().ok();
        let views: Vec<SshHost> = hosts
            .iter()
            .map(|host| match early.take_if(|it| &it.host == host) {
                Some(view) => view,
                None => ask_as_daemon(look, host, file),
            })
            .collect();
        (hosts, views)
    });
    let only = file.map(|file| format!(" -F {file}")).unwrap_or_default();
    Probe::seen(views, format!("ssh -G{only} {}", hosts.join(", ")))
}

fn ask_as_daemon(look: &Look, host: &str, file: Option<&str>) -> SshHost {
    let seen = ask(look.host, host, file);
    let unknown = seen.view.as_ref().is_some_and(|view| view.hostname == host);
    // Root may have in its own file what this user has, and without a test build nothing shows that it has not.
    if file.is_some() && unknown && look.wanted.no_builds.is_some() {
        return ask(look.host, host, None);
    }
    seen
}

/// Asks ssh what it would do, by all that it reads or by one file.
pub(super) fn ask(machine: &dyn crate::host::Host, host: &str, file: Option<&str>) -> SshHost {
    let mut found = SshHost { host: host.to_owned(), view: None, error: None, no_answer: None };
    let from = file.map(|file| ["-F", file]);
    let args = std::iter::once("-G").chain(from.into_iter().flatten()).chain(["--", host]);
    match machine.run(&Command::new("ssh").args(args)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_include_is_told_from_a_full_one() {
        // The second is macOS's own file (macOS 26.6.2), shortened; the others were made after the manual page.
        assert!(includes_by_full_path(""));
        assert!(includes_by_full_path("Include /etc/ssh/ssh_config.d/*\n\nHost *\n    SendEnv LANG LC_*\n"));
        assert!(includes_by_full_path("include=\"/etc/ssh/a\" /etc/ssh/b # mine\n# Include c\n"));
        assert!(!includes_by_full_path("Host *\n\tINCLUDE ssh_config.d/*\n"));
        assert!(!includes_by_full_path("Include /etc/ssh/a ~/b"));
    }
}
