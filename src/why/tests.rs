//! The decision against a naive one, and by hand where a reader would want to see it.

use super::*;
use crate::parse::machines::{FileRead, parse};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};

/// One machine as the oracle sees it: the columns, never the parser's view of them.
#[derive(Clone, Debug)]
struct Row {
    uri: &'static str,
    /// None for `-`.
    systems: Option<Vec<&'static str>>,
    jobs: u32,
    speed: &'static str,
    features: Vec<&'static str>,
    mandatory: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Row>,
    system: &'static str,
    features: BTreeSet<&'static str>,
    prefer_local: bool,
    builtin: bool,
    platforms: Vec<&'static str>,
    own_features: Vec<&'static str>,
    max_jobs: &'static str,
    external: Vec<&'static str>,
}

const OWN: &str = "aarch64-darwin";
const SYSTEMS: [&str; 4] = [OWN, "aarch64-linux", "x86_64-linux", "builtin"];
const FEATURES: [&str; 3] = ["kvm", "nixos-test", "big-parallel"];

impl Row {
    fn line(&self) -> String {
        let list = |words: &[&str]| if words.is_empty() { "-".to_owned() } else { words.join(",") };
        format!(
            "{} {} - {} {} {} {}",
            self.uri,
            self.systems.as_deref().map_or("-".to_owned(), list),
            self.jobs,
            self.speed,
            list(&self.features),
            list(&self.mandatory)
        )
    }

    fn factor(&self) -> f32 {
        match self.speed {
            "0" | "-" => 1.0,
            "inf" => f32::INFINITY,
            "nan" => f32::NAN,
            number => number.parse().unwrap(),
        }
    }
}

fn owned<'a>(words: impl IntoIterator<Item = &'a &'static str>) -> Vec<String> {
    words.into_iter().map(|word| (*word).to_owned()).collect()
}

impl Case {
    fn required(&self) -> Required {
        Required {
            name: None,
            system: self.system.to_owned(),
            features: owned(&self.features).into_iter().collect(),
            prefer_local: self.prefer_local,
            builtin: self.builtin,
        }
    }

    fn machines(&self) -> Machines {
        let text: Vec<String> = self.rows.iter().map(Row::line).collect();
        let found = parse(&text.join("\n"), "builders", &mut |_| FileRead::Missing);
        assert_eq!((found.refused(), found.machines.len()), (None, self.rows.len()));
        found
    }

    fn local(&self) -> Local {
        let external: Vec<String> = self.external.iter().map(|system| format!("\"{system}\"")).collect();
        let config = NixConfig {
            system: Some(OWN.to_owned()),
            extra_platforms: Some(owned(&self.platforms)),
            system_features: Some(owned(&self.own_features)),
            max_jobs: Some(self.max_jobs.to_owned()),
            external_builders: Some(format!("[{{\"systems\":[{}],\"program\":\"x\"}}]", external.join(","))),
            ..NixConfig::default()
        };
        Local::of(&config).unwrap()
    }

    fn decision(&self) -> Decision {
        decide(&self.required(), &self.machines().machines, Ok(&self.local()))
    }
}

/// What the oracle writes down of one machine: a word, and what goes with it.
type Note = (&'static str, Vec<String>);

/// The build hook: a loop over the machines and their slots, each slot a lock that one alone can have.
struct Oracle<'c> {
    case: &'c Case,
    enabled: Vec<bool>,
    notes: Vec<Note>,
}

