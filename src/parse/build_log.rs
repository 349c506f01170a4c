//! The stderr of `nix build -L -v` for one probe, in the three wordings that Nix has had (catalogue 0.1).

use super::store_info::SshWords;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One machine as the build hook read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tuple {
    /// Systems.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub systems: Vec<String>,
    /// Slots.
    pub max_jobs: u64,
    /// Features it has.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub supported: Vec<String>,
    /// Features a build must ask for.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub mandatory: Vec<String>,
}

/// What the build asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Required {
    /// `aarch64-linux`.
    #[schemars(extend("x-kind" = "public"))]
    pub system: String,
    /// `nixos-test`, …
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub features: Vec<String>,
}

/// A machine that the hook could not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// `ssh-ng://builder@linux-builder`.
    #[schemars(extend("x-kind" = "url"))]
    pub uri: String,
    /// Nix's words after `error: `, scrubbed.
    #[schemars(extend("x-kind" = "text"))]
    pub why: String,
    /// What they mean; `NoReason` over `ssh-ng`.
    pub words: SshWords,
}

/// A store path that was not taken, as no trusted key signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unsigned {
    /// `/nix/store/<hash>-hello-2.12.2`.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// The cache that has it; None where it was to be copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub from: Option<String>,
    /// A machine had the build by then, so that it is the machine's Nix that speaks.
    #[serde(default)]
    pub in_guest: bool,
}

/// What came of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Exit 0, and a line says that it ran on a machine over ssh.
    BuiltRemotely,
    /// Exit 0, and it ran here.
    BuiltLocally,
    /// Exit 0, and it came from a cache.
    Substituted,
    /// Machines were read, and none takes it.
    NoMachine,
    /// No machine was read at all.
    NoMachinesSeen,
    /// A machine takes it, and could not be reached.
    MachineUnreachable,
    /// A line of machines that Nix refuses: its words.
    #[schemars(extend("x-kind" = "text"))]
    BadMachineSpec(String),
    /// It ran on the machine and failed there: why.
    #[schemars(extend("x-kind" = "text"))]
    FailedInGuest(String),
    /// It ran here and failed: why.
    #[schemars(extend("x-kind" = "text"))]
    FailedLocally(String),
    /// The machine has no room.
    DiskFull,
    /// The machine took it, and cannot run it.
    PlatformMismatchInGuest {
        /// The machine's own system.
        #[schemars(extend("x-kind" = "text"))]
        current: String,
    },
    /// `unable to start any build`
    NoJobSlot,
    /// No Nix daemon answers.
    DaemonUnreachable,
    /// The daemon does not take this user.
    NotAllowed,
    /// The expression has no derivation: why.
    #[schemars(extend("x-kind" = "text"))]
    EvaluationFailed(String),
    /// GitHub says no more for now.
    RateLimited,
    /// GitHub does not take the token that it was shown.
    TokenRefused,
    /// No flake registry knows the name: Nix's words.
    #[schemars(extend("x-kind" = "text"))]
    NotInRegistry(String),
    /// A flake's input could not be downloaded: why.
    #[schemars(extend("x-kind" = "text"))]
    FetchFailed(String),
    /// A cache could not be used: why.
    #[schemars(extend("x-kind" = "text"))]
    CacheTrouble(String),
    /// None of these can be told, a run cut short included.
    #[default]
    Unclear,
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildLog {
    /// The machine of the last line that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub dispatched_to: Option<String>,
    /// The cache of the last copied path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub substituted_from: Option<String>,
    /// What came of it.
    #[serde(default)]
    pub outcome: Outcome,
    /// Nix's `Reason:` lines, each once, in order.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub reasons: Vec<String>,
    /// `N available machines:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines_seen: Option<u32>,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Required>,
    /// The machines as read.
    #[serde(default)]
    pub tuples: Vec<Tuple>,
    /// The machines that could not be reached.
    #[serde(default)]
    pub refused: Vec<Refusal>,
    /// Settings of the user's own that the daemon ignored, as it does not trust the user.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub ignored_settings: Vec<String>,
    /// Whether the build said that it waits for a free slot.
    #[serde(default)]
    pub waited: bool,
    /// The caches that the daemon ignored, as it does not trust the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kind" = "text"))]
    pub ignored_caches: Vec<String>,
    /// What was not taken for want of a signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsigned: Vec<Unsigned>,
    /// The caches that asked for a login, with the HTTP status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kind" = "text"))]
    pub login_wanted: Vec<(String, u16)>,
    /// The last 20 lines, scrubbed, without control characters, each cut at 500.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub tail: Vec<String>,
}

use super::store_info::{DaemonError, last_error};
use super::text::{clean, cut, scrub};

const MAX_ITEMS: usize = 100;
const TAIL: usize = 20;

/// The stderr of `nix build -L -v` (stdout may be joined to it) and the exit status; None where a signal or a deadline ended it.
pub fn parse(stderr: &str, exit: Option<i32>) -> BuildLog {
    let text = scrub(&clean(stderr));
    let lines: Vec<&str> = text.lines().collect();
    // What the builder itself prints (`name> …`, `> …`) is not Nix speaking.
    let own: Vec<&str> = lines.iter().copied().filter(|l| !is_builders(l)).collect();
    let mut log = BuildLog { tail: tail(&lines), ..BuildLog::default() };
    for (at, line) in own.iter().enumerate() {
        log.read_line(line.trim(), own.get(at + 1..).unwrap_or(&[]));
    }
    let facts = Facts::gather(&lines, &own);
    log.outcome = if exit == Some(0) { log.success(&facts) } else { log.failure(&facts) };
    log
}

