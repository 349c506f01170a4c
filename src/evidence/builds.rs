//! The test builds: derivations that no cache can have, so that they really run on the builder or not at all.
//!
//! Each name holds a nonce; the builder is `/bin/sh`, which every Linux Nix provides in its sandbox; there
//! are no inputs. So neither nixpkgs nor the network is needed, and only the builder can make them.

use super::nix_config::ConfigView;
use super::{Evidence, Look, Missing, Probe};
use crate::host::{Command, HostError, Output, Stopped};
use crate::parse::build_log::{self, BuildLog, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One build, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildRun {
    /// The system that it was for.
    #[schemars(extend("x-kind" = "public"))]
    pub system: String,
    /// The system feature that it demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub feature: Option<String>,
    /// What was built, if it was not our own derivation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub installable: Option<String>,
    /// No machine was asked: one of `external-builders`, a program on this Mac, was given it.
    #[serde(default)]
    pub external: bool,
    /// How `nix build` ended.
    pub ended: Ended,
    /// What its log says.
    pub log: BuildLog,
}

/// How `nix build` ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Stopped after so many seconds.
    Deadline(u64),
    /// Stopped, as something else showed that it could not end.
    #[schemars(extend("x-kind" = "text"))]
    Cancelled(String),
    /// It was not started, or ended in another way.
    #[schemars(extend("x-kind" = "text"))]
    Other(String),
}

impl BuildRun {
    /// It ran on a builder, to the end: on a remote machine, or in what `external-builders` names.
    pub fn ran_on_a_builder(&self) -> bool {
        let there = match self.log.outcome {
            Outcome::BuiltRemotely => true,
            Outcome::BuiltLocally => self.external,
            _ => false,
        };
        there && self.ended == Ended::Code(0)
    }

    /// Such as "aarch64-linux with nixos-test".
    pub fn what(&self) -> String {
        match &self.feature {
            Some(feature) => format!("{} with {feature}", self.system),
            None => self.system.clone(),
        }
    }

    /// The machine that took it.
    pub fn machine(&self) -> &str {
        if self.external {
            return "an external builder";
        }
        self.log.dispatched_to.as_deref().unwrap_or("no machine")
    }

    /// The last thing that its log says.
    pub fn last_words(&self) -> &str {
        self.log.tail.last().map_or("nothing was printed", String::as_str)
    }
}

impl Evidence {
    /// Whether any test build ran on a builder.
    pub fn any_build_ran(&self) -> bool {
        self.builds().is_ok_and(|all| all.iter().any(BuildRun::ran_on_a_builder))
    }

    /// The test build for a system, without or with a feature.
    pub fn build_of(&self, system: &str, feature: Option<&str>) -> Result<&BuildRun, Missing> {
        self.builds()?
            .iter()
            .find(|build| build.system == system && build.feature.as_deref() == feature)
            .ok_or_else(|| Missing::new(format!("no test build for {system} was made")))
    }

    /// The first test build, without a feature, whose log says this.
    pub fn build_that_says(&self, wanted: impl Fn(&Outcome) -> bool) -> Option<&BuildRun> {
        self.builds().ok()?.iter().find(|build| wanted(&build.log.outcome))
    }
}

/// The derivation of a test build, as a Nix expression.
pub fn expression(system: &str, feature: Option<&str>, nonce: &str) -> String {
    let demand = feature.map(|it| format!("requiredSystemFeatures = [ \"{it}\" ]; ")).unwrap_or_default();
    format!(
        "derivation {{ name = \"builder-doctor-{nonce}\"; system = \"{system}\"; {demand}\
         builder = \"/bin/sh\"; args = [ \"-c\" \"echo ok > $out\" ]; }}"
    )
}

pub(super) fn probe(look: &Look) -> Probe<Vec<BuildRun>> {
    if let Some(why) = &look.wanted.no_builds {
        return Probe::not_taken(why.clone());
    }
    let nonce = look.host.nonce();
    let builder = &look.want.builder;
    let plain = look.want.all_systems().map(|system| (system, None));
    let special = builder
        .systems
        .first()
        .into_iter()
        .flat_map(|system| builder.features.iter().map(move |feature| (system, Some(feature))));
    let jobs: Vec<_> = plain
        .chain(special)
        .enumerate()
        .map(|(i, (system, feature))| {
            let expression = expression(system, feature.map(String::as_str), &format!("{nonce}-{i}"));
            let job = BuildRun {
                system: system.clone(),
                feature: feature.cloned(),
                installable: None,
                external: false,
                ended: Ended::Other("not started".to_owned()),
                log: BuildLog::default(),
            };
            // A cache cannot have it, and one that hangs must not hold it up.
            (
                job,
                vec![
                    "--option".to_owned(),
                    "substitute".to_owned(),
                    "false".to_owned(),
                    "--expr".to_owned(),
                    expression,
                ],
            )
        })
        .collect();
    side_by_side(look, jobs, "nix build --max-jobs 0 --expr 'derivation { … }'")
}