impl Oracle<'_> {
    /// The machine that accepts, or none and whether there was one of the right type.
    fn hook(&mut self) -> (Option<usize>, bool) {
        let case = self.case;
        let mut locks: HashSet<(&str, u32)> = HashSet::new();
        let mut right_type = false;
        let mut best: Option<(usize, f32, (&str, u32))> = None;
        for (i, row) in case.rows.iter().enumerate() {
            if !self.enabled[i] {
                continue;
            }
            let systems = row.systems.clone().unwrap_or(vec![OWN]);
            if case.system != "builtin" && !systems.contains(&case.system) {
                self.notes[i] = ("system", owned(&systems));
                continue;
            }
            let offers = |it: &&&str| row.features.contains(*it) || row.mandatory.contains(*it);
            let lacking: Vec<&&str> = case.features.iter().filter(|it| !offers(it)).collect();
            if !lacking.is_empty() {
                self.notes[i] = ("features", owned(lacking));
                continue;
            }
            let unmet: Vec<&&str> = row.mandatory.iter().filter(|it| !case.features.contains(**it)).collect();
            if !unmet.is_empty() {
                self.notes[i] = ("mandatory", owned(unmet));
                continue;
            }
            right_type = true;
            let mut free = None;
            let mut load = 0.0;
            for slot in 0..row.jobs {
                if !locks.insert((row.uri, slot)) {
                    load += 1.0;
                } else if free.is_none() {
                    free = Some((row.uri, slot));
                } else {
                    locks.remove(&(row.uri, slot));
                }
            }
            let Some(lock) = free else {
                self.notes[i] = match best {
                    Some((to, ..)) if row.jobs > 0 => ("slot", vec![to.to_string()]),
                    _ => ("no slots", Vec::new()),
                };
                continue;
            };
            let Some((to, best_load, best_lock)) = best else {
                best = Some((i, load, lock));
                self.notes[i] = ("takes", Vec::new());
                continue;
            };
            let (speed, best_speed) = (row.factor(), case.rows[to].factor());
            let mut better = None;
            if load / speed < best_load / best_speed {
                better = Some("load");
            } else if load / speed == best_load / best_speed {
                if speed > best_speed {
                    better = Some("speed");
                } else if speed == best_speed && load < best_load {
                    better = Some("load");
                }
            }
            if let Some(by) = better {
                self.notes[to] = (by, vec![i.to_string()]);
                self.notes[i] = ("takes", Vec::new());
                locks.remove(&best_lock);
                best = Some((i, load, lock));
            } else {
                let by = if speed.is_nan() || best_speed.is_nan() {
                    "speed"
                } else if load / speed > best_load / best_speed {
                    "load"
                } else if speed < best_speed {
                    "speed"
                } else if load > best_load {
                    "load"
                } else {
                    "order"
                };
                self.notes[i] = (by, vec![to.to_string()]);
                locks.remove(&lock);
            }
        }
        (best.map(|(i, ..)| i), right_type)
    }
}

/// Who builds it, what is noted of each machine, and in which order the machines are tried.
fn oracle(case: &Case) -> (String, Vec<Note>, Vec<usize>) {
    let count = case.rows.len();
    let none = || vec![("none", Vec::new()); count];
    let mut first = Oracle { case, enabled: vec![true; count], notes: none() };
    let (accepts, right_type) = first.hook();
    let mut tries = Vec::new();
    let mut again = Oracle { case, enabled: vec![true; count], notes: none() };
    while let (Some(i), _) = again.hook() {
        tries.push(i);
        again.enabled[i] = false;
    }

    let jobs = case.max_jobs != "0";
    let mine = case.system == OWN || case.platforms.contains(&case.system);
    let able = case.features.iter().all(|it| case.own_features.contains(it));
    let external = case.external.contains(&case.system);
    let capable = external || (jobs && (mine || case.builtin) && able);
    // What Nix believes it can do here fails where it has no slot for it.
    let here = match (capable, external) {
        (true, _) if !jobs => "nobody",
        (true, true) => "external",
        (true, false) => "itself",
        (false, _) => "nobody",
    };
    let who = if case.prefer_local && capable {
        here.to_owned()
    } else if let Some(i) = accepts {
        i.to_string()
    } else if right_type && !(jobs && mine && able) {
        "waits".to_owned()
    } else {
        here.to_owned()
    };
    (who, first.notes, tries)
}

