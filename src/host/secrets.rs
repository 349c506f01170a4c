//! What must not stand in a report for others, read when one is written: to search it, and for nothing else.

use super::Host;
use crate::evidence::conf_files::user_files;
use crate::parse::conf_files::parse;
use crate::redact::is_own_word;
use std::path::Path;

/// The secrets of this machine and the names of its owner. Nothing can print, save or compare it: it only
/// says whether a text holds one of them.
#[derive(Default)]
pub struct Secrets {
    user: Option<String>,
    home: Option<String>,
    host: Option<String>,
    /// Tokens and passwords, which no text may hold, whoever reads it.
    hidden: Vec<String>,
}

impl Secrets {
    /// Those of this machine; `host_name` is what it calls itself.
    pub fn of_this_machine(host: &dyn Host, host_name: Option<String>) -> Self {
        let home = host.env("HOME").filter(|home| home.starts_with('/') && home.len() > 3);
        let user = host.env("USER").or_else(|| host.env("LOGNAME")).filter(|it| !it.is_empty());
        let mut secrets = Secrets { user, home: home.clone(), host: host_name, hidden: Vec::new() };
        let in_home = |path: &str| home.as_ref().map(|home| format!("{}/{path}", home.trim_end_matches('/')));
        let read = |path: &str| {
            host.read(Path::new(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut netrcs: Vec<String> = in_home(".netrc").into_iter().collect();
        netrcs.extend(["/etc/nix/netrc", "/nix/var/determinate/netrc"].map(str::to_owned));
        for text in settings(host, in_home(".config/nix/nix.conf")) {
            for line in text.lines() {
                let Some((name, value)) = line.split_once('=') else { continue };
                match name.trim() {
                    "access-tokens" | "extra-access-tokens" => {
                        let tokens = value.split_whitespace().filter_map(|it| it.split_once('='));
                        tokens.for_each(|(_, token)| secrets.hide_token(token));
                    }
                    "netrc-file" => netrcs.push(value.trim().to_owned()),
                    _ => secrets.hide_logins(value),
                }
            }
        }
        for text in netrcs.iter().filter_map(|path| read(path)) {
            let mut words = text.split_whitespace();
            while let Some(word) = words.next() {
                if word == "password" || word == "account" {
                    words.next().into_iter().for_each(|password| secrets.hide(password));
                }
            }
        }
        secrets
    }

    /// For tests, and for whoever knows what to look for.
    pub fn new(user: Option<&str>, home: Option<&str>, host: Option<&str>, hidden: &[&str]) -> Self {
        let own = |it: Option<&str>| it.map(str::to_owned);
        let mut secrets = Secrets { user: own(user), home: own(home), host: own(host), hidden: Vec::new() };
        hidden.iter().for_each(|it| secrets.hide(it));
        secrets
    }

    /// An access token, which may begin with its type, as in `PAT:token`.
    fn hide_token(&mut self, token: &str) {
        self.hide(token.split_once(':').map_or(token, |(_, token)| token));
    }

    /// A password in a URL.
    fn hide_logins(&mut self, value: &str) {
        for word in value.split_whitespace() {
            let authority = word.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            let login = authority.and_then(|it| it.rsplit_once('@')).map(|(login, _)| login);
            if let Some((_, password)) = login.and_then(|it| it.split_once(':')) {
                self.hide(password);
            }
        }
    }

    /// A word of fewer than six characters, or of ours, cannot be told from what stands in every report.
    fn hide(&mut self, value: &str) {
        let value = value.trim_matches(|c| c == '"' || c == '\'');
        if value.len() >= 6 && !is_own_word(value) {
            // As it is, and as JSON writes it.
            let written = serde_json::Value::from(value).to_string();
            let written = written.trim_matches('"').to_owned();
            if written != value {
                self.hidden.push(written);
            }
            self.hidden.push(value.to_owned());
        }
    }

    /// Gives the names of the owner and the machine to whoever replaces them.
    pub(crate) fn own_names(&self, take: impl FnOnce(Option<&str>, Option<&str>, Option<&str>)) {
        take(self.user.as_deref(), self.home.as_deref(), self.host.as_deref());
    }

    /// Whether a text holds a secret, or one of the names where these are asked for, too.
    pub fn found_in(&self, text: &str, names: bool) -> bool {
        // A password of letters alone may be part of any word.
        let within = |it: &str| match it.bytes().all(|b| b.is_ascii_alphabetic()) {
            true => crate::redact::stands_in(text, it),
            false => text.contains(it),
        };
        if self.hidden.iter().any(|it| within(it)) {
            return true;
        }
        if !names {
            return false;
        }
        let home = self.home.as_deref().filter(|it| is_private(it.trim_end_matches('/').rsplit('/').next()));
        let home = home.is_some_and(|home| crate::redact::stands_in(text, home));
        let telling = |name: &&str| name.len() >= 3 && is_private(Some(name)) && !is_own_word(name);
        let short = self.host.as_deref().and_then(|it| it.split('.').next());
        let names = [self.user.as_deref(), self.host.as_deref(), short];
        home || names.into_iter().flatten().filter(telling).any(|name| crate::redact::stands_in(text, name))
    }
}

/// The texts of all settings that Nix may read here: the system's, the user's, those that they include, and the
/// variable's.
fn settings(host: &dyn Host, in_home: Option<String>) -> Vec<String> {
    const MOST: usize = 64;
    let mut queue: Vec<String> = ["/etc/nix/nix.conf", "/etc/nix/nix.custom.conf"].map(str::to_owned).into();
    queue.extend(host.env("NIX_CONF_DIR").map(|folder| format!("{folder}/nix.conf")));
    queue.extend(in_home);
    queue.extend(user_files(host).into_iter().map(|path| path.to_string_lossy().into_owned()));
    let folders = host.env("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    queue.extend(folders.split(':').map(|folder| format!("{folder}/nix/nix.conf")));
    let mut texts: Vec<String> = host.env("NIX_CONFIG").into_iter().collect();
    let mut at = 0;
    while let Some(path) = queue.get(at).cloned().filter(|_| at < MOST) {
        at += 1;
        if !path.starts_with('/') {
            continue;
        }
        let Ok(bytes) = host.read(Path::new(&path)) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for include in parse(&path, &text).includes {
            if !queue.contains(&include.path) {
                queue.push(include.path);
            }
        }
        texts.push(text);
    }
    texts
}

fn is_private(name: Option<&str>) -> bool {
    name.is_some_and(|name| !crate::redact::is_public_name(name))
}
