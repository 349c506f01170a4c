//! Nix's installation, its configuration, and its daemon.

use super::prelude::*;

pub const ROWS: &[Row] = &[
    Row {
        id: "daemon-not-running",
        any: &[
            "cannot connect to socket at '",
            "cannot connect to daemon at '",
            "could not set permissions on '/nix/var/nix/profiles/per-user' to 755",
        ],
        look_at: "Whether the daemon's job is loaded and runs, by the label of this Nix.",
        samples: &[
            sample(
                "{\"url\":\"daemon\"}\nerror: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory",
                "Nix 2.34.8, captured",
            ),
            sample(
                "error: cannot connect to daemon at '/nix/var/nix/daemon-socket/socket': Connection refused\n(use '--show-trace' to show detailed location information)",
                "NixOS/nix#1980",
            ),
            sample(
                "error: could not set permissions on '/nix/var/nix/profiles/per-user' to 755: Operation not permitted",
                "NixOS/nix#3435",
            ),
        ],
        ..ROW
    },
    Row {
        id: "daemon-user-not-allowed",
        any: &["is not allowed to connect to the Nix daemon"],
        look_at: "allowed-users, and whether the user is in the group nixbld, which the daemon never serves.",
        samples: &[sample(
            "error: user 'alice' is not allowed to connect to the Nix daemon",
            "Nix's daemon.cc",
        )],
        ..ROW
    },
    Row {
        id: "daemon-label-is-determinate",
        any: &["Could not find service \"org.nixos.nix-daemon\""],
        or: &["daemon-not-running"],
        look_at: "Whether /usr/local/bin/determinate-nixd is there: the daemon's label is systems.determinate.nix-daemon then.",
        samples: &[sample(
            "Bad request.\nCould not find service \"org.nixos.nix-daemon\" in domain for system",
            "launchctl's words for systems.determinate.nix-daemon (macOS 26.6.2), with the other label",
        )],
        ..ROW
    },
    Row {
        id: "nix-daemon-too-old",
        any: &["the Nix daemon version is too old"],
        look_at: "nix --version against the version that nix store info says.",
        samples: &[sample("error: the Nix daemon version is too old", "Nix's remote-store.cc")],
        ..ROW
    },
    Row {
        id: "nix-config-unreadable",
        any: &["syntax error in configuration line '"],
        look_at: "The file that the line names.",
        samples: &[sample(
            "error: syntax error in configuration line 'max-jobs' in '/etc/nix/nix.conf'",
            "Nix's config.cc",
        )],
        ..ROW
    },
    Row {
        id: "experimental-features-missing",
        any: &["experimental Nix feature '*' is disabled"],
        look_at: "nix config show experimental-features.",
        samples: &[sample(
            "error: experimental Nix feature 'nix-command' is disabled; add '--extra-experimental-features nix-command' to enable it",
            "Nix's error, as in public runbooks",
        )],
        ..ROW
    },
    Row {
        id: "external-builders-hijack",
        any: &[
            "failed to set up Native Linux Builder",
            "The Native Linux Builder is not currently available",
            "Ignoring setting 'external-builders' because experimental feature",
        ],
        look_at: "nix config show external-builders: what stands there takes Linux builds before any machine does.",
        samples: &[
            sample(
                "Error: failed to set up Native Linux Builder\nCaused by: HTTP status code 400 Bad Request, reply:\nThe Native Linux Builder is not currently available.",
                "a public runbook on Determinate's Nix",
            ),
            sample(
                "warning: Ignoring setting 'external-builders' because experimental feature 'external-builders' is not enabled",
                "Nix's config.cc, as in DeterminateSystems/nix-installer#847",
            ),
            sample(
                "The Native Linux Builder is not currently available.",
                "a public runbook on Determinate's Nix",
            ),
        ],
        ..ROW
    },
    Row {
        id: "builders-bad-machine-spec",
        any: &[
            "bad machine specification:",
            "while parsing machine specification at a column #",
            "a column #*is not valid base64 string",
            "speed factor must be >= 0",
            "while reading the response from the build hook",
            "build hook died unexpectedly",
        ],
        look_at: "The line of the machines file that is quoted, column by column; Nix counts columns from 0.",
        samples: &[
            sample(
                "error: bad machine specification: failed to convert column #3 in a row: 'ssh-ng://builder@linux-builder ${ARCH}-linux /etc/nix/builder_ed25519 ${MAX_JOBS} - - - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=' to 'unsigned int'\nerror:\n       … while reading the response from the build hook\n\n       error: unexpected EOF reading a line",
                "a public runbook, verbatim",
            ),
            sample(
                "error: a column #7 in a row: 'ssh-ng://b aarch64-linux - 1 1 - - x' is not valid base64 string",
                "Nix's machines.cc up to 2.24",
            ),
            sample(
                "       … while parsing machine specification at a column #7 in a row: 'ssh-ng://b aarch64-linux - 1 1 - - x'",
                "Nix's machines.cc",
            ),
            sample("error: speed factor must be >= 0", "Nix's machines.cc"),
            sample("error: build hook died unexpectedly: ", "Nix's derivation-building-goal.cc"),
        ],
        ..ROW
    },
];
