//! Output of Nix, ssh, launchctl, QEMU or curl, and the faults that it names: a table, read by `explain -`.
//!
//! A row is a symptom: words that stand in one line, or a shape of the whole text where words alone are
//! ambiguous. Rows are asked in the order of the table, so the first that is named is the most telling. To
//! add one, write it into the file of its layer with a sample of real output and where it is from.

use crate::prose;
use crate::topics::Subject;

mod paste;
mod pattern;
mod rows;

pub use paste::Paste;

/// Text is read to this many bytes: its beginning, and more of its end.
pub const MOST: usize = 1 << 20;

/// One symptom.
pub struct Row {
    /// What it names: a check's id, or a topic's.
    pub id: &'static str,
    /// A line that holds one of these: plain words, `*` for anything within the line. Upper and lower case
    /// are one, and so are straight and curly quotes.
    pub any: &'static [&'static str],
    /// Where words alone do not tell: looks at the whole text.
    pub shape: Option<fn(&Paste) -> Option<Seen>>,
    /// If one of these is named as well, it explains this one, which is left out.
    pub unless: &'static [&'static str],
    /// Named only where nothing else is.
    pub alone: bool,
    /// What it names is no fault, and worth knowing.
    pub harmless: bool,
    /// Faults that say the same.
    pub or: &'static [&'static str],
    /// What to look at: a sentence.
    pub look_at: &'static str,
    /// Real output that this row names, and no other row before it.
    pub samples: &'static [Sample],
}

/// A row with nothing in it, to begin from.
pub const ROW: Row = Row {
    id: "",
    any: &[],
    shape: None,
    unless: &[],
    alone: false,
    harmless: false,
    or: &[],
    look_at: "",
    samples: &[],
};

/// Real output.
pub struct Sample {
    /// Verbatim.
    pub text: &'static str,
    /// Where it is from; says so where no capture is public.
    pub from: &'static str,
    /// What it names besides, after its own row.
    pub also: &'static [&'static str],
}

/// Output that names one fault.
pub const fn sample(text: &'static str, from: &'static str) -> Sample {
    Sample { text, from, also: &[] }
}

/// Where a shape was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The line that shows it best, from 0.
    pub line: usize,
    /// What can be said about this very text: a sentence.
    pub detail: Option<String>,
}

impl Seen {
    fn at(line: usize) -> Self {
        Seen { line, detail: None }
    }
}

/// A fault that a text names.
pub struct Named {
    /// The symptom.
    pub row: &'static Row,
    /// What its id stands for.
    pub subject: Option<Subject>,
    /// The line that named it: fit to show.
    pub line: String,
    /// Its number, from 1.
    pub number: usize,
    /// What can be said about this very text: a sentence.
    pub detail: Option<String>,
}

/// Every row, most telling first.
pub fn all() -> impl Iterator<Item = &'static Row> {
    rows::FILES.iter().copied().flatten()
}

/// What a text names, most telling first.
pub fn find(paste: &Paste) -> Vec<Named> {
    let seen: Vec<(&'static Row, Seen)> = all()
        .zip(pattern::first_lines(paste))
        .filter_map(|(row, line)| {
            let shape = row.shape.and_then(|shape| shape(paste));
            shape.or(line.map(Seen::at)).map(|seen| (row, seen))
        })
        .collect();
    let explained = |row: &Row| seen.iter().any(|(other, _)| row.unless.contains(&other.id));
    let some = seen.iter().any(|(row, _)| !row.alone);
    let mut named: Vec<Named> = Vec::new();
    for (row, seen) in &seen {
        let twice = named.iter().any(|it| it.row.id == row.id);
        if twice || explained(row) || (row.alone && (some || !named.is_empty())) {
            continue;
        }
        named.push(Named {
            row,
            subject: Subject::find(row.id),
            line: prose::line(paste.line(seen.line)),
            number: seen.line + 1,
            detail: seen.detail.as_deref().map(prose::line),
        });
    }
    named
}

#[cfg(test)]
mod tests;
