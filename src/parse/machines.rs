//! The setting `builders` and the files it names (/etc/nix/machines), by Nix's own rules (src/libstore/machines.cc of 2.29 to 2.36).

use super::text::{Field, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the caller found where a file should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRead {
    /// Its contents, lossily decoded.
    Text(String),
    /// There is none; Nix then ignores the `@file`.
    Missing,
    /// Why it cannot be read; Nix then refuses the whole list.
    Unreadable(String),
}

/// What a source turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// It names at least one machine or file.
    Present,
    /// No such file.
    Missing,
    /// Why it could not be read.
    #[schemars(extend("x-kind" = "text"))]
    Unreadable(String),
    /// Nothing but blanks and comments.
    Empty,
}

/// One text that was read for machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file, or the name given to the setting (`builders`).
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What was there.
    pub state: SourceState,
}

/// Column 7 of a line, counted from 0 as Nix does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostKey {
    /// The base64 as written.
    pub field: Field,
    /// The public key line in it (`ssh-ed25519 AAAA… root@nixos`), trimmed; none where it decodes to no such line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub decoded: Option<String>,
}

/// One line that Nix would accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// The first column as written.
    pub uri: Field,
    /// `ssh-ng`, `ssh` (also where none is written), or another store's; empty for `auto`, `daemon`, `local` and paths.
    #[schemars(extend("x-kind" = "public"))]
    pub scheme: String,
    /// The host or the ssh alias; empty where the store is no host.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// The user of `user@host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "user-name"))]
    pub user: Option<String>,
    /// The port of `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What follows `?`, percent-decoded, values scrubbed.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub params: BTreeMap<String, String>,
    /// Column 1. Empty where defaulted.
    #[serde(default)]
    pub systems: Vec<Field>,
    /// Whether Nix puts the system of the Mac itself here, as the column is absent or `-`.
    #[serde(default)]
    pub systems_defaulted: bool,
    /// Column 2, a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Field>,
    /// Column 3; 1 where defaulted.
    pub max_jobs: u64,
    /// Column 4 as written; `1` where defaulted. Nix reads 0 as 1.
    #[schemars(extend("x-kind" = "public"))]
    pub speed: String,
    /// Column 5.
    #[serde(default)]
    pub features: Vec<Field>,
    /// Column 6.
    #[serde(default)]
    pub mandatory: Vec<Field>,
    /// Column 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<HostKey>,
    /// The whole line.
    pub place: Place,
    /// Where each written column begins (1-based characters), `-` included; `column(n)` gives the place.
    #[serde(default)]
    pub columns: Vec<u32>,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The first column is `-`.
    MissingUri,
    /// Column 3 is no unsigned 32-bit number.
    NotUnsigned,
    /// Column 4 is no number.
    NotFloat,
    /// Column 4 is below 0.
    NegativeSpeed,
    /// Column 7 has a character that base64 has not.
    BadBase64,
    /// Column 7 is base64, but of no public key (the word `trusted`).
    NotAHostKey,
    /// A `$`, `{` or `}` of a template was left in.
    Placeholder,
    /// A quotation mark, curly or straight: Nix knows no quoting.
    SmartQuote,
    /// A space that Nix does not take for one (no-break, zero-width, byte order mark).
    HiddenSpace,
    /// More than eight columns; Nix ignores the rest.
    TooManyColumns,
    /// A list broken by a space, so that all later columns have moved.
    SpaceInList,
    /// `ssh://ssh://…`
    DoubledScheme,
    /// A file named by `@` that exists and cannot be read.
    UnreadableFile,
    /// A file that names itself, directly or not: Nix never comes back.
    Cycle,
    /// Files nested deeper, or more of them, than this parser follows.
    TooDeep,
    /// More machines or problems than this parser keeps.
    TooMany,
}

/// One thing wrong with the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The word to blame.
    pub place: Place,
    /// What it is.
    pub kind: ProblemKind,
    /// What Nix prints, without `error: `; empty where Nix says nothing.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub nix_says: String,
    /// Whether Nix refuses the whole list for it, and so every build that asks.
    pub fatal: bool,
}

/// All machines that Nix knows of, in its order, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machines {
    /// What was read, in order; the first is the setting itself.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// The lines that can be read, also where another line makes Nix refuse them all.
    #[serde(default)]
    pub machines: Vec<Machine>,
    /// In the order of the files.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

