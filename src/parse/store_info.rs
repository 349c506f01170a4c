//! `nix store info` (formerly `nix store ping`) for the daemon and over ssh, and ssh's own words on its stderr.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why ssh gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SshFault {
    /// Nothing listens.
    ConnectionRefused,
    /// No answer to the connection.
    TimedOut,
    /// The port takes connections and says nothing.
    BannerTimeout,
    /// `Connection reset by …`
    ResetByPeer,
    /// `Connection closed by …`
    ClosedByPeer,
    /// `Permission denied (publickey…)`: the key is refused.
    PermissionDenied,
    /// The host has another key than the one expected.
    HostKeyChanged,
    /// No key is known for the host.
    HostKeyUnknown,
    /// The name that does not resolve.
    #[schemars(extend("x-kind" = "text"))]
    CannotResolve(String),
    /// The file of ssh's configuration with a bad owner or mode.
    #[schemars(extend("x-kind" = "text"))]
    BadOwner(String),
    /// The key file that is not there.
    #[schemars(extend("x-kind" = "text"))]
    IdentityMissing(String),
    /// The key file that others may read.
    #[schemars(extend("x-kind" = "text"))]
    KeyTooOpen(String),
    /// The key file that this user may not read, or that is no key.
    #[schemars(extend("x-kind" = "text"))]
    KeyUnreadable(String),
    /// The server wants no more keys.
    TooManyAuthFailures,
    /// The key is accepted, and the guest does not know the account that it is for.
    AccountUnknown,
    /// What the far side printed instead of Nix's protocol.
    #[schemars(extend("x-kind" = "text"))]
    ProtocolMismatch(String),
    /// What ssh itself printed there, as it shares connections and Nix does not expect that.
    #[schemars(extend("x-kind" = "text"))]
    Multiplexing(String),
    /// ssh could not use the connection that it was to share, and made one of its own.
    SharingRefused,
    /// The login worked, the Nix behind it did not.
    DaemonGone,
    /// Only Nix's own `failed to start SSH connection`: the reason is not shown.
    NoReason,
    /// Something else.
    Other,
}

/// Why ssh gave up, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SshWords {
    /// The class.
    pub fault: SshFault,
    /// The telling line, verbatim but scrubbed, cut at 500 characters.
    #[schemars(extend("x-kind" = "text"))]
    pub line: String,
}

/// What is known of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreInfo {
    /// Scrubbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub url: Option<String>,
    /// Of the daemon that answers; absent over `ssh://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub version: Option<String>,
    /// Whether the store trusts who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<bool>,
    /// Nix's last `error:`, scrubbed, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub error: Option<String>,
    /// Why ssh gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_words: Option<SshWords>,
    /// Whether the command ended with 0.
    #[serde(default)]
    pub succeeded: bool,
}

/// Why the local daemon did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DaemonError {
    /// Nobody listens on the socket, or there is none.
    NotRunning,
    /// `user 'x' is not allowed to connect to the Nix daemon`
    NotAllowed,
    /// Another error.
    Other,
}

use super::text::{clean, cut, scrub};
use serde_json::Value;

impl SshFault {
    /// ssh has done its part: what spoke behind the login is another question.
    pub fn is_behind_the_login(&self) -> bool {
        matches!(self, SshFault::ProtocolMismatch(_) | SshFault::Multiplexing(_) | SshFault::DaemonGone)
    }
}

impl SshWords {
    /// The most telling of ssh's and Nix's words in `text`; None where it has none that is known.
    ///
    /// What stops a connection outranks warnings about keys, and these outrank the bare end that they lead to.
    pub fn find(text: &str) -> Option<SshWords> {
        let text = clean(text);
        let known = text.lines().filter_map(|line| fault(line).map(|(rank, _)| (rank, line)));
        let (_, line) = known.min_by_key(|(rank, _)| *rank)?;
        let line = cut(&scrub(line.trim()), 500);
        // Read once more, so that nothing that had to be scrubbed stays in the fault.
        let fault = fault(&line).map_or(SshFault::Other, |(_, fault)| fault);
        Some(SshWords { fault, line })
    }

