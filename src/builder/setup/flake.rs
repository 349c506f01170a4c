//! Which configuration of a flake, and what Nix is asked about it. Pure.

use crate::nixos_tests::attribute;
use crate::parse::build_log::{self, Outcome};

/// This project's own.
pub const OWN: &str = "github:OWNER/builder-doctor";
/// Its configuration.
const OWN_NAME: &str = "darwin-nixostest";
/// Behind a configuration's name: the same with the VM that a binary cache has.
const BOOTSTRAP: &str = "-bootstrap";

/// What was typed after `--flake`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flake {
    /// Where it is.
    pub reference: String,
    /// The configuration, if one was named.
    pub name: Option<String>,
}

impl Flake {
    /// `REF` or `REF#NAME`; this project's own where nothing was typed.
    pub fn parse(typed: Option<&str>) -> Result<Self, String> {
        let Some(typed) = typed else {
            return Ok(Flake { reference: OWN.to_owned(), name: Some(OWN_NAME.to_owned()) });
        };
        let (reference, name) = typed.split_once('#').unwrap_or((typed, ""));
        let odd = reference.is_empty() || reference.starts_with('-') || reference.contains(char::is_control);
        if odd || name.contains(char::is_control) {
            let shown = crate::prose::line(typed);
            return Err(format!("--flake {shown:?} is no flake: write PATH#NAME, or github:OWNER/REPO#NAME"));
        }
        Ok(Flake { reference: reference.to_owned(), name: (!name.is_empty()).then(|| name.to_owned()) })
    }

    /// The arguments by which Nix lists its configurations.
    pub fn question(&self) -> Vec<String> {
        let all = format!("{}#darwinConfigurations", self.reference);
        ["eval", "--json", "--apply", "builtins.attrNames", "--", &all].map(str::to_owned).to_vec()
    }

    /// The configuration that is meant, among these: the one that was named, that of this Mac's name, or the only one.
    pub fn chosen(&self, all: &[String], host_name: Option<&str>) -> Result<String, String> {
        let has = |name: &&str| all.iter().any(|it| it == name);
        let shown = crate::prose::line(&self.reference);
        if let Some(name) = &self.name {
            let there = crate::prose::and(&all.iter().map(String::as_str).collect::<Vec<_>>());
            return match all {
                _ if has(&name.as_str()) => Ok(name.clone()),
                [] => Err(format!("{shown} has no darwinConfigurations")),
                _ => Err(format!("{shown} has no darwinConfigurations.{name}; it has {there}")),
            };
        }
        let short = host_name.and_then(|name| name.split('.').next());
        match all {
            [] => Err(format!("{shown} has no darwinConfigurations")),
            [one] => Ok(one.clone()),
            _ => short.filter(|it| has(it)).map(str::to_owned).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(String::as_str).collect();
                format!("{shown} has {}: write --flake {shown}#NAME", crate::prose::and(&names))
            }),
        }
    }

    /// The installable of a configuration's system.
    pub fn system(&self, name: &str) -> String {
        format!("{}#darwinConfigurations.{}.system", self.reference, attribute(name))
    }

    /// As a person would type it for a configuration.
    pub fn shown(&self, name: &str) -> String {
        format!("{}#{name}", self.reference)
    }
}

/// The configuration with a VM that needs no Linux builder to be built, if the flake has one.
pub fn bootstrap(all: &[String], name: &str) -> Option<String> {
    let other = format!("{name}{BOOTSTRAP}");
    all.contains(&other).then_some(other)
}

/// The names of configurations, as Nix prints them.
pub fn names(json: &str) -> Result<Vec<String>, String> {
    serde_json::from_str(json).map_err(|error| format!("what Nix says of the configurations is odd: {error}"))
}

/// Whether a build failed because nobody here builds for Linux: the VM that is to be set up would have to build itself.
pub fn needs_a_linux_builder(log: &str) -> bool {
    let outcome = build_log::parse(log, Some(1)).outcome;
    let linux = log.contains("aarch64-linux") || log.contains("x86_64-linux");
    let untold =
        matches!(outcome, Outcome::NoMachine | Outcome::NoMachinesSeen | Outcome::MachineUnreachable);
    linux && untold
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn a_flake_is_read_as_it_is_typed() {
        let read = |typed| Flake::parse(Some(typed)).unwrap();
        assert_eq!(read(".").name, None);
        assert_eq!(read("path:/x#mac").name.as_deref(), Some("mac"));
        assert_eq!(
            Flake::parse(None).unwrap().shown(OWN_NAME),
            "github:OWNER/builder-doctor#darwin-nixostest"
        );
        for odd in ["", "#mac", "--impure", "a\nb"] {
            Flake::parse(Some(odd)).unwrap_err();
        }
    }

    #[test]
    fn the_configuration_is_the_one_that_is_meant() {
        let flake = Flake::parse(Some(".")).unwrap();
        assert_eq!(flake.chosen(&all(&["mac"]), None).unwrap(), "mac");
        assert_eq!(flake.chosen(&all(&["air", "mac"]), Some("air.local")).unwrap(), "air");
        let said = flake.chosen(&all(&["air", "mac"]), Some("other")).unwrap_err();
        assert_eq!(said, ". has air and mac: write --flake .#NAME");
        let named = Flake::parse(Some(".#pro")).unwrap();
        let said = named.chosen(&all(&["air", "mac"]), Some("air")).unwrap_err();
        assert_eq!(said, ". has no darwinConfigurations.pro; it has air and mac");
        assert_eq!(flake.system("a.b"), ".#darwinConfigurations.\"a.b\".system");
        assert_eq!(bootstrap(&all(&["mac", "mac-bootstrap"]), "mac").as_deref(), Some("mac-bootstrap"));
        assert_eq!(bootstrap(&all(&["mac"]), "mac"), None);
    }

    #[test]
    fn a_vm_that_would_have_to_build_itself_is_told_from_other_failures() {
        // Nix 2.34.8, with no machine for aarch64-linux.
        let lacks = "error: Cannot build '/nix/store/n5z0ckjzzspzgwm1ypfvwlk5jvkmbw4s-nixos-system-nixos.drv'.\n       Reason: required system or feature not available\n       Required system: 'aarch64-linux' with features {}\n       Current system: 'aarch64-darwin' with features {apple-virt, benchmark, big-parallel, nixos-test}\n";
        assert!(needs_a_linux_builder(lacks));
        let broken = "error: Cannot build '/nix/store/n5z0ckjzzspzgwm1ypfvwlk5jvkmbw4s-darwin-system.drv'.\n       Reason: builder failed with exit code 1.\n";
        assert!(!needs_a_linux_builder(broken));
        assert!(!needs_a_linux_builder("error: attribute 'foo' missing\n"));
    }
}
