//! What answers where each machine's sshd should: one scan of the host key, which shows the banner too; and only
//! where that shows neither, one connection of our own that tells why. sshd from OpenSSH 9.8 on shuts out whoever
//! knocks often without logging in, so never in a loop.

use super::{Evidence, Look, Missing, Probe, ssh};
use crate::host::{Command, Greeting, HostError};
use crate::parse::host_key::{Scan, parse_public_key, parse_scan};
use crate::parse::ssh_config::SshView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What answered at one machine's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortView {
    /// The name in the machines file.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// Where the connection went.
    #[schemars(extend("x-kind" = "ip-address"))]
    pub address: String,
    /// The port.
    pub port: u16,
    /// What came of it.
    pub answer: PortAnswer,
}

/// What came of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PortAnswer {
    /// An SSH server's banner.
    #[schemars(extend("x-kind" = "text"))]
    Ssh(String),
    /// An sshd that shuts this Mac out for a while, after logins that failed or never came.
    #[schemars(extend("x-kind" = "text"))]
    ShutOut(String),
    /// Something that is no SSH server said this.
    #[schemars(extend("x-kind" = "text"))]
    Other(String),
    /// Connected, and not a byte in so many seconds.
    Silent {
        /// How long we waited.
        seconds: u64,
    },
    /// Connected, and closed at once without a byte.
    Closed,
    /// Not tried: launchd listens there, and would start the VM.
    OnDemand,
    /// Nobody listens.
    Refused,
    /// No answer at all.
    NoAnswer,
    /// The name does not resolve, or the system says this.
    #[schemars(extend("x-kind" = "text"))]
    Failed(String),
}

/// The host key that a machine shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostKeyView {
    /// The name in the machines file.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// What the scan saw; None where the port does not speak SSH, so that a scan would tell nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// Why it saw no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub error: Option<String>,
}

impl PortView {
    /// It takes connections, or not even those, and says nothing: a build would wait for ever.
    pub fn is_hung(&self) -> bool {
        matches!(self.answer, PortAnswer::Silent { .. } | PortAnswer::NoAnswer)
    }

    /// Such as `127.0.0.1:31022`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }
}

impl Evidence {
    /// What answered at the port of a host of the machines file.
    pub fn port_of(&self, host: &str) -> Result<&PortView, Missing> {
        let all = self.ports()?;
        all.iter()
            .find(|it| it.host == host)
            .ok_or_else(|| Missing::new(format!("no port of {host} was tried")))
    }
    /// The host key that a host of the machines file shows.
    pub fn host_key_of(&self, host: &str) -> Result<&HostKeyView, Missing> {
        let all = self.host_keys()?;
        all.iter()
            .find(|it| it.host == host)
            .ok_or_else(|| Missing::new(format!("the host key of {host} was not asked for")))
    }
}

const SHUT_OUT: [&str; 2] = ["Not allowed at this time", "Exceeded MaxStartups"];
const CONNECT: Duration = Duration::from_secs(3);
/// Together with the scan before it, which waits for 3 seconds: long enough for a guest that swaps, short
/// enough for a reader who waits.
const BANNER: Duration = Duration::from_secs(5);

/// Where one machine's sshd is to be found.
struct Endpoint {
    host: String,
    address: String,
    port: u16,
    /// The kind of host key that is expected, as ssh-keyscan calls it.
    kind: &'static str,
    /// Behind a jump host or a proxy it has no port of its own that we could try.
    behind: bool,
    /// launchd listens in its stead, and starts it when somebody connects.
    asleep: bool,
}

fn endpoints(look: &Look) -> Vec<Endpoint> {
    let machines = look.machines().get().ok();
    let views = look.ssh().get().map(Vec::as_slice).unwrap_or_default();
    let hosts = ssh::hosts(machines, look.want).into_iter();
    let found = hosts.map(|host| {
        let machine = machines.and_then(|all| all.machines.iter().find(|it| it.host == host));
        let view = views.iter().find(|it| it.host == host);
        let (address, port) = ssh::endpoint(machine, view, look.want);
        let behind = view.and_then(|it| it.view.as_ref()).is_some_and(SshView::goes_through_proxy);
        let asleep = super::flavour::sleeps(look, &host);
        let kind = kind_to_ask(machine.and_then(|it| it.host_key.as_ref()?.decoded.as_deref()));
        Endpoint { host, address, port, kind, behind, asleep }
    });
    found.collect()
}

/// The same for every endpoint, side by side.
fn for_each<T: Send>(look: &Look, ask: impl Fn(Endpoint) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let ask = &ask;
        let asked: Vec<_> = endpoints(look).into_iter().map(|it| scope.spawn(move || ask(it))).collect();
        asked.into_iter().filter_map(|it| it.join().ok()).collect()
    })
}

pub(super) fn probe_host_keys(look: &Look) -> Probe<Vec<HostKeyView>> {
    Probe::seen(for_each(look, |it| scan(look, it)), "ssh-keyscan, one kind of key for each")
}

