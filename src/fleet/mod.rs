//! Many saved reports, judged in one run: which causes ail how many machines. One report at a time is held,
//! and of each only numbers and, of the first few, their names.

pub mod folder;
pub mod source;
pub mod stream;
pub mod wrapped;

use crate::advice::{Prescription, manager, prescribe};
use crate::check::{Check, Manager, Severity};
use crate::checks;
use crate::diagnosis::{Diagnosis, Role, Selection, State, diagnose};
use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::prose::line;
use crate::report::json::Saved;
use crate::report::replayed::Replayed;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many names are kept of each cause, where not all are asked for.
pub const NAMES: usize = 10;

/// More threads than this do not help: one hands out the reports.
const MOST_WORKERS: usize = 8;

/// Versions of one thing beyond this number are counted together: what strangers' reports say has no end.
const VERSIONS: usize = 1000;

/// The first few names of a kind, in the order of the reports.
#[derive(Clone, Debug, Default)]
struct Names(Vec<(usize, Box<str>)>);

impl Names {
    fn add(&mut self, keep: usize, at: usize, name: &str) {
        if self.0.len() < keep {
            self.0.push((at, name.into()));
        }
    }

    fn merge(&mut self, keep: usize, other: Names) {
        self.0.extend(other.0);
        self.0.sort();
        self.0.truncate(keep);
    }

    fn list(self) -> Vec<String> {
        self.0.into_iter().map(|(_, name)| name.into()).collect()
    }
}

/// Judges every report of a source, with the processors that there are. `judged` counts them for whoever waits.
pub fn judge_all(
    source: source::Source,
    keep: usize,
    want: Option<&Expectations>,
    select: &Selection,
    judged: &AtomicUsize,
) -> Tally {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS);
    let source = Mutex::new(source.enumerate());
    let work = || {
        let mut tally = Tally::new(keep);
        loop {
            let next = source.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((at, item)) = next else { return tally };
            // A fault of ours in one report must not cost the others.
            let counted =
                catch_unwind(AssertUnwindSafe(|| match item.bytes.and_then(|bytes| wrapped::read(&bytes)) {
                    Ok((name, saved)) => {
                        let name = name.as_deref().unwrap_or(&item.name);
                        tally.judge(at, name, &saved, want.unwrap_or(&saved.expectations), select);
                    }
                    Err(because) => tally.unreadable(at, &item.name, &because),
                }));
            if counted.is_err() {
                tally.unreadable(at, &item.name, "judging it failed, which is a fault of this program");
            }
            judged.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut all = Tally::new(keep);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        all.merge(work());
        others.into_iter().filter_map(|other| other.join().ok()).for_each(|other| all.merge(other));
    });
    all
}

/// What was counted of one check.
struct Count {
    check: &'static Check,
    severity: Severity,
    first: usize,
    cause: usize,
    consequence: usize,
    names: Names,
    /// By who manages the machine: on how many, and what mends the first of them.
    remedies: BTreeMap<&'static str, (usize, usize, Prescription)>,
}

/// What is counted, without any report. Each thread has its own; [`Tally::merge`] makes them one, and the sum
/// does not depend on who counted what.
pub struct Tally {
    keep: usize,
    checks: Vec<&'static Check>,
    states: [usize; 4],
    errors: usize,
    gaps: usize,
    counts: BTreeMap<&'static str, Count>,
    versions: [BTreeMap<String, usize>; 3],
    lacks: BTreeMap<&'static str, usize>,
    unreadable: usize,
    unread: Vec<(usize, Unread)>,
}

/// A report that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct Unread {
    /// Its name.
    pub name: String,
    /// One line.
    pub because: String,
}

/// One check over all machines.
pub struct Ailment {
    /// The check.
    pub check: &'static Check,
    /// The worst that it was anywhere.
    pub severity: Severity,
    /// On how many machines it is the first cause.
    pub first: usize,
    /// On how many it is a cause.
    pub cause: usize,
    /// On how many it follows from a cause.
    pub consequence: usize,
    /// The first of the machines on which it is a cause.
    pub names: Vec<String>,
    /// By who manages the machine, most machines first: on how many, and what mends the first of them.
    pub remedies: Vec<(&'static str, usize, Prescription)>,
}

/// What was counted, in the order in which to tell it.
pub struct Summary {
    /// How many machines are in each state.
    pub states: [(State, usize); 4],
    /// The exit code.
    pub exit_code: u8,
    /// Errors before warnings, causes of most machines first; then what is nowhere a cause.
    pub ailments: Vec<Ailment>,
    /// Versions of macOS, Nix and builder-doctor, the commonest first.
    pub versions: [Vec<(String, usize)>; 3],
    /// What some reports cannot show, and how many.
    pub lacks: Vec<(&'static str, usize)>,
    /// How many reports could not be read.
    pub unreadable: usize,
    /// The first of them.
    pub unread: Vec<Unread>,
}

/// The states, in the order in which they are told.
const STATES: [State; 4] = [State::Healthy, State::Degraded, State::Broken, State::Unknown];

impl Tally {
    /// Nothing counted; of each kind, the first `keep` names are kept.
    pub fn new(keep: usize) -> Self {
        Tally {
            keep,
            checks: checks::all(),
            states: [0; 4],
            errors: 0,
            gaps: 0,
            counts: BTreeMap::new(),
            versions: Default::default(),
            lacks: BTreeMap::new(),
            unreadable: 0,
            unread: Vec::new(),
        }
    }

