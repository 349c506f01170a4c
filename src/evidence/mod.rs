//! What was seen of a machine: facts, each with where it came from and through whose eyes, or why there is
//! none. Gathering cannot fail; a probe that fails is evidence.
//!
//! Facts are a whitelist: access tokens, netrc, the environment as a whole and private keys are never read.
//! One file a source: the fact's type and its probe, which is short and only asks; what is to be understood
//! of the answer stands in `parse`.

pub mod build_users;
pub mod builder_log;
pub mod builds;
pub mod caches;
pub mod conf_files;
pub mod crash_report;
pub mod custom_conf;
pub mod derivation;
pub mod file_times;
pub mod fixes;
pub mod flavour;
pub mod guest;
pub mod healthy;
pub mod key_files;
pub mod key_pair;
pub mod left_over_daemon;
pub mod machines;
pub mod managers;
pub mod network;
pub mod nix;
pub mod nix_config;
pub mod nix_daemon;
pub mod nix_volume;
pub mod nixpkgs;
pub mod origin;
pub mod platform;
pub mod port;
pub mod processes;
pub mod root_host;
pub mod root_view;
pub mod roots;
pub mod service;
pub mod setup;
pub mod shell_hooks;
pub mod ssh;
pub mod state_folder;
pub mod stopped;
pub mod taken;
pub mod user_env;
pub mod vm_program;

use crate::expectations::Expectations;
use crate::host::{Cancel, Host, HostError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// One fact, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Probe_of_{T}")]
pub enum Probe<T> {
    /// It was seen.
    Seen {
        /// The fact.
        #[schemars(extend("x-kind" = "text"))]
        fact: T,
        /// What was asked: a command or a path.
        #[schemars(extend("x-kind" = "text"))]
        from: String,
        /// Through whose eyes: the daemon dials as root, so what a user cannot do proves nothing.
        as_whom: Whom,
    },
    /// It was looked for, and not seen.
    Blind {
        /// Why: a fragment that reads after "because".
        #[schemars(extend("x-kind" = "text"))]
        because: String,
        /// What was printed, where it could not be read; never where it could hold a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("x-kind" = "text"))]
        raw: Option<String>,
    },
    /// Nobody looked, by choice or as there is no such thing here.
    NotTaken {
        /// Why: a fragment.
        #[schemars(extend("x-kind" = "text"))]
        because: String,
    },
}

impl<T> Default for Probe<T> {
    /// As in a report that was written before anybody asked for the fact.
    fn default() -> Self {
        Probe::not_taken(NOT_HELD)
    }
}

impl<T> Probe<T> {
    /// Looked for, and not seen, because of this.
    pub fn blind(because: impl Into<String>) -> Self {
        Probe::Blind { because: because.into(), raw: None }
    }
    /// Nobody looked, because of this.
    pub fn not_taken(because: impl Into<String>) -> Self {
        Probe::NotTaken { because: because.into() }
    }
    /// Seen by asking this, as the user who runs the doctor.
    pub fn seen(fact: T, from: impl Into<String>) -> Self {
        Probe::Seen { fact, from: from.into(), as_whom: Whom::User }
    }
    /// As it stands in a saved report, which may be another version's.
    fn of_saved<'a>(saved: Option<&'a RawValue>) -> Self
    where
        T: Deserialize<'a>,
    {
        let Some(saved) = saved else { return Probe::default() };
        serde_json::from_str(saved.get()).unwrap_or_else(|error| {
            let error = error.to_string();
            // Lines are counted from where the fact begins, which tells nobody anything.
            let error = error.rsplit_once(" at line ").map_or(error.as_str(), |(what, _)| what);
            Probe::blind(crate::prose::line(&format!("this version cannot read it in the report: {error}")))
        })
    }
    /// How it went: `seen`, `blind` or `not-taken`.
    pub fn state(&self) -> &'static str {
        match self {
            Probe::Seen { .. } => "seen",
            Probe::Blind { .. } => "blind",
            Probe::NotTaken { .. } => "not-taken",
        }
    }
    /// The fact, or why there is none.
    pub fn get(&self) -> Result<&T, Missing> {
        match self {
            Probe::Seen { fact, .. } => Ok(fact),
            Probe::Blind { because, .. } => Err(Missing { because: because.clone(), by_choice: false }),
            Probe::NotTaken { because } => Err(Missing { because: because.clone(), by_choice: true }),
        }
    }
}

