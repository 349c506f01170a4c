//! What a set-up would meet, asked before one only: rights, files in its way, the builder's port, the VM's image.

use super::{Evidence, Look, Probe};
use crate::builder::setup::ground::BACKUP;
use crate::host::{Command, Greeting, HostError, Kind};
use crate::parse::dry_run::{self, DryRun};
use crate::parse::platform::parse_sysctl;
use crate::parse::version::Implementation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// The fact's name, by which a look asks for it.
pub const NAME: &str = "setup";

/// The files of /etc that a configuration with a builder places.
pub const PLACED: [&str; 9] = [
    "/etc/bashrc",
    "/etc/builder-doctor.toml",
    "/etc/newsyslog.d/linux-builder.conf",
    "/etc/nix/machines",
    "/etc/nix/nix.conf",
    "/etc/ssh/ssh_config.d/100-linux-builder.conf",
    "/etc/zprofile",
    "/etc/zshenv",
    "/etc/zshrc",
];

/// The stock VM, as nix-darwin takes it from nixpkgs.
const IMAGE: &str = "nixpkgs#darwin.linux-builder";
/// How long an evaluation of it may take.
const EVALUATION: Duration = Duration::from_secs(45);

/// What a set-up would meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Setup {
    /// Whether the user is of the group admin, or root: macOS's sudo is for these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Whether this Mac is a virtual machine, as kern.hv_vmm_present says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_vm: Option<bool>,
    /// What stands at the files of /etc that a configuration places.
    pub files: Vec<Standing>,
    /// Who has the builder's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortUse>,
    /// An installer of the nix-installer family left its receipt.
    pub receipt: bool,
    /// What it takes to have the stock VM; None where Nix could not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<DryRun>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The path.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What it is.
    pub is: What,
    /// A file of this name with `.before-nix-darwin` at its end is there, too.
    #[serde(default)]
    pub has_backup: bool,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// nix-darwin's own link.
    NixDarwins,
    /// A link to elsewhere.
    Link(#[schemars(extend("x-kind" = "path"))] String),
    /// A folder, or something else.
    Other,
    /// It could not be looked at.
    Hidden,
}

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PortUse {
    /// A builder is installed, so that it was not asked.
    NotAsked,
    /// Nobody.
    Free,
    /// Somebody, who says this, or nothing.
    Taken(#[schemars(extend("x-kind" = "text"))] String),
}

/// Who installed this machine's Nix, as far as what is left of it tells.
pub fn installed_by(e: &Evidence) -> Option<&'static str> {
    let (managers, setup) = (e.managers().ok()?, e.setup().ok()?);
    let version = e.nix().ok()?.version.as_ref()?;
    Some(match version.implementation {
        _ if managers.determinate.is_some() => "Determinate",
        Implementation::Lix => "Lix",
        _ if managers.nix_darwin.is_some() => "nix-darwin",
        _ if setup.receipt => "nix-installer",
        _ => "upstream's installer",
    })
}

pub(super) fn probe(look: &Look) -> Probe<Setup> {
    if !look.wanted.only.contains(&NAME) {
        return Probe::not_taken("it is asked before a set-up only");
    }
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    std::thread::scope(|scope| {
        let image = scope.spawn(|| image(look));
        let admin = scope.spawn(|| is_admin(look));
        let mut found = Setup {
            is_vm: is_vm(look),
            files: PLACED.iter().map(|path| standing(look, path)).collect(),
            port: port(look),
            receipt: look.host.stat(Path::new("/nix/receipt.json")).is_ok(),
            ..Setup::default()
        };
        found.admin = admin.join().ok().flatten();
        found.image = image.join().ok().flatten();
        Probe::seen(found, "id -Gn, sysctl, lstat in /etc, one connection, nix build --dry-run")
    })
}

fn said(look: &Look, program: &str, args: &[&str]) -> Option<String> {
    let output = look.host.run(&Command::new(program).args(args.iter().copied())).ok()?;
    output.ok().then_some(output.stdout)
}

/// The names of groups stay here: they say more than is asked.
fn is_admin(look: &Look) -> Option<bool> {
    let groups = said(look, "id", &["-Gn"])?;
    let root = said(look, "id", &["-u"])?.trim() == "0";
    Some(root || groups.split_whitespace().any(|group| group == "admin"))
}

fn is_vm(look: &Look) -> Option<bool> {
    let known = parse_sysctl(&said(look, "sysctl", &["kern.hv_vmm_present"])?);
    known.get("kern.hv_vmm_present").map(|it| it == "1")
}

fn standing(look: &Look, path: &str) -> Standing {
    let own = path.replacen("/etc/", "/etc/static/", 1);
    let is = match look.host.lstat(Path::new(path)) {
        Err(HostError::NotFound) => What::Nothing,
        Err(_) => What::Hidden,
        Ok(it) if it.kind == Kind::File => What::File,
        Ok(it) => match it.target {
            Some(target) if target == Path::new(&own) => What::NixDarwins,
            Some(target) => What::Link(crate::prose::line(&target.to_string_lossy())),
            None => What::Other,
        },
    };
    let has_backup = look.host.lstat(Path::new(&format!("{path}{BACKUP}"))).is_ok();
    Standing { path: path.to_owned(), is, has_backup }
}

/// Not where a builder is installed: its sshd counts those who knock.
fn port(look: &Look) -> Option<PortUse> {
    if look.builder_jobs().get().ok().is_none_or(|jobs| !jobs.is_empty()) {
        return Some(PortUse::NotAsked);
    }
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), look.want.builder.port);
    let second = Duration::from_secs(1);
    match look.host.greeting(address, second, second) {
        Greeting::Refused => Some(PortUse::Free),
        Greeting::Line(line) => Some(PortUse::Taken(crate::prose::line(&line))),
        Greeting::Silent(_) | Greeting::Closed => Some(PortUse::Taken(String::new())),
        _ => None,
    }
}

/// What Nix would build or fetch; it does neither.
fn image(look: &Look) -> Option<DryRun> {
    if look.wanted.offline.is_some() {
        return None;
    }
    look.nix().get().ok()?.version.as_ref()?;
    let words = ["build", "--dry-run", "--no-link", "--no-write-lock-file", "--", IMAGE];
    let command = super::nix::command(look.host, &words)?;
    let output = look.host.run(&command.within(EVALUATION)).ok()?;
    output.ok().then(|| dry_run::parse(&output.stderr))
}
