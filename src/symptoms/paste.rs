//! Pasted text made fit to read: what a terminal, a quotation or a CI log added is taken off.

use super::pattern::folded;
use crate::parse::build_log::{self, Required, Tuple};
use crate::parse::text::{clean, cut, scrub};
use crate::prose::and;

/// Longer lines are cut: no symptom stands so far to the right.
const LINE: usize = 4000;

/// What begins the line that says what a build requires.
const REQUIRED: &str = "required (system, features):";

/// So many refusals of each kind are looked at; more of them say nothing new.
const ENOUGH: usize = 100;

/// A text, line by line, and what it says about who took a build.
pub struct Paste {
    lines: Vec<String>,
    folded: Vec<String>,
    /// What Nix says where it had machines and none took a build.
    pub tables: Vec<Table>,
    /// What Nix says where it does not build something itself.
    pub rejections: Vec<Rejection>,
    /// The first line that says that a machine could not be used, from 0.
    pub refusal: Option<usize>,
    /// Whether a machine was given a build.
    pub on_machine: bool,
}

/// `Failed to find a machine for remote build!` and what follows.
pub struct Table {
    /// Its line, from 0.
    pub line: usize,
    /// The line that says what was required.
    pub required_at: Option<usize>,
    /// What was required; None in the wording of Nix before 2.4, and where the text is cut.
    pub required: Option<Required>,
    /// The machines.
    pub machines: Vec<Tuple>,
    /// Whether a machine could not be reached, between the table before and this one.
    pub after_refusal: bool,
}

/// Why no machine of a table took the build.
pub enum Lack {
    /// The system.
    System,
    /// These features.
    Features(Vec<String>),
    /// A mandatory feature that was not required.
    Mandatory(Vec<String>),
    /// No free slot: maxJobs is 0.
    Slots,
    /// Nothing: a machine fits.
    Nothing,
}

impl Table {
    /// By the machine that comes nearest. None where the text does not tell, and for the Mac's own systems,
    /// which Nix builds itself after all.
    pub fn lack(&self) -> Option<Lack> {
        let required = self.required.as_ref().filter(|required| required.system.ends_with("-linux"))?;
        let lack = |machine: &Tuple| {
            let missing = |has: &dyn Fn(&String) -> bool| {
                let lacks = required.features.iter().filter(|feature| !has(feature));
                lacks.cloned().collect::<Vec<String>>()
            };
            let features = missing(&|feature| {
                machine.supported.contains(feature) || machine.mandatory.contains(feature)
            });
            let unasked =
                machine.mandatory.iter().filter(|feature| !required.features.contains(feature)).cloned();
            let unasked: Vec<String> = unasked.collect();
            match () {
                () if !machine.systems.contains(&required.system) => (4, Lack::System),
                () if !features.is_empty() => (3, Lack::Features(features)),
                () if !unasked.is_empty() => (2, Lack::Mandatory(unasked)),
                () if machine.max_jobs == 0 => (1, Lack::Slots),
                () => (0, Lack::Nothing),
            }
        };
        self.machines.iter().map(lack).min_by_key(|(rank, _)| *rank).map(|(_, lack)| lack)
    }

    /// What is required and what is offered, in a sentence.
    pub fn told(&self) -> String {
        let required = self.required.as_ref().map_or_else(String::new, |it| match it.features.as_slice() {
            [] => it.system.clone(),
            features => format!("{} with {}", it.system, and(features)),
        });
        let offers: Vec<String> = self.machines.iter().take(4).map(offer).collect();
        let more = if self.machines.len() > 4 { ", and there are more" } else { "" };
        let who = if self.machines.len() == 1 { "the only machine has" } else { "the machines have" };
        format!("The build requires {required}; {who} {}{more}.", offers.join("; "))
    }
}

fn offer(machine: &Tuple) -> String {
    let mut told = and(&machine.systems);
    match machine.supported.as_slice() {
        [] => told.push_str(" without features"),
        features => told = format!("{told} with {}", and(features)),
    }
    if !machine.mandatory.is_empty() {
        told = format!("{told}, for builds that require {}", and(&machine.mandatory));
    }
    if machine.max_jobs == 0 {
        told.push_str(", and no slot");
    }
    told
}

/// `Cannot build '…'` with its reasons, in any of its three wordings.
#[derive(Default)]
pub struct Rejection {
    /// The line that says why, from 0.
    pub line: usize,
    /// What was to be built: the path of the derivation.
    pub derivation: String,
    /// Of the derivation.
    pub system: Option<String>,
    /// Of the derivation.
    pub features: Vec<String>,
    /// Whose words these are.
    pub current: Option<String>,
    /// It was a machine that said so, over ssh.
    pub there: bool,
    /// `platform mismatch`
    pub mismatch: bool,
    /// `local builds are disabled`
    pub disabled: bool,
    /// `missing system features`
    pub unfeatured: bool,
}

