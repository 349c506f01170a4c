//! What only root can see: the Mac's side (root_host.rs); and where somebody speaks SSH, the login as the daemon
//! makes it, and the VM from inside (guest.rs).
//!
//! Looking never escalates by itself. With `--sudo` one call of sudo runs this program's own hidden command,
//! which takes all of it and prints it as JSON; as root the same is done in this process.

pub use super::guest::Guest;
use super::guest::look_inside;
use super::port::{PortAnswer, PortView};
use super::root_host::{self, Places, RootHost, is_path, is_word};
use super::ssh::{SshHost, is_plain};
use super::{Evidence, Look, Missing, Probe, RootAccess, Whom};
use crate::host::{Command, Host};
use crate::parse::machines::Machine;
use crate::parse::store_info::{self, StoreInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// What root saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RootView {
    /// The machine that was dialled: its URI, without parameters; empty where none was.
    #[schemars(extend("x-kind" = "url"))]
    pub uri: String,
    /// `nix store info` over ssh, dialled as the daemon dials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<StoreInfo>,
    /// Why there is no answer to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub no_login: Option<String>,
    /// `ssh -G` as root, whom the user's own ~/.ssh/config does not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshHost>,
    /// The VM from inside; None where nobody could log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// The Mac's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<RootHost>,
}

impl RootView {
    /// What came of the login, or why nobody logged in.
    pub fn login(&self) -> Result<&StoreInfo, Missing> {
        let why = || Missing::new(self.no_login.as_deref().unwrap_or("root did not try to log in"));
        self.login.as_ref().ok_or_else(why)
    }
}

impl Evidence {
    /// The Mac's side as root sees it.
    pub fn root_host(&self) -> Result<&RootHost, Missing> {
        let older = || Missing { because: "root's look does not hold it".to_owned(), by_choice: true };
        self.root_view()?.host.as_ref().ok_or_else(older)
    }
}

/// What the hidden command is asked to do: all of it in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Errand {
    /// What to dial; None where there is nobody to log in to.
    pub dial: Option<Request>,
    /// What to look at on this machine.
    pub here: Places,
}

impl Errand {
    /// Nothing in it can be taken for an option, smuggled into a URL, or leads out of the folder that it names.
    pub fn is_sane(&self) -> bool {
        self.dial.as_ref().is_none_or(Request::is_sane) && self.here.is_sane()
    }
}

/// A machine to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Path of the Nix to dial with.
    #[schemars(extend("x-kind" = "text"))]
    pub nix: String,
    /// `ssh-ng` or `ssh`.
    #[schemars(extend("x-kind" = "public"))]
    pub scheme: String,
    /// Host as in the machines file.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// Login as in the machines file.
    #[serde(default)]
    #[schemars(extend("x-kind" = "user-name"))]
    pub user: Option<String>,
    /// Port as in the machines file.
    #[serde(default)]
    pub port: Option<u16>,
    /// Path of the private key.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub key: Option<String>,
    /// The host key in base64, as in the machines file.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub host_key: Option<String>,
    /// The public key in it.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub public_key: Option<String>,
}

/// What the report says where root did not look.
pub const ONLY_ROOT: &str = "only root may look: run again with --sudo";
/// The hidden command's name.
pub const HIDDEN_COMMAND: &str = "look-as-root";
/// How long root may look.
const DEADLINE: Duration = Duration::from_secs(25);

impl Request {
    fn of(machine: &Machine, nix: &str) -> Option<Self> {
        let key = machine.key.as_ref().map(|key| key.value.clone());
        let request = Request {
            nix: nix.to_owned(),
            scheme: machine.scheme.clone(),
            host: machine.host.clone(),
            user: machine.user.clone(),
            port: machine.port,
            key,
            host_key: machine.host_key.as_ref().map(|it| it.field.value.clone()),
            public_key: machine.host_key.as_ref().and_then(|it| it.decoded.clone()),
        };
        request.is_sane().then_some(request)
    }

