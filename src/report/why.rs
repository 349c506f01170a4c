//! Which machine takes a derivation: the page of `why`, made once, as text and as JSON.

use super::paint::Paint;
use super::{SCHEMA_VERSION, Tool};
use crate::check::Manager;
use crate::evidence::Missing;
use crate::evidence::machines::Place;
use crate::host::quoted;
use crate::parse::derivation::Required;
use crate::parse::machines::{Machine, Machines};
use crate::prose::{and, line};
use crate::why::{By, Decision, Local, LocalAnswer, LocalRefusal, Outcome, Refusal, Verdict};
use serde::Serialize;
use std::fmt::Write;

/// Features that promise nothing that a machine could lack.
const LABELS: [&str; 3] = ["benchmark", "big-parallel", "nixos-test"];

/// What a Mac calls itself.
const MAC: &str = "this Mac";

/// What the page is made of besides the decision.
pub struct Facts<'a> {
    /// What is required.
    pub required: &'a Required,
    /// Where that is from.
    pub from: From,
    /// The machines and problems that the decision numbers, where they are known.
    pub list: Option<&'a Machines>,
    /// What this machine builds by itself.
    pub local: Option<&'a Local>,
    /// Who manages the files.
    pub manager: Manager,
    /// The file that sets `builders`, if one does.
    pub setting: Option<&'a str>,
    /// The host that nix-darwin's own builder has.
    pub builder: &'a str,
    /// The machines are those of a file that the user named.
    pub own_file: bool,
}

/// Where it is from what is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// It was typed.
    Options,
    /// From the expectations, as nothing was typed.
    Expectations,
    /// From a derivation.
    Derivation,
}

/// The page, as the JSON contract has it.
#[derive(Debug, Serialize)]
pub struct Page {
    /// As in a report.
    pub schema_version: u64,
    /// Who wrote it.
    pub tool: Tool,
    /// 0 somebody builds it · 1 nobody does · 3 it cannot be told.
    pub exit_code: u8,
    /// `machine`, `itself`, `external-builder`, `waits`, `nobody`, `refused` or `unknown`.
    pub outcome: &'static str,
    /// The answer in a sentence.
    pub answer: String,
    /// The store of the machine that takes it, as Nix names it in logs.
    pub taker: Option<String>,
    /// What was asked; none where that could not be told.
    pub required: Option<Demand>,
    /// Each machine once: the candidates in the order in which Nix would try them, then the others.
    pub machines: Vec<Row>,
    /// This machine itself.
    pub this_machine: Option<Here>,
    /// What to do next.
    pub next: Next,
}

/// What is required, and by what that is known.
#[derive(Debug, Serialize)]
pub struct Demand {
    /// `options`, `expectations` or `derivation`.
    pub from: From,
    /// The derivation's name, if there is one.
    pub name: Option<String>,
    /// The system that it is for, or `builtin`.
    pub system: String,
    /// The system features that it demands.
    pub features: Vec<String>,
    /// Whether this machine builds it before any other is asked, if it can.
    pub prefer_local: bool,
    /// Its builder is a part of Nix.
    pub builtin: bool,
}

/// A machine and its verdict.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What a reader knows it by.
    pub name: String,
    /// Its store, as Nix names it in logs.
    pub store: String,
    /// Its line.
    #[serde(rename = "where")]
    pub place: Place,
    /// `takes`, `could`, `no-slots`, `refuses` or `unknown`.
    pub verdict: &'static str,
    /// In one word why it does not take it; none for `takes`.
    pub reason: Option<&'static str>,
    /// The same in a sentence.
    pub detail: String,
    /// What would let it take it.
    pub remedy: Vec<String>,
}

/// This machine and its verdict.
#[derive(Debug, Serialize)]
pub struct Here {
    /// `this Mac` or `this machine`.
    pub name: &'static str,
    /// `takes`, `could`, `refuses` or `unknown`.
    pub verdict: &'static str,
    /// In a sentence.
    pub detail: String,
}

/// What to do next.
#[derive(Debug, Default, Serialize)]
pub struct Next {
    /// In a sentence, without a dot.
    pub text: String,
    /// Each can be pasted.
    pub commands: Vec<String>,
}

