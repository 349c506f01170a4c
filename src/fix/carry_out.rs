//! Carries steps out, and takes them back: each is in the journal before it is begun.

use super::journal::{Book, Entry, Journal, Progress, State, Stood};
use super::step::{Action, Back, Condition, Step};
use crate::host::change::{Change, ChangeError, Owner, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What acts on a machine.
pub trait Hands {
    /// Its files.
    fn files(&self) -> &dyn Change;
    /// Runs a program to its end; the error says how it failed.
    fn run(&self, argv: &[String]) -> Result<(), NotRun>;
    /// Waits until something is so, no longer than so many seconds; the error says that it is not.
    fn wait(&self, until: &Condition, at_most_seconds: u64) -> Result<(), String>;
    /// The numbers of an owner such as `root:wheel`.
    fn owner(&self, name: &str) -> Result<Owner, String>;
    /// Why to stop, if somebody wants that.
    fn stop(&self) -> Option<String>;
}

/// How a program failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// It said no, and so did nothing.
    Refused(String),
    /// It was ended, or never began as far as is known: it may have done anything.
    Unknown(String),
}

impl NotRun {
    /// Why: a fragment.
    pub fn why(self) -> String {
        match self {
            NotRun::Refused(why) | NotRun::Unknown(why) => why,
        }
    }
}

/// What could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// What was done, and still stands.
    pub done: String,
    /// Why it still stands.
    pub because: String,
    /// What takes it back, as somebody would type it or read it.
    pub by: Vec<String>,
}

/// What came of taking something back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// What could not be.
    pub left: Vec<Left>,
    /// What was made since, and is kept beside: in words.
    pub beside: Vec<String>,
}

/// Carries out each step. The error says which one failed and why; what was done until then still stands.
pub fn carry_out(
    journal: &mut Journal,
    hands: &dyn Hands,
    book: &dyn Book,
    said: &mut dyn FnMut(&Entry),
) -> Result<(), String> {
    book.keep(journal)?;
    for i in 0..journal.entries.len() {
        if let Some(why) = hands.stop() {
            return Err(why);
        }
        give_a_free_name(&mut journal.entries[i].step, hands)?;
        let action = journal.entries[i].step.action.clone();
        let failed = |why: String| format!("{action}: {why}");
        let before = stood(&action, hands).map_err(|error| failed(error.to_string()))?;
        journal.entries[i].before = before;
        journal.entries[i].progress = Progress::Begun;
        book.keep(journal)?;
        said(&journal.entries[i]);
        match &action {
            Action::Run { .. } | Action::Launchctl { .. } => {
                if let Err(refused) = hands.run(&action.argv().unwrap_or_default()) {
                    if let NotRun::Refused(_) = refused {
                        // Its way back would undo what somebody else did: a job that another has loaded meanwhile.
                        journal.entries[i].progress = Progress::Planned;
                    }
                    return Err(failed(refused.why()));
                }
            }
            _ => act(&action, hands, &mut Vec::new()).map_err(failed)?,
        }
        journal.entries[i].after = stood(&action, hands).unwrap_or_default();
        journal.entries[i].progress = Progress::Done;
        book.keep(journal)?;
        said(&journal.entries[i]);
    }
    Ok(())
}

/// Takes back whatever was begun, the last step first, and never stops half-way.
pub fn take_back(
    journal: &mut Journal,
    hands: &dyn Hands,
    book: &dyn Book,
    ended: State,
    said: &mut dyn FnMut(&Entry),
) -> TakenBack {
    let TakenBack { mut left, mut beside } = TakenBack::default();
    for i in (0..journal.entries.len()).rev() {
        let entry = &journal.entries[i];
        if !matches!(entry.progress, Progress::Begun | Progress::Done | Progress::Left) {
            continue;
        }
        let progress = match back(entry, hands, &mut beside) {
            Ok(()) => Progress::TakenBack,
            Err(because) => {
                let by = entry.step.back.clone();
                let by = match &by {
                    Back::FromJournal { .. } => vec![by.to_string()],
                    _ => by.actions().iter().map(typed).collect(),
                };
                left.push(Left { done: entry.step.action.to_string(), because, by });
                Progress::Left
            }
        };
        journal.entries[i].progress = progress;
        if !matches!(journal.entries[i].step.back, Back::Nothing { .. }) {
            said(&journal.entries[i]);
        }
        // What cannot be written down is done all the same: the machine comes before the book.
        let _ = book.keep(journal);
    }
    journal.state = if left.is_empty() { ended } else { State::Stuck };
    if let Err(because) = book.keep(journal) {
        left.push(Left { done: "the journal of this".to_owned(), because, by: Vec::new() });
    }
    TakenBack { left, beside }
}

