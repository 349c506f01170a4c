//! What holds for every topic, and for every name that public notes on this builder use.
#![allow(clippy::disallowed_methods)] // compares the registry with the folder

use super::*;
use crate::report::{explain, paint::Paint};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_file_is_registered_under_its_name() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/topics"));
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(stem) = name.strip_suffix(".rs").filter(|stem| !["mod", "tests"].contains(stem)) {
            files.insert(stem.replace('_', "-"));
        }
    }
    let registered: BTreeSet<String> = ALL.iter().map(|topic| topic.id.to_owned()).collect();
    assert_eq!(files, registered, "each file is named in ALL, and its id is its name");
}

#[test]
fn no_name_stands_for_two_things() {
    let mut known = BTreeSet::new();
    for id in ids() {
        assert!(known.insert(id), "{id} is there twice");
    }
    assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id), "topics are in order");
}

#[test]
fn what_another_name_means_can_be_explained() {
    for alias in ALIASES {
        for id in alias.means {
            assert!(checks::find(id).is_some(), "{} means {id}, which is no check", alias.id);
        }
    }
}

#[test]
fn the_words_read_as_they_should() {
    for topic in ALL {
        let id = topic.id;
        assert!(!topic.title.ends_with('.') && topic.title.len() <= 80, "{id}: {}", topic.title);
        assert!(topic.why.ends_with('.'), "{id}: why ends with a dot");
        assert!(!topic.references.is_empty() && !topic.see.is_empty(), "{id} rests on nothing");
        assert!(!topic.advice.commands.is_empty(), "{id}: advice begins with a command");
        assert!(topic.advice.commands.iter().all(|it| !it.contains('\n') && !it.starts_with('$')), "{id}");
        for text in [topic.title, topic.why, topic.advice.edit, topic.advice.note] {
            for word in ["should", "please", "!", "simply", "{"] {
                assert!(!text.to_lowercase().contains(word), "{id}: {word:?} in {text:?}");
            }
        }
    }
}

/// Update with `INSTA_UPDATE=always cargo test`, and read the difference before committing it.
#[test]
fn each_topic_is_explained_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/topics"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for topic in ALL {
            insta::assert_snapshot!(topic.id, explain::topic(topic, Paint::PLAIN));
        }
    });
}

#[test]
fn no_snapshot_is_left_of_a_topic_that_is_gone() {
    let snapshots = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/topics"));
    for entry in std::fs::read_dir(snapshots).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let id = name.trim_end_matches(".snap.new").trim_end_matches(".snap");
        assert!(ALL.iter().any(|topic| topic.id == id), "remove snapshots/topics/{name}");
    }
}

