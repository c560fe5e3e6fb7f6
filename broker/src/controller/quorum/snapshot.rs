//! Snapshots: `<end offset>-<epoch>.checkpoint` in the metadata log's folder (KIP-630), and `bootstrap.checkpoint`.
//!
//! A header record with the time of the newest record inside, the voters where they are dynamic, the records of the
//! image, a footer: all in batches with offsets from 0 on and the epoch of the snapshot's name. Written beside as
//! `.part`, made durable, renamed. A file that ends without its footer is damaged.

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use medallion_os::{FileSystem, OpenMode};
use medallion_wire::internal_records::{ControlRecord, SnapshotFooterRecord, SnapshotHeaderRecord};
use medallion_wire::records::RecordBatch;
use medallion_wire::types::{LeaderEpoch, Offset};

use super::{MetadataError, Replay, VoterSet, batches};
use crate::controller::image::MetadataImage;
use crate::controller::records::{MetadataRecord, MetadataVersion};

/// The features of a new cluster, in the metadata log directory itself.
pub(crate) const BOOTSTRAP_CHECKPOINT: &str = "bootstrap.checkpoint";
const SUFFIX: &str = ".checkpoint";
/// What an unfinished snapshot ends in, and one that Kafka was about to remove.
const LEFT_OVER: [&str; 2] = [".checkpoint.part", ".checkpoint.deleted"];
/// Records are put into batches of about this many bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// Which snapshot: what it contains and the epoch of the last record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SnapshotId {
    /// The offset behind the last record that it contains.
    pub(crate) end_offset: Offset,
    /// The epoch of that record.
    pub(crate) epoch: LeaderEpoch,
}

impl SnapshotId {
    /// The snapshot that `format --standalone` writes: before every record.
    pub(crate) const BOOTSTRAP: Self = Self { end_offset: Offset::ZERO, epoch: LeaderEpoch(0) };

    /// The file's name.
    pub(crate) fn file_name(self) -> String {
        format!("{:020}-{:010}{SUFFIX}", self.end_offset.get(), self.epoch.get())
    }