/// Writes down how the targets of what was done stand now.
pub fn look_again(journal: &mut Journal, hands: &dyn Hands) {
    for entry in journal.entries.iter_mut().filter(|it| it.progress == Progress::Done) {
        if let Ok(now) = stood(&entry.step.action, hands) {
            entry.after = now;
        }
    }
}

/// What stands now elsewhere than the fix left it: somebody changed it since.
pub fn moved_on(journal: &Journal, hands: &dyn Hands) -> Vec<String> {
    let mut changed = Vec::new();
    // An activation that was broken off has changed files of steps before it, and nobody has looked at them since.
    let broken_off = |entry: &Entry| {
        journal.state == State::Open && entry.progress != Progress::Planned && entry.step.action.activates()
    };
    let looked_at_from = journal.entries.iter().rposition(broken_off).unwrap_or(0);
    for entry in journal.entries.iter().skip(looked_at_from) {
        for stood in &entry.after {
            // A later step of the same fix may have changed it again.
            let last = journal.entries.iter().rev().flat_map(|it| &it.after).find(|it| it.path == stood.path);
            if last != Some(stood) || changed.contains(&stood.path) {
                continue;
            }
            match hands.files().standing(Path::new(&stood.path)) {
                Ok(now) if stood.was.is_still(&now) => {}
                _ => changed.push(stood.path.clone()),
            }
        }
    }
    changed
}

/// What stands at an action's targets.
fn stood(action: &Action, hands: &dyn Hands) -> Result<Vec<Stood>, ChangeError> {
    let mut all = Vec::new();
    for path in action.targets() {
        // The folders above one that is made are made, too.
        if let Action::MakeFolder { .. } = action {
            for above in Path::new(path).ancestors().skip(1) {
                match hands.files().standing(above) {
                    Ok(was @ Standing::Absent) => {
                        all.insert(0, Stood { path: above.to_string_lossy().into_owned(), was });
                    }
                    _ => break,
                }
            }
        }
        let was = hands.files().standing(Path::new(path))?;
        // Where nothing of it changes, no copy is made: it may be a key.
        let kept = matches!(
            action,
            Action::WriteFile { .. }
                | Action::ReplaceLine { .. }
                | Action::AppendLines { .. }
                | Action::RemoveFile { .. }
        );
        all.push(Stood { path: path.to_owned(), was: if kept { was } else { was.without_bytes() } });
    }
    Ok(all)
}

/// Puts a number behind the new name of what is moved aside, if the name is taken.
fn give_a_free_name(step: &mut Step, hands: &dyn Hands) -> Result<(), String> {
    let Action::MoveAside { from, to } = &mut step.action else { return Ok(()) };
    let is_free =
        |name: &str| matches!(hands.files().standing(Path::new(name)), Ok(Standing::Absent) | Err(_));
    if is_free(to) {
        return Ok(());
    }
    let free = (2..100).map(|number| format!("{to}.{number}")).find(|name| is_free(name));
    *to = free.ok_or_else(|| format!("{to}: a hundred of these are set aside already: remove some"))?;
    step.back = Back::by(Action::MoveBack { from: to.clone(), to: from.clone() });
    Ok(())
}