/// The decision in the oracle's words.
fn told(decision: &Decision) -> (String, Vec<Note>, Vec<usize>) {
    let who = match &decision.outcome {
        Outcome::Machine(at) => at.to_string(),
        Outcome::Itself => "itself".to_owned(),
        Outcome::External => "external".to_owned(),
        Outcome::Waits => "waits".to_owned(),
        Outcome::Nobody => "nobody".to_owned(),
        other => format!("{other:?}"),
    };
    let mut notes = vec![("none", Vec::new()); decision.ranked.len()];
    let mut tries = Vec::new();
    for (at, verdict) in &decision.ranked {
        notes[*at] = match verdict {
            Verdict::Takes => ("takes", Vec::new()),
            Verdict::Loses { to, by } => {
                let by = match by {
                    By::Load => "load",
                    By::Speed => "speed",
                    By::Order => "order",
                    By::Slot => "slot",
                };
                (by, vec![to.to_string()])
            }
            Verdict::NoSlots => ("no slots", Vec::new()),
            Verdict::Unknown => ("unknown", Vec::new()),
            Verdict::Refuses(all) => match &all[0] {
                Refusal::SystemNotOffered { offers } => ("system", offers.clone()),
                Refusal::FeaturesNotSupported { missing } => ("features", missing.clone()),
                Refusal::MandatoryNotRequired { features } => ("mandatory", features.clone()),
            },
        };
        if matches!(verdict, Verdict::Takes | Verdict::Loses { .. }) {
            tries.push(*at);
        }
    }
    (who, notes, tries)
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(words, 0..=words.len())
}

fn row() -> impl Strategy<Value = Row> {
    let few = |most| proptest::sample::subsequence(&FEATURES[..], 0..=most);
    (
        proptest::sample::select(&["ssh://a", "ssh-ng://u@b", "ssh://c"][..]),
        proptest::option::weighted(0.8, proptest::sample::subsequence(&SYSTEMS[..3], 1..=3)),
        prop_oneof![1 => Just(0u32), 3 => Just(1), 3 => 2u32..5],
        proptest::sample::select(&["1", "1", "2", "0.5", "0", "-", "inf", "nan"][..]),
        few(3),
        prop_oneof![4 => Just(Vec::new()), 1 => few(2)],
    )
        .prop_map(|(uri, systems, jobs, speed, features, mandatory)| Row {
            uri,
            systems,
            jobs,
            speed,
            features,
            mandatory,
        })
}

