//! Moves a partition from one of `log.dirs` to another while it is written and read (KIP-113).
//!
//! The copy grows in a folder named as Kafka names it (`topic-0.<32 hex digits>-future`). When it has nearly caught up the
//! writer is held for the rest, the folders are renamed and the copy takes over; requests that came meanwhile wait in
//! the partition's queue and go to the copy.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use medallion_log::{AppendError, LogEnvironment, LogError, LogReader, OpenOptions, PartitionLog, ReadError};
use medallion_wire::Offset;

use super::partition::{Partition, PartitionError};

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;
/// When no more than this is missing, the writer is held for the rest.
const LAST_STEP_BYTES: u64 = 4 << 20;

/// A move under way, as `DescribeLogDirs` and its canceller see it.
#[derive(Debug, Default)]
pub(crate) struct MoveProgress {
    copied_bytes: AtomicU64,
    end_offset: AtomicI64,
    cancelled: AtomicBool,
}

impl MoveProgress {
    /// Bytes of records in the copy.
    pub(crate) fn copied_bytes(&self) -> u64 {
        self.copied_bytes.load(Ordering::Relaxed)
    }

    /// The copy's log end offset.
    pub(crate) fn end_offset(&self) -> Offset {
        Offset(self.end_offset.load(Ordering::Relaxed))
    }

    /// Gives the move up at the next step.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Why a move did not succeed. The partition stays where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the copy refuses records of the original: {0}")]
    Append(#[from] AppendError),
}

/// What a move calls its folders. Each move has names of its own, so that one that was given up and has not noticed yet
/// does not come in the way of the next.
#[derive(Debug)]
pub(crate) struct MoveFolders {
    /// The copy's folder while it grows; it ends beside it under the partition's name.
    pub(crate) future: PathBuf,
    /// The original's name, in its directory, once the copy has taken over.
    pub(crate) retired_name: String,
}

/// Copies the log of `partition` into another directory and lets the copy take over. Gives the old folder's new path, to
/// be removed after a while.
///
/// # Errors
/// [`MoveError`]; what was copied is removed.
pub(crate) fn run(
    environment: &LogEnvironment,
    partition: &Arc<Partition>,
    folders: &MoveFolders,
    now_ms: i64,
    progress: &MoveProgress,
) -> Result<PathBuf, MoveError> {
    let future = &folders.future;
    let outcome = copy_and_swap(environment, partition, folders, now_ms, progress);
    if outcome.is_err()
        && environment.fs.exists(future).unwrap_or(false)
        && let Err(error) = environment.fs.remove_directory_all(future)
    {
        tracing::warn!(folder = %future.display(), %error, "an unfinished copy cannot be removed");
    }
    outcome
}

fn copy_and_swap(
    environment: &LogEnvironment,
    partition: &Arc<Partition>,
    folders: &MoveFolders,
    now_ms: i64,
    progress: &MoveProgress,
) -> Result<PathBuf, MoveError> {
    let source = partition.reader()?;
    let config = Arc::new(partition.settings().log.clone());
    let mut options = OpenOptions::new(now_ms);
    options.topic_id = Some(partition.topic_id());
    let (mut future, _) = PartitionLog::open(environment, &folders.future, config, options)?;
    future.truncate_fully_and_start_at(source.log_start_offset())?;
    loop {
        copy(&source, &mut future, progress)?;
        if source.size_bytes().saturating_sub(future.reader().size_bytes()) <= LAST_STEP_BYTES {
            break;
        }
    }
    future.flush()?;
    partition.replace_log(|old| {
        copy(&old.reader(), &mut future, progress)?;
        future.advance_high_watermark(old.reader().high_watermark());
        future.delete_records(old.reader().log_start_offset())?;
        future.flush()?;
        let (live, place) = (old.directory(), folders.future.with_file_name(partition.id().to_string()));
        let retired = live.with_file_name(&folders.retired_name);
        old.rename_directory(&retired)?;
        if let Err(error) = future.rename_directory(&place) {
            // The original stays in use, so it must not be taken for a deleted one at the next start.
            old.rename_directory(&live)?;
            return Err(error.into());
        }
        Ok((future, retired))
    })?
}

/// Copies until the copy has all that the original had when this looked last.
fn copy(source: &LogReader, future: &mut PartitionLog, progress: &MoveProgress) -> Result<(), MoveError> {
    loop {
        if progress.cancelled.load(Ordering::Relaxed) {
            return Err(MoveError::Cancelled);
        }
        let from = future.reader().log_end_offset().max(source.log_start_offset());
        let slice = source.read(from, COPY_BYTES, true, source.log_end_offset())?;
        if slice.len == 0 {
            return Ok(());
        }
        future.append_as_follower(Bytes::from(slice.read_to_vec()?))?;
        let reader = future.reader();
        progress.copied_bytes.store(reader.size_bytes(), Ordering::Relaxed);
        progress.end_offset.store(reader.log_end_offset().get(), Ordering::Relaxed);
    }
}
