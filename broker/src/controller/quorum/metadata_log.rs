//! `__cluster_metadata-0`: opened, appended to, snapshotted and cleaned.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use medallion_log::{
    AppendOrigin, AppendRequest, LogConfig, LogEnvironment, LogReader, OpenOptions, PartitionLog,
};
use medallion_os::FileSystem;
use medallion_wire::internal_records::metadata_records::AbortTransactionRecord;
use medallion_wire::records::RecordBatch;
use medallion_wire::types::{LeaderEpoch, Offset, TopicId, Uuid};

use super::batches::{self, MAX_BATCH_BYTES};
use super::quorum_state::{self, QuorumState};
use super::snapshot::{self, SnapshotId};
use super::{MetadataError, Replay, StaticVoters, VoterSet};
use crate::controller::image::{MetadataImage, Provenance};
use crate::controller::records::{MetadataRecord, MetadataVersion};

/// The folder's name.
pub(crate) const METADATA_FOLDER: &str = "__cluster_metadata-0";
/// The id of the metadata topic in every cluster.
pub(crate) const METADATA_TOPIC_ID: TopicId = TopicId(Uuid::from_u128(1));
/// How much of the log is read at a time.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// What the metadata log is opened with.
#[derive(Debug, Clone)]
pub(crate) struct MetadataLogSettings {
    /// `metadata.log.dir`, or the first of `log.dirs`.
    pub(crate) directory: PathBuf,
    /// The id of that directory.
    pub(crate) directory_id: Uuid,
    /// `node.id`.
    pub(crate) node_id: i32,
    /// The cluster's id.
    pub(crate) cluster_id: String,
    /// The ids in `controller.quorum.voters`.
    pub(crate) static_voters: StaticVoters,
    /// Whether the directory was closed in order.
    pub(crate) clean_shutdown: bool,
    /// `metadata.log.segment.bytes`.
    pub(crate) segment_bytes: u32,
    /// `metadata.log.segment.ms`.
    pub(crate) segment_ms: i64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub(crate) snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for never by time.
    pub(crate) snapshot_interval_ms: i64,
    /// `metadata.max.retention.bytes`; negative for no limit.
    pub(crate) retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative for no limit.
    pub(crate) retention_ms: i64,
}

/// The metadata log of this node.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    fs: Arc<dyn FileSystem>,
    folder: PathBuf,
    log: PartitionLog,
    reader: LogReader,
    settings: MetadataLogSettings,
    voters: VoterSet,
    /// What `quorum-state` says.
    state: Option<QuorumState>,
    epoch: LeaderEpoch,
    snapshots: Vec<SnapshotId>,
    bytes_since_snapshot: u64,
    last_snapshot_ms: i64,
}

impl MetadataLog {
    /// Opens the log and replays it on top of the newest snapshot.
    ///
    /// # Errors
    /// Damage, a quorum that is not this node's alone, and metadata of a newer release.
    pub(crate) fn open(
        fs: Arc<dyn FileSystem>,
        settings: MetadataLogSettings,
        now_ms: i64,
    ) -> Result<(Self, Replay), MetadataError> {
        let folder = settings.directory.join(METADATA_FOLDER);
        fs.create_directories_durably(&folder).map_err(MetadataError::io("create", &folder))?;
        let state = quorum_state::read(&*fs, &folder)?;
        let snapshots = snapshot::list(&*fs, &folder)?;
        let newest = snapshots.last().copied();
        let (log, _) = PartitionLog::open(
            &LogEnvironment::new(Arc::clone(&fs)),
            &folder,
            Arc::new(log_config(&settings)),
            OpenOptions {
                recovery_point: newest.map_or(Offset::ZERO, |id| id.end_offset),
                log_start_offset: Offset::ZERO,
                clean_shutdown: settings.clean_shutdown,
                now_ms,
                topic_id: Some(METADATA_TOPIC_ID),
            },
        )?;
        let reader = log.reader();
        let mut opened = Self {
            voters: VoterSet::Static(settings.static_voters.clone()),
            epoch: state.as_ref().map_or(LeaderEpoch(0), |state| state.leader_epoch),
            state,
            fs,
            folder,
            log,
            reader,
            settings,
            snapshots,
            bytes_since_snapshot: 0,
            last_snapshot_ms: now_ms,
        };
        let replay = opened.replay(newest)?;
        opened.settle_voters(&replay)?;
        Ok((opened, replay))
    }

    fn replay(&mut self, newest: Option<SnapshotId>) -> Result<Replay, MetadataError> {
        let mut replay = Replay::new(MetadataImage::empty(&self.settings.cluster_id), &self.folder);
        let mut from = Offset::ZERO;
        if let Some(id) = newest {
            snapshot::load(&*self.fs, &self.folder.join(id.file_name()), &mut replay)?;
            from = id.end_offset;
            let place = &mut replay.image.provenance;
            *place = Provenance { last_offset: Offset(from.get() - 1), last_epoch: id.epoch, ..*place };
        }
        if self.reader.log_end_offset() < from {
            // The log went with a crash, or never was: the snapshot holds all that it said.
            self.log.truncate_fully_and_start_at(from)?;
        }
        let start = self.reader.log_start_offset();
        if start > from {
            return Err(MetadataError::refused(
                &self.folder,
                format!(
                    "the log begins at offset {start}, but the newest snapshot ends at {from}: one is missing"
                ),
            ));
        }
        replay.set_source(&self.folder);
        self.read_log(from, &mut replay)?;
        Ok(replay)
    }

