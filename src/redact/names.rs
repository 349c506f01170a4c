//! Names and their tokens: what was learned of a machine, and its replacement in any text.

use crate::checks;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A user.
    User,
    /// A machine.
    Host,
    /// A home that is neither in /Users nor in /home.
    Home,
    /// An address.
    Ip,
    /// A secret.
    Secret,
}

impl Sort {
    const ALL: [Sort; 5] = [Sort::User, Sort::Host, Sort::Home, Sort::Ip, Sort::Secret];

    fn word(self) -> &'static str {
        match self {
            Sort::User => "user",
            Sort::Host => "host",
            Sort::Home => "home",
            Sort::Ip => "ip",
            Sort::Secret => "secret",
        }
    }
}

/// One value and what stands in for it.
pub(super) struct Name {
    pub(super) value: String,
    pub(super) token: String,
    /// Replaced only where it stands as such (a field, a home, a URL): it is also a word of ours.
    in_place_only: bool,
}

/// A piece of a text, in bytes, and what comes in its place.
pub(super) struct Swap {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) token: String,
}

/// What was learned.
#[derive(Default)]
pub(super) struct Names {
    pub(super) all: Vec<Name>,
    next: [usize; 5],
    public_hosts: BTreeSet<String>,
    /// What is expected, and stays whatever name is part of it, in small letters.
    expected: Vec<String>,
}

impl Names {
    pub(super) fn new(public_hosts: impl IntoIterator<Item = String>) -> Self {
        Names { public_hosts: public_hosts.into_iter().collect(), ..Names::default() }
    }

    /// Keeps of what is expected that of which a name is part.
    pub(super) fn keep_expected(&mut self, phrases: Vec<String>) {
        let holds = |phrase: &String| {
            self.all.iter().any(|it| !at_word_bounds(phrase, &it.value.to_ascii_lowercase()).is_empty())
        };
        self.expected = phrases.into_iter().filter(holds).collect();
    }

    /// Numbers begin behind those of the tokens that this text holds.
    pub(super) fn pass_over_tokens(&mut self, text: &str) {
        for (sort, next) in Sort::ALL.into_iter().zip(&mut self.next) {
            let begin = format!("<{}-", sort.word());
            for part in text.split(begin.as_str()).skip(1) {
                let number = part.split('>').next().and_then(|it| it.parse::<usize>().ok());
                *next = number.map_or(*next, |it| (*next).max(it));
            }
        }
    }

    pub(super) fn learn(&mut self, sort: Sort, value: &str) {
        let value = value.trim();
        let known = self.all.iter().any(|it| it.value.eq_ignore_ascii_case(value));
        if known || value.is_empty() || value.contains(['<', '>']) || self.is_public(sort, value) {
            return;
        }
        let Some(next) = self.next.get_mut(sort as usize) else { return };
        *next += 1;
        let token = format!("<{}-{next}>", sort.word());
        let in_place_only =
            matches!(sort, Sort::User | Sort::Host) && (value.len() < 3 || is_own_word(value));
        self.all.push(Name { value: value.to_owned(), token, in_place_only });
    }

    fn is_public(&self, sort: Sort, value: &str) -> bool {
        match sort {
            Sort::User => is_public_user(value),
            Sort::Host => {
                value.parse::<IpAddr>().is_ok()
                    || is_public_host(value)
                    || self.public_hosts.contains(&value.to_ascii_lowercase())
            }
            Sort::Ip => value.parse().is_ok_and(is_public_address),
            Sort::Home => value.len() < 4,
            Sort::Secret => false,
        }
    }

    fn token(&self, value: &str) -> Option<&str> {
        self.all.iter().find(|it| it.value.eq_ignore_ascii_case(value)).map(|it| it.token.as_str())
    }

