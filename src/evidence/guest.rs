//! The VM from inside, as one login of root's sees it.

use super::root_view::Request;
use crate::host::{Command, Host};
use crate::parse::platform::{Df, parse_df};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The VM from inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// How far the VM's clock is ahead of the Mac's, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_ahead: Option<i64>,
    /// The file system of the VM's store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Df>,
    /// Memory that is free for builds, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available_kib: Option<u64>,
    /// What `nix --version` says in the VM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nix_version: Option<String>,
    /// The systems that the VM's own Nix builds for.
    #[serde(default)]
    pub systems: Vec<String>,
    /// The features that the VM's own Nix offers.
    #[serde(default)]
    pub features: Vec<String>,
    /// The resolvers in the VM's /etc/resolv.conf.
    #[serde(default)]
    pub nameservers: Vec<String>,
    /// Whether /dev/kvm is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<bool>,
    /// What the login printed besides our answers: it would break Nix's protocol.
    #[serde(default)]
    pub noise: Vec<String>,
    /// Why there is nothing of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Each answer on a line of its own with this mark, so that what else a login prints is told apart.
const MARK: &str = "builder-doctor:";

fn inside_script() -> String {
    let ask = |name: &str, command: &str| format!("echo \"{MARK}{name} $({command} 2>/dev/null)\";");
    [
        ask("date", "date +%s"),
        ask("df", "df -k /nix/store | tail -n 1"),
        ask("memory", "grep MemAvailable /proc/meminfo"),
        ask("nix", "nix --version"),
        ask("system", "nix --extra-experimental-features nix-command config show system"),
        ask("platforms", "nix --extra-experimental-features nix-command config show extra-platforms"),
        ask("features", "nix --extra-experimental-features nix-command config show system-features"),
        ask("resolv", "grep ^nameserver /etc/resolv.conf | tr '\\n' ' '"),
        ask("kvm", "test -e /dev/kvm && echo yes || echo no"),
    ]
    .join(" ")
}

/// One call of ssh, with all questions in it.
pub(super) fn look_inside(host: &dyn Host, request: &Request) -> Guest {
    let mut command = Command::new("ssh")
        .args(["-x", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ControlPath=none"])
        .without_env("SSH_AUTH_SOCK")
        .within(Duration::from_secs(12));
    if let Some(key) = &request.key {
        command = command.args(["-i", key]);
    }
    if let Some(key) = &request.public_key {
        // The host key of the machine's line and no other; nothing is written down.
        let known: Vec<&str> = key.split_whitespace().take(2).collect();
        let trust = format!("KnownHostsCommand=/bin/echo * {}", known.join(" "));
        command = command.args([
            "-o",
            &trust,
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "StrictHostKeyChecking=yes",
        ]);
    }
    if let Some(user) = &request.user {
        command = command.args(["-l", user]);
    }
    if let Some(port) = request.port {
        command = command.args(["-p", &port.to_string()]);
    }
    let command = command.args(["--", &request.host, &inside_script()]);
    let before = host.now();
    match host.run(&command) {
        Ok(output) if output.stdout.contains(MARK) => understand(&output.stdout, before),
        Ok(output) => Guest { error: Some(output.complaint()), ..Guest::default() },
        Err(error) => Guest { error: Some(error.to_string()), ..Guest::default() },
    }
}

fn understand(text: &str, now: u64) -> Guest {
    let mut guest = Guest::default();
    for line in text.lines() {
        let Some((name, value)) =
            line.strip_prefix(MARK).map(|rest| rest.split_once(' ').unwrap_or((rest, "")))
        else {
            guest.noise.push(crate::parse::text::scrub(&crate::prose::line(line)));
            continue;
        };
        let value = value.trim();
        let words = || value.split_whitespace().map(str::to_owned);
        match name {
            "date" => {
                let then: Option<i64> = value.parse().ok();
                guest.seconds_ahead = then.and_then(|then| Some(then - i64::try_from(now).ok()?));
            }
            "df" => {
                guest.disk =
                    parse_df(&format!("Filesystem 1024-blocks Used Available Capacity Mounted\n{value}"))
            }
            "memory" => {
                guest.memory_available_kib = value.split_whitespace().nth(1).and_then(|it| it.parse().ok())
            }
            "nix" if !value.is_empty() => guest.nix_version = Some(crate::prose::line(value)),
            "system" | "platforms" => guest.systems.extend(words()),
            "features" => guest.features = words().collect(),
            "resolv" => guest.nameservers = words().filter(|word| word != "nameserver").collect(),
            "kvm" => guest.kvm = Some(value == "yes"),
            _ => {}
        }
    }
    guest.noise.truncate(5);
    guest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_login_prints_besides_the_answers_is_noise() {
        let guest = understand(
            "Welcome!\nbuilder-doctor:date 1000\nbuilder-doctor:df /dev/vda 100 40 60 40% /\n\
             builder-doctor:memory MemAvailable: 512 kB\nbuilder-doctor:nix nix (Nix) 2.34.8\n\
             builder-doctor:system aarch64-linux\nbuilder-doctor:platforms x86_64-linux\n\
             builder-doctor:features kvm\nbuilder-doctor:resolv nameserver 8.8.8.8\nbuilder-doctor:kvm no\n",
            990,
        );
        assert_eq!(guest.noise, ["Welcome!"]);
        assert_eq!(guest.seconds_ahead, Some(10));
        assert_eq!(guest.disk, Some(Df { total_kib: 100, free_kib: 60 }));
        assert_eq!(guest.memory_available_kib, Some(512));
        assert_eq!(guest.systems, ["aarch64-linux", "x86_64-linux"]);
        assert_eq!(guest.nameservers, ["8.8.8.8"]);
        assert_eq!(guest.kvm, Some(false));
    }
}