    fn read_log(&mut self, mut from: Offset, replay: &mut Replay) -> Result<(), MetadataError> {
        let end = self.reader.log_end_offset();
        while from < end {
            let slice = self.reader.read(from, READ_BYTES, true, end)?;
            let mut bytes = Bytes::from(slice.read_to_vec()?);
            let before = from;
            while !bytes.is_empty() {
                let batch = RecordBatch::split_from(&mut bytes).map_err(|source| MetadataError::Batch {
                    path: self.folder.clone(),
                    offset: from,
                    source,
                })?;
                if batch.base_offset >= from {
                    self.bytes_since_snapshot += u64::try_from(batch.as_bytes().len()).unwrap_or(0);
                    replay.apply_log_batch(&batch)?;
                }
                from = from.max(batch.next_offset());
            }
            if from == before {
                let reason = format!("no batch at offset {from}, though the log ends at {end}");
                return Err(MetadataError::refused(&self.folder, reason));
            }
        }
        Ok(())
    }

    fn settle_voters(&mut self, replay: &Replay) -> Result<(), MetadataError> {
        if let (true, Some(record)) = (replay.kraft_version >= 1, &replay.voters) {
            self.voters = VoterSet::Dynamic(record.clone());
        } else if let Some(recorded) = self.state.as_ref().and_then(|state| state.static_voters.as_ref()) {
            // What the quorum was is in the file; the setting may say it anew or be left out by now.
            let sole = recorded.as_slice() == [self.settings.node_id];
            if !sole || self.settings.static_voters.is_empty() {
                self.voters = VoterSet::Static(recorded.clone());
            }
        }
        self.voters.check_sole(&self.folder, self.settings.node_id, self.settings.directory_id)
    }

    /// Leads from now on, in a new epoch, with a `LeaderChange` record as its first; what was not committed is.
    ///
    /// # Errors
    /// I/O errors; nothing may then be appended.
    pub(crate) fn become_leader(&mut self, replay: &mut Replay, now_ms: i64) -> Result<(), MetadataError> {
        let node = self.settings.node_id;
        let newest = self.reader.latest_epoch().unwrap_or(LeaderEpoch(0));
        let taken =
            self.state.as_ref().filter(|state| state.leader_id == node && state.leader_epoch > newest);
        self.epoch = match taken {
            // A start that got no further: nothing was written in this epoch, and nobody else votes.
            Some(state) => state.leader_epoch,
            None => LeaderEpoch(newest.max(self.epoch).get() + 1),
        };
        let static_voters = match &self.voters {
            VoterSet::Static(ids) => Some(ids.clone()),
            VoterSet::Dynamic(_) => None,
        };
        let state = QuorumState { leader_id: node, leader_epoch: self.epoch, voted_id: -1, static_voters };
        if self.state.as_ref() != Some(&state) {
            quorum_state::write(&*self.fs, &self.folder, &state)?;
            self.state = Some(state);
        }
        let mut records = vec![batches::leader_change(node)];
        if self.end_offset() == Offset::ZERO {
            records.extend(batches::voter_records(&self.voters));
        }
        let batch = batches::control(&records, self.end_offset(), self.epoch, now_ms)?;
        self.append(vec![batch.as_bytes().clone()], now_ms)?;
        replay.apply_log_batch(&batch)?;
        if replay.is_in_transaction() {
            self.abort_transaction(replay, now_ms)?;
        }
        Ok(())
    }

    fn abort_transaction(&mut self, replay: &mut Replay, now_ms: i64) -> Result<(), MetadataError> {
        let reason = Some("the controller that began it is gone".to_owned());
        let record = AbortTransactionRecord { reason, ..AbortTransactionRecord::default() };
        let batch = self.encode(&[record.into()], &replay.image, self.end_offset(), now_ms)?;
        self.append(vec![batch.as_bytes().clone()], now_ms)?;
        replay.apply_log_batch(&batch)
    }

    /// A batch of records for this log, in the versions that `image` asks for.
    ///
    /// # Errors
    /// Records that their schema cannot hold.
    pub(crate) fn encode(
        &self,
        records: &[MetadataRecord],
        image: &MetadataImage,
        base_offset: Offset,
        now_ms: i64,
    ) -> Result<RecordBatch, MetadataError> {
        let level = image.features.metadata_version();
        let version = MetadataVersion::from_level(level).unwrap_or(MetadataVersion::LATEST);
        batches::records(records, version, base_offset, self.epoch, now_ms)
    }

