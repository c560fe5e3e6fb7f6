//! The folder of one partition: its path, which may change, and its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use medallion_os::{File, FileSystem, OpenMode};
use medallion_wire::Offset;

use crate::error::LogError;
use crate::file_names::{FileKind, segment_file};

/// A partition's folder.
#[derive(Debug)]
pub(crate) struct LogDirectory {
    fs: Arc<dyn FileSystem>,
    path: ArcSwap<PathBuf>,
}

impl LogDirectory {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, path: &Path) -> Self {
        Self { fs, path: ArcSwap::from_pointee(path.to_owned()) }
    }

    pub(crate) fn path(&self) -> Arc<PathBuf> {
        self.path.load_full()
    }

    pub(crate) fn fs(&self) -> &dyn FileSystem {
        self.fs.as_ref()
    }

    /// The path of a segment's file.
    pub(crate) fn file(&self, base_offset: Offset, kind: FileKind) -> PathBuf {
        segment_file(&self.path.load(), base_offset, kind)
    }

    pub(crate) fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>, LogError> {
        self.fs.open(path, mode).map_err(|error| LogError::io("open", path, error))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), LogError> {
        self.fs.rename(from, to).map_err(|error| LogError::io("rename", from, error))
    }

    /// Removes a file that may be gone already.
    pub(crate) fn remove_if_there(&self, path: &Path) -> Result<bool, LogError> {
        match self.fs.remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(LogError::io("remove", path, error)),
        }
    }

    pub(crate) fn exists(&self, path: &Path) -> Result<bool, LogError> {
        self.fs.exists(path).map_err(|error| LogError::io("look for", path, error))
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        let path = self.path.load();
        self.fs.sync_directory(&path).map_err(|error| LogError::io("flush the directory", &path, error))
    }

    /// Renames the folder itself; open files stay open.
    pub(crate) fn move_to(&self, to: &Path) -> Result<(), LogError> {
        let from = self.path.load_full();
        self.rename(&from, to)?;
        self.path.store(Arc::new(to.to_owned()));
        for parent in [from.parent(), to.parent()].into_iter().flatten() {
            self.fs
                .sync_directory(parent)
                .map_err(|error| LogError::io("flush the directory", parent, error))?;
        }
        Ok(())
    }
}
