//! Warnings, and what is said only where nothing else is.

use super::prelude::*;

pub const ROWS: &[Row] = &[
    Row {
        id: "cache-untrusted-substituter",
        any: &["ignoring untrusted substituter '"],
        look_at: "Which caches the system's own settings name: those of a user or a flake count only for trusted users.",
        samples: &[sample(
            "warning: ignoring untrusted substituter 'https://rstats-on-nix.cachix.org', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option.",
            "a public log",
        )],
        ..ROW
    },
    Row {
        id: "cache-signature-untrusted",
        any: &[
            "not signed by any of the keys in 'trusted-public-keys'",
            "lacks a signature by a trusted key",
            "lacks a valid signature",
        ],
        unless: &["store-untrusted-by-guest"],
        or: &["trusted-key-missing", "cache-key-mismatch", "store-untrusted-by-guest"],
        look_at: "The name in the Sig line of the path's narinfo, against trusted-public-keys where the path arrives: on the \
                  Mac, or in the VM.",
        samples: &[
            sample(
                "warning: ignoring substitute for '/nix/store/a9izyy63lql8kcj7dc04djv480xdf9y8-system-units' from 'https://colemickens.cachix.org', as it's not signed by any of the keys in 'trusted-public-keys'\nerror: build of '/nix/store/a9izyy63lql8kcj7dc04djv480xdf9y8-system-units' failed",
                "NixOS/nix#8254",
            ),
            sample(
                "error: cannot add path '/nix/store/d40xxmzclr4wq46c7ifbqzsm4zklk702-hwloc-2.14.0-lib' because it lacks a signature by a trusted key",
                "NixOS/nix#16500",
            ),
            sample(
                "error: cannot add path '/nix/store/9gzllmgssd217gfh743zxf7jbq4lvdqi-lingering-users' because it lacks a valid signature",
                "NixOS/nix#5343",
            ),
        ],
        ..ROW
    },
    Row {
        id: "client-setting-refused-untrusted",
        any: &["ignoring the client-specified setting '", "ignoring the user-specified setting '"],
        look_at: "The setting that is named: it belongs into the system's configuration, as the daemon heeds only trusted users.",
        samples: &[
            sample(
                "warning: ignoring the client-specified setting 'trusted-public-keys', because it is a restricted setting and you are not a trusted user",
                "Mic92/nixbot#13",
            ),
            sample(
                "warning: ignoring the user-specified setting 'builders', because it is a restricted setting and you are not a trusted user",
                "NixOS/nix#3247",
            ),
        ],
        ..ROW
    },
    Row {
        id: "nix-mixed-versions",
        any: &[
            "Multiple versions of nix found in PATH",
            "protocol version of this client does not match the store",
        ],
        look_at: "nix --version of each nix on PATH, and the version that nix store info says.",
        samples: &[
            sample(
                "[FAIL] Multiple versions of nix found in PATH:\n  /nix/store/kwjkrmrv6psngnzmg5xbzhlygn524fbj-nix-2.24.9/bin\n  /nix/store/x11cpsjg4q236msfz5scc325pfp9xy64-nix-2.15.1/bin\n\n[PASS] All profiles are gcroots.",
                "nix-darwin/nix-darwin#931",
            ),
            sample(
                "[FAIL] Warning: protocol version of this client does not match the store.\nWhile this is not necessarily a problem it's recommended to keep the client in\nsync with the daemon.\n\nClient protocol: 1.33\nStore protocol: 1.21",
                "NixOS/nix#6342",
            ),
        ],
        ..ROW
    },
    Row {
        id: "nix-too-old",
        any: &["unknown setting '"],
        alone: true,
        or: &["nix-config-unreadable", "nix-mixed-versions"],
        look_at: "The setting that is named: this Nix does not know it, since it is too old, another kind of Nix, or the name \
                  is mistyped.",
        samples: &[sample(
            "warning: unknown setting 'eval-cores'",
            "Nix's config.cc, with a setting of Determinate's Nix",
        )],
        ..ROW
    },
    Row {
        id: "vm-no-log-configured",
        any: &["No value at that key path or invalid key path: Standard"],
        alone: true,
        harmless: true,
        look_at: "Whether the plist of the builder's job names a log at all: nix-darwin sets none.",
        samples: &[sample(
            "/Library/LaunchDaemons/org.nixos.linux-builder.plist: Could not extract value, error: No value at that key path or invalid key path: StandardErrorPath",
            "the words of macOS's plutil, not captured",
        )],
        ..ROW
    },
    Row {
        id: "ssh-half-open-hang",
        shape: Some(|paste| {
            let dials = |line: &str| line.starts_with("connecting to 'ssh") && line.ends_with("'...");
            let builds = |line: &str| {
                line.starts_with("building '") && line.contains("' on 'ssh") && line.ends_with("'...")
            };
            let given_up = |line: &str| line == "error: interrupted by the user";
            paste.last(|line| dials(line) || builds(line) || given_up(line)).map(Seen::at)
        }),
        alone: true,
        or: &["vm-unresponsive", "waiting-for-machine", "machines-odd-fields"],
        look_at: "Whether nothing had come for minutes then. If so, whether an ssh to the builder is older than the VM: \
                  ps -axo pid,etime,command | grep linux-builder",
        samples: &[
            sample(
                "this derivation will be built:\n  /nix/store/x-probe.drv\nbuilding '/nix/store/x-probe.drv' on 'ssh-ng://builder@linux-builder'...",
                "Nix 2.34.8, captured to where it hangs",
            ),
            sample(
                "connecting to 'ssh-ng://builder@linux-builder'...",
                "nix-darwin/nix-darwin#913, its first line",
            ),
        ],
        ..ROW
    },
    Row {
        id: "builders-use-substitutes-off",
        shape: Some(|paste| {
            paste.last(|line| line.starts_with("copying dependencies to 'ssh")).map(Seen::at)
        }),
        alone: true,
        harmless: true,
        look_at: "nix config show builders-use-substitutes: with false, this Mac sends the builder what it could download.",
        samples: &[sample(
            "copying dependencies to 'ssh-ng://builder@linux-builder'...",
            "Nix's build-remote.cc",
        )],
        ..ROW
    },
    Row {
        id: "probe-was-substituted",
        shape: Some(|paste| {
            let failed = |line: &str| line.contains("error:") || line.starts_with("building '");
            let fetched = |line: &str| line.starts_with("copying path '") && line.contains("' from 'http");
            if paste.first(failed).is_some() { None } else { paste.first(fetched).map(Seen::at) }
        }),
        alone: true,
        harmless: true,
        look_at: "Whether a line begins with building and names a machine: without one, nothing was built.",
        samples: &[sample(
            "this path will be fetched (0.05 MiB download, 0.24 MiB unpacked):\n  /nix/store/1agnlk14x6r3jhv67gzmjv9i2akrcmkh-hello-2.12.1\ncopying path '/nix/store/1agnlk14x6r3jhv67gzmjv9i2akrcmkh-hello-2.12.1' from 'https://cache.nixos.org'...",
            "NixOS/nix#7178",
        )],
        ..ROW
    },
];
