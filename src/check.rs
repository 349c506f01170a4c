//! What a check is: one question, one file, one name, one remedy.

use crate::evidence::Evidence;
use crate::evidence::Missing;
use crate::evidence::machines::Place;
use crate::expectations::Expectations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One fault: how it is recognised, what follows from it, and what mends it.
///
/// A static value and not a trait, as all checks have one shape. `id` is also the name of the file, what
/// users cite, and never used again for another fault.
pub struct Check {
    /// The fault's name.
    pub id: &'static str,
    /// What is true when all is well: a sentence without its dot.
    pub title: &'static str,
    /// The station of a build's journey that it belongs to.
    pub layer: Layer,
    /// How bad a failure is; a finding that is milder or graver says so itself.
    pub severity: Severity,
    /// The checks that must pass for this one to be worth asking. Direct needs only.
    pub needs: &'static [&'static Check],
    /// What, if it was done, shows that a failure is a misreading of ours.
    pub disproved_by: Proof,
    /// Why it matters and how it comes about, in a few sentences.
    pub why: &'static str,
    /// What mends it.
    pub remedy: Remedy,
    /// What mends it without anybody typing: the first that has steps for a machine is taken.
    pub fixes: &'static [&'static crate::fix::Fix],
    /// Public reports and sources on which it rests, as `owner/repo#number` or a URL.
    pub references: &'static [&'static str],
    /// Pure: the same evidence, the same verdict. `?` on a fact turns a gap into unknown.
    pub judge: fn(&Evidence, &Expectations) -> Result<Verdict, Missing>,
    /// Tests and documentation at once.
    pub examples: &'static [Example],
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// The stations of a build's journey, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Layer {
    Host,
    Nix,
    Daemon,
    Config,
    Machines,
    Service,
    Ssh,
    Guest,
    Cache,
    Build,
}

impl Layer {
    /// Every layer, in the order in which a build travels.
    pub const ALL: [Layer; 10] = [
        Layer::Host,
        Layer::Nix,
        Layer::Daemon,
        Layer::Config,
        Layer::Machines,
        Layer::Service,
        Layer::Ssh,
        Layer::Guest,
        Layer::Cache,
        Layer::Build,
    ];

    /// As it stands in reports and folders.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Host => "host",
            Layer::Nix => "nix",
            Layer::Daemon => "daemon",
            Layer::Config => "config",
            Layer::Machines => "machines",
            Layer::Service => "service",
            Layer::Ssh => "ssh",
            Layer::Guest => "guest",
            Layer::Cache => "cache",
            Layer::Build => "build",
        }
    }
}

/// How bad a failure is, in words about the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Builds run, and something expected of them does not.
    Warning,
    /// Linux builds do not run.
    Error,
}

impl Severity {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What a check answers. Pass, fail, moot and unknown are never merged.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// All is well; what was seen, such as a version: a fragment.
    Pass(String),
    /// The fault is here.
    Fail(Finding),
    /// The question does not arise here, because of this: a fragment.
    Moot(String),
    /// It could not be told.
    Unknown(Missing),
}

/// All is well.
pub fn pass(seen: impl Into<String>) -> Result<Verdict, Missing> {
    Ok(Verdict::Pass(seen.into()))
}

/// The question does not arise.
pub fn moot(because: impl Into<String>) -> Result<Verdict, Missing> {
    Ok(Verdict::Moot(because.into()))
}

/// The fault is here: what was seen, and what was expected instead. Both are lower-case fragments.
pub fn fail(seen: impl Into<String>, expected: impl Into<String>) -> Finding {
    Finding {
        seen: seen.into(),
        expected: expected.into(),
        place: None,
        words: Vec::new(),
        points_to: &[],
        first: None,
        severity: None,
    }
}

/// A fault, as seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was seen: a fragment that reads after "because".
    pub seen: String,
    /// What was expected instead: a fragment.
    pub expected: String,
    /// Where, if a file is to blame.
    pub place: Option<Place>,
    /// What the remedy's commands call by these names.
    pub words: Vec<(&'static str, String)>,
    /// Checks that what was seen points to, besides those that the check needs: if one of them failed, it is
    /// to blame.
    pub points_to: &'static [&'static Check],
    /// A command that tells more, to be run before the remedy's.
    pub first: Option<&'static str>,
    /// How bad this case is, where it is not as bad as, or worse than, the check's usual one.
    pub severity: Option<Severity>,
}

impl Finding {
    /// A file is to blame, here.
    pub fn at(mut self, place: Option<&Place>) -> Self {
        self.place = place.cloned();
        self
    }
    /// `{name}` in the remedy's commands stands for this.
    pub fn word(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.words.push((name, value.into()));
        self
    }
    /// What was seen points to these checks: if one of them failed, it is to blame.
    pub fn pointing_to(mut self, checks: &'static [&'static Check]) -> Self {
        self.points_to = checks;
        self
    }
    /// This command tells more, before anything is mended.
    pub fn first_run(mut self, command: &'static str) -> Self {
        self.first = Some(command);
        self
    }
    /// This case is not as bad as, or worse than, the check's usual one.
    pub fn as_bad_as(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
    /// As a judge's answer.
    pub fn verdict(self) -> Result<Verdict, Missing> {
        Ok(Verdict::Fail(self))
    }
}

/// What was really done, and so outranks what was inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing disproves it: the fault can be there while builds run.
    Nothing,
    /// A test build that ran on any remote machine.
    ABuild,
    /// A test build that ran on the builder itself.
    ABuildThere,
    /// Test builds for every expected system and feature that ran on a remote builder.
    EveryBuild,
}

