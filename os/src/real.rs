//! The operating system's files.

use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustix::fs::FlockOperation;

use crate::file_system::{Entry, File, FileSystem, OpenMode, VolumeSpace};

/// [`FileSystem`] on the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealFileSystem;

/// How many buffers one vectored write takes; well below `IOV_MAX`.
const BUFFERS_A_WRITE: usize = 256;

impl FileSystem for RealFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
            OpenMode::CreateOrOpen => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::CreateOrTruncate => {
                options.write(true).create(true).truncate(true);
            }
        }
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn read_directory(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let path = entry.path();
            // A name that is not UTF-8 is nobody's file here; it stays visible under its lossy form.
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_directory = path.is_dir();
            entries.push(Entry { path, name, is_directory });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn volume_space(&self, path: &Path) -> io::Result<VolumeSpace> {
        let volume = rustix::fs::statvfs(path)?;
        Ok(VolumeSpace {
            total_bytes: volume.f_blocks.saturating_mul(volume.f_frsize),
            usable_bytes: volume.f_bavail.saturating_mul(volume.f_frsize),
        })
    }
}

/// The name of this machine, as others may know it.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// An open file of the operating system.
#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_all_at(&self, buffers: &[&[u8]], position: u64) -> io::Result<()> {
        if let [single] = buffers {
            return self.0.write_all_at(single, position);
        }
        let mut position = position;
        for group in buffers.chunks(BUFFERS_A_WRITE) {
            let mut slices: Vec<IoSlice<'_>> = group.iter().map(|buffer| IoSlice::new(buffer)).collect();
            let mut rest = slices.as_mut_slice();
            IoSlice::advance_slices(&mut rest, 0);
            while !rest.is_empty() {
                match rustix::io::pwritev(&self.0, rest, position) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        position += written as u64;
                        IoSlice::advance_slices(&mut rest, written);
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn modified_ms(&self) -> io::Result<i64> {
        let since = self.0.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match rustix::fs::fcntl_lock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_written_one_after_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let file = RealFileSystem.open(&directory.path().join("a"), OpenMode::CreateNew).unwrap();
        let many: Vec<Vec<u8>> = (0..1000_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut buffers: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        buffers.insert(0, b"");
        file.write_all_at(&buffers, 3).unwrap();
        assert_eq!(file.len().unwrap(), 4003);
        let mut read = vec![1; 5000];
        assert_eq!(file.read_at(&mut read, 0).unwrap(), 4003);
        assert_eq!(&read[..3], &[0, 0, 0]);
        assert_eq!(&read[3..4003], many.concat().as_slice());
        file.sync_data().unwrap();
        RealFileSystem.sync_directory(directory.path()).unwrap();
    }

    #[test]
    fn modes_do_what_they_say() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let error = RealFileSystem.open(&path, OpenMode::Read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let file = RealFileSystem.open(&path, OpenMode::CreateOrOpen).unwrap();
        file.write_all_at(&[b"ab"], 0).unwrap();
        let error = RealFileSystem.open(&path, OpenMode::CreateNew).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(RealFileSystem.open(&path, OpenMode::CreateOrOpen).unwrap().len().unwrap(), 2);
        assert!(RealFileSystem.open(&path, OpenMode::Read).unwrap().write_all_at(&[b"x"], 0).is_err());
        assert!(RealFileSystem.open(&path, OpenMode::CreateOrTruncate).unwrap().is_empty().unwrap());
        assert!(file.modified_ms().unwrap() > 0);
    }

    #[test]
    fn directories_list_sorted_and_go_whole() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("x/y");
        RealFileSystem.create_directories(&inner).unwrap();
        for name in ["b", "a"] {
            RealFileSystem.open(&inner.join(name), OpenMode::CreateNew).unwrap();
        }
        let names: Vec<String> =
            RealFileSystem.read_directory(&inner).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a", "b"]);
        RealFileSystem.rename(&inner.join("b"), &inner.join("a")).unwrap();
        assert!(!RealFileSystem.exists(&inner.join("b")).unwrap());
        RealFileSystem.remove_directory_all(&directory.path().join("x")).unwrap();
        assert!(!RealFileSystem.exists(&inner).unwrap());
        assert!(RealFileSystem.volume_space(directory.path()).unwrap().usable_bytes > 0);
    }

    #[test]
    fn the_lock_is_a_posix_record_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".lock");
        let file = RealFileSystem.open(&path, OpenMode::CreateOrOpen).unwrap();
        assert!(file.try_lock().unwrap());
        assert!(file.try_lock().unwrap(), "the same process may take it again");
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        if locks.is_empty() {
            return; // a kernel without /proc/locks shows nothing
        }
        let me = format!(" {} ", std::process::id());
        assert!(locks.lines().any(|line| line.contains("POSIX") && line.contains(&me)), "{locks}");
    }
}
