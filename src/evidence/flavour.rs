//! The kinds of Linux builders that run on a Mac itself, by the launchd jobs that their modules make.

use super::machines::find_builder;
use super::{Evidence, Look, Probe};
use crate::expectations::Expectations;
use crate::parse::machines::Machine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A module that runs a Linux VM on this Mac.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// nix-darwin's `nix.linux-builder` (QEMU, or Virtualization.framework by another package), under any
    /// launchd label prefix.
    LinuxBuilder,
    /// The older job of the nixpkgs manual.
    DarwinBuilder,
    /// nix-rosetta-builder (Lima).
    RosettaBuilder,
    /// virby (vfkit).
    Virby,
}

impl Flavour {
    /// Every kind, with the last part of its label and the host name that its line in the machines file has.
    const ALL: [(Flavour, &'static str, &'static str); 4] = [
        (Flavour::LinuxBuilder, "linux-builder", "linux-builder"),
        (Flavour::DarwinBuilder, "darwin-builder", "darwin-builder"),
        (Flavour::RosettaBuilder, "rosetta-builderd", "rosetta-builder"),
        (Flavour::Virby, "virbyd", "virby-vm"),
    ];

    /// By a launchd label, whatever its prefix.
    pub fn of_label(label: &str) -> Option<Flavour> {
        let last = label.rsplit('.').next()?;
        Flavour::ALL.into_iter().find(|(_, tail, _)| *tail == last).map(|(flavour, ..)| flavour)
    }

    /// The host name that its line in the machines file has.
    pub fn host(self) -> &'static str {
        Flavour::ALL.into_iter().find(|(flavour, ..)| *flavour == self).map_or("", |(.., host)| host)
    }

    /// The same VM by nixpkgs' script, so that what holds for the one holds for the other.
    pub fn is_stock(self) -> bool {
        matches!(self, Flavour::LinuxBuilder | Flavour::DarwinBuilder)
    }
}

/// A job that runs a builder's VM, by its file's name alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuilderJob {
    /// The launchd label.
    #[schemars(extend("x-kind" = "text"))]
    pub label: String,
    /// What it runs; None where only the expectations name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavour: Option<Flavour>,
}

const FOLDER: &str = "/Library/LaunchDaemons";

/// The jobs of builders in launchd's folder.
pub(super) fn probe(look: &Look) -> Probe<Vec<BuilderJob>> {
    if let Some(why) = super::service::no_launchd(look) {
        return Probe::not_taken(why);
    }
    let files = match look.host.list(Path::new(FOLDER)) {
        Ok(files) => files,
        Err(error) => return Probe::blind(format!("{FOLDER}: {error}")),
    };
    let labels = files.iter().filter_map(|name| name.strip_suffix(".plist"));
    let jobs = labels.filter_map(|label| {
        let flavour = Flavour::of_label(label);
        let known = flavour.is_some() || label == look.want.builder.launchd_label;
        (known && super::ssh::is_plain(label)).then(|| BuilderJob { label: label.to_owned(), flavour })
    });
    Probe::seen(jobs.take(8).collect(), FOLDER)
}

/// Whether a host is a VM that launchd starts when somebody connects: a look at its port would wake it.
pub(super) fn sleeps(look: &Look, host: &str) -> bool {
    let jobs = look.builder_jobs().get().map(Vec::as_slice).unwrap_or_default();
    let fits = |job: &&BuilderJob| job.flavour.is_some_and(|it| !it.is_stock() && it.host() == host);
    let Some(job) = jobs.iter().find(fits) else { return false };
    let plist = super::service::read_plist(look, super::service::usual_place(&job.label));
    matches!(plist.state, super::service::PlistState::Present(plist) if plist.on_demand)
}

/// The label of the job that runs the builder: the expected one; where it is not installed, or another
/// builder is declared in its stead, that one's.
pub(super) fn label(look: &Look) -> String {
    let expected = &look.want.builder.launchd_label;
    let jobs = look.builder_jobs().get().map(Vec::as_slice).unwrap_or_default();
    if jobs.iter().all(|job| &job.label == expected) {
        return expected.clone();
    }
    let machine = look.machines().get().ok().and_then(|all| find_builder(all, look.want));
    choose(jobs, machine, look.want).map_or_else(|| expected.clone(), |job| job.label.clone())
}

fn choose<'a>(
    jobs: &'a [BuilderJob],
    machine: Option<&Machine>,
    want: &Expectations,
) -> Option<&'a BuilderJob> {
    let expected = || jobs.iter().find(|job| job.label == want.builder.launchd_label);
    let another =
        |machine: &Machine| jobs.iter().find(|job| job.flavour.is_some_and(|it| it.host() == machine.host));
    match machine {
        Some(machine) if machine.host != want.builder.host => another(machine).or_else(expected),
        _ => expected().or_else(|| jobs.iter().find(|job| job.flavour.is_some_and(Flavour::is_stock))),
    }
}

/// A name or an address of this Mac itself.
pub fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1"].contains(&host)
}