    /// Judges a machine, and counts what ails it. `at` is its place among all.
    pub fn judge(&mut self, at: usize, name: &str, saved: &Saved, want: &Expectations, select: &Selection) {
        let e = &saved.evidence;
        let diagnosis = diagnose(&self.checks, e, want, select);
        if let Some(count) = STATES
            .iter()
            .position(|state| *state == diagnosis.state)
            .and_then(|position| self.states.get_mut(position))
        {
            *count += 1;
        }
        match diagnosis.exit_code() {
            0 => {}
            1 => self.errors += 1,
            _ => self.gaps += 1,
        }
        self.findings(at, name, &diagnosis, e, want);
        let replayed = Replayed::new(saved, &saved.evidence, &diagnosis);
        for lack in &replayed.lacks {
            *self.lacks.entry(lack.what).or_default() += 1;
        }
        let macos = e.platform().ok().map(|it| match &it.macos {
            Some(version) => format!("macOS {version}"),
            None => it.kernel.clone(),
        });
        let nix = e.nix().ok().and_then(|nix| nix.version.as_ref());
        let nix = nix.map(|it| it.text.strip_prefix("nix (Nix) ").unwrap_or(&it.text).to_owned());
        let theirs = replayed.version.map(|version| format!("builder-doctor {version}"));
        for (seen, counted) in [macos, nix, theirs].into_iter().zip(&mut self.versions) {
            let Some(seen) = seen else { continue };
            let seen: String = line(&seen).chars().take(60).collect();
            add(counted, seen, 1);
        }
    }

    fn findings(&mut self, at: usize, name: &str, diagnosis: &Diagnosis, e: &Evidence, want: &Expectations) {
        let mut first = true;
        for (judged, finding, role) in diagnosis.findings().filter(|(.., role)| *role != Role::Note) {
            let count = self.counts.entry(judged.check.id).or_insert_with(|| Count {
                check: judged.check,
                severity: judged.severity,
                first: 0,
                cause: 0,
                consequence: 0,
                names: Names::default(),
                remedies: BTreeMap::new(),
            });
            count.severity = count.severity.max(judged.severity);
            if role == Role::Consequence {
                count.consequence += 1;
                continue;
            }
            count.cause += 1;
            count.first += usize::from(first);
            first = false;
            count.names.add(self.keep, at, name);
            let (machines, ..) = count
                .remedies
                .entry(word(manager(e)))
                .or_insert_with(|| (0, at, prescribe(judged.check, finding, e, want)));
            *machines += 1;
        }
    }

    /// Counts a report that could not be read.
    pub fn unreadable(&mut self, at: usize, name: &str, because: &str) {
        self.unreadable += 1;
        if self.unread.len() < self.keep {
            self.unread.push((at, Unread { name: name.to_owned(), because: line(because) }));
        }
    }

    /// The sum of two.
    pub fn merge(&mut self, other: Tally) {
        for (own, theirs) in self.states.iter_mut().zip(other.states) {
            *own += theirs;
        }
        self.errors += other.errors;
        self.gaps += other.gaps;
        for (id, theirs) in other.counts {
            match self.counts.get_mut(id) {
                None => {
                    self.counts.insert(id, theirs);
                }
                Some(own) => own.merge(self.keep, theirs),
            }
        }
        for (own, theirs) in self.versions.iter_mut().zip(other.versions) {
            for (version, machines) in theirs {
                add(own, version, machines);
            }
        }
        for (what, machines) in other.lacks {
            *self.lacks.entry(what).or_default() += machines;
        }
        self.unreadable += other.unreadable;
        self.unread.extend(other.unread);
        self.unread.sort();
        self.unread.truncate(self.keep);
    }

    /// What was counted, in the order in which to tell it.
    pub fn summary(self) -> Summary {
        let machines: usize = self.states.iter().sum();
        let exit_code = match () {
            () if machines == 0 => 2,
            () if self.errors > 0 => 1,
            () if self.gaps + self.unreadable > 0 => 3,
            () => 0,
        };
        let order = |check: &Check| self.checks.iter().position(|other| *other == check);
        let mut ailments: Vec<Ailment> = self.counts.into_values().map(Count::ailment).collect();
        ailments.sort_by_key(|it| {
            use std::cmp::Reverse;
            (it.cause == 0, Reverse(it.severity), Reverse(it.cause), Reverse(it.consequence), order(it.check))
        });
        let [healthy, degraded, broken, unknown] = self.states;
        Summary {
            states: [
                (State::Healthy, healthy),
                (State::Degraded, degraded),
                (State::Broken, broken),
                (State::Unknown, unknown),
            ],
            exit_code,
            ailments,
            versions: self.versions.map(commonest),
            lacks: commonest(self.lacks),
            unreadable: self.unreadable,
            unread: self.unread.into_iter().map(|(_, unread)| unread).collect(),
        }
    }
}

impl Count {
    fn merge(&mut self, keep: usize, other: Count) {
        self.severity = self.severity.max(other.severity);
        self.first += other.first;
        self.cause += other.cause;
        self.consequence += other.consequence;
        self.names.merge(keep, other.names);
        for (whose, theirs) in other.remedies {
            match self.remedies.get_mut(whose) {
                None => {
                    self.remedies.insert(whose, theirs);
                }
                Some(own) => {
                    let machines = own.0 + theirs.0;
                    if theirs.1 < own.1 {
                        *own = theirs;
                    }
                    own.0 = machines;
                }
            }
        }
    }

