//! nix.conf: which builders, caches and keys the daemon was told of.

use crate::world::{Expect, Run, Who, World, text};

pub const WORLDS: &[World] = &[
    World {
        name: "builders-empty",
        doc: "nix.conf says `builders =`, and the daemon was started on it.",
        before: "edit_etc nix/nix.conf 's/^builders-use-substitutes/builders =\\n&/'",
        run: &[Run::alice(Expect::Roots(&["builders-empty"]))],
        ..World::HEALTHY
    },
    World {
        name: "builders-empty-in-environment",
        doc: "A variable in the shell, NIX_CONFIG, says `builders =`; the files are right.",
        before: "LAB_ENV=('NIX_CONFIG=builders =')",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["builders-empty"]).check(report)?;
            report.sees("by NIX_CONFIG in this shell; only for you")?;
            report.advises("unset NIX_CONFIG")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "daemon-stale-config",
        doc: "nix.conf said `builders =` when the daemon was started, and was mended since.",
        before: "edit_etc nix/nix.conf 's/^builders-use-substitutes/builders =\\n&/'",
        after: "edit_etc nix/nix.conf '/^builders =/d'",
        run: &[Run::alice(Expect::Roots(&["daemon-stale-config"]))],
        ..World::HEALTHY
    },
    World {
        name: "substituter-missing",
        doc: "nix.conf lacks the project's cache.",
        before: "edit_etc nix/nix.conf '/^extra-substituters/d'",
        run: &[Run::alice(Expect::Roots(&["substituter-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "trusted-key-missing",
        doc: "nix.conf lacks the key of the project's cache.",
        before: "edit_etc nix/nix.conf '/^extra-trusted-public-keys/d'",
        run: &[Run::alice(Expect::Roots(&["trusted-key-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "trusted-key-typo",
        doc: "The key of the project's cache has one wrong character.",
        before: "edit_etc nix/nix.conf 's/dGZlQOvK/dGZIQOvK/'",
        run: &[Run::alice(Expect::Roots(&["trusted-key-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "two-causes",
        doc: "nix.conf lacks the project's cache, and the builder's job was booted out.",
        before: "
            edit_etc nix/nix.conf '/^extra-substituters/d'
            job_unload $BUILDER
        ",
        run: &[Run::alice(Expect::Roots(&["builder-service-not-loaded", "substituter-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "determinate-vs-nix-darwin",
        doc: "Determinate's Nix beside nix-darwin, whose nix.linux-builder therefore cannot be on: there is no builder.",
        before: "determinate; no_builder",
        run: &[
            Run::alice(Expect::Roots(&["determinate-vs-nix-darwin"])),
            Run::alice_sudo(Expect::Roots(&["determinate-vs-nix-darwin"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "nixpkgs-qemu-vm-virtiofs-window",
        doc: "There is no builder yet, and the lock of nix-darwin's flake has a nixpkgs of 1 September 2026.",
        before: r#"
            no_builder
            mkdir -p $HOST/etc/nix-darwin
            cat >$HOST/etc/nix-darwin/flake.lock <<'JSON'
{"nodes":{"nixpkgs":{"locked":{"lastModified":1788220800,"owner":"NixOS","repo":"nixpkgs","rev":"a0991c886dc83e6e9de01d5266e4842985b1850e","type":"github"}},"root":{"inputs":{"nixpkgs":"nixpkgs"}}},"root":"root","version":7}
JSON
        "#,
        run: &[Run::alice(Expect::Roots(&["nixpkgs-qemu-vm-virtiofs-window"]))],
        ..World::HEALTHY
    },
    World {
        name: "nix-custom-conf-clash",
        doc: "nix-darwin manages nix.conf, and somebody's settings stand in nix.custom.conf, which nothing includes.",
        before: r#"
            edit_etc nix/nix.conf '/nix.custom.conf/d'
            # What nix-darwin 389f6b89 says; what is around it is shortened.
            cat >$(echo $HOST/nix/store/*-darwin-system-26.05)/activate <<'END'
nixCustomConfKnownSha256Hashes=(
  # v0.33.0
  6787fade1cf934f82db554e78e1fc788705c2c5257fddf9b59bdd963ca6fec63
)
printf >&2 '\e[1;31merror: custom settings in `/etc/nix/nix.custom.conf`, aborting activation\e[0m\n'
END
            echo 'keep-going = true' >$HOST/etc/nix/nix.custom.conf
        "#,
        run: &[Run::alice(Expect::Warning(&["nix-custom-conf-clash"]))],
        ..World::HEALTHY
    },
    World {
        name: "nix-custom-conf-clash-included",
        doc: "The same file, and nix.conf includes it: whoever wrote that wants it, and the next switch aborts all the same.",
        before: r#"
            # What nix-darwin 389f6b89 says; what is around it is shortened.
            cat >$(echo $HOST/nix/store/*-darwin-system-26.05)/activate <<'END'
nixCustomConfKnownSha256Hashes=(
  # v0.33.0
  6787fade1cf934f82db554e78e1fc788705c2c5257fddf9b59bdd963ca6fec63
)
printf >&2 '\e[1;31merror: custom settings in `/etc/nix/nix.custom.conf`, aborting activation\e[0m\n'
END
            echo 'keep-going = true' >$HOST/etc/nix/nix.custom.conf
        "#,
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            match report.findings().iter().map(|finding| text(finding, "id")).collect::<Vec<_>>().as_slice() {
                ["nix-custom-conf-clash"] => Ok(()),
                other => Err(format!("the findings are {other:?}")),
            }
        }))],
        ..World::HEALTHY
    },
    World {
        name: "extra-platforms-claims-linux",
        doc: "nix.conf says that the Mac runs aarch64-linux; the builder works.",
        before: "setting extra-platforms 'x86_64-darwin aarch64-linux'",
        run: &[Run::alice(Expect::Warning(&["extra-platforms-claims-linux"]))],
        ..World::HEALTHY
    },
    World {
        name: "extra-platforms-claims-linux-ignored",
        doc: "NIX_CONFIG says that the Mac runs aarch64-linux, and the daemon does not trust alice.",
        before: "LAB_ENV=('NIX_CONFIG=extra-platforms = aarch64-linux')",
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            report.advises("unset NIX_CONFIG")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "max-jobs-zero",
        doc: "nix.conf says `max-jobs = 0`, and the only machine is the Linux builder.",
        before: "setting max-jobs 0",
        run: &[Run::alice(Expect::Warning(&["max-jobs-zero"]))],
        ..World::HEALTHY
    },
    World {
        name: "max-jobs-zero-in-own-file",
        doc: "alice's own nix.conf says `max-jobs = 0`: only she is hurt, and mends it there.",
        before: "echo 'max-jobs = 0' | own_conf",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Warning(&["max-jobs-zero"]).check(report)?;
            report.sees("only for you: the system's files say `max-jobs = auto`")?;
            report.advises("/Users/<user-1>/.config/nix/nix.conf")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-max-jobs-zero",
        doc: "`max-jobs = 0`, and another Mac builds what is for Macs.",
        before: r#"
            setting max-jobs 0
            machines "$(machine)" "ssh://admin@mini aarch64-darwin,x86_64-darwin - 8 2"
        "#,
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "external-builders-hijack",
        doc: "external-builders hands Linux builds to a program that answers as Determinate's native builder does where it is not available.",
        before: "no_vm; refusing_native_builder",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["external-builders-hijack"]).check(report)?;
            report.sees("The Native Linux Builder is not currently available")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "external-builders-hijack-feature-off",
        doc: "external-builders is set, its experimental feature is off, and there is no machine.",
        before: "no_vm; native_builder; sed -i /extra-experimental-features/d $LAB/nix.conf",
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["external-builders-hijack"]).check(report)?;
            report.sees("experimental Nix feature 'external-builders' is disabled")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "external-builders-beside-a-machine",
        doc: "external-builders names a program that fails, and upstream's Nix asks the machine first, which works.",
        before: "refusing_native_builder",
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            report.finds("builder-conflict")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "builders-inline-shadows-machines-file",
        doc: "nix.conf has the line of the nixpkgs manual, without features, in the place of the machines file.",
        before: "setting builders \"ssh-ng://builder@linux-builder $SYSTEMS $KEY 4 - - - $HOST_KEY\"",
        run: &[Run::alice(Expect::Roots(&["builders-inline-shadows-machines-file"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-inline-builders",
        doc: "nix.conf has the same machine as the machines file.",
        before: "setting builders \"$(machine)\"",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "builders-inline-in-trusted-environment",
        doc: "alice is trusted, and her NIX_CONFIG names another machine: the daemon heeds it, for her alone.",
        before: r#"
            setting trusted-users 'root alice'
            LAB_ENV=("NIX_CONFIG=builders = ssh-ng://builder@linux-builder x86_64-linux $KEY 4 1 $FEATURES - $HOST_KEY")
        "#,
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["builders-inline-shadows-machines-file"]).check(report)?;
            report.advises("unset NIX_CONFIG")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "client-setting-refused-untrusted",
        doc: "alice's own nix.conf names a machine, and the daemon, which does not trust her, uses the system's.",
        before: "echo 'builders = ssh-ng://nobody@nowhere aarch64-linux' | own_conf",
        run: &[
            Run::alice(Expect::Warning(&["client-setting-refused-untrusted"])),
            Run {
                who: Who::Alice,
                args: &["--json", "--quick"],
                expect: Expect::Warning(&["client-setting-refused-untrusted"]),
            },
        ],
        ..World::HEALTHY
    },
    World {
        name: "client-setting-refused-untrusted-only-builder",
        doc: "The builder is declared in alice's own nix.conf alone, which the daemon ignores.",
        before: r#"
            echo "builders = $(machine)" | own_conf
            remove_etc nix/machines
        "#,
        run: &[Run::alice(Expect::That(|report| {
            Expect::Roots(&["client-setting-refused-untrusted"]).check(report)?;
            report.advises("nix.buildMachines = [ { hostName = \\\"linux-builder\\\";")
        }))],
        ..World::HEALTHY
    },
    World {
        name: "client-setting-refused-trusted-root",
        doc: "The same file of root's, whom the daemon trusts.",
        before: r#"
            mkdir -p $HOST/var/root/.config/nix
            echo "builders = $(machine)" >$HOST/var/root/.config/nix/nix.conf
        "#,
        run: &[Run::root(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "nix-remote-systems-env",
        doc: "The Nix daemon's environment has NIX_REMOTE_SYSTEMS, which names a file that is not there.",
        before: "daemon_variable NIX_REMOTE_SYSTEMS=/etc/nix/old-machines",
        run: &[
            Run::alice(Expect::Roots(&["nix-remote-systems-env"])),
            Run {
                who: Who::Alice,
                args: &["--json", "--quick"],
                expect: Expect::Roots(&["nix-remote-systems-env"]),
            },
        ],
        ..World::HEALTHY
    },
    World {
        name: "nix-remote-systems-env-in-shell",
        doc: "alice's shell has NIX_REMOTE_SYSTEMS: nix config show heeds it, the daemon does not hear of it.",
        before: "LAB_ENV=('NIX_REMOTE_SYSTEMS=/tmp/none')",
        run: &[
            Run::alice(Expect::That(remote_systems_of_a_shell)),
            Run {
                who: Who::Alice,
                args: &["--json", "--quick"],
                expect: Expect::That(remote_systems_of_a_shell),
            },
        ],
        ..World::HEALTHY
    },
    World {
        name: "host-system-features-overridden",
        doc: "nix.conf sets system-features without nixos-test and apple-virt.",
        before: "setting system-features 'benchmark big-parallel'",
        run: &[Run::alice(Expect::Warning(&["host-system-features-overridden"]))],
        ..World::HEALTHY
    },
    World {
        name: "builders-use-substitutes-off",
        doc: "The line builders-use-substitutes is gone, so that Nix's default holds.",
        before: "edit_etc nix/nix.conf '/^builders-use-substitutes/d'",
        run: &[Run::alice(Expect::That(|report| {
            report.no_alarm()?;
            report.finds("builders-use-substitutes-off")
        }))],
        ..World::HEALTHY
    },
];

// Not made here, and covered by the checks' examples: macOS's own words for a Linux program (`Undefined error: 0`), as a
// Linux kernel runs it; a Determinate Nix that asks external-builders before any machine, as the lab's is upstream's.

fn remote_systems_of_a_shell(report: &crate::world::Report) -> Result<(), String> {
    report.no_alarm()?;
    report.finds("nix-remote-systems-env")?;
    report.advises("unset NIX_REMOTE_SYSTEMS")
}