fn is_builders(line: &str) -> bool {
    let line = line.trim_start();
    line.split_once('>')
        .is_some_and(|(name, _)| !name.contains(|c: char| c.is_whitespace() || "'\"<".contains(c)))
}

fn tail(lines: &[&str]) -> Vec<String> {
    let shown: Vec<&&str> = lines.iter().filter(|l| !l.trim().is_empty()).collect();
    let from = shown.len().saturating_sub(TAIL);
    shown.iter().skip(from).map(|l| cut(&l.replace('\t', " "), 500)).collect()
}

impl BuildLog {
    fn read_line(&mut self, line: &str, next: &[&str]) {
        if let Some(uri) = dispatched(line) {
            self.dispatched_to = Some(uri.to_owned());
        } else if let Some(store) = copied_from(line).filter(|s| !s.starts_with("ssh")) {
            self.substituted_from = Some(store.to_owned());
        } else if let Some(reason) = line.strip_prefix("Reason: ") {
            let reason = cut(reason.trim_end_matches('.'), 300);
            if self.reasons.len() < MAX_ITEMS && !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        } else if let Some(count) = line.strip_suffix(" available machines:") {
            self.machines_seen = count.parse().ok();
            self.tuples.clear();
        } else if line.starts_with("([") {
            let tuple = tuple(line).filter(|_| self.tuples.len() < MAX_ITEMS);
            self.tuples.extend(tuple);
        } else if let Some(rest) = line.strip_prefix("required (system, features): (") {
            self.required = required(rest);
        } else if let Some(rest) = line.strip_prefix("cannot build on '") {
            self.refuse(rest, next);
        } else if let Some(cache) = ignored_cache(line) {
            keep(&mut self.ignored_caches, cut(cache, 500));
        } else if let Some(asked) = login_wanted(line) {
            keep(&mut self.login_wanted, asked);
        } else if let Some((path, from)) = unsigned(line) {
            let known = self.unsigned.iter().any(|it| it.path == path && it.from.as_deref() == from);
            let of_machine = self.dispatched_to.is_some() || is_guest_failure(line);
            if !known && self.unsigned.len() < MAX_ITEMS {
                let (path, from) = (cut(path, 300), from.map(|it| cut(it, 500)));
                self.unsigned.push(Unsigned { path, from, in_guest: of_machine });
            }
        } else if let Some(name) = ignored_setting(line) {
            keep(&mut self.ignored_settings, cut(name, 100));
        }
        self.waited |= line.contains("waiting for a machine to build '");
    }

    fn refuse(&mut self, rest: &str, next: &[&str]) {
        let Some((uri, why)) = rest.split_once("': error: ") else {
            return;
        };
        // Over `ssh` the words of ssh follow, on as many lines as it printed.
        let more = next.iter().take_while(|l| !begins_another(l)).take(60);
        let block: Vec<&str> = std::iter::once(why).chain(more.copied()).collect();
        let refusal = Refusal {
            uri: cut(uri, 500),
            why: cut(why, 500),
            words: SshWords::find_or_other(&block.join("\n")),
        };
        if self.refused.len() < MAX_ITEMS && !self.refused.contains(&refusal) {
            self.refused.push(refusal);
        }
    }

    fn success(&self, facts: &Facts) -> Outcome {
        if self.dispatched_to.is_some() {
            Outcome::BuiltRemotely
        } else if facts.built_here {
            Outcome::BuiltLocally
        } else if self.substituted_from.is_some() {
            Outcome::Substituted
        } else {
            Outcome::Unclear
        }
    }

    fn failure(&self, facts: &Facts) -> Outcome {
        let guest = self.dispatched_to.is_some() || facts.guest_failure.is_some();
        facts.refusal().or_else(|| facts.in_guest(guest)).unwrap_or_else(|| self.undispatched(facts))
    }

    /// The triage rules of catalogue 0.2, then what else can stop a build before it reaches a machine.
    fn undispatched(&self, facts: &Facts) -> Outcome {
        if !self.refused.is_empty() {
            Outcome::MachineUnreachable
        } else if facts.has_no_machine {
            Outcome::NoMachine
        } else if facts.rejected {
            Outcome::NoMachinesSeen
        } else if facts.no_job_slot {
            Outcome::NoJobSlot
        } else if let Some(text) = &facts.cache_trouble {
            Outcome::CacheTrouble(text.clone())
        } else if let Some(text) = &facts.not_in_registry {
            Outcome::NotInRegistry(text.clone())
        } else if let Some(text) = &facts.fetch {
            Outcome::FetchFailed(text.clone())
        } else if let Some(text) = &facts.evaluation {
            Outcome::EvaluationFailed(text.clone())
        } else if let Some(text) = facts.local_failure.as_ref().filter(|_| self.dispatched_to.is_none()) {
            Outcome::FailedLocally(text.clone())
        } else {
            Outcome::Unclear
        }
    }
}

/// `building 'DRV' on 'ssh-ng://…'...`: no other line proves that a machine took the build.
fn dispatched(line: &str) -> Option<&str> {
    let (_, on) = line.strip_prefix("building '")?.strip_suffix("'...")?.rsplit_once("' on '")?;
    (on.starts_with("ssh-ng://") || on.starts_with("ssh://")).then_some(on)
}

/// `warning: ignoring the client-specified setting 'NAME', because it is a restricted setting …`
fn ignored_setting(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("warning: ignoring the client-specified setting '")?;
    rest.split_once('\'').map(|(name, _)| name)
}

