//! Which machine takes a derivation, and for each other machine why not: Nix's own decision, made again. Pure.
//!
//! It follows `src/nix/build-remote/build-remote.cc` and the `tryToBuild` of
//! `src/libstore/build/derivation-building-goal.cc` in Nix 2.34 to 2.36; older ones decide alike, but for
//! derivations that prefer the local build beside `external-builders`. In Nix's order:
//!
//! 1. A derivation that prefers the local build is built by this machine, if it can.
//! 2. Else the machines are asked, in the order of their lines: the system is offered, all required features
//!    are offered, all mandatory features are required, a slot is free. Of those that are left the least
//!    loaded for its speed takes it, then the faster one, then the one that stands first.
//! 3. If none does, this machine builds it, if it can. If one would, were a slot free, the build waits.
//!
//! What runs on the machines at this moment cannot be seen, so all of them count as idle.

use crate::evidence::Missing;
use crate::parse::derivation::Required;
use crate::parse::machines::{Machine, Machines, ProblemKind};
use crate::parse::nix_config::NixConfig;
use std::cmp::Ordering;

/// The facts that it takes, and those by which to say what would have to change. The daemon is asked whether it trusts
/// the user: if not, the machines are the system's, whatever the user's own files say.
pub const FACTS: &[&str] =
    &["platform", "managers", "nix_config", "conf_files", "user_env", "nix_daemon", "machines"];

/// What this machine builds by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Its own system.
    pub system: String,
    /// Further systems that it builds for.
    pub extra_platforms: Vec<String>,
    /// Its system features.
    pub features: Vec<String>,
    /// Whether it takes any job at all: `max-jobs` is not 0.
    pub takes_jobs: bool,
    /// The systems that `external-builders` takes.
    pub external: Vec<String>,
}

impl Local {
    /// By Nix's settings.
    pub fn of(config: &NixConfig) -> Result<Local, Missing> {
        let silent = |name: &str| Missing::new(format!("Nix's settings do not tell {name}"));
        Ok(Local {
            system: config.system.clone().ok_or_else(|| silent("system"))?,
            extra_platforms: config.extra_platforms.clone().unwrap_or_default(),
            features: config.system_features.clone().ok_or_else(|| silent("system-features"))?,
            takes_jobs: config.max_jobs.as_ref().ok_or_else(|| silent("max-jobs"))?.parse() != Ok(0u64),
            external: config.external_systems(),
        })
    }

    /// Its own system and the further ones.
    pub fn systems(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.system).chain(&self.extra_platforms)
    }

    fn builds_for(&self, system: &str) -> bool {
        self.systems().any(|own| own == system)
    }

    fn lacks(&self, required: &Required) -> Vec<String> {
        required.features.iter().filter(|feature| !self.features.contains(feature)).cloned().collect()
    }

    fn has_external(&self, required: &Required) -> bool {
        self.external.contains(&required.system)
    }

    /// Whether it would build this, were no machine to take it.
    fn answer(&self, required: &Required) -> LocalAnswer {
        let external = self.has_external(required);
        let mut refusals = Vec::new();
        if !self.takes_jobs {
            refusals.push(LocalRefusal::NoJobs);
        }
        // An external builder is not asked for features.
        if !external && !self.builds_for(&required.system) && !required.builtin {
            refusals.push(LocalRefusal::OtherSystem);
        }
        let lacks = if external { Vec::new() } else { self.lacks(required) };
        if !lacks.is_empty() {
            refusals.push(LocalRefusal::FeaturesNotSupported { missing: lacks });
        }
        match (refusals.is_empty(), external) {
            (false, _) => LocalAnswer::Cannot(refusals),
            (true, true) => LocalAnswer::External,
            (true, false) => LocalAnswer::Itself,
        }
    }

    /// Whether Nix tries it here before it asks any machine. It does not notice that an external builder gets no
    /// job either where `max-jobs` is 0.
    fn comes_first(&self, required: &Required) -> bool {
        let able = !matches!(self.answer(required), LocalAnswer::Cannot(_)) || self.has_external(required);
        required.prefer_local && able
    }

    /// Whether a build that finds all slots taken is done here instead: the build hook knows nothing of external
    /// builders and of builders that are part of Nix.
    fn stands_in(&self, required: &Required) -> bool {
        self.takes_jobs && self.builds_for(&required.system) && self.lacks(required).is_empty()
    }
}

/// What is said of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAnswer {
    /// It can build it by itself.
    Itself,
    /// Another program on it, named by `external-builders`, can.
    External,
    /// It cannot, for these reasons, in the order in which Nix gives them.
    Cannot(Vec<LocalRefusal>),
    /// Its settings are not known.
    Unknown(String),
}

/// Why this machine does not build it by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalRefusal {
    /// `max-jobs` is 0.
    NoJobs,
    /// It builds for other systems.
    OtherSystem,
    /// It has not these features.
    FeaturesNotSupported {
        /// They.
        missing: Vec<String>,
    },
}

