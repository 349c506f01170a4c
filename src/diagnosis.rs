//! From verdicts to the one cause: blame, roots, ranking.
//!
//! One pass over the checks, in an order in which every check comes after those that it needs. A check
//! blames the culprits of what it needs; a pass exonerates all behind it; a failure with nobody to blame is
//! a root, and itself the culprit; a failure with culprits, an unknown and a moot hand the blame on.

use crate::check::{Check, Finding, Layer, Proof, Severity, Verdict};
use crate::evidence::{Evidence, Missing};
use crate::expectations::Expectations;
use schemars::JsonSchema;
use std::cmp::Reverse;

/// All that can be said of a machine.
pub struct Diagnosis {
    /// The state in one word.
    pub state: State,
    /// Every check that was asked, in the order of the layers.
    pub results: Vec<Judged>,
    /// Which of `results` failed: roots in rank order, each followed by its consequences; notes last.
    pub findings: Vec<usize>,
    /// Whether warnings count as errors in the exit code.
    pub strict: bool,
}

/// The state of a machine in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum State {
    /// No error and no warning.
    Healthy,
    /// Warnings only.
    Degraded,
    /// At least one error.
    Broken,
    /// No error was found, and something on the way to a build could not be answered.
    Unknown,
}

impl State {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            State::Healthy => "healthy",
            State::Degraded => "degraded",
            State::Broken => "broken",
            State::Unknown => "unknown",
        }
    }
}

/// One check's verdict, with the blame settled.
pub struct Judged {
    /// The check.
    pub check: &'static Check,
    /// Its verdict; what was done has outranked what was inferred already.
    pub verdict: Verdict,
    /// The check's severity, or note where a proof disproves the failure.
    pub severity: Severity,
    /// The roots that this failure or gap follows from; empty for a root.
    pub because_of: Vec<&'static Check>,
}

/// What a failed check is in the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Role {
    /// Nobody else is to blame.
    Cause,
    /// It follows from a cause.
    Consequence,
    /// Worth knowing only.
    Note,
}

impl Role {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Role::Cause => "cause",
            Role::Consequence => "consequence",
            Role::Note => "note",
        }
    }
}

impl Judged {
    /// What a failed check is in the story; None if it did not fail.
    pub fn role(&self) -> Option<Role> {
        match self.verdict {
            Verdict::Fail(_) if self.severity == Severity::Note => Some(Role::Note),
            Verdict::Fail(_) if self.because_of.is_empty() => Some(Role::Cause),
            Verdict::Fail(_) => Some(Role::Consequence),
            _ => None,
        }
    }

    /// The finding of a failed check.
    pub fn finding(&self) -> Option<&Finding> {
        match &self.verdict {
            Verdict::Fail(finding) => Some(finding),
            _ => None,
        }
    }

    /// It should have been answered, and nothing that was asked for or is to blame explains why it was not.
    fn is_open(&self) -> bool {
        match &self.verdict {
            // No cache is on the way to a test build.
            Verdict::Unknown(_) if self.check.layer == Layer::Cache => false,
            Verdict::Unknown(missing) => {
                !missing.by_choice && self.because_of.is_empty() && self.severity == Severity::Error
            }
            _ => false,
        }
    }
}

/// Which checks to report, and how strictly.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids and layers; empty for all.
    pub only: Vec<String>,
    /// Ids and layers.
    pub skip: Vec<String>,
    /// Warnings count as errors in the exit code.
    pub strict: bool,
}