    /// As `find`, with `Other` and the first line where nothing is known.
    pub fn find_or_other(text: &str) -> SshWords {
        SshWords::find(text).unwrap_or_else(|| {
            let line = text.lines().next().unwrap_or("");
            SshWords { fault: SshFault::Other, line: cut(scrub(&clean(line)).trim(), 500) }
        })
    }
}

/// What a line says, and its rank: lower is more telling.
fn fault(line: &str) -> Option<(u8, SshFault)> {
    let has = |words: &str| line.contains(words);
    if let Some(path) = after(line, "Bad owner or permissions on ") {
        Some((0, SshFault::BadOwner(cut(path, 1000))))
    } else if let Some(rest) = after(line, "Could not resolve hostname ") {
        Some((1, SshFault::CannotResolve(cut(rest.split(':').next().unwrap_or(""), 255))))
    } else if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || (has("Host key for ") && has(" has changed")) {
        Some((2, SshFault::HostKeyChanged))
    } else if has("Host key verification failed")
        || has(" host key is known for ")
        || has("The authenticity of host ")
    {
        Some((3, SshFault::HostKeyUnknown))
    } else if has("timed out during banner exchange") {
        Some((4, SshFault::BannerTimeout))
    } else if has("Connection refused") {
        Some((5, SshFault::ConnectionRefused))
    } else {
        key_fault(line).or_else(|| ending(line))
    }
}

/// What PAM says where the guest's accounts are not those that its sshd was set up with.
const PAM: [&str; 2] = [
    "User not known to the underlying authentication module",
    "Authentication service cannot retrieve authentication info",
];
/// Nix lets ssh print this word once it has connected; where a shared connection seemed to be there, it does not
/// wait for it, and takes it for the first word of its protocol.
const STARTED: &str = "started";

fn key_fault(line: &str) -> Option<(u8, SshFault)> {
    let has = |words: &str| line.contains(words);
    if has("Permissions ") && has(" are too open") {
        Some((6, SshFault::KeyTooOpen(first_quoted(line))))
    } else if has("UNPROTECTED PRIVATE KEY FILE") {
        Some((7, SshFault::KeyTooOpen(String::new())))
    } else if let Some(rest) = after(line, "Identity file ").filter(|r| r.contains(" not accessible")) {
        Some((8, SshFault::IdentityMissing(cut(rest.split(" not accessible").next().unwrap_or(""), 1000))))
    } else if after(line, "Load key \"").is_some_and(|r| r.contains("\": ")) {
        Some((9, SshFault::KeyUnreadable(first_quoted(line))))
    } else if PAM.iter().any(|words| has(words)) {
        Some((10, SshFault::AccountUnknown))
    } else if has("Too many authentication failures") {
        Some((11, SshFault::TooManyAuthFailures))
    } else if has("Permission denied (") || has("Permission denied, please try again") {
        Some((12, SshFault::PermissionDenied))
    } else {
        None
    }
}

fn ending(line: &str) -> Option<(u8, SshFault)> {
    let has = |words: &str| line.contains(words);
    if let Some(got) = after(line, "protocol mismatch, got '") {
        let got = cut(got.trim_end_matches('\''), 200);
        let by_ssh = got.trim() == STARTED || got.contains("ControlSocket") || got.contains("mux_client_");
        Some((13, if by_ssh { SshFault::Multiplexing(got) } else { SshFault::ProtocolMismatch(got) }))
    } else if has("Nix daemon disconnected unexpectedly") {
        Some((14, SshFault::DaemonGone))
    } else if has("onnection timed out")
        || has("Operation timed out")
        || (has("Connection to ") && has(" timed out"))
    {
        Some((15, SshFault::TimedOut))
    } else if has("Connection reset by ") {
        Some((16, SshFault::ResetByPeer))
    } else if has("Connection closed by ") || has("Connection closed.") {
        Some((17, SshFault::ClosedByPeer))
    } else if has("mux_client_request_session: session request failed") {
        Some((18, SshFault::SharingRefused))
    } else if has("failed to start SSH ") {
        Some((19, SshFault::NoReason))
    } else {
        None
    }
}