/// Why a machine is no candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It offers other systems.
    SystemNotOffered {
        /// They.
        offers: Vec<String>,
    },
    /// It offers not all that is required.
    FeaturesNotSupported {
        /// What it lacks.
        missing: Vec<String>,
    },
    /// It takes only what requires more.
    MandatoryNotRequired {
        /// What else would have to be required.
        features: Vec<String>,
    },
}

/// By what a candidate lost to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It has more to do for its speed: it is a line of a store of which Nix holds a slot already.
    Load,
    /// Its speed factor is lower, or cannot be compared.
    Speed,
    /// Nothing but the order of the lines.
    Order,
    /// Its only slot is the very one that Nix holds for a line of the same store.
    Slot,
}

/// What Nix makes of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Takes,
    /// It could, and lost to the machine of this number.
    Loses {
        /// Its number.
        to: usize,
        /// By what.
        by: By,
    },
    /// It could, and takes 0 jobs at once.
    NoSlots,
    /// It states no system, so that it has that of this machine, which is not known.
    Unknown,
    /// It cannot. The first reason is Nix's, the others would come next; never empty.
    Refuses(Vec<Refusal>),
}

/// Who builds it in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The machine of this number.
    Machine(usize),
    /// This machine.
    Itself,
    /// Another program on this machine.
    External,
    /// Nobody: it waits for a slot of a machine that has none, and so for ever.
    Waits,
    /// Nobody: it fails.
    Nobody,
    /// Nobody: the problem of this number makes Nix refuse the whole list, and with it each build that asks.
    Refused(usize),
    /// It cannot be told, because of this.
    Unknown(String),
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who builds it.
    pub outcome: Outcome,
    /// What is said of this machine.
    pub local: LocalAnswer,
    /// Each machine by its number, once: the candidates in the order in which Nix would try them, each where the
    /// one before cannot be reached; then the others in the order of their lines.
    pub ranked: Vec<(usize, Verdict)>,
}

/// The answer, given what `builders` names, which may not be known or be refused.
pub fn ask(
    required: &Required,
    list: Result<&Machines, &Missing>,
    local: Result<&Local, &Missing>,
) -> Decision {
    let machines = list.map_or(&[][..], |all| all.machines.as_slice());
    let mut decision = decide(required, machines, local);
    if local.is_ok_and(|local| local.comes_first(required)) {
        return decision;
    }
    let all = match list {
        Ok(all) => all,
        Err(missing) => {
            decision.outcome = Outcome::Unknown(missing.because.clone());
            return decision;
        }
    };
    let cut = |kind: ProblemKind| matches!(kind, ProblemKind::TooMany | ProblemKind::TooDeep);
    if let Some(refused) = all.refused() {
        let at = all.problems.iter().position(|problem| problem == refused).unwrap_or_default();
        decision.outcome = match refused.kind {
            // Nix reads it as root, so that what we cannot read says nothing of what it can.
            ProblemKind::UnreadableFile => Outcome::Unknown(refused.nix_says.clone()),
            _ => Outcome::Refused(at),
        };
    } else if all.problems.iter().any(|problem| cut(problem.kind)) {
        decision.outcome = Outcome::Unknown("the list of machines is longer than is read here".to_owned());
    }
    decision
}

/// The answer, given the machines that Nix reads.
pub fn decide(required: &Required, machines: &[Machine], local: Result<&Local, &Missing>) -> Decision {
    let own = local.ok().map(|local| local.system.as_str());
    let refusals: Vec<Option<Vec<Refusal>>> =
        machines.iter().map(|machine| refusals(required, machine, own)).collect();
    let stores: Vec<String> = machines.iter().map(Machine::store).collect();
    let fits = |at: usize| refusals[at].as_ref().is_some_and(Vec::is_empty);
    let mut open: Vec<bool> = (0..machines.len()).map(fits).collect();
    let (winner, losers) = round(machines, &stores, &open);

    let mut ranked: Vec<(usize, Verdict)> = Vec::new();
    let mut next = winner;
    while let Some(at) = next {
        let lost = losers.iter().find(|(loser, _)| *loser == at);
        ranked.push((at, lost.map_or(Verdict::Takes, |(_, verdict)| verdict.clone())));
        // As where it cannot be reached: Nix strikes it out and asks the others again.
        open[at] = false;
        next = round(machines, &stores, &open).0;
    }
    for (at, refused) in refusals.into_iter().enumerate() {
        match refused {
            None => ranked.push((at, Verdict::Unknown)),
            Some(refused) if !refused.is_empty() => ranked.push((at, Verdict::Refuses(refused))),
            Some(_) if open[at] => ranked.push((at, Verdict::NoSlots)),
            Some(_) => {}
        }
    }

    let answer = match local {
        Ok(local) => local.answer(required),
        Err(missing) => LocalAnswer::Unknown(missing.because.clone()),
    };
    let outcome = outcome(required, winner, &ranked, local, &answer);
    Decision { outcome, local: answer, ranked }
}