impl Page {
    /// The page of a decision.
    pub fn new(decision: &Decision, facts: &Facts) -> Page {
        let (outcome, exit_code) = match decision.outcome {
            Outcome::Machine(_) => ("machine", 0),
            Outcome::Itself => ("itself", 0),
            Outcome::External => ("external-builder", 0),
            Outcome::Waits => ("waits", 1),
            Outcome::Nobody => ("nobody", 1),
            Outcome::Refused(_) => ("refused", 1),
            Outcome::Unknown(_) => ("unknown", 3),
        };
        let taker = match decision.outcome {
            Outcome::Machine(at) => facts.machine(at).map(|machine| line(&machine.store())),
            _ => None,
        };
        // Of a list that Nix refuses no machine takes anything.
        let listed = !matches!(decision.outcome, Outcome::Refused(_));
        let ranked = decision.ranked.iter().filter(|_| listed);
        Page {
            exit_code,
            outcome,
            answer: facts.answer(decision),
            taker,
            required: Some(Demand::new(facts.from, facts.required)),
            machines: ranked.filter_map(|(at, verdict)| facts.row(decision, *at, verdict)).collect(),
            this_machine: Some(facts.here(decision)),
            next: facts.next(decision),
            ..Page::blank()
        }
    }

    /// The page where it cannot be told what is required.
    pub fn without_question(missing: &Missing, asked: &str) -> Page {
        Page {
            answer: format!("it cannot be told what the derivation requires: {}", bare(&missing.because)),
            next: Next {
                text: "see the whole message, and let builder-doctor look at Nix".to_owned(),
                commands: vec![
                    format!("nix derivation show -- {}", quoted(&line(asked))),
                    "builder-doctor".to_owned(),
                ],
            },
            ..Page::blank()
        }
    }

    fn blank() -> Page {
        Page {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            exit_code: 3,
            outcome: "unknown",
            answer: String::new(),
            taker: None,
            required: None,
            machines: Vec::new(),
            this_machine: None,
            next: Next::default(),
        }
    }

    /// As JSON, with a newline at its end.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// As text, with a newline at its end.
    pub fn human(&self, paint: Paint) -> String {
        let answer = format!("{}.", capital(&self.answer, &self.machines));
        let mut parts = vec![paint.headline(self.exit_code == 1, &answer)];
        parts.extend(self.required.as_ref().map(|demand| paint.wrap(&demand.sentence(), "", "")));
        let rows: Vec<String> = self.machines.iter().map(|row| row.human(paint)).collect();
        if !rows.is_empty() {
            parts.push(rows.join("\n"));
        }
        parts.extend(self.this_machine.as_ref().map(|here| here.human(paint)));
        if self.machines.iter().filter(|row| matches!(row.verdict, "takes" | "could")).count() > 1 {
            let note = "What runs on the machines now cannot be seen: all of them count as idle.";
            parts.push(paint.dim(&paint.wrap(note, "", "")));
        }
        parts.push(self.next.human(paint));
        parts.join("\n\n") + "\n"
    }
}

/// A sentence begins with a capital, but not where it begins with a machine's name.
fn capital(sentence: &str, machines: &[Row]) -> String {
    let mut rest = sentence.chars();
    match rest.next() {
        Some(first) if !machines.iter().any(|row| sentence.starts_with(&row.name)) => {
            first.to_uppercase().chain(rest).collect()
        }
        _ => sentence.to_owned(),
    }
}

/// Without a dot at its end.
fn bare(text: &str) -> &str {
    text.trim_end_matches('.')
}

impl Demand {
    fn new(from: From, required: &Required) -> Demand {
        Demand {
            from,
            name: required.name.as_deref().map(line),
            system: line(&required.system),
            features: required.features.iter().map(|it| line(it)).collect(),
            prefer_local: required.prefer_local,
            builtin: required.builtin,
        }
    }

    fn sentence(&self) -> String {
        let what = match self.features.as_slice() {
            [] => format!("{}, no feature", self.system),
            features => format!("{} with {}", self.system, and(features)),
        };
        let prefers = if self.prefer_local { "; it prefers to be built locally" } else { "" };
        match self.from {
            From::Derivation => {
                let name = self.name.as_deref().unwrap_or("the derivation");
                format!("Required by {name}: {what}{prefers}. Its inputs were not asked.")
            }
            From::Options => format!("Required, as asked: {what}."),
            From::Expectations => format!("Required, as expected of the builder: {what}."),
        }
    }
}

