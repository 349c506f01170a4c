//! What all parsers share: where a thing stands in a file, and how raw text is made fit to keep.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where something stands, so that a report can put a caret under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file, or the name of the setting that holds the text.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The whole line, scrubbed, cut at 400 characters.
    #[schemars(extend("x-kind" = "text"))]
    pub text: String,
}

/// A word of a file, and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// The word as written.
    #[schemars(extend("x-kind" = "text"))]
    pub value: String,
    /// Its first character.
    pub place: Place,
}

/// What stands in for a secret.
const REDACTED: &str = "<redacted>";

/// Settings and headers whose value is a secret, or says where one is.
const SECRET_NAMES: [&str; 8] = [
    "access-tokens",
    "netrc-file",
    "secret-key-file",
    "authorization:",
    "password:",
    "x-api-key:",
    "aws_secret_access_key",
    "aws_session_token",
];

/// How well-known tokens begin.
const TOKEN_PREFIXES: [&str; 11] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "akia", "asia", "bearer ", "basic "];

/// Parameters of URLs whose value is a secret.
const SECRET_PARAMS: [&str; 7] =
    ["token=", "password=", "passwd=", "secret=", "signature=", "api_key=", "apikey="];

/// The first `max` characters.
pub fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// `text` without colours and other terminal sequences, and without control characters but tab and newline.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            skip_escape(&mut chars);
        } else if !c.is_control() || c == '\n' || c == '\t' {
            out.push(c);
        }
    }
    out
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars>) {
    if chars.peek() != Some(&'[') {
        return;
    }
    chars.next();
    // A sequence ends with a letter; what ends the line is no longer part of it.
    while let Some(&c) = chars.peek() {
        if c == '\n' {
            return;
        }
        chars.next();
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

/// `text` with tokens, passwords and private keys replaced by `<redacted>`.
///
/// The user of an ssh URL stays, as it says which builder is meant; a password in it does not.
pub fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_key = false;
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let begins = line.contains("-----BEGIN") && line.contains("PRIVATE KEY");
        if begins || in_key {
            out.push_str(REDACTED);
            in_key = !line.contains("-----END");
        } else {
            out.push_str(&scrub_line(line));
        }
    }
    out
}

fn scrub_line(line: &str) -> String {
    // No secret is that short, and logs are full of such lines.
    if line.len() < 5 {
        return line.to_owned();
    }
    let line = scrub_settings(line);
    let line = scrub_userinfo(&line);
    let line = scrub_netrc(&line);
    scrub_words(&line)
}

/// Cuts the password of a line of a netrc, which follows its name after a space.
fn scrub_netrc(line: &str) -> String {
    const NAME: &str = "password ";
    let lower = line.to_ascii_lowercase();
    let Some(at) = lower.rfind(NAME) else { return line.to_owned() };
    let (before, value) = line.split_at(at + NAME.len());
    let names_who =
        ["machine ", "login "].iter().any(|name| lower.get(..at).is_some_and(|it| it.contains(name)));
    let alone = lower.get(..at).is_some_and(|it| it.trim().is_empty()) && !value.trim().contains(' ');
    let word = value.trim_start().split(is_nix_space).next().unwrap_or("");
    if !(names_who || alone) || word.is_empty() {
        return line.to_owned();
    }
    format!("{before}{}", value.replacen(word, REDACTED, 1))
}

/// Cuts the value of the first secret setting, up to the end of the line or to ` in '/etc/nix/nix.conf'`.
fn scrub_settings(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let Some(end) = SECRET_NAMES.iter().filter_map(|n| lower.find(n).map(|at| at + n.len())).min() else {
        return line.to_owned();
    };
    let (name, rest) = line.split_at(end);
    let only_named = rest == "'" || rest.starts_with("',") || rest.trim().is_empty();
    if only_named {
        return line.to_owned();
    }
    let tail = rest.rfind("' in ").map_or("", |at| rest.get(at..).unwrap_or(""));
    format!("{name} {REDACTED}{tail}")
}