/// `beside` gets what was set aside, in words.
fn act(action: &Action, hands: &dyn Hands, beside: &mut Vec<String>) -> Result<(), String> {
    let files = hands.files();
    let said = |error: ChangeError| error.to_string();
    match action {
        Action::WriteFile { path, text, mode, owner } => {
            let owner = owner.as_deref().map(|name| hands.owner(name)).transpose()?;
            files.write(Path::new(path), text.as_bytes(), octal(mode)?, owner).map_err(said)
        }
        Action::ReplaceLine { path, line, was, now } => {
            edit(path, hands, |text| replaced(text, *line, was, now.as_deref()))
        }
        Action::AppendLines { path, lines } => match files.standing(Path::new(path)).map_err(said)? {
            Standing::Absent => {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                files.write(Path::new(path), text.as_bytes(), 0o644, None).map_err(said)
            }
            _ => edit(path, hands, |text| Ok(appended(text, lines))),
        },
        Action::RemoveFile { path } => match files.standing(Path::new(path)).map_err(said)? {
            Standing::Absent => Ok(()),
            _ => files.remove(Path::new(path)).map_err(said),
        },
        Action::SetMode { path, mode, owner } => {
            let owner = owner.as_deref().map(|name| hands.owner(name)).transpose()?;
            files.set(Path::new(path), octal(mode)?, owner).map_err(said)
        }
        Action::MoveAside { from, to } => files.rename(Path::new(from), Path::new(to)).map_err(said),
        Action::MoveBack { from, to } => {
            let (from, to) = (Path::new(from), Path::new(to));
            if files.standing(from).map_err(said)? == Standing::Absent {
                return Err(format!("{} is gone", from.display()));
            }
            if files.standing(to).map_err(said)? != Standing::Absent {
                files.remove(to).map_err(said)?;
            }
            files.rename(from, to).map_err(said)
        }
        Action::Hide { path } => rename_once(path, &hidden(path), hands),
        Action::Show { path } => rename_once(&hidden(path), path, hands),
        Action::MakeFolder { path, mode, owner } => {
            let owner = owner.as_deref().map(|name| hands.owner(name)).transpose()?;
            let mode = octal(mode)?;
            let mut missing = Vec::new();
            for folder in Path::new(path).ancestors() {
                match files.standing(folder) {
                    Ok(Standing::Absent) => missing.push(folder),
                    Ok(Standing::Folder { .. }) => break,
                    // Above what is missing there may be root's links, such as /var.
                    _ if !missing.is_empty() => break,
                    Ok(other) => return Err(format!("{} is {}", folder.display(), other.name())),
                    Err(error) => return Err(said(error)),
                }
            }
            missing
                .into_iter()
                .rev()
                .try_for_each(|folder| files.make_folder(folder, mode, owner))
                .map_err(said)
        }
        Action::RemoveFolder { path } => match files.standing(Path::new(path)).map_err(said)? {
            Standing::Absent => Ok(()),
            _ => remove_or_set_aside(path, hands, beside),
        },
        Action::Run { .. } | Action::Launchctl { .. } => {
            hands.run(&action.argv().unwrap_or_default()).map_err(NotRun::why)
        }
        Action::Wait { until, at_most_seconds } => hands.wait(until, *at_most_seconds),
    }
}

fn hidden(path: &str) -> String {
    format!("{path}.hidden-by-builder-doctor")
}

/// Gives a file another name, unless that was done before.
fn rename_once(from: &str, to: &str, hands: &dyn Hands) -> Result<(), String> {
    let (from, to) = (Path::new(from), Path::new(to));
    let said = |error: ChangeError| error.to_string();
    match hands.files().standing(from).map_err(said)? {
        Standing::Absent => Ok(()),
        _ => hands.files().rename(from, to).map_err(said),
    }
}

/// Removes a folder; what is in it by now is nobody's to throw away.
fn remove_or_set_aside(path: &str, hands: &dyn Hands, beside: &mut Vec<String>) -> Result<(), String> {
    let Err(full) = hands.files().remove_folder(Path::new(path)) else { return Ok(()) };
    let names = std::iter::once(format!("{path}.set-aside"));
    for to in names.chain((2..100).map(|number| format!("{path}.set-aside.{number}"))) {
        if hands.files().rename(Path::new(path), Path::new(&to)).is_ok() {
            beside.push(format!("{path} was not empty any more: it is {to} now"));
            return Ok(());
        }
    }
    Err(full.to_string())
}

/// Takes one step back, also one that was only begun.
fn back(entry: &Entry, hands: &dyn Hands, beside: &mut Vec<String>) -> Result<(), String> {
    match &entry.step.back {
        Back::Nothing { .. } => Ok(()),
        Back::FromJournal { then } => {
            let mut restored = 0;
            for stood in entry.before.iter().rev() {
                restored += u32::from(restore(stood, hands)?);
            }
            // Where nothing was changed, nobody read it either.
            if entry.progress == Progress::Begun && untouched(entry, hands) && restored == 0 {
                return Ok(());
            }
            then.iter().try_for_each(|action| act(action, hands, beside))
        }
        Back::By { actions } => {
            if untouched(entry, hands) {
                return Ok(());
            }
            let aside = beside.len();
            // What really stood there counts more than what the plan took it for.
            if let Action::SetMode { .. } = entry.step.action {
                return entry.before.iter().try_for_each(|stood| restore(stood, hands).map(drop));
            }
            actions.iter().try_for_each(|action| {
                let done = act(action, hands, beside);
                // Whether a step that was only begun was done, nobody knows: what undoes it may find nothing to undo.
                if entry.progress == Progress::Begun && action.targets().is_empty() { Ok(()) } else { done }
            })?;
            // Folders above the one that was made, unless something set aside stands in them.
            let made = entry.before.iter().rev().skip(1).filter(|it| it.was == Standing::Absent);
            match entry.step.action {
                Action::MakeFolder { .. } if beside.len() == aside => {
                    made.into_iter().try_for_each(|it| restore(it, hands).map(drop))
                }
                _ => Ok(()),
            }
        }
    }
}

