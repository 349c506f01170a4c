//! What holds for every row, quantified over the table: none of these changes for the next row.

use super::pattern::folded;
use super::*;
use crate::topics;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn ids(text: &str) -> Vec<&'static str> {
    find(&Paste::new(text)).iter().map(|named| named.row.id).collect()
}

#[test]
fn each_sample_names_its_own_row_first_and_nothing_unforeseen() {
    let mut wrong = String::new();
    for row in all() {
        for sample in row.samples {
            let want: Vec<&str> = std::iter::once(row.id).chain(sample.also.iter().copied()).collect();
            let found = ids(sample.text);
            if found != want {
                wrong += &format!("{want:?} became {found:?}:\n{}\n\n", sample.text);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A pattern without a sample is a guess.
#[test]
fn each_pattern_is_seen_in_a_sample_of_its_row() {
    for row in all() {
        assert!(!row.samples.is_empty(), "{} has no sample", row.id);
        for pattern in row.any {
            let parts: Vec<String> = folded(pattern).split('*').map(str::to_owned).collect();
            let holds = |line: &str| {
                let mut rest = Some(line);
                for part in &parts {
                    rest = rest.and_then(|text| text.split_once(part.as_str()).map(|(_, rest)| rest));
                }
                rest.is_some()
            };
            let seen = row.samples.iter().any(|sample| Paste::new(sample.text).folded().any(holds));
            assert!(seen, "{}: no sample has {pattern:?}", row.id);
        }
    }
}

#[test]
fn rows_are_well_formed() {
    let mut known = BTreeSet::new();
    for row in all() {
        assert!(known.insert(row.id), "{} has two rows", row.id);
        assert!(!row.any.is_empty() || row.shape.is_some(), "{} asks nothing", row.id);
        for pattern in row.any {
            let first = pattern.split('*').next().unwrap();
            assert!(first.len() >= 4, "{}: {pattern:?} begins with too little", row.id);
            assert!(
                folded(pattern).split('*').all(|part| !part.is_empty()) || pattern.ends_with('*'),
                "{}",
                row.id
            );
        }
        for sample in row.samples {
            assert!(!sample.from.is_empty() && !sample.text.trim().is_empty(), "{}", row.id);
        }
        let text = row.look_at;
        assert!(!text.is_empty() && text.len() <= 300, "{}: {} bytes", row.id, text.len());
        for word in ["should", "please", "simply", "!"] {
            assert!(!text.to_lowercase().contains(word), "{}: {word:?} in {text:?}", row.id);
        }
        assert!(!row.or.contains(&row.id) && !row.unless.contains(&row.id), "{}", row.id);
    }
}

/// All that a row speaks of can be explained.
#[test]
fn the_ids_of_rows_exist() {
    let known: BTreeSet<&str> = topics::ids().collect();
    let named = all().flat_map(|row| std::iter::once(row.id).chain(row.or.iter().chain(row.unless).copied()));
    let missing: BTreeSet<&str> = named.filter(|id| !known.contains(id)).collect();
    assert!(missing.is_empty(), "no check and no topic: {missing:?}");
}

/// Faults that print something, by the sections of the catalogue of public reports. What is not here has no
/// words of its own: nothing is printed where it holds.
#[test]
fn every_fault_that_prints_something_has_a_row() {
    const SILENT: &[&str] = &[
        "nix-not-installed",
        "builder-service-not-running",
        "builder-login-item-disabled",
        "builder-stopped-on-purpose",
        "vm-not-listening",
        "substituter-missing",
        "trusted-key-missing",
        "cache-key-mismatch",
        "builder-conflict",
        "test-build-failed",
        "test-build-timed-out",
        "test-build-optional-system-failed",
        "hello-build-failed",
        "machines-optional-system-not-offered",
        "vm-config-not-applied",
        "vm-certs-env-unset",
        "nix-remote-systems-env",
        "daemon-stale-config",
        "machines-file-missing",
        "ipv6-broken",
        "builder-not-configured",
        "disabling-the-builder-deletes-state",
        "fix-not-ended",
        // What nix-darwin prints of these has rows of its own.
        "not-a-mac",
        "macos-too-old",
        "intel-mac",
        "mac-is-a-vm",
        "memory-low",
        "no-admin-rights",
        "determinate-manages-nix",
        "etc-file-is-foreign",
        "etc-files-in-the-way",
        "etc-older-backups",
        "already-set-up",
        "port-taken",
        "vm-image-not-cached",
    ];
    let rows: BTreeSet<&str> = all().map(|row| row.id).collect();
    let aliases: BTreeSet<&str> = topics::ALIASES.iter().map(|alias| alias.id).collect();
    for id in topics::ids().filter(|id| !aliases.contains(id)) {
        assert!(
            rows.contains(id) != SILENT.contains(&id),
            "{id}: give it a row with what it prints, or name it among those that print nothing"
        );
    }
}

/// Each Nix says it in its own words: up to 2.29, from 2.30, and from 2.34 on.
#[test]
fn the_refusals_of_every_nix_are_told_apart() {
    let table = |required: &str, offered: &str, mandatory: &str| {
        format!(
            "Failed to find a machine for remote build!\nderivation: x.drv\nrequired (system, features): {required}\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], {offered}, [{mandatory}])\n"
        )
    };
    let refusals = [
        "error: a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'aarch64-darwin' with features {benchmark}",
        "error: Cannot build '/nix/store/x.drv'.\n       Reason: required system or feature not available\n       Required system: 'aarch64-linux' with features {}\n       Current system: 'aarch64-darwin' with features {benchmark}",
        "error: Cannot build '/nix/store/x.drv'.\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
    ];
    for refusal in refusals {
        assert_eq!(ids(refusal), ["builders-empty"], "{refusal}");
        for (required, offered, mandatory, want) in [
            ("(x86_64-linux, [])", "1, [kvm]", "", "machines-system-not-offered"),
            ("(aarch64-linux, [nixos-test])", "1, [kvm]", "", "machines-feature-missing"),
            ("(aarch64-linux, [])", "1, [kvm]", "kvm", "machines-odd-fields"),
            ("(aarch64-linux, [])", "0, [kvm]", "", "machines-odd-fields"),
            ("(aarch64-linux, [kvm])", "1, [kvm]", "kvm", "machine-disabled-after-first-error"),
        ] {
            let text = table(required, offered, mandatory) + refusal;
            assert_eq!(ids(&text), [want], "{text}");
        }
        // The reason stands before the table, and is all there is to say.
        let refused = "cannot build on 'ssh://b': error: failed to start SSH connection to 'b': ssh: connect to host localhost port 31022: Connection refused\n";
        let text = format!("{refused}{}{refusal}", table("(aarch64-linux, [])", "1, [kvm]", ""));
        assert_eq!(ids(&text), ["ssh-connection-refused"], "{text}");
        // The next derivation of the same build finds the machine turned off.
        let text = format!("{text}\n{}", table("(aarch64-linux, [])", "1, [kvm]", ""));
        assert_eq!(ids(&text), ["ssh-connection-refused", "machine-disabled-after-first-error"], "{text}");
    }
    // A Darwin derivation that no machine takes is built here, and nothing is wrong.
    assert_eq!(ids(&table("(aarch64-darwin, [])", "1, [kvm]", "")), [""; 0]);
}

#[test]
fn what_was_required_is_compared_with_what_is_offered() {
    let text = "Failed to find a machine for remote build!\nderivation: x.drv\nrequired (system, features): (aarch64-linux, [kvm, nixos-test])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [benchmark, big-parallel, kvm], [])";
    let named = find(&Paste::new(text));
    let [it] = named.as_slice() else { panic!("{}", named.len()) };
    assert_eq!((it.row.id, it.number), ("machines-feature-missing", 3));
    assert_eq!(it.line, "required (system, features): (aarch64-linux, [kvm, nixos-test])");
    assert_eq!(
        it.detail.as_deref(),
        Some(
            "The build requires aarch64-linux with kvm and nixos-test; the only machine has aarch64-linux with benchmark, \
             big-parallel and kvm."
        )
    );
}

#[test]
fn a_healthy_build_names_nothing() {
    for text in [
        "",
        "\n\n",
        "hello",
        // Nix 2.34.8, captured.
        "this derivation will be built:\n  /nix/store/x-probe.drv\nbuilding '/nix/store/x-probe.drv' on 'ssh-ng://builder@linux-builder'...\ncopying 0 paths...\nbuilding '/nix/store/x-probe.drv'...\ncopying 1 paths...\ncopying path '/nix/store/x-probe' from 'ssh-ng://builder@linux-builder'...\n/nix/store/x-probe",
        // cpick/nix-rosetta-builder#40: the Darwin derivation has no machine, and is built here.
        "Failed to find a machine for remote build!\nderivation: nj1yml16mp5rgy1fjq8mm5l5lpib4bvi-lima-1.2.1.drv\nrequired (system, features): (aarch64-darwin, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [benchmark, big-parallel, kvm], [])\nbuilding '/nix/store/nj1yml16mp5rgy1fjq8mm5l5lpib4bvi-lima-1.2.1.drv'...",
        "Store URL: ssh-ng://li@zeus.goldragon.criome\nVersion: 2.35.1\nTrusted: 1",
        "<<< Welcome to NixOS 22.11.20220901.1bd8d11 (aarch64) - ttyAMA0 >>>\nnixos login: builder (automatic login)",
    ] {
        assert_eq!(ids(text), [""; 0], "{text}");
    }
}

/// What packages, shells, git and launchd print in the same words, and that no builder is to blame for.
#[test]
fn what_others_print_names_nothing() {
    for text in [
        "thread 'main' panicked at src/main.rs:4:5:\ncalled `Result::unwrap()` on an `Err` value\nAbort trap: 6",
        "make[1]: *** [check] Abort trap: 6\nerror: builder for '/nix/store/x.drv' failed with exit code 2",
        "foo> src/main.c:3:10: fatal error: 'zlib.h' file not found\nerror: Cannot build '/nix/store/x-foo.drv'.\n       Reason: builder failed with exit code 2.\n       Output paths:\n         /nix/store/x-foo\n       Last 1 log lines:\n       > src/main.c:3:10: fatal error: 'zlib.h' file not found",
        "zsh: command not found: nixpkgs-fmt",
        "zsh: command not found: nixos-rebuild",
        "bash: nix-tree: command not found",
        "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
        "git@github.com: Permission denied (publickey).",
        "Host key verification failed.\nfatal: Could not read from remote repository.",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key for github.com has changed and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.",
        "ssh: Could not resolve hostname github.com: nodename nor servname provided, or not known\nfatal: Could not read from remote repository.",
        "ssh: connect to host github.com port 22: Operation timed out\nfatal: Could not read from remote repository.",
        "system/com.example.other = {\n\tstate = spawn scheduled\n\tlast exit code = 1\n}",
        // The VM was restarted by hand, and runs.
        "system/org.nixos.linux-builder = {\n\tstate = running\n\truns = 2\n\tlast exit code = 143\n}",
        "612\t-9\torg.nixos.linux-builder",
        "npm ERR! HTTP error 403 while fetching",
    ] {
        assert_eq!(ids(text), [""; 0], "{text}");
    }
    let crashing =
        "system/org.nixos.linux-builder = {\n\tstate = running\n\truns = 212\n\tlast exit code = 134\n}";
    assert_eq!(ids(crashing), ["builder-crash-looping"]);
    // git's words do not hide ssh's own to the builder.
    let both = "cannot build on 'ssh://b': error: failed to start SSH connection to 'b': Host key verification failed.\nHost key verification failed.\nfatal: Could not read from remote repository.";
    assert_eq!(ids(both), ["ssh-root-known-hosts-missing"]);
}

#[test]
fn frames_around_a_text_change_nothing() {
    let text = "cannot build on 'ssh-ng://b': error: failed to start SSH connection to 'b'\nssh: connect to host localhost port 31022: Connection refused";
    let each = |change: fn(&str) -> String| text.lines().map(change).collect::<Vec<_>>().join("\n");
    for framed in [
        text.to_owned(),
        text.replace('\n', "\r\n"),
        each(|line| format!("> {line}")),
        each(|line| format!("2026-08-22T10:11:12.1234567Z {line}")),
        each(|line| format!("\u{1b}[31;1m{line}\u{1b}[0m")),
        each(|line| format!("    {line}")),
        text.replace('\'', "’"),
        each(|line| format!("[10:11:12] {line}")),
        each(|line| format!("build (macos-15)\tRun nix build\t2026-08-22T10:11:12.1234567Z {line}")),
        format!("It fails:\n\n{}\n\nWhat now?", each(|line| format!("> {line}"))),
        text.to_uppercase().replace("SSH-NG", "ssh-ng"),
    ] {
        assert_eq!(ids(&framed), ["ssh-connection-refused"], "{framed}");
    }
    // Where the lines have to be read together, too.
    let table = "Failed to find a machine for remote build!\nderivation: x.drv\nrequired (system, features): (x86_64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux], 1, [kvm], [])";
    for before in ["[10:11:12] ", "> ", "job\tstep\t2026-08-22T10:11:12.1234567Z "] {
        let framed = table.lines().map(|line| format!("{before}{line}\n")).collect::<String>();
        assert_eq!(ids(&format!("Look:\n\n{framed}\nthanks")), ["machines-system-not-offered"], "{framed}");
    }
    let refused = "error: Cannot build ‘/nix/store/x.drv’.\n       Reason: platform mismatch\n       Required system: ‘aarch64-linux’\n       Current system: ‘aarch64-darwin’";
    assert_eq!(ids(refused), ["builders-empty"]);
}

#[test]
fn secrets_and_orders_to_the_terminal_are_not_repeated() {
    let text = "error: cannot connect to socket at '\u{1b}]0;x\u{7}\u{1b}[2J\u{202e}/x' ghp_0123456789abcdef https://me:pw@h/\n";
    let named = find(&Paste::new(text));
    assert_eq!(named.len(), 1);
    let line = &named[0].line;
    assert!(!line.chars().any(crate::prose::hidden), "{line:?}");
    assert!(!line.contains("ghp_") && !line.contains("me:pw"), "{line:?}");
}

/// The work grows with the text, not with its square.
#[test]
fn great_texts_stay_quick() {
    let parts: Vec<&str> = all().flat_map(|row| row.any).flat_map(|pattern| pattern.split('*')).collect();
    let firsts = all().flat_map(|row| row.any).map(|it| it.split('*').next().unwrap()).collect::<Vec<_>>();
    let mut texts: Vec<String> = vec![
        "error".to_owned(),
        "a".to_owned(),
        "é\n".to_owned(),
        "Cannot build 'x\nReason: ".to_owned(),
        "Cannot build 'x' on 'ssh://".to_owned(),
        "is required to build 'x' but I am a '".to_owned(),
        "Failed to find a machine for remote build!\nrequired (system, features): (aarch64-linux, [])\n([a], 1, [b], [c])\n".to_owned(),
        "could not resolve hostname ".to_owned(),
        "cannot build on 'ssh\n".to_owned(),
        "error: unexpected files in /etc, aborting activation\n".to_owned(),
        "{".to_owned(),
        "'".to_owned(),
        "> > ".to_owned(),
        parts.concat(),
        firsts.concat(),
        firsts.join("\n"),
    ];
    texts.push(all().flat_map(|row| row.samples).map(|it| it.text).collect::<Vec<_>>().join("\n"));
    // A part of the most that is read, as tests are not optimised; its square would take hours all the same.
    for part in texts {
        find(&Paste::new(&part.repeat(MOST / 4 / part.len() + 1)));
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_shown_is_plain(text in "(?s).*", at in 0usize..400, i in any::<prop::sample::Index>()) {
        let samples: Vec<&str> = all().flat_map(|row| row.samples).map(|sample| sample.text).collect();
        let sample = samples[i.index(samples.len())];
        let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
        for text in [text, mutated] {
            for named in find(&Paste::new(&text)) {
                prop_assert!(!named.line.chars().any(crate::prose::hidden));
                prop_assert!(named.line.chars().count() <= crate::prose::LINE + 1);
                prop_assert!(named.detail.is_none_or(|it| !it.chars().any(crate::prose::hidden)));
            }
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        find(&Paste::new(&String::from_utf8_lossy(&bytes)));
    }
}
