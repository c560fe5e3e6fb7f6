//! Blocks of producer ids (KIP-730).

use medallion_wire::messages as m;
use medallion_wire::{ResponseError, messages::ProducerId};

use super::decision::Decision;
use super::{ApiError, brokers};
use crate::controller::image::MetadataImage;
use crate::controller::records::ProducerIdsRecord;

/// How many ids a broker gets at a time, as in Kafka.
pub(crate) const BLOCK_SIZE: i32 = 1000;

/// Gives the asking broker the next block.
///
/// # Errors
/// `STALE_BROKER_EPOCH` and `BROKER_ID_NOT_REGISTERED` for a broker that is not who it says, and when ids run out.
pub(crate) fn allocate(
    image: &MetadataImage,
    request: &m::AllocateProducerIdsRequest,
) -> Result<Decision<m::AllocateProducerIdsResponse>, ApiError> {
    brokers::check_epoch(image, request.broker_id.0, request.broker_epoch)?;
    let first = image.next_producer_id.unwrap_or(0);
    let next = first.checked_add(i64::from(BLOCK_SIZE)).ok_or_else(|| {
        ApiError::new(
            ResponseError::UnknownServerError,
            "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit",
        )
    })?;
    let record = ProducerIdsRecord {
        broker_id: request.broker_id.0,
        broker_epoch: request.broker_epoch,
        next_producer_id: next,
        ..ProducerIdsRecord::default()
    };
    let reply = m::AllocateProducerIdsResponse::default()
        .with_producer_id_start(ProducerId(first))
        .with_producer_id_len(BLOCK_SIZE);
    Ok(Decision { records: vec![record.into()], reply })
}
