//! From records on disk to an image.

use std::path::{Path, PathBuf};

use medallion_wire::internal_records::{ControlRecord, MetadataRecord, VotersRecord};
use medallion_wire::records::{DecompressionLimits, RecordBatch};
use medallion_wire::types::Offset;

use super::MetadataError;
use crate::controller::image::delta::Changes;
use crate::controller::image::{MetadataImage, Provenance};

/// An image that grows batch by batch.
///
/// Records between `BeginTransaction` and `EndTransaction` count when the end is there, and not at all when the
/// transaction was aborted or its end never came (KIP-868).
#[derive(Debug)]
pub(crate) struct Replay {
    /// The image as of the last batch, without the records of an open transaction.
    pub(crate) image: MetadataImage,
    /// The level of `kraft.version` in the control records.
    pub(crate) kraft_version: i16,
    /// The voters in the control records.
    pub(crate) voters: Option<VotersRecord>,
    transaction: Option<Vec<(Offset, MetadataRecord)>>,
    source: PathBuf,
}

impl Replay {
    /// Nothing replayed yet; `source` is named in errors.
    pub(crate) fn new(image: MetadataImage, source: &Path) -> Self {
        Self { image, kraft_version: 0, voters: None, transaction: None, source: source.to_owned() }
    }

    /// Names another file in errors from now on.
    pub(crate) fn set_source(&mut self, source: &Path) {
        source.clone_into(&mut self.source);
    }

    /// Whether the log ends within a transaction.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Applies a batch of the log.
    ///
    /// # Errors
    /// Damage, and records that this release does not understand.
    pub(crate) fn apply_log_batch(&mut self, batch: &RecordBatch) -> Result<(), MetadataError> {
        self.apply_batch(batch)?;
        self.image.provenance = Provenance {
            last_offset: batch.last_offset(),
            last_epoch: batch.partition_leader_epoch,
            last_timestamp_ms: batch.max_timestamp,
        };
        Ok(())
    }

    /// Applies a batch of a log or of a snapshot.
    ///
    /// # Errors
    /// Damage, and records that this release does not understand.
    pub(crate) fn apply_batch(&mut self, batch: &RecordBatch) -> Result<(), MetadataError> {
        let damaged =
            |source| MetadataError::Batch { path: self.source.clone(), offset: batch.base_offset, source };
        batch.verify_crc().map_err(damaged)?;
        let records = batch.records(DecompressionLimits::default()).map_err(damaged)?;
        for record in records {
            let record = record.map_err(|source| MetadataError::Batch {
                path: self.source.clone(),
                offset: batch.base_offset,
                source,
            })?;
            let unreadable =
                |source| MetadataError::Record { path: self.source.clone(), offset: record.offset, source };
            let value = record.value.unwrap_or_default();
            if batch.is_control() {
                let key = record.key.unwrap_or_default();
                let control = ControlRecord::decode(&key, &value).map_err(unreadable)?;
                self.apply_control(control);
            } else {
                let decoded = MetadataRecord::decode(&value).map_err(unreadable)?;
                self.apply_record(record.offset, decoded)?;
            }
        }
        Ok(())
    }

    fn apply_control(&mut self, record: ControlRecord) {
        match record {
            ControlRecord::KRaftVersion(record) => self.kraft_version = record.kraft_version,
            ControlRecord::KRaftVoters(record) => self.voters = Some(record),
            ControlRecord::SnapshotHeader(header) => {
                self.image.provenance.last_timestamp_ms = header.last_contained_log_timestamp;
            }
            // Who led is the business of the quorum state, and metadata knows no producers' transactions.
            ControlRecord::LeaderChange(_)
            | ControlRecord::SnapshotFooter(_)
            | ControlRecord::Abort(_)
            | ControlRecord::Commit(_) => {}
        }
    }

    fn apply_record(&mut self, offset: Offset, record: MetadataRecord) -> Result<(), MetadataError> {
        match (record, &mut self.transaction) {
            (MetadataRecord::BeginTransaction(_), transaction) => *transaction = Some(Vec::new()),
            (MetadataRecord::AbortTransaction(_), transaction) => *transaction = None,
            (MetadataRecord::EndTransaction(_), transaction) => {
                for (offset, record) in transaction.take().unwrap_or_default() {
                    self.apply_one(offset, &record)?;
                }
            }
            (record, Some(held)) => held.push((offset, record)),
            (record, None) => self.apply_one(offset, &record)?,
        }
        Ok(())
    }

    fn apply_one(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), MetadataError> {
        let failed = |source| MetadataError::Apply { path: self.source.clone(), offset, source };
        self.image.apply(record, &mut Changes::default()).map_err(failed)
    }
}