fn copied_from(line: &str) -> Option<&str> {
    let (_, from) = line.strip_prefix("copying path '")?.split_once("' from '")?;
    from.split_once('\'').map(|(store, _)| store)
}

fn keep<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if all.len() < MAX_ITEMS && !all.contains(&one) {
        all.push(one);
    }
}

/// `warning: ignoring untrusted substituter 'https://…', you are not a trusted user.`
fn ignored_cache(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("warning: ignoring untrusted substituter '")?;
    rest.split_once('\'').map(|(cache, _)| cache)
}

/// `… unable to download 'https://…/nix-cache-info': HTTP error 401`; 403 is what S3 says of what it has not.
fn login_wanted(line: &str) -> Option<(String, u16)> {
    let (_, rest) = line.split_once("unable to download '")?;
    let (url, why) = rest.split_once("': HTTP error ")?;
    let status = why.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let cache =
        url.find("/nar/").map_or_else(|| url.rsplit_once('/').map(|(at, _)| at), |at| url.get(..at))?;
    (is_cache_url(url) && matches!(status, 401 | 407)).then(|| (cut(cache, 500), status))
}

/// Of a path that a cache has, or that was to be copied.
fn unsigned(line: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = line.strip_prefix("warning: ignoring substitute for '") {
        let (path, rest) = rest.split_once("' from '")?;
        let (cache, why) = rest.split_once('\'')?;
        return why.contains("not signed by any of the keys in").then_some((path, Some(cache)));
    }
    let (_, rest) = line.split_once("cannot add path '")?;
    let (path, why) = rest.split_once('\'')?;
    why.contains("lacks a signature by a trusted key").then_some((path, None))
}

/// Whether Nix begins to speak of something else.
fn begins_another(line: &str) -> bool {
    let starts = [
        "error:",
        "warning:",
        "cannot build on '",
        "Failed to find a machine",
        "building '",
        "copying ",
        "connecting to '",
        "this derivation ",
        "these ",
    ];
    starts.iter().any(|s| line.starts_with(s))
}

fn list(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim).filter(|i| !i.is_empty());
    items.take(MAX_ITEMS).map(|i| cut(i, 100)).collect()
}

/// `aarch64-linux, [nixos-test])`
fn required(rest: &str) -> Option<Required> {
    let (system, features) = rest.strip_suffix("])")?.split_once(", [")?;
    Some(Required { system: cut(system, 100), features: list(features) })
}

/// `([aarch64-linux, x86_64-linux], 4, [benchmark, kvm], [])`
fn tuple(line: &str) -> Option<Tuple> {
    let (systems, rest) = line.strip_prefix("([")?.split_once("], ")?;
    let (jobs, rest) = rest.split_once(", [")?;
    let (supported, rest) = rest.split_once("], [")?;
    let mandatory = rest.strip_suffix("])")?;
    let max_jobs = jobs.parse().ok()?;
    Some(Tuple { systems: list(systems), max_jobs, supported: list(supported), mandatory: list(mandatory) })
}

/// What a failed build says beside its structure.
#[derive(Default)]
struct Facts {
    bad_spec: Option<String>,
    daemon: Option<DaemonError>,
    rate_limited: bool,
    token_refused: bool,
    not_in_registry: Option<String>,
    fetch: Option<String>,
    disk_full: bool,
    /// Why the machine said no: the text after `failed: `, or the reason that follows.
    guest_failure: Option<String>,
    /// The systems that said what they are.
    current: Vec<String>,
    has_no_machine: bool,
    rejected: bool,
    no_job_slot: bool,
    built_here: bool,
    local_failure: Option<String>,
    cache_trouble: Option<String>,
    evaluation: Option<String>,
}

impl Facts {
    fn gather(lines: &[&str], own: &[&str]) -> Facts {
        let mut facts = Facts::default();
        for (at, line) in own.iter().enumerate() {
            facts.read_line(line.trim(), own.get(at + 1..).unwrap_or(&[]));
        }
        let full = |l: &&&str| {
            l.contains("No space left on device") && (is_builders(l) || is_guest_failure(l.trim()))
        };
        facts.disk_full |= lines.iter().any(|l| full(&l));
        let evaluating = own.iter().any(|l| is_evaluation(l)) && !own.iter().any(|l| is_planned(l));
        facts.evaluation = if evaluating { last_error(&own.join("\n")) } else { None };
        facts
    }

    fn read_line(&mut self, line: &str, next: &[&str]) {
        let has = |words: &str| line.contains(words);
        if line.starts_with("cannot build on '") {
            return;
        }
        if is_bad_spec(line) && self.bad_spec.is_none() {
            self.bad_spec = Some(cut(line.trim_start_matches("error: "), 1000));
        }
        if line.starts_with("error:") && !has("build of '") {
            self.daemon =
                self.daemon.or_else(|| DaemonError::find(line).filter(|d| *d != DaemonError::Other));
        }
        if is_guest_failure(line) && self.guest_failure.is_none() {
            self.guest_failure = Some(failure_reason(line, next));
        }
        self.current
            .extend(current_system(line).map(str::to_owned).filter(|_| self.current.len() < MAX_ITEMS));
        self.rate_limited |=
            has("API rate limit exceeded") || (has("api.github.com") && has("HTTP error 429"));
        self.token_refused |= has("Bad credentials") || (has("api.github.com") && has("HTTP error 401"));
        if has("cannot find flake '") && has("in the flake registries") && self.not_in_registry.is_none() {
            self.not_in_registry = Some(cut(line.trim_start_matches("error: "), 500));
        }
        if line.starts_with("error: unable to download '")
            && !line.split('\'').nth(1).is_some_and(is_cache_url)
        {
            self.fetch = Some(cut(line.trim_start_matches("error: "), 500));
        }
        self.disk_full |= has("build failure may have been caused by lack of free disk space");
        self.has_no_machine |= has("Failed to find a machine for remote build!")
            || has("remote machines may not have all required system features");
        self.rejected |= is_rejection(line);
        self.no_job_slot |= has("nable to start any build; either increase");
        self.built_here |= line.starts_with("building '") && dispatched(line).is_none();
        if self.local_failure.is_none() && is_local_failure(line) {
            self.local_failure =
                Some(cut(line.trim_start_matches("error: ").trim_start_matches("Reason: "), 500));
        }
        if is_cache_trouble(line) {
            self.cache_trouble =
                Some(cut(line.trim_start_matches("warning: ").trim_start_matches("error: "), 500));
        }
    }

