//! `ps -axo pid,ppid,etime,command`, of which only ssh to the builders, Nix's build hooks and QEMU are kept.

use super::launchd::etime;
use super::text::cut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs on this machine of a remote build, and of a VM. Never a whole command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Processes {
    /// Each ssh to a builder.
    #[serde(default)]
    pub ssh: Vec<Ssh>,
    /// How many `nix __build-remote` run: one for each build that is, or waits to be, on a machine.
    #[serde(default)]
    pub hooks: usize,
    /// Seconds since the oldest of them was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_hook: Option<u64>,
    /// Each QEMU.
    #[serde(default)]
    pub qemu: Vec<Qemu>,
    /// How many processes called ssh or nix hide their arguments from us, so that more may run than is told here.
    #[serde(default)]
    pub hidden: usize,
}

/// An ssh to a builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ssh {
    /// Its number.
    pub pid: u32,
    /// Seconds since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// The builder's name in the machines file.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// It carries Nix's protocol, and is no login of a person.
    #[serde(default)]
    pub of_nix: bool,
}

/// A QEMU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Qemu {
    /// Its number.
    pub pid: u32,
    /// Seconds since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// The value of `-m`, most often in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub memory: Option<String>,
}

/// More of a kind than this are not kept.
const MOST: usize = 50;

struct Row<'t> {
    pid: u32,
    parent: u32,
    age: Option<u64>,
    name: &'t str,
    args: Vec<&'t str>,
}

impl Row<'_> {
    fn read(line: &str) -> Option<Row<'_>> {
        let mut words = line.split_whitespace();
        let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let age = etime(words.next()?);
        let program = words.next()?;
        // Where the arguments are hidden, the name stands in brackets.
        let name = program.trim_matches(['(', ')', '[', ']']).rsplit('/').next().unwrap_or_default();
        Some(Row { pid, parent, age, name, args: words.take(64).collect() })
    }

    fn is_hook(&self) -> bool {
        self.name == "nix" && self.args.first() == Some(&"__build-remote")
    }
}

/// What `ps` printed, with the hosts of the machines that are builders.
pub fn parse(text: &str, hosts: &[String]) -> Processes {
    let rows: Vec<Row> = text.lines().filter_map(Row::read).collect();
    let hooks: Vec<&Row> = rows.iter().filter(|row| row.is_hook()).collect();
    let mut found = Processes {
        hooks: hooks.len(),
        oldest_hook: hooks.iter().filter_map(|row| row.age).max(),
        ..Processes::default()
    };
    for row in &rows {
        if row.args.is_empty() && ["ssh", "nix"].contains(&row.name) {
            found.hidden += 1;
        } else if row.name == "ssh" && found.ssh.len() < MOST {
            let Some(host) = hosts.iter().find(|host| row.args.iter().any(|word| leads_to(word, host)))
            else {
                continue;
            };
            let carries = |program: &str, flag: &str| row.args.contains(&program) && row.args.contains(&flag);
            let of_nix = hooks.iter().any(|hook| hook.pid == row.parent)
                || carries("nix-daemon", "--stdio")
                || carries("nix-store", "--serve");
            found.ssh.push(Ssh { pid: row.pid, age_seconds: row.age, host: host.clone(), of_nix });
        } else if row.name.starts_with("qemu-system-") && found.qemu.len() < MOST {
            let value = row.args.iter().skip_while(|word| **word != "-m").nth(1);
            let plain = |word: &&&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "=,".contains(c));
            let memory = value.filter(plain).map(|word| cut(word, 40));
            found.qemu.push(Qemu { pid: row.pid, age_seconds: row.age, memory });
        }
    }
    found
}

/// `linux-builder` or `builder@linux-builder`.
fn leads_to(word: &str, host: &str) -> bool {
    word == host || (!word.starts_with('-') && word.rsplit_once('@').is_some_and(|(_, it)| it == host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Captured in the lab (Nix 2.34.8 with OpenSSH, procps 4.0): a build that runs, and one that waits. The rows
    /// of QEMU and of a person's login are made after nixpkgs' script and ssh's manual page.
    const PS: &str = "\
    PID    PPID     ELAPSED COMMAND
      1       0       00:07 bash /lab/inside/up
    145      46       00:07 /nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8/bin/nix-daemon
    165     163       00:07 nix build --no-link -L --max-jobs 0 --expr derivation { name = \"endless\"; }
    172     145       00:07 /nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8/bin/nix-daemon
    189     172       01:10 nix __build-remote 3
    194     189    02:00:07 ssh builder@linux-builder -x -i /etc/nix/builder_ed25519 -oUserKnownHostsFile=/tmp/nix-189-1800717275/host-key -oPermitLocalCommand=yes -oLocalCommand=echo started -- nix-daemon --stdio
    246     239       00:06 nix __build-remote 3
    301       1  1-02:03:04 ssh linux-builder
    302       1       00:04 ssh -p 2222 me@elsewhere.example
    400       1       00:09 /nix/store/8w8h6l8m3zz4kq3v9l5qz1r8f0s2y1dn-qemu-10.1.5/bin/qemu-system-aarch64 -machine virt,gic-version=2,accel=hvf:tcg -cpu max -name nixos -m 3072 -smp 1
";

    fn hosts() -> Vec<String> {
        vec!["linux-builder".to_owned()]
    }

    #[test]
    fn what_concerns_builders_is_kept_and_nothing_else() {
        let found = parse(PS, &hosts());
        assert_eq!((found.hooks, found.oldest_hook, found.hidden), (2, Some(70), 0));
        let ssh: Vec<_> = found.ssh.iter().map(|it| (it.pid, it.age_seconds, it.of_nix)).collect();
        assert_eq!(ssh, [(194, Some(7207), true), (301, Some(93_784), false)]);
        let memory = Some("3072".to_owned());
        assert_eq!(found.qemu, [Qemu { pid: 400, age_seconds: Some(9), memory }]);
        let text = serde_json::to_string(&found).unwrap();
        assert!(!text.contains("elsewhere") && !text.contains("builder_ed25519"), "{text}");
    }

    #[test]
    fn an_ssh_of_the_hook_is_nixs_whatever_its_arguments() {
        let cut = PS.replace(" -- nix-daemon --stdio", "");
        assert!(parse(&cut, &hosts()).ssh[0].of_nix);
    }

    #[test]
    fn hidden_arguments_are_counted() {
        // Made after ps's manual page: a ps that may not see another user's arguments.
        let found =
            parse("  194   189 02:00:07 (ssh)\n  189   172 01:10 (nix)\n  1 0 01:10 (launchd)\n", &hosts());
        assert_eq!((found.hidden, found.hooks, found.ssh.len()), (2, 0, 0));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..1500) {
            let mutated: String = PS.chars().take(at).chain(text.chars()).chain(PS.chars().skip(at + 1)).collect();
            parse(&mutated, &hosts());
            prop_assert!(parse(&text, &hosts()).ssh.len() <= MOST);
        }
    }
}
