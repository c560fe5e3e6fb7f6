//! From a batch in a segment's file to what producer state needs to know of it.

use medallion_os::File;
use medallion_wire::records::{AnyBatch, BatchHeader};

use crate::batch_scanner::{BatchEntry, ScanError, read_batch};
use crate::producer_state::{BatchKind, ProducerBatch};

/// Reads a batch's body only where it may end a transaction. `None` without producer, and for old formats.
pub(crate) fn of_entry(file: &dyn File, entry: &BatchEntry) -> Result<Option<ProducerBatch>, ScanError> {
    let Some(header) = entry.header.filter(BatchHeader::is_idempotent) else { return Ok(None) };
    if !header.is_control() {
        let kind = if header.is_transactional() { BatchKind::TransactionalData } else { BatchKind::Data };
        return Ok(Some(ProducerBatch {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp_ms: header.max_timestamp,
            kind,
        }));
    }
    let AnyBatch::Batch(batch) = read_batch(file, entry)? else { return Ok(None) };
    match ProducerBatch::new(&batch, header.base_offset) {
        Ok(batch) => Ok(Some(batch)),
        Err(error) => Err(ScanError::Damaged { position: entry.position, reason: error.to_string() }),
    }
}
