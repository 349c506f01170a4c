//! `uname`, `sw_vers`, `sysctl`, `df`, `id`: what machine this is, and who asks.

use super::{Look, Probe};
use crate::host::Command;
use crate::parse::platform::{Df, parse_df, parse_sw_vers, parse_sysctl, parse_uname};
use serde::{Deserialize, Serialize};

/// What machine this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `Darwin` or `Linux`, as `uname -s` says.
    pub kernel: String,
    /// `arm64`, `x86_64`, `aarch64`, as `uname -m` says.
    pub machine: String,
    /// macOS's version, such as `26.6.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<String>,
    /// The processor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The disk that holds /nix, else the root's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Df>,
}

impl Platform {
    /// Whether this is a Mac, by evidence and not by what we were compiled for.
    pub fn is_mac(&self) -> bool {
        self.kernel == "Darwin"
    }

    /// Such as "macOS 26.6.2 on arm64", or "Linux on x86_64".
    pub fn name(&self) -> String {
        let system = match &self.macos {
            Some(version) => format!("macOS {version}"),
            None if self.is_mac() => "macOS".to_owned(),
            None => self.kernel.clone(),
        };
        format!("{system} on {}", self.machine)
    }
}

/// Who runs the doctor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's number; 0 is root.
    pub uid: u32,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    platform.disk = ["/nix", "/"].iter().find_map(|path| parse_df(&ask("df", &["-k", path])?));
    if platform.is_mac() {
        platform.macos = ask("sw_vers", &[]).and_then(|text| parse_sw_vers(&text)).map(|it| it.version);
        platform.memory_bytes = ask("sysctl", &["-n", "hw.memsize"])
            .and_then(|text| parse_sysctl(&text))
            .and_then(|it| u64::try_from(it).ok());
        platform.cpu = ask("sysctl", &["-n", "machdep.cpu.brand_string"])
            .map(|text| crate::prose::line(&text))
            .filter(|name| !name.is_empty());
    }
    Probe::seen(platform, "uname -sm, sw_vers, sysctl -n, df -k")
}

pub(super) fn probe_user(look: &Look) -> Probe<User> {
    let ask = |flag: &str| {
        let output = look.host.run(&Command::new("id").args([flag])).ok()?;
        output.ok().then(|| output.stdout.trim().to_owned())
    };
    match ask("-u").and_then(|text| text.parse().ok()) {
        Some(uid) => Probe::seen(User { uid, name: ask("-un").filter(|name| !name.is_empty()) }, "id"),
        None => Probe::blind("`id -u` gave no answer"),
    }
}
