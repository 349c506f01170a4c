//! What a check needs to find its fault: root's look, the network, a test build. Derived from its examples, by
//! judging each once more without.

use crate::check::{Check, Expect, Verdict};
use crate::evidence::{Evidence, Probe, healthy};
use crate::expectations::Expectations;

/// What a run can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Root's look: `--sudo`.
    Root,
    /// The binary caches and whatever lies on the way to them: not with `--offline`.
    Network,
    /// The test builds: not with `--quick`.
    Build,
}

/// How much a check depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It finds its fault without.
    Never,
    /// Some forms of its fault are found by it alone.
    Sometimes,
    /// Its fault cannot be found without.
    Always,
}

impl Means {
    /// All of them.
    pub const ALL: [Means; 3] = [Means::Root, Means::Network, Means::Build];

    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Means::Root => "root",
            Means::Network => "network",
            Means::Build => "build",
        }
    }

    /// The facts of a run without it.
    fn withheld(self, e: &mut Evidence) {
        match self {
            Means::Root => e.root_view = none(),
            Means::Network => {
                e.caches = none();
                e.network = none();
                e.installable_builds = none();
            }
            Means::Build => {
                e.builds = none();
                e.processes = none();
                e.network = none();
                e.installable_builds = none();
            }
        }
    }
}

fn none<T>() -> Probe<T> {
    Probe::not_taken("it is withheld")
}

impl Need {
    /// As it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Need::Never => "never",
            Need::Sometimes => "sometimes",
            Need::Always => "always",
        }
    }
}

/// How much a check depends on each of [`Means::ALL`], on a machine as every example starts from.
pub fn needs(check: &Check, healthy: &Evidence, want: &Expectations) -> [(Means, Need); 3] {
    let ill: Vec<Evidence> = check
        .examples
        .iter()
        .filter(|example| example.expect == Expect::Fail)
        .map(|example| {
            let mut evidence = healthy.clone();
            (example.given)(&mut evidence);
            evidence
        })
        .collect();
    let found = |evidence: &Evidence| matches!((check.judge)(evidence, want), Ok(Verdict::Fail(_)));
    Means::ALL.map(|means| {
        let still = ill.iter().filter(|evidence| {
            let mut without = (*evidence).clone();
            means.withheld(&mut without);
            found(&without)
        });
        let need = match still.count() {
            all if all == ill.len() => Need::Never,
            0 => Need::Always,
            _ => Need::Sometimes,
        };
        (means, need)
    })
}

/// The same, on the healthy machine, by what is built in as expected.
pub fn of(check: &Check) -> [(Means, Need); 3] {
    needs(check, &healthy::evidence(), &Expectations::default())
}

/// Whether only a deep look (`--deep`) finds it: its fault lies in what is built there.
pub fn is_deep(check: &Check) -> bool {
    let healthy = healthy::evidence();
    let found = |example: &&crate::check::Example| {
        let mut evidence = healthy.clone();
        (example.given)(&mut evidence);
        evidence.installable_builds = none();
        matches!((check.judge)(&evidence, &Expectations::default()), Ok(Verdict::Fail(_)))
    };
    !check.examples.iter().filter(|example| example.expect == Expect::Fail).any(|example| found(&example))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;
    use crate::evidence::{FACTS, Progress, RootAccess, Wanted, gather};
    use crate::host::scripted::Scripted;

    /// The facts that a run lacks because of this, by the gathering itself.
    fn lacks(wanted: &Wanted) -> Vec<&'static str> {
        let host = Scripted::default();
        let evidence = gather(&host, &Expectations::default(), wanted, &Progress::default()).0;
        let all = serde_json::to_value(evidence).unwrap();
        let marked = |fact: &&&str| {
            all[**fact].to_string().contains("MARK") || all[**fact].to_string().contains("--sudo")
        };
        FACTS.iter().filter(marked).copied().collect()
    }

    #[test]
    fn what_is_withheld_is_what_a_run_without_it_lacks() {
        let mark = Some("MARK".to_owned());
        let full = Wanted { deep: true, root: RootAccess::Already, ..Wanted::default() };
        let runs = [
            (Means::Root, Wanted { root: RootAccess::No, ..full.clone() }),
            (Means::Network, Wanted { offline: mark.clone(), ..full.clone() }),
            (Means::Build, Wanted { no_builds: mark, ..full }),
        ];
        for (means, wanted) in runs {
            let mut evidence = healthy::evidence();
            means.withheld(&mut evidence);
            let all = serde_json::to_value(evidence).unwrap();
            let withheld: Vec<&str> = FACTS
                .iter()
                .filter(|fact| all[**fact].to_string().contains("it is withheld"))
                .copied()
                .collect();
            assert_eq!(withheld, lacks(&wanted), "{means:?}");
        }
    }

    #[test]
    fn each_means_is_needed_by_somebody_and_not_by_all() {
        let need = |id: &str, means| {
            let all = of(checks::find(id).unwrap());
            all.into_iter().find(|(it, _)| *it == means).unwrap().1
        };
        assert_eq!(need("store-untrusted-by-guest", Means::Root), Need::Always);
        assert_eq!(need("vm-disk-full", Means::Root), Need::Sometimes);
        assert_eq!(need("cache-unreachable", Means::Network), Need::Always);
        assert_eq!(need("test-build-failed", Means::Build), Need::Always);
        for means in Means::ALL {
            assert_eq!(need("nix-not-installed", means), Need::Never);
        }
    }
}
