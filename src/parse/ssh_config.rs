//! `ssh -G HOST`: what ssh would do for a host, from all its files; and what it says where a file is bad.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What ssh would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SshView {
    /// Where it connects; the alias itself where no file names it.
    #[schemars(extend("x-kind" = "host-name"))]
    pub hostname: String,
    /// 22 where nothing says otherwise.
    pub port: u16,
    /// The login.
    #[schemars(extend("x-kind" = "user-name"))]
    pub user: String,
    /// Paths, `~` not expanded; ssh's defaults where none is set.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub identity_files: Vec<String>,
    /// The name under which the host key is looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "host-name"))]
    pub host_key_alias: Option<String>,
    /// Whether only the files above are offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities_only: Option<bool>,
    /// A socket, `none` or `SSH_AUTH_SOCK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub identity_agent: Option<String>,
    /// `false`, `true`, `auto`, `ask`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub control_master: Option<String>,
    /// A socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub control_path: Option<String>,
    /// Whether a ProxyCommand is set (never which: it can hold secrets).
    #[serde(default)]
    pub proxy_command: bool,
    /// Whether a ProxyJump is set.
    #[serde(default)]
    pub proxy_jump: bool,
    /// `true`, `ask`, `accept-new`, `false`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub strict_host_key_checking: Option<String>,
    /// Paths.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub user_known_hosts: Vec<String>,
}

/// A configuration that ssh refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SshConfigError {
    /// `Bad owner or permissions on PATH`
    #[schemars(extend("x-kind" = "text"))]
    BadOwner(String),
    /// `PATH: line N: Bad configuration option: x`
    BadOption {
        /// The file.
        #[schemars(extend("x-kind" = "path"))]
        path: String,
        /// 1-based.
        line: u32,
        /// The option.
        #[schemars(extend("x-kind" = "text"))]
        option: String,
    },
    /// `PATH line N: …` of another kind (a missing or unsupported value).
    BadLine {
        /// The file.
        #[schemars(extend("x-kind" = "path"))]
        path: String,
        /// 1-based.
        line: u32,
        /// ssh's words, scrubbed.
        #[schemars(extend("x-kind" = "text"))]
        text: String,
    },
    /// `PATH: terminating, N bad configuration options`
    Terminating {
        /// The file.
        #[schemars(extend("x-kind" = "path"))]
        path: String,
        /// How many.
        count: u32,
    },
}

use super::text::{clean, cut, scrub};

const MAX_ITEMS: usize = 64;

