//! `uname`, `sw_vers`, `sysctl`, `df`, `id`: what machine this is, and who asks.

use super::{Look, Probe};
use crate::host::{Command, HostError};
use crate::parse::platform::{Df, parse_df, parse_sw_vers, parse_sysctl, parse_uname};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What Nix looks for, before it takes builds for x86_64-darwin.
const ROSETTA: &str = "/Library/Apple/usr/libexec/oah/libRosettaRuntime";

/// What machine this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Platform {
    /// `Darwin` or `Linux`, as `uname -s` says.
    #[schemars(extend("x-kind" = "public"))]
    pub kernel: String,
    /// `arm64`, `x86_64`, `aarch64`, as `uname -m` says.
    #[schemars(extend("x-kind" = "public"))]
    pub machine: String,
    /// macOS's version, such as `26.6.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub macos: Option<String>,
    /// The processor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub cpu: Option<String>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The Mac's model, such as `Mac15,7`, or `VirtualMac2,1` for one that is a virtual machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub model: Option<String>,
    /// Whether macOS lets programs run virtual machines here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<bool>,
    /// Whether we run under Rosetta, so that `uname -m` says x86_64 on Apple silicon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<bool>,
    /// Whether Rosetta is there, by the file that Nix itself looks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rosetta: Option<bool>,
    /// The disk that holds /nix, else the root's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Df>,
}

impl Platform {
    /// Whether this is a Mac, by evidence and not by what we were compiled for.
    pub fn is_mac(&self) -> bool {
        self.kernel == "Darwin"
    }

    /// A Mac's system in Nix's words; None where an Intel Mac cannot be told from a shell under Rosetta.
    pub fn system(&self) -> Option<&'static str> {
        match (self.machine.as_str(), self.translated) {
            _ if !self.is_mac() => None,
            ("arm64" | "aarch64", _) | ("x86_64", Some(true)) => Some("aarch64-darwin"),
            ("x86_64", Some(false)) => Some("x86_64-darwin"),
            _ => None,
        }
    }

    /// The first number of macOS's version, such as 26.
    pub fn macos_major(&self) -> Option<u32> {
        self.macos.as_deref()?.split('.').next()?.parse().ok()
    }

    /// Such as "macOS 26.6.2 on arm64", or "Linux on x86_64".
    pub fn name(&self) -> String {
        let system = match &self.macos {
            _ if !self.is_mac() => self.kernel.clone(),
            Some(version) => format!("macOS {version}"),
            None => "macOS".to_owned(),
        };
        format!("{system} on {}", self.machine)
    }
}

/// Who runs the doctor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The user's number; 0 is root.
    pub uid: u32,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "user-name"))]
    pub name: Option<String>,
}

pub(super) fn probe(look: &Look) -> Probe<Platform> {
    let ask = |program: &str, args: &[&str]| {
        let output = look.host.run(&Command::new(program).args(args.iter().copied())).ok()?;
        output.ok().then_some(output.stdout)
    };
    let Some(uname) = ask("uname", &["-sm"]).and_then(|text| parse_uname(&text)) else {
        return Probe::blind("`uname -sm` gave no answer");
    };
    let mut platform = Platform { kernel: uname.kernel, machine: uname.machine, ..Platform::default() };
    let mac = platform.is_mac();
    std::thread::scope(|scope| {
        let disk = scope.spawn(|| ["/nix", "/"].iter().find_map(|path| parse_df(&ask("df", &["-k", path])?)));
        let system = scope.spawn(|| if mac { ask("sw_vers", &[]) } else { None });
        let known = if mac && look.wanted.no_builds.is_none() { sysctl(look) } else { BTreeMap::new() };
        platform.memory_bytes = known.get("hw.memsize").and_then(|bytes| bytes.parse().ok());
        platform.cpu = known.get("machdep.cpu.brand_string").cloned();
        platform.model = known.get("hw.model").cloned();
        platform.hypervisor = known.get("kern.hv_support").map(|it| it == "1");
        // An Intel Mac does not know that name.
        let translated = known.get("sysctl.proc_translated").map(String::as_str);
        platform.translated = (!known.is_empty()).then_some(translated == Some("1"));
        platform.rosetta = match look.host.stat(Path::new(ROSETTA)) {
            Ok(_) => Some(true),
            Err(HostError::NotFound) => Some(false),
            Err(_) => None,
        }
        .filter(|_| mac);
        platform.disk = disk.join().ok().flatten();
        let system = system.join().ok().flatten();
        platform.macos = system.and_then(|text| parse_sw_vers(&text)).map(|it| it.version);
    });
    Probe::seen(platform, "uname -sm, sw_vers, sysctl, df -k")
}

/// What this Mac knows of these; it complains of the others and goes on.
fn sysctl(look: &Look) -> BTreeMap<String, String> {
    let names =
        ["hw.memsize", "machdep.cpu.brand_string", "hw.model", "kern.hv_support", "sysctl.proc_translated"];
    match look.host.run(&Command::new("sysctl").args(names)) {
        Ok(output) if output.stopped.is_none() => parse_sysctl(&output.stdout),
        _ => BTreeMap::new(),
    }
}

pub(super) fn probe_user(look: &Look) -> Probe<User> {
    if look.wanted.no_builds.is_some() && look.nix_daemon().get().is_ok_and(|daemon| daemon.info.succeeded) {
        return Probe::not_taken("the daemon answers this user, so a quick look does not ask who it is");
    }
    match look.host.run(&Command::new("id")) {
        Ok(output) if output.ok() => match parse_id(&output.stdout) {
            Some((uid, name)) => Probe::seen(User { uid, name }, "id"),
            None => Probe::blind("`id` cannot be understood"),
        },
        Ok(output) => Probe::blind(format!("`id`: {}", output.complaint())),
        Err(error) => Probe::blind(format!("`id`: {error}")),
    }
}

/// `uid=501(alice) gid=20(staff) …`, on macOS as on Linux; a user without a name has no brackets.
fn parse_id(text: &str) -> Option<(u32, Option<String>)> {
    let word = text.trim_start().strip_prefix("uid=")?.split_whitespace().next()?;
    let (number, name) = word.split_once('(').map_or((word, None), |(number, rest)| (number, Some(rest)));
    let name = name.map(|name| name.trim_end_matches(')').to_owned()).filter(|name| !name.is_empty());
    Some((number.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_number_and_mostly_a_name() {
        // As printed by Debian's id; macOS differs in the groups only.
        assert_eq!(
            parse_id("uid=501(alice) gid=20(staff) groups=20(staff)\n"),
            Some((501, Some("alice".to_owned())))
        );
        assert_eq!(parse_id("uid=1001 gid=1001 groups=1001\n"), Some((1001, None)));
        assert_eq!(parse_id("id: cannot find name"), None);
    }
}
