//! launchd, and the program that runs the VM.

use super::prelude::*;

/// What names why QEMU ends.
const QEMU: &[&str] = &[
    "qemu11-hvf-sme-abort",
    "qemu-m4-sme-property",
    "qemu-gicv2-under-hvf",
    "port-31022-in-use",
    "host-cannot-virtualise",
    "vm-working-directory-missing",
];

pub const ROWS: &[Row] = &[
    Row {
        id: "qemu11-hvf-sme-abort",
        any: &["hvf_arch_init_vcpu", "HV_SYS_REG_SMCR_EL1"],
        look_at: "The version of QEMU in the builder's start script, and whether the processor is an M4 or later.",
        samples: &[
            sample(
                "  4: g_assertion_message_expr (offset 487716)\n  5: hvf_arch_init_vcpu (offset 5539848)\n  6: hvf_cpu_thread_fn (offset 660808)",
                "NixOS/nixpkgs#528299",
            ),
            sample(
                "assertion failed (HV_SYS_REG_SMCR_EL1 == HVF_SYSREG(1, 2, 3, 0, 6))",
                "the words of NixOS/nixpkgs#532038, put together",
            ),
        ],
        ..ROW
    },
    Row {
        id: "qemu-m4-sme-property",
        any: &["Property '*.sme' not found"],
        look_at: "The version of QEMU in the builder's start script: an old one, on an M4 or later.",
        samples: &[sample(
            "Virtualisation disk image created.\nCreating Nix store image...\nCreated Nix store image.\nUnexpected error in object_property_find_err at ../qom/object.c:1358:\nqemu-system-aarch64: Property 'max-arm-cpu.sme' not found\n/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 14: 93190 Abort trap: 6",
            "nix-darwin/nix-darwin#1292",
        )],
        ..ROW
    },
    Row {
        id: "qemu-gicv2-under-hvf",
        any: &["HVF does not support GICv2 emulation"],
        look_at: "The version of QEMU in the builder's start script, and the -machine option that it is given.",
        samples: &[sample(
            "qemu-system-aarch64: HVF does not support GICv2 emulation",
            "one public report of QEMU 11.1.1",
        )],
        ..ROW
    },
    Row {
        id: "port-31022-in-use",
        any: &["Could not set up host forwarding rule '"],
        look_at: "Who listens at the port: sudo lsof -nP -iTCP:31022 -sTCP:LISTEN",
        samples: &[sample(
            "qemu-system-aarch64: -netdev user,id=user.0,hostfwd=tcp::31022-:22: Could not set up host forwarding rule 'tcp::31022-:22'",
            "a public runbook; QEMU's net/slirp.c",
        )],
        ..ROW
    },
    Row {
        id: "vm-working-directory-missing",
        any: &["create-builder*Read-only file system", "nixos.qcow2*Read-only file system"],
        look_at: "Whether /var/lib/linux-builder is there: without it the start script runs in /.",
        samples: &[
            sample(
                "/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 6: mkdir: keys: Read-only file system",
                "made after a public runbook, which quotes the end of it",
            ),
            sample(
                "qemu-img: /nixos.qcow2: Could not create '/nixos.qcow2': Read-only file system",
                "the words of qemu-img, not captured",
            ),
        ],
        ..ROW
    },
    Row {
        id: "vm-backend-switched-raw-vs-qcow2",
        any: &["leftover qcow2", "Image is not in qcow2 format"],
        look_at: "The first bytes of /var/lib/linux-builder/nixos.qcow2: QFI for QEMU's builder, none for a \
                  Virtualization.framework one.",
        samples: &[
            sample(
                "refuses to misread a leftover qcow2",
                "a public runbook's own words; no capture is public",
            ),
            sample("Image is not in qcow2 format", "QEMU's block/qcow2.c"),
        ],
        ..ROW
    },
    Row {
        id: "builder-service-disabled",
        any: &["-builder\" => disabled", "-builder\" => true"],
        or: &["builder-login-item-disabled"],
        look_at: "launchctl print-disabled system, and System Settings, General, Login Items.",
        samples: &[
            sample(
                "\tdisabled services = {\n\t\t\"com.openssh.sshd\" => enabled\n\t\t\"org.nixos.linux-builder\" => disabled\n\t}",
                "launchctl print-disabled as on macOS 13 and later, with the builder's label",
            ),
            sample("\t\"org.nixos.linux-builder\" => true", "the same as on older macOS"),
        ],
        ..ROW
    },
    Row {
        id: "launchd-bootstrap-error-5",
        any: &[
            "Bootstrap failed: 5: Input/output error",
            "Boot-out failed: 5: Input/output error",
            "Boot-out failed: 3: No such process",
        ],
        unless: &["builder-service-disabled"],
        or: &["builder-service-disabled"],
        look_at: "In this order: launchctl print-disabled system, whether the job is loaded already, then the owner, the mode \
                  and the content of the plist.",
        samples: &[
            sample("Bootstrap failed: 5: Input/output error", "DeterminateSystems/nix-installer#1047"),
            sample("Boot-out failed: 5: Input/output error", "DeterminateSystems/nix-installer#1187"),
            sample("Boot-out failed: 3: No such process", "NixOS/nix#9978"),
        ],
        ..ROW
    },
    Row {
        id: "builder-service-not-loaded",
        any: &["Could not find service \"*-builder\""],
        or: &["builder-not-configured"],
        look_at: "Whether /Library/LaunchDaemons/org.nixos.linux-builder.plist is there. Without sudo, launchctl list looks \
                  among your own jobs, where the builder never is; launchctl print system/… needs no sudo.",
        samples: &[sample(
            "Bad request.\nCould not find service \"org.nixos.linux-builder\" in domain for system",
            "launchctl's words for systems.determinate.nix-daemon (macOS 26.6.2), with the builder's label",
        )],
        ..ROW
    },
    Row {
        id: "builder-crash-looping",
        any: &["create-builder*Abort trap: 6", "object_property_find_err", "\"byProc\"*qemu-system"],
        shape: Some(exited),
        unless: QEMU,
        or: &["qemu11-hvf-sme-abort", "qemu-m4-sme-property", "qemu-gicv2-under-hvf"],
        look_at: "The newest /Library/Logs/DiagnosticReports/qemu-system-*.ips, and what the exit code means: 134 is an abort of \
                  QEMU, 1 an error of the script or an argument, 126 and 127 a store path that is gone, 78 a bad plist.",
        samples: &[
            sample(
                "Termination: {\n  \"flags\": 0,\n  \"code\": 6,\n  \"namespace\": \"SIGNAL\",\n  \"indicator\": \"Abort trap: 6\",\n  \"byProc\": \"qemu-system-aarch64\",\n  \"byPid\": 37618\n}",
                "NixOS/nixpkgs#528299, without its frames",
            ),
            sample(
                "/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 14: 93190 Abort trap: 6",
                "nix-darwin/nix-darwin#1292",
            ),
            sample(
                "system/org.nixos.linux-builder = {\n\tactive count = 0\n\tstate = spawn scheduled\n\truns = 212\n\tlast exit code = 134: Abort trap\n}",
                "the shape of launchctl print (macOS 26.6.2), with fields of NixOS/nixpkgs#528299",
            ),
            sample(
                "-\t134\torg.nixos.linux-builder",
                "launchctl list's columns of NixOS/nix#1980, with the builder's",
            ),
            sample("-\t-6\torg.nixos.linux-builder", "the same with a signal, not captured"),
            sample(
                "{\n\t\"LimitLoadToSessionType\" = \"System\";\n\t\"Label\" = \"org.nixos.linux-builder\";\n\t\"LastExitStatus\" = 34304;\n};",
                "the shape of launchctl list on macOS 26, with the builder's label",
            ),
            sample(
                "Unexpected error in object_property_find_err at ../qom/object.c:1358:",
                "nix-darwin/nix-darwin#1292, the line alone",
            ),
            sample(
                "system/org.nixos.linux-builder = {\n\tstate = not running\n\tlast exit code = 1\n}",
                "the shape of launchctl print (macOS 26.6.2), with a field of a public runbook",
            ),
        ],
        ..ROW
    },
];

