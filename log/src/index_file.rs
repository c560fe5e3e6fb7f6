//! A file of sorted entries of one size, appended by one writer and searched by many readers.
//!
//! Written by plain writes, never through a map, and in groups: the newest entries wait in memory until [`WRITE_BYTES`]
//! are there, the log is flushed or the segment is closed. An index that lacks its newest entries is still right.
//! A file that a killed Kafka left has its full size, zeros behind the last entry.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use medallion_os::{File, OpenMode};
use medallion_wire::Offset;
use parking_lot::Mutex;

use crate::error::LogError;
use crate::file_names::FileKind;
use crate::log_directory::LogDirectory;

/// How many bytes of entries wait in memory at most.
const WRITE_BYTES: usize = 480;
/// How many bytes of entries one read of a search takes in.
const BLOCK_BYTES: usize = 4080;
/// How many bytes of entries a search takes in where the one before it ended.
const NEAR_BYTES: usize = 1020;

/// An index file with entries of `N` bytes.
#[derive(Debug)]
pub(crate) struct IndexFile<const N: usize> {
    directory: Arc<LogDirectory>,
    base_offset: Offset,
    kind: FileKind,
    opened: OnceLock<Opened<N>>,
}

#[derive(Debug)]
struct Opened<const N: usize> {
    file: Arc<dyn File>,
    tail: Mutex<Tail<N>>,
    /// The entry that was found last: who reads a log from front to back asks for its neighbours next. Only a hint.
    near: AtomicUsize,
}

/// The outcome of a search: how many leading entries there are for which a condition holds, and the last of them where the
/// search has met it.
#[derive(Debug)]
struct Found<const N: usize> {
    count: usize,
    last: Option<[u8; N]>,
}

#[derive(Debug)]
struct Tail<const N: usize> {
    /// Entries in the file.
    written: usize,
    /// Entries that are not in the file yet.
    pending: Vec<[u8; N]>,
}

impl<const N: usize> Tail<N> {
    fn len(&self) -> usize {
        self.written + self.pending.len()
    }
}

impl<const N: usize> IndexFile<N> {
    /// The index of the segment at `base_offset`; its file is opened (or made) when first needed.
    pub(crate) fn new(directory: &Arc<LogDirectory>, base_offset: Offset, kind: FileKind) -> Self {
        Self { directory: Arc::clone(directory), base_offset, kind, opened: OnceLock::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.file(self.base_offset, self.kind)
    }

    fn error(&self, operation: &'static str, error: std::io::Error) -> LogError {
        LogError::io(operation, &self.path(), error)
    }

    fn opened(&self) -> Result<&Opened<N>, LogError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let file = self.directory.open(&self.path(), OpenMode::CreateOrOpen)?;
        let written = self.count_entries(file.as_ref())?;
        let tail = Mutex::new(Tail { written, pending: Vec::new() });
        Ok(self.opened.get_or_init(|| Opened { file, tail, near: AtomicUsize::new(0) }))
    }

    /// Entries in a file that may end with zeros or in the middle of an entry.
    fn count_entries(&self, file: &dyn File) -> Result<usize, LogError> {
        let len = file.len().map_err(|error| self.error("measure", error))?;
        let count = to_usize(len) / N;
        if count == 0 || self.read_entry(file, count - 1)? != [0; N] {
            return Ok(count);
        }
        let (mut filled, mut end) = (0, count);
        while filled < end {
            let middle = usize::midpoint(filled, end);
            if self.read_entry(file, middle)? == [0; N] {
                end = middle;
            } else {
                filled = middle + 1;
            }
        }
        Ok(filled)
    }

    fn read_entry(&self, file: &dyn File, index: usize) -> Result<[u8; N], LogError> {
        let mut entry = [0; N];
        file.read_at(&mut entry, (index * N) as u64).map_err(|error| self.error("read", error))?;
        Ok(entry)
    }

