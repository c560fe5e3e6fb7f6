//! The rules that look into a batch.

use medallion_wire::Offset;
use medallion_wire::records::{
    BatchBuilder, BatchOptions, BuildError, Compression, CompressionSettings, DecodedRecords,
    DecompressionLimits, NO_TIMESTAMP, RecordBatch, RecordRef, TimestampType,
};

use super::ValidationOptions;
use super::error::{RecordFailure, ValidationError};
use crate::append_origin::AppendOrigin;
use crate::config::{CompressionSetting, LogConfig, MessageTimestampType};

/// Records that an answer names: a batch can hold a million, each with a message.
const FAILURES_MAX: usize = 1000;

/// A batch whose records have passed, and their largest timestamp.
pub(super) struct Checked {
    pub(super) batch: RecordBatch,
    pub(super) max_timestamp: i64,
}

/// What a topic asks of single records.
pub(super) struct Rules {
    keys_required: bool,
    /// The range that timestamps must lie in, where the producer sets them.
    create_time: Option<TimestampRange>,
    /// The codec to write the batch anew with.
    recompress: Option<CompressionSettings>,
    decompression: DecompressionLimits,
}

#[expect(clippy::struct_field_names, reason = "units belong to the names")]
struct TimestampRange {
    now_ms: i64,
    before_max_ms: i64,
    after_max_ms: i64,
}

impl TimestampRange {
    fn contains(&self, timestamp_ms: i64) -> bool {
        let age_ms = self.now_ms.saturating_sub(timestamp_ms);
        age_ms <= self.before_max_ms && age_ms.saturating_neg() <= self.after_max_ms
    }
}

impl Rules {
    pub(super) fn new(
        config: &LogConfig,
        options: &ValidationOptions,
        batch: &RecordBatch,
        source: Compression,
    ) -> Self {
        // Control records are the broker's own: keyed, stamped by its clock, and never compressed.
        let has_data = !batch.is_control();
        let is_create_time = config.message_timestamp_type == MessageTimestampType::CreateTime;
        Self {
            keys_required: config.cleanup_policy.compact && has_data,
            create_time: (is_create_time && has_data).then_some(TimestampRange {
                now_ms: options.now_ms,
                before_max_ms: config.message_timestamp_before_max_ms,
                after_max_ms: config.message_timestamp_after_max_ms,
            }),
            recompress: target(config.compression)
                .filter(|target| has_data && target.compression() != source),
            decompression: options.decompression,
        }
    }

    /// Whether these settings can ask for the records of an ordinary batch, whose timestamps are sound. That each record has a
    /// key is quickly seen in a coordinator's batches, which are small.
    pub(super) fn may_need_records(config: &LogConfig, origin: AppendOrigin) -> bool {
        let is_create_time = config.message_timestamp_type == MessageTimestampType::CreateTime;
        (config.cleanup_policy.compact && origin != AppendOrigin::Coordinator)
            || config.compression != CompressionSetting::Producer
            || (is_create_time && config.message_timestamp_before_max_ms != i64::MAX)
    }

    /// Whether the header and the largest timestamp do not suffice; see the module above for why.
    pub(super) fn need_records(&self, batch: &RecordBatch, max_timestamp: i64) -> bool {
        let timestamps_needed = self.create_time.as_ref().is_some_and(|range| {
            range.before_max_ms != i64::MAX
                || !range.contains(max_timestamp)
                || max_timestamp < batch.base_timestamp
        });
        let is_stamped_by_client =
            !batch.is_control() && batch.timestamp_type() == TimestampType::LogAppendTime;
        self.keys_required || timestamps_needed || is_stamped_by_client || self.recompress.is_some()
    }

    pub(super) fn check_records(&self, batch: RecordBatch) -> Result<Checked, ValidationError> {
        let decoded = batch.decode(self.decompression)?.leniently();
        let (max_timestamp, has_gaps) = self.check_each(&batch, &decoded)?;
        // As in Kafka, only what is compressed gets its offsets put right.
        let compression = batch.compression()?;
        let same = (has_gaps && compression != Compression::None).then(|| compression.into());
        let batch = match self.recompress.or(same) {
            Some(target) => rewrite(&batch, &decoded, target)?,
            None => batch,
        };
        Ok(Checked { batch, max_timestamp })
    }