/// The headings of the catalogue of public reports that this program began with, by its sections. Whoever
/// looks one of them up finds it, for ever.
const CATALOGUE: &[(&str, &[&str])] = &[
    (
        "the table at the top",
        &[
            "nix-not-installed",
            "nix-config-unreadable",
            "nix-too-old",
            "nix-mixed-versions",
            "builder-service-not-running",
            "builder-login-item-disabled",
            "vm-not-listening",
            "vm-unresponsive",
            "ssh-login-refused",
            "substituter-missing",
            "trusted-key-missing",
            "cache-key-mismatch",
            "store-untrusted-by-guest",
            "kvm-missing-in-guest",
            "machines-port-needs-2-31",
            "builder-conflict",
            "qemu-gicv2-under-hvf",
            "ssh-multiplexing-in-protocol",
            "test-build-failed",
            "test-build-timed-out",
            "hello-build-failed",
        ],
    ),
    (
        "1. macOS host",
        &[
            "nix-volume-not-mounted",
            "synthetic-conf-lost",
            "shell-hook-wiped",
            "nixbld-users-missing",
            "host-disk-low",
            "rosetta-host-missing",
            "host-cannot-virtualise",
            "localhost-does-not-resolve",
        ],
    ),
    (
        "2. launchd and the VM",
        &[
            "builder-service-not-loaded",
            "builder-service-disabled",
            "launchd-bootstrap-error-5",
            "builder-crash-looping",
            "qemu11-hvf-sme-abort",
            "qemu-m4-sme-property",
            "nixpkgs-qemu-vm-virtiofs-window",
            "port-31022-in-use",
            "vm-still-booting",
            "vm-state-corrupt",
            "vm-config-not-applied",
            "vm-backend-switched-raw-vs-qcow2",
            "vm-working-directory-missing",
            "vm-certs-share-lost",
            "vm-certs-env-unset",
            "vm-clock-skew",
            "vm-disk-full",
            "vm-out-of-memory",
            "vm-dns-hardcoded",
            "vm-sandbox-path-missing",
            "vm-no-log-configured",
        ],
    ),
    (
        "3. ssh between the daemon and the VM",
        &[
            "ssh-connection-refused",
            "ssh-alias-missing",
            "ssh-config-bad-permissions",
            "ssh-key-missing",
            "ssh-key-too-open",
            "ssh-key-unreadable-by-user",
            "ssh-key-mismatch",
            "ssh-host-key-mismatch",
            "ssh-root-known-hosts-missing",
            "ssh-too-many-auth-failures",
            "ssh-half-open-hang",
            "ssh-remote-nix-unusable",
        ],
    ),
    (
        "4. Nix configuration (client and daemon)",
        &[
            "builders-empty",
            "builders-inline-shadows-machines-file",
            "builders-bad-machine-spec",
            "client-setting-refused-untrusted",
            "nix-remote-systems-env",
            "extra-platforms-claims-linux",
            "max-jobs-zero",
            "external-builders-hijack",
            "experimental-features-missing",
            "host-system-features-overridden",
            "builders-use-substitutes-off",
        ],
    ),
    (
        "5. Nix daemon",
        &[
            "daemon-not-running",
            "daemon-label-is-determinate",
            "daemon-stale-config",
            "daemon-user-not-allowed",
            "nix-too-old-or-mixed",
        ],
    ),
    (
        "6. /etc/nix/machines",
        &[
            "machines-file-missing",
            "machines-edited-by-hand",
            "machines-feature-missing",
            "machines-kvm-advertised-but-absent",
            "machines-system-not-offered",
            "machines-system-offered-but-not-executable",
            "machines-duplicate-builders",
            "machines-odd-fields",
            "machines-protocol-choice",
        ],
    ),
    (
        "7. Binary caches and network",
        &[
            "cache-unreachable",
            "cache-captive-portal",
            "cache-tls-intercepted",
            "cache-ca-bundle-missing",
            "cache-untrusted-substituter",
            "cache-signature-untrusted",
            "cache-auth-netrc",
            "proxy-not-seen-by-daemon",
            "ipv6-broken",
            "github-rate-limit",
        ],
    ),
    (
        "8. Scheduling and the build itself",
        &[
            "waiting-for-machine",
            "rebuild-check-forces-local",
            "probe-was-substituted",
            "machine-disabled-after-first-error",
            "build-fails-in-guest",
            "preferlocal-ifd-surprises",
        ],
    ),
    (
        "9. nix-darwin and set-up",
        &[
            "builder-not-configured",
            "determinate-vs-nix-darwin",
            "nix-custom-conf-clash",
            "bootstrap-chicken-and-egg",
            "create-builder-not-available",
            "nixpkgs-dropped-platform",
            "disabling-the-builder-deletes-state",
            "other-builder-in-use",
        ],
    ),
];

#[test]
fn every_name_of_the_catalogue_can_be_explained() {
    let missing: Vec<String> = CATALOGUE
        .iter()
        .flat_map(|(section, ids)| ids.iter().map(move |id| (section, id)))
        .filter(|(_, id)| Subject::find(id).is_none())
        .map(|(section, id)| format!("{id} ({section})"))
        .collect();
    assert!(missing.is_empty(), "neither a check, nor a topic, nor another name of one: {missing:#?}");
}
