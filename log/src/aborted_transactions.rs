//! A segment's `.txnindex` file, read when first asked for. Most segments have none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medallion_os::{File, OpenMode};
use medallion_wire::Offset;
use parking_lot::Mutex;

use crate::error::LogError;
use crate::file_names::FileKind;
use crate::log_directory::LogDirectory;
use crate::transaction_index::{self, AbortedTransactionEntry, ENTRY_BYTES};

/// The aborted transactions whose markers a segment holds.
#[derive(Debug)]
pub(crate) struct AbortedTransactions {
    directory: Arc<LogDirectory>,
    base_offset: Offset,
    state: Mutex<State>,
    /// Whether the file has entries that are not on disk.
    is_dirty: AtomicBool,
}

#[derive(Debug)]
enum State {
    /// There is a file that was not read yet.
    Unread,
    /// The entries; the file is made with the first of them.
    Read { entries: Vec<AbortedTransactionEntry>, file: Option<Arc<dyn File>> },
}

impl AbortedTransactions {
    pub(crate) fn new(directory: &Arc<LogDirectory>, base_offset: Offset, has_file: bool) -> Self {
        let state = if has_file { State::Unread } else { State::Read { entries: Vec::new(), file: None } };
        Self {
            directory: Arc::clone(directory),
            base_offset,
            state: Mutex::new(state),
            is_dirty: AtomicBool::new(false),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.file(self.base_offset, FileKind::TransactionIndex)
    }

    fn read_file(&self) -> Result<State, LogError> {
        let path = self.path();
        let file = self.directory.open(&path, OpenMode::CreateOrOpen)?;
        let io = |error| LogError::io("read", &path, error);
        let len = file.len().map_err(io)?;
        let mut content = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let read = file.read_at(&mut content, 0).map_err(io)?;
        content.truncate(read);
        let entries = transaction_index::decode(&content, self.base_offset)
            .map_err(|error| LogError::Damaged { path: path.clone(), reason: error.to_string() })?;
        Ok(State::Read { entries, file: Some(file) })
    }

    /// Runs `access` with the entries and the file.
    fn with<T>(
        &self,
        access: impl FnOnce(&mut Vec<AbortedTransactionEntry>, &mut Option<Arc<dyn File>>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut state = self.state.lock();
        if matches!(*state, State::Unread) {
            *state = self.read_file()?;
        }
        match &mut *state {
            State::Read { entries, file } => access(entries, file),
            State::Unread => unreachable!("read above"),
        }
    }

    pub(crate) fn entries(&self) -> Result<Vec<AbortedTransactionEntry>, LogError> {
        self.with(|entries, _| Ok(entries.clone()))
    }

    /// Puts entries behind the others.
    pub(crate) fn append(&self, new: &[AbortedTransactionEntry]) -> Result<(), LogError> {
        if new.is_empty() {
            return Ok(());
        }
        self.with(|entries, file| {
            let path = self.path();
            let file = match file {
                Some(file) => file,
                None => file.insert(self.directory.open(&path, OpenMode::CreateOrOpen)?),
            };
            let position = (entries.len() * ENTRY_BYTES) as u64;
            file.write_all_at(&[&transaction_index::encode(new)], position)
                .map_err(|error| LogError::io("write", &path, error))?;
            entries.extend_from_slice(new);
            self.is_dirty.store(true, Ordering::Release);
            Ok(())
        })
    }

    /// Drops the entries whose markers lie at or above `offset`.
    pub(crate) fn truncate_to(&self, offset: Offset) -> Result<(), LogError> {
        self.with(|entries, file| {
            entries.truncate(transaction_index::entries_below(entries, offset));
            let Some(file) = file else { return Ok(()) };
            let len = (entries.len() * ENTRY_BYTES) as u64;
            let cut = file.set_len(len).and_then(|()| file.sync_data());
            cut.map_err(|error| LogError::io("cut", &self.path(), error))
        })
    }

    /// Drops all entries, also those of a damaged file.
    pub(crate) fn clear(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        self.directory.remove_if_there(&self.path())?;
        *state = State::Read { entries: Vec::new(), file: None };
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), LogError> {
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let file = match &*self.state.lock() {
            State::Read { file: Some(file), .. } => Arc::clone(file),
            _ => return Ok(()),
        };
        file.sync_data().map_err(|error| LogError::io("flush", &self.path(), error))
    }
}
