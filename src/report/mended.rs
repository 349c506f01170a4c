//! What `fix` and `undo` did, as text and as JSON.

use super::paint::Paint;
use super::{SCHEMA_VERSION, Tool, json};
use crate::fix::carry_out::Left;
use crate::fix::journal::{Listed, Progress};
use crate::fix::mend::{Outcome, Told};
use crate::fix::plan::{Plan, Planned};
use crate::prose::count;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// What was done to a machine, and how it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MendReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// Who wrote it.
    pub tool: Tool,
    /// How the last fix ended.
    pub ending: Ending,
    /// `healthy`, `degraded`, `broken` or `unknown`: the machine as it is now.
    pub verdict: &'static str,
    /// See [`Ending::exit_code`].
    pub exit_code: u8,
    /// What was begun, in order.
    pub mended: Vec<Mended>,
    /// What is left: no step of it was carried out.
    #[serde(flatten)]
    pub plan: Plan,
}

/// One fix that was begun, or taken back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Mended {
    /// The check.
    pub id: String,
    /// The fix.
    pub fix: String,
    /// What it does.
    pub title: String,
    /// The number by which `undo` knows it; None where nothing was begun.
    pub number: Option<u32>,
    /// How it ended.
    pub ending: Ending,
    /// Why, where it was not kept; else what shows that it helped.
    pub because: String,
    /// Each step, and how far it came.
    pub steps: Vec<Told>,
    /// What was made since and is kept beside.
    pub beside: Vec<String>,
    /// What still stands, and what takes it back.
    pub left: Vec<Left>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing was to be done, or nothing that is allowed.
    NothingToDo,
    /// Carried out, and verified.
    Fixed,
    /// It failed or did not help, and the machine is as before.
    RolledBack,
    /// Something of it could not be taken back.
    Stuck,
    /// The user said no.
    Declined,
    /// Nothing was begun.
    NotBegun,
    /// The user wanted it to end; what was begun was taken back.
    Interrupted,
    /// A fix of before was taken back.
    Undone,
}

impl Ending {
    /// The exit code, where the machine as it is now would end with this one.
    pub fn exit_code(self, of_machine: u8) -> u8 {
        match self {
            Ending::NothingToDo | Ending::Fixed => of_machine,
            Ending::Declined => 1,
            Ending::NotBegun => 2,
            Ending::RolledBack | Ending::Stuck => 4,
            Ending::Interrupted => 130,
            Ending::Undone => 0,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Ending::NothingToDo => "nothing to do",
            Ending::Fixed => "fixed and verified",
            Ending::RolledBack => "rolled back",
            Ending::Stuck => "stuck",
            Ending::Declined => "declined",
            Ending::NotBegun => "not begun",
            Ending::Interrupted => "interrupted",
            Ending::Undone => "undone",
        }
    }
}

impl Mended {
    /// A fix that is about to begin.
    pub fn of(planned: &Planned) -> Self {
        Mended {
            id: planned.id.clone(),
            fix: planned.fix.clone(),
            title: planned.title.clone(),
            ..Mended::taken_back(None)
        }
    }

    /// A fix that is to be undone.
    pub fn of_listed(row: &Listed) -> Self {
        Mended {
            id: row.id.clone(),
            fix: row.fix.clone(),
            title: row.title.clone(),
            ..Mended::taken_back(Some(row.number))
        }
    }

    /// Of this check, or of what else a journal is kept; nothing was begun.
    pub fn new(id: &str) -> Self {
        Mended { id: id.to_owned(), ..Mended::taken_back(None) }
    }

    fn taken_back(number: Option<u32>) -> Self {
        Mended {
            id: String::new(),
            fix: String::new(),
            title: String::new(),
            number,
            ending: Ending::NotBegun,
            because: String::new(),
            steps: Vec::new(),
            beside: Vec::new(),
            left: Vec::new(),
        }
    }

    /// How far a step came.
    pub fn note(&mut self, told: &Told) {
        match self.steps.iter_mut().find(|step| step.step == told.step) {
            Some(step) => step.progress = told.progress,
            None => self.steps.push(told.clone()),
        }
    }