    /// What stops every build, whatever the machines.
    fn refusal(&self) -> Option<Outcome> {
        match (&self.bad_spec, self.daemon) {
            (Some(text), _) => Some(Outcome::BadMachineSpec(text.clone())),
            (None, Some(DaemonError::NotRunning)) => Some(Outcome::DaemonUnreachable),
            (None, Some(DaemonError::NotAllowed)) => Some(Outcome::NotAllowed),
            _ if self.rate_limited => Some(Outcome::RateLimited),
            _ => self.token_refused.then_some(Outcome::TokenRefused),
        }
    }

    fn in_guest(&self, dispatched: bool) -> Option<Outcome> {
        if !dispatched {
            return None;
        }
        // The Mac's own refusal names a Darwin; that of a Linux host has no machine that failed.
        let linux = self.current.iter().find(|c| c.ends_with("-linux"));
        if let Some(current) = linux.filter(|_| self.guest_failure.is_some()) {
            return Some(Outcome::PlatformMismatchInGuest { current: current.clone() });
        }
        if self.disk_full {
            return Some(Outcome::DiskFull);
        }
        let why = self.guest_failure.clone().or_else(|| self.local_failure.clone())?;
        Some(Outcome::FailedInGuest(why))
    }
}

fn is_bad_spec(line: &str) -> bool {
    line.contains("bad machine specification:")
        || line.contains("speed factor must be >= 0")
        || line.contains("while parsing machine specification at a column #")
        || (line.contains("a column #") && line.contains("is not valid base64 string"))
}

/// `error: build of 'DRV' on 'ssh-ng://…' failed: …`
fn is_guest_failure(line: &str) -> bool {
    line.starts_with("error: build of '") && line.contains("' on 'ssh") && line.contains(" failed: ")
}

/// From Nix 2.30 on the reason has a line of its own.
fn failure_reason(line: &str, next: &[&str]) -> String {
    let told = line.split_once(" failed: ").map_or("", |(_, told)| told);
    let reason = next.iter().take(5).find_map(|l| l.trim().strip_prefix("Reason: "));
    let text = if told.starts_with("Cannot build '") { reason.unwrap_or(told) } else { told };
    cut(text.trim_end_matches('.'), 500)
}

/// From 2.30: `Current system: 'X'`; before: `but I am a 'X' with features`.
fn current_system(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("Current system: '").or_else(|| line.split_once("but I am a '"))?;
    rest.split_once('\'').map(|(system, _)| system)
}

/// This Nix will not build it by itself, in its three wordings (catalogue 0.1).
fn is_rejection(line: &str) -> bool {
    let reasons = [
        "Reason: platform mismatch",
        "Reason: missing system features",
        "Reason: local builds are disabled",
        "Reason: required system or feature not available",
    ];
    reasons.iter().any(|r| line.starts_with(r))
        || (line.contains("is required to build '") && line.contains("but I am a '"))
}

/// From 2.30: `Reason: builder failed with …`; before: `error: builder for 'DRV' failed with …`.
fn is_local_failure(line: &str) -> bool {
    line.starts_with("Reason: builder ")
        || (line.starts_with("error: builder for '") && line.contains("' failed"))
}

/// GitHub is no cache: a failed fetch of a flake's input breaks the evaluation.
fn is_cache_trouble(line: &str) -> bool {
    let told = line.starts_with("error:") || line.starts_with("warning:");
    let url = line.split_once("unable to download '").and_then(|(_, rest)| rest.split('\'').next());
    (told && url.is_some_and(is_cache_url))
        || (line.starts_with("error: ")
            && (line.contains("' does not appear to be a binary cache")
                || (line.contains("NAR info file '") && line.contains("' is corrupt"))))
}

fn is_cache_url(url: &str) -> bool {
    url.ends_with(".narinfo") || url.ends_with("/nix-cache-info") || url.contains("/nar/")
}

fn is_evaluation(line: &str) -> bool {
    let marks = [
        "… while evaluating",
        "… while calling",
        "… while fetching the input",
        "… while updating the lock file",
        "undefined variable '",
        "does not provide attribute '",
        "syntax error, unexpected",
        "was not found in the Nix search path",
        "error: experimental Nix feature '",
        "error: attribute '",
        "cannot find flake '",
    ];
    marks.iter().any(|m| line.contains(m))
}

fn is_planned(line: &str) -> bool {
    line.ends_with(" will be built:") || line.starts_with("building '")
}

#[cfg(test)]
mod tests {
    use super::super::store_info::SshFault;
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "/nix/store/<hash>-probe-<nonce>";