impl Rejection {
    /// It is a Linux build that this machine refuses, which is none of the derivation's system.
    pub fn is_for_linux(&self) -> bool {
        let linux = self.system.as_ref().map_or(self.mismatch, |system| system.ends_with("-linux"));
        linux && !self.is_of_a_machine() && (self.system.is_none() || self.system != self.current)
    }

    /// A machine took a Linux build, and cannot run its system. To a Mac, an aarch64-linux that speaks is one.
    pub fn is_of_a_machine(&self) -> bool {
        let linux = |system: &Option<String>| system.as_ref().is_some_and(|it| it.ends_with("-linux"));
        self.there || (linux(&self.system) && self.current.as_deref() == Some("aarch64-linux"))
    }

    /// It is a build of the Mac's own that lacks a feature here.
    pub fn is_for_features(&self) -> bool {
        let own = self.system.is_none() || self.system == self.current;
        own && !self.there && !self.mismatch && !self.features.is_empty()
    }
}

impl Paste {
    /// Reads a text, whatever it is.
    pub fn new(text: &str) -> Self {
        // A progress bar begins its line again, and again.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = scrub(&clean(&text));
        let mut lines: Vec<String> =
            text.split('\n').map(|line| cut(undated(line), LINE).trim_end().to_owned()).collect();
        unquote(&mut lines);
        for line in &mut lines {
            *line = straight(line);
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let mut folded: Vec<String> = lines.iter().map(|line| folded(line)).collect();
        leave_out_git(&mut folded);
        let refusal = lines.iter().position(|line| is_refusal(line));
        let on_machine = lines.iter().any(|line| is_on_machine(line));
        let mut paste =
            Paste { lines, folded, tables: Vec::new(), rejections: Vec::new(), refusal, on_machine };
        paste.tables = paste.read_tables();
        paste.rejections = paste.read_rejections();
        paste
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.trim().is_empty())
    }

    /// A line, from 0.
    pub fn line(&self, number: usize) -> &str {
        self.lines.get(number).map_or("", String::as_str)
    }

    /// The lines as they are compared.
    pub fn folded(&self) -> impl Iterator<Item = &str> {
        self.folded.iter().map(String::as_str)
    }

    /// The first line of which this holds, as it is compared.
    pub fn first(&self, holds: impl Fn(&str) -> bool) -> Option<usize> {
        self.folded().position(holds)
    }

    /// The last line that says something, if this holds of it.
    pub fn last(&self, holds: impl Fn(&str) -> bool) -> Option<usize> {
        let last = self.lines.len().checked_sub(1)?;
        self.folded.get(last).is_some_and(|line| holds(line.trim())).then_some(last)
    }

