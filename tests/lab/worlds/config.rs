//! nix.conf: which builders, caches and keys the daemon was told of.

use crate::world::{Expect, Run, World, text};

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
        run: &[Run::alice(Expect::Roots(&["builders-empty"]))],
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
];