    /// The host's refusal as captured (nix-outputs.md), after what the hook printed.
    fn refused(hook: &str) -> String {
        format!(
            "this derivation will be built:
  {HASH}-aarch64-linux.drv
{hook}error: Cannot build '{HASH}-aarch64-linux.drv'.
       Reason: local builds are disabled (max-jobs = 0)
       Hint: set 'max-jobs' to a non-zero value to enable local builds, or configure remote builders via 'builders'
       Reason: platform mismatch
       Required system: 'aarch64-linux'
       Current system: 'aarch64-darwin'
"
        )
    }

    /// The hook's own table (nix-outputs.md).
    fn table(required: &str, features: &str, mandatory: &str) -> String {
        format!(
            "Failed to find a machine for remote build!
derivation: <hash>-probe-<nonce>-aarch64-linux.drv
required (system, features): (aarch64-linux, [{required}])
1 available machines:
(systems, maxjobs, supportedFeatures, mandatoryFeatures)
([aarch64-linux, x86_64-linux], 4, [{features}], [{mandatory}])
"
        )
    }

    const ALL: &str = "benchmark, big-parallel, kvm, nixos-test";

    fn captures() -> Vec<(&'static str, String, i32)> {
        let usual = table("", ALL, "");
        let cannot = "cannot build on 'ssh-ng://builder@linux-builder': error:";
        vec![
            ("healthy", format!("this derivation will be built:
  {HASH}-aarch64-linux.drv
building '{HASH}-aarch64-linux.drv' on 'ssh-ng://builder@linux-builder'...
copying 0 paths...
building '{HASH}-aarch64-linux.drv'...
copying 1 paths...
copying path '{HASH}-aarch64-linux' from 'ssh-ng://builder@linux-builder'...
{HASH}-aarch64-linux
"), 0),
            ("service-disabled", refused(&format!("{cannot} failed to start SSH connection to 'linux-builder'\n{usual}")), 1),
            ("vm-hung", format!("this derivation will be built:\n  {HASH}-aarch64-linux.drv\nerror: interrupted by the user\n"), 124),
            ("vm-disk-full", format!("this derivation will be built:
  {HASH}-aarch64-linux.drv
building '{HASH}-aarch64-linux.drv' on 'ssh-ng://builder@linux-builder'...
copying 0 paths...
building '{HASH}-aarch64-linux.drv'...
error: build of '{HASH}-aarch64-linux.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '{HASH}-aarch64-linux.drv'.
       Reason: builder failed with exit code 1.
       Output paths:
         {HASH}-aarch64-linux
       Last 1 log lines:
       > sh: 1: echo: echo: I/O error
       For full logs, run:
         nix log {HASH}-aarch64-linux.drv
       note: build failure may have been caused by lack of free disk space
error: Cannot build '{HASH}-aarch64-linux.drv'.
       Reason: builder failed with exit code 1.
       Output paths:
         {HASH}-aarch64-linux
"), 1),
            ("vm-nix-down", refused(&format!("{cannot} cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: Nix daemon disconnected unexpectedly (maybe it crashed?)\n{usual}")), 1),
            ("vm-shell-noise", refused(&format!("{cannot} cannot open connection to remote store 'ssh-ng://builder@linux-builder': error: protocol mismatch, got 'Welcome to the builder!\n              oixd\n{usual}")), 1),
            ("bad-machine-spec", format!("this derivation will be built:
  {HASH}-aarch64-linux.drv
error: bad machine specification: failed to convert column #3 in a row: 'ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 ${{MAX_JOBS}} 1 kvm,benchmark,big-parallel,nixos-test - <base64>' to 'unsigned int'
error:
       … while reading the response from the build hook

       error: unexpected EOF reading a line
"), 1),
            ("builders-empty", refused(""), 1),
            ("feature-missing", refused(&table("nixos-test", "benchmark, big-parallel, kvm", "")), 1),
            ("mandatory-feature", refused(&table("", ALL, "nixos-test")), 1),
            ("x86-not-executable", format!("this derivation will be built:
  {HASH}-x86_64-linux.drv
building '{HASH}-x86_64-linux.drv' on 'ssh-ng://builder@linux-builder'...
copying 0 paths...
error: build of '{HASH}-x86_64-linux.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '{HASH}-x86_64-linux.drv'.
       Reason: platform mismatch
       Required system: 'x86_64-linux'
       Current system: 'aarch64-linux'
error: Cannot build '{HASH}-x86_64-linux.drv'.
       Reason: builder failed with exit code 1.
       Output paths:
         {HASH}-x86_64-linux
"), 1),
            ("daemon-down", "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory\n".to_owned(), 1),
        ]
    }

    fn capture(name: &str) -> BuildLog {
        let all = captures();
        let (_, text, exit) = all.iter().find(|(n, _, _)| *n == name).unwrap();
        parse(text, Some(*exit))
    }

    #[test]
    fn a_remote_build() {
        let log = capture("healthy");
        assert_eq!(log.outcome, Outcome::BuiltRemotely);
        assert_eq!(log.dispatched_to.as_deref(), Some("ssh-ng://builder@linux-builder"));
        assert_eq!((log.substituted_from, log.refused.len()), (None, 0));
        assert_eq!(
            parse("building '/nix/store/x.drv'...\n/nix/store/x\n", Some(0)).outcome,
            Outcome::BuiltLocally
        );
        assert_eq!(parse("", Some(0)).outcome, Outcome::Unclear);
        let fetched = "copying path '/nix/store/x-hello' from 'https://cache.nixos.org'...\n";
        assert_eq!(parse(fetched, Some(0)).outcome, Outcome::Substituted);
        // A refusal names the machine too, and proves nothing.
        let log = parse(
            "cannot build on 'ssh-ng://b': error: failed to start SSH connection to 'b'\nbuilding '/nix/store/x.drv'...",
            Some(0),
        );
        assert_eq!(log.outcome, Outcome::BuiltLocally);
    }

    #[test]
    fn settings_that_the_daemon_ignores() {
        // Nix 2.34.8, with NIX_CONFIG of a user who is not trusted.
        let text = "warning: ignoring the client-specified setting 'builders', because it is a restricted setting and you are not a trusted user
warning: ignoring untrusted substituter 'https://x.example', you are not a trusted user.
Run `man nix.conf` for more information on the `substituters` configuration option.
warning: ignoring the client-specified setting 'trusted-public-keys', because it is a restricted setting and you are not a trusted user
";
        assert_eq!(parse(text, Some(0)).ignored_settings, ["builders", "trusted-public-keys"]);
    }

    #[test]
    fn captured_outcomes() {
        for (name, want) in [
            ("service-disabled", Outcome::MachineUnreachable),
            ("vm-hung", Outcome::Unclear),
            ("vm-disk-full", Outcome::DiskFull),
            ("vm-nix-down", Outcome::MachineUnreachable),
            ("vm-shell-noise", Outcome::MachineUnreachable),
            ("builders-empty", Outcome::NoMachinesSeen),
            ("feature-missing", Outcome::NoMachine),
            ("mandatory-feature", Outcome::NoMachine),
            ("x86-not-executable", Outcome::PlatformMismatchInGuest { current: "aarch64-linux".to_owned() }),
            ("daemon-down", Outcome::DaemonUnreachable),
        ] {
            assert_eq!(capture(name).outcome, want, "{name}");
        }
        assert!(
            matches!(capture("bad-machine-spec").outcome, Outcome::BadMachineSpec(t) if t.starts_with("bad machine"))
        );
    }

    #[test]
    fn captured_details() {
        let log = capture("mandatory-feature");
        assert_eq!((log.machines_seen, log.tuples.len()), (Some(1), 1));
        assert_eq!((log.tuples[0].max_jobs, log.tuples[0].systems.len()), (4, 2));
        assert_eq!(log.tuples[0].mandatory, ["nixos-test"]);
        assert_eq!(log.reasons, ["local builds are disabled (max-jobs = 0)", "platform mismatch"]);
        assert_eq!(log.tail.len(), 14);
        let required = capture("feature-missing").required.unwrap();
        assert_eq!(
            (required.system.as_str(), required.features),
            ("aarch64-linux", vec!["nixos-test".to_owned()])
        );
        let fault = |name| capture(name).refused[0].words.fault.clone();
        assert_eq!(fault("service-disabled"), SshFault::NoReason);
        assert_eq!(fault("vm-nix-down"), SshFault::DaemonGone);
        assert_eq!(fault("vm-shell-noise"), SshFault::ProtocolMismatch("Welcome to the builder!".to_owned()));
    }

    #[test]
    fn reported_outcomes() {
        // Catalogue 11.15, then 11.17; the name of the thread before each.
        let two_thirty = "error: Cannot build '/nix/store/m7c4ksyqlxdlpg15rkqly5msh4lcbnc0-echo-server.drv'.
       Reason: required system or feature not available
       Required system: 'aarch64-linux' with features {}
       Current system: 'aarch64-darwin' with features {apple-virt, benchmark, big-parallel, nixos-test}
error: Cannot build '/nix/store/dcfznqy52jnkskqf0db9qvg3vy7djp8f-echo-server-base.json.drv'.
       Reason: 1 dependency failed.
       Output paths:
         /nix/store/c384ppswa5n1j6yybg07flmr7s9h7rji-echo-server-base.json
error: Build failed due to failed dependency
";
        let mac = "error: Cannot build '/nix/store/...-probe.drv'
       Reason: platform mismatch
       Required system: 'aarch64-linux'
       Current system: 'aarch64-darwin'
";
        let linux_host = "error: Cannot build '/nix/store/gp64xxij16i15m9dcbmpna6pygb8nw8q-system-path.drv'.
       Reason: platform mismatch
       Required system: 'aarch64-linux'
       Current system: 'x86_64-linux'
";
        // nixpkgs#257686
        let old = "error: a 'aarch64-linux' with features {} is required to build '/nix/store/lk8i8sflk65q5i8lx3xa7xka3pkqd7qp-append-initrd-secrets.drv', but I am a 'aarch64-darwin' with features {benchmark, big-parallel, nixos-test}";
        // nix-outputs.md, Nix 2.26.3
        let old_two = "error: a 'aarch64-linux' with features {foo} is required to build '/nix/store/<hash>-….drv', but I am a 'aarch64-darwin' with features {apple-virt, benchmark, big-parallel}";
        for text in [two_thirty, mac, linux_host, old, old_two] {
            assert_eq!(parse(text, Some(1)).outcome, Outcome::NoMachinesSeen, "{text}");
        }
        // nixos-anywhere#169
        let none = "Failed to find a machine for remote build!
derivation: bm173dm4why0gsh6h485v6q9dgz1r9gb-nv-codec-headers-11.1.5.2.drv
required (system, features): (i686-linux, [])
1 available machines:
(systems, maxjobs, supportedFeatures, mandatoryFeatures)
([x86_64-linux], 1, [], [])
";
        assert_eq!(parse(none, Some(1)).outcome, Outcome::NoMachine);
        // Catalogue, machines-system-offered-but-not-executable, old wording, behind the failure's frame.
        let guest = format!(
            "error: build of '{HASH}.drv' on 'ssh://builder@linux-builder' failed: a 'x86_64-linux' with features {{}} is required to build '{HASH}.drv', but I am a 'aarch64-linux' with features {{}}"
        );
        let want = Outcome::PlatformMismatchInGuest { current: "aarch64-linux".to_owned() };
        assert_eq!(parse(&guest, Some(1)).outcome, want);
        // zero-to-nix#340
        let limited = "error:
       … while fetching the input 'github:NixOS/nixpkgs/nixpkgs-unstable'

       error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/nixpkgs-unstable': HTTP error 403

       response body:

       {\"message\":\"API rate limit exceeded for <IP REMOVED>. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)\",\"documentation_url\":\"https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting\"}
";
        assert_eq!(parse(limited, Some(1)).outcome, Outcome::RateLimited);
        // NixOS/nix#11087
        let tls = "error: unable to download 'https://cache.nixos.org/gwxwlbb8fs84afdr00j3psymx7n3c8px.narinfo': Problem with the SSL CA cert (path? access rights?) (77)";
        assert!(matches!(parse(tls, Some(1)).outcome, Outcome::CacheTrouble(_)));
        // NixOS/nix#1980
        let daemon = "error: cannot connect to daemon at '/nix/var/nix/daemon-socket/socket': Connection refused\n(use '--show-trace' to show detailed location information)";
        assert_eq!(parse(daemon, Some(1)).outcome, Outcome::DaemonUnreachable);
    }

    #[test]
    fn reported_refusals() {
        // nixpkgs#341101, nixpkgs#229542, nix-darwin#913 twice, vira.nixos.asia.
        let fault = |text: &str| {
            let log = parse(text, Some(1));
            assert_eq!(log.outcome, Outcome::MachineUnreachable, "{text}");
            log.refused[0].words.fault.clone()
        };
        let refused = SshFault::ConnectionRefused;
        assert_eq!(fault("cannot build on 'ssh://builder@localhost': error: failed to start SSH connection to 'builder@localhost': ssh: connect to host localhost port 22: Connection refused
error: builder for '/nix/store/9jxsh6q5l9mxggaw8jh4605m3yi57j5r-append-initrd-secrets.drv' failed with exit code 126"), refused);
        assert_eq!(fault("cannot build on 'ssh://ssh://builder@localhost': error: failed to start SSH connection to '//ssh://
builder@localhost': ssh: connect to host localhost port 22: Connection refused
Failed to find a machine for remote build!"), refused);
        assert_eq!(fault("connecting to 'ssh-ng://builder@linux-builder'...
cannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'builder@linux-builder'"), SshFault::NoReason);
        assert_eq!(fault("connecting to 'ssh://builder@linux-builder'...
SSH stdout first line:
cannot build on 'ssh://builder@linux-builder': error: failed to start SSH connection to 'builder@linux-builder': OpenSSH_9.8p1, LibreSSL 3.3.6
debug1: Reading configuration data /etc/ssh/ssh_config
debug1: Reading configuration data /etc/ssh/ssh_config.d/100-linux-builder.conf
debug1: /etc/ssh/ssh_config.d/100-linux-builder.conf line 1: Applying options for linux-builder
debug1: Reading configuration data /etc/ssh/ssh_config.d/100-nix-darwin.conf
debug1: /etc/ssh/ssh_config line 54: Applying options for *
debug1: Authenticator provider $SSH_SK_PROVIDER did not resolve; disabling
debug1: Connecting to localhost port 31022.
ssh: Could not resolve hostname localhost: nodename nor servname provided, or not known
Failed to find a machine for remote build!"), SshFault::CannotResolve("localhost".to_owned()));
        assert_eq!(
            fault(
                "cannot build on 'ssh-ng://user@hostname': error: cannot open connection to remote store 'ssh-ng://': error: Nix daemon disconnected unexpectedly (maybe it crashed?)"
            ),
            SshFault::DaemonGone
        );
    }

    // The rest by the sources of Nix (worker.cc, derivation-building-goal.cc, daemon.cc), or invented.
    #[test]
    fn other_outcomes() {
        for (text, want) in [
            (
                "error: Unable to start any build; either increase '--max-jobs' or enable remote builds.",
                Outcome::NoJobSlot,
            ),
            (
                "error: unable to start any build; either increase '--max-jobs' or enable remote builds.",
                Outcome::NoJobSlot,
            ),
            ("error: user 'alice' is not allowed to connect to the Nix daemon", Outcome::NotAllowed),
            ("error: undefined variable 'x'", Outcome::EvaluationFailed("undefined variable 'x'".to_owned())),
            ("probe> error: cannot connect to socket at 'x'", Outcome::Unclear),
            ("error: something new", Outcome::Unclear),
        ] {
            assert_eq!(parse(text, Some(1)).outcome, want, "{text}");
        }
        let failed = format!(
            "building '{HASH}.drv' on 'ssh-ng://b'...\nprobe> x\nerror: build of '{HASH}.drv' on 'ssh-ng://b' failed: builder for '{HASH}.drv' failed with exit code 1"
        );
        assert!(
            matches!(parse(&failed, Some(1)).outcome, Outcome::FailedInGuest(t) if t.ends_with("exit code 1"))
        );
        let full = failed.replace("probe> x", "probe> cp: No space left on device");
        assert_eq!(parse(&full, Some(1)).outcome, Outcome::DiskFull);
        let here =
            format!("building '{HASH}.drv'...\nerror: builder for '{HASH}.drv' failed with exit code 1");
        assert!(matches!(parse(&here, Some(1)).outcome, Outcome::FailedLocally(_)));
    }

    /// nixpkgs#hello, which a cache has, signed by a key that nobody trusts (Nix 2.34.8): first this Nix speaks, then the builder's.
    const STRANGER: &str = "this path will be fetched (40.3 KiB download, 221.2 KiB unpacked):
  /nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2
warning: ignoring substitute for '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' from 'https://cache.nixos.org', as it's not signed by any of the keys in 'trusted-public-keys'
building '/nix/store/5vac1rif4pkd06yv7pqs3pfmk36vzvvy-hello-2.12.2.drv' on 'ssh-ng://builder@linux-builder'...
copying 0 paths...
warning: ignoring substitute for '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' from 'https://cache.nixos.org', as it's not signed by any of the keys in 'trusted-public-keys'
building '/nix/store/5vac1rif4pkd06yv7pqs3pfmk36vzvvy-hello-2.12.2.drv'...
copying 1 paths...
copying path '/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2' from 'ssh-ng://builder@linux-builder'...
";

    #[test]
    fn what_no_trusted_key_signed() {
        let log = parse(STRANGER, Some(0));
        assert_eq!(log.outcome, Outcome::BuiltRemotely);
        let cache = Some("https://cache.nixos.org".to_owned());
        let path = "/nix/store/pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4-hello-2.12.2".to_owned();
        assert_eq!(log.unsigned, [Unsigned { path, from: cache, in_guest: false }]);
        let only_there = STRANGER.split_once("keys'\n").unwrap().1;
        assert!(parse(only_there, Some(0)).unsigned[0].in_guest);
        // `nix copy` of a path that was built here, as a user whom the daemon does not trust (Nix 2.34.8).
        let copied = "error: cannot add path '/nix/store/bi548l3ngya1d9sp1izbdwhkbf0db46f-unsigned' because it lacks a signature by a trusted key";
        let log = parse(copied, Some(1));
        assert!(log.unsigned[0].path.ends_with("-unsigned") && log.unsigned[0].from.is_none());
        // Catalogue 11.17, as Nix 2.34.8 prints it too.
        let ignored = "warning: ignoring untrusted substituter 'https://rstats-on-nix.cachix.org', you are not a trusted user.
Run `man nix.conf` for more information on the `substituters` configuration option.
";
        assert_eq!(parse(&ignored.repeat(2), Some(0)).ignored_caches, ["https://rstats-on-nix.cachix.org"]);
    }

    #[test]
    fn what_the_network_refuses() {
        // Nix 2.34.8, whole.
        let login = "warning: unable to download 'https://nix-postgres-artifacts.s3.amazonaws.com/nix-cache-info': HTTP error 401

         response body:

         Unauthorized
";
        let log = parse(login, Some(1));
        assert_eq!(log.login_wanted, [("https://nix-postgres-artifacts.s3.amazonaws.com".to_owned(), 401)]);
        assert!(matches!(log.outcome, Outcome::CacheTrouble(text) if text.ends_with("HTTP error 401")));
        // The same, for an expired token and for a server in trouble.
        let github = "error:
       … while fetching the input 'github:NixOS/nixpkgs/nixpkgs-unstable'

       error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/nixpkgs-unstable': HTTP error 401

       response body:

       {\"message\":\"Bad credentials\",\"documentation_url\":\"https://docs.github.com/rest\",\"status\":\"401\"}
";
        let log = parse(github, Some(1));
        assert_eq!((&log.outcome, log.login_wanted), (&Outcome::TokenRefused, vec![]));
        let busy = github.split_once("HTTP error 401").unwrap().0.to_owned() + "HTTP error 503\n";
        assert!(
            matches!(parse(&busy, Some(1)).outcome, Outcome::FetchFailed(text) if text.ends_with("HTTP error 503"))
        );
        let unknown = "error: cannot find flake 'flake:nixpkgs' in the flake registries\n";
        assert!(matches!(parse(unknown, Some(1)).outcome, Outcome::NotInRegistry(_)));
        // What a sign-in page makes of a cache (Nix 2.34.8).
        let portal = "error: NAR info file 'pr9zq9aj5qk24pxzqg7q9ddbhm53fkx4.narinfo' is corrupt: expecting ':' at line 1";
        assert!(matches!(parse(portal, Some(1)).outcome, Outcome::CacheTrouble(_)));
    }

    #[test]
    fn great_logs_stay_quick() {
        for part in [
            "cannot build on 'a': error: x\n",
            "Reason: x\n",
            "([a], 1, [b], [c])\n",
            "error: build of 'x' on 'ssh",
            "a> \n",
            "warning: ignoring untrusted substituter 'x'\n",
            "error: cannot add path 'x' lacks a signature by a trusted key",
            "unable to download 'x/nix-cache-info': HTTP error 401",
            "é",
        ] {
            let log = parse(&part.repeat((1 << 20) / part.len()), Some(1));
            assert!(
                log.tail.len() <= TAIL && log.refused.len() <= MAX_ITEMS && log.tuples.len() <= MAX_ITEMS
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..1200, i in 0usize..12, exit in proptest::option::of(0i32..2)) {
            let sample = captures()[i].1.clone();
            let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
            parse(&mutated, exit);
            let log = parse(&text, exit);
            prop_assert!(log.outcome == Outcome::Unclear || text.contains("building '"));
        }
    }
}