/// Whether all of a step's targets stand as they stood before it.
fn untouched(entry: &Entry, hands: &dyn Hands) -> bool {
    let same = |stood: &Stood| {
        hands.files().standing(Path::new(&stood.path)).is_ok_and(|now| stood.was.is_still(&now))
    };
    !entry.before.is_empty() && entry.before.iter().all(same)
}

/// Puts back what stood at a path; whether anything was to be done.
fn restore(stood: &Stood, hands: &dyn Hands) -> Result<bool, String> {
    let (files, path) = (hands.files(), Path::new(&stood.path));
    let said = |error: ChangeError| error.to_string();
    let now = files.standing(path).map_err(said)?;
    if stood.was.is_still(&now) {
        return Ok(false);
    }
    let put = match (&stood.was, now) {
        (Standing::Absent, Standing::Folder { .. }) => files.remove_folder(path).map_err(said),
        (Standing::Absent, _) => files.remove(path).map_err(said),
        (Standing::File { bytes: kept, mode, owner, .. }, Standing::File { bytes, .. })
            if kept.is_none() || *kept == bytes =>
        {
            files.set(path, *mode, Some(*owner)).map_err(said)
        }
        (Standing::File { bytes: Some(bytes), mode, owner, .. }, _) => {
            files.write(path, bytes, *mode, Some(*owner)).map_err(said)
        }
        (Standing::Folder { mode, owner }, Standing::Folder { .. }) => {
            files.set(path, *mode, Some(*owner)).map_err(said)
        }
        (was, now) => Err(format!("{} is {}, and was {}", path.display(), now.name(), was.name())),
    };
    put.map(|()| true)
}

/// What takes an action back, as it would be typed where it can be.
fn typed(action: &Action) -> String {
    match action.argv() {
        Some(argv) => {
            let words: Vec<String> = argv.iter().map(|word| crate::host::quoted(word)).collect();
            format!("sudo {}", words.join(" "))
        }
        None => action.to_string(),
    }
}

/// Changes the text of a file, which keeps its mode and owner.
fn edit(
    path: &str,
    hands: &dyn Hands,
    change: impl FnOnce(&str) -> Result<String, String>,
) -> Result<(), String> {
    let path = Path::new(path);
    let Standing::File { bytes: Some(bytes), mode, owner, .. } =
        hands.files().standing(path).map_err(|error| error.to_string())?
    else {
        return Err("it is no text file of ours to edit".to_owned());
    };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let changed = change(&text)?;
    if changed == text {
        return Ok(());
    }
    hands.files().write(path, changed.as_bytes(), mode, Some(owner)).map_err(|error| error.to_string())
}

/// The text with another line in the place of this one, which must be what was seen.
fn replaced(text: &str, line: u32, was: &str, now: Option<&str>) -> Result<String, String> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let index = (line as usize).checked_sub(1).filter(|index| *index < lines.len());
    let index = index.ok_or_else(|| format!("it has no line {line} any more"))?;
    let body = lines[index].trim_end_matches(['\n', '\r']);
    if body.trim() != was.trim() {
        return Err(format!("line {line} is another than was seen: it was changed since"));
    }
    let end = &lines[index][body.len()..];
    let put = now.map(|now| format!("{now}{end}")).unwrap_or_default();
    lines[index] = &put;
    Ok(lines.concat())
}

/// The text with those of the lines that it lacks at its end.
fn appended(text: &str, lines: &[String]) -> String {
    let mut out = text.to_owned();
    for line in lines {
        if text.lines().any(|known| known.trim() == line.trim()) {
            continue;
        }
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn octal(mode: &str) -> Result<u32, String> {
    u32::from_str_radix(mode, 8).map_err(|_| format!("{mode:?} is no mode"))
}