/// One kind alone: ssh-keyscan makes a connection for each, and sshd counts them.
fn kind_to_ask(expected: Option<&str>) -> &'static str {
    match expected.and_then(parse_public_key).map(|key| key.kind) {
        Some(kind) if kind == "ssh-rsa" => "rsa",
        Some(kind) if kind.starts_with("ecdsa-sha2-") => "ecdsa",
        _ => "ed25519",
    }
}

fn scan(look: &Look, it: Endpoint) -> HostKeyView {
    let mut view = HostKeyView { host: it.host, scan: None, error: None };
    if it.behind {
        view.error = Some(BEHIND.to_owned());
        return view;
    }
    if it.asleep {
        view.error = Some("launchd starts it when somebody connects, and a look does not wake it".to_owned());
        return view;
    }
    let port = it.port.to_string();
    let command =
        Command::new("ssh-keyscan").args(["-T", "3", "-t", it.kind, "-p", &port, "--", &it.address]);
    match look.host.run(&command) {
        Ok(output) => {
            let scan = parse_scan(&format!("{}\n{}", output.stdout, output.stderr));
            if scan.keys.is_empty() {
                view.error = Some(format!("`ssh-keyscan`: {}", output.complaint()));
            }
            view.scan = Some(scan);
        }
        Err(HostError::NotFound) => view.error = Some("there is no `ssh-keyscan`".to_owned()),
        Err(error) => view.error = Some(format!("`ssh-keyscan`: {error}")),
    }
    view
}

const BEHIND: &str = "it is reached through a proxy, which this program does not start";

pub(super) fn probe(look: &Look) -> Probe<Vec<PortView>> {
    let scans = look.host_keys().get().map(Vec::as_slice).unwrap_or_default();
    let ports = for_each(look, |it| {
        let scan = scans.iter().find(|view| view.host == it.host).and_then(|view| view.scan.as_ref());
        let answer = match scan.and_then(|scan| scan.banner.as_deref()) {
            Some(banner) if banner.starts_with("SSH-") => PortAnswer::Ssh(crate::prose::line(banner)),
            _ if it.behind => PortAnswer::Failed(BEHIND.to_owned()),
            _ if it.asleep => PortAnswer::OnDemand,
            _ => knock(look, &it.address, it.port),
        };
        PortView { host: it.host, address: it.address, port: it.port, answer }
    });
    // Of the builder alone: another machine may be one that wakes up when a build comes.
    let hung = ports.iter().any(|port| port.host == look.want.builder.host && port.is_hung());
    let works = ports
        .iter()
        .any(|port| matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::Failed(_) | PortAnswer::OnDemand));
    if hung && !works {
        look.hopeless.cancel("the builder says no word at its port, so no build can end");
    }
    let asked = ports.iter().map(PortView::place).collect::<Vec<_>>().join(", ");
    Probe::seen(ports, format!("ssh-keyscan, else one connection to {asked}"))
}

fn knock(look: &Look, address: &str, port: u16) -> PortAnswer {
    let address: IpAddr = match address.parse() {
        Ok(address) => address,
        Err(_) => match look.host.resolve(address, CONNECT).map(|all| all.into_iter().next()) {
            Ok(Some(address)) => address,
            Ok(None) => return PortAnswer::Failed("the name has no address".to_owned()),
            Err(error) => return PortAnswer::Failed(error.to_string()),
        },
    };
    match look.host.greeting(SocketAddr::new(address, port), CONNECT, BANNER) {
        Greeting::Line(line) if line.starts_with("SSH-") => PortAnswer::Ssh(crate::prose::line(&line)),
        // What sshd says in place of its banner while its PerSourcePenalties last (OpenSSH 9.8 and later).
        Greeting::Line(line) if SHUT_OUT.iter().any(|words| line.starts_with(words)) => {
            PortAnswer::ShutOut(crate::prose::line(&line))
        }
        Greeting::Line(line) => PortAnswer::Other(crate::prose::line(&line)),
        Greeting::Silent(after) => PortAnswer::Silent { seconds: after.as_secs() },
        Greeting::Closed => PortAnswer::Closed,
        Greeting::Refused => PortAnswer::Refused,
        Greeting::NoAnswer => PortAnswer::NoAnswer,
        Greeting::Failed(text) => PortAnswer::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_the_key_that_is_expected_is_asked_for() {
        // Kinds and keys of public known_hosts lines of github.com.
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        assert_eq!(kind_to_ask(Some(ecdsa)), "ecdsa");
        assert_eq!(kind_to_ask(Some("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==")), "rsa");
        assert_eq!(kind_to_ask(Some(crate::parse::host_key::STOCK_HOST_KEY)), "ed25519");
        assert_eq!(kind_to_ask(None), "ed25519");
        assert_eq!(kind_to_ask(Some("no key")), "ed25519");
    }
}