    fn ailment(self) -> Ailment {
        let mut remedies: Vec<_> =
            self.remedies.into_iter().map(|(whose, (machines, _, made))| (whose, machines, made)).collect();
        remedies.sort_by_key(|(_, machines, _)| std::cmp::Reverse(*machines));
        Ailment {
            check: self.check,
            severity: self.severity,
            first: self.first,
            cause: self.cause,
            consequence: self.consequence,
            names: self.names.list(),
            remedies,
        }
    }
}

fn word(manager: Manager) -> &'static str {
    match manager {
        Manager::NixDarwin => "nix-darwin",
        Manager::Determinate => "determinate",
        Manager::Nobody => "nobody",
    }
}

fn add(counted: &mut BTreeMap<String, usize>, version: String, machines: usize) {
    let known = counted.len() < VERSIONS || counted.contains_key(&version);
    *counted.entry(if known { version } else { "others".to_owned() }).or_default() += machines;
}

fn commonest<K: Ord>(counted: BTreeMap<K, usize>) -> Vec<(K, usize)> {
    let mut all: Vec<(K, usize)> = counted.into_iter().collect();
    all.sort_by_key(|(_, machines)| std::cmp::Reverse(*machines));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Probe;
    use crate::report::json::parse;

    fn healthy() -> Saved {
        let e = serde_json::to_value(crate::evidence::healthy::evidence()).unwrap();
        let want = serde_json::to_value(Expectations::default()).unwrap();
        let report = serde_json::json!({ "schema_version": 1, "evidence": e, "expectations": want });
        parse(report.to_string().as_bytes()).unwrap()
    }

    fn sick() -> Saved {
        let mut saved = healthy();
        let check = checks::all().into_iter().find(|it| it.id == "builders-empty").unwrap();
        (check.examples.iter().find(|it| it.expect == crate::check::Expect::Fail).unwrap().given)(
            &mut saved.evidence,
        );
        saved.evidence.builds = Probe::not_taken("--quick: no test build was made");
        saved
    }

    fn count(tally: &mut Tally, at: usize, saved: &Saved) {
        let select = Selection::default();
        tally.judge(at, &format!("mac-{at}"), saved, &saved.expectations, &select);
    }

    #[test]
    fn who_counted_what_does_not_matter() {
        let (healthy, sick) = (healthy(), sick());
        let one = |at: usize| if at.is_multiple_of(3) { &sick } else { &healthy };
        let mut alone = Tally::new(4);
        (0..40).for_each(|at| count(&mut alone, at, one(at)));
        alone.unreadable(40, "x", "y");
        let (mut left, mut right) = (Tally::new(4), Tally::new(4));
        (0..40).for_each(|at| count(if at % 7 < 3 { &mut left } else { &mut right }, at, one(at)));
        right.unreadable(40, "x", "y");
        left.merge(right);
        let told = |tally: Tally| {
            crate::report::fleet::render(
                &crate::report::fleet::Fleet::new(tally.summary()),
                "json",
                crate::report::paint::Paint::PLAIN,
            )
            .unwrap()
        };
        assert_eq!(told(alone), told(left));
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_fleet() {
        let sick = sick();
        let mut tally = Tally::new(3);
        for at in 0..100 {
            count(&mut tally, at, &sick);
            tally.unreadable(at, "x", "y");
        }
        let summary = tally.summary();
        let first = &summary.ailments[0];
        assert_eq!((first.check.id, first.cause), ("builders-empty", 100));
        assert_eq!(first.names, ["mac-0", "mac-1", "mac-2"]);
        assert_eq!((summary.unreadable, summary.unread.len()), (100, 3));
        assert_eq!(summary.exit_code, 1);
        let mut versions = BTreeMap::new();
        (0..5000).for_each(|version| add(&mut versions, version.to_string(), 1));
        assert_eq!(versions.len(), VERSIONS + 1);
        assert_eq!(versions["others"], 5000 - VERSIONS);
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        assert_eq!(Tally::new(1).summary().exit_code, 2, "nothing was read");
        let mut tally = Tally::new(1);
        count(&mut tally, 0, &healthy());
        tally.unreadable(1, "x", "y");
        assert_eq!(tally.summary().exit_code, 3, "one of them is not known");
    }
}