const MAX_DEPTH: usize = 8;
const MAX_SOURCES: usize = 64;
const MAX_MACHINES: usize = 1000;
const MAX_PROBLEMS: usize = 1000;
const MAX_ITEMS: usize = 64;
const MAX_LINE: usize = 400;

impl Machine {
    /// Whether this URI, as a build's log shows it, is the machine's: scheme, login and port may be left out there.
    pub fn is_at(&self, uri: &str) -> bool {
        let place = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let place = place.split(['?', '/']).next().unwrap_or(place);
        let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
        let plain = |text: &str| text.trim_start_matches('[').replace(']', "");
        let (host, own) = (plain(host), plain(&self.host));
        host == own || host.strip_prefix(&own).is_some_and(|rest| rest.starts_with(':'))
    }

    /// Whether it takes builds for `system`; None where Nix puts the Mac's own system in the empty column.
    pub fn offers(&self, system: &str) -> Option<bool> {
        if system == "builtin" {
            return Some(true);
        }
        (!self.systems_defaulted).then(|| self.systems.iter().any(|s| s.value == system))
    }

    /// Whether it takes a build that requires exactly these features.
    pub fn supports(&self, required: &[&str]) -> bool {
        self.missing_features(required).is_empty() && self.unmet_mandatory(required).is_empty()
    }

    /// The required features that it has not.
    pub fn missing_features<'a>(&self, required: &[&'a str]) -> Vec<&'a str> {
        let has = |feature: &str| self.features.iter().chain(&self.mandatory).any(|f| f.value == feature);
        required.iter().copied().filter(|feature| !has(feature)).collect()
    }

    /// The mandatory features that the build does not require.
    pub fn unmet_mandatory(&self, required: &[&str]) -> Vec<&Field> {
        self.mandatory.iter().filter(|m| !required.contains(&m.value.as_str())).collect()
    }

    /// What a reader knows it by: the host, or the whole URI where the store is no host.
    pub fn name(&self) -> &str {
        if self.is_ssh() && !self.host.is_empty() { &self.host } else { &self.uri.value }
    }

    /// Its store as Nix names it in logs and in the locks of its slots: lines of one store share those.
    pub fn store(&self) -> String {
        let base = self.uri.value.split_once('?').map_or(self.uri.value.as_str(), |(base, _)| base);
        let scheme = if self.is_ssh() && !base.contains("://") { "ssh://" } else { "" };
        let params: Vec<String> = self.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if params.is_empty() { "" } else { "?" };
        format!("{scheme}{base}{query}{}", params.join("&"))
    }

    /// Whether it is reached by ssh.
    pub fn is_ssh(&self) -> bool {
        self.scheme == "ssh" || self.scheme == "ssh-ng"
    }

    /// The speed as Nix uses it, where 0 counts as 1.
    pub fn speed_factor(&self) -> f32 {
        float(&self.speed).filter(|f| *f != 0.0).unwrap_or(1.0)
    }

    /// Where column `n` (from 0, as Nix counts) is written; the end of the line where it is not.
    pub fn column(&self, n: usize) -> Place {
        let end = || u32::try_from(self.place.text.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
        let column = self.columns.get(n).copied().unwrap_or_else(end);
        Place { column, ..self.place.clone() }
    }
}

impl Machines {
    /// What makes Nix refuse the whole list, if anything: it reads all files before the first line.
    pub fn refused(&self) -> Option<&Problem> {
        let of_files = |p: &&Problem| matches!(p.kind, ProblemKind::UnreadableFile | ProblemKind::Cycle);
        let mut fatal = self.problems.iter().filter(|p| p.fatal);
        fatal.clone().find(of_files).or_else(|| fatal.next())
    }
}

/// Reads the value of `builders`, and what it names.
///
/// `where_from` is the name to give to the setting itself; `read` gets paths as written, which Nix
/// opens relative to the working directory of the daemon.
pub fn parse(builders: &str, where_from: &str, read: &mut dyn FnMut(&str) -> FileRead) -> Machines {
    let mut reader = Reader { read, out: Machines::default(), open: Vec::new() };
    reader.source(where_from, builders);
    reader.out
}

