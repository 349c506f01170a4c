//! The VM from inside, as one login of root's sees it.

use super::root_view::Request;
use crate::host::{Command, Host};
use crate::parse::platform::{Df, parse_df};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The VM from inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// All memory of the VM, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_kib: Option<u64>,
    /// All swap of the VM, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_total_kib: Option<u64>,
    /// How often since its start the VM's kernel ended a process for want of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// What `nix --version` says in the VM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub nix_version: Option<String>,
    /// The systems that the VM's own Nix builds for.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub systems: Vec<String>,
    /// The features that the VM's own Nix offers.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub features: Vec<String>,
    /// The resolvers in the VM's /etc/resolv.conf.
    #[serde(default)]
    #[schemars(extend("x-kind" = "ip-address"))]
    pub nameservers: Vec<String>,
    /// `sandbox` of the VM's own Nix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub sandbox: Option<String>,
    /// What the VM's `sandbox-paths` names, not as optional, and is not there.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub missing_sandbox_paths: Vec<String>,
    /// The caches' names that the VM can resolve.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub resolved: Vec<String>,
    /// The caches' names that the VM cannot resolve, or not within three seconds.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub unresolved: Vec<String>,
    /// The emulators that the VM's kernel knows; None where it knows of no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub binfmt: Option<Vec<String>>,
    /// Whether /dev/kvm is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<bool>,
    /// What the login printed besides our answers: it would break Nix's protocol.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub noise: Vec<String>,
    /// Why there is nothing of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub error: Option<String>,
}

/// Each answer on a line of its own with this mark, so that what else a login prints is told apart.
const MARK: &str = "builder-doctor:";

/// Longer lists are cut here.
const MOST: usize = 20;