    /// Nothing in it can be taken for an option or smuggled into a URL.
    pub fn is_sane(&self) -> bool {
        ["ssh-ng", "ssh"].contains(&self.scheme.as_str())
            && is_plain(&self.host)
            && is_path(&self.nix)
            && self.user.as_deref().is_none_or(is_plain)
            && self.key.as_deref().is_none_or(is_path)
            && self.host_key.as_deref().is_none_or(is_word)
            && self
                .trusted_key()
                .iter()
                .all(|word| word.chars().all(|c| c == '@' || is_word(c.encode_utf8(&mut [0; 4]))))
    }

    /// The kind and the key of the public key, without its comment.
    pub(super) fn trusted_key(&self) -> Vec<&str> {
        self.public_key.iter().flat_map(|key| key.split_whitespace().take(2)).collect()
    }

    /// As in the machines file: an address of IPv6 stands in brackets.
    fn uri(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{}://{user}{host}{port}", self.scheme)
    }

    fn store(&self) -> String {
        let key = self.key.as_ref().map(|key| format!("ssh-key={key}"));
        let host_key = self
            .host_key
            .as_ref()
            .map(|it| format!("base64-ssh-public-host-key={}", it.replace('+', "%2B").replace('=', "%3D")));
        let params: Vec<String> = key.into_iter().chain(host_key).collect();
        if params.is_empty() { self.uri() } else { format!("{}?{}", self.uri(), params.join("&")) }
    }
}

pub(super) fn probe(look: &Look) -> Probe<RootView> {
    if look.wanted.root == RootAccess::No {
        return Probe::not_taken(ONLY_ROOT);
    }
    let machine = look.machines().get().ok().and_then(|all| super::machines::find_builder(all, look.want));
    let host = machine.map_or(&look.want.builder.host, |machine| &machine.host);
    // After the unprivileged look is done: it says where to knock, and whether anybody answers there.
    let port = look.ports().get().ok().and_then(|all| all.iter().find(|port| port.host == *host));
    let here = Places::of(look, port);
    if !here.is_sane() {
        return Probe::blind("the machine's line holds characters that are not safe to hand to root");
    }
    let (dial, no_login) = match to_dial(look, port) {
        Ok(request) => (Some(request), None),
        Err(why) => (None, Some(why)),
    };
    let errand = Errand { dial, here };
    let seen = match look.wanted.root {
        RootAccess::Already => Ok(look_as_root(look.host, &errand)),
        _ => by_sudo(look, &errand),
    };
    match seen {
        Ok(mut fact) => {
            fact.no_login = no_login.or(fact.no_login);
            Probe::Seen { fact, from: from(&errand), as_whom: Whom::Root }
        }
        Err(why) => Probe::blind(why),
    }
}

/// Whom to log in to. Err: nobody, because of this.
fn to_dial(look: &Look, port: Option<&PortView>) -> Result<Request, String> {
    let (nix, _) = super::nix::locate(look.host).ok_or("there is no Nix to dial with")?;
    let all = look.machines().get().map_err(|missing| missing.because)?;
    let machine = super::machines::find_builder(all, look.want)
        .ok_or("no machine that offers Linux is declared, so there is none to dial")?;
    let request = Request::of(machine, &nix.to_string_lossy())
        .ok_or("the machine's line holds characters that are not safe to hand to root")?;
    match port {
        Some(port) if port.answer == PortAnswer::OnDemand => {
            Err("launchd starts it when somebody connects, and a look does not wake it".to_owned())
        }
        Some(port) if !matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::Failed(_)) => {
            Err(format!("nothing speaks SSH at {}", port.place()))
        }
        _ => Ok(request),
    }
}

fn from(errand: &Errand) -> String {
    let dialled = errand.dial.as_ref().map(|request| format!("nix store info --store {}, ", request.uri()));
    format!("{}ssh {}, ssh-keygen, lsof", dialled.unwrap_or_default(), errand.here.alias)
}

