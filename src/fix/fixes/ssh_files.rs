//! Writes the few lines of ssh's settings that lead the daemon into the VM, where nix-darwin does not.

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::fix::ground::{unmanaged, word};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// The alias.
pub static ALIAS: Fix = Fix {
    id: "write-ssh-alias",
    title: "Write the alias that leads to the VM",
    safety: Safety::Ask,
    plan: |e, want, _| {
        let host = plain(&want.builder.host)?;
        let asked = e.ssh_of(host)?;
        let view =
            asked.view.as_ref().ok_or_else(|| NoPlan::Unknown("ssh refuses its configuration".to_owned()))?;
        // Where ssh knows the alias by another port, some file that was not read says so.
        if view.hostname != host {
            return Err(NoPlan::NotHere(format!(
                "another file leads {host} to {}, port {}",
                view.hostname, view.port
            )));
        }
        let key = e.builder(want).ok().flatten().and_then(|machine| machine.key.as_ref());
        let key = key.map_or("/etc/nix/builder_ed25519", |key| key.value.as_str());
        let text = format!(
            "Host {host}\n  User builder\n  Hostname localhost\n  HostKeyAlias {host}\n  Port {}\n  IdentityFile {key}\n",
            want.builder.port
        );
        file(e, "100-linux-builder.conf", text, "have ssh know where the builder is")
    },
};

/// One key, and no agent's.
pub static ONE_KEY: Fix = Fix {
    id: "offer-one-key",
    title: "Have ssh offer the builder its own key alone",
    safety: Safety::Ask,
    plan: |e, want, _| {
        let text = format!("Host {}\n  IdentitiesOnly yes\n  IdentityAgent none\n", host(e, want)?);
        file(e, "000-builder.conf", text, "have the builder's key offered, and no other")
    },
};

/// No shared connection.
pub static NO_SHARING: Fix = Fix {
    id: "share-no-connection",
    title: "Have ssh open a connection of its own for each build",
    safety: Safety::Ask,
    plan: |e, want, _| {
        let text = format!("Host {}\n  ControlMaster no\n  ControlPath none\n", host(e, want)?);
        file(e, "000-builder.conf", text, "keep what ssh says of shared connections out of Nix's channel")
    },
};

/// ssh takes no settings that others may change.
pub static OWNER: Fix = Fix {
    id: "own-ssh-file",
    title: "Give the file to root, and let nobody else write it",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        let path = word(finding, "ssh-file").ok_or_else(|| NoPlan::Unknown("which file it is".to_owned()))?;
        if !path.starts_with("/etc/ssh/") {
            return Err(NoPlan::NotHere(format!("{path} is no file of the system's ssh")));
        }
        unmanaged(e, path)?;
        let action = Action::SetMode {
            path: path.to_owned(),
            mode: "644".to_owned(),
            owner: Some(if e.platform()?.is_mac() { "root:wheel" } else { "root:root" }.to_owned()),
        };
        Ok(vec![Step::new(action, "have ssh take the file", Back::from_journal())])
    },
};

fn host<'e>(e: &'e Evidence, want: &Expectations) -> Result<&'e str, NoPlan> {
    let machine = e.builder(want)?.ok_or_else(|| NoPlan::NotHere("no builder is declared".to_owned()))?;
    plain(&machine.host)
}

fn plain(host: &str) -> Result<&str, NoPlan> {
    if crate::evidence::ssh::is_plain(host) {
        return Ok(host);
    }
    Err(NoPlan::NotHere(format!("{host:?} is no name that a settings file could hold")))
}

fn file(e: &Evidence, name: &str, text: String, why: &str) -> Result<Vec<Step>, NoPlan> {
    let path = format!("/etc/ssh/ssh_config.d/{name}");
    unmanaged(e, &path)?;
    let owner = Some(if e.platform()?.is_mac() { "root:wheel" } else { "root:root" }.to_owned());
    let action = Action::WriteFile { path, text, mode: "644".to_owned(), owner };
    Ok(vec![Step::new(action, why, Back::from_journal())])
}