impl<T> From<HostError> for Probe<T> {
    fn from(error: HostError) -> Self {
        Probe::blind(error.to_string())
    }
}

/// Why there is no fact in a report that was written before anybody asked for it.
pub(crate) const NOT_HELD: &str = "the report does not hold it";

/// Through whose eyes a fact was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// Whoever runs the doctor.
    User,
    /// Root, as whom the daemon runs.
    Root,
    /// The Nix daemon itself.
    Daemon,
    /// The VM.
    Guest,
}

impl Missing {
    /// Nobody wanted to know, when the machine was looked at.
    pub fn is_unwanted(&self) -> bool {
        self.by_choice && self.because != NOT_HELD
    }
}

/// Why a question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A fragment that reads after "because".
    pub because: String,
    /// Nobody wanted to know (`--quick`, no `--sudo`): not a gap to complain of.
    pub by_choice: bool,
}

impl Missing {
    /// It cannot be told, because of this.
    pub fn new(because: impl Into<String>) -> Self {
        Missing { because: because.into(), by_choice: false }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.because)
    }
}

/// Which evidence to take.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// No builds, for this reason.
    pub no_builds: Option<String>,
    /// No network beyond this machine and its builder, for this reason.
    pub offline: Option<String>,
    /// Build the expectations' installable as well.
    pub deep: bool,
    /// How root may look.
    pub root: RootAccess,
    /// Only these facts, by their names; empty for all.
    pub only: &'static [&'static str],
    /// What is known of the others, for the probes that rest on them.
    pub known: Option<Arc<Evidence>>,
}

impl Wanted {
    /// These facts and no others: a probe that waits for another one finds it not taken.
    pub fn only(facts: &'static [&'static str]) -> Self {
        Wanted { only: facts, ..Wanted::default() }
    }

    fn takes(&self, fact: &str) -> bool {
        self.only.is_empty() || self.only.contains(&fact)
    }
}

/// How root may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootAccess {
    /// Not at all.
    #[default]
    No,
    /// By one call of sudo, which must not ask.
    Sudo,
    /// We are root.
    Already,
}

/// What a probe may use: the machine, what is wanted, and other facts, for which it waits.
pub struct Look<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// What is expected of it.
    pub want: &'a Expectations,
    /// Which evidence to take.
    pub wanted: &'a Wanted,
    /// Ends the test builds when another fact shows that they cannot end.
    pub hopeless: &'a Arc<Cancel>,
    slots: &'a Slots,
    progress: &'a Progress<'a>,
    name: &'static str,
    began: Duration,
    waits: &'a Mutex<Vec<Waited>>,
}

impl Look<'_> {
    fn wait<'s, T>(&self, slot: &'s OnceLock<Probe<T>>, fact: &str) -> &'s Probe<T> {
        if let Some(found) = slot.get() {
            return found;
        }
        let from = self.host.clock();
        self.progress.set(self.name, Stage::Waiting);
        let found = slot.wait();
        self.progress.set(self.name, Stage::Running(self.host.clock()));
        if let Ok(mut waits) = self.waits.lock() {
            let (from_ms, ms) = (millis(self.began, from), millis(from, self.host.clock()));
            waits.push(Waited { fact: fact.to_owned(), from_ms, ms });
        }
        found
    }
}

/// Whole milliseconds between two readings of the host's clock.
fn millis(from: Duration, to: Duration) -> u64 {
    u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX)
}