struct Reader<'a> {
    read: &'a mut dyn FnMut(&str) -> FileRead,
    out: Machines,
    /// The files being read, outermost first.
    open: Vec<String>,
}

impl Reader<'_> {
    fn source(&mut self, path: &str, text: &str) {
        let index = self.out.sources.len();
        self.out.sources.push(Source { path: path.to_owned(), state: SourceState::Empty });
        for (line, number) in text.split('\n').zip(1u32..) {
            // A comment ends at the end of the line, not at a `;` (up to Nix 2.28 it did end there).
            let code = line.split('#').next().unwrap_or("");
            if code.chars().all(super::text::is_nix_space) {
                continue;
            }
            let shown = super::text::scrub(&super::text::cut(line, MAX_LINE));
            let place = Place { path: path.to_owned(), line: number, column: 1, text: shown };
            let mut column = 1u32;
            for entry in code.split(';') {
                if !entry.chars().all(super::text::is_nix_space) {
                    self.out.sources[index].state = SourceState::Present;
                    self.entry(entry, &Place { column, ..place.clone() });
                }
                let width = u32::try_from(entry.chars().count()).unwrap_or(u32::MAX);
                column = column.saturating_add(width).saturating_add(1);
                if self.full() {
                    self.problem(place, ProblemKind::TooMany, String::new(), false);
                    return;
                }
            }
        }
    }

    fn full(&self) -> bool {
        self.out.machines.len() >= MAX_MACHINES || self.out.problems.len() >= MAX_PROBLEMS
    }

    /// One machine or one `@file`; `place` is where the text of the entry begins.
    fn entry(&mut self, entry: &str, place: &Place) {
        let skipped = entry.chars().take_while(|c| super::text::is_nix_space(*c)).count();
        let here = shift(place, skipped);
        match entry.trim_matches(super::text::is_nix_space).strip_prefix('@') {
            Some(path) => self.file(path.trim_matches(super::text::is_nix_space), here),
            None => self.line(entry, place),
        }
    }

    fn file(&mut self, path: &str, place: Place) {
        if self.open.iter().any(|p| p == path) {
            return self.problem(place, ProblemKind::Cycle, String::new(), true);
        }
        if self.open.len() >= MAX_DEPTH || self.out.sources.len() >= MAX_SOURCES {
            return self.problem(place, ProblemKind::TooDeep, String::new(), false);
        }
        let state = match (self.read)(path) {
            FileRead::Text(text) => {
                self.open.push(path.to_owned());
                self.source(path, &text);
                self.open.pop();
                return;
            }
            FileRead::Missing => SourceState::Missing,
            FileRead::Unreadable(why) => {
                // Up to 2.33 in single quotes.
                let says = format!("opening file \"{path}\": {why}");
                self.problem(place, ProblemKind::UnreadableFile, says, true);
                SourceState::Unreadable(why)
            }
        };
        self.out.sources.push(Source { path: path.to_owned(), state });
    }

    fn problem(&mut self, place: Place, kind: ProblemKind, nix_says: String, fatal: bool) {
        self.out.problems.push(Problem { place, kind, nix_says, fatal });
    }

    fn line(&mut self, entry: &str, place: &Place) {
        let row = Row::new(entry, place);
        let mut problems = row.oddities();
        let machine = row.machine(&mut problems);
        self.out.problems.extend(problems);
        self.out.machines.extend(machine);
    }
}

fn shift(place: &Place, characters: usize) -> Place {
    let by = u32::try_from(characters).unwrap_or(u32::MAX);
    Place { column: place.column.saturating_add(by), ..place.clone() }
}

/// One line, cut into columns.
struct Row<'a> {
    entry: &'a str,
    place: &'a Place,
    words: Vec<(u32, &'a str)>,
}

impl<'a> Row<'a> {
    fn new(entry: &'a str, place: &'a Place) -> Self {
        Row { entry, place, words: super::text::words(entry) }
    }

    /// Column `n` where it is set: Nix takes `-` for its default.
    fn set(&self, n: usize) -> Option<Field> {
        let (_, word) = self.words.get(n)?;
        (*word != "-").then(|| Field { value: (*word).to_owned(), place: self.at(n) })
    }

    fn at(&self, n: usize) -> Place {
        let column = self.words.get(n).map_or(1, |w| w.0);
        shift(self.place, usize::try_from(column).unwrap_or(1).saturating_sub(1))
    }

