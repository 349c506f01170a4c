//! The Mac itself, and switching its configuration.

use super::prelude::*;

pub const ROWS: &[Row] = &[
    Row {
        id: "nix-volume-not-mounted",
        any: &["Could not find disk: /nix", "ls: /nix/store: No such file or directory"],
        look_at: "Whether /nix is empty, and whether diskutil apfs list has a volume named Nix Store.",
        samples: &[
            sample("/usr/sbin/diskutil info /nix\nCould not find disk: /nix", "NixOS/nix#5938"),
            sample(
                "ls: /nix/store: No such file or directory\nzsh: command not found: nix",
                "the words of macOS's ls and zsh, not captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "synthetic-conf-lost",
        any: &[
            "apfs.util failed to symlink /run",
            "error: Directory /run does not exist, aborting activation",
            "failed to create symbolic link '/run': Read-only file system",
            "/run/org.nixos.linux-builder*Read-only file system",
        ],
        look_at: "Whether /run is a link, and /etc/synthetic.conf has the line run, a tab, private/var/run.",
        samples: &[
            sample("error: apfs.util failed to symlink /run, aborting activation", "nix-darwin's base.nix"),
            sample(
                "building the system configuration...\nPassword:\nerror: Directory /run does not exist, aborting activation\nCreate a symlink to /var/run with:",
                "nix-darwin/nix-darwin#378",
            ),
            sample(
                "setting up /run via /etc/synthetic.conf...\nwarning: apfs.util failed to symlink /run\nsetting up /run...\nln: failed to create symbolic link '/run': Read-only file system",
                "nix-darwin/nix-darwin#648",
            ),
            sample(
                "mkdir: cannot create directory '/run/org.nixos.linux-builder': Read-only file system",
                "the words of coreutils' mkdir in the builder's start script, not captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "shell-hook-wiped",
        shape: Some(|paste| {
            let replaced = unexpected(paste, |file| !file.starts_with("/etc/nix/") && is_of_a_shell(file));
            replaced.or_else(|| paste.first(is_nix_not_found).map(Seen::at))
        }),
        unless: &["nix-volume-not-mounted", "ssh-remote-nix-unusable"],
        or: &["nix-volume-not-mounted", "nix-not-installed"],
        look_at: "Whether /nix/var/nix/profiles/default/bin/nix is there: then Nix is, and only /etc/zshrc lost the lines \
                  that put it on PATH.",
        samples: &[
            sample("$ nix-shell\nzsh: command not found: nix-shell", "NixOS/nix#2280"),
            sample("bash: nix: command not found", "the words of bash, not captured"),
            sample("bash: nix-env: command not found", "the words of bash, not captured"),
            sample("zsh: command not found: nix-store", "the words of zsh, not captured"),
            Sample {
                text: "error: Unexpected files in /etc, aborting activation\nThe following files have unrecognized content and would be overwritten:\n\n  /etc/nix/nix.conf\n  /etc/bashrc\n  /etc/zshrc",
                from: "nix-darwin/nix-darwin#149",
                also: &["nix-custom-conf-clash"],
            },
            sample(
                "error: Unexpected files in /etc, aborting activation\nThe following files have unrecognized content and would be overwritten:\n\n  /etc/zshrc\n  /etc/zprofile\n\nPlease check there is nothing critical in these files, rename them by adding .before-nix-darwin to the end, and then try again.",
                "nix-darwin/nix-darwin#1621",
            ),
        ],
        ..ROW
    },
    Row {
        id: "nixbld-users-missing",
        any: &[
            "in the group 'nixbld' does not exist",
            "the build users group 'nixbld' has no members",
            "Build users have unexpected UIDs, aborting activation",
            "Build user group has mismatching GID, aborting activation",
        ],
        look_at: "The users and their numbers: dscl . -list /Users UniqueID | grep _nixbld",
        samples: &[
            sample(
                "warning: Git tree '/Users/bytedance/nixos-config' is dirty\nerror: the user '_nixbld1' in the group 'nixbld' does not exist",
                "dustinlyons/nixos-config#115",
            ),
            sample("error: the build users group 'nixbld' has no members", "NixOS/nix#10521"),
            sample("error: Build users have unexpected UIDs, aborting activation", "nix-darwin's checks.nix"),
            sample(
                "error: Build user group has mismatching GID, aborting activation",
                "nix-darwin's checks.nix",
            ),
        ],
        ..ROW
    },
    Row {
        id: "host-disk-low",
        shape: Some(|paste| super::guest::full(paste).filter(|_| !paste.on_machine)),
        unless: &["vm-disk-full"],
        or: &["vm-disk-full"],
        look_at: "The room on the Mac's disk, df -h /nix, and if a builder printed it, on the VM's.",
        samples: &[
            sample(
                "error: committing transaction: database or disk is full, database or disk is full (in '/nix/var/nix/db/db.sqlite')",
                "NixOS/nixpkgs#368739",
            ),
            sample(
                "error (ignored): error: writing to file: No space left on device",
                "NixOS/nixpkgs#368739",
            ),
        ],
        ..ROW
    },
    Row {
        id: "rosetta-host-missing",
        any: &["/usr/sbin/softwareupdate --install-rosetta"],
        look_at: "Whether /Library/Apple/usr/libexec/oah/libRosettaRuntime is there. It is about x86_64-darwin; Linux builds \
                  do not need it in nix-darwin's builder.",
        samples: &[sample(
            "Note: run `/usr/sbin/softwareupdate --install-rosetta && launchctl stop org.nixos.nix-daemon` to run programs for x86_64-darwin",
            "Nix's derivation-building-goal.cc",
        )],
        ..ROW
    },
    Row {
        id: "host-cannot-virtualise",
        any: &["HV_UNSUPPORTED", "invalid accelerator hvf"],
        look_at: "Whether sysctl -n kern.hv_support says 1. On most virtual Macs, CI runners among them, no VM can run.",
        samples: &[
            sample("qemu-system-aarch64: -accel hvf: Error: HV_UNSUPPORTED", "actions/runner-images#9460"),
            sample("qemu-system-aarch64: invalid accelerator hvf", "knazarov/homebrew-qemu-virgl#34"),
        ],
        ..ROW
    },
    Row {
        id: "determinate-vs-nix-darwin",
        any: &[
            "Determinate detected, aborting activation",
            "nix.linux-builder.enable' requires 'nix.enable'",
        ],
        look_at: "Who manages Nix: with Determinate's, nix-darwin cannot set up the builder.",
        samples: &[
            sample(
                "setting up /run via /etc/synthetic.conf...\nerror: Determinate detected, aborting activation\nDeterminate uses its own daemon to manage the Nix installation that\nconflicts with nix-darwin’s native Nix management.",
                "dustinlyons/nixos-config#146",
            ),
            sample(
                "       error:\n       Failed assertions:\n       - `nix.linux-builder.enable` requires `nix.enable`",
                "nix-darwin/nix-darwin#1505",
            ),
        ],
        ..ROW
    },
    Row {
        id: "machines-edited-by-hand",
        shape: Some(|paste| unexpected(paste, |file| file == "/etc/nix/machines")),
        look_at: "Whether /etc/nix/machines is a link to /etc/static/nix/machines, as nix-darwin left it.",
        samples: &[sample(
            "error: Unexpected files in /etc, aborting activation\nThe following files have unrecognized content and would be overwritten:\n\n  /etc/nix/machines\n\nPlease check there is nothing critical in these files, rename them by adding .before-nix-darwin to the end, and then try again.",
            "nix-darwin/nix-darwin#149 with another file's name",
        )],
        ..ROW
    },
    Row {
        id: "nix-custom-conf-clash",
        any: &["custom settings in '/etc/nix/nix.custom.conf', aborting activation"],
        shape: Some(|paste| {
            let other = |file: &str| file != "/etc/nix/machines" && !is_of_a_shell(file);
            let listed = unexpected(paste, |_| true).is_some();
            unexpected(paste, other).or_else(|| header(paste).filter(|_| !listed).map(Seen::at))
        }),
        look_at: "The files that are named: nix-darwin did not write them and does not replace them unasked.",
        samples: &[
            sample(
                "error: custom settings in `/etc/nix/nix.custom.conf`, aborting activation",
                "nix-darwin's nix/default.nix",
            ),
            sample(
                "Password:\nerror: Unexpected files in /etc, aborting activation\nThe following files have unrecognized content and would be overwritten:\n\n  /etc/nix/nix.conf\n  /etc/zshenv\n\nPlease check there is nothing critical in these files, rename them by adding .before-nix-darwin to the end, and then try again.\n$>",
                "DeterminateSystems/nix-installer#847",
            ),
            sample("error: Unexpected files in /etc, aborting activation", "the same, its first line"),
        ],
        ..ROW
    },
    Row {
        id: "nixpkgs-dropped-platform",
        any: &["macOS version is less than", "has dropped support for x86_64-darwin"],
        look_at: "The release of nixpkgs against the macOS and the processor of this Mac.",
        samples: &[
            sample(
                "error: macOS version is less than 11.3, aborting activation",
                "nix-darwin/nix-darwin#1265",
            ),
            sample("error: Nixpkgs 26.11 has dropped support for x86_64-darwin.", "nix-community/fenix#252"),
        ],
        ..ROW
    },
    Row {
        id: "nixpkgs-qemu-vm-virtiofs-window",
        any: &["virtiofsd-*is not available on the requested hostPlatform"],
        look_at: "The date of the nixpkgs that the switch uses.",
        samples: &[sample(
            "error: Package ‘virtiofsd-1.13.2’ in /nix/store/x-source/pkgs/by-name/vi/virtiofsd/package.nix:60 is not available on the requested hostPlatform:",
            "microvm-nix/microvm.nix#467, its path shortened",
        )],
        ..ROW
    },
    Row {
        id: "create-builder-not-available",
        any: &["Package 'create-builder'*is not available on the requested hostPlatform"],
        look_at: "Out of which package set nix.linux-builder.package comes.",
        samples: &[sample(
            "error: Package ‘create-builder’ in /nix/store/x-source/nixos/modules/profiles/nix-builder-vm.nix:230 is not available on the requested hostPlatform:\n         hostPlatform.system = \"aarch64-linux\"",
            "nix-darwin/nix-darwin#1618, its path shortened",
        )],
        ..ROW
    },
];

/// Files that a system update of macOS replaces.
fn is_of_a_shell(file: &str) -> bool {
    ["/etc/zshrc", "/etc/zprofile", "/etc/bashrc", "/etc/profile"].contains(&file)
}

/// A shell at hand does not find one of Nix's own commands; many other programs have names that begin so.
fn is_nix_not_found(line: &str) -> bool {
    const OWN: &[&str] = &[
        "nix",
        "nix-build",
        "nix-channel",
        "nix-collect-garbage",
        "nix-copy-closure",
        "nix-env",
        "nix-hash",
        "nix-instantiate",
        "nix-prefetch-url",
        "nix-shell",
        "nix-store",
    ];
    let line = line.trim();
    let zsh = || line.split_once("zsh: command not found: ").map(|(_, name)| name);
    let bash = || line.split_once("bash: ").and_then(|(_, rest)| rest.strip_suffix(": command not found"));
    zsh().or_else(bash).is_some_and(|name| OWN.contains(&name))
}

fn header(paste: &Paste) -> Option<usize> {
    paste.first(|line| line.contains("unexpected files in /etc, aborting activation"))
}

/// The first file of such a name that nix-darwin found in /etc and will not replace.
fn unexpected(paste: &Paste, wanted: impl Fn(&str) -> bool) -> Option<Seen> {
    let at = header(paste)?;
    let listed = || paste.folded().enumerate().skip(at + 1).take(60).map(|(at, line)| (at, line.trim()));
    let found = listed().find(|(_, line)| line.starts_with("/etc/") && wanted(line));
    found.map(|(at, _)| Seen::at(at))
}