fn after<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    line.split_once(words).map(|(_, rest)| rest)
}

fn first_quoted(line: &str) -> String {
    let quoted = line.find(['\'', '"']).and_then(|at| {
        let mark = line.get(at..)?.chars().next()?;
        line.get(at + 1..)?.split_once(mark).map(|(word, _)| word)
    });
    cut(quoted.unwrap_or(""), 1000)
}

/// `nix store info`, with `--json` or without.
pub fn parse(stdout: &str, stderr: &str, exit: Option<i32>) -> StoreInfo {
    let both = format!("{stdout}\n{stderr}");
    let json = both.lines().find(|l| l.starts_with('{')).and_then(|l| serde_json::from_str::<Value>(l).ok());
    let mut info = json.map_or_else(|| from_text(&both), |j| from_json(&j));
    info.error = last_error(&both);
    info.ssh_words = if exit == Some(0) { None } else { SshWords::find(&both) };
    info.succeeded = exit == Some(0);
    info
}

fn from_json(json: &Value) -> StoreInfo {
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(|s| scrub(&cut(s, 1000)));
    let trusted = json.get("trusted").and_then(|v| v.as_bool().or_else(|| v.as_u64().and_then(zero_or_one)));
    StoreInfo { url: text("url"), version: text("version"), trusted, ..StoreInfo::default() }
}

/// Without `--json`: `Store URL: …`, `Version: …`, `Trusted: 1`.
fn from_text(text: &str) -> StoreInfo {
    let text = clean(text);
    let field = |name: &str| {
        text.lines().find_map(|l| l.trim().strip_prefix(name)).map(|v| scrub(&cut(v.trim(), 1000)))
    };
    let trusted = field("Trusted:").and_then(|v| v.parse().ok()).and_then(zero_or_one);
    StoreInfo { url: field("Store URL:"), version: field("Version:"), trusted, ..StoreInfo::default() }
}

