//! What the log and the metadata store need of a file system.
//!
//! Durability promise: a write is durable once [`File::sync_data`] of that file has returned `Ok`; a created, renamed
//! or removed name is durable once [`FileSystem::sync_directory`] of its parent has returned `Ok`. After a crash any
//! subset of what was not made durable may be there, a write possibly in part.

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How [`FileSystem::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading only.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A new file for reading and writing; an existing one is an `AlreadyExists` error.
    CreateNew,
    /// For reading and writing, created when absent, never truncated.
    CreateOrOpen,
    /// For reading and writing, created when absent, cut to zero length when present.
    CreateOrTruncate,
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's full path.
    pub path: PathBuf,
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory (links are followed).
    pub is_directory: bool,
}

/// Size and free room of the volume that holds a path, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeSpace {
    /// The volume's size.
    pub total_bytes: u64,
    /// What an unprivileged process may still write.
    pub usable_bytes: u64,
}

/// A tree of files. Implementations are shared between threads.
pub trait FileSystem: Send + Sync + Debug {
    /// Opens one file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` (for [`OpenMode::CreateNew`]) and what the operating system says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and its missing parents, whose names are durable with *their* parents only.
    ///
    /// # Errors
    /// What the operating system says.
    fn create_directories(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its missing parents, all of which survive a crash then.
    ///
    /// # Errors
    /// What the operating system says.
    fn create_directories_durably(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for directory in path.ancestors().take_while(|directory| !directory.as_os_str().is_empty()) {
            if self.exists(directory)? {
                break;
            }
            missing.push(directory);
        }
        self.create_directories(path)?;
        for directory in missing.into_iter().rev() {
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            self.sync_directory(parent.unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }
    /// The entries of a directory, sorted by name.
    ///
    /// # Errors
    /// `NotFound` and what the operating system says.
    fn read_directory(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Whether a file or directory is there.
    ///
    /// # Errors
    /// What the operating system says; an absent path is `Ok(false)`.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Renames a file or directory, replacing a file that is there. Open handles stay valid.
    ///
    /// # Errors
    /// `NotFound` and what the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Open handles stay valid.
    ///
    /// # Errors
    /// `NotFound` and what the operating system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all below it.
    ///
    /// # Errors
    /// `NotFound` and what the operating system says.
    fn remove_directory_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the operating system says; after an error the directory's state is unknown.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Size and room of the volume that holds `path`.
    ///
    /// # Errors
    /// What the operating system says.
    fn volume_space(&self, path: &Path) -> io::Result<VolumeSpace>;
}

/// An open file with positional access: no shared cursor, so readers and the writer need no lock.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes from `position`; a short count means the end of the file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all buffers, one after the other, from `position` on.
    ///
    /// # Errors
    /// What the operating system says, a full disk as `StorageFull`; part of the bytes may then be there.
    fn write_all_at(&self, buffers: &[&[u8]], position: u64) -> io::Result<()>;
    /// Cuts the file or extends it with zeros.
    ///
    /// # Errors
    /// What the operating system says.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// The length in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds no byte.
    ///
    /// # Errors
    /// As [`File::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// The time of the last change, in milliseconds since the epoch (0 where not known).
    ///
    /// # Errors
    /// What the operating system says.
    fn modified_ms(&self) -> io::Result<i64>;
    /// Makes all writes so far durable (`fdatasync`). After an error nothing is known about them: never retry.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync_data(&self) -> io::Result<()>;
    /// Takes an exclusive advisory lock by `fcntl` for the life of the process, as Kafka does on `.lock`;
    /// `Ok(false)` when another process holds it.
    ///
    /// # Errors
    /// What the operating system says.
    fn try_lock(&self) -> io::Result<bool>;
    /// The descriptor for `sendfile`, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}