    fn read_tables(&self) -> Vec<Table> {
        let mut starts: Vec<usize> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            // Where only a part was pasted, it may begin with what was required.
            let required =
                line.trim_start().starts_with(REQUIRED) && starts.last().is_none_or(|last| at - last > 3);
            if starts.len() < ENOUGH
                && (required || line.contains("Failed to find a machine for remote build!"))
            {
                starts.push(at);
            }
        }
        let mut before = 0;
        let mut tables = Vec::new();
        for (i, &at) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(self.lines.len()).min(at + 5 + ENOUGH);
            let own: Vec<&str> = self.slice(at, end).iter().map(|line| line.trim()).collect();
            let log = build_log::parse(&own.join("\n"), Some(1));
            let required_at = own.iter().position(|line| line.starts_with(REQUIRED));
            tables.push(Table {
                line: at,
                required_at: required_at.map(|line| at + line),
                required: log.required,
                machines: log.tuples,
                after_refusal: self.slice(before, at).iter().any(|line| is_refusal(line)),
            });
            before = at;
        }
        tables
    }

    fn read_rejections(&self) -> Vec<Rejection> {
        let mut all = Vec::new();
        let mut read = 0;
        for (at, line) in self.lines.iter().enumerate() {
            if all.len() == ENOUGH {
                break;
            }
            let told = line.trim();
            if told.contains("is required to build '") {
                all.extend(self.in_one_line(at, told));
            } else if told.contains("Cannot build '") {
                let rest = told.split_once("Cannot build '").map_or("", |(_, rest)| rest);
                let begun = Rejection {
                    there: is_on(told),
                    derivation: until(rest, '\'').unwrap_or_default(),
                    ..Rejection::default()
                };
                read = self.in_lines(at + 1, begun, &mut all);
            } else if at >= read && (told.starts_with("Reason: ") || told.starts_with("Required features: {"))
            {
                // Where only a part was pasted, it may begin with a reason.
                read = self.in_lines(at, Rejection::default(), &mut all);
            }
        }
        all
    }

    /// Nix up to 2.29.
    fn in_one_line(&self, at: usize, line: &str) -> Option<Rejection> {
        let (what, rest) = line.split_once(" is required to build '")?;
        let (derivation, rest) = rest.split_once('\'')?;
        let current = rest.split_once("but I am a '").and_then(|(_, current)| until(current, '\''));
        // `error: build of 'DRV' on 'ssh://…' failed: error: a 'x86_64-linux' with features {}`
        let (before, asked) = what.rsplit_once("a '").unwrap_or(("", what));
        let earlier = self.slice(at.saturating_sub(3), at);
        let system = until(asked, '\'');
        Some(Rejection {
            line: at,
            derivation: derivation.to_owned(),
            features: braces(asked),
            there: is_on(before)
                || earlier
                    .iter()
                    .any(|line| is_failure_there(line) && !line.contains(" is required to build '")),
            mismatch: system != current,
            system,
            current,
            ..Rejection::default()
        })
    }

    /// Nix 2.30 and later: the reasons are in lines of their own, from here. Returns the line after them.
    fn in_lines(&self, from: usize, begun: Rejection, all: &mut Vec<Rejection>) -> usize {
        let mut it = begun;
        let mut reason = None;
        let mut end = from;
        for (number, line) in self.lines.iter().enumerate().skip(from).take(16) {
            let line = line.trim();
            if line.contains("Cannot build '") || line.starts_with("error:") {
                break;
            }
            end = number + 1;
            let telling = if let Some(why) = line.strip_prefix("Reason: ") {
                it.mismatch |= why.starts_with("platform mismatch");
                it.disabled |= why.starts_with("local builds are disabled");
                it.unfeatured |= why.starts_with("missing system features");
                let known = ["platform mismatch", "local builds are disabled", "missing system features"];
                let other = why.starts_with("required system or feature not available");
                if !other && !known.iter().any(|words| why.starts_with(words)) {
                    continue;
                }
                why.starts_with("platform mismatch")
            } else if let Some(asked) = line.strip_prefix("Required system: '") {
                it.system = until(asked, '\'');
                it.features.extend(braces(asked));
                false
            } else if let Some(asked) = line.strip_prefix("Required features: ") {
                it.features = braces(asked);
                false
            } else if let Some(current) = line.strip_prefix("Current system: '") {
                it.current = until(current, '\'');
                continue;
            } else {
                continue;
            };
            if reason.is_none() || telling {
                reason = Some(number);
            }
        }
        if let Some(line) = reason {
            it.mismatch |= it.system.is_some() && it.system != it.current;
            all.push(Rejection { line, ..it });
        }
        end
    }

    fn slice(&self, from: usize, to: usize) -> &[String] {
        self.lines.get(from..to.min(self.lines.len())).unwrap_or(&[])
    }
}

/// `cannot build on 'ssh-ng://…': error: …`
fn is_refusal(line: &str) -> bool {
    line.contains("cannot build on 'ssh")
}

/// A machine was given a build: Nix says so, or that it failed there.
fn is_on_machine(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with("building '") && is_on(line)) || is_failure_there(line)
}

fn is_failure_there(line: &str) -> bool {
    line.contains("build of '") && is_on(line) && line.contains(" failed")
}

fn is_on(line: &str) -> bool {
    line.contains("' on 'ssh://") || line.contains("' on 'ssh-ng://")
}

fn until(text: &str, end: char) -> Option<String> {
    text.split_once(end).map(|(before, _)| cut(before, 200))
}

/// `… {apple-virt, nixos-test}`
fn braces(text: &str) -> Vec<String> {
    let inner =
        text.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inner, _)| inner);
    let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.take(ENOUGH).map(|item| cut(item, 100)).collect()
}

/// Without what a CI log sets before each line: a time, `2026-08-22T10:11:12.1234567Z ` or `[10:11:12] `, and with
/// `gh run view --log` the job, the step and a time, with tabs between.
fn undated(line: &str) -> &str {
    let mut columns = line.splitn(3, '\t');
    let third = columns.nth(2).and_then(dated);
    third.or_else(|| dated(line)).or_else(|| timed(line)).unwrap_or(line)
}