/// The stdout of `ssh -G HOST`; None where it is not that.
pub fn parse_view(text: &str) -> Option<SshView> {
    let mut view = SshView::default();
    for line in text.lines() {
        let (name, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        view.set(&name.to_ascii_lowercase(), value.trim());
    }
    (!view.hostname.is_empty() && view.port != 0).then_some(view)
}

impl SshView {
    /// Whether another machine or a command makes the connection.
    pub fn goes_through_proxy(&self) -> bool {
        self.proxy_command || self.proxy_jump
    }
    fn set(&mut self, name: &str, value: &str) {
        let text = || Some(scrub(&cut(value, 1000))).filter(|v| !v.is_empty());
        match name {
            "hostname" => self.hostname = cut(value, 255),
            "port" => self.port = value.parse().unwrap_or(0),
            "user" => self.user = cut(value, 255),
            "identityfile" if self.identity_files.len() < MAX_ITEMS => self.identity_files.extend(text()),
            "hostkeyalias" => self.host_key_alias = text(),
            "identitiesonly" => self.identities_only = boolean(value),
            "identityagent" => self.identity_agent = text(),
            "controlmaster" => self.control_master = text(),
            "controlpath" => self.control_path = text(),
            "proxycommand" => self.proxy_command = !matches!(value, "" | "none"),
            "proxyjump" => self.proxy_jump = !matches!(value, "" | "none"),
            "stricthostkeychecking" => self.strict_host_key_checking = text(),
            "userknownhostsfile" => {
                self.user_known_hosts = value.split_whitespace().take(MAX_ITEMS).map(str::to_owned).collect();
            }
            _ => {}
        }
    }
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// What ssh finds wrong with its files, in its order; Bad owner also stands alone on the stderr of a login.
pub fn parse_errors(stderr: &str) -> Vec<SshConfigError> {
    clean(stderr).lines().map(str::trim).filter_map(error).take(MAX_ITEMS).collect()
}

fn error(line: &str) -> Option<SshConfigError> {
    if let Some(path) = line.strip_prefix("Bad owner or permissions on ") {
        return Some(SshConfigError::BadOwner(cut(path, 1000)));
    }
    if let Some((path, rest)) = line.split_once(": terminating, ") {
        let count = rest.split(' ').next()?.parse().ok()?;
        return rest
            .contains("bad configuration option")
            .then(|| SshConfigError::Terminating { path: cut(path, 1000), count });
    }
    // `PATH: line 3: …` and `PATH line 3: …`: OpenSSH prints both.
    let (path, rest) = line.split_once(" line ")?;
    let (number, text) = rest.split_once(": ")?;
    let path = path.trim_end_matches(':');
    let line = number.parse().ok().filter(|_| path.starts_with(['/', '~']))?;
    let path = cut(path, 1000);
    match text.strip_prefix("Bad configuration option: ") {
        Some(option) => Some(SshConfigError::BadOption { path, line, option: cut(option, 200) }),
        None => Some(SshConfigError::BadLine { path, line, text: scrub(&cut(text, 500)) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Printed by OpenSSH 9.2p1 (Debian) for the alias file of nix-darwin-outputs.md; algorithms left out.
    const VIEW: &str = "host linux-builder
user builder
hostname localhost
port 31022
batchmode no
controlmaster false
hostbasedauthentication no
identitiesonly no
proxyusefdpass no
stricthostkeychecking ask
hostkeyalias linux-builder
identityfile /etc/nix/builder_ed25519
userknownhostsfile /root/.ssh/known_hosts /root/.ssh/known_hosts2
controlpersist no
";
    /// nix-outputs.md, ssh-config-perms, for the first line; the others printed by the same OpenSSH for a broken file.
    const ERRORS: &str = "Bad owner or permissions on /etc/ssh/ssh_config.d/100-linux-builder.conf
/tmp/parsers-ssh/d: line 2: Bad configuration option: foo
/tmp/parsers-ssh/d line 3: no argument after keyword \"port\"
/tmp/parsers-ssh/d: terminating, 2 bad configuration options
";

    #[test]
    fn the_alias() {
        let v = parse_view(VIEW).unwrap();
        assert_eq!((v.hostname.as_str(), v.port, v.user.as_str()), ("localhost", 31022, "builder"));
        assert_eq!(v.identity_files, ["/etc/nix/builder_ed25519"]);
        assert_eq!((v.host_key_alias.as_deref(), v.identities_only), (Some("linux-builder"), Some(false)));
        assert_eq!((v.proxy_command, v.proxy_jump, v.user_known_hosts.len()), (false, false, 2));
        assert_eq!(parse_view("ssh: illegal option"), None);
        assert_eq!(parse_view("hostname x\nport many\n"), None);
    }

    #[test]
    fn errors() {
        let path = || "/tmp/parsers-ssh/d".to_owned();
        let want = vec![
            SshConfigError::BadOwner("/etc/ssh/ssh_config.d/100-linux-builder.conf".to_owned()),
            SshConfigError::BadOption { path: path(), line: 2, option: "foo".to_owned() },
            SshConfigError::BadLine {
                path: path(),
                line: 3,
                text: "no argument after keyword \"port\"".to_owned(),
            },
            SshConfigError::Terminating { path: path(), count: 2 },
        ];
        assert_eq!(parse_errors(ERRORS), want);
        assert_eq!(parse_errors("debug1: /etc/ssh/ssh_config line 54: Applying options for *"), []);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..300) {
            for sample in [VIEW, ERRORS] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
                parse_view(&mutated);
                parse_errors(&mutated);
            }
        }
    }
}
