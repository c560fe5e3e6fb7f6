//! One of `log.dirs`: its checkpoints and what they said at start.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use medallion_log::checkpoint_file::{
    self, CLEANER_OFFSET_CHECKPOINT, CheckpointError, LOG_START_OFFSET_CHECKPOINT, RECOVERY_POINT_CHECKPOINT,
    REPLICATION_OFFSET_CHECKPOINT,
};
use medallion_log::{LogReader, OpenOptions};
use medallion_os::FileSystem;
use medallion_os::file_system::VolumeSpace;
use medallion_wire::types::Uuid;
use medallion_wire::{Offset, TopicId, TopicPartition};
use parking_lot::Mutex;

pub(crate) type Offsets = BTreeMap<TopicPartition, Offset>;

/// A directory that holds partitions.
#[derive(Debug)]
pub(crate) struct LogDirectory {
    path: PathBuf,
    id: Uuid,
    fs: Arc<dyn FileSystem>,
    clean_shutdown: bool,
    recovery_points: Offsets,
    log_start_offsets: Offsets,
    cleaner_offsets: Offsets,
    partitions: AtomicUsize,
    full: AtomicBool,
    /// Bytes that may be written until the volume is looked at again.
    room_bytes: AtomicI64,
    /// Held while checkpoints are written: several threads do, by way of the same temporary files.
    checkpoints: Mutex<()>,
}

impl LogDirectory {
    /// Reads the checkpoints in `path`. `clean_shutdown` says whether the last process left its mark here.
    ///
    /// # Errors
    /// [`CheckpointError`] names the damaged file.
    pub(crate) fn load(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        id: Uuid,
        clean_shutdown: bool,
    ) -> Result<Self, CheckpointError> {
        let read = |name: &str| checkpoint_file::read_offsets(&*fs, &path.join(name));
        let recovery_points = read(RECOVERY_POINT_CHECKPOINT)?;
        let log_start_offsets = read(LOG_START_OFFSET_CHECKPOINT)?;
        let cleaner_offsets = read(CLEANER_OFFSET_CHECKPOINT)?;
        Ok(Self {
            path: path.to_owned(),
            id,
            clean_shutdown,
            recovery_points,
            log_start_offsets,
            cleaner_offsets,
            partitions: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            room_bytes: AtomicI64::new(i64::MAX),
            checkpoints: Mutex::new(()),
            fs,
        })
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its id (`directory.id` in `meta.properties`, KIP-858).
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// The folder of a partition.
    pub(crate) fn folder(&self, partition: &TopicPartition) -> PathBuf {
        self.path.join(partition.to_string())
    }

    /// What is known about a partition's log before it is opened.
    pub(crate) fn open_options(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        now_ms: i64,
    ) -> OpenOptions {
        let mut options = OpenOptions::new(now_ms);
        options.recovery_point = self.recovery_points.get(partition).copied().unwrap_or(Offset::ZERO);
        options.log_start_offset = self.log_start_offsets.get(partition).copied().unwrap_or(Offset::ZERO);
        options.clean_shutdown = self.clean_shutdown;
        options.topic_id = Some(topic_id);
        options
    }

    /// Up to where (exclusive) a partition was compacted, when the broker started.
    pub(crate) fn first_dirty_offset(&self, partition: &TopicPartition) -> Offset {
        self.cleaner_offsets.get(partition).copied().unwrap_or(Offset::ZERO)
    }

    /// Writes up to where partitions are compacted.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file.
    pub(crate) fn write_cleaner_checkpoint(&self, offsets: &Offsets) -> Result<(), CheckpointError> {
        let entries = offsets.iter().map(|(partition, offset)| (partition, *offset));
        let _writing = self.checkpoints.lock();
        checkpoint_file::write_offsets(&*self.fs, &self.path.join(CLEANER_OFFSET_CHECKPOINT), entries)
    }

    /// Size and room of the volume.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn space(&self) -> io::Result<VolumeSpace> {
        self.fs.volume_space(&self.path)
    }

    /// Whether writes are refused because the disk reserve is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Notes whether the disk reserve is reached; whether that is news.
    pub(crate) fn set_full(&self, full: bool) -> bool {
        self.full.swap(full, Ordering::Relaxed) != full
    }

    /// Notes how many bytes may be written above the disk reserve, as the volume says now.
    pub(crate) fn set_room(&self, bytes: u64) {
        self.room_bytes.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Takes room for a write: `false` where the reserve is reached, also by what was written since the volume was
    /// last looked at (a fast writer fills a disk between two looks).
    pub(crate) fn take_room(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        !self.is_full() && self.room_bytes.fetch_sub(bytes, Ordering::Relaxed) >= bytes
    }

    /// How many partitions lie here.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions.load(Ordering::Relaxed)
    }

    /// Counts a partition in.
    pub(crate) fn add_partition(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a partition out.
    pub(crate) fn remove_partition(&self) {
        self.partitions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Writes the checkpoints of all logs that lie here. Logs that are not open keep what was known of them.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file.
    pub(crate) fn write_checkpoints(
        &self,
        logs: &HashMap<TopicPartition, Option<LogReader>>,
    ) -> Result<(), CheckpointError> {
        let mut recovery_points = Offsets::new();
        let mut log_start_offsets = Offsets::new();
        let mut high_watermarks = Offsets::new();
        for (partition, reader) in logs {
            let Some(reader) = reader else {
                keep(&mut recovery_points, &self.recovery_points, partition);
                keep(&mut log_start_offsets, &self.log_start_offsets, partition);
                continue;
            };
            recovery_points.insert(partition.clone(), reader.recovery_point());
            high_watermarks.insert(partition.clone(), reader.high_watermark());
            let start = reader.log_start_offset();
            if reader.segments().first().is_some_and(|segment| start > segment.base_offset) {
                log_start_offsets.insert(partition.clone(), start);
            }
        }
        let write = |name: &str, offsets: &Offsets| {
            let entries = offsets.iter().map(|(partition, offset)| (partition, *offset));
            checkpoint_file::write_offsets(&*self.fs, &self.path.join(name), entries)
        };
        let _writing = self.checkpoints.lock();
        write(RECOVERY_POINT_CHECKPOINT, &recovery_points)?;
        write(LOG_START_OFFSET_CHECKPOINT, &log_start_offsets)?;
        write(REPLICATION_OFFSET_CHECKPOINT, &high_watermarks)
    }
}

fn keep(into: &mut Offsets, from: &Offsets, partition: &TopicPartition) {
    if let Some(offset) = from.get(partition) {
        into.insert(partition.clone(), *offset);
    }
}
