//! A machine made of maps: what a fix does, without a machine; it refuses what it is told to.

use super::{Change, ChangeError, Owner, Standing};
use crate::host::HostError;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What stands where; nothing elsewhere.
    pub paths: RefCell<BTreeMap<PathBuf, Standing>>,
    /// After so many changes it refuses each.
    pub refuses_after: Cell<Option<usize>>,
    done: Cell<usize>,
}

impl Memory {
    /// A file of root's.
    pub fn with_file(self, path: &str, text: &str, mode: u32) -> Self {
        let bytes = text.as_bytes().to_vec();
        let size = bytes.len() as u64;
        let file = Standing::File { bytes: Some(bytes), mode, owner: Owner { uid: 0, gid: 0 }, size };
        self.paths.borrow_mut().insert(path.into(), file);
        self
    }

    fn counted(&self) -> Result<(), ChangeError> {
        let done = self.done.get();
        self.done.set(done + 1);
        match self.refuses_after.get() {
            Some(most) if done >= most => Err(HostError::Other("No space left on device".to_owned()).into()),
            _ => Ok(()),
        }
    }

    fn at(&self, path: &Path) -> Standing {
        self.paths.borrow().get(path).cloned().unwrap_or(Standing::Absent)
    }

    fn put(&self, path: &Path, standing: Standing) {
        match standing {
            Standing::Absent => self.paths.borrow_mut().remove(path),
            other => self.paths.borrow_mut().insert(path.to_owned(), other),
        };
    }
}

impl Change for Memory {
    fn standing(&self, path: &Path) -> Result<Standing, ChangeError> {
        Ok(self.at(path))
    }

    fn write(&self, path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        self.counted()?;
        match self.at(path) {
            Standing::Absent | Standing::File { .. } => {
                let owner = owner.unwrap_or(Owner { uid: 0, gid: 0 });
                let size = bytes.len() as u64;
                self.put(path, Standing::File { bytes: Some(bytes.to_vec()), mode, owner, size });
                Ok(())
            }
            other => Err(ChangeError::Unexpected(format!("{} is {}", path.display(), other.name()))),
        }
    }

    fn set(&self, path: &Path, to: u32, whose: Option<Owner>) -> Result<(), ChangeError> {
        self.counted()?;
        let mut found = self.at(path);
        match &mut found {
            Standing::File { mode, owner, .. } | Standing::Folder { mode, owner } => {
                *mode = to;
                *owner = whose.unwrap_or(*owner);
            }
            Standing::Absent => return Err(HostError::NotFound.into()),
            Standing::Other { what } => return Err(ChangeError::Unexpected(what.clone())),
        }
        self.put(path, found);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), ChangeError> {
        self.counted()?;
        match (self.at(from), self.at(to)) {
            (file @ Standing::File { .. }, Standing::Absent) => {
                self.put(from, Standing::Absent);
                self.put(to, file);
                Ok(())
            }
            (folder @ Standing::Folder { .. }, Standing::Absent) => {
                self.put(from, Standing::Absent);
                let inner: Vec<PathBuf> =
                    self.paths.borrow().keys().filter(|known| known.starts_with(from)).cloned().collect();
                for path in inner {
                    let moved = to.join(path.strip_prefix(from).unwrap_or(&path));
                    let standing = self.at(&path);
                    self.put(&path, Standing::Absent);
                    self.put(&moved, standing);
                }
                self.put(to, folder);
                Ok(())
            }
            (Standing::Absent, _) => Err(HostError::NotFound.into()),
            (Standing::File { .. } | Standing::Folder { .. }, _) => {
                Err(ChangeError::Unexpected(format!("{} is there already", to.display())))
            }
            (other, _) => Err(ChangeError::Unexpected(format!("{} is {}", from.display(), other.name()))),
        }
    }

    fn remove(&self, path: &Path) -> Result<(), ChangeError> {
        self.counted()?;
        match self.at(path) {
            Standing::File { .. } => {
                self.put(path, Standing::Absent);
                Ok(())
            }
            Standing::Absent => Err(HostError::NotFound.into()),
            other => Err(ChangeError::Unexpected(format!("{} is {}", path.display(), other.name()))),
        }
    }

    fn make_folder(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        self.counted()?;
        match self.at(path) {
            Standing::Absent => {
                self.put(path, Standing::Folder { mode, owner: owner.unwrap_or(Owner { uid: 0, gid: 0 }) });
                Ok(())
            }
            _ => Err(ChangeError::Unexpected(format!("{} is there already", path.display()))),
        }
    }

    fn remove_folder(&self, path: &Path) -> Result<(), ChangeError> {
        self.counted()?;
        let full = self.paths.borrow().keys().any(|known| known != path && known.starts_with(path));
        match self.at(path) {
            Standing::Folder { .. } if full => Err(HostError::Other("Directory not empty".to_owned()).into()),
            Standing::Folder { .. } => {
                self.put(path, Standing::Absent);
                Ok(())
            }
            Standing::Absent => Err(HostError::NotFound.into()),
            other => Err(ChangeError::Unexpected(format!("{} is {}", path.display(), other.name()))),
        }
    }
}
