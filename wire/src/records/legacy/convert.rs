//! Old message sets as magic-2 batches.

use super::LegacyBatch;
use crate::records::{BatchBuilder, BatchOptions, BuildError, DecompressionLimits, RecordBatch, RecordError};
use crate::records::{Record, TimestampType};
use crate::types::LeaderEpoch;

/// Why a message set cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpConvertError {
    /// The set cannot be read.
    #[error(transparent)]
    Read(#[from] RecordError),
    /// Its records fit in no batch (offsets that do not increase, for example).
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// One message or wrapper of magic 0 or 1 as one batch of magic 2 with the same records, offsets, codec and timestamp
/// type. Records of magic 0 keep having no timestamp (-1).
///
/// Kafka's brokers no longer do this (they send such segments as they are); it is for readers that want one format.
///
/// # Errors
/// [`UpConvertError`].
pub fn up_convert(
    batch: &LegacyBatch,
    leader_epoch: LeaderEpoch,
    limits: DecompressionLimits,
) -> Result<RecordBatch, UpConvertError> {
    let header = batch.header();
    let mut records = batch.records(limits)?.peekable();
    let base_offset = match records.peek() {
        Some(Ok(first)) => first.offset,
        _ => header.offset,
    };
    let log_append_time =
        (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.timestamp);
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset,
        leader_epoch,
        compression: header.compression()?.into(),
        log_append_time,
        ..BatchOptions::default()
    });
    for record in records {
        builder.append_record(&Record::as_ref(&record?))?;
    }
    Ok(builder.build()?)
}
