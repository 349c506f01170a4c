//! What must not stand in a report for others, read when one is written: to search it, and for nothing else.

use super::Host;
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
        netrcs.push("/etc/nix/netrc".to_owned());
        let files = ["/etc/nix/nix.conf", "/etc/nix/nix.custom.conf"].map(str::to_owned);
        let files = files.into_iter().chain(in_home(".config/nix/nix.conf"));
        let texts: Vec<String> = files.filter_map(|path| read(&path)).chain(host.env("NIX_CONFIG")).collect();
        for line in texts.iter().flat_map(|text| text.lines()) {
            let Some((name, value)) = line.split_once('=') else { continue };
            match name.trim() {
                "access-tokens" | "extra-access-tokens" => {
                    let tokens = value.split_whitespace().filter_map(|it| it.split_once('='));
                    tokens.for_each(|(_, token)| secrets.hide(token));
                }
                "netrc-file" => netrcs.push(value.trim().to_owned()),
                _ => secrets.hide_logins(value),
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
            self.hidden.push(value.to_owned());
        }
    }

    /// Gives the names of the owner and the machine to whoever replaces them.
    pub(crate) fn own_names(&self, take: impl FnOnce(Option<&str>, Option<&str>, Option<&str>)) {
        take(self.user.as_deref(), self.home.as_deref(), self.host.as_deref());
    }

    /// Whether a text holds a secret, or one of the names where these are asked for, too.
    pub fn found_in(&self, text: &str, names: bool) -> bool {
        if self.hidden.iter().any(|it| text.contains(it.as_str())) {
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

fn is_private(name: Option<&str>) -> bool {
    name.is_some_and(|name| !crate::redact::is_public_name(name))
}