fn case() -> impl Strategy<Value = Case> {
    (
        (proptest::collection::vec(row(), 0..7), proptest::sample::select(&SYSTEMS[..])),
        prop_oneof![Just(Vec::new()), some_of(&FEATURES)],
        (any::<bool>(), proptest::bool::weighted(0.2)),
        (some_of(&SYSTEMS[1..3]), some_of(&FEATURES)),
        (
            proptest::sample::select(&["0", "1", "auto", "8"][..]),
            prop_oneof![3 => Just(Vec::new()), 1 => some_of(&SYSTEMS[1..3])],
        ),
    )
        .prop_map(
            |(
                (rows, system),
                features,
                (prefer_local, builtin),
                (platforms, own_features),
                (max_jobs, external),
            )| {
                Case {
                    rows,
                    system,
                    features: features.into_iter().collect(),
                    prefer_local,
                    builtin,
                    platforms,
                    own_features,
                    max_jobs,
                    external,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_decision_is_that_of_a_loop_over_slots(case in case()) {
        prop_assert_eq!(told(&case.decision()), oracle(&case));
    }

    #[test]
    fn each_machine_is_told_of_once(case in case()) {
        let mut all: Vec<usize> = case.decision().ranked.iter().map(|(at, _)| *at).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..case.rows.len()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_known_is_never_told(case in case()) {
        let known = case.decision();
        let missing = Missing::new("nobody asked");
        let blind = decide(&case.required(), &case.machines().machines, Err(&missing));
        // Less knowledge gives the same answer or none.
        let same = blind.outcome == known.outcome;
        prop_assert!(same || matches!(blind.outcome, Outcome::Unknown(_)), "{:?} {:?}", blind.outcome, known.outcome);
    }
}

fn healthy() -> Case {
    Case {
        rows: vec![row_of("ssh-ng://u@b", "1", &["kvm", "nixos-test"])],
        system: "aarch64-linux",
        features: BTreeSet::new(),
        prefer_local: false,
        builtin: false,
        platforms: Vec::new(),
        own_features: vec!["big-parallel"],
        max_jobs: "8",
        external: Vec::new(),
    }
}

fn row_of(uri: &'static str, speed: &'static str, features: &[&'static str]) -> Row {
    Row {
        uri,
        systems: Some(vec!["aarch64-linux"]),
        jobs: 1,
        speed,
        features: features.to_vec(),
        mandatory: Vec::new(),
    }
}

#[test]
fn an_earlier_line_of_a_store_holds_the_slot_that_a_later_one_needs() {
    let mut case = healthy();
    case.rows = vec![row_of("ssh://a", "1", &[]), row_of("ssh://a", "3", &[]), row_of("ssh://c", "2", &[])];
    let decision = case.decision();
    assert_eq!(decision.outcome, Outcome::Machine(2));
    let verdicts: Vec<_> = decision.ranked.iter().collect();
    assert_eq!(verdicts[0], &(2, Verdict::Takes));
    assert!(verdicts.contains(&&(1, Verdict::Loses { to: 0, by: By::Slot })));
    assert!(verdicts.contains(&&(0, Verdict::Loses { to: 2, by: By::Speed })));
}

#[test]
fn without_a_slot_a_build_waits_also_for_a_machine_beside_an_external_builder() {
    let mut case = healthy();
    case.rows[0].jobs = 0;
    assert_eq!(case.decision().outcome, Outcome::Waits);
    case.external = vec!["aarch64-linux"];
    assert_eq!(case.decision().outcome, Outcome::Waits);
    case.prefer_local = true;
    assert_eq!(case.decision().outcome, Outcome::External);
    case.rows.clear();
    case.prefer_local = false;
    assert_eq!(case.decision().outcome, Outcome::External);
}

#[test]
fn the_first_reason_is_nixs_and_the_others_are_kept() {
    let mut case = healthy();
    case.rows[0].systems = Some(vec!["x86_64-linux"]);
    case.rows[0].mandatory = vec!["nixos-test"];
    case.features = ["big-parallel"].into();
    let offers = vec!["x86_64-linux".to_owned()];
    let all = vec![
        Refusal::SystemNotOffered { offers },
        Refusal::FeaturesNotSupported { missing: vec!["big-parallel".to_owned()] },
        Refusal::MandatoryNotRequired { features: vec!["nixos-test".to_owned()] },
    ];
    assert_eq!(case.decision().ranked, [(0, Verdict::Refuses(all))]);
    assert_eq!(case.decision().local, LocalAnswer::Cannot(vec![LocalRefusal::OtherSystem]));
}

fn asked(case: &Case, text: &str) -> Outcome {
    let list = parse(text, "builders", &mut |path| match path {
        "/shut" => FileRead::Unreadable("Permission denied".to_owned()),
        _ => FileRead::Missing,
    });
    ask(&case.required(), Ok(&list), Ok(&case.local())).outcome
}

#[test]
fn a_list_that_nix_refuses_ends_each_build_but_those_that_ask_nobody() {
    let mut case = healthy();
    let text = "a aarch64-linux - many";
    assert_eq!(asked(&case, text), Outcome::Refused(0));
    case.system = OWN;
    assert_eq!(asked(&case, text), Outcome::Refused(0));
    case.prefer_local = true;
    assert_eq!(asked(&case, text), Outcome::Itself);
}

#[test]
fn a_list_that_is_not_known_tells_nothing() {
    let case = healthy();
    let unknown = |text: &str| matches!(asked(&case, text), Outcome::Unknown(_));
    assert!(unknown("@/shut"));
    assert!(unknown(&"a aarch64-linux;".repeat(1001)));
    assert!(!unknown("a aarch64-linux"));
    let missing = Missing::new("there is no Nix");
    let decision = ask(&case.required(), Err(&missing), Ok(&case.local()));
    assert_eq!(decision.outcome, Outcome::Unknown("there is no Nix".to_owned()));
}

#[test]
fn settings_that_do_not_tell_are_not_guessed() {
    let config = NixConfig { system: Some(OWN.to_owned()), ..NixConfig::default() };
    assert_eq!(Local::of(&config).unwrap_err().because, "Nix's settings do not tell system-features");
}