    /// Appends batches with one write and one flush; when it returns they are durable and, by the only vote, committed.
    ///
    /// # Errors
    /// Nothing of the batches counts then. A failed flush poisons the log: nothing can be appended any more.
    pub(crate) fn append(&mut self, batches: Vec<Bytes>, now_ms: i64) -> Result<(), MetadataError> {
        let bytes: usize = batches.iter().map(Bytes::len).sum();
        let before = self.end_offset();
        let requests = batches
            .into_iter()
            .map(|records| AppendRequest {
                records,
                leader_epoch: self.epoch,
                origin: AppendOrigin::RaftLeader,
            })
            .collect();
        for outcome in self.log.append_many(requests, now_ms) {
            if let Err(error) = outcome {
                if self.end_offset() > before {
                    self.log.truncate_to(before)?;
                }
                return Err(error.into());
            }
        }
        self.log.flush()?;
        let end = self.end_offset();
        self.log.advance_high_watermark(end);
        self.bytes_since_snapshot += u64::try_from(bytes).unwrap_or(0);
        Ok(())
    }

    /// Writes a snapshot when enough was appended or enough time has passed since the last, then cleans.
    ///
    /// # Errors
    /// I/O errors; the log itself is as it was.
    pub(crate) fn maybe_snapshot(&mut self, image: &MetadataImage, now_ms: i64) -> Result<(), MetadataError> {
        let interval = self.settings.snapshot_interval_ms;
        let by_time = interval > 0 && now_ms.saturating_sub(self.last_snapshot_ms) >= interval;
        let by_bytes = self.bytes_since_snapshot >= self.settings.snapshot_bytes;
        if self.bytes_since_snapshot == 0 || !(by_time || by_bytes) {
            return Ok(());
        }
        self.write_snapshot(image, now_ms)?;
        self.clean(now_ms)
    }

    /// Writes a snapshot of the committed `image`.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn write_snapshot(&mut self, image: &MetadataImage, now_ms: i64) -> Result<(), MetadataError> {
        // Also after a failure the next try waits its turn: a full disk must not be filled by tries.
        self.bytes_since_snapshot = 0;
        self.last_snapshot_ms = now_ms;
        let id = snapshot::write_image(&*self.fs, &self.folder, image, &self.voters, now_ms)?;
        tracing::info!(end_offset = id.end_offset.get(), "wrote a metadata snapshot");
        if self.snapshots.last() != Some(&id) {
            self.snapshots.push(id);
        }
        Ok(())
    }

    /// Removes old snapshots, and the log before the oldest that is left; the newest snapshot always stays.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn clean(&mut self, now_ms: i64) -> Result<(), MetadataError> {
        while self.snapshots.len() > 1 && self.oldest_may_go(now_ms)? {
            let oldest = self.snapshots.remove(0);
            let next = self.snapshots[0];
            if self.reader.log_start_offset() < next.end_offset {
                self.log.delete_records(next.end_offset)?;
            }
            snapshot::remove(&*self.fs, &self.folder, oldest)?;
        }
        self.log.delete_old_segments(now_ms)?;
        self.log.remove_deleted(now_ms)?;
        Ok(())
    }

    /// By size, all snapshots and the log together; by time, the file's age.
    fn oldest_may_go(&self, now_ms: i64) -> Result<bool, MetadataError> {
        let mut total = self.reader.size_bytes();
        for id in &self.snapshots {
            total += snapshot::size_bytes(&*self.fs, &self.folder, *id)?;
        }
        if u64::try_from(self.settings.retention_bytes).is_ok_and(|limit| total > limit) {
            return Ok(true);
        }
        if self.settings.retention_ms < 0 {
            return Ok(false);
        }
        let path = self.folder.join(self.snapshots[0].file_name());
        let file =
            self.fs.open(&path, medallion_os::OpenMode::Read).map_err(MetadataError::io("open", &path))?;
        let modified = file.modified_ms().map_err(MetadataError::io("inspect", &path))?;
        Ok(now_ms.saturating_sub(modified) > self.settings.retention_ms)
    }

    /// Closes the log in order.
    ///
    /// # Errors
    /// I/O errors; the shutdown is then not clean.
    pub(crate) fn close(&mut self) -> Result<(), MetadataError> {
        Ok(self.log.close()?)
    }

    /// The offset that the next record gets.
    pub(crate) fn end_offset(&self) -> Offset {
        self.reader.log_end_offset()
    }

    /// The epoch of this leadership.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Who votes.
    pub(crate) fn voters(&self) -> &VoterSet {
        &self.voters
    }

    /// The log's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Snapshots, not retention, decide what of the log stays.
fn log_config(settings: &MetadataLogSettings) -> LogConfig {
    LogConfig {
        segment_bytes: settings.segment_bytes,
        segment_ms: settings.segment_ms,
        retention_bytes: -1,
        retention_ms: -1,
        max_message_bytes: MAX_BATCH_BYTES,
        message_timestamp_after_max_ms: i64::MAX,
        ..LogConfig::default()
    }
}
