//! What only root can see on the Mac's side: the VM's disk image, the pair of keys, who listens at the builder's port,
//! and whether the job was switched off in System Settings. It is read, and nothing else.

use super::key_pair::{self, KeyPair};
use super::port::PortView;
use super::service::{PlistState, Service};
use super::{Look, ssh};
use crate::host::{Command, Host, HostError};
use crate::parse::background::{BackgroundItem, parse_dump};
use crate::parse::launchd::Printed;
use crate::parse::listeners::{Listener, chain, parse_lsof, parse_parents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// What root saw of the Mac's side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RootHost {
    /// The VM's disk; None where no job names its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// The builder's pair of keys; None where the builder is another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeyPair>,
    /// Who listens at the builder's port of this machine; None where it has none, or it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listeners: Option<Vec<Listener>>,
    /// What Background Task Management holds of the job; None where the job runs, or it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Vec<BackgroundItem>>,
    /// Why something of the above is not known.
    #[schemars(extend("x-kind" = "text"))]
    pub gaps: Vec<String>,
}

/// The VM's disk image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// Where it is, or would be.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What is there.
    pub state: ImageState,
}

/// What is where the disk image would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// A file.
    Present {
        /// Its first four bytes in hexadecimal; fewer where it has fewer.
        #[schemars(extend("x-kind" = "public"))]
        magic: String,
        /// Bytes.
        size: u64,
        /// Seconds since it last changed.
        seconds_ago: u64,
    },
    /// Nothing. The VM makes a new one at its start.
    Missing,
    /// It cannot be told, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Hidden(String),
}

/// What the hidden command is asked to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Places {
    /// The name that the builder has for ssh.
    #[schemars(extend("x-kind" = "host-name"))]
    pub alias: String,
    /// The VM's working directory.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub folder: Option<String>,
    /// Path of the private key that the daemon dials with; None where it is not of this machine's own VM.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub key: Option<String>,
    /// The builder's port on this machine.
    #[serde(default)]
    pub port: Option<u16>,
    /// Label of a job that does not run, although its plist is there.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub stopped_job: Option<String>,
}

/// Since this macOS there is a list of what may run in the background.
pub const HAS_BACKGROUND_TASKS: u32 = 13;
/// It is slow at times, and nobody waits for it while the VM runs.
const DUMP: Duration = Duration::from_secs(10);

impl Places {
    /// No option, no relative path, and nothing that a shell or a URL would take for more than a word.
    pub fn is_sane(&self) -> bool {
        ssh::is_plain(&self.alias)
            && self.folder.as_deref().is_none_or(is_path)
            && self.key.as_deref().is_none_or(is_path)
            && self.stopped_job.as_deref().is_none_or(|label| is_word(label) && !label.starts_with('-'))
    }

    /// What there is to look at on this machine; what is not safe to hand to root is left out.
    pub(super) fn of(look: &Look, port: Option<&PortView>) -> Places {
        let machine =
            look.machines().get().ok().and_then(|all| super::machines::find_builder(all, look.want));
        let expected = &look.want.builder.host;
        let alias = machine.map_or(expected, |machine| &machine.host).clone();
        let own_vm = alias == *expected;
        let job = look.builder_job().get().ok().filter(|_| own_vm);
        let path = |path: String| Some(path).filter(|path| is_path(path));
        let local = port.filter(|port| ["127.0.0.1", "::1"].contains(&port.address.as_str()));
        let stopped = job.filter(|job| job.is_stopped() && has_background_tasks(look));
        Places {
            alias,
            folder: job.and_then(Service::working_directory).and_then(|folder| path(folder.to_owned())),
            key: path(key_pair::key_of(look)).filter(|_| own_vm),
            port: local.map(|port| port.port),
            stopped_job: stopped.map(|job| job.label.clone()).filter(|label| is_word(label)),
        }
    }
}

impl Service {
    /// Where the VM keeps its disk and its keys.
    pub fn working_directory(&self) -> Option<&str> {
        let printed = match &self.printed {
            Printed::Loaded(job) => job.working_directory.as_deref(),
            _ => None,
        };
        let written = match &self.plist.state {
            PlistState::Present(plist) => plist.working_directory.as_deref(),
            _ => None,
        };
        printed.or(written).filter(|path| path.starts_with('/'))
    }

    /// Its plist is there, and it has no process.
    fn is_stopped(&self) -> bool {
        let runs = matches!(&self.printed, Printed::Loaded(job) if job.pid.is_some());
        !runs && !matches!(self.printed, Printed::Unclear(_)) && self.plist.state != PlistState::Missing
    }
}

fn has_background_tasks(look: &Look) -> bool {
    look.platform().get().is_ok_and(|platform| platform.macos_major() >= Some(HAS_BACKGROUND_TASKS))
}

/// A word of characters that mean nothing to a shell, a URL or an option.
pub(super) fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+=".contains(c))
}

/// An absolute path that stays where it says.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/') && is_word(text) && text.split('/').all(|part| part != "..")
}

/// Looks at the Mac's side, as root.
pub fn look(host: &dyn Host, places: &Places) -> RootHost {
    let mut found = RootHost {
        image: places.folder.as_deref().map(|folder| image(host, folder)),
        keys: places.key.as_deref().map(|key| KeyPair {
            private: Some(key_pair::of_private(host, key)),
            ..key_pair::read(host, places.folder.as_deref(), key)
        }),
        ..RootHost::default()
    };
    let mut keep = |gap: String| found.gaps.push(gap);
    found.listeners =
        places.port.and_then(|port| listeners(host, port).map_err(|why| keep(format!("`lsof`: {why}"))).ok());
    found.background = places.stopped_job.as_deref().and_then(|label| {
        background(host, label).map_err(|why| keep(format!("`sfltool dumpbtm`: {why}"))).ok()
    });
    found
}

