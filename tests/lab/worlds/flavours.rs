//! Linux builders that are not nix-darwin's stock one: healthy in unusual ways, and broken in theirs.

use crate::world::{Expect, Run, Who, World};

pub const WORLDS: &[World] = &[
    World {
        name: "healthy-another-label-prefix",
        doc: "nix-darwin's launchd.labelPrefix is set, so that the job is com.example.nix.linux-builder.",
        before: "job_rename $BUILDER com.example.nix.linux-builder",
        run: &[
            Run::alice(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
            Run::alice_sudo(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-not-loaded-another-label-prefix",
        doc: "The job of another label prefix was booted out; the remedy names that label.",
        before: "job_rename $BUILDER com.example.nix.linux-builder; job_unload $BUILDER",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["builder-service-not-loaded"]).check(report)?;
            report.advises("/Library/LaunchDaemons/com.example.nix.linux-builder.plist")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-darwin-builder",
        doc: "The older job of the nixpkgs manual, with a line for builder@localhost:31022 and no alias.",
        before: r#"
            job_rename $BUILDER org.nixos.darwin-builder
            remove_etc ssh/ssh_config.d/100-linux-builder.conf
            machines "ssh-ng://builder@localhost:31022 $SYSTEMS $KEY 4 1 $FEATURES - $HOST_KEY"
        "#,
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-rosetta-builder",
        doc: "nix-rosetta-builder: another job, another alias, another port, and no linux-builder.",
        before: r#"
            rosetta_builder
            echo 31122 >$LAB/vm-port
        "#,
        run: &[
            Run::alice(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
            Run::alice_sudo(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-not-loaded-rosetta",
        doc: "nix-rosetta-builder's job was booted out: its label is in the remedy, and linux-builder in no finding.",
        before: r#"
            rosetta_builder
            echo 31122 >$LAB/vm-port
            job_unload org.nixos.rosetta-builderd
        "#,
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["builder-service-not-loaded"]).check(report)?;
            report.advises("org.nixos.rosetta-builderd.plist")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "rosetta-builder-on-demand",
        doc: "launchd listens for nix-rosetta-builder and starts its VM when a build comes; a quick look does not wake it.",
        before: r#"
            rosetta_builder '<key>Sockets</key><dict><key>Listener</key><dict/></dict>'
            job_hold org.nixos.rosetta-builderd
        "#,
        run: &[Run {
            who: Who::Alice,
            args: &["--json", "--quick"],
            expect: Expect::That(|report| report.no_alarm()),
        }],
        ..World::HEALTHY
    },
    World {
        name: "healthy-custom-port",
        doc: "hostPort and the alias say 31099.",
        before: "
            echo 31099 >$LAB/vm-port
            edit_etc ssh/ssh_config.d/100-linux-builder.conf 's/31022/31099/'
        ",
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-remote-machine",
        doc: "No VM on this Mac: the builder is a Linux machine elsewhere, reached over plain ssh-ng.",
        before: r#"
            no_vm
            machines "ssh-ng://builder@buildbox $SYSTEMS $KEY 4 1 $FEATURES - $HOST_KEY"
            printf 'Host buildbox\n  Hostname 127.0.0.1\n  HostKeyAlias buildbox\n  Port 2222\n' | etc_file ssh/ssh_config.d/200-buildbox.conf
        "#,
        after: "as_if_elsewhere",
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-remote-machine-behind-proxy",
        doc: "The Linux machine elsewhere is reached through a ProxyCommand, which is not started for a quick look.",
        before: r#"
            no_vm
            machines "ssh-ng://builder@buildbox $SYSTEMS $KEY 4 1 $FEATURES - $HOST_KEY"
            printf '#!/bin/bash\nexec 3<>/dev/tcp/$1/$2; cat <&3 & cat >&3; kill $!\n' >$HOST/usr/local/bin/way-through
            chmod 755 $HOST/usr/local/bin/way-through
            printf '%s\n' 'Host buildbox' '  Hostname 127.0.0.1' '  HostKeyAlias buildbox' '  Port 2222' \
                '  ProxyCommand /usr/local/bin/way-through %h %p' | etc_file ssh/ssh_config.d/200-buildbox.conf
        "#,
        after: "as_if_elsewhere",
        run: &[
            Run::alice(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy-single-user",
        doc: "Nix was installed for alice alone: /nix is hers, there is no daemon, and she dials with a key of her own.",
        before: "single_user",
        after: "chown 501:20 $HOST$KEY",
        run: &[
            Run::alice(Expect::Healthy),
            Run { who: Who::Alice, args: &["--json", "--quick"], expect: Expect::Healthy },
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-too-open-single-user",
        doc: "The same, and others may read her key: her own ssh ignores it. The remedy leaves it hers.",
        before: "single_user",
        after: "chown 501:20 $HOST$KEY; chmod 644 $HOST$KEY",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["ssh-key-too-open"]).check(report)?;
            report.advises("chown 501 /etc/nix/builder_ed25519")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-many-machines",
        doc: "The VM, a Mac, and two Linux machines that are switched off and that nobody expects.",
        before: r#"
            machines "ssh://admin@mini aarch64-darwin,x86_64-darwin - 8 2" "$(machine)" \
                "ssh-ng://nix@off-one riscv64-linux - 64 10" "ssh-ng://nix@off-two armv7l-linux - 64 10"
            printf 'Host off-one off-two mini\n  Hostname 127.0.0.1\n  Port 2223\n' |
                etc_file ssh/ssh_config.d/200-others.conf
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "ssh-connection-refused-one-of-two",
        doc: "Two Linux machines and no VM: one works, one is switched off. Builds go to the other.",
        before: r#"
            no_vm
            machines "ssh-ng://nix@off $SYSTEMS - 1 1 $FEATURES" \
                "ssh-ng://builder@buildbox $SYSTEMS $KEY 4 1 $FEATURES - $HOST_KEY"
            printf 'Host off\n  Hostname 127.0.0.1\n  Port 2223\nHost buildbox\n  Hostname 127.0.0.1\n  HostKeyAlias buildbox\n  Port 2222\n' |
                etc_file ssh/ssh_config.d/200-others.conf
        "#,
        after: "as_if_elsewhere",
        run: &[Run::alice(Expect::Warning(&["ssh-connection-refused"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-determinate-alone",
        doc: "Determinate manages Nix: its labels, its nix.conf with nix.custom.conf, and a builder set up by hand.",
        before: "determinate_alone",
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "daemon-not-running-determinate",
        doc: "Determinate's daemon was booted out: the remedy names its label and not upstream's.",
        before: "determinate_alone; job_unload systems.determinate.nix-daemon",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["daemon-not-running"]).check(report)?;
            report.advises("systems.determinate.nix-daemon")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-native-builder",
        doc: "Determinate's native Linux builder, imitated by a program that builds in the VM's place; no machine.",
        before: r#"
            no_vm
            native_builder
        "#,
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            match report.json["evidence"]["builds"]["seen"]["fact"][0]["external"].as_bool() {
                Some(true) => Ok(()),
                _ => Err("no test build went to the external builder".into()),
            }
        }))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-users-own-nix-conf",
        doc: "alice's own nix.conf sets harmless things.",
        before: r#"
            mkdir -p $HOST/Users/alice/.config/nix
            printf 'keep-going = true\nbuilders = @/etc/nix/machines\nwarn-dirty = false\nextra-experimental-features = nix-command\n' \
                >$HOST/Users/alice/.config/nix/nix.conf
            chown -R 501:20 $HOST/Users/alice/.config
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "healthy-slow-guest",
        doc: "The VM swaps: its sshd needs 2 s for its banner, and then works.",
        before: "job_program $BUILDER 'slow_guest' stays",
        after: "wait_for 'the slow guest' listens_on 31022",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
];