impl Row {
    fn human(&self, paint: Paint) -> String {
        let state = match self.verdict {
            "takes" => "ok",
            "could" => "skipped",
            "unknown" => "unknown",
            _ => "fail",
        };
        let place = format!("({}:{})", line(&self.place.path), self.place.line);
        let mut out = format!("{} {} {}", paint.glyph(state), paint.bold(&self.name), paint.dim(&place));
        let _ = write!(out, "\n{}", paint.wrap(&self.detail, "    ", "    "));
        for remedy in &self.remedy {
            let _ = write!(out, "\n{}", paint.wrap(remedy, "    to let it: ", "               "));
        }
        out
    }
}

impl Here {
    fn human(&self, paint: Paint) -> String {
        let state = match self.verdict {
            "takes" => "ok",
            "unknown" => "unknown",
            _ => "skipped",
        };
        let detail = paint.wrap(&self.detail, "    ", "    ");
        format!("{} {}\n{detail}", paint.glyph(state), paint.bold(self.name))
    }
}

impl Next {
    fn human(&self, paint: Paint) -> String {
        let end = if self.commands.is_empty() { "." } else { ":" };
        let mut out = paint.wrap(&format!("Next: {}{end}", self.text), "", "");
        if !self.commands.is_empty() {
            out.push('\n');
        }
        for command in &self.commands {
            let _ = write!(out, "\n    {}", paint.bold(command));
        }
        out
    }
}

