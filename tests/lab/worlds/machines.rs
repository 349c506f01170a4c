//! /etc/nix/machines: what the builder is said to offer.

use crate::world::{Expect, Nix, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "machines-file-missing",
        doc: "/etc/nix/machines is gone.",
        before: "remove_etc nix/machines",
        run: &[Run::alice(Expect::Roots(&["machines-file-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-file-dangling",
        doc: "/etc/nix/machines leads to a store path that was collected.",
        before: "rm $(echo $HOST/nix/store/*-machines)",
        run: &[Run::alice(Expect::Roots(&["machines-file-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "builders-bad-machine-spec",
        doc: "The machine line still holds the manual's placeholder for the number of jobs.",
        before: "machines \"$(machine '' '' '${MAX_JOBS}')\"",
        run: &[Run::alice(Expect::Roots(&["builders-bad-machine-spec"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-system-not-offered",
        doc: "The only machine line offers x86_64-linux alone.",
        before: "machines \"$(machine x86_64-linux)\"",
        run: &[Run::alice(Expect::Roots(&["machines-system-not-offered"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-optional-system-not-offered",
        doc: "The machine line offers aarch64-linux alone, as nix-darwin writes it by default.",
        before: "machines \"$(machine aarch64-linux)\"",
        run: &[
            Run::alice(Expect::Warning(&["machines-optional-system-not-offered"])),
            Run::alice_sudo(Expect::Warning(&["machines-optional-system-not-offered"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-feature-missing",
        doc: "The builder's line lacks nixos-test; a comment and a Mac's line have the word.",
        before: r#"
            machines '# the builder runs every nixos-test' \
                "$(machine '' '' 4 1 kvm,benchmark,big-parallel)" \
                'ssh-ng://builder@other-mac aarch64-darwin - 4 1 nixos-test,big-parallel'
        "#,
        run: &[Run::alice(Expect::Roots(&["machines-feature-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-max-jobs-0",
        doc: "The machine line allows 0 jobs: every build waits for a slot for ever.",
        before: "machines \"$(machine '' '' 0)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-mandatory",
        doc: "The machine line makes nixos-test mandatory: no plain build goes there.",
        before: "machines \"$(machine '' '' 4 1 '' nixos-test)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-port-needs-2-31",
        nix: Nix::Nix226,
        doc: "The machine's URL has a port, which Nix 2.26 hands to ssh as part of the host's name.",
        before: r#"machines "$(machine | sed 's/@linux-builder /@linux-builder:31022 /')""#,
        run: &[
            Run::alice(Expect::Roots(&["machines-port-needs-2-31", "nix-too-old"])),
            Run::alice_sudo(Expect::Roots(&["machines-port-needs-2-31", "nix-too-old"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-no-system",
        doc: "The second column is `-`, by which Nix takes the builder for another Mac.",
        before: "machines \"$(machine -)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-trusted",
        doc: "The word `trusted` stands in the host key's column: ssh refuses the builder.",
        before: "machines \"$(machine '' '' '' '' '' '' trusted)\"",
        run: &[
            Run::alice(Expect::Roots(&["machines-odd-fields"])),
            Run::alice_sudo(Expect::Roots(&["machines-odd-fields"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-key-at-home",
        doc: "The key is ~/.ssh/id_ed25519, which is no absolute path to Nix.",
        before: "machines \"$(machine '' '~/.ssh/id_ed25519')\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-key-at-home-2-26",
        nix: Nix::Nix226,
        doc: "The same, with a Nix that hands the path to ssh, where the alias names the right key as well.",
        before: "machines \"$(machine '' '~/.ssh/id_ed25519')\"",
        run: &[Run::alice(Expect::Warning(&["nix-too-old"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-doubled-scheme",
        doc: "hostName said ssh-ng://, and the protocol was put before it once more.",
        before: "machines \"ssh-ng://$(machine)\"",
        run: &[Run::alice(Expect::Roots(&["machines-odd-fields"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-odd-fields-harmless",
        doc: "No scheme, a speed of 0, and a second machine that is switched off by 0 jobs: builds run.",
        before: r#"
            machines "$(machine '' '' '' 0 | sed 's|^ssh-ng://||')" "ssh-ng://nix@off aarch64-linux - 0 1 - - -"
            printf 'Host off\n  Hostname 127.0.0.1\n  Port 2223\n' | etc_file ssh/ssh_config.d/200-others.conf
        "#,
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            report.finds("machines-odd-fields")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "machines-edited-by-hand",
        doc: "nix-darwin's link was replaced by a file, which works until the next switch.",
        before: "machine >/run/lab/own; rm $HOST/etc/nix/machines; install -m 644 /run/lab/own $HOST/etc/nix/machines",
        run: &[Run::alice(Expect::Warning(&["machines-edited-by-hand"]))],
        ..World::HEALTHY
    },
    World {
        name: "machines-duplicate-builders",
        doc: "nix.buildMachines names the VM a second time, as localhost at its port.",
        before: r#"
            machines "$(machine)" "ssh-ng://builder@localhost:31022 $SYSTEMS $KEY 1 1 $FEATURES - $HOST_KEY"
        "#,
        run: &[Run::alice(Expect::Warning(&["machines-duplicate-builders"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-a-line-for-each-system",
        doc: "The builder has one line for each system, and one for builds that demand kvm.",
        before: r#"
            machines "$(machine aarch64-linux)" "$(machine x86_64-linux)" "$(machine aarch64-linux '' 1 1 '' kvm)"
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "builder-conflict",
        doc: "launchd's label prefix was changed, and the job of the old prefix is left: two VMs for one port.",
        before: r#"
            sed "s/$BUILDER/com.example.linux-builder/g" "$HOST/Library/LaunchDaemons/$BUILDER.plist" \
                >$HOST/Library/LaunchDaemons/com.example.linux-builder.plist
        "#,
        run: &[Run::alice(Expect::Warning(&["builder-conflict"]))],
        ..World::HEALTHY
    },
];