    /// Returns the largest timestamp, and whether offsets do not follow one another.
    fn check_each(
        &self,
        batch: &RecordBatch,
        decoded: &DecodedRecords,
    ) -> Result<(i64, bool), ValidationError> {
        let mut max_timestamp = NO_TIMESTAMP;
        let mut has_gaps = false;
        let mut failures = Vec::new();
        let mut has_timestamp_failure = false;
        for (batch_index, record) in (0..).zip(decoded) {
            let record = record?;
            max_timestamp = max_timestamp.max(record.timestamp);
            has_gaps |= record.offset - batch.base_offset != i64::from(batch_index);
            let Some((message, is_timestamp)) = self.failure(batch, &record) else { continue };
            has_timestamp_failure |= is_timestamp;
            if failures.len() < FAILURES_MAX {
                failures.push(RecordFailure { batch_index, message });
            }
        }
        match (failures.is_empty(), has_timestamp_failure) {
            (true, _) => Ok((max_timestamp, has_gaps)),
            (false, true) => Err(ValidationError::InvalidTimestamp { failures }),
            (false, false) => {
                let reason = "a compacted topic needs a key in each record".to_owned();
                Err(ValidationError::InvalidRecord { reason, failures })
            }
        }
    }

    /// What is wrong with a record, and whether its timestamp is.
    fn failure(&self, batch: &RecordBatch, record: &RecordRef<'_>) -> Option<(String, bool)> {
        if self.keys_required && record.key.is_none() {
            return Some(("Compacted topic cannot accept message without key".to_owned(), false));
        }
        let Some(range) = self.create_time.as_ref().filter(|_| record.timestamp != NO_TIMESTAMP) else {
            let is_stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
            return is_stamped.then(|| {
                ("it is marked with LogAppendTime, which only the broker may set".to_owned(), true)
            });
        };
        if range.contains(record.timestamp) {
            return None;
        }
        let earliest = range.now_ms.saturating_sub(range.before_max_ms);
        let latest = range.now_ms.saturating_add(range.after_max_ms);
        let message = format!(
            "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{earliest}, {latest}]",
            record.timestamp,
            record.offset.get()
        );
        Some((message, true))
    }
}

/// The codec that the topic insists on.
fn target(setting: CompressionSetting) -> Option<CompressionSettings> {
    let (compression, level) = match setting {
        CompressionSetting::Producer => return None,
        CompressionSetting::Uncompressed => (Compression::None, None),
        CompressionSetting::Gzip(level) => (Compression::Gzip, level),
        CompressionSetting::Snappy => (Compression::Snappy, None),
        CompressionSetting::Lz4(level) => (Compression::Lz4, level),
        CompressionSetting::Zstd(level) => (Compression::Zstd, level),
    };
    // The configuration has checked the level; a wrong one must not stop a produce request.
    let with_level = level.and_then(|level| CompressionSettings::with_level(compression, level).ok());
    Some(with_level.unwrap_or_else(|| compression.into()))
}

/// The same records under this codec, with offsets that follow one another.
fn rewrite(
    batch: &RecordBatch,
    decoded: &DecodedRecords,
    compression: CompressionSettings,
) -> Result<RecordBatch, ValidationError> {
    let options =
        BatchOptions { compression, base_offset: Offset::ZERO, ..BatchOptions::like(batch.header())? };
    let refused = |error: BuildError| ValidationError::invalid(error.to_string());
    let mut builder = BatchBuilder::new(options);
    for (offset, record) in (0..).map(Offset).zip(decoded) {
        let record = record?;
        builder.append_record(&RecordRef { offset, ..record }).map_err(refused)?;
    }
    builder.build().map_err(refused)
}
