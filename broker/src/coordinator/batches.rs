//! Decisions as record batches.

use bytes::BytesMut;
use medallion_group::Record;
use medallion_wire::records::{BatchBuilder, BatchOptions, BuildError, CompressionSettings};

/// Why a decision cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    /// A record does not fit its schema.
    #[error(transparent)]
    Record(#[from] medallion_wire::internal_records::EncodeError),
    /// The records do not fit a batch.
    #[error(transparent)]
    Batch(#[from] BuildError),
    /// The topic takes no batch of this size.
    #[error(
        "its batch has {size_bytes} bytes, max.message.bytes of __consumer_offsets allows {size_bytes_max}"
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// What the topic takes.
        size_bytes_max: usize,
    },
}

/// Writes one decision as one batch behind what `into` holds; on error `into` is as before.
pub(super) fn write(
    records: &[Record],
    compression: CompressionSettings,
    now_ms: i64,
    size_bytes_max: usize,
    into: &mut BytesMut,
) -> Result<(), BatchError> {
    let mut builder = BatchBuilder::new(BatchOptions { compression, ..BatchOptions::default() });
    for record in records {
        let (key, value) = record.encode()?;
        builder.append(now_ms, Some(&key), value.as_deref(), &[])?;
    }
    let batch = builder.build()?.into_bytes();
    if batch.len() > size_bytes_max {
        return Err(BatchError::TooLarge { size_bytes: batch.len(), size_bytes_max });
    }
    into.extend_from_slice(&batch);
    Ok(())
}
