//! The builder's job in launchd, and the VM that it runs.

use crate::world::{Expect, Report, Run, Who, World, text};

pub const WORLDS: &[World] = &[
    World {
        name: "builder-service-not-loaded-beside-another",
        doc: "The VM's job was booted out; another machine, which takes x86_64-linux, works.",
        before: r#"
            job_unload $BUILDER
            machines "$(machine aarch64-linux)" \
                "ssh-ng://builder@x86box x86_64-linux $KEY 4 1 $FEATURES - $HOST_KEY"
            printf 'Host x86box\n  User builder\n  Hostname 127.0.0.1\n  Port 2222\n' |
                etc_file ssh/ssh_config.d/200-x86box.conf
        "#,
        after: "in_guest /usr/sbin/sshd -D -p 2222 -o ListenAddress=127.0.0.1 -o UsePAM=no & wait_for x86box listens_on 2222",
        run: &[Run::alice(Expect::Roots(&["builder-service-not-loaded"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-unresponsive-beside-another",
        doc: "The VM hangs, and the sshd of a second machine is off.",
        before: r#"
            machines "$(machine)" "ssh-ng://builder@off aarch64-linux $KEY 4 1 $FEATURES - $HOST_KEY"
            printf 'Host off\n  Hostname 127.0.0.1\n  Port 2222\n' | etc_file ssh/ssh_config.d/200-off.conf
            job_program $BUILDER 'exec python3 /lab/inside/listener.py 31022 silent'
        "#,
        after: "wait_for 'the port' listens_on 31022",
        run: &[Run::alice(Expect::Roots(&["vm-unresponsive"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-not-configured",
        doc: "Nix works, and nothing of a Linux builder is there.",
        before: "
            rm $HOST/Library/LaunchDaemons/$BUILDER.plist $HOST/etc/nix/builder_ed25519*
            rm -r $HOST/var/lib/linux-builder
            remove_etc nix/machines
            remove_etc ssh/ssh_config.d/100-linux-builder.conf
            job_unload $BUILDER
        ",
        run: &[Run::alice(Expect::Roots(&["builder-not-configured"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-not-loaded",
        doc: "The builder's job was booted out.",
        before: "job_unload $BUILDER",
        run: &[
            Run::alice(Expect::Roots(&["builder-service-not-loaded"])),
            Run::alice_sudo(Expect::Roots(&["builder-service-not-loaded"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-disabled",
        doc: "Someone stopped the builder by `launchctl unload -w`, which disables it for good.",
        after: "as_root launchctl unload -w /Library/LaunchDaemons/$BUILDER.plist",
        run: &[Run::alice(Expect::Roots(&["builder-service-disabled"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-disabled-old-wording",
        doc: "The same on an older macOS, whose print-disabled says true instead of disabled.",
        before: "touch $LAB/old-wording; echo 14.7.1 >$LAB/sw_vers",
        after: "as_root launchctl unload -w /Library/LaunchDaemons/$BUILDER.plist",
        run: &[Run::alice(Expect::Roots(&["builder-service-disabled"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-service-not-running",
        doc: "The builder's job is loaded, ended once without an error and does not run.",
        before: "job_hold $BUILDER; job_set $BUILDER runs 1; job_set $BUILDER exit 0",
        run: &[Run::alice(Expect::Roots(&["builder-service-not-running"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-crash-looping",
        doc: "QEMU aborts at once, and launchd has started it 418 times.",
        before: "
            job_set $BUILDER runs 418
            job_set $BUILDER exit '134: Abort trap'
            job_hold $BUILDER 'spawn scheduled'
        ",
        run: &[Run::alice(Expect::Roots(&["builder-crash-looping"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-crash-looping-live",
        doc: "The builder's program exits with 1 at once, and launchd tries again every 10 s.",
        before: "
            job_set $BUILDER runs 7
            job_set $BUILDER exit 1
            job_program $BUILDER 'exit 1' stays
        ",
        after: "wait_for 'the end of the job' grep -q spawn $LAB/jobs/$BUILDER/state",
        run: &[Run::alice(Expect::Roots(&["builder-crash-looping"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-not-listening",
        doc: "The builder's job has been running for two hours, and nothing listens on its port.",
        before: "job_program $BUILDER 'exec sleep infinity'",
        run: &[
            Run::alice(Expect::Roots(&["vm-not-listening"])),
            Run::alice_sudo(Expect::Roots(&["vm-not-listening"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-still-booting",
        doc: "The job is 30 s old: QEMU accepts connections, and the guest does not answer yet.",
        before: "
            job_set $BUILDER age 30
            job_program $BUILDER 'exec python3 /lab/inside/listener.py 31022 silent'
        ",
        after: "wait_for 'the port' listens_on 31022",
        run: &[Run::alice(Expect::Roots(&["vm-still-booting"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-unresponsive",
        doc: "The job is two hours old: QEMU accepts connections, and the guest never answers.",
        before: "job_program $BUILDER 'exec python3 /lab/inside/listener.py 31022 silent'",
        after: "wait_for 'the port' listens_on 31022",
        run: &[
            Run::alice(Expect::Roots(&["vm-unresponsive"])),
            Run::alice_sudo(Expect::Roots(&["vm-unresponsive"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "port-31022-in-use",
        doc: "The builder's job does not run, and a web server answers on its port.",
        before: "
            job_set $BUILDER runs 31
            job_set $BUILDER exit 1
            job_hold $BUILDER 'spawn scheduled'
        ",
        after: "serve 31022 http",
        run: &[Run::alice(Expect::Roots(&["port-31022-in-use"]))],
        ..World::HEALTHY
    },
    World {
        name: "port-31022-in-use-by-an-ssh-server",
        doc: "The builder's job fails again and again, as an sshd of somebody else's, with other keys, has its port.",
        before: "
            job_set $BUILDER runs 31
            job_set $BUILDER exit 1
            job_hold $BUILDER 'spawn scheduled'
            : >$GUEST/home/builder/.ssh/authorized_keys
        ",
        after: "in_guest /usr/sbin/sshd -D -p 31022 -o ListenAddress=127.0.0.1 -o UsePAM=no & wait_for sshd listens_on 31022",
        run: &[Run {
            who: Who::Alice,
            args: &["--json", "--sudo"],
            expect: Expect::That(names_who_has_the_port),
        }],
        ..World::HEALTHY
    },
    World {
        name: "builder-login-item-disabled",
        doc: "Someone switched `sh` off in System Settings, so that launchd no longer loads the builder's job (the list is imitated).",
        before: "mkdir -p $LAB/switched-off; touch $LAB/switched-off/$BUILDER; job_unload $BUILDER",
        run: &[
            Run::alice(Expect::Roots(&["builder-service-not-loaded"])),
            Run::alice_sudo(Expect::Roots(&["builder-login-item-disabled"])),
            Run::root(Expect::Roots(&["builder-login-item-disabled"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-backend-switched-raw-vs-qcow2",
        doc: "QEMU ends at once, as the disk is the raw one of the other kind of VM (both are imitated: a file and an exit code).",
        before: r#"
            sed -i 's/-linux-builder-start/-qemu-linux-builder-start/' $HOST/Library/LaunchDaemons/$BUILDER.plist
            echo /nix/store/6ae4e11ffa8e9431028e719342b72e54-qemu-linux-builder-start >$LAB/jobs/$BUILDER/exec
            head -c 1M /dev/zero >$HOST/var/lib/linux-builder/nixos.qcow2
            job_set $BUILDER runs 31
            job_set $BUILDER exit 1
            job_hold $BUILDER 'spawn scheduled'
        "#,
        run: &[
            Run::alice(Expect::Roots(&["builder-crash-looping"])),
            Run::alice_sudo(Expect::Roots(&["vm-backend-switched-raw-vs-qcow2"])),
        ],
        ..World::HEALTHY
    },
];

/// Root sees whose the port is.
fn names_who_has_the_port(report: &Report) -> Result<(), String> {
    let first = report.findings().first().map(|finding| (text(finding, "id"), text(finding, "seen")));
    match first {
        Some(("port-31022-in-use", seen)) if seen.contains("sshd, pid ") => report.exits(1),
        other => Err(format!("the first finding is {other:?}, which does not name who has the port")),
    }
}
