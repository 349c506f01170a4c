//! Where many reports come from: a folder, a file of several, or standard input. One is held at a time.

use super::folder::Reports;
use super::stream::{Value, Values};
use crate::host::live::{open_input, regular_file};
use crate::host::{Host, HostError};
use crate::prose::line;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A report among several that is larger than this is none: 8 MiB.
pub const LARGEST: usize = 8 << 20;

/// A single report larger than this is none: 64 MiB.
pub const LARGEST_ALONE: usize = 64 << 20;

/// What `--from` names.
pub enum Given<'h> {
    /// One report, as it stands there.
    One(Vec<u8>),
    /// A folder, or several reports behind each other.
    Many(Source<'h>),
}

/// Many reports, one after another.
pub struct Source<'h> {
    folder: Option<(PathBuf, Reports<'h>)>,
    open: Option<Pieces>,
}

/// One of many.
#[derive(Debug)]
pub struct Item {
    /// What to call it, until it says more itself.
    pub name: String,
    /// Its bytes, or why there are none.
    pub bytes: Result<Vec<u8>, String>,
}

/// Opens what a user names: a file, a folder, or standard input for `-`. The error is one line.
pub fn open<'h>(host: &'h dyn Host, path: &Path) -> Result<Given<'h>, String> {
    let read = if path.as_os_str() == "-" {
        Ok(None)
    } else {
        match Reports::of(host, path) {
            Ok(reports) => Ok(Some(reports)),
            // What is no folder is a file.
            Err(HostError::NotFound) => Ok(None),
            Err(error) => host.stat(path).map_or(Err(error), |_| Ok(None)),
        }
    };
    if let Some(reports) = read.map_err(|error| error.to_string())? {
        return Ok(Given::Many(Source { folder: Some((path.to_owned(), reports)), open: None }));
    }
    let said = |error: std::io::Error| HostError::from(error).to_string();
    let input = open_input(path).map_err(said)?;
    let stem = if path.as_os_str() == "-" { None } else { Some(stem(path, path)) };
    let mut pieces = Pieces::new(stem, Box::new(BufReader::with_capacity(1 << 16, input)));
    pieces.advance(LARGEST_ALONE, true).map_err(said)?;
    let first = pieces.ahead.take();
    if first.as_ref().is_some_and(|first| first.bytes.is_none()) {
        return Err(format!("it is larger than {} MiB", LARGEST_ALONE >> 20));
    }
    pieces.advance(LARGEST, false).map_err(said)?;
    Ok(match pieces.ahead.is_some() {
        false => Given::One(first.and_then(|first| first.bytes).unwrap_or_default()),
        true => {
            pieces.many = true;
            pieces.before = first;
            Given::Many(Source { folder: None, open: Some(pieces) })
        }
    })
}

impl Iterator for Source<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(pieces) = &mut self.open {
                if let Some(item) = pieces.item() {
                    return Some(item);
                }
                self.open = None;
            }
            let (folder, reports) = self.folder.as_mut()?;
            let (path, found) = reports.next()?;
            let name = stem(folder, &path);
            let pieces = found.and_then(|()| {
                let said = |error: HostError| error.to_string();
                let input = regular_file(&path).map_err(said)?;
                let mut pieces = Pieces::new(Some(name.clone()), Box::new(BufReader::new(input)));
                pieces.give_up = true;
                pieces.advance(LARGEST, true).map_err(|error| said(error.into()))?;
                if pieces.ahead.is_none() { Err("it is empty".to_owned()) } else { Ok(pieces) }
            });
            match pieces {
                Ok(pieces) => self.open = Some(pieces),
                Err(because) => return Some(Item { name, bytes: Err(because) }),
            }
        }
    }
}

/// A file's path in its folder without its ending: what tells it from the others.
fn stem(folder: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let inner =
        if inner.as_os_str().is_empty() { Path::new(path.file_stem().unwrap_or_default()) } else { &inner };
    line(&inner.to_string_lossy())
}

/// The reports of one stream, one ahead, to know whether there are several.
struct Pieces {
    name: Option<String>,
    values: Values<Box<dyn BufRead + Send>>,
    before: Option<Value>,
    ahead: Option<Value>,
    many: bool,
    broken: Option<String>,
    /// A file may be of any length; what is piped in comes to an end, or somebody waits for more of it.
    give_up: bool,
}

impl Pieces {
    fn new(name: Option<String>, input: Box<dyn BufRead + Send>) -> Self {
        Pieces {
            name,
            values: Values::new(input),
            before: None,
            ahead: None,
            many: false,
            broken: None,
            give_up: false,
        }
    }

    fn advance(&mut self, most: usize, give_up: bool) -> std::io::Result<()> {
        self.ahead = self.values.next(most, give_up)?;
        Ok(())
    }

    fn item(&mut self) -> Option<Item> {
        let value = match self.before.take() {
            Some(before) => before,
            None => {
                let Some(value) = self.ahead.take() else {
                    let because = self.broken.take()?;
                    let name = self.name.clone().unwrap_or_else(|| "standard input".to_owned());
                    return Some(Item { name, bytes: Err(because) });
                };
                if let Err(error) = self.advance(LARGEST, self.give_up) {
                    self.broken = Some(format!("what follows cannot be read: {}", HostError::from(error)));
                }
                value
            }
        };
        self.many |= self.ahead.is_some() || self.broken.is_some();
        let name = match (&self.name, self.many) {
            (Some(name), false) => name.clone(),
            (Some(name), true) => format!("{name}:{}", value.line),
            (None, _) => format!("line {}", value.line),
        };
        let bytes = value.bytes.ok_or_else(|| format!("it is larger than {} MiB", LARGEST >> 20));
        Some(Item { name, bytes })
    }
}
