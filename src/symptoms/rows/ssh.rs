//! The connection to the builder, in ssh's own words.

use super::prelude::*;

/// What tells why a connection failed, where Nix itself does not.
const REASONS: &[&str] = &[
    "localhost-does-not-resolve",
    "machines-port-needs-2-31",
    "ssh-alias-missing",
    "ssh-config-bad-permissions",
    "ssh-host-key-mismatch",
    "ssh-root-known-hosts-missing",
    "vm-unresponsive",
    "vm-state-corrupt",
    "ssh-connection-refused",
    "ssh-key-too-open",
    "ssh-key-missing",
    "ssh-key-unreadable-by-user",
    "ssh-too-many-auth-failures",
    "ssh-key-mismatch",
    "ssh-shut-out",
    "vm-still-booting",
    "ssh-login-refused",
    "ssh-multiplexing-in-protocol",
    "ssh-remote-nix-unusable",
];

/// What says why the key is not taken, so that the refusal itself says nothing new.
const KEYS: &[&str] =
    &["ssh-key-too-open", "ssh-key-missing", "ssh-key-unreadable-by-user", "vm-state-corrupt"];

pub const ROWS: &[Row] = &[
    Row {
        id: "ssh-config-bad-permissions",
        any: &["Bad owner or permissions on "],
        look_at: "Owner and mode of the file that is named, and of what it links to.",
        samples: &[sample(
            "Bad owner or permissions on /etc/ssh/ssh_config.d/100-linux-builder.conf\n{\"url\":\"ssh-ng://builder@linux-builder\"}\nerror: failed to start SSH connection to 'linux-builder'",
            "Nix 2.34.8 over OpenSSH 10, captured, its URL shortened",
        )],
        ..ROW
    },
    Row {
        id: "machines-port-needs-2-31",
        shape: Some(|paste| unresolved(paste, is_with_port)),
        look_at: "nix --version: up to 2.30 the port in a machine's URL is taken for a part of its name.",
        samples: &[
            sample(
                "ssh: Could not resolve hostname 127.0.0.1:5000: Name or serice not known",
                "NixOS/nix#7044, with its typing error",
            ),
            sample(
                "ssh: Could not resolve hostname that.remote:8022: Name or service not known\nerror: failed to start SSH connection to 'that.remote:8022'",
                "NixOS/nix#5178, with the second line of NixOS/nix#14547",
            ),
        ],
        ..ROW
    },
    Row {
        id: "localhost-does-not-resolve",
        shape: Some(|paste| unresolved(paste, |name| name == "localhost")),
        look_at: "/etc/hosts: the line 127.0.0.1 localhost.",
        samples: &[sample(
            "connecting to 'ssh://builder@linux-builder'...\nSSH stdout first line:\ncannot build on 'ssh://builder@linux-builder': error: failed to start SSH connection to 'builder@linux-builder': OpenSSH_9.8p1, LibreSSL 3.3.6\ndebug1: Reading configuration data /etc/ssh/ssh_config\ndebug1: Connecting to localhost port 31022.\nssh: Could not resolve hostname localhost: nodename nor servname provided, or not known\nFailed to find a machine for remote build!",
            "nix-darwin/nix-darwin#913, shortened",
        )],
        ..ROW
    },
    Row {
        id: "ssh-alias-missing",
        any: &[
            "connect to host localhost port 22: Connection refused",
            "'ssh://ssh://",
            "'ssh-ng://ssh-ng://",
        ],
        shape: Some(|paste| unresolved(paste, |name| name != "localhost" && !is_with_port(name))),
        look_at: "ssh -G linux-builder, as root too: host name localhost, port 31022, and the Include line of \
                  /etc/ssh/ssh_config.",
        samples: &[
            sample(
                "ssh: Could not resolve hostname linux-builder: nodename nor servname provided, or not known",
                "a public runbook",
            ),
            sample(
                "cannot build on 'ssh://builder@localhost': error: failed to start SSH connection to 'builder@localhost': ssh: connect to host localhost port 22: Connection refused\nerror: builder for '/nix/store/9jxsh6q5l9mxggaw8jh4605m3yi57j5r-append-initrd-secrets.drv' failed with exit code 126",
                "NixOS/nixpkgs#341101",
            ),
            sample(
                "cannot build on 'ssh://ssh://builder@localhost': error: failed to start SSH connection to '//ssh://\nbuilder@localhost': ssh: connect to host localhost port 22: Connection refused\nFailed to find a machine for remote build!",
                "NixOS/nixpkgs#229542",
            ),
            sample(
                "cannot build on 'ssh-ng://ssh-ng://builder@localhost': error: failed to start SSH connection to '//builder@localhost'",
                "NixOS/nixpkgs#229542 with the other protocol",
            ),
            sample(
                "Warning: Identity file /root/a-private-key not accessible: No such file or directory.\nssh: Could not resolve hostname aarch64.nixos.commnity: nodename nor servname provided, or not known",
                "NixOS/aarch64-build-box#26",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-host-key-mismatch",
        any: &[
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "Host key for * has changed and you have requested strict checking",
        ],
        or: &["port-31022-in-use"],
        look_at: "The fingerprint that is shown, against that of the eighth column of the machines line; every stock builder \
                  has SHA256:73nCAX7tESRWJ4ZN8RkOlqB+0bgxKVmbNRUcFPbXMkE.",
        samples: &[
            sample(
                "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:w8rcXAfhn9ww8ij5kvAj0+/yYBUC8shZjn/7Ix9tTXU.\nHost key for linux-builder has changed and you have requested strict checking.\nHost key verification failed.",
                "a public runbook, shortened by its author",
            ),
            sample(
                "Host key for linux-builder has changed and you have requested strict checking.",
                "the same, its last line but one",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-root-known-hosts-missing",
        any: &[
            "Host key verification failed",
            "The authenticity of host '*can't be established",
            "host key is known for ",
        ],
        unless: &["ssh-host-key-mismatch"],
        or: &["ssh-host-key-mismatch", "ssh-key-unreadable-by-user"],
        look_at: "The eighth column of the machines line: with the builder's host key there, ssh has nobody to ask.",
        samples: &[
            sample(
                "cannot build on 'ssh://builder@localhost': error: failed to start SSH connection to 'builder@localhost': Host key verification failed.",
                "NixOS/nix#2030",
            ),
            sample(
                "The authenticity of host 'linux-builder ([127.0.0.1]:31022)' can't be established.\nED25519 key fingerprint is SHA256:73nCAX7tESRWJ4ZN8RkOlqB+0bgxKVmbNRUcFPbXMkE.\nThis key is not known by any other names.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? yes",
                "a public runbook",
            ),
            sample(
                "No ED25519 host key is known for linux-builder and you have requested strict checking.\nHost key verification failed.",
                "OpenSSH's sshconnect.c",
            ),
        ],
        ..ROW
    },
    Row {
        id: "vm-unresponsive",
        any: &[
            "Connection timed out during banner exchange",
            "connect to host * port *: Connection timed out",
            "connect to host * port *: Operation timed out",
        ],
        or: &["vm-still-booting", "vm-state-corrupt", "vm-out-of-memory"],
        look_at: "How long the VM's job has been running: under three minutes it may still be booting. For another machine: \
                  whether it is up and can be reached.",
        samples: &[
            sample(
                "Connection timed out during banner exchange\nConnection to 127.0.0.1 port 31022 timed out",
                "OpenSSH 10, captured",
            ),
            sample(
                "Store URL: ssh-ng://root@zeus.goldragon.criome\nssh: connect to host zeus.goldragon.criome port 22: Connection timed out\nerror: failed to start SSH connection to 'zeus.goldragon.criome'\nEXIT: 1",
                "a public runbook",
            ),
            sample("ssh: connect to host build-box port 22: Operation timed out", "the words of macOS's ssh"),
        ],
        ..ROW
    },
    Row {
        id: "ssh-connection-refused",
        any: &["connect to host *: Connection refused"],
        unless: &["ssh-alias-missing"],
        or: &["builder-service-not-loaded", "builder-crash-looping", "vm-not-listening"],
        look_at: "Whether the builder's job runs: launchctl print system/org.nixos.linux-builder. ssh is not to blame.",
        samples: &[sample(
            "❯ sudo ssh builder@linux-builder -i /etc/nix/builder_ed25519 -p 31022 true\nssh: connect to host localhost port 31022: Connection refused",
            "a public runbook",
        )],
        ..ROW
    },
    Row {
        id: "vm-state-corrupt",
        any: &["User not known to the underlying authentication module"],
        look_at: "Whether the disk image is older than the system that starts on it: the VM's accounts are lost.",
        samples: &[sample(
            "nixos login: root (automatic login)\n\n\nUser not known to the underlying authentication module",
            "nix-community/nixos-generators#351",
        )],
        ..ROW
    },
    Row {
        id: "ssh-key-too-open",
        any: &[
            "UNPROTECTED PRIVATE KEY FILE",
            "Permissions 0* for '*' are too open",
            "This private key will be ignored",
        ],
        look_at: "ls -l of the key that is named: owner root, mode 600.",
        samples: &[
            sample(
                "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\nPermissions 0640 for '/etc/nix/builder_ed25519' are too open.\nThis private key will be ignored.",
                "a public runbook",
            ),
            sample(
                "Permissions 0640 for '/etc/nix/builder_ed25519' are too open.\nbuilder@linux-builder: Permission denied (publickey,password,keyboard-interactive).",
                "the same, with the line that follows",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-key-missing",
        any: &["Identity file * not accessible: No such file or directory"],
        unless: &["ssh-alias-missing"],
        look_at: "Whether the file is there, and that the builder has started once: it makes the key.",
        samples: &[sample(
            "Warning: Identity file /etc/nix/builder_ed25519 not accessible: No such file or directory.\nkex_exchange_identification: read: Connection reset by peer\nConnection reset by 127.0.0.1 port 31022\nerror: failed to start SSH connection to 'linux-builder'",
            "Nix 2.34.8 over OpenSSH 10, captured, a line left out",
        )],
        ..ROW
    },
    Row {
        id: "ssh-key-unreadable-by-user",
        any: &["Load key \"*\": Permission denied", "(builder@linux-builder) Password:"],
        unless: &["ssh-key-missing", "ssh-key-too-open"],
        look_at: "Who ran the command: only root may read this key, by design, and the daemon is root. Run it again with sudo.",
        samples: &[
            sample(
                "Store URL: ssh://builder@linux-builder?ssh-key=/etc/nix/builder_ed25519\nLoad key \"/etc/nix/builder_ed25519\": Permission denied\nLoad key \"/etc/nix/builder_ed25519\": Permission denied\n(builder@linux-builder) Password:",
                "a public runbook",
            ),
            sample(
                "❯ ssh -p 31022 builder@localhost whoami\nLoad key \"/etc/nix/builder_ed25519\": Permission denied\nReceived disconnect from 127.0.0.1 port 31022:2: Too many authentication failures",
                "a public runbook",
            ),
            sample("(builder@linux-builder) Password:", "a public runbook"),
        ],
        ..ROW
    },
    Row {
        id: "ssh-too-many-auth-failures",
        any: &["Too many authentication failures"],
        unless: KEYS,
        or: &["ssh-key-unreadable-by-user"],
        look_at: "Which keys ssh offers first: ssh -G linux-builder, identitiesonly and identityagent.",
        samples: &[sample(
            "Received disconnect from 127.0.0.1 port 31022:2: Too many authentication failures\nDisconnected from 127.0.0.1 port 31022",
            "a public runbook",
        )],
        ..ROW
    },
    Row {
        id: "ssh-key-mismatch",
        any: &["Permission denied (publickey,password,keyboard-interactive)"],
        unless: KEYS,
        or: &["ssh-login-refused"],
        look_at: "As root: whether ssh-keygen -y -f /etc/nix/builder_ed25519 prints what \
                  /var/lib/linux-builder/keys/builder_ed25519.pub holds.",
        samples: &[sample(
            "builder@linux-builder: Permission denied (publickey,password,keyboard-interactive).",
            "OpenSSH's words, as a public runbook quotes them",
        )],
        ..ROW
    },
    Row {
        id: "ssh-shut-out",
        any: &["exchange_identification: read: Connection reset by peer", "Not allowed at this time"],
        unless: KEYS,
        or: &["vm-still-booting"],
        look_at: "Whether logins failed shortly before: the VM's sshd then refuses this Mac for a while. Wait a minute.",
        samples: &[
            sample(
                "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 127.0.0.1 port 31022\nerror: failed to start SSH connection to 'linux-builder'",
                "Nix 2.34.8 over OpenSSH 10, captured after logins that failed",
            ),
            sample("Not allowed at this time", "OpenSSH 10, captured from its port"),
        ],
        ..ROW
    },
    Row {
        id: "vm-still-booting",
        any: &["exchange_identification: Connection closed", "client_loop: send disconnect: Broken pipe"],
        unless: &["ssh-shut-out", "ssh-key-missing"],
        or: &["vm-unresponsive", "ssh-shut-out"],
        look_at: "How long the VM's job has been running: for the first minutes QEMU takes connections that nobody answers.",
        samples: &[
            sample(
                "kex_exchange_identification: Connection closed by remote host\nConnection closed by 127.0.0.1 port 31022",
                "OpenSSH's words, as public runbooks quote them",
            ),
            sample(
                "client_loop: send disconnect: Broken pipe",
                "OpenSSH's words, as public runbooks quote them",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-login-refused",
        any: &[
            "Permission denied (publickey",
            "Connection closed by 127.0.0.1 port",
            "Permission denied, please try again",
        ],
        unless: &[
            "ssh-key-too-open",
            "ssh-key-missing",
            "ssh-key-unreadable-by-user",
            "vm-state-corrupt",
            "ssh-too-many-auth-failures",
            "ssh-key-mismatch",
            "ssh-shut-out",
            "vm-still-booting",
            "ssh-alias-missing",
        ],
        or: &["ssh-key-mismatch", "vm-still-booting"],
        look_at: "Which keys the VM accepts against the key that root offers; only root can see both.",
        samples: &[
            sample(
                "Connection closed by 127.0.0.1 port 31022\nerror: failed to start SSH connection to 'linux-builder'",
                "Nix 2.34.8 over OpenSSH 10, captured with a key that the builder does not know, a line left out",
            ),
            sample("m1@51.159.120.155: Permission denied (publickey)", "nix-community/infra#592"),
            sample(
                "Bryans-MacBook-Air.local@aarch64.nixos.community's password:\nPermission denied, please try again.",
                "NixOS/aarch64-build-box#26",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-multiplexing-in-protocol",
        any: &[
            "protocol mismatch, got 'started",
            "protocol mismatch, got '*disabling multiplexing",
            "ControlSocket * already exists, disabling multiplexing",
            "mux_client_request_session: session request failed",
        ],
        look_at: "ControlMaster in root's and in the system's ssh configuration: ssh -G linux-builder as root, controlmaster.",
        samples: &[
            sample(
                "error: unexpected end-of-file\nerror: cannot open connection to remote store 'ssh-ng://example.org': error: protocol mismatch, got 'started\n              oixd",
                "NixOS/nix#14132",
            ),
            sample(
                "error: cannot open connection to remote store 'ssh-ng://b': error: protocol mismatch, got 'ControlSocket /root/.ssh/b already exists, disabling multiplexing",
                "made of NixOS/nix#14132 and manaflow-ai/cmux#3723",
            ),
            sample(
                "ControlSocket /tmp/cmux-ssh-501-65125-df2bd730fb9036541cf82f4279e3800e2456e963 already exists, disabling multiplexing",
                "manaflow-ai/cmux#3723",
            ),
            sample(
                "mux_client_request_session: session request failed: Session open refused by peer",
                "janmojzis/tinyssh#59",
            ),
        ],
        ..ROW
    },
    Row {
        id: "ssh-remote-nix-unusable",
        any: &[
            "Nix daemon disconnected unexpectedly",
            "protocol mismatch, got '",
            "'nix-store --serve' protocol mismatch from",
            "command not found: nix-daemon",
            "nix-daemon: command not found",
        ],
        shape: Some(|paste| {
            // A shell at hand says it without a line's number, as does an older bash at the other end.
            let there = |line: &str| {
                line.contains("zsh:1: command not found: nix-store")
                    || line.contains("bash: line 1: nix-store: command not found")
            };
            let either = |line: &str| line.contains("bash: nix-store: command not found");
            let dialled = paste.first(|line| line.contains("ssh") || line.contains("cannot connect to '"));
            paste.first(there).or_else(|| dialled.and(paste.first(either))).map(Seen::at)
        }),
        unless: &["ssh-multiplexing-in-protocol"],
        look_at: "What the builder's Nix says: sudo ssh linux-builder nix --version. What stands after got ' was printed by a \
                  shell that ought to be silent, and quoted by Nix.",
        samples: &[
            sample(
                "cannot build on 'ssh-ng://user@hostname': error: cannot open connection to remote store 'ssh-ng://': error: Nix daemon disconnected unexpectedly (maybe it crashed?)",
                "juspay/vira#241",
            ),
            sample(
                "cannot build on 'ssh-ng://builder@linux-builder': error: cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: protocol mismatch, got 'Welcome to the builder!\n              oixd",
                "Nix 2.34.8, captured",
            ),
            sample(
                "error: 'nix-store --serve' protocol mismatch from 'root@nas'",
                "tailscale/tailscale#14093",
            ),
            sample(
                "Store URL: ssh-ng://tail-bot.hyrax-grouse.ts.net\nzsh:1: command not found: nix-daemon\nerror: cannot open connection to remote store 'ssh-ng://tail-bot.hyrax-grouse.ts.net': error: unexpected end-of-file",
                "NixOS/nix#7508",
            ),
            sample(
                "zsh:1: command not found: nix-store\nerror: cannot connect to 'ephemeraladmin@epic-turducken'",
                "DeterminateSystems/nix-installer#383",
            ),
            sample("bash: line 1: nix-daemon: command not found", "the words of bash, not captured"),
            sample("bash: line 1: nix-store: command not found", "the words of bash, not captured"),
            sample(
                "bash: nix-store: command not found\nerror: cannot connect to 'builder@linux-builder'",
                "the words of older bash, with those of DeterminateSystems/nix-installer#383",
            ),
        ],
        ..ROW
    },
    Row {
        id: "other-builder-in-use",
        any: &["cannot build on 'ssh*rosetta-builder'", "cannot build on 'ssh*virby"],
        look_at: "The host that is named: nix-darwin's builder is called linux-builder, and this is another.",
        samples: &[
            Sample {
                text: "cannot build on 'ssh-ng://rosetta-builder': error: failed to start SSH connection to 'rosetta-builder'",
                from: "Nix's words with the machine of cpick/nix-rosetta-builder#5",
                also: &["machines-protocol-choice"],
            },
            Sample {
                text: "cannot build on 'ssh-ng://virby-vm': error: failed to start SSH connection to 'virby-vm'",
                from: "Nix's words with virby's machine",
                also: &["machines-protocol-choice"],
            },
        ],
        ..ROW
    },
    Row {
        id: "machines-protocol-choice",
        any: &["failed to start SSH connection to '", "failed to start SSH master connection to '"],
        unless: REASONS,
        look_at: "The reason, which Nix does not show here: builder-doctor --sudo dials as the daemon does, and shows it.",
        samples: &[
            sample(
                "connecting to 'ssh-ng://builder@linux-builder'...\ncannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'builder@linux-builder'",
                "nix-darwin/nix-darwin#913",
            ),
            sample(
                "this derivation will be built:\n  /nix/store/x-probe-1-aarch64-linux.drv\ncannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'linux-builder'\nFailed to find a machine for remote build!\nderivation: x-probe-1-aarch64-linux.drv\nrequired (system, features): (aarch64-linux, [])\n1 available machines:\n(systems, maxjobs, supportedFeatures, mandatoryFeatures)\n([aarch64-linux, x86_64-linux], 4, [benchmark, big-parallel, kvm, nixos-test], [])\nerror: Cannot build '/nix/store/x-probe-1-aarch64-linux.drv'.\n       Reason: local builds are disabled (max-jobs = 0)\n       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'",
                "Nix 2.34.8, captured with the builder's service off",
            ),
            sample("error: failed to start SSH master connection to 'builder@linux-builder'", "Nix's ssh.cc"),
        ],
        ..ROW
    },
];

/// The first name that ssh could not resolve and of which this holds.
fn unresolved(paste: &Paste, wanted: impl Fn(&str) -> bool) -> Option<Seen> {
    let name = |line: &str| {
        let (_, rest) = line.split_once("could not resolve hostname ")?;
        Some(rest.split(": ").next().unwrap_or(rest).trim_end_matches(':').to_owned())
    };
    // curl's words are `Could not resolve hostname (6)`.
    let wanted = |name: String| !name.is_empty() && !name.starts_with('(') && wanted(&name);
    paste.first(|line| name(line).is_some_and(&wanted)).map(Seen::at)
}

/// `127.0.0.1:5000`, and not an address of IPv6.
fn is_with_port(name: &str) -> bool {
    name.split_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    })
}
