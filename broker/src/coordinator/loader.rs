//! From a partition of `__consumer_offsets` to a shard.

use medallion_group::offsets::TransactionEnd;
use medallion_group::{Record, Shard};
use medallion_log::{LogError, LogReader, ReadError};
use medallion_wire::internal_records::{DecodeError, GroupRecordKey, GroupRecordValue};
use medallion_wire::records::EndTransactionMarker;
use medallion_wire::records::{AnyBatch, DecompressionLimits, Record as LogRecord, RecordError};
use medallion_wire::{Offset, ProducerId};

/// Why a partition cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A batch is damaged.
    #[error("the batch at or behind offset {offset} is damaged: {source}")]
    Batch {
        /// Where it was looked for.
        offset: Offset,
        /// What is wrong.
        source: RecordError,
    },
    /// A record is none of `__consumer_offsets`.
    #[error("the record at offset {offset} cannot be understood: {source}")]
    Record {
        /// The record.
        offset: Offset,
        /// What is wrong.
        source: DecodeError,
    },
}

/// How much was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loaded {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// Reads the log up to its high watermark into `shard`, `chunk_bytes` at a time. Blocks on the disk.
pub(super) fn load(reader: &LogReader, shard: &mut Shard, chunk_bytes: usize) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    let mut offset = reader.log_start_offset();
    let end = reader.high_watermark();
    while offset < end {
        let mut bytes = bytes::Bytes::from(reader.read(offset, chunk_bytes, true, end)?.read_to_vec()?);
        if bytes.is_empty() {
            break;
        }
        loaded.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let damaged = |source| LoadError::Batch { offset, source };
            let batch = AnyBatch::split_from(&mut bytes).map_err(damaged)?;
            loaded.records += load_batch(&batch, shard)?;
            offset = batch.last_offset().next();
        }
    }
    Ok(loaded)
}

fn load_batch(batch: &AnyBatch, shard: &mut Shard) -> Result<u64, LoadError> {
    let offset = batch.last_offset();
    let damaged = |source| LoadError::Batch { offset, source };
    let (producer, is_control) = match batch {
        AnyBatch::Batch(batch) => (batch.is_transactional().then_some(batch.producer_id), batch.is_control()),
        AnyBatch::Legacy(_) => (None, false),
    };
    let mut count = 0;
    for record in batch.records(DecompressionLimits::default()).map_err(damaged)? {
        let record = record.map_err(damaged)?;
        count += 1;
        match (is_control, producer) {
            (true, Some(producer)) => load_marker(&record, producer, shard),
            (true, None) => {}
            (false, producer) => {
                if let Some(record) = decode(&record)? {
                    shard.load(&record, producer);
                }
            }
        }
    }
    Ok(count)
}

fn load_marker(record: &LogRecord, producer: ProducerId, shard: &mut Shard) {
    match EndTransactionMarker::parse(&record.as_ref()) {
        Ok(marker) if marker.is_commit => shard.load_end(producer, TransactionEnd::Commit),
        Ok(_) => shard.load_end(producer, TransactionEnd::Abort),
        Err(error) => tracing::warn!(offset = %record.offset, %error, "a control record is passed over"),
    }
}

/// A record of a kind that this release does not know is passed over, as Kafka does.
fn decode(record: &LogRecord) -> Result<Option<Record>, LoadError> {
    let failed = |source| LoadError::Record { offset: record.offset, source };
    let Some(key) = &record.key else {
        tracing::warn!(offset = %record.offset, "a record of __consumer_offsets without a key is passed over");
        return Ok(None);
    };
    let key = GroupRecordKey::decode(key).map_err(failed)?;
    if let GroupRecordKey::Unknown { key, .. } = key {
        tracing::warn!(offset = %record.offset, kind = key, "a record of a kind that is not known is passed over");
        return Ok(None);
    }
    let value = record.value.as_ref();
    let value = value.map(|value| GroupRecordValue::decode(key.key(), value)).transpose().map_err(failed)?;
    Ok(Some(Record { key, value: value.map(|value| (value, 0)) }))
}