impl Facts<'_> {
    fn machine(&self, at: usize) -> Option<&Machine> {
        self.list?.machines.get(at)
    }

    fn answer(&self, decision: &Decision) -> String {
        let here = self.this_machine();
        match &decision.outcome {
            Outcome::Machine(at) => format!("{} takes it", self.name(*at)),
            Outcome::Itself => format!("{here} builds it itself"),
            Outcome::External => format!("a program on {here} takes it, which external-builders names"),
            Outcome::Waits => {
                let idle = decision.ranked.iter().find(|(_, it)| *it == Verdict::NoSlots);
                let name = idle.map_or_else(|| "the machine".to_owned(), |(at, _)| self.name(*at));
                format!("it waits for ever for {name}, which could take it and takes 0 jobs at once")
            }
            Outcome::Refused(at) => {
                let problem = self.list.and_then(|all| all.problems.get(*at));
                match problem.map(|problem| (line(&problem.nix_says), &problem.place)) {
                    Some((says, place)) if says.is_empty() => {
                        format!("nobody builds it: Nix never comes to the end of {}", line(&place.path))
                    }
                    Some((says, _)) => {
                        format!(
                            "nobody builds it: Nix refuses the whole list of machines, as {}",
                            bare(&says)
                        )
                    }
                    None => "nobody builds it: Nix refuses the whole list of machines".to_owned(),
                }
            }
            Outcome::Unknown(because) => {
                let because = line(because);
                let refused = !decision.ranked.is_empty()
                    && decision.ranked.iter().all(|(_, it)| matches!(it, Verdict::Refuses(_)));
                if refused && self.local.is_none() && !self.required.prefer_local {
                    format!("no machine takes it, and of {here} it cannot be told: {}", bare(&because))
                } else {
                    format!("it cannot be told who takes it: {}", bare(&because))
                }
            }
            Outcome::Nobody => format!("no machine takes it: {}", self.why_nobody(decision)),
        }
    }

    fn why_nobody(&self, decision: &Decision) -> String {
        let refusals = || {
            decision.ranked.iter().filter_map(|(at, it)| match it {
                Verdict::Refuses(all) => Some((*at, all)),
                _ => None,
            })
        };
        let no_system = |all: &Vec<Refusal>| matches!(all.first(), Some(Refusal::SystemNotOffered { .. }));
        let nearest = self.nearest(decision);
        match nearest {
            // Nix believes that this machine can build it, and so asks none.
            _ if refusals().count() < decision.ranked.len() => {
                format!("{} comes first, and max-jobs is 0", self.this_machine())
            }
            None => "there is none".to_owned(),
            Some((at, all)) if decision.ranked.len() == 1 => {
                format!("{} {}", self.name(at), self.refusals(all))
            }
            Some(_) if refusals().all(|(_, all)| no_system(all)) => {
                format!("none offers {}", line(&self.required.system))
            }
            Some((at, all)) => format!("{} comes nearest, and {}", self.name(at), self.refusals(all)),
        }
    }

    /// The machine that the least keeps from taking it.
    fn nearest<'d>(&self, decision: &'d Decision) -> Option<(usize, &'d [Refusal])> {
        let refusing = decision.ranked.iter().filter_map(|(at, it)| match it {
            Verdict::NoSlots => Some((*at, &[][..])),
            Verdict::Refuses(all) => Some((*at, all.as_slice())),
            _ => None,
        });
        // Features are a word in a line; what a machine cannot run no line changes.
        let weight = |all: &[Refusal]| {
            let of = |it: &Refusal| match it {
                Refusal::SystemNotOffered { .. } if !self.could_offer(it) => 1000,
                Refusal::SystemNotOffered { .. } => 10,
                _ => 1,
            };
            all.iter().map(of).sum::<usize>()
        };
        let foreign = |at: usize| self.machine(at).is_none_or(|machine| machine.host != self.builder);
        refusing.min_by_key(|(at, all)| (weight(all), foreign(*at)))
    }

    /// Whether a change of its line could let a machine take it: one kernel's machine never builds for another's.
    fn could_offer(&self, refusal: &Refusal) -> bool {
        let kernel = |system: &str| system.rsplit_once('-').map(|(_, kernel)| kernel.to_owned());
        match refusal {
            Refusal::SystemNotOffered { offers } => {
                offers.iter().any(|it| kernel(it) == kernel(&self.required.system))
            }
            _ => true,
        }
    }

    fn row(&self, decision: &Decision, at: usize, verdict: &Verdict) -> Option<Row> {
        let machine = self.machine(at)?;
        let (word, reason, detail) = self.judged(decision, at, verdict);
        let remedy = match verdict {
            Verdict::NoSlots => vec![self.remedy(machine, None)],
            Verdict::Refuses(all) if all.iter().all(|it| self.could_offer(it)) => {
                all.iter().map(|it| self.remedy(machine, Some(it))).collect()
            }
            _ => Vec::new(),
        };
        Some(Row {
            name: line(machine.name()),
            store: line(&machine.store()),
            place: machine.place.clone(),
            verdict: word,
            reason,
            detail,
            remedy,
        })
    }

    fn judged(
        &self,
        decision: &Decision,
        at: usize,
        verdict: &Verdict,
    ) -> (&'static str, Option<&'static str>, String) {
        match verdict {
            Verdict::Takes if decision.outcome == Outcome::Machine(at) => {
                let candidate = |it: &Verdict| matches!(it, Verdict::Loses { .. });
                let second = decision.ranked.get(1).filter(|(_, it)| candidate(it));
                let detail = second.map_or("takes it".to_owned(), |(next, _)| {
                    format!("takes it; if it cannot be reached, Nix tries {}", self.name(*next))
                });
                ("takes", None, detail)
            }
            Verdict::Takes => {
                let first = matches!(decision.outcome, Outcome::Itself | Outcome::External | Outcome::Nobody);
                let but =
                    if first { format!("; {} comes first", self.this_machine()) } else { String::new() };
                ("could", Some(if first { "local-first" } else { "unknown" }), format!("could take it{but}"))
            }
            Verdict::Loses { to, by } => {
                let other = self.name(*to);
                let (reason, why) = match by {
                    By::Speed => ("slower", format!("is slower than {other}: {}", self.speeds(at, *to))),
                    By::Order => ("later", format!("stands behind {other}, which is as fast")),
                    By::Load => (
                        "busier",
                        format!(
                            "counts as busier than {other}: another line of its store holds a slot already"
                        ),
                    ),
                    By::Slot => (
                        "same-slot",
                        format!("has only the slot that {other} holds already: both lines name one store"),
                    ),
                };
                ("could", Some(reason), format!("could take it, and {why}"))
            }
            Verdict::NoSlots => {
                ("no-slots", Some("no-slots"), "could take it, and takes 0 jobs at once".to_owned())
            }
            Verdict::Unknown => (
                "unknown",
                Some("unknown"),
                "states no system, so it has that of this machine, which is not known".to_owned(),
            ),
            Verdict::Refuses(all) => {
                let reason = all.first().map(|first| match first {
                    Refusal::SystemNotOffered { .. } => "system-not-offered",
                    Refusal::FeaturesNotSupported { .. } => "features-not-supported",
                    Refusal::MandatoryNotRequired { .. } => "mandatory-not-required",
                });
                ("refuses", reason, self.refusals(all))
            }
        }
    }

    fn speeds(&self, one: usize, other: usize) -> String {
        let speed = |at: usize| self.machine(at).map_or(1.0, Machine::speed_factor);
        format!("speed factor {} against {}", speed(one), speed(other))
    }

    /// What keeps a machine from taking it, as what follows its name.
    fn refusals(&self, all: &[Refusal]) -> String {
        let words = |all: &[String]| and(&all.iter().map(|it| line(it)).collect::<Vec<_>>());
        let said: Vec<String> = all
            .iter()
            .map(|refusal| match refusal {
                Refusal::SystemNotOffered { offers } if offers.is_empty() => "offers no system".to_owned(),
                Refusal::SystemNotOffered { offers } => {
                    format!("offers {}, not {}", words(offers), line(&self.required.system))
                }
                Refusal::FeaturesNotSupported { missing } => format!("lacks {}", words(missing)),
                Refusal::MandatoryNotRequired { features } => {
                    format!("takes only what requires {}", words(features))
                }
            })
            .collect();
        said.join("; ")
    }

    /// What would let a machine take it; without a refusal it lacks only a slot.
    fn remedy(&self, machine: &Machine, refusal: Option<&Refusal>) -> String {
        let words = |all: &[String], by: &str| all.iter().map(|it| line(it)).collect::<Vec<_>>().join(by);
        let (column, option) = match refusal {
            Some(Refusal::SystemNotOffered { .. }) => (2, "systems"),
            None => (4, "maxJobs"),
            Some(Refusal::FeaturesNotSupported { .. }) => (6, "supportedFeatures"),
            Some(Refusal::MandatoryNotRequired { .. }) => (7, "mandatoryFeatures"),
        };
        let place = if !self.is_of_nix_darwin(machine) {
            format!("column {column} of its line")
        } else if machine.host == self.builder {
            format!("nix.linux-builder.{option}")
        } else {
            format!("{option} of its entry in nix.buildMachines")
        };
        match refusal {
            Some(Refusal::SystemNotOffered { .. }) => {
                format!("add {} to {place}, if it can build for that", line(&self.required.system))
            }
            Some(Refusal::FeaturesNotSupported { missing }) => {
                let list = if self.is_of_nix_darwin(machine) { " " } else { "," };
                let labels = missing.iter().all(|it| LABELS.contains(&it.as_str()));
                let if_so = if labels { "" } else { ", if it has that" };
                format!("add {} to {place}{if_so}", words(missing, list))
            }
            Some(Refusal::MandatoryNotRequired { features }) => {
                format!("take {} out of {place}, or have the derivation require it", words(features, " "))
            }
            None => format!("put 1 or more in {place}"),
        }
    }

    fn is_of_nix_darwin(&self, machine: &Machine) -> bool {
        self.manager == Manager::NixDarwin && !self.own_file && machine.place.path.starts_with("/etc/nix/")
    }

    fn here(&self, decision: &Decision) -> Here {
        let name = self.this_machine();
        let takes = matches!(decision.outcome, Outcome::Itself | Outcome::External);
        let prefers = self.required.prefer_local;
        let external = if decision.local == LocalAnswer::External {
            ", by the program that external-builders names"
        } else {
            ""
        };
        let (verdict, detail) = match &decision.local {
            LocalAnswer::Unknown(because) => ("unknown", format!("cannot be told: {}", line(because))),
            LocalAnswer::Cannot(all) => ("refuses", self.local_refusals(all)),
            _ if takes && prefers => (
                "takes",
                format!("takes it before any machine is asked, as it prefers the local build{external}"),
            ),
            _ if takes => ("takes", format!("takes it, as no machine does{external}")),
            _ if decision.outcome == Outcome::Waits => {
                ("could", format!("could build it{external}, and is not asked as long as it waits"))
            }
            _ => ("could", format!("could build it{external}; Nix asks the machines first")),
        };
        Here { name, verdict, detail }
    }

    fn local_refusals(&self, all: &[LocalRefusal]) -> String {
        let said: Vec<String> = all
            .iter()
            .map(|refusal| match refusal {
                LocalRefusal::NoJobs => "builds nothing itself: max-jobs is 0".to_owned(),
                LocalRefusal::OtherSystem => {
                    let own: Vec<String> =
                        self.local.into_iter().flat_map(Local::systems).map(|it| line(it)).collect();
                    format!("builds for {}, not {}", and(&own), line(&self.required.system))
                }
                LocalRefusal::FeaturesNotSupported { missing } => {
                    let missing: Vec<String> = missing.iter().map(|it| line(it)).collect();
                    format!("lacks {} in system-features", and(&missing))
                }
            })
            .collect();
        said.join("; ")
    }

    fn next(&self, decision: &Decision) -> Next {
        let plain = |text: &str| Next { text: text.to_owned(), commands: Vec::new() };
        match &decision.outcome {
            Outcome::Machine(_) => plain("builder-doctor tells whether a build really runs there"),
            Outcome::Itself | Outcome::External => plain("nothing to do"),
            Outcome::Unknown(_) => plain("builder-doctor tells what is wrong with Nix and its settings"),
            Outcome::Refused(at) => match self.list.and_then(|all| all.problems.get(*at)) {
                Some(problem) => Next {
                    text: format!(
                        "mend line {} of {}, column {}, and ask again",
                        problem.place.line,
                        line(&problem.place.path),
                        problem.place.column
                    ),
                    commands: self.commands(&problem.place),
                },
                None => plain("builder-doctor tells what is wrong with the list"),
            },
            Outcome::Waits | Outcome::Nobody => {
                let near = self.nearest(decision).and_then(|(at, all)| Some((self.machine(at)?, all)));
                let Some((machine, refusals)) = near else {
                    return plain("builder-doctor tells why there is no machine");
                };
                if !refusals.iter().all(|it| self.could_offer(it)) {
                    let system = line(&self.required.system);
                    return plain(&format!("declare a machine that builds for {system}, and ask again"));
                }
                let steps: Vec<String> = if refusals.is_empty() {
                    vec![self.remedy(machine, None)]
                } else {
                    refusals.iter().map(|it| self.remedy(machine, Some(it))).collect()
                };
                Next {
                    text: format!("for {}, {}, and ask again", line(machine.name()), steps.join("; ")),
                    commands: if self.is_of_nix_darwin(machine) {
                        vec!["sudo darwin-rebuild switch".to_owned()]
                    } else {
                        self.commands(&machine.place)
                    },
                }
            }
        }
    }

    /// What opens the file in which a place is, and makes the change count.
    fn commands(&self, place: &Place) -> Vec<String> {
        let edit = |path: &str| {
            let system = path.starts_with("/etc/") || path.starts_with("/nix/");
            let editor = if system && !self.own_file { "sudo -e" } else { "${EDITOR:-nano}" };
            format!("{editor} {}", quoted(&line(path)))
        };
        if self.own_file || place.path.starts_with('/') {
            return vec![edit(&place.path)];
        }
        // The setting itself holds the machines, and what the daemon has read counts until it starts anew.
        let path = self.setting.unwrap_or(match self.manager {
            Manager::Determinate => "/etc/nix/nix.custom.conf",
            _ => "/etc/nix/nix.conf",
        });
        let restart = match self.manager {
            _ if !path.starts_with("/etc/") => return vec![edit(path)],
            Manager::NixDarwin => return vec!["sudo darwin-rebuild switch".to_owned()],
            _ if self.this_machine() != MAC => "sudo systemctl restart nix-daemon.service",
            Manager::Determinate => "sudo launchctl kickstart -k system/systems.determinate.nix-daemon",
            Manager::Nobody => "sudo launchctl kickstart -k system/org.nixos.nix-daemon",
        };
        vec![edit(path), restart.to_owned()]
    }

    /// The name, and the line where the name alone is not enough.
    fn name(&self, at: usize) -> String {
        let Some(machine) = self.machine(at) else { return "a machine".to_owned() };
        let all = self.list.into_iter().flat_map(|all| &all.machines);
        let same = all.filter(|other| other.name() == machine.name()).count();
        let name = line(machine.name());
        if same > 1 { format!("{name} of line {}", machine.place.line) } else { name }
    }

    fn this_machine(&self) -> &'static str {
        let mac = self.local.is_some_and(|local| local.system.ends_with("-darwin"));
        if mac { MAC } else { "this machine" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::machines::{FileRead, parse};
    use crate::why::ask;

    /// The page for a machine that lacks a feature, by who manages what and where its line is.
    fn page(builders: &str, manager: Manager, setting: Option<&str>, system: &str) -> Page {
        let list = parse(builders, "builders", &mut |_| FileRead::Text("h aarch64-linux".to_owned()));
        let local = Local {
            system: system.to_owned(),
            extra_platforms: Vec::new(),
            features: Vec::new(),
            takes_jobs: true,
            external: Vec::new(),
        };
        let required = Required {
            system: "aarch64-linux".to_owned(),
            features: ["nixos-test".to_owned()].into(),
            ..Required::default()
        };
        let facts = Facts {
            required: &required,
            from: From::Options,
            list: Some(&list),
            local: Some(&local),
            manager,
            setting,
            builder: "linux-builder",
            own_file: false,
        };
        Page::new(&ask(&required, Ok(&list), Ok(&local)), &facts)
    }

    #[test]
    fn what_to_do_next_is_by_who_manages_the_files() {
        let (file, inline) = ("@/etc/nix/machines", "h aarch64-linux");
        let (mac, linux) = ("aarch64-darwin", "x86_64-linux");
        let restart = "sudo launchctl kickstart -k system/org.nixos.nix-daemon";
        let determinate = "sudo launchctl kickstart -k system/systems.determinate.nix-daemon";
        let systemd = "sudo systemctl restart nix-daemon.service";
        let etc = Some("/etc/nix/nix.conf");
        let own = Some("/Users/alice/.config/nix/nix.conf");
        use Manager::*;
        for (builders, manager, setting, system, commands) in [
            (file, Nobody, None, mac, &["sudo -e /etc/nix/machines"][..]),
            (file, Determinate, None, mac, &["sudo -e /etc/nix/machines"]),
            (file, NixDarwin, None, mac, &["sudo darwin-rebuild switch"]),
            (inline, Nobody, etc, mac, &["sudo -e /etc/nix/nix.conf", restart]),
            (inline, Nobody, None, linux, &["sudo -e /etc/nix/nix.conf", systemd]),
            (inline, Determinate, None, mac, &["sudo -e /etc/nix/nix.custom.conf", determinate]),
            (inline, NixDarwin, etc, mac, &["sudo darwin-rebuild switch"]),
            (inline, NixDarwin, own, mac, &["${EDITOR:-nano} /Users/alice/.config/nix/nix.conf"]),
        ] {
            let page = page(builders, manager, setting, system);
            assert_eq!(page.next.commands, commands, "{builders} {manager:?} {setting:?} {system}");
            assert_eq!(page.exit_code, 1);
        }
    }

    #[test]
    fn a_machine_of_nix_darwin_is_mended_by_its_option() {
        let page = page("@/etc/nix/machines", Manager::NixDarwin, None, "aarch64-darwin");
        let remedy = "add nixos-test to supportedFeatures of its entry in nix.buildMachines";
        assert_eq!(page.machines[0].remedy, [remedy]);
        assert_eq!(page.next.text, format!("for h, {remedy}, and ask again"));
    }

    #[test]
    fn a_sentence_begins_with_a_capital_but_a_name_stays_as_it_is() {
        let page = page("h aarch64-linux", Manager::Nobody, None, "aarch64-darwin");
        assert!(page.human(Paint::PLAIN).starts_with("No machine takes it: h lacks nixos-test.\n"));
        assert_eq!(capital("h takes it", &page.machines), "h takes it");
        assert_eq!(capital("", &[]), "");
    }
}
