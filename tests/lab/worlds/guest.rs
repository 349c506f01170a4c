//! Nix in the VM. Its kernel is this machine's, so what a kernel counts is imitated; and it is a folder, in which Nix cannot
//! make a sandbox, so that a path which is missing there shows only to who looks.

use crate::world::{Expect, Report, Run, World, text};

pub const WORLDS: &[World] = &[
    World {
        name: "store-untrusted-by-guest",
        doc: "The guest's Nix does not trust the builder's login.",
        before: "sed -i 's/^trusted-users.*/trusted-users = root/' $GUEST/etc/nix/nix.conf",
        run: &[Run::alice_sudo(Expect::Roots(&["store-untrusted-by-guest"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-disk-full",
        doc: "The file system of the guest's store is full.",
        before: "fill_store; new_disk 'umount -l $GUEST/nix/store'",
        run: &[
            Run::alice(Expect::Roots(&["vm-disk-full"])),
            Run::alice_sudo(Expect::Roots(&["vm-disk-full"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-disk-full-everywhere",
        doc: "The guest's whole disk is full, Nix's database included.",
        after: r#"new_disk "mount -o remount,size=$(df -k --output=size /guest-disk | tail -n 1 | tr -d ' ')k /guest-disk"; fill_disk"#,
        run: &[
            Run::alice(Expect::Roots(&["vm-disk-full"])),
            Run::alice_sudo(Expect::Roots(&["vm-disk-full"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-system-offered-but-not-executable",
        doc: "The machine line offers x86_64-linux, and the guest cannot execute it.",
        before: "sed -i '/^extra-platforms/d' $GUEST/etc/nix/nix.conf",
        run: &[
            Run::alice(Expect::Warning(&["machines-system-offered-but-not-executable"])),
            Run::alice_sudo(Expect::Warning(&["machines-system-offered-but-not-executable"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-config-not-applied",
        doc: "diskSize was made four times as large, and the VM's disk is still the one that was made before.",
        before: r#"
            vm_script "$QEMU" $((GUEST_DISK * 4))
            new_disk "mount -o remount,size=$((GUEST_DISK * 4))m /guest-disk"
        "#,
        run: &[Run::alice_sudo(Expect::Warning(&["vm-config-not-applied"])), Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-share-lost",
        doc: "Someone cleaned /run up while the VM runs, and with it the folder that it has its certificates from.",
        after: "rm -r $HOST/run/$BUILDER",
        run: &[Run::alice(Expect::Warning(&["vm-certs-share-lost"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-env-unset",
        doc: "The VM's job has no NIX_SSL_CERT_FILE, so the guest has no certificates.",
        before: "job_certs $BUILDER none",
        run: &[Run::alice(Expect::Warning(&["vm-certs-env-unset"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-certs-env-unset-missing-file",
        doc: "The VM's job is to hand a file of certificates to the guest that is gone.",
        before: "job_certs $BUILDER /etc/ssl/certs/corporate.pem",
        run: &[Run::alice(Expect::Warning(&["vm-certs-env-unset"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-clock-skew",
        doc: "The guest's clock is two hours behind, by another `date`.",
        before: r#"
            printf '#!/bin/bash\nexec /usr/bin/date-of-linux -d "2 hours ago" "$@"\n' >/run/lab/date
            mv $GUEST/usr/bin/date $GUEST/usr/bin/date-of-linux
            install -m 755 /run/lab/date $GUEST/usr/bin/date
            next_life 'mv -f $GUEST/usr/bin/date-of-linux $GUEST/usr/bin/date'
        "#,
        run: &[Run::alice_sudo(Expect::Warning(&["vm-clock-skew"])), Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "vm-out-of-memory",
        doc: "The guest's kernel says that it ended three processes for want of memory, which is imitated.",
        before: "echo 'oom_kill 3' >/run/lab/vmstat",
        run: &[Run::alice_sudo(Expect::Warning(&["vm-out-of-memory"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-out-of-memory-ends-builds",
        doc: "Every build in the guest is ended by signal 9, as by a kernel that has no memory left.",
        before: "guest_builds 'kill -9 $$'; echo 'oom_kill 3' >/run/lab/vmstat",
        run: &[Run::alice(Expect::Roots(&["vm-out-of-memory"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-dns-hardcoded",
        doc: "No network leads to the guest's resolver, and the Mac reaches the caches.",
        before: "
            echo 'nameserver 8.8.8.8' >$GUEST/etc/resolv.conf
            echo '127.0.0.1 localhost nixos' >$GUEST/etc/hosts
        ",
        run: &[
            Run::alice(Expect::Warning(&["vm-dns-hardcoded"])),
            Run::alice_sudo(Expect::Warning(&["vm-dns-hardcoded"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-dns-hardcoded-silent",
        doc: "The guest's resolver does not answer, so that its Nix asks for the caches beyond the time of a test build.",
        before: r#"
            echo 'nameserver 192.0.2.53' >$GUEST/etc/resolv.conf
            echo '127.0.0.1 localhost nixos' >$GUEST/etc/hosts
            echo 'connect-timeout = 2' >>$GUEST/etc/nix/nix.conf
            printf '[test-build]\ninstallable = "nixpkgs#hello"\ntimeout = "9s"\n' >$HOST/etc/builder-doctor.toml
        "#,
        run: &[
            Run::alice(Expect::Roots(&["vm-dns-hardcoded"])),
            Run::alice_sudo(Expect::Roots(&["vm-dns-hardcoded"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "vm-sandbox-path-missing",
        doc: "The guest's Nix is to show every build /run/rosetta, which is not there.",
        before: "
            sed -i 's/^sandbox = .*/sandbox = true/' $GUEST/etc/nix/nix.conf
            echo 'extra-sandbox-paths = /run/rosetta' >>$GUEST/etc/nix/nix.conf
        ",
        run: &[Run::alice_sudo(Expect::Roots(&["vm-sandbox-path-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "kvm-missing-in-guest",
        doc: "The builder is offered for kvm, and the guest has no /dev/kvm.",
        before: "rm $GUEST/dev/kvm",
        run: &[Run::alice_sudo(Expect::That(only_a_note)), Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "kvm-missing-in-guest-and-expected",
        doc: "The guest has no /dev/kvm, and the expectations name kvm.",
        before: r#"
            rm $GUEST/dev/kvm
            printf '[builder]\nhost = "linux-builder"\nport = 31022\nlaunchd-label = "%s"\nsystems = ["aarch64-linux"]
                optional-systems = ["x86_64-linux"]\nfeatures = ["nixos-test", "kvm"]\n' $BUILDER >$HOST/etc/builder-doctor.toml
        "#,
        run: &[Run::alice_sudo(Expect::Warning(&["kvm-missing-in-guest"]))],
        ..World::HEALTHY
    },
];

fn only_a_note(report: &Report) -> Result<(), String> {
    report.no_alarm()?;
    match report.findings() {
        [note] if text(note, "id") == "kvm-missing-in-guest" => Ok(()),
        findings => Err(format!("{} findings, not one note", findings.len())),
    }
}
