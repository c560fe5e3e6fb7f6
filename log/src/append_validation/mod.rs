//! What a leader checks of a batch before it enters the log, and how the batch must be changed for it.
//!
//! A batch is stored as it came: the leader sets the base offset and the leader epoch in the header, which lie outside
//! the checksum, and the body goes to disk untouched. Records that are not compressed are walked over, as Kafka does: each
//! must have its fields, and the largest timestamp is theirs, whatever the header says. That costs a few nanoseconds a
//! record. Compressed records are decompressed only where a rule of the topic needs them, because that costs more than all
//! the rest of an append:
//!
//! - a compacted topic must have a key in each record;
//! - `message.timestamp.before.max.ms` is set: the header does not tell the smallest timestamp;
//! - the header's largest timestamp breaks `message.timestamp.after.max.ms`: the answer names the records;
//! - the header's largest timestamp lies below its base timestamp, as with clients that leave it out: the true one is
//!   found and written into the header, so that lookups by time and retention work;
//! - `compression.type` asks for another codec: the batch is written anew.
//!
//! Otherwise the header of a compressed batch is taken at its word. A client can lie there about its timestamps, or send
//! what does not decompress under a checksum that fits. Kafka would refuse that. Here such a client harms only the readers
//! of its own topic, by data that it could have made as useless in a way that Kafka accepts; the log itself relies on
//! nothing that was not checked: offsets come from the header, whose count and last offset delta must agree, and
//! compaction takes over a batch that does not decode as it is.
//!
//! Source: Kafka's `LogValidator`, `UnifiedLog.analyzeAndValidateRecords` and `ProduceRequest.validateRecords`.

mod error;
mod records;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use medallion_wire::records::{
    BatchHeader, BatchHeaderBytes, Compression, DecompressionLimits, LogEntryHeader, MAGIC_V2, RecordBatch,
    RecordError, TimestampType,
};
use medallion_wire::{LeaderEpoch, Offset};

pub use error::{RecordFailure, ValidationError};

use crate::append_origin::AppendOrigin;
use crate::config::{LogConfig, MessageTimestampType};
use crate::producer_state::{ProducerBatch, ProducerBatchError};

/// What is checked against besides the topic's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationOptions {
    /// Who appends; most rules are for clients.
    pub origin: AppendOrigin,
    /// Whether clients may write records of a transaction.
    pub transactional_writes: bool,
    /// How large the decompressed records of a batch may get.
    pub decompression: DecompressionLimits,
    /// The wall clock.
    pub now_ms: i64,
}

/// A batch that may be appended: its body is final, its header gets offset and epoch by [`Self::header_at`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedBatch {
    batch: RecordBatch,
    /// The timestamp type and the largest timestamp that the header must get.
    timestamp: Option<(TimestampType, i64)>,
    log_append_time_ms: Option<i64>,
}

