//! Macs on which builds for Linux work: none may be given an alarm.

use crate::world::{Expect, Nix, Run, Who, World};

pub const WORLDS: &[World] = &[
    World {
        name: "healthy-restarted",
        doc: "The VM was restarted four times on purpose; without a test build, launchd's count is all there is.",
        after: "for n in 1 2 3 4; do as_root launchctl kickstart -k system/$BUILDER; done; wait_for sshd listens_on 31022",
        run: &[
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
            Run::alice(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy",
        doc: "Nothing is wrong.",
        run: &[
            Run::alice(Expect::Healthy),
            Run::alice_sudo(Expect::Healthy),
            Run::root(Expect::Healthy),
            Run { who: Who::Root, args: &["--json", "--sudo"], expect: Expect::Healthy },
            Run { who: Who::Alice, args: &["--json", "--deep", "--sudo"], expect: Expect::Healthy },
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy-no-room-at-home",
        doc: "Nothing is wrong, and on the file system of alice's Library, where the last healthy report is kept, nothing more can be written.",
        before: r#"
            mkdir -p $HOST/Users/alice/Library
            mount -t tmpfs -o size=8k,mode=755 tmpfs $HOST/Users/alice/Library
            chown --reference=$HOST/Users/alice $HOST/Users/alice/Library
            head -c 1M /dev/zero >$HOST/Users/alice/Library/filler 2>/dev/null && return 1
            true
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-connections",
        doc: "Nothing is wrong: one scan, one login for each of three test builds, and two for root's look.",
        run: &[
            Run {
                who: Who::Alice,
                args: &["--json", "--quick"],
                expect: Expect::That(|report| Expect::Healthy.check(report).and(report.connected(1))),
            },
            Run::alice(Expect::That(|report| Expect::Healthy.check(report).and(report.connected(1 + 3)))),
            Run::alice_sudo(Expect::That(|report| {
                Expect::Healthy.check(report).and(report.connected(1 + 3 + 2))
            })),
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy-2-26",
        nix: Nix::Nix226,
        doc: "Nothing is wrong but the age of Nix, 2.26.",
        run: &[Run::alice(Expect::Warning(&["nix-too-old"]))],
        ..World::HEALTHY
    },
    World {
        name: "garbled-launchd",
        doc: "launchctl print answers in a format that nobody has seen, and everything works.",
        before: r#"
            printf '{"service":{"name":"?","condition":"\x01up\xff","lifetimes":1}}\n' >$LAB/launchctl-print
        "#,
        run: &[Run::alice(Expect::That(|report| report.no_alarm()))],
        ..World::HEALTHY
    },
    World {
        name: "linux-host",
        doc: "A Linux machine, without any command of a Mac, whose builder works.",
        before: "no_mac",
        run: &[Run::alice(Expect::That(no_error))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-determinate",
        doc: "Determinate's Nix beside nix-darwin, with a builder that somebody set up by hand.",
        before: "determinate",
        run: &[
            Run::alice(Expect::Healthy),
            Run::alice_sudo(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy-port-in-url",
        doc: "The machine's URL has the port, which Nix 2.34 understands.",
        before: r#"machines "$(machine | sed 's/@linux-builder /@linux-builder:31022 /')""#,
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "localhost-ipv6-first",
        doc: "localhost is ::1 first and the builder listens on IPv4 only: ssh falls back.",
        before: r#"
            printf '::1 localhost\n127.0.0.1 localhost Alices-MacBook-Pro.local captive.apple.com %s %s\n' \
                $CACHE $PROJECT_CACHE >$HOST/etc/hosts
        "#,
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-own-ssh-config",
        doc: "alice's own ~/.ssh/config sends every host to another port, and has an option that this ssh does not know: \
              the daemon dials as root, whom it does not reach.",
        before: r#"
            mkdir -p $HOST/Users/alice/.ssh
            printf 'Host *\n  User bob\n  Port 2222\nHost github.com\n  SomethingOfApple yes\n' >$HOST/Users/alice/.ssh/config
            chown -R 501:20 $HOST/Users/alice/.ssh
        "#,
        run: &[
            Run::alice(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
            Run::alice_sudo(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
    World {
        name: "user-known-hosts-stale",
        doc: "alice's own known_hosts and ssh config are wrong, and the daemon uses neither.",
        before: r#"
            mkdir -p $HOST/Users/alice/.ssh
            echo "linux-builder $(cut -d' ' -f1,2 /keys/other_host_key.pub)" >$HOST/Users/alice/.ssh/known_hosts
            chown -R 501:20 $HOST/Users/alice/.ssh
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
];

fn no_error(report: &crate::world::Report) -> Result<(), String> {
    match report.findings().iter().find(|finding| finding["severity"] == "error") {
        Some(finding) => Err(format!("{} is an error here, and the builder works", finding["id"])),
        None => Ok(()),
    }
}