fn zero_or_one(number: u64) -> Option<bool> {
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The last `error:` of Nix with its indented lines, on one line, scrubbed.
pub fn last_error(text: &str) -> Option<String> {
    let text = clean(text);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .rposition(|l| l.trim_start().strip_prefix("error:").is_some_and(|r| !r.trim().is_empty()))?;
    let first = lines.get(at)?.trim();
    let more = lines.iter().skip(at + 1).take_while(|l| l.starts_with(' ') && !l.trim().is_empty()).take(20);
    let words: Vec<&str> = std::iter::once(first).chain(more.map(|l| l.trim())).collect();
    let joined = words.join(" ");
    let told = joined.strip_prefix("error:").unwrap_or(&joined).trim();
    Some(cut(&scrub(&cut(told, 2000)), 1000))
}

impl DaemonError {
    /// Why the local daemon did not answer; None where the text has no error.
    pub fn find(text: &str) -> Option<DaemonError> {
        let text = clean(text);
        let has = |words: &str| text.contains(words);
        if has("cannot connect to socket at") || has("cannot connect to daemon at") {
            Some(DaemonError::NotRunning)
        } else if has("is not allowed to connect") {
            Some(DaemonError::NotAllowed)
        } else {
            text.lines().any(|l| l.trim_start().starts_with("error:")).then_some(DaemonError::Other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-outputs.md: 'root store info', or the root ssh where that is all there is; names are those of its headings.
    const CAPTURES: [(&str, &str); 10] = [
        ("service-disabled", "ssh: connect to host localhost port 31022: Connection refused\n"),
        ("vm-hung", "Connection timed out during banner exchange\nConnection to 127.0.0.1 port 31022 timed out\n"),
        (
            "vm-nix-down",
            "error: creating directory \"/nix/store\": Permission denied
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: Nix daemon disconnected unexpectedly (maybe it crashed?)
",
        ),
        (
            "key-missing",
            "Warning: Identity file /etc/nix/builder_ed25519 not accessible: No such file or directory.
kex_exchange_identification: read: Connection reset by peer
Connection reset by 127.0.0.1 port 31022
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "key-mismatch",
            "Connection closed by 127.0.0.1 port 31022
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "host-key-mismatch",
            "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:sElBJQklmTA6gCXRLYnxbNZCFQQgjrFoxexrGg24EF0.
Please contact your system administrator.
Add correct host key in /tmp/nix-<n>/host-key to get rid of this message.
Offending ED25519 key in /tmp/nix-<n>/host-key:1
  remove with:
  ssh-keygen -f '/tmp/nix-<n>/host-key' -R 'linux-builder'
Host key for linux-builder has changed and you have requested strict checking.
Host key verification failed.
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "alias-missing",
            "ssh: Could not resolve hostname linux-builder: Temporary failure in name resolution
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "ssh-config-perms",
            "Bad owner or permissions on /etc/ssh/ssh_config.d/100-linux-builder.conf
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "localhost-broken",
            "ssh: Could not resolve hostname localhost: Temporary failure in name resolution
{\"url\":\"ssh-ng://builder@linux-builder?base64-ssh-public-host-key=<base64>&ssh-key=/etc/nix/builder_ed25519\"}
error: failed to start SSH connection to 'linux-builder'
",
        ),
        (
            "daemon-down",
            "{\"url\":\"daemon\"}\nerror: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory\n",
        ),
    ];

    fn capture(name: &str) -> &'static str {
        CAPTURES.iter().find(|(n, _)| *n == name).unwrap().1
    }

    fn of(name: &str) -> SshFault {
        parse("", capture(name), Some(1)).ssh_words.unwrap().fault
    }

    #[test]
    fn captured_faults() {
        assert_eq!(of("service-disabled"), SshFault::ConnectionRefused);
        assert_eq!(of("vm-hung"), SshFault::BannerTimeout);
        assert_eq!(of("vm-nix-down"), SshFault::DaemonGone);
        assert_eq!(of("key-missing"), SshFault::IdentityMissing("/etc/nix/builder_ed25519".to_owned()));
        assert_eq!(of("key-mismatch"), SshFault::ClosedByPeer);
        assert_eq!(of("host-key-mismatch"), SshFault::HostKeyChanged);
        assert_eq!(of("alias-missing"), SshFault::CannotResolve("linux-builder".to_owned()));
        assert_eq!(of("localhost-broken"), SshFault::CannotResolve("localhost".to_owned()));
        let path = "/etc/ssh/ssh_config.d/100-linux-builder.conf".to_owned();
        assert_eq!(of("ssh-config-perms"), SshFault::BadOwner(path));
    }

    #[test]
    fn reported_faults() {
        // Catalogue 11.13 to 11.15; the second and the last two are OpenSSH's words from memory, not captured.
        let key = || "/etc/nix/builder_ed25519".to_owned();
        for (text, want) in [
            ("ssh: connect to host zeus.goldragon.criome port 22: Connection timed out", SshFault::TimedOut),
            ("ssh: connect to host localhost port 31022: Operation timed out", SshFault::TimedOut),
            (
                "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\nPermissions 0640 for '/etc/nix/builder_ed25519' are too open.\nThis private key will be ignored.",
                SshFault::KeyTooOpen(key()),
            ),
            (
                "Load key \"/etc/nix/builder_ed25519\": Permission denied\n(builder@linux-builder) Password:",
                SshFault::KeyUnreadable(key()),
            ),
            (
                "Received disconnect from 127.0.0.1 port 31022:2: Too many authentication failures",
                SshFault::TooManyAuthFailures,
            ),
            (
                "error: protocol mismatch, got 'Welcome to the builder!",
                SshFault::ProtocolMismatch("Welcome to the builder!".to_owned()),
            ),
            (
                "The authenticity of host 'linux-builder ([127.0.0.1]:31022)' can't be established.",
                SshFault::HostKeyUnknown,
            ),
            (
                "ssh: Could not resolve hostname localhost: nodename nor servname provided, or not known",
                SshFault::CannotResolve("localhost".to_owned()),
            ),
            (
                "No ED25519 host key is known for linux-builder and you have requested strict checking.\nHost key verification failed.",
                SshFault::HostKeyUnknown,
            ),
            (
                "builder@localhost: Permission denied (publickey,password,keyboard-interactive).",
                SshFault::PermissionDenied,
            ),
            // Catalogue, vm-state-corrupt; the words are PAM's, how ssh ends after them is made.
            (
                "User not known to the underlying authentication module\nConnection closed by 127.0.0.1 port 31022",
                SshFault::AccountUnknown,
            ),
            // NixOS/nix#14132, and the same from Nix 2.34.8 and OpenSSH 10.6 where a shared connection refuses.
            (
                "error: unexpected end-of-file\nerror: cannot open connection to remote store 'ssh-ng://example.org': error: protocol mismatch, got 'started\n              oixd",
                SshFault::Multiplexing("started".to_owned()),
            ),
            (
                "mux_client_request_session: session request failed: Session open refused by peer\nControlSocket /tmp/mux-f07bb598 already exists, disabling multiplexing\nerror: unexpected end-of-file\nerror: cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: protocol mismatch, got 'started\n              oixd",
                SshFault::Multiplexing("started".to_owned()),
            ),
            (
                "mux_client_request_session: session request failed: Session open refused by peer\nbuilder@localhost: Permission denied (publickey).",
                SshFault::PermissionDenied,
            ),
            (
                "mux_client_request_session: session request failed: Session open refused by peer\nerror: failed to start SSH connection to 'linux-builder'",
                SshFault::SharingRefused,
            ),
        ] {
            assert_eq!(SshWords::find(text).unwrap().fault, want, "{text}");
        }
        assert_eq!(SshWords::find("Welcome"), None);
        assert_eq!(
            SshWords::find_or_other("Welcome\nx"),
            SshWords { fault: SshFault::Other, line: "Welcome".to_owned() }
        );
    }

    #[test]
    fn answers() {
        // nix-outputs.md, healthy.
        let i = parse("{\"trusted\":false,\"url\":\"daemon\",\"version\":\"2.34.8\"}\n", "", Some(0));
        assert_eq!(
            (i.trusted, i.url.as_deref(), i.version.as_deref()),
            (Some(false), Some("daemon"), Some("2.34.8"))
        );
        assert_eq!((i.error, i.ssh_words, i.succeeded), (None, None, true));
        let i =
            parse("{\"trusted\":1,\"url\":\"daemon\"}", "warning: you don't have Internet access", Some(0));
        assert_eq!(i.trusted, Some(true));
        // Catalogue 11.13.
        let i =
            parse("", "Store URL: ssh-ng://li@zeus.goldragon.criome\nVersion: 2.35.1\nTrusted: 1\n", Some(0));
        assert_eq!((i.trusted, i.version.as_deref()), (Some(true), Some("2.35.1")));
        assert_eq!(i.url.as_deref(), Some("ssh-ng://li@zeus.goldragon.criome"));
        let i = parse("", "Store URL: ssh://builder-riscv64-linux\n", Some(0));
        assert_eq!((i.trusted, i.version), (None, None));
    }

    #[test]
    fn errors_of_the_daemon() {
        let i = parse("", capture("daemon-down"), Some(1));
        assert_eq!(i.url.as_deref(), Some("daemon"));
        let says =
            "cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory";
        assert_eq!((i.error.as_deref(), i.ssh_words), (Some(says), None));
        assert_eq!(DaemonError::find(capture("daemon-down")), Some(DaemonError::NotRunning));
        // Catalogue 11.17 and the entry daemon-user-not-allowed.
        let old =
            "error: cannot connect to daemon at '/nix/var/nix/daemon-socket/socket': Connection refused";
        assert_eq!(DaemonError::find(old), Some(DaemonError::NotRunning));
        let text = "error: user 'alice' is not allowed to connect to the Nix daemon";
        assert_eq!(DaemonError::find(text), Some(DaemonError::NotAllowed));
        assert_eq!(DaemonError::find("error: x"), Some(DaemonError::Other));
        assert_eq!(DaemonError::find("warning: x"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..600, i in 0usize..10) {
            let sample = CAPTURES[i].1;
            let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
            parse(&text, &mutated, Some(1));
            parse(&mutated, "", None);
            DaemonError::find(&mutated);
            SshWords::find_or_other(&text);
        }
    }
}
