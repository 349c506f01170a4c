//! The reports in a folder and the folders in it, in the order of their names.

use crate::host::{Host, HostError, Kind};
use std::path::{Path, PathBuf};

/// Folders deeper in than this are not looked into.
const DEEPEST: usize = 16;

/// What is found in a folder: the path of a report, or one with the reason why there is none.
pub type Found = (PathBuf, Result<(), String>);

/// The reports of a folder, one after another: what ends in `.json`, `.jsonl` or `.ndjson`, hidden things left out.
/// A link to a file is followed; one to a folder is not, and says so.
pub struct Reports<'h> {
    host: &'h dyn Host,
    /// What is still to be looked at, the next one last, each with its depth.
    left: Vec<(PathBuf, usize)>,
}

impl<'h> Reports<'h> {
    /// Of this folder, which must be one that can be read.
    pub fn of(host: &'h dyn Host, folder: &Path) -> Result<Self, HostError> {
        let mut reports = Reports { host, left: Vec::new() };
        reports.enter(folder, 0)?;
        Ok(reports)
    }

    fn enter(&mut self, folder: &Path, depth: usize) -> Result<(), HostError> {
        let names = self.host.list(folder)?;
        let seen = names.iter().rev().filter(|name| !name.starts_with('.'));
        self.left.extend(seen.map(|name| (folder.join(name), depth)));
        Ok(())
    }
}

impl Iterator for Reports<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let (path, depth) = self.left.pop()?;
            let named = path.extension().is_some_and(|ending| {
                ["json", "jsonl", "ndjson"].iter().any(|it| ending.eq_ignore_ascii_case(it))
            });
            let because = match self.host.lstat(&path) {
                Ok(meta) if meta.kind == Kind::Folder && depth >= DEEPEST => {
                    format!("it is more than {DEEPEST} folders deep")
                }
                Ok(meta) if meta.kind == Kind::Folder => match self.enter(&path, depth + 1) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
                Ok(meta) if meta.kind == Kind::Link => match self.host.stat(&path) {
                    Ok(meta) if meta.kind == Kind::Folder => {
                        "it is a link to a folder, which is not followed".to_owned()
                    }
                    Ok(_) if named => return Some((path, Ok(()))),
                    Err(error) if named => error.to_string(),
                    _ => continue,
                },
                _ if !named => continue,
                Ok(_) => return Some((path, Ok(()))),
                Err(error) => error.to_string(),
            };
            return Some((path, Err(because)));
        }
    }
}