    fn parse(name: &str) -> Option<Self> {
        let (offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if offset.len() != 20 || epoch.len() != 10 || !digits(offset) || !digits(epoch) {
            return None;
        }
        Some(Self { end_offset: Offset(offset.parse().ok()?), epoch: LeaderEpoch(epoch.parse().ok()?) })
    }
}

/// The snapshots in a folder, oldest first. Unfinished ones, and those half removed, are removed.
pub(crate) fn list(fs: &dyn FileSystem, folder: &Path) -> Result<Vec<SnapshotId>, MetadataError> {
    let mut found = Vec::new();
    for entry in fs.read_directory(folder).map_err(MetadataError::io("list", folder))? {
        if LEFT_OVER.iter().any(|suffix| entry.name.ends_with(suffix)) {
            fs.remove_file(&entry.path).map_err(MetadataError::io("remove", &entry.path))?;
        }
        found.extend(SnapshotId::parse(&entry.name));
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes a snapshot.
pub(crate) fn remove(fs: &dyn FileSystem, folder: &Path, id: SnapshotId) -> Result<(), MetadataError> {
    let path = folder.join(id.file_name());
    fs.remove_file(&path).map_err(MetadataError::io("remove", &path))
}

/// The size of a snapshot's file in bytes.
pub(crate) fn size_bytes(fs: &dyn FileSystem, folder: &Path, id: SnapshotId) -> Result<u64, MetadataError> {
    let path = folder.join(id.file_name());
    let file = fs.open(&path, OpenMode::Read).map_err(MetadataError::io("open", &path))?;
    file.len().map_err(MetadataError::io("measure", &path))
}

/// Applies a snapshot's records; `Ok(false)` when there is no such file.
///
/// # Errors
/// Damage, a missing footer, and records that this release does not understand.
pub(crate) fn load(fs: &dyn FileSystem, path: &Path, replay: &mut Replay) -> Result<bool, MetadataError> {
    if !fs.exists(path).map_err(MetadataError::io("find", path))? {
        return Ok(false);
    }
    replay.set_source(path);
    let mut rest = read(fs, path)?;
    let mut has_footer = false;
    let mut position = Offset::ZERO;
    while !rest.is_empty() {
        let batch = RecordBatch::split_from(&mut rest).map_err(|source| MetadataError::Batch {
            path: path.to_owned(),
            offset: position,
            source,
        })?;
        replay.apply_batch(&batch)?;
        position = batch.next_offset();
        has_footer = batch.is_control() && rest.is_empty();
    }
    if has_footer {
        return Ok(true);
    }
    Err(MetadataError::refused(path, "the snapshot has no end: it was not written whole"))
}

fn read(fs: &dyn FileSystem, path: &Path) -> Result<Bytes, MetadataError> {
    let file = fs.open(path, OpenMode::Read).map_err(MetadataError::io("open", path))?;
    let len = file.len().map_err(MetadataError::io("measure", path))?;
    let len = usize::try_from(len).map_err(|_| MetadataError::refused(path, "larger than the memory"))?;
    let mut bytes = BytesMut::zeroed(len);
    let mut filled = 0;
    while filled < len {
        let position = u64::try_from(filled).unwrap_or(u64::MAX);
        match file.read_at(&mut bytes[filled..], position).map_err(MetadataError::io("read", path))? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes.freeze())
}

/// Writes a snapshot of `image`, durably; its id.
///
/// # Errors
/// I/O errors; a file begun is then left as `.part`, which the next start removes.
pub(crate) fn write_image(
    fs: &dyn FileSystem,
    folder: &Path,
    image: &MetadataImage,
    voters: &VoterSet,
    now_ms: i64,
) -> Result<SnapshotId, MetadataError> {
    let place = image.provenance;
    let id = SnapshotId { end_offset: place.last_offset.next(), epoch: place.last_epoch };
    let version =
        MetadataVersion::from_level(image.features.metadata_version()).unwrap_or(MetadataVersion::LATEST);
    let header = Header { last_timestamp_ms: place.last_timestamp_ms, now_ms };
    let path = folder.join(id.file_name());
    write(fs, &path, id.epoch, header, voters, version, image.snapshot_records())?;
    Ok(id)
}

/// The times in a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// The append time of the newest record inside.
    pub(crate) last_timestamp_ms: i64,
    /// The time of writing.
    pub(crate) now_ms: i64,
}

/// Writes a file of header, voters, records and footer, durably.
///
/// # Errors
/// I/O errors.
pub(crate) fn write(
    fs: &dyn FileSystem,
    path: &Path,
    epoch: LeaderEpoch,
    header: Header,
    voters: &VoterSet,
    version: MetadataVersion,
    records: impl Iterator<Item = MetadataRecord>,
) -> Result<(), MetadataError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut writer = Writer::create(fs, PathBuf::from(part), epoch, header.now_ms)?;
    let first = ControlRecord::SnapshotHeader(SnapshotHeaderRecord {
        last_contained_log_timestamp: header.last_timestamp_ms,
        ..SnapshotHeaderRecord::default()
    });
    let mut controls = vec![first];
    controls.extend(batches::voter_records(voters));
    writer.control(&controls)?;
    let mut pending = Vec::new();
    let mut pending_bytes = 0;
    for record in records {
        pending_bytes += record.encode_at(version)?.len() + 16;
        pending.push(record);
        if pending_bytes >= BATCH_BYTES {
            writer.records(&pending, version)?;
            pending.clear();
            pending_bytes = 0;
        }
    }
    if !pending.is_empty() {
        writer.records(&pending, version)?;
    }
    writer.control(&[ControlRecord::SnapshotFooter(SnapshotFooterRecord::default())])?;
    writer.finish(fs, path)
}

struct Writer {
    file: std::sync::Arc<dyn medallion_os::File>,
    path: PathBuf,
    position: u64,
    next_offset: Offset,
    epoch: LeaderEpoch,
    now_ms: i64,
}

impl Writer {
    fn create(
        fs: &dyn FileSystem,
        path: PathBuf,
        epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<Self, MetadataError> {
        let file = fs.open(&path, OpenMode::CreateOrTruncate).map_err(MetadataError::io("create", &path))?;
        Ok(Self { file, path, position: 0, next_offset: Offset::ZERO, epoch, now_ms })
    }

    fn control(&mut self, records: &[ControlRecord]) -> Result<(), MetadataError> {
        let batch = batches::control(records, self.next_offset, self.epoch, self.now_ms)?;
        self.put(&batch)
    }

    fn records(&mut self, records: &[MetadataRecord], version: MetadataVersion) -> Result<(), MetadataError> {
        let batch = batches::records(records, version, self.next_offset, self.epoch, self.now_ms)?;
        self.put(&batch)
    }

    fn put(&mut self, batch: &RecordBatch) -> Result<(), MetadataError> {
        let bytes = batch.as_bytes();
        self.file.write_all_at(&[bytes], self.position).map_err(MetadataError::io("write", &self.path))?;
        self.position += u64::try_from(bytes.len()).unwrap_or(0);
        self.next_offset = batch.next_offset();
        Ok(())
    }

    fn finish(self, fs: &dyn FileSystem, path: &Path) -> Result<(), MetadataError> {
        self.file.sync_data().map_err(MetadataError::io("flush", &self.path))?;
        fs.rename(&self.path, path).map_err(MetadataError::io("rename", &self.path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs.sync_directory(folder).map_err(MetadataError::io("flush", folder))
    }
}
