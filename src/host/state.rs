//! The folder for what is kept between runs: our own, and nobody else may write there.
#![allow(clippy::disallowed_methods)] // this is the door, the other way

use super::{Host, HostError, Kind};
use std::path::{Path, PathBuf};

/// Makes a folder and those above it, each for its owner alone.
pub fn make_own_folder(path: &Path) -> Result<(), HostError> {
    use std::os::unix::fs::DirBuilderExt;
    Ok(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?)
}

/// Why what stands at a path, or will, may be changed by others than its owner, whose number is `uid`; as far as
/// the path exists.
pub fn is_open_to_others(host: &dyn Host, path: &Path, uid: u32) -> Option<String> {
    let shown = |path: &Path| crate::prose::line(&path.display().to_string());
    if let Ok(found) = host.lstat(path) {
        if found.kind != Kind::Folder {
            return Some(format!("{} is no folder", shown(path)));
        }
        if found.uid != uid || found.mode & 0o022 != 0 {
            return Some(format!("{} is not yours alone", shown(path)));
        }
    }
    let mut there = path.to_owned();
    let real: PathBuf = loop {
        match host.canonical(&there) {
            Ok(real) => break real,
            Err(HostError::NotFound) if there.pop() => {}
            Err(error) => return Some(format!("{}: {error}", shown(&there))),
        }
    };
    real.ancestors().find_map(|folder| {
        let found = match host.stat(folder) {
            Ok(found) => found,
            Err(error) => return Some(format!("{}: {error}", shown(folder))),
        };
        let sticky = found.mode & 0o1000 != 0;
        // Many Linux systems give each user a group of their own, with the same number.
        let by_group = found.mode & 0o020 != 0 && found.gid != uid && found.gid != 0;
        let open = !sticky && (found.mode & 0o002 != 0 || by_group);
        let foreign = found.uid != uid && found.uid != 0;
        (open || foreign).then(|| format!("others may write to {}", shown(folder)))
    })
}