fn outcome(
    required: &Required,
    winner: Option<usize>,
    ranked: &[(usize, Verdict)],
    local: Result<&Local, &Missing>,
    answer: &LocalAnswer,
) -> Outcome {
    let here = || match answer {
        LocalAnswer::Itself => Outcome::Itself,
        LocalAnswer::External => Outcome::External,
        LocalAnswer::Cannot(_) => Outcome::Nobody,
        LocalAnswer::Unknown(because) => Outcome::Unknown(because.clone()),
    };
    let local = match local {
        Ok(local) => local,
        Err(missing) if required.prefer_local => return Outcome::Unknown(missing.because.clone()),
        // A machine of an unknown system could come before the winner.
        Err(_) => match winner.filter(|_| ranked.iter().all(|(_, it)| *it != Verdict::Unknown)) {
            Some(winner) => return Outcome::Machine(winner),
            None => return here(),
        },
    };
    if local.comes_first(required) {
        return here();
    }
    match winner {
        Some(winner) => Outcome::Machine(winner),
        None if ranked.iter().any(|(_, it)| *it == Verdict::NoSlots) && !local.stands_in(required) => {
            Outcome::Waits
        }
        None => here(),
    }
}

/// Why a machine is no candidate, in the order in which Nix looks; none where only its system could be a reason, and
/// is not known.
fn refusals(required: &Required, machine: &Machine, own: Option<&str>) -> Option<Vec<Refusal>> {
    let mut found = Vec::new();
    let offered = machine.offers(&required.system).or_else(|| own.map(|own| own == required.system));
    if offered == Some(false) {
        let own = own.filter(|_| machine.systems_defaulted);
        let offers = machine.systems.iter().map(|it| it.value.as_str()).chain(own).map(str::to_owned);
        found.push(Refusal::SystemNotOffered { offers: offers.collect() });
    }
    let features: Vec<&str> = required.features.iter().map(String::as_str).collect();
    let missing = machine.missing_features(&features);
    if !missing.is_empty() {
        let missing = missing.into_iter().map(str::to_owned).collect();
        found.push(Refusal::FeaturesNotSupported { missing });
    }
    let unmet = machine.unmet_mandatory(&features);
    if !unmet.is_empty() {
        let features = unmet.into_iter().map(|it| it.value.clone()).collect();
        found.push(Refusal::MandatoryNotRequired { features });
    }
    (offered.is_some() || !found.is_empty()).then_some(found)
}

/// The machine that Nix holds a slot of.
struct Best {
    at: usize,
    slot: u64,
    load: u64,
}

/// One round over the machines that are open: who wins it, and each loser.
fn round(machines: &[Machine], stores: &[String], open: &[bool]) -> (Option<usize>, Vec<(usize, Verdict)>) {
    let mut losers = Vec::new();
    let mut best: Option<Best> = None;
    for (at, machine) in machines.iter().enumerate().filter(|(at, _)| open[*at]) {
        // Slots are locks of the store's name, so one that Nix holds already is taken for every line of the store.
        let held = best.as_ref().filter(|best| stores[best.at] == stores[at] && best.slot < machine.max_jobs);
        let load = u64::from(held.is_some());
        let slot = u64::from(held.is_some_and(|best| best.slot == 0));
        if slot >= machine.max_jobs {
            losers.extend(held.map(|best| (at, Verdict::Loses { to: best.at, by: By::Slot })));
            continue;
        }
        let this = Best { at, slot, load };
        let Some(other) = best.take() else {
            best = Some(this);
            continue;
        };
        let (better, by) = compare(&this, machine.speed_factor(), &other, machines[other.at].speed_factor());
        let (won, lost) = if better { (this, other) } else { (other, this) };
        losers.push((lost.at, Verdict::Loses { to: won.at, by }));
        best = Some(won);
    }
    (best.map(|best| best.at), losers)
}

/// Whether a later machine is better than the best so far, and what makes the difference.
#[allow(clippy::cast_precision_loss, reason = "no load is greater than 1")]
fn compare(this: &Best, speed: f32, other: &Best, other_speed: f32) -> (bool, By) {
    let (share, other_share) = (this.load as f32 / speed, other.load as f32 / other_speed);
    match share.partial_cmp(&other_share) {
        // Of a speed that is no number nothing is better.
        None => (false, By::Speed),
        Some(Ordering::Less) => (true, By::Load),
        Some(Ordering::Greater) => (false, By::Load),
        Some(Ordering::Equal) if speed > other_speed => (true, By::Speed),
        Some(Ordering::Equal) if speed < other_speed => (false, By::Speed),
        Some(Ordering::Equal) => match this.load.cmp(&other.load) {
            Ordering::Less => (true, By::Load),
            Ordering::Greater => (false, By::Load),
            Ordering::Equal => (false, By::Order),
        },
    }
}

#[cfg(test)]
mod tests;