impl ValidatedBatch {
    /// The 61 bytes that go in front of [`Self::body`].
    pub fn header_at(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> BatchHeaderBytes {
        self.batch.patch(base_offset, leader_epoch, self.timestamp)
    }

    /// Everything behind the header, to be written as it is.
    pub fn body(&self) -> Bytes {
        self.batch.body()
    }

    /// Header and body.
    pub fn size_bytes(&self) -> usize {
        self.batch.as_bytes().len()
    }

    /// How many offsets the batch takes, at least 1.
    pub fn offset_count(&self) -> i64 {
        i64::from(self.batch.last_offset_delta) + 1
    }

    /// The largest timestamp as it will stand in the header. The time index maps it to the batch's last offset, as in
    /// Kafka 4: which record has it would have to be decoded.
    pub fn max_timestamp_ms(&self) -> i64 {
        self.timestamp.map_or(self.batch.max_timestamp, |(_, max_timestamp_ms)| max_timestamp_ms)
    }

    /// The broker's time if the topic uses that (`message.timestamp.type=LogAppendTime`); producers are told.
    pub fn log_append_time_ms(&self) -> Option<i64> {
        self.log_append_time_ms
    }

    /// What the batch says of its producer once its first record is at `base_offset`.
    ///
    /// # Errors
    /// [`ProducerBatchError`] for a coordinator's batch without a readable marker.
    pub fn producer_batch(&self, base_offset: Offset) -> Result<ProducerBatch, ProducerBatchError> {
        let batch = ProducerBatch::new(&self.batch, base_offset)?;
        Ok(ProducerBatch { max_timestamp_ms: self.max_timestamp_ms(), ..batch })
    }
}

/// Checks the one batch that `records` holds against the topic's settings.
///
/// # Errors
/// [`ValidationError`]; nothing of it may be appended then.
pub fn validate(
    records: Bytes,
    config: &LogConfig,
    options: &ValidationOptions,
) -> Result<ValidatedBatch, ValidationError> {
    let batch = single_batch(records, config, options)?;
    check_base_offset(batch.base_offset, options)?;
    let compression = batch.compression()?;
    check_size(batch.as_bytes().len(), config, options)?;
    batch.verify_crc()?;
    if options.origin == AppendOrigin::Client {
        check_client_batch(&batch, options)?;
    }
    let rules = records::Rules::new(config, options, &batch, compression);
    let max_timestamp = match compression {
        Compression::None if options.origin == AppendOrigin::Client => batch.max_timestamp_of_records()?,
        _ => batch.max_timestamp,
    };
    let checked = if rules.need_records(&batch, max_timestamp) {
        rules.check_records(batch)?
    } else {
        records::Checked { batch, max_timestamp }
    };
    check_size(checked.batch.as_bytes().len(), config, options)?;
    Ok(stamp(checked, config, options))
}

/// Whether the records of an ordinary batch may have to be decoded under these settings.
pub(crate) fn may_need_records(config: &LogConfig, origin: AppendOrigin) -> bool {
    records::Rules::may_need_records(config, origin)
}

/// The one batch. As in Kafka, bytes behind it that are no whole batch are dropped.
fn single_batch(
    mut records: Bytes,
    config: &LogConfig,
    options: &ValidationOptions,
) -> Result<RecordBatch, ValidationError> {
    let first = LogEntryHeader::parse(&records)?;
    let behind = records.get(first.size_bytes..).unwrap_or_default();
    match LogEntryHeader::parse(behind) {
        Ok(next) if next.size_bytes <= behind.len() && first.magic == MAGIC_V2 => {
            return Err(ValidationError::invalid("it is not the only batch"));
        }
        Ok(_) | Err(RecordError::Truncated { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    match RecordBatch::split_from(&mut records) {
        Err(contradiction @ RecordError::InvalidHeader { .. }) => {
            // As in Kafka, these come before the counts in the header.
            check_base_offset(first.offset, options)?;
            check_size(first.size_bytes, config, options)?;
            BatchHeader::verify_crc(&records[..first.size_bytes])?;
            Err(contradiction.into())
        }
        batch => Ok(batch?),
    }
}

/// What Kafka checks before it looks at the size.
fn check_base_offset(base_offset: Offset, options: &ValidationOptions) -> Result<(), ValidationError> {
    if options.origin == AppendOrigin::Client && base_offset != Offset::ZERO {
        return Err(ValidationError::invalid(format!("its base offset is {base_offset}, not 0")));
    }
    Ok(())
}

fn check_size(
    size_bytes: usize,
    config: &LogConfig,
    options: &ValidationOptions,
) -> Result<(), ValidationError> {
    let exceeds = |limit: u32| usize::try_from(limit).is_ok_and(|limit| size_bytes > limit);
    if options.origin != AppendOrigin::RaftLeader && exceeds(config.max_message_bytes) {
        return Err(ValidationError::TooLarge { size_bytes, max_message_bytes: config.max_message_bytes });
    }
    if exceeds(config.segment_bytes) {
        return Err(ValidationError::LargerThanSegment { size_bytes, segment_bytes: config.segment_bytes });
    }
    Ok(())
}

fn check_client_batch(batch: &RecordBatch, options: &ValidationOptions) -> Result<(), ValidationError> {
    let (count, last_offset_delta) = (batch.record_count, batch.last_offset_delta);
    if count < 1 {
        return Err(ValidationError::invalid(format!("it claims {count} records")));
    }
    if i64::from(last_offset_delta) + 1 != i64::from(count) {
        let reason = format!("it claims {count} records, but its last offset delta is {last_offset_delta}");
        return Err(ValidationError::invalid(reason));
    }
    if batch.is_control() {
        return Err(ValidationError::invalid("clients must not write control records"));
    }
    if batch.is_idempotent() && batch.base_sequence < 0 {
        let (producer_id, sequence) = (batch.producer_id, batch.base_sequence);
        return Err(ValidationError::invalid(format!(
            "producer {producer_id} sends the sequence {sequence}"
        )));
    }
    if batch.is_transactional() && !options.transactional_writes {
        return Err(ValidationError::TransactionalWrite { producer_id: batch.producer_id });
    }
    Ok(())
}

/// Settles whose timestamps the header carries.
fn stamp(checked: records::Checked, config: &LogConfig, options: &ValidationOptions) -> ValidatedBatch {
    let batch = checked.batch;
    if config.message_timestamp_type == MessageTimestampType::LogAppendTime {
        let now_ms = options.now_ms;
        let timestamp = Some((TimestampType::LogAppendTime, now_ms));
        return ValidatedBatch { batch, timestamp, log_append_time_ms: Some(now_ms) };
    }
    let is_kept =
        batch.timestamp_type() == TimestampType::CreateTime && batch.max_timestamp == checked.max_timestamp;
    let timestamp = (!is_kept).then_some((TimestampType::CreateTime, checked.max_timestamp));
    ValidatedBatch { batch, timestamp, log_append_time_ms: None }
}

impl From<RecordError> for ValidationError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::CrcMismatch { .. } | RecordError::InvalidSize { .. } => Self::Corrupt(error),
            RecordError::UnsupportedMagic { magic, .. } if !(0..=1).contains(&magic) => Self::Corrupt(error),
            RecordError::UnknownCompression { code, .. } => Self::UnknownCompression { code },
            RecordError::DecompressedTooLarge { max_bytes, .. } => Self::DecompressedTooLarge { max_bytes },
            other => Self::invalid(other.to_string()),
        }
    }
}