impl Proof {
    /// The proof in words, if it was given.
    pub fn given(self, e: &Evidence, want: &Expectations) -> Option<String> {
        let builds = e.builds().ok()?;
        match self {
            Proof::Nothing => None,
            Proof::ABuild | Proof::ABuildThere => builds
                .iter()
                .filter(|build| build.ran_on_a_builder())
                .find(|build| {
                    self == Proof::ABuild
                        || e.builder(want).ok().flatten().is_some_and(|it| it.is_at(build.machine()))
                })
                .map(|build| format!("a test build for {} ran on {}", build.what(), build.machine())),
            Proof::EveryBuild => {
                let ran = |system: &String, feature: Option<&String>| {
                    builds
                        .iter()
                        .any(|b| b.ran_on_a_builder() && &b.system == system && b.feature.as_ref() == feature)
                };
                let systems = want.builder.systems.iter().all(|system| ran(system, None));
                let features = want
                    .builder
                    .features
                    .iter()
                    .all(|feature| want.builder.systems.iter().take(1).all(|s| ran(s, Some(feature))));
                (systems && features && !want.builder.systems.is_empty()).then(|| {
                    "test builds for every expected system and feature ran on the builder".to_owned()
                })
            }
        }
    }
}

/// What mends a fault, by who manages the files that it is about.
pub struct Remedy {
    /// Where nix-darwin does.
    pub nix_darwin: Option<Advice>,
    /// Where Determinate's Nix does.
    pub determinate: Option<Advice>,
    /// Where nobody does, and for whoever has no advice of their own.
    pub otherwise: Advice,
}

impl Remedy {
    /// One piece of advice for everybody.
    pub const fn same(advice: Advice) -> Self {
        Remedy { nix_darwin: None, determinate: None, otherwise: advice }
    }

    /// The advice for this manager.
    pub fn by(&self, manager: Manager) -> &Advice {
        let own = match manager {
            Manager::NixDarwin => &self.nix_darwin,
            Manager::Determinate => &self.determinate,
            Manager::Nobody => &None,
        };
        own.as_ref().unwrap_or(&self.otherwise)
    }

    /// Every piece of advice, with whom it is for.
    pub fn all(&self) -> impl Iterator<Item = (Manager, &Advice)> {
        let own = [(Manager::NixDarwin, &self.nix_darwin), (Manager::Determinate, &self.determinate)];
        own.into_iter()
            .filter_map(|(who, advice)| Some((who, advice.as_ref()?)))
            .chain([(Manager::Nobody, &self.otherwise)])
    }
}

/// Who manages /etc/nix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// nix-darwin: options, then `darwin-rebuild switch`.
    NixDarwin,
    /// Determinate's Nix: /etc/nix/nix.custom.conf.
    Determinate,
    /// Nobody: the files are the user's own.
    Nobody,
}

/// Commands, and what cannot be said as a command.
pub struct Advice {
    /// Each can be typed alone on its line. `{host}`, `{key}` and the like stand for what was found.
    pub commands: &'static [&'static str],
    /// What a user may rely on when running them.
    pub safety: Safety,
    /// What to write into a file before the commands: a sentence that names the file, then indented lines.
    pub edit: &'static str,
    /// What else to know, in sentences or indented lines. May hold the same `{words}`.
    pub note: &'static str,
}

impl Advice {
    /// Commands that can be run by anybody at any time.
    pub const fn safe(commands: &'static [&'static str], note: &'static str) -> Self {
        Advice { commands, safety: Safety::Safe, edit: "", note }
    }
    /// Commands that interrupt running builds or drop what can be rebuilt.
    pub const fn disruptive(commands: &'static [&'static str], note: &'static str) -> Self {
        Advice { commands, safety: Safety::Disruptive, edit: "", note }
    }
    /// What only the user can decide or do.
    pub const fn manual(commands: &'static [&'static str], note: &'static str) -> Self {
        Advice { commands, safety: Safety::Manual, edit: "", note }
    }
    /// Something is to be written into a file first.
    pub const fn after_edit(self, edit: &'static str) -> Self {
        Advice { edit, ..self }
    }
}

/// What a user may rely on when following a piece of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Can be repeated and taken back; loses nothing.
    Safe,
    /// Interrupts running builds, or drops the VM's store, which is rebuilt.
    Disruptive,
    /// Changes the user's configuration, or is the user's to decide.
    Manual,
}

impl Safety {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Safety::Safe => "safe",
            Safety::Disruptive => "disruptive",
            Safety::Manual => "manual",
        }
    }
}

/// A counterfactual: the healthy machine with one thing changed.
pub struct Example {
    /// What was changed.
    pub name: &'static str,
    /// Changes it.
    pub given: fn(&mut Evidence),
    /// What the check answers then.
    pub expect: Expect,
}

/// What an example expects of its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Expect {
    Pass,
    Fail,
    Moot,
    Unknown,
}

impl Expect {
    /// Whether this verdict is the expected one.
    pub fn met(self, verdict: &Verdict) -> bool {
        matches!(
            (self, verdict),
            (Expect::Pass, Verdict::Pass(_))
                | (Expect::Fail, Verdict::Fail(_))
                | (Expect::Moot, Verdict::Moot(_))
                | (Expect::Unknown, Verdict::Unknown(_))
        )
    }
}
