//! This machine.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the door

use super::walk::{Spot, reach};
use super::{Change, ChangeError, LARGEST, Owner, Standing};
use crate::host::HostError;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fchmod, fchown, fstat, fsync, linkat, mkdirat, openat, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// The machine that this program runs on, changed as the user whom it runs as.
#[derive(Debug, Default)]
pub struct LiveChanges;

impl LiveChanges {
    fn reach(path: &Path) -> Result<Spot, ChangeError> {
        reach(path, geteuid().as_raw())
    }

    /// What stands in a spot, opened, if it is a file or a folder.
    fn open(spot: &Spot) -> Result<Option<(File, Stat)>, ChangeError> {
        let found = match statat(&spot.folder, &*spot.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            found => found?,
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Directory) {
            return Err(unexpected(spot, kind));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&spot.folder, &*spot.name, flags, Mode::empty())?;
        let about = fstat(&file)?;
        if FileType::from_raw_mode(about.st_mode) != kind {
            return Err(ChangeError::Untrusted(format!("{}: it was swapped just now", spot.shown())));
        }
        Ok(Some((File::from(file), about)))
    }

    /// The same, which must be of this kind.
    fn existing(spot: &Spot, kind: FileType) -> Result<(File, Stat), ChangeError> {
        let (file, about) = Self::open(spot)?.ok_or(HostError::NotFound)?;
        match FileType::from_raw_mode(about.st_mode) {
            found if found == kind => Ok((file, about)),
            found => Err(unexpected(spot, found)),
        }
    }
}

impl Spot {
    fn shown(&self) -> String {
        crate::prose::line(&self.name.to_string_lossy())
    }
}

fn unexpected(spot: &Spot, kind: FileType) -> ChangeError {
    ChangeError::Unexpected(format!("{} is {}", spot.shown(), name(kind)))
}

fn name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        _ => "neither a file nor a folder",
    }
}

#[allow(clippy::useless_conversion, reason = "16 bits on macOS")]
fn mode_of(about: &Stat) -> u32 {
    u32::from(about.st_mode) & 0o7777
}

fn bits(mode: u32) -> Mode {
    Mode::from_bits_truncate((mode & 0o7777) as _)
}

