//! The locks that keep a directory to one process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_os::{File, FileSystem, OpenMode};

use super::StorageError;

/// The file that a running server locks, in each directory.
const LOCK: &str = ".lock";

/// The locks of directories, held for as long as this value lives.
///
/// The lock is Kafka's, by `fcntl`, so that neither opens what the other has open. Such a lock belongs to the process:
/// any `close` of the file gives it up, so that each file is opened once and its handle kept.
#[derive(Debug, Default)]
pub(super) struct DirectoryLocks(Vec<(PathBuf, Arc<dyn File>)>);

impl DirectoryLocks {
    /// Locks those of `directories` that another process may work in: a directory without the file is nobody's, and
    /// stays untouched.
    ///
    /// # Errors
    /// [`StorageError::InUse`].
    pub(super) fn take_present(
        &mut self,
        fs: &dyn FileSystem,
        directories: &[&Path],
    ) -> Result<(), StorageError> {
        for directory in directories {
            let path = directory.join(LOCK);
            if fs.exists(&path).map_err(StorageError::io("find", &path))? {
                self.take(fs, directory)?;
            }
        }
        Ok(())
    }

    /// Locks all of `directories`; they are made where they are absent.
    ///
    /// # Errors
    /// [`StorageError::InUse`].
    pub(super) fn take_all(
        &mut self,
        fs: &dyn FileSystem,
        directories: &[&Path],
    ) -> Result<(), StorageError> {
        for directory in directories {
            fs.create_directories_durably(directory).map_err(StorageError::io("create", directory))?;
            self.take(fs, directory)?;
        }
        Ok(())
    }

    fn take(&mut self, fs: &dyn FileSystem, directory: &Path) -> Result<(), StorageError> {
        if self.0.iter().any(|(locked, _)| locked == directory) {
            return Ok(());
        }
        let path = directory.join(LOCK);
        let file = fs.open(&path, OpenMode::CreateOrOpen).map_err(StorageError::io("open", &path))?;
        if !file.try_lock().map_err(StorageError::io("lock", &path))? {
            return Err(StorageError::InUse { path: directory.to_owned() });
        }
        self.0.push((directory.to_owned(), file));
        Ok(())
    }
}