    fn read_entries(&self, file: &dyn File, from: usize, count: usize) -> Result<Vec<[u8; N]>, LogError> {
        let mut entries = vec![[0; N]; count];
        let read = file.read_at(entries.as_flattened_mut(), (from * N) as u64);
        entries.truncate(read.map_err(|error| self.error("read", error))? / N);
        Ok(entries)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> Result<usize, LogError> {
        Ok(self.opened()?.tail.lock().len())
    }

    /// The entry at `index`, counted from 0; `None` behind the end.
    pub(crate) fn get(&self, index: usize) -> Result<Option<[u8; N]>, LogError> {
        let opened = self.opened()?;
        {
            let tail = opened.tail.lock();
            if index >= tail.written {
                return Ok(tail.pending.get(index - tail.written).copied());
            }
        }
        self.read_entry(opened.file.as_ref(), index).map(Some)
    }

    /// The newest entry.
    pub(crate) fn last(&self) -> Result<Option<[u8; N]>, LogError> {
        match self.len()? {
            0 => Ok(None),
            len => self.get(len - 1),
        }
    }

    /// The last entry for which `holds` says so, where it does for all entries up to some place and for none behind.
    pub(crate) fn last_where(&self, holds: impl Fn(&[u8; N]) -> bool) -> Result<Option<[u8; N]>, LogError> {
        match self.find(holds)? {
            Found { last: Some(last), .. } => Ok(Some(last)),
            Found { count: 0, .. } => Ok(None),
            Found { count, .. } => self.get(count - 1),
        }
    }

    /// How many leading entries there are for which `holds` says so.
    pub(crate) fn count_where(&self, holds: impl Fn(&[u8; N]) -> bool) -> Result<usize, LogError> {
        Ok(self.find(holds)?.count)
    }

    fn find(&self, holds: impl Fn(&[u8; N]) -> bool) -> Result<Found<N>, LogError> {
        let opened = self.opened()?;
        let written = {
            let tail = opened.tail.lock();
            if tail.pending.first().is_some_and(&holds) {
                let count = tail.pending.partition_point(&holds);
                return Ok(Found { count: tail.written + count, last: Some(tail.pending[count - 1]) });
            }
            tail.written
        };
        let found = self.find_in_file(opened, written, holds)?;
        opened.near.store(found.count.saturating_sub(1), Ordering::Relaxed);
        Ok(found)
    }

    fn find_in_file(
        &self,
        opened: &Opened<N>,
        written: usize,
        holds: impl Fn(&[u8; N]) -> bool,
    ) -> Result<Found<N>, LogError> {
        let file = opened.file.as_ref();
        let (mut low, mut high) = (0, written);
        let near = opened.near.load(Ordering::Relaxed);
        if near < written {
            let entries = self.read_entries(file, near, (NEAR_BYTES / N).min(written - near))?;
            match entries.partition_point(&holds) {
                0 => high = near,
                count if count < entries.len() || near + count == written => {
                    return Ok(Found { count: near + count, last: Some(entries[count - 1]) });
                }
                count => low = near + count,
            }
        }
        let block = BLOCK_BYTES / N;
        // The newest entries are asked for most, so that their block is looked at first.
        let newest = high.saturating_sub(block);
        if high == written && newest > low {
            if holds(&self.read_entry(file, newest)?) {
                low = newest;
            } else {
                high = newest;
            }
        }
        while high - low > block {
            let middle = usize::midpoint(low, high);
            if holds(&self.read_entry(file, middle)?) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let entries = self.read_entries(file, low, high - low)?;
        let count = entries.partition_point(holds);
        Ok(Found { count: low + count, last: count.checked_sub(1).map(|last| entries[last]) })
    }

    /// Puts an entry behind the others.
    pub(crate) fn append(&self, entry: [u8; N]) -> Result<(), LogError> {
        let opened = self.opened()?;
        let mut tail = opened.tail.lock();
        tail.pending.push(entry);
        if tail.pending.len() * N < WRITE_BYTES {
            return Ok(());
        }
        ignore_full_disk(self.write_out(opened, &mut tail))
    }

    /// Brings all entries into the file (not: to the disk). On a full disk they stay in memory for a later try.
    pub(crate) fn write_pending(&self) -> Result<(), LogError> {
        ignore_full_disk(self.write_all_pending())
    }

    fn write_all_pending(&self) -> Result<(), LogError> {
        let Some(opened) = self.opened.get() else { return Ok(()) };
        self.write_out(opened, &mut opened.tail.lock())
    }

    /// The short lock may be held over a write of a few hundred bytes into the page cache.
    fn write_out(&self, opened: &Opened<N>, tail: &mut Tail<N>) -> Result<(), LogError> {
        if tail.pending.is_empty() {
            return Ok(());
        }
        let bytes = tail.pending.as_flattened();
        let written = opened.file.write_all_at(&[bytes], (tail.written * N) as u64);
        // What was half written is overwritten by the next try.
        written.map_err(|error| self.error("write", error))?;
        tail.written += tail.pending.len();
        tail.pending.clear();
        Ok(())
    }

    /// Drops all but the first `count` entries, and whatever follows the entries in the file. Durable at once, so
    /// that no crash brings dropped entries back.
    pub(crate) fn truncate(&self, count: usize) -> Result<(), LogError> {
        let opened = self.opened()?;
        let mut tail = opened.tail.lock();
        let keep_pending = count.saturating_sub(tail.written);
        tail.pending.truncate(keep_pending);
        tail.written = tail.written.min(count);
        let len = (tail.written * N) as u64;
        let cut = opened.file.len().map_err(|error| self.error("measure", error))? != len;
        if cut {
            opened.file.set_len(len).map_err(|error| self.error("cut", error))?;
            opened.file.sync_data().map_err(|error| self.error("flush", error))?;
        }
        Ok(())
    }

    /// Writes all entries once more, for the same reason as [`crate::segment::Segment::write_again`].
    pub(crate) fn write_again(&self) -> Result<(), LogError> {
        let opened = self.opened()?;
        let mut tail = opened.tail.lock();
        let mut entries = self.read_entries(opened.file.as_ref(), 0, tail.written)?;
        entries.append(&mut tail.pending);
        *tail = Tail { written: 0, pending: entries };
        self.write_out(opened, &mut tail)
    }

    /// Brings all entries into the file and cuts what follows them.
    pub(crate) fn trim(&self) -> Result<(), LogError> {
        self.write_all_pending()?;
        self.truncate(self.len()?)
    }

    /// Makes all entries durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.write_all_pending()?;
        match self.opened.get() {
            Some(opened) => opened.file.sync_data().map_err(|error| self.error("flush", error)),
            None => Ok(()),
        }
    }

    /// All entries in order; for checks and for recovery.
    pub(crate) fn entries(&self) -> Result<Vec<[u8; N]>, LogError> {
        let opened = self.opened()?;
        let tail = opened.tail.lock();
        let mut entries = self.read_entries(opened.file.as_ref(), 0, tail.written)?;
        entries.extend_from_slice(&tail.pending);
        Ok(entries)
    }
}

/// An index that lacks its newest entries is still right.
fn ignore_full_disk(result: Result<(), LogError>) -> Result<(), LogError> {
    match result {
        Err(LogError::DiskFull { .. }) => Ok(()),
        other => other,
    }
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The distance of `offset` from `base_offset` where it fits into an index entry.
pub(crate) fn relative_offset(base_offset: Offset, offset: Offset) -> Option<i32> {
    i32::try_from(offset - base_offset).ok().filter(|relative| *relative >= 0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use medallion_os::SimulatedFileSystem;

    use super::*;

    /// An index of the numbers 2, 4, 6, ..., of which the newest wait in memory.
    fn index_of(count: u64) -> IndexFile<8> {
        let fs = Arc::new(SimulatedFileSystem::new());
        let directory = Arc::new(LogDirectory::new(fs, Path::new("/t-0")));
        directory.fs().create_directories(Path::new("/t-0")).unwrap();
        let index = IndexFile::new(&directory, Offset::ZERO, FileKind::OffsetIndex);
        for number in 1..=count {
            index.append((2 * number).to_be_bytes()).unwrap();
        }
        index
    }

    fn assert_finds(index: &IndexFile<8>, count: u64, bound: u64) {
        let holds = |entry: &[u8; 8]| u64::from_be_bytes(*entry) <= bound;
        let expected = count.min(bound / 2);
        assert_eq!(index.count_where(holds).unwrap() as u64, expected, "{bound} of {count}");
        let last = (expected > 0).then(|| (2 * expected).to_be_bytes());
        assert_eq!(index.last_where(holds).unwrap(), last, "{bound} of {count}");
    }

    #[test]
    fn searches_find_the_same_wherever_the_one_before_ended() {
        for count in [0, 1, 59, 60, 61, 127, 128, 600, 5003] {
            let index = index_of(count);
            // Forwards in small and large steps, backwards, and here and there.
            for step in [1, 100, 777] {
                let bounds: Vec<u64> = (0..=2 * count + 3).step_by(step).collect();
                for bound in bounds.iter().chain(bounds.iter().rev()) {
                    assert_finds(&index, count, *bound);
                }
            }
            for number in 0..1000_u64 {
                assert_finds(&index, count, number * 7919 % (2 * count + 3));
            }
        }
    }

    #[test]
    fn a_search_after_a_truncation_forgets_where_it_was() {
        let index = index_of(5003);
        assert_finds(&index, 5003, 9000);
        index.truncate(10).unwrap();
        for bound in [9000, 20, 3, 0] {
            assert_finds(&index, 10, bound);
        }
    }
}
