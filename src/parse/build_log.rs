//! The stderr of `nix build -L -v` for one probe, in the three wordings that Nix has had (catalogue 0.1).

use super::store_info::SshWords;
use serde::{Deserialize, Serialize};

/// One machine as the build hook read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuple {
    /// Systems.
    #[serde(default)]
    pub systems: Vec<String>,
    /// Slots.
    pub max_jobs: u64,
    /// Features it has.
    #[serde(default)]
    pub supported: Vec<String>,
    /// Features a build must ask for.
    #[serde(default)]
    pub mandatory: Vec<String>,
}

/// What the build asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// `aarch64-linux`.
    pub system: String,
    /// `nixos-test`, …
    #[serde(default)]
    pub features: Vec<String>,
}

/// A machine that the hook could not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `ssh-ng://builder@linux-builder`.
    pub uri: String,
    /// Nix's words after `error: `, scrubbed.
    pub why: String,
    /// What they mean; `NoReason` over `ssh-ng`.
    pub words: SshWords,
}

/// What came of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    BadMachineSpec(String),
    /// It ran on the machine and failed there: why.
    FailedInGuest(String),
    /// It ran here and failed: why.
    FailedLocally(String),
    /// The machine has no room.
    DiskFull,
    /// The machine took it, and cannot run it.
    PlatformMismatchInGuest {
        /// The machine's own system.
        current: String,
    },
    /// `unable to start any build`
    NoJobSlot,
    /// No Nix daemon answers.
    DaemonUnreachable,
    /// The daemon does not take this user.
    NotAllowed,
    /// The expression has no derivation: why.
    EvaluationFailed(String),
    /// GitHub says no more for now.
    RateLimited,
    /// A cache could not be used: why.
    CacheTrouble(String),
    /// None of these can be told, a run cut short included.
    #[default]
    Unclear,
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildLog {
    /// The machine of the last line that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_to: Option<String>,
    /// The cache of the last copied path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substituted_from: Option<String>,
    /// What came of it.
    #[serde(default)]
    pub outcome: Outcome,
    /// Nix's `Reason:` lines, each once, in order.
    #[serde(default)]
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
    pub ignored_settings: Vec<String>,
    /// Whether the build said that it waits for a free slot.
    #[serde(default)]
    pub waited: bool,
    /// The last 20 lines, scrubbed, without control characters, each cut at 500.
    #[serde(default)]
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
        } else if let Some(name) = ignored_setting(line) {
            let name = cut(name, 100);
            if self.ignored_settings.len() < MAX_ITEMS && !self.ignored_settings.contains(&name) {
                self.ignored_settings.push(name);
            }
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
            _ => self.rate_limited.then_some(Outcome::RateLimited),
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
    let told = line.starts_with("error:") || line.starts_with("warning: error:");
    told && line.contains("unable to download '") && !line.contains("github.com") && {
        let cache = [".narinfo'", "/nix-cache-info'", "/nar/"];
        cache.iter().any(|c| line.contains(c))
    }
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

    #[test]
    fn great_logs_stay_quick() {
        for part in [
            "cannot build on 'a': error: x\n",
            "Reason: x\n",
            "([a], 1, [b], [c])\n",
            "error: build of 'x' on 'ssh",
            "a> \n",
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
