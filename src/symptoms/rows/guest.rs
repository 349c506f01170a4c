//! The VM from inside: what a builder there printed, and what Nix there said.

use super::prelude::*;
use crate::symptoms::paste::Rejection;

/// What makes a build in the VM fail that is not the package's own.
const THERE: &[&str] = &[
    "machines-system-offered-but-not-executable",
    "vm-disk-full",
    "vm-out-of-memory",
    "vm-clock-skew",
    "vm-sandbox-path-missing",
    "vm-dns-hardcoded",
    "vm-certs-share-lost",
    "kvm-missing-in-guest",
    "store-untrusted-by-guest",
    "external-builders-hijack",
    "cache-unreachable",
    "cache-tls-intercepted",
    "cache-ca-bundle-missing",
    "github-rate-limit",
];

pub const ROWS: &[Row] = &[
    Row {
        id: "machines-system-offered-but-not-executable",
        shape: Some(not_executable),
        look_at: "Which systems the VM can run: extra-platforms of its Nix, and its binfmt entries.",
        samples: &[
            sample(
                "building '/nix/store/x-probe-1-x86_64-linux.drv' on 'ssh-ng://builder@linux-builder'...\ncopying 0 paths...\nerror: build of '/nix/store/x-probe-1-x86_64-linux.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/x-probe-1-x86_64-linux.drv'.\n       Reason: platform mismatch\n       Required system: 'x86_64-linux'\n       Current system: 'aarch64-linux'\nerror: Cannot build '/nix/store/x-probe-1-x86_64-linux.drv'.\n       Reason: builder failed with exit code 1.\n       Output paths:\n         /nix/store/x-probe-1-x86_64-linux",
                "Nix 2.34.8, captured",
            ),
            sample(
                "error: build of '/nix/store/x.drv' on 'ssh://builder@linux-builder' failed: error: a 'x86_64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'aarch64-linux' with features {benchmark, big-parallel, kvm, nixos-test}",
                "made after Nix up to 2.29, with the words of a public runbook",
            ),
            sample(
                "error: a 'x86_64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'aarch64-linux' with features {benchmark, big-parallel, kvm, nixos-test}",
                "the same without its frame",
            ),
        ],
        ..ROW
    },
    Row {
        id: "vm-disk-full",
        any: &["preallocating file of * bytes: No space left on device"],
        shape: Some(|paste| full(paste).filter(|_| paste.on_machine)),
        or: &["host-disk-low"],
        look_at: "The room in the VM: sudo ssh linux-builder df -h /nix",
        samples: &[
            sample(
                "building '/nix/store/x-probe-1-aarch64-linux.drv' on 'ssh-ng://builder@linux-builder'...\ncopying 0 paths...\nbuilding '/nix/store/x-probe-1-aarch64-linux.drv'...\nerror: build of '/nix/store/x-probe-1-aarch64-linux.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.\n       Reason: builder failed with exit code 1.\n       Output paths:\n         /nix/store/x-probe-1-aarch64-linux\n       Last 1 log lines:\n       > sh: 1: echo: echo: I/O error\n       For full logs, run:\n         nix log /nix/store/x-probe-1-aarch64-linux.drv\n       note: build failure may have been caused by lack of free disk space",
                "Nix 2.34.8, captured",
            ),
            sample(
                "error: preallocating file of 130048 bytes: No space left on device",
                "Mic92/nixos-shell#30, the number of bytes replaced",
            ),
        ],
        ..ROW
    },
    Row {
        id: "vm-out-of-memory",
        any: &["Killed signal terminated program", "failed due to signal 9", "Out of memory: Killed process"],
        look_at: "The VM's memory against the number of its jobs: sudo ssh linux-builder free -m, and maxJobs.",
        samples: &[
            sample("g++: fatal error: Killed signal terminated program cc1plus", "NixOS/infra#97"),
            sample(
                "error: build of '/nix/store/wbryj56n4iawv2rhf5ldxi7sabripcfx-probe-kill.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/wbryj56n4iawv2rhf5ldxi7sabripcfx-probe-kill.drv'.\n       Reason: builder failed due to signal 9 (Killed).\n       Output paths:\n         /nix/store/mgcn3p36wgjx46m5rbnllw5ayxa6br9b-probe-kill",
                "Nix 2.34.8, captured",
            ),
            sample(
                "Out of memory: Killed process 4242 (cc1plus)",
                "opensim-org/opensim-core#3303, with a number",
            ),
        ],
        ..ROW
    },
    Row {
        id: "vm-clock-skew",
        any: &["certificate is not yet valid", "warning:*Clock skew detected"],
        look_at: "The time in the VM: sudo ssh linux-builder date, against date here.",
        samples: &[
            sample(
                "error: unable to download '.../nixpkgs/archive/....tar.gz':\n  SSL peer certificate ... certificate is not yet valid or the system clock is incorrect (9)",
                "tinylabscom/mvm#1697",
            ),
            sample("make: warning:  Clock skew detected.  Your build may be incomplete.", "spdk/spdk#3462"),
        ],
        ..ROW
    },
    Row {
        id: "vm-sandbox-path-missing",
        any: &["getting attributes of path '/run/"],
        look_at: "extra-sandbox-paths of the VM's Nix, and whether what it names is there.",
        samples: &[sample(
            "error: build of '/nix/store/3w5n0abq7y05jjnh8czpa52025ajfd6l-users-groups.json.drv' on 'ssh-ng://builder@linux-builder' failed: error:\n              … while setting up the build environment\n\n              error: getting attributes of path '/run/rosetta': No such file or directory",
            "cpick/nix-rosetta-builder#40, with the path of nix-darwin/nix-darwin#1192",
        )],
        ..ROW
    },
    Row {
        id: "vm-dns-hardcoded",
        shape: Some(|paste| printed_there(paste, |line| line.contains("could not resolve host"))),
        look_at: "Whether the Mac resolves the name and the VM does not: sudo ssh linux-builder getent hosts NAME.",
        samples: &[sample(
            "building '/nix/store/x-source.drv' on 'ssh-ng://builder@linux-builder'...\nsource> curl: (6) Could not resolve host: nix-cache.example.net\nerror: build of '/nix/store/x-source.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/x-source.drv'.\n       Reason: builder failed with exit code 1.",
            "curl's words of a public runbook, in Nix 2.34.8's frame",
        )],
        ..ROW
    },
    Row {
        id: "vm-certs-share-lost",
        shape: Some(|paste| {
            let trouble = ["ssl certificate problem", "ssl peer certificate", "problem with the ssl ca cert"];
            printed_there(paste, |line| trouble.iter().any(|words| line.contains(words)))
        }),
        unless: &["vm-clock-skew"],
        or: &["vm-certs-env-unset", "cache-tls-intercepted"],
        look_at: "Whether /etc/ssl/certs has certificates in the VM, and /run/org.nixos.linux-builder is there on the Mac.",
        samples: &[sample(
            "building '/nix/store/x-source.drv' on 'ssh-ng://builder@linux-builder'...\nsource> curl: (60) SSL certificate problem: unable to get local issuer certificate\nerror: build of '/nix/store/x-source.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/x-source.drv'.\n       Reason: builder failed with exit code 1.",
            "curl's words in Nix 2.34.8's frame; nix-darwin/nix-darwin#768 tells of it without a capture",
        )],
        ..ROW
    },
    Row {
        id: "kvm-missing-in-guest",
        any: &["Could not access KVM kernel module: No such file or directory"],
        look_at: "Whether the VM has /dev/kvm: sudo ssh linux-builder ls -l /dev/kvm. QEMU's builder has none.",
        samples: &[sample(
            "Could not access KVM kernel module: No such file or directory\nqemu-system-x86_64: failed to initialize KVM: No such file or directory",
            "foxlet/macOS-Simple-KVM#473",
        )],
        ..ROW
    },
    Row {
        id: "store-untrusted-by-guest",
        shape: Some(|paste| {
            let at = paste.first(|line| line.contains("lacks a signature by a trusted key"))?;
            let there = |line: &str| {
                line.contains(" to 'ssh")
                    || line.contains("' on 'ssh")
                    || line.contains("cannot build on 'ssh")
            };
            paste.first(there).map(|_| Seen::at(at))
        }),
        or: &["cache-signature-untrusted"],
        look_at: "Whether the VM's Nix trusts the login: sudo nix store info --store ssh-ng://builder@linux-builder, Trusted.",
        samples: &[sample(
            "copying path '/nix/store/...' to 'ssh://xxx'\nerror: cannot add path '/nix/store/...' because it lacks a signature by a trusted key",
            "tiiuae/ghaf-infra#235",
        )],
        ..ROW
    },
    Row {
        id: "build-fails-in-guest",
        any: &["build of '*' on 'ssh*' failed:"],
        unless: THERE,
        look_at: "The log of the build: nix log, and the derivation that is named. The builder did its work.",
        samples: &[
            sample(
                "probe-fail> make: broken\nerror: build of '/nix/store/g1n5dp5p0fz104lm4hqslf6n4sn04985-probe-fail.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/g1n5dp5p0fz104lm4hqslf6n4sn04985-probe-fail.drv'.\n       Reason: builder failed with exit code 2.\n       Output paths:\n         /nix/store/200h30jlvm1q1akw2svmd88616jxkbjy-probe-fail\n       Last 1 log lines:\n       > make: broken",
                "Nix 2.34.8, captured",
            ),
            sample(
                "error: build of '/nix/store/x-probe.drv' on 'ssh-ng://builder@linux-builder' failed: builder for '/nix/store/x-probe.drv' failed with exit code 1",
                "Nix up to 2.29, build-remote.cc",
            ),
        ],
        ..ROW
    },
];