    /// The row as Nix quotes it.
    fn quoted(&self) -> String {
        let trimmed = self.entry.trim_matches(super::text::is_nix_space);
        super::text::scrub(&super::text::cut(trimmed, MAX_LINE))
    }

    fn list(&self, n: usize) -> Vec<Field> {
        let Some(field) = self.set(n) else {
            return Vec::new();
        };
        let mut items = Vec::new();
        let mut offset = 0;
        for item in field.value.split(',') {
            if !item.is_empty() && items.len() < MAX_ITEMS {
                items.push(Field { value: item.to_owned(), place: shift(&field.place, offset) });
            }
            offset += item.chars().count() + 1;
        }
        items
    }

    /// What Nix may accept and nobody means.
    fn oddities(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut add = |n, kind| {
            found.push(Problem { place: self.at(n), kind, nix_says: String::new(), fatal: false });
        };
        for (n, (_, word)) in self.words.iter().enumerate().take(MAX_ITEMS) {
            if let Some(kind) = odd_word(word) {
                add(n, kind);
            }
            let next = self.words.get(n + 1).map(|w| w.1);
            if next.is_some_and(|next| word.ends_with(',') || next.starts_with(',')) {
                add(n, ProblemKind::SpaceInList);
            }
        }
        if self.words.len() > 8 {
            add(8, ProblemKind::TooManyColumns);
        }
        found
    }

    /// The machine, or none where Nix refuses the line; its complaints in the order in which Nix makes them.
    fn machine(&self, problems: &mut Vec<Problem>) -> Option<Machine> {
        let complain = |n: usize, kind, says: String| Problem {
            place: self.at(n),
            kind,
            nix_says: says,
            fatal: kind != ProblemKind::NotAHostKey && kind != ProblemKind::DoubledScheme,
        };
        let before = problems.len();
        let spec = |n, what| {
            let row = self.quoted();
            format!("bad machine specification: failed to convert column #{n} in a row: '{row}' to '{what}'")
        };
        let Some(uri) = self.set(0) else {
            let row = self.quoted();
            let says = format!(
                "bad machine specification: store URL was not found at the first column of a row: '{row}'"
            );
            problems.push(complain(0, ProblemKind::MissingUri, says));
            return None;
        };
        let jobs = self.set(3).map_or(Some(1), |f| unsigned(&f.value));
        if jobs.is_none() {
            problems.push(complain(3, ProblemKind::NotUnsigned, spec(3, "unsigned int")));
        }
        let speed = self.set(4).map_or_else(|| "1".to_owned(), |f| f.value);
        let factor = float(&speed);
        if factor.is_none() {
            problems.push(complain(4, ProblemKind::NotFloat, spec(4, "float")));
        }
        let host_key = self.set(7);
        if let Some(bad) = host_key.as_ref().and_then(|f| super::host_key::decode_base64(&f.value).err()) {
            let says = format!("invalid character in Base64 string: '{bad}'");
            problems.push(complain(7, ProblemKind::BadBase64, says));
        }
        if factor.is_some_and(|f| f < 0.0) {
            problems.push(complain(4, ProblemKind::NegativeSpeed, "speed factor must be >= 0".to_owned()));
        }
        let refused = problems.len() > before;
        let host_key = host_key.map(|field| {
            let decoded = super::host_key::decode_field(&field.value);
            HostKey { field, decoded }
        });
        if !refused && host_key.as_ref().is_some_and(|k| k.decoded.is_none()) {
            problems.push(complain(7, ProblemKind::NotAHostKey, String::new()));
        }
        let target = Target::parse(&uri.value);
        if matches!(target.host.as_str(), "ssh" | "ssh-ng") && uri.value.matches("://").nth(1).is_some() {
            problems.push(complain(0, ProblemKind::DoubledScheme, String::new()));
        }
        if refused {
            return None;
        }
        let systems = self.list(1);
        Some(Machine {
            uri: Field { value: super::text::scrub(&uri.value), ..uri },
            scheme: target.scheme,
            host: target.host,
            user: target.user,
            port: target.port,
            params: target.params,
            systems_defaulted: self.set(1).is_none(),
            systems,
            key: self.set(2),
            max_jobs: u64::from(jobs?),
            speed,
            features: self.list(5),
            mandatory: self.list(6),
            host_key,
            place: shift(self.place, self.words.first().map_or(0, |w| w.0 as usize - 1)),
            columns: (0..self.words.len().min(16)).map(|n| self.at(n).column).collect(),
        })
    }
}