    /// Learns what a text shows by its shape.
    pub(super) fn learn_from(&mut self, text: &str) {
        for (from, to) in homes(text) {
            self.learn(Sort::User, text.get(from..to).unwrap_or(""));
        }
        for url in urls(text) {
            if let Some((from, to)) = url.user {
                self.learn(Sort::User, text.get(from..to).unwrap_or(""));
            }
            let host = text.get(url.host.0..url.host.1).unwrap_or("");
            self.learn(Sort::Host, host);
        }
        for (from, to) in addresses(text) {
            self.learn(Sort::Ip, text.get(from..to).unwrap_or(""));
        }
    }

    /// What is to be replaced in a text, from left to right; `whole` where the text is itself a name.
    pub(super) fn swaps(&self, text: &str, whole: bool) -> Vec<Swap> {
        let trimmed = text.trim();
        if whole && let Some(token) = self.token(trimmed) {
            let from = text.len() - text.trim_start().len();
            return vec![Swap { from, to: from + trimmed.len(), token: token.to_owned() }];
        }
        let mut found: Vec<Swap> = Vec::new();
        let mut add = |from: usize, to: usize, token: &str| {
            if found.iter().all(|it| to <= it.from || it.to <= from) {
                found.push(Swap { from, to, token: token.to_owned() });
            }
        };
        for (from, to) in tokens(text) {
            add(from, to, text.get(from..to).unwrap_or(""));
        }
        let lower = text.to_ascii_lowercase();
        for phrase in &self.expected {
            for (from, to) in at_word_bounds(&lower, phrase) {
                add(from, to, text.get(from..to).unwrap_or(""));
            }
        }
        let mut by_length: Vec<&Name> = self.all.iter().filter(|it| !it.in_place_only).collect();
        by_length.sort_by_key(|it| std::cmp::Reverse(it.value.len()));
        // Shapes end where such a name goes on.
        for name in by_length.iter().filter(|it| it.value.contains(ends_a_home)) {
            for (from, to) in at_word_bounds(&lower, &name.value.to_ascii_lowercase()) {
                add(from, to, &name.token);
            }
        }
        for (from, to, decoded) in host_keys(text) {
            let (shown, changed) = self.replaced(&decoded, false);
            if changed {
                use base64::Engine;
                add(from, to, &base64::engine::general_purpose::STANDARD.encode(shown));
            }
        }
        let urls = urls(text);
        let shapes = homes(text)
            .into_iter()
            .chain(urls.iter().filter_map(|url| url.user))
            .chain(urls.iter().map(|url| url.host))
            .chain(addresses(text));
        for (from, to) in shapes {
            if let Some(token) = self.token(text.get(from..to).unwrap_or("")) {
                add(from, to, token);
            }
        }
        for name in by_length {
            for (from, to) in at_word_bounds(&lower, &name.value.to_ascii_lowercase()) {
                add(from, to, &name.token);
            }
        }
        found.sort_by_key(|it| it.from);
        found
    }

    /// An address of the range for documentation, with the number of the token and of the same family: where
    /// only an address can be read back.
    pub(super) fn address(&self, text: &str) -> String {
        let number = self.token(text).and_then(|token| token.strip_prefix("<ip-")?.strip_suffix('>'));
        let Some(number) = number.and_then(|it| it.parse::<u16>().ok()) else { return text.to_owned() };
        if text.contains(':') {
            Ipv6Addr::new(0x2001, 0xdb8, 0xd, 0, 0, 0, 0, number).to_string()
        } else {
            Ipv4Addr::new(192, 0, 2, u8::try_from(number).unwrap_or(u8::MAX)).to_string()
        }
    }

    /// The text with tokens for names, and whether that changed it.
    pub(super) fn replaced(&self, text: &str, whole: bool) -> (String, bool) {
        let out = swapped(text, &self.swaps(text, whole));
        let changed = out != text;
        (out, changed)
    }
}

/// The text with each piece replaced.
pub(super) fn swapped(text: &str, swaps: &[Swap]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for swap in swaps {
        out.push_str(text.get(kept..swap.from).unwrap_or(""));
        out.push_str(&swap.token);
        kept = swap.to;
    }
    out.push_str(text.get(kept..).unwrap_or(""));
    out
}