fn scrub_userinfo(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| "/?#'\"<>`,;".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        let (authority, next) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                out.push_str(&shown_user(before, user));
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

fn shown_user(before: &str, user: &str) -> String {
    let ssh = before.ends_with("ssh://") || before.ends_with("ssh-ng://");
    match (ssh, user.split_once(':')) {
        (true, None) => user.to_owned(),
        (true, Some((name, _))) => format!("{name}:{REDACTED}"),
        (false, _) => REDACTED.to_owned(),
    }
}

fn scrub_words(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let mut out = String::with_capacity(line.len());
    let mut kept = 0;
    let mut at = 0;
    while at < bytes.len() {
        let Some(begin) = secret_begins(bytes, at) else {
            at += 1;
            continue;
        };
        let end = bytes
            .get(begin..)
            .unwrap_or(&[])
            .iter()
            .position(|b| !is_token_byte(*b))
            .map_or(bytes.len(), |n| begin + n);
        if end > begin {
            out.push_str(line.get(kept..begin).unwrap_or(""));
            out.push_str(REDACTED);
            kept = end;
        }
        at = end.max(at + 1);
    }
    out.push_str(line.get(kept..).unwrap_or(""));
    out
}

/// Where the secret begins whose mark stands at `at`.
fn secret_begins(lower: &[u8], at: usize) -> Option<usize> {
    let here = lower.get(at..)?;
    let word_start = at == 0 || !lower.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
    if let Some(p) = SECRET_PARAMS.iter().find(|p| here.starts_with(p.as_bytes())) {
        return Some(at + p.len());
    }
    let prefix = TOKEN_PREFIXES.iter().find(|p| word_start && here.starts_with(p.as_bytes()))?;
    match *prefix {
        // Short words could begin otherwise: these are of 20 characters in all.
        "akia" | "asia" => here.get(..20)?.iter().all(u8::is_ascii_alphanumeric).then_some(at),
        "bearer " | "basic " => long_word(here.get(prefix.len()..)?).then_some(at + prefix.len()),
        _ => Some(at),
    }
}

/// Whether a word of at least eight characters follows, so that "basic help" stays.
fn long_word(bytes: &[u8]) -> bool {
    bytes.get(..8).is_some_and(|word| word.iter().all(|b| is_token_byte(*b)))
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-.~+/=%".contains(&b)
}

/// The words of `line` by Nix's own separators (not those of Unicode), each with its 1-based column in characters.
pub fn words(line: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut word: Option<(u32, usize)> = None;
    for (column, (at, c)) in (1..).zip(line.char_indices()) {
        match (word, is_nix_space(c)) {
            (Some((begun, from)), true) => {
                found.push((begun, line.get(from..at).unwrap_or("")));
                word = None;
            }
            (None, false) => word = Some((column, at)),
            _ => {}
        }
    }
    if let Some((begun, from)) = word {
        found.push((begun, line.get(from..).unwrap_or("")));
    }
    found
}

/// What Nix's tokenizeString and trim take for white space.
pub fn is_nix_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_go() {
        for (given, want) in [
            ("access-tokens = github.com=ghp_abc", "access-tokens <redacted>"),
            (
                "error: syntax error in configuration line 'access-tokens github.com=x' in '/etc/nix/nix.conf'",
                "error: syntax error in configuration line 'access-tokens <redacted>' in '/etc/nix/nix.conf'",
            ),
            ("warning: unknown setting 'access-tokens'", "warning: unknown setting 'access-tokens'"),
            (
                "see https://me:pw@host/x and ssh://a:b@h",
                "see https://<redacted>@host/x and ssh://a:<redacted>@h",
            ),
            ("machine x login y password z q", "machine x login y password <redacted> q"),
            ("  password zq7", "  password <redacted>"),
            ("aws_secret_access_key = abc/def", "aws_secret_access_key <redacted>"),
            ("Authorization: Basic abc", "Authorization: <redacted>"),
            ("got ghp_0123abc, github_pat_1_2", "got <redacted>, <redacted>"),
            ("curl -H 'Bearer abcdefgh.ijk'", "curl -H 'Bearer <redacted>'"),
            ("GET https://h/x?token=abc&y=1", "GET https://h/x?token=<redacted>&y=1"),
            (
                "x\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\ny",
                "x\n<redacted>\n<redacted>\n<redacted>\ny",
            ),
        ] {
            assert_eq!(scrub(given), want);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "cannot build on 'ssh-ng://builder@linux-builder': error: x",
            "ssh-ng://builder@linux-builder?base64-ssh-public-host-key=c3No&ssh-key=/etc/nix/builder_ed25519",
            "basic help",
            "error: the login needs a password",
            "enter password for alice",
            "https://cache.nixos.org https://a.example/@b",
            "Permission denied (publickey,password,keyboard-interactive).",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn colours_go() {
        assert_eq!(clean("\u{1b}[31;1merror:\u{1b}[0m x\u{7}\r\n\ty"), "error: x\n\ty");
    }

    #[test]
    fn words_have_columns() {
        assert_eq!(words(" ä\tb\u{a0}c "), vec![(2, "ä"), (4, "b\u{a0}c")]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*|(?s).*") {
            let once = scrub(&text);
            prop_assert!(!once.contains("ghp_0"));
            clean(&text);
            words(&text);
        }

        #[test]
        fn a_token_never_survives(a in "[^a-zA-Z0-9]?", token in "[A-Za-z0-9]{10}", b in ".{0,9}") {
            let text = format!("{a}ghp_{token}{b}");
            prop_assert!(!scrub(&text).contains(&token));
        }
    }
}
