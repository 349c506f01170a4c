//! The nix command.

use crate::world::{Expect, Run, World, text};

pub const WORLDS: &[World] = &[
    World {
        name: "nix-not-installed",
        doc: "There is no Nix on this Mac, and never was.",
        before: r#"
            rm -rf $HOST/nix/store/*-nix-2* $HOST/nix/store/*darwin-system* $HOST/nix/var $HOST/run/current-system \
                $HOST/etc/nix $HOST/etc/static $HOST/etc/ssh/ssh_config.d/* $HOST/Library/LaunchDaemons/org.nixos.*
            job_unload $BUILDER
            job_unload $DAEMON
        "#,
        run: &[Run::alice(Expect::Roots(&["nix-not-installed"]))],
        ..World::HEALTHY
    },
    World {
        name: "nix-off-path",
        doc: "nix is installed and works, and the shell's PATH does not lead to it.",
        before: r#"
            rm -rf $HOST/run/current-system
            MAC_PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
        "#,
        run: &[Run::alice(Expect::That(|report| report.no_alarm()))],
        ..World::HEALTHY
    },
    World {
        name: "nix-mixed-versions",
        doc: "A second nix lies in /usr/local/bin, behind the first on PATH.",
        before: r"
            printf '#!/bin/sh\necho nix 2.18.1\n' >$HOST/usr/local/bin/nix
            chmod 755 $HOST/usr/local/bin/nix
        ",
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            let first = report.findings().first().map(|finding| text(finding, "id"));
            if first == Some("nix-mixed-versions") {
                Ok(())
            } else {
                Err(format!("the first finding is {first:?}"))
            }
        }))],
        ..World::HEALTHY
    },
    World {
        name: "nix-config-unreadable",
        doc: "nix.conf has a syntax error since an edit; the daemon still runs with the old one.",
        after: "edit_etc nix/nix.conf 's/^max-jobs = auto/max-jobs auto/'",
        run: &[Run::alice(Expect::Roots(&["nix-config-unreadable"]))],
        ..World::HEALTHY
    },
    World {
        name: "experimental-features-missing",
        doc: "nix.conf enables neither nix-command nor flakes.",
        before: "edit_etc nix/nix.conf '/^experimental-features/d'",
        run: &[Run::alice(Expect::That(|report| match report.causes().first() {
            Some(&"experimental-features-missing") => Ok(()),
            other => Err(format!("the first cause is {other:?}, not experimental-features-missing")),
        }))],
        ..World::HEALTHY
    },
    World {
        name: "shell-hook-wiped",
        doc: "An update of macOS replaced /etc/bashrc, so that alice's shell, which is bash, no longer finds nix.",
        before: r#"
            remove_etc bashrc
            printf '# System-wide .bashrc file for interactive bash(1) shells.\nshopt -s checkwinsize\n' >$HOST/etc/bashrc
            MAC_PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
        "#,
        run: &[Run::alice(Expect::Warning(&["shell-hook-wiped"]))],
        ..World::HEALTHY
    },
    // A Nix below 2.20, by which nix-too-old is an error, is not in the lab; examples cover it.
];