impl Selection {
    /// Whether a check is to be reported.
    pub fn takes(&self, check: &Check) -> bool {
        let named = |words: &[String]| words.iter().any(|w| w == check.id || w == check.layer.name());
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

/// Judges every check and settles the blame. Pure.
pub fn diagnose(
    checks: &[&'static Check],
    e: &Evidence,
    want: &Expectations,
    select: &Selection,
) -> Diagnosis {
    let each = every_machine(e, want);
    let mut results: Vec<Judged> = Vec::with_capacity(checks.len());
    let mut culprits: Vec<Vec<&'static Check>> = Vec::with_capacity(checks.len());
    for check in checks {
        let (verdict, severity) = match &each {
            Some(machines) if check.layer == Layer::Ssh => weigh_each(check, machines, want),
            _ => weigh(check, e, want),
        };
        let mut blamed: Vec<&'static Check> = Vec::new();
        let pointed = match &verdict {
            Verdict::Fail(finding) => finding.points_to,
            _ => &[],
        };
        for needed in check.needs.iter().chain(pointed) {
            let at = checks.iter().position(|other| other == needed);
            for culprit in at.and_then(|at| culprits.get(at)).into_iter().flatten() {
                if !blamed.contains(culprit) {
                    blamed.push(culprit);
                }
            }
        }
        culprits.push(match &verdict {
            Verdict::Pass(_) => Vec::new(),
            Verdict::Fail(_) if severity == Severity::Note => Vec::new(),
            Verdict::Fail(_) if blamed.is_empty() => vec![check],
            _ => blamed.clone(),
        });
        if matches!(verdict, Verdict::Pass(_)) || severity == Severity::Note {
            blamed.clear();
        }
        results.push(Judged { check, verdict, severity, because_of: blamed });
    }
    results.retain(|judged| select.takes(judged.check));
    let findings = ranked(&results);
    let proven = Proof::EveryBuild.given(e, want).is_some();
    let state = state_of(&results, proven);
    Diagnosis { state, results, findings, strict: select.strict }
}

/// Where the expected machine is not declared and several others offer Linux: the evidence on each of them.
fn every_machine(e: &Evidence, want: &Expectations) -> Option<Vec<Evidence>> {
    let hosts = e.builder_hosts(want);
    (hosts.len() > 1).then(|| hosts.into_iter().map(|host| e.focused_on(host)).collect())
}

/// A check about one machine, asked of each. What ails some of them and not all is a warning: builds go to
/// the others.
fn weigh_each(check: &'static Check, machines: &[Evidence], want: &Expectations) -> (Verdict, Severity) {
    let mut all: Vec<_> = machines.iter().map(|one| weigh(check, one, want)).collect();
    let failed = |(verdict, severity): &(Verdict, Severity)| {
        matches!(verdict, Verdict::Fail(_)) && *severity > Severity::Note
    };
    let some_do = all.iter().any(|one| matches!(one.0, Verdict::Pass(_)));
    let rank = |one: &(Verdict, Severity)| match one.0 {
        Verdict::Fail(_) if failed(one) => 0,
        Verdict::Unknown(_) => 1,
        Verdict::Fail(_) => 2,
        Verdict::Pass(_) => 3,
        Verdict::Moot(_) => 4,
    };
    all.sort_by_key(rank);
    match all.into_iter().next() {
        Some((verdict @ Verdict::Fail(_), severity)) if some_do => (verdict, severity.min(Severity::Warning)),
        Some(first) => first,
        None => (Verdict::Moot("no Linux builder is declared".to_owned()), check.severity),
    }
}

/// The verdict and its severity, after what was done has outranked what was inferred.
fn weigh(check: &'static Check, e: &Evidence, want: &Expectations) -> (Verdict, Severity) {
    let verdict = (check.judge)(e, want).unwrap_or_else(Verdict::Unknown);
    let proof = check.disproved_by.given(e, want);
    match (verdict, proof) {
        (Verdict::Fail(mut finding), Some(proof)) => {
            finding.seen = format!("{}, and yet {proof}", finding.seen);
            (Verdict::Fail(finding), Severity::Note)
        }
        (Verdict::Unknown(_), Some(proof)) => (Verdict::Pass(proof), check.severity),
        (verdict, _) => {
            let own = if let Verdict::Fail(finding) = &verdict { finding.severity } else { None };
            (verdict, own.unwrap_or(check.severity))
        }
    }
}

fn ranked(results: &[Judged]) -> Vec<usize> {
    let with_role = |role| (0..results.len()).filter(move |&i| results[i].role() == Some(role));
    let follows = |i: usize, root: &'static Check| results[i].because_of.contains(&root);
    let explains = |root: &'static Check| with_role(Role::Consequence).filter(|&i| follows(i, root)).count();
    let explains_build = |root: &'static Check| {
        with_role(Role::Consequence).any(|i| results[i].check.layer == Layer::Build && follows(i, root))
    };
    let mut roots: Vec<usize> = with_role(Role::Cause).collect();
    roots.sort_by_key(|&i| {
        let check = results[i].check;
        (
            Reverse(results[i].severity),
            Reverse(explains_build(check)),
            Reverse(explains(check)),
            check.layer,
            i,
        )
    });
    let mut order = Vec::new();
    for root in roots {
        order.push(root);
        for i in with_role(Role::Consequence).filter(|&i| follows(i, results[root].check)) {
            if !order.contains(&i) {
                order.push(i);
            }
        }
    }
    // A consequence whose cause was not selected stands all the same.
    for i in with_role(Role::Consequence).chain(with_role(Role::Note)) {
        if !order.contains(&i) {
            order.push(i);
        }
    }
    order
}

/// A gap counts only where no test build has shown that the way is open.
fn state_of(results: &[Judged], proven: bool) -> State {
    let worst = results.iter().filter(|r| r.role().is_some()).map(|r| r.severity).max();
    let told = |r: &Judged| matches!(r.verdict, Verdict::Pass(_) | Verdict::Fail(_));
    match worst {
        Some(Severity::Error) => State::Broken,
        // A report that holds nothing is not one of a healthy machine.
        _ if !results.is_empty() && !results.iter().any(told) => State::Unknown,
        _ if !proven && results.iter().any(Judged::is_open) => State::Unknown,
        Some(Severity::Warning) => State::Degraded,
        _ => State::Healthy,
    }
}

impl Diagnosis {
    /// The failed checks: roots in rank order, each followed by its consequences; notes last.
    pub fn findings(&self) -> impl Iterator<Item = (&Judged, &Finding, Role)> {
        self.findings.iter().filter_map(|&i| {
            let judged = &self.results[i];
            Some((judged, judged.finding()?, judged.role()?))
        })
    }

    /// The failed checks that nobody else is to blame for, in rank order.
    pub fn causes(&self) -> impl Iterator<Item = (&Judged, &Finding)> {
        self.findings()
            .filter(|(.., role)| *role == Role::Cause)
            .map(|(judged, finding, _)| (judged, finding))
    }

    /// What could not be told, and why.
    pub fn unknowns(&self) -> impl Iterator<Item = (&Judged, &Missing)> {
        self.results.iter().filter_map(|judged| match &judged.verdict {
            Verdict::Unknown(missing) => Some((judged, missing)),
            _ => None,
        })
    }

    /// 0 no error · 1 an error (a warning, if strict) · 3 no error, and a gap on the way to a build.
    pub fn exit_code(&self) -> u8 {
        match self.state {
            State::Broken => 1,
            _ if self.strict
                && self.results.iter().any(|r| r.severity > Severity::Note && r.role().is_some()) =>
            {
                1
            }
            State::Unknown => 3,
            State::Healthy | State::Degraded => 0,
        }
    }

    /// How each layer stands, for the chain.
    pub fn chain(&self) -> Vec<(Layer, Link)> {
        Layer::ALL
            .into_iter()
            .filter(|layer| self.results.iter().any(|r| r.check.layer == *layer))
            .map(|layer| (layer, self.link(layer)))
            .collect()
    }

    fn link(&self, layer: Layer) -> Link {
        let of_layer = || self.results.iter().filter(move |r| r.check.layer == layer);
        let has = |wanted: fn(&Judged) -> bool| of_layer().any(wanted);
        let failed = |severity| of_layer().any(|r| r.role() == Some(Role::Cause) && r.severity == severity);
        if failed(Severity::Error) || (layer == Layer::Build && has(|r| r.role() == Some(Role::Consequence)))
        {
            Link::Broken
        } else if failed(Severity::Warning) {
            Link::Impaired
        } else if has(|r| !r.because_of.is_empty() && !matches!(r.verdict, Verdict::Moot(_))) {
            Link::Blocked
        } else if has(|r| {
            r.severity > Severity::Note && matches!(&r.verdict, Verdict::Unknown(m) if !m.by_choice)
        }) {
            Link::Unknown
        } else if has(|r| matches!(r.verdict, Verdict::Pass(_) | Verdict::Fail(_))) {
            Link::Sound
        } else {
            Link::Skipped
        }
    }
}

/// How a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Link {
    /// Its checks pass.
    #[schemars(rename = "ok")]
    Sound,
    /// A cause of severity warning is here.
    #[schemars(rename = "warning")]
    Impaired,
    /// A cause of severity error is here.
    Broken,
    /// Behind a cause: not ok, and not to blame.
    Blocked,
    /// It could not be told.
    Unknown,
    /// Not asked, or it does not apply.
    Skipped,
}
