//! Why a batch is refused.

use medallion_wire::ProducerId;
use medallion_wire::records::RecordError;

/// Why a batch is refused, with Kafka's error code for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// `CORRUPT_MESSAGE`: the checksum, the size or the magic byte is wrong.
    #[error(transparent)]
    Corrupt(RecordError),
    /// `INVALID_RECORD`: not exactly one batch of magic 2, or one that contradicts itself or the topic's settings.
    #[error("the batch is refused: {reason}")]
    InvalidRecord {
        /// What is wrong.
        reason: String,
        /// The records to blame, where single ones are.
        failures: Vec<RecordFailure>,
    },
    /// `INVALID_TIMESTAMP`: timestamps outside of the topic's limits, or the broker's time set by a client.
    #[error("the batch is refused: its timestamps are not allowed")]
    InvalidTimestamp {
        /// The records to blame.
        failures: Vec<RecordFailure>,
    },
    /// `MESSAGE_TOO_LARGE`: larger than `max.message.bytes`, as it came or after it was compressed anew.
    #[error("the batch takes {size_bytes} bytes, max.message.bytes is {max_message_bytes}")]
    TooLarge {
        /// The batch's size.
        size_bytes: usize,
        /// The limit.
        max_message_bytes: u32,
    },
    /// `RECORD_LIST_TOO_LARGE`: larger than `segment.bytes`.
    #[error("the batch takes {size_bytes} bytes, segment.bytes is {segment_bytes}")]
    LargerThanSegment {
        /// The batch's size.
        size_bytes: usize,
        /// The limit.
        segment_bytes: u32,
    },
    /// `MESSAGE_TOO_LARGE`: the records would take too much memory.
    #[error("the batch decompresses to more than {max_bytes} bytes")]
    DecompressedTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// `UNSUPPORTED_COMPRESSION_TYPE`: a codec that does not exist.
    #[error("the batch names the unknown compression codec {code}")]
    UnknownCompression {
        /// The codec's number.
        code: u8,
    },
    /// `INVALID_TXN_STATE`: the record is not part of a transaction that is open here.
    #[error("producer {producer_id} writes to a transaction, which is not supported here")]
    TransactionalWrite {
        /// Who sent it.
        producer_id: ProducerId,
    },
}

/// A record to blame, as the produce response lists them (KIP-467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFailure {
    /// Its place in the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

impl ValidationError {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidRecord { reason: reason.into(), failures: Vec::new() }
    }

    /// The records to blame, where single ones are; at most a thousand are named.
    pub fn failures(&self) -> &[RecordFailure] {
        match self {
            Self::InvalidRecord { failures, .. } | Self::InvalidTimestamp { failures } => failures,
            _ => &[],
        }
    }
}
