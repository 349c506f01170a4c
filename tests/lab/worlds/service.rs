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
        after: "in_guest /usr/sbin/sshd -D -E /var/log/sshd.log -o LogLevel=VERBOSE -p 2222 -o ListenAddress=127.0.0.1 -o UsePAM=no & wait_for x86box listens_on 2222",
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
        name: "builder-stopped-on-purpose",
        doc: "Somebody ran builder-doctor stop.",
        after: "as_alice builder-doctor stop --yes >&2",
        run: &[Run::alice(Expect::Roots(&["builder-stopped-on-purpose"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-started-again",
        doc: "Somebody ran builder-doctor stop, and then start, and restart.",
        after: "{ as_alice builder-doctor stop --yes; as_alice builder-doctor start; as_alice builder-doctor restart --yes; } >&2",
        run: &[Run::alice(Expect::Healthy)],
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
        name: "vm-comes-up-late",
        doc: "The VM's sshd comes up while builder-doctor waits for it: after its first test of the port.",
        before: r#"
            job_set $BUILDER age 30
            job_program $BUILDER '
                python3 -c "import socket; s = socket.create_server((\"127.0.0.1\", 31022)); s.accept(); s.accept()"
                sleep 3
                exec bash /lab/inside/vm
            '
        "#,
        after: "wait_for 'the port' listens_on 31022",
        run: &[Run {
            who: Who::Alice,
            args: &["--json", "--wait", "2m"],
            // The light looks make one scan each once sshd answers, the close one a scan and three logins.
            expect: Expect::That(|report| {
                Expect::Healthy.check(report)?;
                match report.connections {
                    Some(4..=6) => Ok(()),
                    made => Err(format!("{made:?} connections, where five are expected")),
                }
            }),
        }],
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
        name: "launchd-bootstrap-error-5",
        doc: "The job's file belongs to alice, so launchd passed it over when the Mac started.",
        before: "job_unload $BUILDER; chown 501 $HOST/Library/LaunchDaemons/$BUILDER.plist",
        run: &[Run::alice(Expect::Roots(&["launchd-bootstrap-error-5"]))],
        ..World::HEALTHY
    },
    World {
        name: "launchd-bootstrap-error-5-no-plist",
        doc: "The job's file was cut short by an editor.",
        before: "
            job_unload $BUILDER
            head -c 300 $HOST/Library/LaunchDaemons/$BUILDER.plist >/run/lab/plist
            cp /run/lab/plist $HOST/Library/LaunchDaemons/$BUILDER.plist
        ",
        run: &[Run::alice(Expect::Roots(&["launchd-bootstrap-error-5"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-working-directory-missing",
        doc: "Someone cleaned /var/lib up: the job has no folder to run in, and ends with 78 at once.",
        before: "
            rm -r $HOST/var/lib/linux-builder
            job_set $BUILDER runs 40
            job_set $BUILDER exit 78
        ",
        after: "wait_for 'the end of the job' grep -q spawn $LAB/jobs/$BUILDER/state",
        run: &[Run::alice(Expect::Roots(&["vm-working-directory-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-no-log-configured",
        doc: "QEMU ends with 1 at once, and the job writes no log: a note says how to get one.",
        before: "crash_loop 1",
        run: &[Run::alice(Expect::That(|report| {
            let note = report.findings().iter().find(|it| it["id"] == "vm-no-log-configured");
            match note.map(|it| &it["severity"]) {
                Some(severity) if severity == "note" => report.exits(1),
                other => Err(format!("vm-no-log-configured is {other:?}")),
            }
        }))],
        ..World::HEALTHY
    },
    World {
        name: "qemu11-hvf-sme-abort",
        doc: "QEMU 11.0 aborts on an M4, and macOS reported that three minutes ago.",
        before: r#"
            crash_loop '134: Abort trap'
            vm_script "${QEMU/10.1.5/11.0.1}" 20480
            mkdir -p $HOST/nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-11.0.1/bin
            cp $HOST$QEMU $HOST/nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-11.0.1/bin/
            mac sysctl 'machdep.cpu.brand_string: Apple M4 Pro'
            crash_report 3 hvf_arch_init_vcpu
        "#,
        run: &[Run::alice(Expect::Roots(&["qemu11-hvf-sme-abort"]))],
        ..World::HEALTHY
    },
    World {
        name: "qemu11-hvf-sme-abort-without-a-trace",
        doc: "QEMU 11.0 aborts on an M4; there is neither a log nor a crash report.",
        before: r#"
            crash_loop 134
            vm_script "${QEMU/10.1.5/11.0.1}" 20480
            mac sysctl 'machdep.cpu.brand_string: Apple M4 Pro'
        "#,
        run: &[Run::alice(Expect::Roots(&["qemu11-hvf-sme-abort"]))],
        ..World::HEALTHY
    },
    World {
        name: "qemu-m4-sme-property",
        doc: "QEMU 9.1 does not know the M4's SME, and aborts; its last words are in the log.",
        before: r#"
            crash_loop 134
            vm_script "${QEMU/10.1.5/9.1.2}" 20480
            mac sysctl 'machdep.cpu.brand_string: Apple M4 Pro'
            job_log $BUILDER <<'LOG'
Virtualisation disk image created.
Creating Nix store image...
Created Nix store image.
Unexpected error in object_property_find_err() at ../qom/object.c:1358:
qemu-system-aarch64: Property 'max-arm-cpu.sme' not found
/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 14: 93190 Abort trap: 6
LOG
        "#,
        run: &[Run::alice(Expect::Roots(&["qemu-m4-sme-property"]))],
        ..World::HEALTHY
    },
    World {
        name: "qemu-gicv2-under-hvf",
        doc: "QEMU 11.1 is asked for a GICv2, which it has no more on macOS 15 and later; there is no log.",
        before: r#"
            crash_loop 1
            vm_script "${QEMU/10.1.5/11.1.1}" 20480
        "#,
        run: &[Run::alice(Expect::Roots(&["qemu-gicv2-under-hvf"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-crash-looping-another-crash",
        doc: "QEMU 11.0 aborts on an M4, in a function that is not of the known breakage.",
        before: r#"
            crash_loop 134
            vm_script "${QEMU/10.1.5/11.0.1}" 20480
            mac sysctl 'machdep.cpu.brand_string: Apple M4 Pro'
            crash_report 3 qemu_memalign
        "#,
        run: &[Run::alice(Expect::Roots(&["builder-crash-looping"]))],
        ..World::HEALTHY
    },
    World {
        name: "builder-crash-looping-collected",
        doc: "The system that the job is of was collected as garbage: its script is gone from the store.",
        before: "crash_loop 127; rm $HOST$STARTER",
        run: &[Run::alice(Expect::That(|report| {
            let seen = report.findings().first().map_or("", |it| crate::world::text(it, "seen"));
            if report.causes() != ["builder-crash-looping"] || !seen.contains("-linux-builder-start is gone")
            {
                return Err(format!("the causes are {:?}: {seen}", report.causes()));
            }
            report.exits(1)
        }))],
        ..World::HEALTHY
    },
    World {
        name: "builder-crash-looping-binary-log",
        doc: "What is named as the builder's log is no log: a program of several megabytes.",
        before: "
            crash_loop 1
            head -c 3M /dev/urandom | job_log $BUILDER
        ",
        run: &[Run::alice(Expect::Roots(&["builder-crash-looping"]))],
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

// QEMU itself is not made: its exit codes, its last words, its version and macOS's reports of its crashes are put
// there by hand, from public reports. Nor is launchd's own refusal to load a file: the job is left unloaded.

/// Root sees whose the port is.
fn names_who_has_the_port(report: &Report) -> Result<(), String> {
    let first = report.findings().first().map(|finding| (text(finding, "id"), text(finding, "seen")));
    match first {
        Some(("port-31022-in-use", seen)) if seen.contains("sshd, pid ") => report.exits(1),
        other => Err(format!("the first finding is {other:?}, which does not name who has the port")),
    }
}