/// What is part of macOS alone is not looked for elsewhere.
fn only_on_a_mac<T>(look: &Look) -> Option<Probe<T>> {
    match look.platform() {
        Probe::Seen { fact, .. } if !fact.is_mac() => {
            Some(Probe::not_taken(format!("it is part of macOS, and this is {}", fact.kernel)))
        }
        Probe::Seen { .. } => None,
        Probe::Blind { .. } | Probe::NotTaken { .. } => {
            Some(Probe::blind("it is not known what system this is"))
        }
    }
}

/// How far gathering is; for whoever shows progress.
#[derive(Default)]
pub struct Progress<'a> {
    stages: Mutex<Vec<(&'static str, Stage)>>,
    told: Option<Told<'a>>,
}

/// Hears of each fact when it is in: its name, how it went, and how many milliseconds it took.
pub type Told<'a> = &'a (dyn Fn(&'static str, &'static str, u64) + Sync);

#[derive(Clone, Copy, Debug)]
enum Stage {
    Waiting,
    Running(Duration),
    Done,
}

impl<'a> Progress<'a> {
    /// For somebody who wants to hear of each fact as it comes in.
    pub fn telling(told: Option<Told<'a>>) -> Self {
        Progress { told, ..Progress::default() }
    }

    fn set(&self, name: &'static str, stage: Stage) {
        if let Ok(mut all) = self.stages.lock() {
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some(entry) => entry.1 = stage,
                None => all.push((name, stage)),
            }
        }
    }

    /// How many facts are in, and of how many.
    pub fn done(&self) -> (usize, usize) {
        let all = self.stages.lock().map(|all| all.clone()).unwrap_or_default();
        (all.iter().filter(|(_, stage)| matches!(stage, Stage::Done)).count(), FACTS.len())
    }

    /// The probe that has been running longest, and since when by the host's clock.
    pub fn slowest(&self) -> Option<(&'static str, Duration)> {
        let all = self.stages.lock().map(|all| all.clone()).unwrap_or_default();
        all.into_iter()
            .filter_map(|(name, stage)| match stage {
                Stage::Running(since) => Some((name, since)),
                _ => None,
            })
            .min_by_key(|(_, since)| *since)
    }
}

/// How long a probe took, without what it waited for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// The fact.
    #[schemars(extend("x-kind" = "text"))]
    pub fact: String,
    /// Milliseconds.
    pub ms: u64,
    /// The other facts that it waited for, in that order; those that were in already are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Waited>,
}

/// A wait of one probe for another one's fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waited {
    /// The fact that was not in yet.
    #[schemars(extend("x-kind" = "text"))]
    pub fact: String,
    /// When the wait began: milliseconds since the first probe did.
    pub from_ms: u64,
    /// How long it was: milliseconds.
    pub ms: u64,
}

