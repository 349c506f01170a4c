//! What answers where each machine's sshd should: one connection that reads the banner, then one scan of the
//! host key. sshd from OpenSSH 9.8 on shuts out whoever knocks often without logging in, so never in a loop.

use super::{Evidence, Look, Missing, Probe, ssh};
use crate::host::{Command, Greeting, HostError};
use crate::parse::host_key::{Scan, parse_scan};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What answered at one machine's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortView {
    /// The name in the machines file.
    pub host: String,
    /// Where the connection went.
    pub address: String,
    /// The port.
    pub port: u16,
    /// What came of it.
    pub answer: PortAnswer,
}

/// What came of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortAnswer {
    /// An SSH server's banner.
    Ssh(String),
    /// Something that is no SSH server said this.
    Other(String),
    /// Connected, and not a byte in so many seconds.
    Silent {
        /// How long we waited.
        seconds: u64,
    },
    /// Connected, and closed at once without a byte.
    Closed,
    /// Nobody listens.
    Refused,
    /// No answer at all.
    NoAnswer,
    /// The name does not resolve, or the system says this.
    Failed(String),
}

/// The host key that a machine shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKeyView {
    /// The name in the machines file.
    pub host: String,
    /// What the scan saw; None where the port does not speak SSH, so that a scan would tell nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// Why it saw no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl PortView {
    /// The VM takes connections and its sshd says nothing, or hangs up: no build can get in.
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

/// Long enough for a guest that swaps, short enough for a reader who waits.
const BANNER: Duration = Duration::from_secs(7);
const CONNECT: Duration = Duration::from_secs(3);

pub(super) fn probe(look: &Look) -> Probe<Vec<PortView>> {
    let machines = look.machines().get().ok();
    let views = look.ssh().get().map(Vec::as_slice).unwrap_or_default();
    let hosts = ssh::hosts(machines, look.want);
    let ports = std::thread::scope(|scope| {
        let tries: Vec<_> = hosts
            .iter()
            .map(|host| {
                let machine = machines.and_then(|all| all.machines.iter().find(|it| &it.host == host));
                let view = views.iter().find(|it| &it.host == host);
                let (address, port) = ssh::endpoint(machine, view, look.want);
                // A host behind a jump host or a proxy has no port of its own that we could try.
                let behind =
                    view.and_then(|it| it.view.as_ref()).is_some_and(|it| it.proxy_command || it.proxy_jump);
                scope.spawn(move || {
                    let answer = if behind {
                        PortAnswer::Failed(
                            "it is reached through a proxy, which this program does not start".to_owned(),
                        )
                    } else {
                        knock(look, &address, port)
                    };
                    PortView { host: host.clone(), address, port, answer }
                })
            })
            .collect();
        tries.into_iter().filter_map(|it| it.join().ok()).collect::<Vec<_>>()
    });
    if !ports.is_empty() && ports.iter().all(PortView::is_hung) {
        look.hopeless.cancel("no builder says a word at its port, so no build can end");
    }
    let asked = ports.iter().map(PortView::place).collect::<Vec<_>>().join(", ");
    Probe::seen(ports, format!("one connection to {asked}"))
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
        Greeting::Line(line) => PortAnswer::Other(crate::prose::line(&line)),
        Greeting::Silent(after) => PortAnswer::Silent { seconds: after.as_secs() },
        Greeting::Closed => PortAnswer::Closed,
        Greeting::Refused => PortAnswer::Refused,
        Greeting::NoAnswer => PortAnswer::NoAnswer,
        Greeting::Failed(text) => PortAnswer::Failed(text),
    }
}

pub(super) fn probe_host_keys(look: &Look) -> Probe<Vec<HostKeyView>> {
    let ports = match look.ports().get() {
        Ok(ports) => ports,
        Err(missing) => return Probe::blind(missing.because),
    };
    let views = ports.iter().map(|port| scan(look, port)).collect();
    Probe::seen(views, "ssh-keyscan -t ed25519")
}

fn scan(look: &Look, port: &PortView) -> HostKeyView {
    let mut view = HostKeyView { host: port.host.clone(), scan: None, error: None };
    if !matches!(port.answer, PortAnswer::Ssh(_)) {
        view.error = Some("nothing speaks SSH at its port".to_owned());
        return view;
    }
    let number = port.port.to_string();
    let command =
        Command::new("ssh-keyscan").args(["-T", "3", "-t", "ed25519", "-p", &number, "--", &port.address]);
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
