//! Who takes a build: what Nix required, what the machines offer, and why nobody did.

use super::prelude::*;
use crate::symptoms::paste::{Rejection, Table};

/// What says why the machine that fits could not be used.
const REFUSED: &[&str] = &["machines-system-not-offered", "machines-feature-missing", "machines-odd-fields"];

pub const ROWS: &[Row] = &[
    Row {
        id: "machines-system-not-offered",
        shape: Some(|paste| table(paste, |lack| matches!(lack, Lack::System))),
        look_at: "The second column of the machines file.",
        samples: &[sample(
            "Failed to find a machine for remote build!\nderivation: bm173dm4why0gsh6h485v6q9dgz1r9gb-nv-codec-headers-11.1.5.2.drv\nrequired (system, features): (i686-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([x86_64-linux], 1, [], [])",
            "nix-community/nixos-anywhere#169",
        )],
        ..ROW
    },
    Row {
        id: "machines-feature-missing",
        shape: Some(|paste| table(paste, |lack| matches!(lack, Lack::Features(_)))),
        look_at: "The sixth column of the machines file.",
        samples: &[sample(
            "Failed to find a machine for remote build!\nderivation: x-probe-1-aarch64-linux.drv\nrequired (system, features): (aarch64-linux, [nixos-test])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm], [])\nerror: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.\n       Reason: local builds are disabled (max-jobs = 0)\n       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
            "Nix 2.34.8, captured",
        )],
        ..ROW
    },
    Row {
        id: "machines-odd-fields",
        shape: Some(|paste| table(paste, |lack| matches!(lack, Lack::Mandatory(_) | Lack::Slots))),
        look_at: "The fourth column of the machines file, which must not be 0, and the seventh: what it names, a build must \
                  require.",
        samples: &[sample(
            "Failed to find a machine for remote build!\nderivation: x-probe-1-aarch64-linux.drv\nrequired (system, features): (aarch64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [nixos-test])\nerror: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
            "Nix 2.34.8, captured, two lines left out",
        )],
        ..ROW
    },
    Row {
        id: "machines-duplicate-builders",
        shape: Some(twice),
        unless: REFUSED,
        look_at: "Whether two lines of the machines file lead to one VM: ssh -G of each host, hostname and port.",
        samples: &[
            sample(
                "ssh://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 1 1 kvm,benchmark,big-parallel - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=\nssh://builder@localhost aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 1 1 benchmark,big-parallel,kvm - -",
                "a public runbook's /etc/nix/machines",
            ),
            Sample {
                text: "Failed to find a machine for remote build!\nderivation: x.drv\nrequired (system, features): (aarch64-linux, [])\n2 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 1, [benchmark, big-parallel, kvm], [])\n([aarch64-linux, x86_64-linux], 1, [benchmark, big-parallel, kvm], [])",
                from: "Nix 2.34.8's frame around the machines of a public runbook",
                also: &["machine-disabled-after-first-error"],
            },
        ],
        ..ROW
    },
    Row {
        id: "machine-disabled-after-first-error",
        shape: Some(disabled),
        look_at: "The first line of the whole output that begins with cannot build on: it says why the machine was given up.",
        samples: &[
            sample(
                "Failed to find a machine for remote build!\nderivation: x-probe-1-aarch64-linux.drv\nrequired (system, features): (aarch64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [benchmark, big-parallel, kvm], [])",
                "the table of cpick/nix-rosetta-builder#40, for a Linux derivation",
            ),
            sample(
                "Failed to find a machine for remote build!\nderivation: a.drv\nrequired (system, features): (aarch64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [benchmark, big-parallel, kvm], [])\nFailed to find a machine for remote build!\nderivation: b.drv\nrequired (system, features): (aarch64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [benchmark, big-parallel, kvm], [])",
                "the same, twice",
            ),
        ],
        ..ROW
    },
    Row {
        id: "bootstrap-chicken-and-egg",
        shape: Some(|paste| rejection(paste, |it| it.is_for_linux() && is_of_the_builder(&it.derivation))),
        look_at: "Whether nix.linux-builder.config was changed, or nixpkgs is newer than the cache: the builder itself has to \
                  be built.",
        samples: &[
            sample(
                "error: a 'aarch64-linux' with features {} is required to build '/nix/store/lk8i8sflk65q5i8lx3xa7xka3pkqd7qp-append-initrd-secrets.drv', but I am a 'aarch64-darwin' with features {benchmark, big-parallel, nixos-test}",
                "NixOS/nixpkgs#257686",
            ),
            sample(
                "error: a 'aarch64-linux' is required to build '/nix/store/0lcllwrkw2f4xqpkpx5hzdmnr7r6b35c-append-initrd-secrets.drv', but I am a 'x86_64-linux'",
                "NixOS/nixpkgs#39959",
            ),
        ],
        ..ROW
    },
    Row {
        id: "rebuild-check-forces-local",
        shape: Some(|paste| {
            rebuilt(paste).and(nobody(paste, |_| true)).or_else(|| rebuilt(paste).and(foreign(paste)))
        }),
        unless: &["bootstrap-chicken-and-egg"],
        look_at: "The command: with --rebuild, --check or --repair Nix asks no machine.",
        samples: &[
            sample(
                "$ nix build --rebuild .#probe\nerror: Cannot build '/nix/store/x-probe.drv'.\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
                "Nix 2.34.8, captured, with the command",
            ),
            sample(
                "1. Run `nix-build -A hello --system aarch64-linux --check` from a Nixpkgs checkout\nerror: executing '/nix/store/wnmp2svv1amz605gpapxd6400f7nclfg-bash-5.2p37/bin/bash': Undefined error: 0",
                "NixOS/nix#7178, with the error of cpick/nix-rosetta-builder#19",
            ),
        ],
        ..ROW
    },
    Row {
        id: "preferlocal-ifd-surprises",
        shape: Some(|paste| {
            let evaluating = |line: &str| {
                line.contains("while realising the context of") || line.contains("import from derivation")
            };
            paste.first(evaluating).and(nobody(paste, |_| true))
        }),
        unless: &["bootstrap-chicken-and-egg", "rebuild-check-forces-local"],
        or: &["builders-empty"],
        look_at: "Which expression reads what a Linux build made: nix build --show-trace.",
        samples: &[sample(
            "error:\n       … while calling the 'import' builtin\n         at «string»:1:1:\n\n       … while realising the context of path '/nix/store/njlxlz42lly4bxy47f298jy3ivdclj6m-probe-ifd'\n\n       error: Cannot build '/nix/store/d6jxsdzirgvifqr52czbcsz69l55hzbs-probe-ifd.drv'.\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
            "Nix 2.34.8, captured, its excerpt of the expression left out",
        )],
        ..ROW
    },
    Row {
        id: "builders-empty",
        shape: Some(|paste| nobody(paste, |it| !is_of_the_builder(&it.derivation)).or_else(|| empty(paste))),
        unless: &["rebuild-check-forces-local", "preferlocal-ifd-surprises"],
        or: &["machines-file-missing", "builder-not-configured", "rebuild-check-forces-local"],
        look_at: "nix config show builders, then whether /etc/nix/machines is there: Nix read no machine, as it names none.",
        samples: &[
            sample(
                "error: Cannot build '/nix/store/m7c4ksyqlxdlpg15rkqly5msh4lcbnc0-echo-server.drv'.\n       Reason: required system or feature not available\n       Required system: 'aarch64-linux' with features {}\n       Current system: 'aarch64-darwin' with features {apple-virt, benchmark, big-parallel, nixos-test}\nerror: Cannot build '/nix/store/dcfznqy52jnkskqf0db9qvg3vy7djp8f-echo-server-base.json.drv'.\n       Reason: 1 dependency failed.\n       Output paths:\n         /nix/store/c384ppswa5n1j6yybg07flmr7s9h7rji-echo-server-base.json\nerror: Build failed due to failed dependency",
                "a public log of Nix 2.30 to 2.33",
            ),
            sample(
                "error: Cannot build '/nix/store/...-probe.drv'\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
                "a public log of Nix 2.34, its path shortened by its author",
            ),
            sample(
                "error: Cannot build '/nix/store/gp64xxij16i15m9dcbmpna6pygb8nw8q-system-path.drv'.\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'x86_64-linux'",
                "a public log of Nix 2.34 on Linux",
            ),
            sample(
                "error: a 'x86_64-linux' with features {} is required to build '/nix/store/3iairhjpfbwrca1jmrmsripzln5ag25q-addintegrityfields.js.drv', but I am a 'aarch64-darwin' with features {benchmark, big-parallel, nixos-test}",
                "svanderburg/node2nix#297",
            ),
            sample(
                "error: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.\n       Reason: local builds are disabled (max-jobs = 0)\n       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
                "Nix 2.34.8, captured",
            ),
            sample("$ nix config show | grep '^builders ='\nbuilders =", "nix-darwin/nix-darwin#1081"),
        ],
        ..ROW
    },
    Row {
        id: "builders-inline-shadows-machines-file",
        any: &["builders = ssh"],
        look_at: "Whether builders names the machines file, as @/etc/nix/machines: what stands there instead is all that Nix reads.",
        samples: &[sample(
            "builders = ssh-ng://builder@linux-builder aarch64-linux /etc/nix/builder_ed25519 4 - - - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=",
            "nixpkgs' manual on darwin.linux-builder",
        )],
        ..ROW
    },
    Row {
        id: "host-system-features-overridden",
        shape: Some(|paste| rejection(paste, Rejection::is_for_features)),
        or: &["host-cannot-virtualise"],
        look_at: "nix config show system-features: this build runs on the Mac itself, and one of these is not there.",
        samples: &[
            sample(
                "this derivation will be built:\n  /nix/store/1c99pnxlwlhbl44n2ijnjslxm0vafi76-probe-f.drv\nFailed to find a machine for remote build!\nderivation: 1c99pnxlwlhbl44n2ijnjslxm0vafi76-probe-f.drv\nrequired (system, features): (aarch64-darwin, [apple-virt, nixos-testx])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [])\nerror: Cannot build '/nix/store/1c99pnxlwlhbl44n2ijnjslxm0vafi76-probe-f.drv'.\n       Reason: missing system features\n       Required features: {apple-virt, nixos-testx}\n       Available features: {apple-virt, benchmark, big-parallel, nixos-test}",
                "Nix 2.34.8, captured with a feature that nobody has",
            ),
            sample(
                "error: a 'aarch64-darwin' with features {apple-virt, nixos-test} is required to build '/nix/store/x-vm-test-run-probe.drv', but I am a 'aarch64-darwin' with features {benchmark, big-parallel}",
                "made after Nix 2.26.3's words, captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "max-jobs-zero",
        any: &[
            "unable to start any build; either increase '--max-jobs' or enable remote builds",
            "unable to start any build; either increase --max-jobs",
        ],
        shape: Some(|paste| {
            rejection(paste, |it| it.disabled && !it.mismatch && !it.there && it.features.is_empty())
        }),
        look_at: "nix config show max-jobs: with 0 this Mac builds nothing itself, Darwin builds included.",
        samples: &[
            sample(
                "error: Unable to start any build; either increase '--max-jobs' or enable remote builds.",
                "Nix from 2.30 on, worker.cc",
            ),
            sample(
                "nix insists it is \"unable to start any build; either increase --max-jobs or enable remote builders\"",
                "NixOS/nix#3806",
            ),
            sample(
                "Failed to find a machine for remote build!\nderivation: z3izhi96nxmrklg9b5y9i61xfzyradbc-probe-m.drv\nrequired (system, features): (aarch64-darwin, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [])\nerror: Cannot build '/nix/store/z3izhi96nxmrklg9b5y9i61xfzyradbc-probe-m.drv'.\n       Reason: local builds are disabled (max-jobs = 0)\n       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'",
                "Nix 2.34.8, captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "extra-platforms-claims-linux",
        any: &["Undefined error: 0", "cannot execute binary file"],
        shape: Some(|paste| foreign(paste).filter(|_| !paste.on_machine)),
        unless: &["rebuild-check-forces-local", "machines-system-offered-but-not-executable"],
        or: &["rebuild-check-forces-local", "machines-system-offered-but-not-executable"],
        look_at: "nix config show extra-platforms: with a Linux system in it this Mac runs Linux programs itself.",
        samples: &[
            sample(
                "IOQuake3.desktop> error: executing '/nix/store/wnmp2svv1amz605gpapxd6400f7nclfg-bash-5.2p37/bin/bash': Undefined error: 0",
                "cpick/nix-rosetta-builder#19",
            ),
            sample("bash: cannot execute binary file", "NixOS/nixpkgs#341101"),
            sample(
                "error: executing '/nix/store/x-bash/bin/bash': Exec format error",
                "the same on Linux, not captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "waiting-for-machine",
        any: &[
            "waiting for a machine to build '",
            "waiting for the upload lock to '",
            "somebody is hogging the upload lock for",
        ],
        or: &["ssh-half-open-hang"],
        look_at: "Which builds hold the machine's slots: ps -axo pid,etime,command | grep __build-remote. One older than the VM \
                  is stuck.",
        samples: &[
            sample(
                "waiting for a machine to build '/nix/store/x-probe.drv'",
                "Nix's derivation-building-goal.cc",
            ),
            sample(
                "waiting for the upload lock to 'ssh-ng://builder@linux-builder'",
                "Nix's build-remote.cc",
            ),
            sample(
                "somebody is hogging the upload lock for '%s', continuing...",
                "Nix's build-remote.cc, its %s and all",
            ),
        ],
        ..ROW
    },
    Row {
        id: "no-machine-takes-a-build",
        shape: Some(untold),
        or: &[
            "machines-system-not-offered",
            "machines-feature-missing",
            "machine-disabled-after-first-error",
        ],
        look_at: "The lines that follow: what was required, and what each machine offers.",
        samples: &[
            sample("Failed to find a machine for remote build!", "Nix's build-remote.cc"),
            sample(
                "Failed to find a machine for remote build!\nderivation: xmycamdgf2rx7gdhffg022z7pqfv8zkz-curl-7.79.0.drv\nrequired (system, features): (x86_64-linux, )\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n(aarch64-linux, 64, big-parallel, )",
                "NixOS/nix#5288, in the wording of Nix before 2.4",
            ),
        ],
        ..ROW
    },
];

/// The first table of machines that all lack such a thing.
fn table(paste: &Paste, wanted: impl Fn(&Lack) -> bool) -> Option<Seen> {
    let found = paste.tables.iter().find(|table| table.lack().is_some_and(|lack| wanted(&lack)))?;
    Some(seen(found))
}

fn seen(table: &Table) -> Seen {
    Seen { line: table.required_at.unwrap_or(table.line), detail: Some(table.told()) }
}

/// A machine fits, was not used, and nothing says why just before.
fn disabled(paste: &Paste) -> Option<Seen> {
    let fits = |table: &&Table| matches!(table.lack(), Some(Lack::Nothing)) && !table.after_refusal;
    paste.tables.iter().find(fits).map(seen)
}

/// Nix said that no machine was found, and the text does not say what they lack.
fn untold(paste: &Paste) -> Option<Seen> {
    let own = |table: &&Table| {
        table.required.as_ref().is_none_or(|it| it.system.ends_with("-linux")) && table.lack().is_none()
    };
    let told = paste.tables.iter().any(|table| table.lack().is_some());
    let table = paste.tables.iter().find(own).filter(|table| !told && !table.after_refusal)?;
    Some(Seen::at(table.line))
}

/// One VM under two names, in the machines file itself.
fn twice(paste: &Paste) -> Option<Seen> {
    let line = |host: &str| {
        paste.first(|line| {
            let line = line.trim_start();
            line.starts_with("ssh") && line.split(' ').next().is_some_and(|url| url.ends_with(host))
        })
    };
    let listed =
        line("@linux-builder").and(line("@localhost").or_else(|| line("@localhost:31022"))).map(Seen::at);
    let alike = |table: &&Table| matches!(table.machines.as_slice(), [one, other] if one == other);
    listed.or_else(|| {
        let table = paste.tables.iter().find(alike)?;
        let detail = Some("Both machines that Nix read offer exactly the same.".to_owned());
        Some(Seen { line: table.line, detail })
    })
}

/// The first rejection of which this holds.
fn rejection(paste: &Paste, wanted: impl Fn(&Rejection) -> bool) -> Option<Seen> {
    let it = paste.rejections.iter().find(|it| wanted(it))?;
    let system = it.system.as_deref().unwrap_or_default();
    let asked = match it.features.as_slice() {
        [] => system.to_owned(),
        features => {
            format!("{system} with {}", crate::prose::and(features)).trim_start_matches(' ').to_owned()
        }
    };
    let who = it.current.as_ref().map_or_else(String::new, |current| format!(", and this is {current}"));
    let detail = (!asked.is_empty()).then(|| format!("The build requires {asked}{who}."));
    Some(Seen { line: it.line, detail })
}

/// A Linux build was refused here, and no machine is spoken of: Nix read none.
fn nobody(paste: &Paste, wanted: impl Fn(&Rejection) -> bool) -> Option<Seen> {
    if !paste.tables.is_empty() || paste.refusal.is_some() {
        return None;
    }
    rejection(paste, |it| it.is_for_linux() && wanted(it))
}

/// The VM's own derivations.
fn is_of_the_builder(derivation: &str) -> bool {
    ["append-initrd-secrets", "nixos-system-", "create-builder", "linux-builder", "nixos-disk-image"]
        .iter()
        .any(|part| derivation.contains(part))
}

/// A command that builds here only.
fn rebuilt(paste: &Paste) -> Option<Seen> {
    let flag = |line: &str| {
        line.contains("nix")
            && line.split_whitespace().any(|word| {
                ["--rebuild", "--check", "--repair"]
                    .contains(&word.trim_matches(|c: char| "'\".,".contains(c)))
            })
    };
    paste.first(flag).map(Seen::at)
}

/// A program of another system was run.
fn foreign(paste: &Paste) -> Option<Seen> {
    let found = |line: &str| line.contains("undefined error: 0") || line.contains("exec format error");
    paste.first(found).map(Seen::at)
}

/// `builders =`, and nothing after it.
fn empty(paste: &Paste) -> Option<Seen> {
    paste.first(|line| line.trim() == "builders =").map(Seen::at)
}