/// What follows a date and a time.
fn dated(line: &str) -> Option<&str> {
    let shape = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T' || *byte == b' ',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let start = line.trim_start_matches('\u{feff}').trim_start();
    start.as_bytes().get(..19)?.iter().enumerate().all(shape).then_some(())?;
    let rest = start.get(19..)?;
    let rest =
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | 'Z' | '+' | ':'));
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// What follows `[10:11:12] `.
fn timed(line: &str) -> Option<&str> {
    let (time, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let is_time = time.len() >= 8
        && time.bytes().enumerate().all(|(at, byte)| match at {
            2 | 5 => byte == b':',
            0..=7 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || byte == b'.',
        });
    is_time.then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// Without the `>` of a quotation. Nix sets one before the last lines of a build's log too, further in or
/// below words of its own: those stay.
fn unquote(lines: &mut [String]) {
    let mut log = false;
    for line in lines {
        let inner = line.trim_start();
        let indented = line.len() - inner.len() > 3;
        let Some(rest) = inner.strip_prefix('>').filter(|_| !indented && !log) else {
            let last = inner.starts_with("Last ") && inner.ends_with(" log lines:");
            log = last || (log && inner.starts_with('>'));
            continue;
        };
        *line = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
    }
}

/// With straight quotes, as Nix prints them; a forum makes curly ones of them.
fn straight(line: &str) -> String {
    line.replace(['\u{2018}', '\u{2019}'], "'").replace(['\u{201c}', '\u{201d}'], "\"")
}

/// What ssh says to git is about a repository, and not about a builder.
fn leave_out_git(lines: &mut [String]) {
    const MOST: usize = 20;
    let is_end = |line: &String| line.contains("could not read from remote repository");
    let ends: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| is_end(line)).map(|(at, _)| at).collect();
    for end in ends {
        for line in lines.iter_mut().take(end).rev().take(MOST) {
            let told_by_nix =
                line.starts_with("error:") || line.contains(" on 'ssh") || line.contains("'ssh-ng:");
            if line.is_empty() || told_by_nix {
                break;
            }
            line.clear();
        }
    }
    for line in lines.iter_mut().filter(|line| line.trim_start().starts_with("git@")) {
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_set_before_a_line_is_taken_off() {
        let log = "2026-08-22T10:11:12.1234567Z \u{1b}[31;1merror:\u{1b}[0m x\r\n2026-08-22T10:11:13Z y\r\n";
        let paste = Paste::new(log);
        assert_eq!((paste.line(0), paste.line(1), paste.line(2)), ("error: x", "y", ""));
        let quoted = Paste::new("> error: x\n>\n>     y");
        assert_eq!((quoted.line(0), quoted.line(2)), ("error: x", "    y"));
        // The builder's own lines among Nix's are no quotation.
        assert_eq!(Paste::new("error: x\n       > y").line(1), "       > y");
        assert_eq!(Paste::new("12%\r50%\rerror: x").line(2), "error: x");
        assert!(Paste::new(" \n\u{1b}[0m\n").is_empty() && Paste::new("").is_empty());
    }

    /// The wordings of Nix 2.0, up to 2.29, 2.30 to 2.33, and from 2.34 (NixOS/nixpkgs#39959, NixOS/nixpkgs#257686, and as in
    /// the rows).
    #[test]
    fn every_wording_of_a_rejection_is_read() {
        for (text, features) in [
            (
                "error: a 'aarch64-linux' is required to build '/nix/store/x-probe.drv', but I am a 'aarch64-darwin'",
                "",
            ),
            (
                "error: a 'aarch64-linux' with features {kvm, nixos-test} is required to build '/nix/store/x-probe.drv', but I am a 'aarch64-darwin' with features {benchmark, big-parallel, nixos-test}",
                "kvm nixos-test",
            ),
            (
                "error: Cannot build '/nix/store/x-probe.drv'.\n       Reason: required system or feature not available\n       Required system: 'aarch64-linux' with features {kvm}\n       Current system: 'aarch64-darwin' with features {apple-virt, benchmark}",
                "kvm",
            ),
            (
                "error: Cannot build '/nix/store/x-probe.drv'.\n       Reason: local builds are disabled (max-jobs = 0)\n       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'\n       Reason: platform mismatch\n       Required system: 'aarch64-linux'\n       Current system: 'aarch64-darwin'\n       Reason: missing system features\n       Required features: {kvm}\n       Available features: {benchmark}",
                "kvm",
            ),
        ] {
            let paste = Paste::new(text);
            assert_eq!(paste.rejections.len(), 1, "{text}");
            let it = &paste.rejections[0];
            assert_eq!(
                (it.system.as_deref(), it.current.as_deref()),
                (Some("aarch64-linux"), Some("aarch64-darwin"))
            );
            assert_eq!(
                (it.derivation.as_str(), it.features.join(" ").as_str()),
                ("/nix/store/x-probe.drv", features)
            );
            assert!(it.mismatch && !it.there && it.is_for_linux() && !it.is_for_features(), "{text}");
        }
    }
}