/// The words for a full disk, wherever it is. They are Nix's, sqlite's, or those of a builder's own log.
pub fn full(paste: &Paste) -> Option<Seen> {
    let words = ["no space left on device", "database or disk is full", "caused by lack of free disk space"];
    paste.first(|line| words.iter().any(|it| line.contains(it))).map(Seen::at)
}

/// A machine took the build, and says that it cannot run its system.
fn not_executable(paste: &Paste) -> Option<Seen> {
    let refused = |it: &&Rejection| {
        let linux = |system: &Option<String>| system.as_ref().is_some_and(|it| it.ends_with("-linux"));
        (it.is_of_a_machine() || paste.on_machine) && it.mismatch && linux(&it.system) && linux(&it.current)
    };
    let rejected = paste.rejections.iter().find(refused).map(|it| {
        let system = it.system.as_deref().unwrap_or_default();
        let current = it.current.as_deref().unwrap_or_default();
        Seen {
            line: it.line,
            detail: Some(format!("The machine took a build for {system}, and is {current}.")),
        }
    });
    let wrong_format = || printed_there(paste, |line| line.contains("exec format error"));
    rejected.or_else(wrong_format)
}

/// A line of a builder that ran on a machine.
fn printed_there(paste: &Paste, wanted: impl Fn(&str) -> bool) -> Option<Seen> {
    let printed = |line: &str| {
        let name = line.trim_start().split_once('>').map(|(name, _)| name);
        name.is_some_and(|name| !name.contains(char::is_whitespace)) && wanted(line)
    };
    if paste.on_machine { paste.first(printed).map(Seen::at) } else { None }
}