fn odd_word(word: &str) -> Option<ProblemKind> {
    let has = |set: &str| word.contains(|c| set.contains(c));
    if has("${}") {
        Some(ProblemKind::Placeholder)
    } else if has("\"'`\u{2018}\u{2019}\u{201c}\u{201d}") {
        Some(ProblemKind::SmartQuote)
    } else if word.contains(|c: char| c.is_whitespace() || "\u{200b}\u{200c}\u{200d}\u{feff}".contains(c)) {
        Some(ProblemKind::HiddenSpace)
    } else {
        None
    }
}

/// Nix's string2Int of unsigned int (boost::lexical_cast): a `+` may stand first, a `-` may not.
fn unsigned(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// Nix's string2Float; a number too great for a float is refused, `inf` and `nan` are not.
fn float(text: &str) -> Option<f32> {
    let value: f32 = text.parse().ok()?;
    let named = text.to_ascii_lowercase().contains('n');
    (value.is_finite() || named).then_some(value)
}

/// What a store URI leads to.
#[derive(Default)]
struct Target {
    scheme: String,
    host: String,
    user: Option<String>,
    port: Option<u16>,
    params: BTreeMap<String, String>,
}

impl Target {
    fn parse(uri: &str) -> Target {
        let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
        let params = query_params(query);
        let (scheme, rest) = match base.split_once("://") {
            Some(found) => found,
            // Nix's rule: a lone word that is no store of its own is a host for ssh.
            None if uri.contains('/') || matches!(base, "auto" | "daemon" | "local" | "") => ("", ""),
            None => ("ssh", base),
        };
        let authority = rest.split('/').next().unwrap_or("");
        let (login, address) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
        let (host, port) = split_port(address);
        let user = login.map(|l| l.split(':').next().unwrap_or("").to_owned()).filter(|u| !u.is_empty());
        Target { scheme: scheme.to_owned(), host: host.to_owned(), user, port, params }
    }
}

/// `host:port` and `[::1]:port`; an IPv6 address without brackets has no port, in Nix either.
fn split_port(address: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = address.strip_prefix('[').and_then(|a| a.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|p| p.parse().ok()));
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (address, None),
    }
}