/// Declares the facts: the struct, one accessor each, and `gather`, which probes all of them at once. A
/// probe that needs another fact asks its [`Look`] for it and waits; the compiler sees that every fact has
/// a probe, a test that they do not wait in a circle.
macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $probe:path;)+) => {
        /// Everything that was seen of a machine.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct Evidence { $($(#[doc = $doc])+ pub $name: Probe<$type>,)+ }

        impl Evidence { $($(#[doc = $doc])+
            pub fn $name(&self) -> Result<&$type, Missing> { self.$name.get() })+

            /// Each fact's name, and how it went.
            pub fn states(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name.state()),)+]
            }
            /// Takes the fact of this name over from other evidence.
            pub fn adopt(&mut self, name: &str, other: &Evidence) {
                match name { $(stringify!($name) => self.$name = other.$name.clone(),)+ _ => {} }
            }
            /// The facts of a saved report, each read by itself: what is not held was not taken, what cannot be
            /// read is blind, what is not known is passed over.
            pub fn of_saved(facts: &BTreeMap<String, &RawValue>) -> Self {
                Evidence { $($name: Probe::of_saved(facts.get(stringify!($name)).copied()),)+ }
            }
        }

        /// The names of all facts.
        pub const FACTS: &[&str] = &[$(stringify!($name)),+];

        #[derive(Default)]
        struct Slots { $($name: OnceLock<Probe<$type>>,)+ }

        impl Look<'_> { $($(#[doc = $doc])+
            pub fn $name(&self) -> &Probe<$type> { self.wait(&self.slots.$name, stringify!($name)) })+ }

        /// Takes all evidence, every probe in a thread of its own. Cannot fail.
        pub fn gather(host: &dyn Host, want: &Expectations, wanted: &Wanted, progress: &Progress)
            -> (Evidence, Vec<Timing>)
        {
            let slots = Slots::default();
            let hopeless = Arc::new(Cancel::default());
            let timings = Mutex::new(Vec::new());
            let began = host.clock();
            std::thread::scope(|scope| {
                $(scope.spawn(|| {
                    let name = stringify!($name);
                    let waits = Mutex::new(Vec::new());
                    let look = Look { host, want, wanted, hopeless: &hopeless, slots: &slots, progress,
                        name, began, waits: &waits };
                    progress.set(name, Stage::Running(began));
                    // A fault of ours in one probe must not cost the others, nor leave who waits waiting.
                    let taken = || catch_unwind(AssertUnwindSafe(|| $probe(&look)))
                        .unwrap_or_else(|_| Probe::blind("the probe itself failed, which is a fault of this program"));
                    let known = || wanted.known.as_ref().map(|known| known.$name.clone());
                    let found = match wanted.takes(name) {
                        true => taken(),
                        false => known().unwrap_or_else(|| Probe::not_taken("nobody asked for it")),
                    };
                    let state = found.state();
                    let _ = slots.$name.set(found);
                    progress.set(name, Stage::Done);
                    let waits = waits.into_inner().unwrap_or_default();
                    let waited = waits.iter().map(|wait| wait.ms).fold(0, u64::saturating_add);
                    let ms = millis(began, host.clock()).saturating_sub(waited);
                    if let Some(told) = progress.told {
                        told(name, state, ms);
                    }
                    if let Ok(mut all) = timings.lock() {
                        all.push(Timing { fact: name.to_owned(), ms, waits });
                    }
                });)+
            });
            let mut timings = timings.into_inner().unwrap_or_default();
            timings.sort_by_key(|timing| FACTS.iter().position(|fact| *fact == timing.fact));
            (Evidence { $($name: slots.$name.into_inner().unwrap_or_default(),)+ }, timings)
        }
    };
}

