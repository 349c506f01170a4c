//! Where programs are found: on the caller's PATH, but for folders where anybody could have put one.
#![allow(clippy::disallowed_methods)] // part of the door

use super::live::PATH_OF_ROOT;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A PATH, and what was left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Absolute folders that not everybody may write to, or make; the system's own where there is no other.
    pub path: OsString,
    /// The others, as they stand on PATH: each once.
    pub left_out: Vec<String>,
}

/// The caller's, looked at once.
pub fn of_caller() -> &'static Trusted {
    static FOUND: OnceLock<Trusted> = OnceLock::new();
    FOUND.get_or_init(|| trusted(&std::env::var_os("PATH").unwrap_or_default(), world_may_write))
}

/// Leaves out what is relative (`.`, an empty entry, `bin`), which leads elsewhere in every folder, and what `is_open`.
fn trusted(path: &OsStr, is_open: impl Fn(&Path) -> bool) -> Trusted {
    let (kept, left): (Vec<PathBuf>, Vec<PathBuf>) = match path.is_empty() {
        true => Default::default(),
        false => std::env::split_paths(path).partition(|folder| folder.is_absolute() && !is_open(folder)),
    };
    let mut left_out: Vec<String> = Vec::new();
    for folder in left {
        let shown = if folder.as_os_str().is_empty() {
            ".".to_owned()
        } else {
            crate::prose::line(&folder.to_string_lossy())
        };
        if !left_out.contains(&shown) {
            left_out.push(shown);
        }
    }
    // None of them holds a colon: they were split at colons.
    let mut path = std::env::join_paths(kept).unwrap_or_default();
    // An empty PATH would lead to the current folder.
    if path.is_empty() {
        path = PATH_OF_ROOT.into();
    }
    Trusted { path, left_out }
}

/// Homebrew's folders are its group's and stay; one that the whole world may write to, or make, is nobody's.
fn world_may_write(folder: &Path) -> bool {
    let there = folder.ancestors().find_map(|step| std::fs::metadata(step).ok());
    there.is_some_and(|it| it.mode() & 0o002 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_could_write_to_and_what_is_relative_is_left_out() {
        let found = trusted(OsStr::new(".:/open:/usr/bin::bin:/opt/homebrew/bin:/gone:.:/open"), |folder| {
            folder == Path::new("/open")
        });
        assert_eq!(found.path, "/usr/bin:/opt/homebrew/bin:/gone");
        assert_eq!(found.left_out, [".", "/open", "bin"]);
        let systems = |path: &str| trusted(OsStr::new(path), |_| false).path == PATH_OF_ROOT;
        assert!(systems("") && systems(".") && systems("::") && !systems("/usr/bin"));
        assert!(world_may_write(Path::new("/tmp/no-such-folder-of-anybodys/bin")));
        assert!(
            !world_may_write(Path::new("/usr/bin")) && !world_may_write(Path::new("/no-such-folder/bin"))
        );
    }
}