fn query_params(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|p| !p.is_empty()).take(MAX_ITEMS);
    pairs
        .map(|pair| {
            let scrubbed = super::text::scrub(pair);
            let (name, value) = scrubbed.split_once('=').unwrap_or((&scrubbed, ""));
            (percent_decoded(name), percent_decoded(value))
        })
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let decoded = (byte == b'%').then(|| Some(hex(at + 1)? * 16 + hex(at + 2)?)).flatten();
        out.push(decoded.and_then(|d| u8::try_from(d).ok()).unwrap_or(byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-darwin-outputs.md.
    const NIX_DARWIN: &str = "ssh-ng://builder@linux-builder aarch64-linux /etc/nix/builder_ed25519 4 1 kvm,benchmark,big-parallel,nixos-test - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=\n";
    /// Catalogue 11.11.
    const TWO: &str = "ssh://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 1 1 kvm,benchmark,big-parallel - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=
ssh://builder@localhost aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 1 1 benchmark,big-parallel,kvm - -
";
    /// Catalogue 11.15, the row that the message quotes.
    const PLACEHOLDERS: &str = "ssh-ng://builder@linux-builder ${ARCH}-linux /etc/nix/builder_ed25519 ${MAX_JOBS} - - - c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=";

    fn one_file(text: &str) -> Machines {
        parse("@/etc/nix/machines", "builders", &mut |_| FileRead::Text(text.to_owned()))
    }

    fn inline(text: &str) -> Machines {
        parse(text, "builders", &mut |_| FileRead::Missing)
    }

    fn kinds(machines: &Machines) -> Vec<ProblemKind> {
        machines.problems.iter().map(|p| p.kind).collect()
    }

    #[test]
    fn the_line_of_nix_darwin() {
        let m = one_file(NIX_DARWIN);
        assert_eq!(m.problems, []);
        let states: Vec<_> = m.sources.iter().map(|s| (s.path.as_str(), s.state.clone())).collect();
        assert_eq!(states, [("builders", SourceState::Present), ("/etc/nix/machines", SourceState::Present)]);
        let machine = &m.machines[0];
        assert_eq!((machine.scheme.as_str(), machine.host.as_str()), ("ssh-ng", "linux-builder"));
        assert_eq!((machine.user.as_deref(), machine.port), (Some("builder"), None));
        assert_eq!((machine.max_jobs, machine.speed.as_str()), (4, "1"));
        assert_eq!(machine.offers("aarch64-linux"), Some(true));
        assert_eq!(machine.offers("x86_64-linux"), Some(false));
        assert!(machine.supports(&["kvm", "nixos-test"]));
        assert_eq!(machine.missing_features(&["kvm", "uid-range"]), ["uid-range"]);
        let key = machine.host_key.as_ref().unwrap();
        assert_eq!(key.decoded.as_deref(), Some(super::super::host_key::STOCK_HOST_KEY));
        assert_eq!(machine.column(5).column, 75);
        assert_eq!(machine.features[1].place.column, 79);
        assert_eq!(machine.features[1].value, "benchmark");
    }

    #[test]
    fn two_machines() {
        let m = one_file(TWO);
        assert_eq!(m.machines.len(), 2);
        assert_eq!(m.machines[1].place.line, 2);
        assert_eq!(m.machines[1].host_key, None);
        assert_eq!(m.machines[1].systems.len(), 2);
    }

    #[test]
    fn placeholders_are_refused_in_nix_words() {
        let m = inline(PLACEHOLDERS);
        assert_eq!(kinds(&m), [ProblemKind::Placeholder, ProblemKind::Placeholder, ProblemKind::NotUnsigned]);
        let problem = m.refused().unwrap();
        assert_eq!(
            problem.nix_says,
            format!(
                "bad machine specification: failed to convert column #3 in a row: '{PLACEHOLDERS}' to 'unsigned int'"
            )
        );
        assert_eq!(problem.place.column, 71);
        assert!(m.machines.is_empty());
    }

    // The rest is by src/libstore/machines.cc; the faulty lines are invented, but for `trusted` (catalogue, machines-odd-fields).

    #[test]
    fn splitting() {
        let m = inline("a ; b x # c ; d\n#e\n  f\r\n;;\n -");
        let hosts: Vec<_> =
            m.machines.iter().map(|m| (m.host.as_str(), m.place.line, m.place.column)).collect();
        assert_eq!(hosts, [("a", 1, 1), ("b", 1, 5), ("f", 3, 3)]);
        assert_eq!(m.machines[1].systems[0].place.column, 7);
        assert_eq!(kinds(&m), [ProblemKind::MissingUri]);
        assert!(m.machines[0].systems_defaulted);
        assert_eq!(m.machines[0].offers("aarch64-darwin"), None);
        assert_eq!(m.machines[0].scheme, "ssh");
    }

    #[test]
    fn numbers() {
        for (jobs, ok) in [
            ("0", true),
            ("+5", true),
            ("4294967295", true),
            ("4294967296", false),
            ("-1", false),
            ("4.0", false),
            ("x", false),
        ] {
            assert_eq!(inline(&format!("h - - {jobs}")).machines.len() == 1, ok, "{jobs}");
        }
        for (speed, ok) in [
            ("0", true),
            ("1.5", true),
            ("1e2", true),
            ("inf", true),
            ("1e99", false),
            ("-0.5", false),
            ("1,5", false),
        ] {
            assert_eq!(inline(&format!("h - - 1 {speed}")).machines.len() == 1, ok, "{speed}");
        }
        assert_eq!(kinds(&inline("h - - 1 -1")), [ProblemKind::NegativeSpeed]);
        assert!((inline("h - - 1 0").machines[0].speed_factor() - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn odd_lines() {
        for (line, want) in [
            ("h s k 1 1 kvm, benchmark - -", vec![ProblemKind::SpaceInList, ProblemKind::TooManyColumns]),
            ("h s k 1 1 - - - more", vec![ProblemKind::TooManyColumns]),
            ("\u{201c}h\u{201d}", vec![ProblemKind::SmartQuote]),
            ("h\u{a0}s", vec![ProblemKind::HiddenSpace]),
            ("h s k 4 4 - - trusted", vec![ProblemKind::NotAHostKey]),
            ("h s k 4 4 - - tru$ted", vec![ProblemKind::Placeholder, ProblemKind::BadBase64]),
            ("ssh://ssh://builder@localhost", vec![ProblemKind::DoubledScheme]),
        ] {
            assert_eq!(kinds(&inline(line)), want, "{line}");
        }
    }

    #[test]
    fn uris() {
        for (uri, scheme, host, user, port) in [
            ("builder@h", "ssh", "h", Some("builder"), None),
            ("ssh-ng://h:22", "ssh-ng", "h", None, Some(22)),
            ("ssh://u@[::1]:2222", "ssh", "::1", Some("u"), Some(2222)),
            ("ssh://::1", "ssh", "::1", None, None),
            ("daemon", "", "", None, None),
            ("/nix", "", "", None, None),
            ("unix:///x", "unix", "", None, None),
        ] {
            let m = inline(uri);
            let m = &m.machines[0];
            assert_eq!(
                (m.scheme.as_str(), m.host.as_str(), m.user.as_deref(), m.port),
                (scheme, host, user, port)
            );
        }
        let m = inline("ssh-ng://h?ssh-key=/a%20b&x");
        assert_eq!(m.machines[0].params["ssh-key"], "/a b");
        assert_eq!(m.machines[0].host, "h");
    }

    #[test]
    fn one_store_has_one_name_however_it_is_written() {
        let store = |uri: &str| inline(uri).machines[0].store();
        assert_eq!(store("builder@h"), "ssh://builder@h");
        assert_eq!(store("ssh-ng://builder@h:22"), "ssh-ng://builder@h:22");
        assert_eq!(store("ssh://h?b=2&a=1"), store("h?a=1&b=2"));
        assert_eq!((store("local"), store("/mnt?x=1")), ("local".to_owned(), "/mnt?x=1".to_owned()));
        let name = |uri: &str| inline(uri).machines[0].name().to_owned();
        assert_eq!((name("ssh-ng://builder@h"), name("local")), ("h".to_owned(), "local".to_owned()));
    }

    #[test]
    fn mandatory_features() {
        let m = inline("h s - 1 1 kvm nixos-test");
        assert!(!m.machines[0].supports(&[]));
        assert!(m.machines[0].supports(&["nixos-test", "kvm"]));
        assert_eq!(m.machines[0].unmet_mandatory(&["kvm"])[0].value, "nixos-test");
    }

    #[test]
    fn files() {
        let m = inline("@/a");
        assert_eq!(m.sources[1].state, SourceState::Missing);
        assert_eq!((m.problems.len(), m.refused()), (0, None));
        let m = parse("- ; @ /a", "builders", &mut |_| FileRead::Unreadable("Permission denied".to_owned()));
        assert_eq!(m.refused().unwrap().nix_says, "opening file \"/a\": Permission denied");
        assert_eq!(m.refused().unwrap().place.column, 5);
        let m = parse("@/a", "builders", &mut |_| FileRead::Text("h\n@/a".to_owned()));
        assert_eq!((kinds(&m), m.machines.len()), (vec![ProblemKind::Cycle], 1));
        let mut n = 0;
        let m = parse("@/0", "builders", &mut |_| {
            n += 1;
            FileRead::Text(format!("@/{n}\n@/{n}"))
        });
        assert!(kinds(&m).iter().all(|k| *k == ProblemKind::TooDeep));
        assert!(m.sources.len() <= MAX_SOURCES);
        assert_eq!(inline(" # none\n").sources[0].state, SourceState::Empty);
    }

    #[test]
    fn long_texts_stay_bounded() {
        for part in ["a;", "a b c d e f g h i;", ", , ", "@/x;", "a,", "\n"] {
            let m = inline(&part.repeat((1 << 20) / part.len()));
            assert!(m.machines.len() <= MAX_MACHINES && m.problems.len() <= MAX_PROBLEMS + MAX_ITEMS);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..260, cut in 0usize..9) {
            inline(&text);
            for sample in [NIX_DARWIN, TWO, PLACEHOLDERS] {
                let tail = sample.chars().skip(at + cut);
                one_file(&sample.chars().take(at).chain(text.chars()).chain(tail).collect::<String>());
            }
        }
    }
}