impl Evidence {
    /// Whether a machine is a VM of this Mac's own, which the builder's launchd job runs.
    pub fn is_own_vm(&self, machine: &Machine, want: &Expectations) -> bool {
        let view = self.ssh_of(&machine.host).ok().and_then(|it| it.view.as_ref());
        // An alias that leads elsewhere makes it another machine, whatever it is called.
        if view.is_some_and(|view| view.hostname != machine.host && !is_loopback(&view.hostname)) {
            return false;
        }
        let by_job = self.builder_job().ok().and_then(|job| Flavour::of_label(&job.label));
        let by_port = || {
            let local = is_loopback(&machine.host) || view.is_some_and(|view| is_loopback(&view.hostname));
            let port = machine.port.or(view.map(|view| view.port));
            local && port == Some(want.builder.port)
        };
        machine.host == want.builder.host || by_job.is_some_and(|it| it.host() == machine.host) || by_port()
    }

    /// The hosts that a question about "the builder" is to be asked of: the machine that the expectations
    /// name, or else every machine that offers a Linux system and that ssh was asked about.
    pub fn builder_hosts<'a>(&'a self, want: &'a Expectations) -> Vec<&'a str> {
        let Ok(all) = self.machines() else { return Vec::new() };
        if all.machines.iter().any(|machine| machine.host == want.builder.host) {
            return vec![&want.builder.host];
        }
        let mut hosts: Vec<&str> = Vec::new();
        for machine in super::machines::linux(all) {
            if !hosts.contains(&machine.host.as_str()) {
                hosts.push(&machine.host);
            }
        }
        hosts.truncate(super::ssh::MOST);
        hosts
    }

    /// The same evidence, where only this host's machines are declared. What root saw of another machine is
    /// left out.
    pub fn focused_on(&self, host: &str) -> Evidence {
        let mut focused = self.clone();
        if let Probe::Seen { fact, .. } = &mut focused.machines {
            fact.machines.retain(|machine| machine.host == host);
        }
        let dialled = match (self.root_view(), self.machines()) {
            (Ok(view), Ok(all)) => {
                all.machines.iter().any(|machine| machine.host == host && machine.is_at(&view.uri))
            }
            _ => true,
        };
        if !dialled {
            focused.root_view = Probe::not_taken("root dialled another machine");
        }
        focused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::healthy;

    #[test]
    fn a_label_is_known_by_its_last_part() {
        assert_eq!(Flavour::of_label("org.nixos.linux-builder"), Some(Flavour::LinuxBuilder));
        assert_eq!(Flavour::of_label("com.example.nix.linux-builder"), Some(Flavour::LinuxBuilder));
        assert_eq!(Flavour::of_label("org.nixos.darwin-builder"), Some(Flavour::DarwinBuilder));
        assert_eq!(Flavour::of_label("org.nixos.rosetta-builderd"), Some(Flavour::RosettaBuilder));
        assert_eq!(Flavour::of_label("org.nixos.linux-builder-gc"), None);
        assert_eq!(Flavour::of_label("org.nixos.nix-daemon"), None);
    }

    fn job(label: &str) -> BuilderJob {
        BuilderJob { label: label.to_owned(), flavour: Flavour::of_label(label) }
    }

    #[test]
    fn the_job_is_that_of_the_machine_that_is_declared() {
        let want = Expectations::default();
        let jobs = [job("org.nixos.rosetta-builderd"), job("com.example.linux-builder")];
        let mut e = healthy::evidence();
        let chosen = |e: &Evidence| {
            choose(&jobs, e.builder(&want).unwrap(), &want).map(|job| job.label.clone()).unwrap_or_default()
        };
        assert_eq!(chosen(&e), "com.example.linux-builder");
        healthy::set_machines(&mut e, "ssh-ng://rosetta-builder aarch64-linux - 8 1 - - -\n");
        assert_eq!(chosen(&e), "org.nixos.rosetta-builderd");
        healthy::set_machines(&mut e, "");
        assert_eq!(chosen(&e), "com.example.linux-builder");
    }

    #[test]
    fn a_machine_behind_an_alias_that_leads_elsewhere_is_not_this_macs_vm() {
        let want = Expectations::default();
        let mut e = healthy::evidence();
        let machine = e.builder(&want).unwrap().unwrap().clone();
        assert!(e.is_own_vm(&machine, &want));
        if let Probe::Seen { fact, .. } = &mut e.ssh {
            fact.iter_mut()
                .filter_map(|it| it.view.as_mut())
                .for_each(|it| it.hostname = "10.0.0.7".to_owned());
        }
        assert!(!e.is_own_vm(&machine, &want));
    }

    #[test]
    fn without_the_expected_machine_every_linux_machine_is_a_builder() {
        let want = Expectations::default();
        let mut e = healthy::evidence();
        assert_eq!(e.builder_hosts(&want), ["linux-builder"]);
        healthy::set_machines(
            &mut e,
            "ssh-ng://a aarch64-linux\nssh://b x86_64-linux\nssh://mac aarch64-darwin\nssh://a x86_64-linux\n",
        );
        assert_eq!(e.builder_hosts(&want), ["a", "b"]);
        assert_eq!(e.focused_on("b").builder(&want).unwrap().unwrap().host, "b");
    }
}
