//! The way to a path, on foot: each folder is opened in the one before, and must be one that nobody but root and
//! whoever acts could put another in the place of.

use super::ChangeError;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat, statat};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

/// As on macOS and Linux.
const MOST_LINKS: usize = 32;

/// A folder that was reached, and the name in it.
pub struct Spot {
    /// The folder.
    pub folder: OwnedFd,
    /// The last word of the path.
    pub name: OsString,
}

/// Reaches the folder of a path as `uid`. `/etc` is a link on a Mac: root's links, in root's folders, are followed.
pub fn reach(path: &Path, uid: u32) -> Result<Spot, ChangeError> {
    let shown =
        |why: &str| ChangeError::Untrusted(format!("{}: {why}", crate::prose::line(&path.to_string_lossy())));
    let mut words = words(path).ok_or_else(|| shown("it is no absolute path"))?;
    let name = words.pop_back().ok_or_else(|| shown("it is the root itself"))?;
    let mut way: Vec<(OwnedFd, Stat)> = vec![root()?];
    let mut trail: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(word) = words.pop_front() {
        let Some((folder, about)) = way.last() else { return Err(shown("the way is lost")) };
        let found = statat(folder, word.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?;
        let here = || format!("/{}", join(&trail, &word));
        trusted(about, &found, uid).map_err(|why| ChangeError::Untrusted(format!("{}: {why}", here())))?;
        if FileType::from_raw_mode(found.st_mode) == FileType::Symlink {
            links += 1;
            if links > MOST_LINKS {
                return Err(shown("too many links are on the way"));
            }
            if found.st_uid != 0 {
                return Err(ChangeError::Untrusted(format!("{}: it is a link that is not root's", here())));
            }
            let target = OsString::from_vec(readlinkat(folder, word.as_os_str(), Vec::new())?.into_bytes());
            let target = Path::new(&target);
            if target.is_absolute() {
                way.truncate(1);
                trail.clear();
            }
            for word in
                relative(target).ok_or_else(|| shown("a link on the way leads upward"))?.into_iter().rev()
            {
                words.push_front(word);
            }
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = openat(folder, word.as_os_str(), flags, Mode::empty())?;
        let about = fstat(&next)?;
        if (about.st_dev, about.st_ino) != (found.st_dev, found.st_ino) {
            return Err(ChangeError::Untrusted(format!("{}: it was swapped just now", here())));
        }
        trail.push(word);
        if trail.len() == 2 && trail[0] == "nix" && trail[1] == "store" {
            return Err(shown("it leads into the Nix store, which nobody writes to"));
        }
        way.push((next, about));
    }
    let Some((folder, about)) = way.pop() else { return Err(shown("the way is lost")) };
    if open_to_others(&about, uid) && about.st_mode & 0o1000 == 0 {
        return Err(shown("others may write to its folder"));
    }
    Ok(Spot { folder, name })
}

fn root() -> Result<(OwnedFd, Stat), ChangeError> {
    let root = open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let about = fstat(&root)?;
    Ok((root, about))
}

/// Whether nobody but root and `uid` can put something else in the place of what is in this folder.
fn trusted(folder: &Stat, found: &Stat, uid: u32) -> Result<(), &'static str> {
    let ours = |owner: u32| owner == 0 || owner == uid;
    if !ours(folder.st_uid) || !ours(found.st_uid) {
        return Err("it is on the way, and another user's");
    }
    // In a sticky folder such as /tmp, only its owner moves a thing.
    if open_to_others(folder, uid) && folder.st_mode & 0o1000 == 0 {
        return Err("it is on the way, in a folder that others may write to");
    }
    Ok(())
}

/// Whether others than root and `uid` may write to a folder. A group may hold anybody.
fn open_to_others(folder: &Stat, uid: u32) -> bool {
    (folder.st_uid != 0 && folder.st_uid != uid) || folder.st_mode & 0o022 != 0
}

fn words(path: &Path) -> Option<VecDeque<OsString>> {
    path.is_absolute().then(|| relative(path)).flatten()
}

/// The names of a path; None where it leads upward.
fn relative(path: &Path) -> Option<VecDeque<OsString>> {
    let mut words = VecDeque::new();
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(word) => words.push_back(word.to_owned()),
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(words)
}

fn join(trail: &[OsString], last: &OsStr) -> String {
    let all = trail.iter().map(OsString::as_os_str).chain([last]);
    all.map(|word| String::from_utf8_lossy(word.as_bytes()).into_owned()).collect::<Vec<_>>().join("/")
}
