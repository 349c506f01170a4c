//! The plan as text and as JSON.

use super::paint::Paint;
use super::{Report, SCHEMA_VERSION, Tool, json};
use crate::check::Manager;
use crate::diagnosis::{Diagnosis, State};
use crate::fix::Safety;
use crate::fix::plan::{ByHand, Patch, Plan, Planned};
use crate::fix::step::{Action, As, Back, Step};
use crate::prose::{and, count};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// A plan as it is printed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// Who wrote it.
    pub tool: Tool,
    /// `healthy`, `degraded`, `broken` or `unknown`.
    pub verdict: &'static str,
    /// What the plan is for: `this-machine`, or `report`.
    pub machine: &'static str,
    /// See [`PlanReport::new`].
    pub exit_code: u8,
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
}

impl PlanReport {
    /// The plan of a diagnosis. Its exit code: 0 there is something to apply, or nothing to mend · 1 something is
    /// to be mended, and nothing that is allowed does it · 3 nothing was found, and something could not be told.
    pub fn new(d: &Diagnosis, plan: Plan, of_this_machine: bool) -> Self {
        let left = !(plan.withheld.is_empty() && plan.patches.is_empty() && plan.by_hand.is_empty());
        let exit_code = match () {
            () if !plan.fixes.is_empty() => 0,
            () if left => 1,
            () if d.state == State::Unknown => 3,
            () => 0,
        };
        PlanReport {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            verdict: d.state.name(),
            machine: if of_this_machine { "this-machine" } else { "report" },
            exit_code,
            plan,
        }
    }
}

/// The last line of a report at a terminal, where a safe fix is at hand.
pub(super) fn offer(report: &Report) -> Option<String> {
    let ids: Vec<&str> = report.fixable().map(|found| found.id).collect();
    (report.offers_fixes && !report.interrupted && !ids.is_empty())
        .then(|| format!("Next: builder-doctor fix mends {}: it shows each step, and asks first.", and(&ids)))
}

/// As JSON.
pub fn render_json(report: &PlanReport) -> String {
    json::written(report)
}

/// As text, with a newline at its end.
pub fn render(report: &PlanReport, paint: Paint) -> String {
    let plan = &report.plan;
    let mut parts = vec![head(report, paint)];
    let several = plan.fixes.len() > 1;
    parts.extend(plan.fixes.iter().enumerate().map(|(i, fix)| {
        let number = if several { format!("{}. ", i + 1) } else { String::new() };
        planned(&number, fix, paint)
    }));
    parts.extend(plan.withheld.iter().map(|fix| withheld(fix, paint)));
    parts.extend(plan.patches.iter().map(|it| patch(it, paint)));
    parts.extend(plan.by_hand.iter().map(|it| by_hand(it, paint)));
    parts.join("\n\n") + "\n"
}

fn head(report: &PlanReport, paint: Paint) -> String {
    let plan = &report.plan;
    let machine = if report.machine == "report" { "the machine of this report" } else { "this machine" };
    let text = match plan.fixes.as_slice() {
        [] if plan.withheld.is_empty() && plan.patches.is_empty() && plan.by_hand.is_empty() => {
            let but = if report.verdict == "unknown" { ", but something could not be told" } else { "" };
            format!("Nothing is to be mended on {machine}{but}.")
        }
        [] => format!("Nothing is mended by itself on {machine}."),
        fixes => {
            let steps: usize = fixes.iter().map(|fix| fix.steps.len()).sum();
            let root = if fixes.iter().any(|fix| fix.needs_root) { "needs root" } else { "needs no root" };
            let worst = fixes.iter().map(|fix| fix.interrupts).max().map_or("nothing", |it| it.words());
            let (fixes, steps) = (fixes_of(fixes.len()), count(steps, "step"));
            format!("The plan for {machine}: {fixes}, {steps}. It {root}, and interrupts {worst}.")
        }
    };
    let wrapped = paint.wrap(&text, "", "");
    wrapped.lines().map(|line| paint.bold(line)).collect::<Vec<_>>().join("\n")
}

fn fixes_of(number: usize) -> String {
    if number == 1 { "1 fix".to_owned() } else { format!("{number} fixes, one after the other") }
}

/// A line that is never wrapped, as it may hold a command.
fn whole(text: &str, paint: Paint) -> String {
    Paint { colour: false, ..paint }.bold(&text.replace('\n', " ").replace('\t', "    "))
}

fn row(out: &mut String, name: &str, text: &str, paint: Paint) {
    let _ = write!(out, "\n{}", paint.wrap(text, &format!("  {name:<9} "), "            "));
}

fn planned(number: &str, fix: &Planned, paint: Paint) -> String {
    let mut out = format!("{number}{} ", paint.bold(&fix.id));
    let _ = write!(out, "{}", paint.dim(&format!("({})", fix.safety.name())));
    row(&mut out, "seen", &fix.seen, paint);
    row(&mut out, "fix", &format!("{}.", fix.title), paint);
    for (i, it) in fix.steps.iter().enumerate() {
        let _ = write!(out, "\n\n{}", step(i + 1, it, paint));
    }
    out
}