/// Where a 1-based column stands, in characters, after the pieces were replaced.
pub(super) fn moved(text: &str, swaps: &[Swap], column: u64) -> u64 {
    let chars = |part: Option<&str>| part.map_or(0, |it| it.chars().count()) as u64;
    let mut shifted = column;
    for swap in swaps {
        let from = chars(text.get(..swap.from)) + 1;
        let long = chars(text.get(swap.from..swap.to));
        let new = swap.token.chars().count() as u64;
        if column >= from + long {
            shifted = shifted + new - long.min(shifted + new);
        } else if column > from {
            shifted -= column - from;
        }
    }
    shifted.max(1)
}

/// Where a value stands as a word of its own.
pub(crate) fn at_word_bounds(text: &str, value: &str) -> Vec<(usize, usize)> {
    let edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    text.match_indices(value)
        .map(|(at, it)| (at, at + it.len()))
        .filter(|(from, to)| {
            let before = text.get(..*from).and_then(|it| it.chars().next_back());
            let after = text.get(*to..).and_then(|it| it.chars().next());
            edge(before) && edge(after)
        })
        .collect()
}

/// Tokens that stand in a text already.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('<') {
        let rest = text.get(at + 1..).unwrap_or("");
        let Some(end) = rest.find('>') else { break };
        let inside = rest.get(..end).unwrap_or("");
        let is_token = inside == "redacted"
            || inside.rsplit_once('-').is_some_and(|(word, number)| {
                Sort::ALL.iter().any(|sort| sort.word() == word)
                    && !number.is_empty()
                    && number.bytes().all(|b| b.is_ascii_digit())
            });
        if is_token {
            found.push((at, at + end + 2));
        }
    }
    found
}

/// What no name of a home holds in running text.
fn ends_a_home(c: char) -> bool {
    "/:;,'\"`)(<>|&?#=".contains(c) || c.is_whitespace()
}

/// The users' names in `/Users/name` and `/home/name`.
fn homes(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for folder in ["/Users/", "/home/"] {
        for (at, _) in text.match_indices(folder) {
            let from = at + folder.len();
            let rest = text.get(from..).unwrap_or("");
            let end = rest.find(ends_a_home).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or("").trim_end_matches('.');
            // A folder of settings is nobody's name: the home may itself be called so.
            if !name.is_empty() && !name.starts_with('.') {
                found.push((from, from + name.len()));
            }
        }
    }
    found
}

struct Url {
    user: Option<(usize, usize)>,
    host: (usize, usize),
}

/// The logins and hosts of `scheme://user@host:port`.
fn urls(text: &str) -> Vec<Url> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let scheme = text.get(..at).unwrap_or("");
        if scheme.ends_with("file") || scheme.ends_with("unix") {
            continue;
        }
        let from = at + 3;
        let rest = text.get(from..).unwrap_or("");
        let end = rest.find(|c: char| "/?#'\"`,;)|\\".contains(c) || c.is_whitespace()).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or("");
        let (user, host_at) = match authority.rsplit_once('@') {
            Some((user, _)) => {
                let name = user.split(':').next().unwrap_or("");
                (Some((from, from + name.len())), from + user.len() + 1)
            }
            None => (None, from),
        };
        let host = text.get(host_at..from + end).unwrap_or("");
        let host = if host.starts_with('[') { "" } else { host.split(':').next().unwrap_or("") };
        let host = host.trim_end_matches(['.', '>', '…']);
        if !host.is_empty() {
            found.push(Url { user, host: (host_at, host_at + host.len()) });
        }
    }
    found
}