    /// How it ended. What was only carried out is not ended.
    pub fn end(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::CarriedOut { number } => self.number = Some(number),
            Outcome::Kept { number, unwritten } => {
                (self.number, self.ending) = (Some(number), Ending::Fixed);
                let note = |why| format!("; its journal could not be brought up to date: {why}");
                self.because.push_str(&unwritten.map(note).unwrap_or_default());
            }
            Outcome::TakenBack { number, because, beside } => {
                (self.number, self.ending) = (Some(number), Ending::RolledBack);
                (self.because, self.beside) = (because, beside);
            }
            Outcome::Stuck { number, because, left } => {
                (self.number, self.ending) = (Some(number), Ending::Stuck);
                (self.because, self.left) = (because, left);
            }
            Outcome::NotBegun { because } => (self.ending, self.because) = (Ending::NotBegun, because),
            Outcome::MovedOn { number, files } => {
                (self.number, self.ending) = (Some(number), Ending::NotBegun);
                self.because = format!(
                    "the machine has moved on: {} changed since. With --anyway they are put back all the same",
                    crate::prose::and(&files.iter().map(String::as_str).collect::<Vec<_>>())
                );
            }
        }
    }
}

impl MendReport {
    /// Of these fixes, on a machine that is so now, and would end with this code.
    pub fn new(mended: Vec<Mended>, ending: Ending, verdict: &'static str, code: u8, plan: Plan) -> Self {
        MendReport {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            ending,
            verdict,
            exit_code: ending.exit_code(code),
            mended,
            plan,
        }
    }
}

/// As JSON.
pub fn render_json(report: &MendReport) -> String {
    json::written(report)
}

/// A step as it begins, or is taken back; None for what needs no line.
pub fn step(told: &Told, paint: Paint) -> Option<String> {
    let line = crate::prose::line(&told.step);
    match told.progress {
        Progress::Begun => Some(format!("  {line}\n")),
        Progress::TakenBack => Some(format!("  {} {line}\n", paint.dim("taken back:"))),
        Progress::Left => Some(format!("  {} {line}\n", paint.bold("still stands:"))),
        Progress::Planned | Progress::Done => None,
    }
}

/// How one fix ended, with a newline at its end.
pub fn ended(fix: &Mended, paint: Paint) -> String {
    let mut out = String::new();
    let number = fix.number.map(|number| format!(" ({number})")).unwrap_or_default();
    let mut say = |text: &str| {
        let _ = writeln!(out, "{}", paint.wrap(text, "", ""));
    };
    match fix.ending {
        Ending::Fixed => {
            say(&format!("Fixed and verified: {}. {}.", fix.id, sentence(&fix.because)));
            if let Some(number) = fix.number {
                let _ = writeln!(out, "To take it back: builder-doctor undo {number}");
            }
        }
        Ending::RolledBack | Ending::Interrupted => {
            say(&format!("Rolled back: {}{number}. {}.", fix.id, sentence(&fix.because)));
            say("The machine is as it was before.");
        }
        Ending::Undone => say(&format!("Undone: {} for {}{number}.", fix.fix, fix.id)),
        Ending::Stuck => {
            say(&format!("Stuck: {}{number}. {}.", fix.id, sentence(&fix.because)));
            say("This could not be taken back:");
        }
        Ending::NotBegun | Ending::NothingToDo => {
            say(&format!("Nothing was done about {}: {}.", fix.id, fix.because));
        }
        Ending::Declined => say("Nothing was changed."),
    }
    for line in &fix.beside {
        let _ = writeln!(out, "{}", paint.wrap(&format!("{line}."), "  ", "  "));
    }
    for left in &fix.left {
        let _ = writeln!(out, "\n{}", paint.wrap(&format!("{}: {}", left.done, left.because), "  ", "  "));
        for command in &left.by {
            let _ = writeln!(out, "    {}", crate::prose::line(command));
        }
    }
    out
}

fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The fixes that were carried out, the newest first, with a newline at its end.
pub fn list(all: &[&Listed], paint: Paint) -> String {
    if all.is_empty() {
        return "No fix was carried out on this machine.\n".to_owned();
    }
    let mut out = String::new();
    for it in all.iter().rev() {
        let number = paint.bold(&format!("{:>4}", it.number));
        let _ = writeln!(out, "{number}  {}  {}: {}", crate::prose::moment(it.at), it.id, it.state.name());
        let _ = writeln!(out, "      {}", paint.dim(&crate::prose::line(&it.title)));
    }
    let open = all.iter().filter(|it| it.state.can_be_undone()).count();
    let _ = match open {
        0 => writeln!(out, "\nNone of them can be undone any more."),
        _ => writeln!(out, "\n{} can be undone: builder-doctor undo NUMBER", count(open, "fix")),
    };
    out
}