fn image(host: &dyn Host, folder: &str) -> Image {
    let path = format!("{}/nixos.qcow2", folder.trim_end_matches('/'));
    let state = match (host.stat(Path::new(&path)), host.read_start(Path::new(&path), 4)) {
        (Ok(meta), Ok(start)) => ImageState::Present {
            magic: start.iter().map(|byte| format!("{byte:02x}")).collect(),
            size: meta.size,
            seconds_ago: host.now().saturating_sub(meta.modified),
        },
        (Err(HostError::NotFound), _) => ImageState::Missing,
        (Err(error), _) | (_, Err(error)) => ImageState::Hidden(error.to_string()),
    };
    Image { path, state }
}

fn listeners(host: &dyn Host, port: u16) -> Result<Vec<Listener>, String> {
    // `+c 0`: the whole name of the program, not its first nine letters.
    let port = format!("-iTCP:{port}");
    let lsof = Command::new("lsof").args(["-nP", "+c", "0", &port, "-sTCP:LISTEN", "-Fpc"]);
    let output = host.run(&lsof).map_err(|error| error.to_string())?;
    // Where nobody listens it ends with 1 and prints nothing.
    if output.stopped.is_some() || ![Some(0), Some(1)].contains(&output.code) {
        return Err(output.complaint());
    }
    let mut found = parse_lsof(&output.stdout);
    if !found.is_empty()
        && let Ok(output) = host.run(&Command::new("ps").args(["-axo", "pid=,ppid="]))
        && output.ok()
    {
        let parents = parse_parents(&output.stdout);
        found.iter_mut().for_each(|it| it.parents = chain(it.pid, &parents));
    }
    Ok(found)
}

/// Only ever as root: of anybody else macOS would ask for a password, in a window.
fn background(host: &dyn Host, label: &str) -> Result<Vec<BackgroundItem>, String> {
    let output = host
        .run(&Command::new("sfltool").args(["dumpbtm"]).within(DUMP))
        .map_err(|error| error.to_string())?;
    if !output.ok() {
        return Err(output.complaint());
    }
    parse_dump(&output.stdout, label).ok_or_else(|| "what it prints is not understood".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::key_pair::HalfState;
    use crate::host::scripted::Scripted;

    fn places() -> Places {
        Places {
            alias: "linux-builder".to_owned(),
            folder: Some("/var/lib/linux-builder".to_owned()),
            key: Some("/etc/nix/builder_ed25519".to_owned()),
            port: Some(31022),
            stopped_job: None,
        }
    }

    #[test]
    fn root_is_handed_no_options_and_no_way_out_of_a_folder() {
        assert!(places().is_sane());
        let broken: [fn(&mut Places); 6] = [
            |it| it.alias = "-oProxyCommand=sh".to_owned(),
            |it| it.folder = Some("var/lib".to_owned()),
            |it| it.folder = Some("/var/lib/../../etc".to_owned()),
            |it| it.key = Some("-f".to_owned()),
            |it| it.key = Some("/etc/nix/a b".to_owned()),
            |it| it.stopped_job = Some("-x".to_owned()),
        ];
        for break_it in broken {
            let mut places = places();
            break_it(&mut places);
            assert!(!places.is_sane(), "{places:?}");
        }
    }

    #[test]
    fn of_a_disk_only_the_first_bytes_are_read_and_of_keys_only_the_public_ones() {
        let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJBWcxb/Blaqt1auOtE+F8QUWrUotiC5qBJ+UuEWdVCb x\n";
        let host = Scripted::default()
            .file("/var/lib/linux-builder/nixos.qcow2", "QFI then all of a disk")
            .file("/var/lib/linux-builder/keys/builder_ed25519.pub", "a secret that is no public key")
            .file("/etc/nix/builder_ed25519.pub", public)
            .file("/etc/nix/builder_ed25519", "never read")
            .says("ssh-keygen -y", public)
            .says("lsof", "p412\ncqemu-system-aarch64\nf12\n")
            .says("ps", "412 390\n390 383\n383 1\n");
        let found = look(&host, &places());
        let text = serde_json::to_string(&found).unwrap();
        assert!(!text.contains("all of a disk") && !text.contains("secret") && !text.contains("never read"));
        assert!(
            matches!(&found.image.unwrap().state, ImageState::Present { magic, .. } if magic == "51464920")
        );
        let keys = found.keys.unwrap();
        assert_eq!(keys.installed.key(), keys.private.unwrap().key());
        assert!(keys.installed.key().is_some());
        assert!(matches!(keys.own.unwrap().state, HalfState::Hidden(_)));
        assert_eq!(found.listeners.unwrap()[0].parents, [390, 383]);
    }

    #[test]
    fn what_cannot_be_told_is_no_fact() {
        let host = Scripted::default();
        let found =
            look(&host, &Places { stopped_job: Some("org.nixos.linux-builder".to_owned()), ..places() });
        assert_eq!((found.listeners, found.background), (None, None));
        assert_eq!(found.gaps, ["`lsof`: not found", "`sfltool dumpbtm`: not found"]);
        assert_eq!(found.image.unwrap().state, ImageState::Missing);
        // The same where nobody listens: that is known, then.
        assert_eq!(look(&Scripted::default().fails("lsof", ""), &places()).listeners, Some(Vec::new()));
    }
}