/// For any shell: no more than what POSIX has, and each program may be missing. The names come last, as they
/// are what can take long.
fn inside_script() -> String {
    let ask = |name: &str, command: &str| format!("echo \"{MARK}{name} $({command} 2>/dev/null)\";");
    let setting = |name: &str| format!("echo \"$c\" | sed -n 's/^{name} = //p'");
    [
        ask("date", "date +%s"),
        ask("df", "df -k /nix/store | tail -n 1"),
        ask("memory", "grep -E '^(MemTotal|MemAvailable|SwapTotal):' /proc/meminfo | tr '\\n' ' '"),
        ask("oom", "grep '^oom_kill ' /proc/vmstat"),
        ask("nix", "nix --version"),
        "c=$(nix --extra-experimental-features nix-command config show 2>/dev/null);".to_owned(),
        ask("system", &setting("system")),
        ask("platforms", &setting("extra-platforms")),
        ask("features", &setting("system-features")),
        ask("sandbox", &setting("sandbox")),
        // What this user may not see is not said to be missing.
        format!(
            "for p in $({}); do case $p in *\\?) continue;; esac; p=${{p#*=}}; \
             if LC_ALL=C ls -d \"$p\" 2>&1 | grep -q 'No such file'; then echo \"{MARK}no-path $p\"; fi; done;",
            setting("sandbox-paths")
        ),
        ask("resolv", "grep ^nameserver /etc/resolv.conf | tr '\\n' ' '"),
        ask("binfmt", "ls /proc/sys/fs/binfmt_misc | tr '\\n' ' '"),
        ask("kvm", "test -e /dev/kvm && echo yes || echo no"),
        format!(
            "if command -v timeout >/dev/null && command -v getent >/dev/null; then \
             for h in cache.nixos.org $({} | tr ' ' '\\n' | grep -v @ | \
             sed -n 's|^https\\{{0,1\\}}://\\([^/:?]*\\).*|\\1|p' | head -n 3); do \
             (timeout 3 getent hosts \"$h\" >/dev/null 2>&1; echo \"{MARK}name $h $?\") & done; wait; fi",
            setting("substituters")
        ),
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
    if request.public_key.is_some() {
        // The host key of the machine's line and no other; nothing is written down.
        let trust = format!("KnownHostsCommand=/bin/echo * {}", request.trusted_key().join(" "));
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
                let number = |name: &str| {
                    let mut words = value.split_whitespace();
                    words.find(|word| *word == name).and_then(|_| words.next()?.parse().ok())
                };
                guest.memory_total_kib = number("MemTotal:");
                guest.memory_available_kib = number("MemAvailable:");
                guest.swap_total_kib = number("SwapTotal:");
            }
            "oom" => guest.oom_kills = value.split_whitespace().nth(1).and_then(|it| it.parse().ok()),
            "nix" if !value.is_empty() => guest.nix_version = Some(crate::prose::line(value)),
            "system" | "platforms" => guest.systems.extend(words()),
            "features" => guest.features = words().collect(),
            "resolv" => guest.nameservers = words().filter(|word| word != "nameserver").collect(),
            "sandbox" if !value.is_empty() => guest.sandbox = Some(crate::prose::line(value)),
            "no-path" if guest.missing_sandbox_paths.len() < MOST => {
                guest.missing_sandbox_paths.push(crate::prose::line(value));
            }
            // Where it is mounted, these two are always there.
            "binfmt" if value.split_whitespace().any(|it| it == "register") => {
                let entries = words().filter(|it| it != "register" && it != "status").take(MOST);
                guest.binfmt = Some(entries.map(|it| crate::prose::line(&it)).collect());
            }
            "kvm" => guest.kvm = Some(value == "yes"),
            "name" => {
                let (host, code) = value.split_once(' ').unwrap_or((value, ""));
                // getent says 2 for a name that nobody knows, timeout 124 where it had to end it.
                let list = match code {
                    "0" => &mut guest.resolved,
                    "2" | "124" => &mut guest.unresolved,
                    _ => continue,
                };
                let host = crate::prose::line(host);
                if list.len() < MOST && !list.contains(&host) {
                    list.push(host);
                }
            }
            _ => {}
        }
    }
    guest.noise.truncate(5);
    guest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// Made in the lab's guest (Debian 13, Nix 2.34.8), and on NixOS's terms where the lab has no such thing:
    /// binfmt_misc, a path of Rosetta.
    const ANSWERS: &str = "\
builder-doctor:date 1800717275
builder-doctor:df /dev/vda1 41022688 6022688 35000000 15% /
builder-doctor:memory MemTotal:        3062456 kB MemAvailable:    2412000 kB SwapTotal:             0 kB
builder-doctor:oom oom_kill 3
builder-doctor:nix nix (Nix) 2.34.8
builder-doctor:system aarch64-linux
builder-doctor:platforms x86_64-linux
builder-doctor:features benchmark big-parallel kvm nixos-test
builder-doctor:sandbox true
builder-doctor:no-path /run/rosetta
builder-doctor:resolv nameserver 8.8.8.8
builder-doctor:binfmt register status x86_64-linux
builder-doctor:kvm no
builder-doctor:name cache.nixos.org 124
builder-doctor:name nix-cache.example.net 2
builder-doctor:name cache.nixos.org 124
builder-doctor:name localhost 0
builder-doctor:name odd 127
";

    #[test]
    fn all_of_it_is_understood() {
        let guest = understand(ANSWERS, 1_800_717_275);
        assert_eq!((guest.memory_total_kib, guest.swap_total_kib), (Some(3_062_456), Some(0)));
        assert_eq!((guest.memory_available_kib, guest.oom_kills), (Some(2_412_000), Some(3)));
        assert_eq!(
            (guest.sandbox.as_deref(), guest.missing_sandbox_paths),
            (Some("true"), vec!["/run/rosetta".to_owned()])
        );
        assert_eq!(guest.binfmt, Some(vec!["x86_64-linux".to_owned()]));
        assert_eq!(guest.unresolved, ["cache.nixos.org", "nix-cache.example.net"]);
        assert_eq!(guest.resolved, ["localhost"]);
        assert_eq!(guest.noise, Vec::<String>::new());
    }

    #[test]
    fn a_minimal_shell_that_has_none_of_it_says_nothing() {
        let guest = understand(
            "builder-doctor:memory \nbuilder-doctor:oom \nbuilder-doctor:sandbox \nbuilder-doctor:resolv \n",
            0,
        );
        assert_eq!(guest, Guest::default());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..900, now in any::<u64>()) {
            let mutated: String = ANSWERS.chars().take(at).chain(text.chars()).chain(ANSWERS.chars().skip(at + 1)).collect();
            understand(&mutated, now);
            prop_assert!(understand(&text, now).noise.len() <= 5);
        }
    }
}