fn by_sudo(look: &Look, errand: &Errand) -> Result<RootView, String> {
    let own = look.host.this_program();
    let own = own.ok_or("the path of this program is unknown, so sudo cannot run it")?;
    let mut errand = errand.clone();
    // Root runs no program that only the user's PATH leads to, if there is one where installers put it.
    let known = super::nix::WELL_KNOWN.iter().find(|place| look.host.stat(Path::new(place)).is_ok());
    if let (Some(known), Some(request)) = (known, &mut errand.dial) {
        request.nix = (*known).to_owned();
    }
    let errand = serde_json::to_string(&errand).map_err(|_| "the request cannot be written")?;
    let own = own.to_string_lossy().into_owned();
    let command = Command::new("sudo")
        .args(["--non-interactive", "--", &own, HIDDEN_COMMAND, &errand])
        .on_lifeline()
        .within(DEADLINE + Duration::from_secs(2));
    match look.host.run(&command) {
        Ok(output) if output.ok() => serde_json::from_str(&output.stdout)
            .map_err(|error| format!("the answer of root's look cannot be read: {error}")),
        Ok(output) => Err(format!("`sudo`: {}", output.complaint())),
        Err(error) => Err(format!("`sudo`: {error}")),
    }
}

/// Everything that needs root, in one go: the Mac's side, and beside it at most two logins.
pub fn look_as_root(host: &dyn Host, errand: &Errand) -> RootView {
    std::thread::scope(|scope| {
        let here = scope.spawn(|| root_host::look(host, &errand.here));
        let mut view = errand.dial.as_ref().map(|request| dial(host, request)).unwrap_or_default();
        view.ssh = Some(super::ssh::ask(host, &errand.here.alias, None));
        view.host = here.join().ok();
        view
    })
}

fn dial(host: &dyn Host, request: &Request) -> RootView {
    let mut view = RootView { uri: request.uri(), ..RootView::default() };
    let Some(nix) = super::nix::of_root(host, Path::new(&request.nix)) else {
        let shown = crate::prose::line(&request.nix);
        view.no_login =
            Some(format!("others than root could have put {shown} there, so root does not run it"));
        view.guest = Some(look_inside(host, request));
        return view;
    };
    // As the daemon: no settings of whoever called, and the store opened by this very process.
    let dial = super::nix::at(&nix.to_string_lossy())
        .args(["store", "info", "--json", "--store", &request.store()])
        .without_env("NIX_REMOTE")
        .without_env("NIX_CONFIG")
        .without_env("NIX_USER_CONF_FILES")
        // The daemon has no terminal; where we have one, ssh must not ask there either.
        .env("NIX_SSHOPTS", "-oBatchMode=yes")
        .without_env("SSH_AUTH_SOCK")
        .within(Duration::from_secs(12));
    match host.run(&dial) {
        Ok(output) if output.stopped.is_none() => {
            view.login = Some(store_info::parse(&output.stdout, &output.stderr, output.code));
        }
        Ok(output) => view.no_login = Some(format!("the login as root: {}", output.ending())),
        Err(error) => view.no_login = Some(format!("the login as root: {error}")),
    }
    let words = view.login.as_ref().and_then(|login| login.ssh_words.as_ref());
    if words.map_or(view.no_login.is_none(), |words| words.fault.is_behind_the_login()) {
        view.guest = Some(look_inside(host, request));
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            nix: "/run/current-system/sw/bin/nix".to_owned(),
            scheme: "ssh-ng".to_owned(),
            host: "linux-builder".to_owned(),
            user: Some("builder".to_owned()),
            port: None,
            key: Some("/etc/nix/builder_ed25519".to_owned()),
            host_key: Some("c3No+LQ==".to_owned()),
            public_key: None,
        }
    }

    #[test]
    fn the_store_is_the_one_that_the_daemon_dials() {
        assert_eq!(
            request().store(),
            "ssh-ng://builder@linux-builder?ssh-key=/etc/nix/builder_ed25519&base64-ssh-public-host-key=c3No%2BLQ%3D%3D"
        );
    }

    #[test]
    fn root_is_handed_nothing_that_could_be_an_option_or_a_parameter() {
        assert!(request().is_sane());
        let broken: [fn(&mut Request); 7] = [
            |it| it.public_key = Some("ssh-ed25519 %h'x".to_owned()),
            |it| it.host = "-oProxyCommand=sh".to_owned(),
            |it| it.user = Some("-l".to_owned()),
            |it| it.key = Some("/k&remote-program=x".to_owned()),
            |it| it.key = Some("relative".to_owned()),
            |it| it.scheme = "https".to_owned(),
            |it| it.nix = "nix".to_owned(),
        ];
        for break_it in broken {
            let mut request = request();
            break_it(&mut request);
            assert!(!request.is_sane(), "{request:?}");
        }
    }
}