/// A job's `last exit code = 134`, unless the text says that it is another's than the builder's, or that the
/// builder runs and was seldom started.
fn exited(paste: &Paste) -> Option<Seen> {
    let other =
        |line: &str| line.starts_with("system/") && line.ends_with("= {") && !line.contains("builder");
    if paste.first(other).is_some() {
        return None;
    }
    let bad = |code: &str| {
        let number: String = code.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
        number.parse::<i64>().is_ok_and(|number| number != 0)
    };
    let failed = |line: &str| line.trim().strip_prefix("last exit code = ").is_some_and(bad);
    let waits = |line: &str| line.trim() == "state = spawn scheduled";
    // `launchctl list`: process, code, label; and `launchctl list LABEL`.
    let listed = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        matches!(words.as_slice(), ["-", code, label] if bad(code) && label.ends_with("-builder"))
    };
    let status = |line: &str| line.trim().strip_prefix("\"lastexitstatus\" = ").is_some_and(bad);
    let labelled =
        || paste.first(|line| line.contains("\"label\" = ") && line.contains("-builder\"")).is_some();
    let printed = || paste.first(failed).or_else(|| paste.first(waits));
    let found = if came_up(paste) { None } else { printed() };
    let found = found.or_else(|| paste.first(listed));
    found.or_else(|| paste.first(status).filter(|_| labelled())).map(Seen::at)
}

/// It ended once or twice, as at a restart, and runs.
fn came_up(paste: &Paste) -> bool {
    const SELDOM: u64 = 3;
    let runs = |line: &str| line.trim().strip_prefix("runs = ").and_then(|runs| runs.parse::<u64>().ok());
    paste.first(|line| line.trim() == "state = running").is_some()
        && paste.first(|line| runs(line).is_some_and(|runs| runs > SELDOM)).is_none()
}