/// The addresses in a text.
fn addresses(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    let part_of = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    for word in text.split(|c: char| !part_of(c)) {
        let trimmed = word.trim_end_matches('.');
        // `10.0.0.1:22`, and `10.0.0.1:` before what went wrong.
        let host = trimmed.trim_end_matches(':').split(':').next().unwrap_or("");
        let outside = |at: Option<char>| !at.is_some_and(|c| c.is_alphanumeric());
        let end = from + word.len();
        let alone = outside(text.get(..from).and_then(|it| it.chars().next_back()))
            && outside(text.get(end..).and_then(|it| it.chars().next()));
        if alone {
            if host.parse::<Ipv4Addr>().is_ok() {
                found.push((from, from + host.len()));
            } else if trimmed.len() > 3 && trimmed.parse::<IpAddr>().is_ok() {
                found.push((from, from + trimmed.len()));
            } else if let Some(short) = trimmed.strip_suffix(':').filter(|it| it.parse::<IpAddr>().is_ok()) {
                found.push((from, from + short.len()));
            }
        }
        from = end + text.get(end..).and_then(|it| it.chars().next()).map_or(0, char::len_utf8);
    }
    found
}

/// Public keys in base64, as a machine line has them, with their text: its comment names who made them.
fn host_keys(text: &str) -> Vec<(usize, usize, String)> {
    use base64::Engine;
    let mut found = Vec::new();
    for start in ["c3NoL", "ZWNkc2"] {
        for (from, _) in text.match_indices(start) {
            let rest = text.get(from..).unwrap_or("");
            let inside = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
            let end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
            let decoded = base64::engine::general_purpose::STANDARD.decode(rest.get(..end).unwrap_or(""));
            if let Some(decoded) = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                found.push((from, from + end, decoded));
            }
        }
    }
    found
}

/// Whether a name says nothing of anybody, as every machine has it.
pub(crate) fn is_public_name(name: &str) -> bool {
    is_public_user(name) || is_public_host(name)
}

fn is_public_user(name: &str) -> bool {
    const KNOWN: [&str; 10] =
        ["root", "nobody", "builder", "nix", "nixbld", "nix-ssh", "daemon", "*", "Shared", "Guest"];
    KNOWN.contains(&name)
        || name.starts_with("_nixbld")
        || name.starts_with("nixbld")
        || name.starts_with('@')
}

fn is_public_host(name: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "localhost",
        "linux-builder",
        "darwin-builder",
        "rosetta-builder",
        "nixos",
        "cache.nixos.org",
        "channels.nixos.org",
        "nixos.org",
        "install.determinate.systems",
        "flakehub.com",
        "cache.flakehub.com",
        "api.flakehub.com",
        "nix-community.cachix.org",
        "github.com",
        "api.github.com",
        "codeload.github.com",
    ];
    let name = name.to_ascii_lowercase();
    KNOWN.contains(&name.as_str())
        || name.ends_with(".nixos.org")
        || ["daemon", "local", "auto"].contains(&name.as_str())
}

/// Addresses that every machine has, QEMU's own net, those of [`Names::address`], and resolvers that belong to everybody.
fn is_public_address(address: IpAddr) -> bool {
    const RESOLVERS: [&str; 5] = ["1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"];
    let of_nobody = match address {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            octets.starts_with(&[10, 0, 2]) || octets.starts_with(&[192, 0, 2]) || v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.segments().starts_with(&[0x2001, 0xdb8, 0xd]),
    };
    address.is_loopback()
        || address.is_unspecified()
        || of_nobody
        || RESOLVERS.contains(&address.to_string().as_str())
}

/// Whether a name is also a word that reports hold on every machine: searching for it would find ours.
pub fn is_own_word(name: &str) -> bool {
    static WORDS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let mut all = BTreeSet::new();
        let mut add = |text: &str| {
            let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            all.extend(words.map(str::to_ascii_lowercase));
        };
        add(crate::report::schema::TEXT);
        add(crate::expectations::DEFAULT);
        for check in checks::every() {
            for text in [check.id, check.title, check.why, check.layer.name()] {
                add(text);
            }
            for (_, advice) in check.remedy.all() {
                advice.commands.iter().chain([&advice.edit, &advice.note]).for_each(|text| add(text));
            }
        }
        add("admin build builds builder host user nix root store daemon config system test local linux darwin ssh vm qemu");
        all
    });
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(['-', '_']).filter(|part| !part.is_empty());
    // Short numbers are modes, ports and percentages.
    parts.all(|part| words.contains(part) || (part.len() < 5 && part.bytes().all(|b| b.is_ascii_digit())))
}
