//! The Mac itself.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "host-disk-low",
        doc: "The disk that holds /nix has 200 MB left, by what df prints; nothing else knows it.",
        before: r#"
            cat >$HOST/usr/local/bin/df <<'END'
#!/bin/sh
echo 'Filesystem 1024-blocks      Used Available Capacity iused      ifree %iused  Mounted on'
echo '/dev/disk3s7  971350180 971145380    204800   100% 2135893    2048000   51%   /nix'
END
            chmod 755 $HOST/usr/local/bin/df
        "#,
        run: &[Run::alice(Expect::Warning(&["host-disk-low"]))],
        ..World::HEALTHY
    },
    World {
        name: "localhost-does-not-resolve",
        doc: "/etc/hosts lost its lines for localhost, and no resolver knows the name.",
        before: "sed -i '/localhost/d' $HOST/etc/hosts",
        run: &[
            Run::alice(Expect::Roots(&["localhost-does-not-resolve"])),
            Run::alice_sudo(Expect::Roots(&["localhost-does-not-resolve"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "localhost-does-not-resolve-to-ipv4",
        doc: "/etc/hosts lost its line for 127.0.0.1: localhost is ::1 alone, and the VM's port is forwarded on IPv4.",
        before: "sed -i '/^127.0.0.1.localhost/d' $HOST/etc/hosts",
        run: &[
            Run::alice(Expect::Roots(&["localhost-does-not-resolve"])),
            Run::alice_sudo(Expect::Roots(&["localhost-does-not-resolve"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "fix-not-ended",
        doc: "A fix of root's was cut off by SIGKILL while it waited for the VM, and nobody has undone it.",
        before: "job_unload $BUILDER; job_program $BUILDER 'exec sleep infinity' stays",
        after: r#"
            as_alice builder-doctor fix --yes --quick >/run/lab/cut-off 2>&1 &
            # It has loaded the job, which comes to nothing, and waits.
            wait_for "the fix" test -e $LAB/jobs/$BUILDER/loaded
            wait_for "its journal" grep -qs '"open"' $HOST/var/db/builder-doctor/fixes.json
            pkill -KILL -f mend-as-root
            pkill -KILL -f 'builder-doctor fix'
            # The VM came up after all.
            rm -f $LAB/jobs/$BUILDER/program
            restart $BUILDER
        "#,
        run: &[Run::alice(Expect::Warning(&["fix-not-ended"]))],
        ..World::HEALTHY
    },
    World {
        name: "nix-volume-not-mounted",
        doc: "The Mac was restarted and the volume that holds Nix was not mounted: /nix is empty, and every job waits. \
              The volume itself is imitated by diskutil.",
        before: r#"
            mount -t tmpfs -o mode=755 tmpfs $HOST/nix
            echo unmounted >$LAB/nix-volume
            cp $HOST/Library/LaunchDaemons/$DAEMON.plist $HOST/Library/LaunchDaemons/org.nixos.darwin-store.plist
            job_set org.nixos.darwin-store loaded /Library/LaunchDaemons/org.nixos.darwin-store.plist
            job_hold org.nixos.darwin-store
            job_program org.nixos.darwin-store "rm $LAB/nix-volume; umount -l $HOST/nix; exit 0" stays
            for job in daemon:$DAEMON vm:$BUILDER; do
                job_program ${job#*:} "until [ -e $HOST/nix/store ]; do sleep 0.05; done; exec bash /lab/inside/${job%%:*}"
            done
        "#,
        run: &[
            Run::alice(Expect::Roots(&["nix-volume-not-mounted"])),
            Run::root(Expect::Roots(&["nix-volume-not-mounted"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "synthetic-conf-lost",
        doc: "An update of macOS replaced /etc/synthetic.conf: after the restart there is no /run, so create-builder ends \
              at once; Nix itself works.",
        before: r#"
            echo nix >$HOST/etc/synthetic.conf
            rm -rf $HOST/run
            job_set $BUILDER runs 40
            job_set $BUILDER exit 1
            job_program $BUILDER '[ -e $HOST/run ] || exit 1; exec bash /lab/inside/vm' stays
        "#,
        after: "wait_for 'the end of the job' grep -q spawn $LAB/jobs/$BUILDER/state",
        run: &[Run::alice(Expect::Roots(&["synthetic-conf-lost"]))],
        ..World::HEALTHY
    },
    World {
        name: "synthetic-conf-lost-before-the-restart",
        doc: "/etc/synthetic.conf was replaced, and the Mac was not restarted since.",
        before: "echo nix >$HOST/etc/synthetic.conf",
        run: &[Run::alice(Expect::Warning(&["synthetic-conf-lost"]))],
        ..World::HEALTHY
    },
    World {
        name: "nixbld-users-missing",
        doc: "macOS 15 removed _nixbld1 to _nixbld4; builds on the builder go on.",
        before: r#"
            sed -i '/^_nixbld[1-4]:/d' $HOST/etc/passwd
            echo '_modelmanagerd:x:301:301:Model Manager:/var/empty:/usr/bin/false' >>$HOST/etc/passwd
        "#,
        run: &[Run::alice(Expect::Warning(&["nixbld-users-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "nixbld-users-missing-beside-another",
        doc: "The same, and the builder's job was booted out: that is why no build for Linux runs.",
        before: r#"
            sed -i '/^_nixbld[1-4]:/d' $HOST/etc/passwd
            job_unload $BUILDER
        "#,
        run: &[Run::alice(Expect::Roots(&["builder-service-not-loaded", "nixbld-users-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "nixbld-users-missing-external-builder",
        doc: "The same, and a program on this Mac takes the Linux builds, which it runs as those users: none runs.",
        before: "
            sed -i '/^_nixbld[1-4]:/d' $HOST/etc/passwd
            no_vm
            native_builder
        ",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["nixbld-users-missing"]).check(report)?;
            match report.findings()[0]["severity"].as_str() {
                Some("error") => Ok(()),
                other => Err(format!("it is {other:?}, and no build runs")),
            }
        }))],
        ..World::HEALTHY
    },
    World {
        name: "rosetta-host-missing",
        doc: "extra-platforms offers x86_64-darwin, and Rosetta is not there, by the file that Nix looks for.",
        before: "rm $HOST/Library/Apple/usr/libexec/oah/libRosettaRuntime",
        run: &[Run::alice(Expect::Warning(&["rosetta-host-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "host-cannot-virtualise",
        doc: "A hosted runner, itself a virtual machine: QEMU ends at once. The answers of sysctl are imitated.",
        before: r#"
            mac sysctl 'kern.hv_support: 0'
            mac sysctl 'hw.model: VirtualMac2,1'
            job_set $BUILDER runs 40
            job_set $BUILDER exit 1
            job_program $BUILDER 'exit 1' stays
        "#,
        after: "wait_for 'the end of the job' grep -q spawn $LAB/jobs/$BUILDER/state",
        run: &[Run::alice(Expect::Roots(&["host-cannot-virtualise"]))],
        ..World::HEALTHY
    },
    World {
        name: "host-cannot-virtualise-not-configured",
        doc: "A hosted runner on which nobody has set a builder up, as it cannot be.",
        before: r#"
            mac sysctl 'kern.hv_support: 0'
            mac sysctl 'hw.model: VirtualMac2,1'
            no_builder
        "#,
        run: &[Run::alice(Expect::Roots(&["host-cannot-virtualise"]))],
        ..World::HEALTHY
    },
    World {
        name: "nixpkgs-dropped-platform",
        doc: "An Intel Mac, by what uname and sysctl print, whose system is made of nixpkgs 26.11.",
        before: r#"
            echo x86_64 >$LAB/machine
            sed -i 's/26.05.56c666e/26.11.56c666e/' $HOST/nix/store/*-darwin-system-26.05/darwin-version.json
        "#,
        run: &[Run::alice(Expect::Warning(&["nixpkgs-dropped-platform"]))],
        ..World::HEALTHY
    },
];