fn step(number: usize, step: &Step, paint: Paint) -> String {
    let sudo = |action: &Action| match (action.argv().is_some(), step.as_whom) {
        (true, As::Root) => action.to_string().replacen("run `", "run `sudo ", 1),
        _ => action.to_string(),
    };
    let mut out = format!("  {number}. {}", paint.bold(&whole(&sudo(&step.action), paint)));
    for line in contents(&step.action) {
        let _ = write!(out, "\n       {}", whole(&line, paint));
    }
    let _ = write!(out, "\n{}", paint.wrap(&format!("to {}", step.why), "     ", "     "));
    let ends = format!("as {}, interrupts {}", step.as_whom.name(), step.interrupts.words());
    let _ = write!(out, "\n{}", paint.wrap(&ends, "     ", "     "));
    match &step.back {
        Back::By { actions } => {
            for action in actions {
                let _ = write!(out, "\n     way back: {}", whole(&sudo(action), paint));
            }
        }
        Back::FromJournal { then } => {
            out.push_str("\n     way back: what stood there before is kept, and put back");
            for action in then {
                let _ = write!(out, "\n     and then: {}", whole(&sudo(action), paint));
            }
        }
        Back::Nothing { because } => {
            let text = format!("way back: none is needed, as {because}");
            let _ = write!(out, "\n{}", paint.wrap(&text, "     ", "     "));
        }
    }
    out
}

/// What goes into a file, and what goes out.
fn contents(action: &Action) -> Vec<String> {
    match action {
        Action::WriteFile { text, .. } => text.lines().map(|line| format!("+ {line}")).collect(),
        Action::AppendLines { lines, .. } => lines.iter().map(|line| format!("+ {line}")).collect(),
        Action::ReplaceLine { was, now, .. } => {
            let new = now.iter().map(|line| format!("+ {line}"));
            std::iter::once(format!("- {was}")).chain(new).collect()
        }
        _ => Vec::new(),
    }
}

fn withheld(fix: &Planned, paint: Paint) -> String {
    let mut out = format!("{} {}", paint.bold(&fix.id), paint.dim("(not in the plan)"));
    row(&mut out, "seen", &fix.seen, paint);
    let word = fix.safety.name();
    let why = match fix.safety {
        Safety::Ask => "changes what is yours to decide",
        _ if fix.interrupts > crate::fix::step::Interrupts::Nothing => "may end builds that run",
        _ => "sets aside what has to be built again",
    };
    row(&mut out, "fix", &format!("{}.", fix.title), paint);
    row(&mut out, "but", &format!("it {why}: --allow {word} puts it into the plan."), paint);
    out
}

fn text(out: &mut String, text: &str, paint: Paint) {
    for line in text.lines() {
        let indented = if line.starts_with(' ') || line.is_empty() {
            format!("  {}", whole(line, paint))
        } else {
            paint.wrap(line, "  ", "  ")
        };
        let _ = write!(out, "\n{}", indented.trim_end());
    }
}

fn commands(out: &mut String, all: &[String], paint: Paint) {
    for command in all {
        let _ = write!(out, "\n    {}", whole(command, paint));
    }
}

fn patch(patch: &Patch, paint: Paint) -> String {
    let whose = match patch.manager {
        Manager::NixDarwin => "to paste into your nix-darwin configuration",
        Manager::Determinate => "to paste, as Determinate writes the rest",
        Manager::Nobody => "to paste",
    };
    let mut out = format!("{} {}", paint.bold(&patch.id), paint.dim(&format!("({whose})")));
    row(&mut out, "seen", &patch.seen, paint);
    out.push('\n');
    text(&mut out, &patch.text, paint);
    if !patch.then.is_empty() {
        out.push_str("\n\n  then:\n");
        commands(&mut out, &patch.then, paint);
    }
    if !patch.note.is_empty() {
        out.push('\n');
        text(&mut out, &patch.note, paint);
    }
    out
}

fn by_hand(it: &ByHand, paint: Paint) -> String {
    let mut out = format!("{} {}", paint.bold(&it.id), paint.dim("(by hand)"));
    row(&mut out, "seen", &it.seen, paint);
    row(&mut out, "why", &format!("{}.", it.because), paint);
    if !it.commands.is_empty() {
        out.push('\n');
        commands(&mut out, &it.commands, paint);
    }
    if !it.note.is_empty() {
        out.push('\n');
        text(&mut out, &it.note, paint);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Timings, human};
    use super::*;
    use crate::diagnosis::{Selection, diagnose};
    use crate::evidence::healthy;
    use crate::expectations::Expectations;

    #[test]
    fn a_safe_fix_is_offered_at_a_terminal_of_this_machine_and_nowhere_else() {
        let want = Expectations::default();
        let mut e = healthy::evidence();
        (crate::checks::service::builder_service_not_loaded::CHECK.examples[0].given)(&mut e);
        let d = diagnose(&crate::checks::all(), &e, &want, &Selection::default());
        let mut report = Report::new(&d, &e, &want, Timings::default());
        let last = |report: &Report| {
            let text = human::render(report, Paint { width: 140, ..Paint::PLAIN }, human::Detail::Findings);
            text.lines().last().unwrap_or_default().to_owned()
        };
        assert!(!last(&report).contains("builder-doctor fix "));
        report.offers_fixes = true;
        let offered =
            "Next: builder-doctor fix mends builder-service-not-loaded: it shows each step, and asks first.";
        assert_eq!(last(&report), offered);
        report.interrupted = true;
        assert!(!last(&report).contains("builder-doctor fix "));
    }
}