pub(super) fn probe_installable(look: &Look) -> Probe<Vec<BuildRun>> {
    let unwanted = if look.wanted.deep { None } else { Some("only --deep builds it".to_owned()) };
    let why = look.wanted.no_builds.clone().or_else(|| look.wanted.offline.clone()).or(unwanted);
    if let Some(why) = why {
        return Probe::not_taken(why);
    }
    let jobs = look
        .want
        .all_systems()
        .map(|system| {
            let installable = for_system(&look.want.test_build.installable, system);
            let job = BuildRun {
                system: system.clone(),
                feature: None,
                installable: Some(installable.clone()),
                external: false,
                ended: Ended::Other("not started".to_owned()),
                log: BuildLog::default(),
            };
            (job, vec!["--".to_owned(), installable])
        })
        .collect();
    side_by_side(look, jobs, "nix build --max-jobs 0")
}

/// `nixpkgs#hello` names the Mac's own package; the same for another system, without `--system`, which is
/// refused to users who are not trusted.
fn for_system(installable: &str, system: &str) -> String {
    if installable.contains("{system}") {
        return installable.replace("{system}", system);
    }
    match installable.split_once('#') {
        Some(("nixpkgs", attribute)) => format!("nixpkgs#legacyPackages.{system}.{attribute}"),
        Some((flake, attribute)) => format!("{flake}#packages.{system}.{attribute}"),
        None => installable.to_owned(),
    }
}

fn side_by_side(look: &Look, jobs: Vec<(BuildRun, Vec<String>)>, shown: &str) -> Probe<Vec<BuildRun>> {
    let args = ["build", "--no-link", "--print-build-logs"];
    let Some(mut base) = super::nix::command(look.host, &args) else {
        return Probe::blind("there is no Nix to build with");
    };
    if look.wanted.root == super::RootAccess::Already {
        // Root's own Nix would open the store by itself, and dial with root's settings instead of the daemon's.
        base = base.env("NIX_REMOTE", "daemon");
    }
    let base = base.within(look.want.build_deadline()).until(look.hopeless);
    if look.wanted.root != super::RootAccess::No {
        // Builds that cannot log in have the sshd shut out whoever comes next: root's one login says more, and goes first.
        look.root_view();
    }
    let runs = std::thread::scope(|scope| {
        let base = &base;
        let started: Vec<_> = jobs
            .into_iter()
            .map(|(job, args)| scope.spawn(move || on_a_builder(look, job, base, &args)))
            .collect();
        started.into_iter().filter_map(|it| it.join().ok()).collect()
    });
    Probe::seen(runs, shown)
}

/// Without a local slot a build runs on a remote machine or nowhere. Where no machine was read and
/// `external-builders` takes the system (Determinate's native Linux builder), it gets the slot that these need.
fn on_a_builder(look: &Look, job: BuildRun, base: &Command, args: &[String]) -> BuildRun {
    let command = |slots: &str| base.clone().args(["--max-jobs", slots]).args(args.iter().cloned());
    let done = carry_out(look, job.clone(), command("0"));
    let unseen = matches!(done.log.outcome, Outcome::NoMachinesSeen | Outcome::NoJobSlot);
    let external = || match look.nix_config().get() {
        Ok(ConfigView::Read(config)) => config.external_systems().contains(&job.system),
        _ => false,
    };
    if unseen && external() {
        carry_out(look, BuildRun { external: true, ..job }, command("1"))
    } else {
        done
    }
}

fn carry_out(look: &Look, mut job: BuildRun, command: Command) -> BuildRun {
    match look.host.run(&command) {
        Ok(output) => {
            job.log = build_log::parse(&output.stderr, output.code);
            job.ended = ended(output);
        }
        Err(HostError::NotFound) => job.ended = Ended::Other("there is no Nix to build with".to_owned()),
        Err(error) => job.ended = Ended::Other(error.to_string()),
    }
    job
}

fn ended(output: Output) -> Ended {
    match (output.stopped, output.code, output.signal) {
        (Some(Stopped::Deadline(after)), ..) => Ended::Deadline(after.as_secs()),
        (Some(Stopped::Cancelled(why)), ..) => Ended::Cancelled(why),
        (Some(Stopped::Abandoned(why)), ..) => Ended::Other(why),
        (Some(Stopped::TooMuch), ..) => Ended::Other("it printed more than 1 MiB and was stopped".to_owned()),
        (None, Some(code), _) => Ended::Code(code),
        (None, None, Some(signal)) => Ended::Signal(signal),
        (None, None, None) => Ended::Other("it ended in an unknown way".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installable_is_named_for_the_builders_system() {
        assert_eq!(
            for_system("nixpkgs#hello", "aarch64-linux"),
            "nixpkgs#legacyPackages.aarch64-linux.hello"
        );
        assert_eq!(for_system(".#tool", "x86_64-linux"), ".#packages.x86_64-linux.tool");
        assert_eq!(for_system(".#checks.{system}.a", "x86_64-linux"), ".#checks.x86_64-linux.a");
    }

    #[test]
    fn a_feature_is_demanded_in_the_derivation() {
        let plain = expression("aarch64-linux", None, "n");
        assert!(!plain.contains("requiredSystemFeatures"), "{plain}");
        let special = expression("aarch64-linux", Some("nixos-test"), "n");
        assert!(special.contains("requiredSystemFeatures = [ \"nixos-test\" ];"), "{special}");
    }
}