facts! {
    /// When and how the evidence was taken.
    taken: taken::Taken = taken::probe;
    /// What machine this is.
    platform: platform::Platform = platform::probe;
    /// Who runs the doctor.
    user: platform::User = platform::probe_user;
    /// Who manages /etc/nix.
    managers: managers::Managers = managers::probe;
    /// What stands at the root of a Mac for Nix, and what macOS is told to put there.
    roots: roots::Roots = roots::probe;
    /// The volume that is mounted at /nix; asked for only where there is no Nix.
    nix_volume: nix_volume::NixVolume = nix_volume::probe;
    /// The users as whom the daemon builds on this Mac itself.
    build_users: build_users::BuildUsers = build_users::probe;
    /// Whether the shells' files lead to Nix; asked for only where PATH does not.
    shell_hooks: shell_hooks::ShellHooks = shell_hooks::probe;
    /// What upstream's Nix left of its daemon on a Mac with Determinate's.
    left_over_daemon: left_over_daemon::LeftOver = left_over_daemon::probe;
    /// /etc/nix/nix.custom.conf in nix-darwin's eyes.
    custom_conf: custom_conf::CustomConf = custom_conf::probe;
    /// Which nixpkgs the system is made of, and which one the next is.
    nixpkgs: nixpkgs::Nixpkgs = nixpkgs::probe;
    /// The Nix that would be run, and the others.
    nix: nix::Nix = nix::probe;
    /// The daemon behind the local socket.
    nix_daemon: nix_daemon::NixDaemon = nix_daemon::probe;
    /// What `nix config show` says, whitelisted.
    nix_config: nix_config::ConfigView = nix_config::probe;
    /// Which file and line sets what, whitelisted.
    conf_files: Vec<crate::parse::conf_files::ConfFile> = conf_files::probe;
    /// What the caller's environment says to Nix, whitelisted.
    user_env: user_env::UserEnv = user_env::probe;
    /// When the files that the daemon read last changed.
    conf_changes: Vec<conf_files::Change> = conf_files::probe_changes;
    /// When the files that a build depends on were last written.
    file_times: Vec<file_times::FileTime> = file_times::probe;
    /// What `builder-doctor fix` did to this machine.
    fixes: fixes::Fixes = fixes::probe;
    /// What a set-up would meet; asked before one only.
    setup: setup::Setup = setup::probe;
    /// The machines that `builders` names.
    machines: crate::parse::machines::Machines = machines::probe;
    /// What stands at /etc/nix/machines, and whose it is.
    machines_file: machines::MachinesFile = machines::probe_file;
    /// Which of these jobs launchd is told never to start: the daemon and the builders.
    disabled_jobs: std::collections::BTreeMap<String, bool> = service::probe_disabled;
    /// The launchd jobs of builders that are installed.
    builder_jobs: Vec<flavour::BuilderJob> = flavour::probe;
    /// The launchd job of the builder.
    builder_job: service::Service = service::probe_builder;
    /// Whether somebody stopped the builder on purpose.
    stopped: stopped::Stopped = stopped::probe;
    /// The scripts that the builder's job runs, and what they say of the VM.
    vm_program: vm_program::VmProgram = vm_program::probe;
    /// macOS's reports of QEMU's crashes.
    crash_reports: crash_report::CrashReports = crash_report::probe;
    /// The end of the builder's own log.
    builder_log: builder_log::BuilderLog = builder_log::probe;
    /// The launchd job of the Nix daemon.
    daemon_job: service::Service = service::probe_daemon;
    /// What ssh would do for each machine's host, by the system's and the user's files.
    ssh: Vec<ssh::SshHost> = ssh::probe;
    /// Owner and mode of the system's files of ssh settings.
    ssh_files: Vec<ssh::SshFile> = ssh::probe_files;
    /// How `localhost` resolves.
    localhost: ssh::Localhost = ssh::probe_localhost;
    /// Owner and mode of each key file; never what is in it.
    key_files: Vec<key_files::KeyFile> = key_files::probe;
    /// Whose the folder of Nix's database is.
    state_folder: state_folder::StateFolder = state_folder::probe;
    /// The builder's key pair where it is kept; never the private half.
    key_pair: key_pair::KeyPair = key_pair::probe;
    /// The host key that each machine shows.
    host_keys: Vec<port::HostKeyView> = port::probe_host_keys;
    /// What answers where each machine's sshd should.
    ports: Vec<port::PortView> = port::probe;
    /// The binary caches, and the certificates by which Nix trusts them.
    caches: caches::Caches = caches::probe;
    /// The ways to the caches: addresses that answer, and proxies.
    network: network::Network = network::probe;
    /// What only root can see: the Mac's side, the login as the daemon makes it, and the VM from inside.
    root_view: root_view::RootView = root_view::probe;
    /// The test builds.
    builds: Vec<builds::BuildRun> = builds::probe;
    /// What runs of remote builds and VMs, where a test build did not end.
    processes: processes::Processes = processes::probe;
    /// The builds of the expectations' installable.
    installable_builds: Vec<builds::BuildRun> = builds::probe_installable;
}

#[cfg(test)]
pub(crate) mod tests;