fn own(file: &File, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
    if let Some(owner) = owner {
        fchown(file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
    }
    // After the owner, as a change of that takes the bits of setuid away.
    Ok(fchmod(file, bits(mode))?)
}

impl Change for LiveChanges {
    fn standing(&self, path: &Path) -> Result<Standing, ChangeError> {
        let spot = match Self::reach(path) {
            Err(ChangeError::Host(HostError::NotFound)) => return Ok(Standing::Absent),
            reached => reached?,
        };
        let (file, about) = match Self::open(&spot) {
            Ok(None) => return Ok(Standing::Absent),
            Ok(Some(found)) => found,
            Err(ChangeError::Unexpected(_)) => {
                let about = statat(&spot.folder, &*spot.name, AtFlags::SYMLINK_NOFOLLOW)?;
                return Ok(Standing::Other { what: name(FileType::from_raw_mode(about.st_mode)).to_owned() });
            }
            Err(error) => return Err(error),
        };
        let owner = Owner { uid: about.st_uid, gid: about.st_gid };
        let mode = mode_of(&about);
        if FileType::from_raw_mode(about.st_mode) == FileType::Directory {
            return Ok(Standing::Folder { mode, owner });
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        let whole = bytes.len() as u64 <= LARGEST;
        let size = u64::try_from(about.st_size).unwrap_or(0);
        Ok(Standing::File { bytes: whole.then_some(bytes), mode, owner, size })
    }

    fn write(&self, path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        let spot = Self::reach(path)?;
        if let Some((_, about)) = Self::open(&spot)?
            && FileType::from_raw_mode(about.st_mode) != FileType::RegularFile
        {
            return Err(unexpected(&spot, FileType::Directory));
        }
        let temporary = format!(".builder-doctor-{}-{}", std::process::id(), spot.shown());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fresh = || openat(&spot.folder, temporary.as_str(), flags, bits(0o600));
        let opened = match fresh() {
            // What a run of this number left when it was killed.
            Err(Errno::EXIST) => {
                unlinkat(&spot.folder, temporary.as_str(), AtFlags::empty())?;
                fresh()
            }
            opened => opened,
        };
        let mut file = File::from(opened?);
        let written = (|| {
            file.write_all(bytes)?;
            own(&file, mode, owner)?;
            fsync(&file)?;
            renameat(&spot.folder, temporary.as_str(), &spot.folder, &*spot.name)?;
            Ok(())
        })();
        if written.is_err() {
            let _ = unlinkat(&spot.folder, temporary.as_str(), AtFlags::empty());
        }
        written.and_then(|()| Ok(fsync(&spot.folder)?))
    }

    fn set(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        let spot = Self::reach(path)?;
        let (file, about) = Self::open(&spot)?.ok_or(HostError::NotFound)?;
        // Another name of the same file may stand where it is another's to say.
        if FileType::from_raw_mode(about.st_mode) == FileType::RegularFile && about.st_nlink > 1 {
            return Err(ChangeError::Untrusted(format!(
                "{}: the file has another name as well",
                spot.shown()
            )));
        }
        own(&file, mode, owner)?;
        Ok(fsync(&file)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), ChangeError> {
        let (from, to) = (Self::reach(from)?, Self::reach(to)?);
        let (_, about) = Self::open(&from)?.ok_or(HostError::NotFound)?;
        if FileType::from_raw_mode(about.st_mode) == FileType::Directory {
            // A folder cannot have two names. What could come between is an empty folder, which it may replace.
            match statat(&to.folder, &*to.name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Ok(_) => return Err(ChangeError::Unexpected(format!("{} is there already", to.shown()))),
                Err(error) => return Err(error.into()),
            }
            renameat(&from.folder, &*from.name, &to.folder, &*to.name)?;
            fsync(&from.folder)?;
            return Ok(fsync(&to.folder)?);
        }
        // A second name, and then the first one away: unlike a rename, that never takes the place of another file.
        linkat(&from.folder, &*from.name, &to.folder, &*to.name, AtFlags::empty()).map_err(|error| {
            match error {
                Errno::EXIST => ChangeError::Unexpected(format!("{} is there already", to.shown())),
                other => other.into(),
            }
        })?;
        if let Err(error) = unlinkat(&from.folder, &*from.name, AtFlags::empty()) {
            let _ = unlinkat(&to.folder, &*to.name, AtFlags::empty());
            return Err(error.into());
        }
        fsync(&from.folder)?;
        Ok(fsync(&to.folder)?)
    }

    fn remove(&self, path: &Path) -> Result<(), ChangeError> {
        let spot = Self::reach(path)?;
        Self::existing(&spot, FileType::RegularFile)?;
        unlinkat(&spot.folder, &*spot.name, AtFlags::empty())?;
        Ok(fsync(&spot.folder)?)
    }

    fn make_folder(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        let spot = Self::reach(path)?;
        mkdirat(&spot.folder, &*spot.name, bits(0o700)).map_err(|error| match error {
            Errno::EXIST => ChangeError::Unexpected(format!("{} is there already", spot.shown())),
            other => other.into(),
        })?;
        let made = Self::existing(&spot, FileType::Directory).and_then(|(file, _)| own(&file, mode, owner));
        if made.is_err() {
            let _ = unlinkat(&spot.folder, &*spot.name, AtFlags::REMOVEDIR);
        }
        made.and_then(|()| Ok(fsync(&spot.folder)?))
    }

    fn remove_folder(&self, path: &Path) -> Result<(), ChangeError> {
        let spot = Self::reach(path)?;
        Self::existing(&spot, FileType::Directory)?;
        unlinkat(&spot.folder, &*spot.name, AtFlags::REMOVEDIR)?;
        Ok(fsync(&spot.folder)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    /// A folder of our own, and the path of a file in it that holds "old".
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        (folder, file)
    }

    fn untrusted<T: std::fmt::Debug>(result: Result<T, ChangeError>) -> String {
        match result {
            Err(ChangeError::Untrusted(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_stands_there_with_its_mode_and_can_be_put_back() {
        let (folder, file) = folder();
        let before = LiveChanges.standing(&file).unwrap();
        let Standing::File { bytes: Some(bytes), mode: 0o640, owner, size: 3 } = &before else {
            panic!("{before:?}")
        };
        LiveChanges.write(&file, b"new", 0o600, None).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        LiveChanges.write(&file, bytes, 0o640, Some(*owner)).unwrap();
        assert_eq!(LiveChanges.standing(&file).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_at_the_end_is_not_followed() {
        let (folder, file) = folder();
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(LiveChanges.standing(&link).unwrap(), Standing::Other { what: "a link".to_owned() });
        for refused in [
            LiveChanges.write(&link, b"new", 0o600, None),
            LiveChanges.set(&link, 0o777, None),
            LiveChanges.remove(&link),
            LiveChanges.rename(&link, &folder.path().join("other")),
        ] {
            assert!(matches!(refused, Err(ChangeError::Unexpected(_))), "{refused:?}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_trusted() {
        let (folder, _) = folder();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::write(open.join("file"), "old").unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            untrusted(LiveChanges.write(&open.join("file"), b"new", 0o600, None))
                .contains("others may write")
        );
        assert_eq!(fs::read(open.join("file")).unwrap(), b"old");
        // Nor is what stands further down.
        fs::create_dir(open.join("inner")).unwrap();
        untrusted(LiveChanges.standing(&open.join("inner/file")));
    }

    #[test]
    fn the_store_is_never_reached_also_through_a_link() {
        let Ok(true) = fs::exists("/nix/store") else {
            let why = untrusted(reach(Path::new("/nix/../nix/store/x"), 0).map(|_| ()));
            assert!(why.contains("no absolute path"), "{why}");
            return;
        };
        untrusted(LiveChanges.standing(Path::new("/nix/store/x")));
    }

    #[test]
    fn a_file_moves_and_never_over_another() {
        let (folder, file) = folder();
        let aside = folder.path().join("file.aside");
        LiveChanges.rename(&file, &aside).unwrap();
        assert_eq!(LiveChanges.standing(&file).unwrap(), Standing::Absent);
        fs::write(&file, "newer").unwrap();
        let refused = LiveChanges.rename(&aside, &file);
        assert!(matches!(refused, Err(ChangeError::Unexpected(_))), "{refused:?}");
        assert_eq!(fs::read(&file).unwrap(), b"newer");
        assert_eq!(fs::read(&aside).unwrap(), b"old");
    }

    #[test]
    fn a_second_name_of_a_file_is_not_opened_to_others() {
        let (folder, file) = folder();
        fs::hard_link(&file, folder.path().join("second")).unwrap();
        untrusted(LiveChanges.set(&file, 0o777, None));
    }

    #[test]
    fn folders_come_and_go_when_they_are_empty() {
        let (folder, file) = folder();
        let made = folder.path().join("made");
        LiveChanges.make_folder(&made, 0o750, None).unwrap();
        assert!(matches!(LiveChanges.standing(&made).unwrap(), Standing::Folder { mode: 0o750, .. }));
        assert!(matches!(LiveChanges.make_folder(&made, 0o750, None), Err(ChangeError::Unexpected(_))));
        fs::write(made.join("x"), "").unwrap();
        assert!(LiveChanges.remove_folder(&made).is_err());
        fs::remove_file(made.join("x")).unwrap();
        LiveChanges.remove_folder(&made).unwrap();
        assert!(matches!(LiveChanges.remove_folder(&file), Err(ChangeError::Unexpected(_))));
    }

    #[test]
    fn a_folder_moves_with_what_is_in_it_and_never_over_another() {
        let (folder, file) = folder();
        let [made, aside] = ["made", "aside"].map(|name| folder.path().join(name));
        fs::create_dir(&made).unwrap();
        fs::write(made.join("x"), "in it").unwrap();
        assert!(matches!(LiveChanges.rename(&made, &file), Err(ChangeError::Unexpected(_))));
        LiveChanges.rename(&made, &aside).unwrap();
        assert_eq!(fs::read(aside.join("x")).unwrap(), b"in it");
        assert_eq!(LiveChanges.standing(&made).unwrap(), Standing::Absent);
    }

    #[test]
    fn a_file_too_large_to_keep_is_seen_without_its_bytes() {
        let (_folder, file) = folder();
        fs::write(&file, vec![0; usize::try_from(LARGEST).unwrap() + 1]).unwrap();
        let found = LiveChanges.standing(&file).unwrap();
        assert!(matches!(found, Standing::File { bytes: None, size, .. } if size == LARGEST + 1));
    }
}
