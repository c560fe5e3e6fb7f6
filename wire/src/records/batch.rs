//! One complete magic-2 batch as a view over shared bytes, and the walk over several.

use std::ops::Deref;

use bytes::Bytes;

use super::header::{BATCH_HEADER_SIZE, LogEntryHeader, NO_TIMESTAMP};
use super::{
    BatchHeader, BatchHeaderBytes, Compression, DecodedRecords, DecompressionLimits, RecordError,
    RecordIterator, TimestampType, compression,
};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// The length field of a batch without records.
const EMPTY_BATCH_LENGTH: i32 = 49;

/// One complete magic-2 batch. The header is decoded, the body stays as it is until somebody asks for its records.
///
/// Its fields and what follows from them are reached through [`BatchHeader`], to which it dereferences. Cloning is
/// cheap: the bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl RecordBatch {
    /// Takes `bytes` as exactly one batch. Neither CRC nor records are looked at.
    ///
    /// # Errors
    /// Those of [`BatchHeader::parse`]; [`RecordError::Truncated`] when the body is short,
    /// [`RecordError::BytesBehindBatch`] when there is more.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        let mut rest = bytes;
        let batch = Self::split_from(&mut rest)?;
        if rest.is_empty() {
            return Ok(batch);
        }
        let base_offset = batch.header.base_offset.get();
        Err(RecordError::BytesBehindBatch { base_offset, bytes: rest.len() })
    }

    /// Takes the first batch off `bytes`, which is left as it was on error.
    ///
    /// # Errors
    /// Those of [`BatchHeader::parse`], and [`RecordError::Truncated`] when the body is short.
    pub fn split_from(bytes: &mut Bytes) -> Result<Self, RecordError> {
        let needed = LogEntryHeader::parse(bytes)?.require_v2()?.size_bytes;
        if bytes.len() < needed {
            return Err(RecordError::Truncated { needed, available: bytes.len() });
        }
        let header = BatchHeader::parse(bytes)?;
        Ok(Self { header, bytes: bytes.split_to(needed) })
    }

    /// Puts a sealed header in front of its body.
    pub(super) fn from_parts(header: BatchHeader, bytes: Bytes) -> Self {
        debug_assert_eq!(header.size_bytes(), bytes.len(), "the length field counts the whole batch");
        Self { header, bytes }
    }

    /// The decoded header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header first.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch, header first.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What follows the header: the records, compressed if the attributes say so.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(BATCH_HEADER_SIZE..)
    }

    /// Compares the stored CRC-32C with that of the bytes.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        BatchHeader::verify_crc(&self.bytes)
    }

    /// The header that the batch has in the log: with the offset and epoch that the leader assigns and, where the
    /// topic wants it, another timestamp type and maximum timestamp. The body stays untouched.
    ///
    /// Base offset and epoch lie outside the CRC, so that only a change of timestamps reads the body again.
    pub fn patch(
        &self,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        timestamp: Option<(TimestampType, i64)>,
    ) -> BatchHeaderBytes {
        let mut header = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..self.header };
        if let Some((timestamp_type, max_timestamp)) = timestamp {
            header.attributes = header.attributes.with_timestamp_type(timestamp_type);
            header.max_timestamp = max_timestamp;
            if header.attributes != self.header.attributes || max_timestamp != self.header.max_timestamp {
                header.seal(&self.bytes[BATCH_HEADER_SIZE..]);
            }
        }
        header.encode()
    }

    /// The header of the same batch from another producer, or with another sequence: an idempotent producer numbers
    /// batches anew that it has to send in a new epoch. The body stays untouched, and is read for the checksum.
    pub fn renumbered(&self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> BatchHeaderBytes {
        let mut header = BatchHeader { producer_id: id, producer_epoch: epoch, base_sequence, ..self.header };
        header.seal(&self.bytes[BATCH_HEADER_SIZE..]);
        header.encode()
    }

    /// What compaction leaves of a batch whose records are all gone but whose offsets or producer state must stay: the
    /// header alone, with the same offsets, epoch, producer and maximum timestamp.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let mut header = BatchHeader {
            batch_length: EMPTY_BATCH_LENGTH,
            attributes: self.header.attributes.with_compression(Compression::None).with_delete_horizon(false),
            base_timestamp: NO_TIMESTAMP,
            record_count: 0,
            ..self.header
        };
        header.seal(&[]);
        Self::from_parts(header, Bytes::copy_from_slice(&header.encode()))
    }

    /// The records' bytes, decompressed if need be, ready to be walked over more than once.
    ///
    /// Uncompressed records share the batch's bytes. The CRC is not checked here.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`], [`RecordError::Decompression`], or
    /// [`RecordError::DecompressedTooLarge`] before the output passes the limit.
    pub fn decode(&self, limits: DecompressionLimits) -> Result<DecodedRecords, RecordError> {
        let compression = self.header.compression()?;
        let body = self.body();
        let data = if compression == Compression::None || body.is_empty() {
            body
        } else {
            compression::decompress(compression, &body, limits)
                .map_err(|error| error.at(self.header.base_offset, compression, limits))?
        };
        Ok(DecodedRecords::new(data, &self.header))
    }

    /// Checks the records of a batch that is not compressed, and returns their largest timestamp, -1 for none. Nothing is
    /// copied or counted, so that it costs little beside the checksum. Offset deltas are not looked at, as by Kafka.
    ///
    /// # Errors
    /// [`RecordError::InvalidRecord`], and [`RecordError::BytesBehindRecords`] where the header counts too few.
    pub fn max_timestamp_of_records(&self) -> Result<i64, RecordError> {
        super::record::max_timestamp(&self.bytes[BATCH_HEADER_SIZE..], &self.header)
    }

    /// The records one by one, keys and values as slices of shared bytes. See [`RecordBatch::decode`] for walking
    /// them without reference counts.
    ///
    /// # Errors
    /// Those of [`RecordBatch::decode`]; malformed records are errors of the iterator.
    pub fn records(&self, limits: DecompressionLimits) -> Result<RecordIterator, RecordError> {
        Ok(self.decode(limits)?.into_iter())
    }
}

impl Deref for RecordBatch {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

/// The batches of a buffer, as Produce sends and Fetch returns them.
///
/// Ends behind the first error. A batch that is cut off at the end is [`RecordError::Truncated`], which a reader of a
/// fetch response takes as the end ([`RecordError::is_truncation`]); message sets of magic 0 and 1 are
/// [`RecordError::UnsupportedMagic`] (see [`super::AnyBatches`] for reading them).
#[derive(Debug, Clone)]
pub struct RecordBatches {
    rest: Bytes,
    failed: bool,
}

impl RecordBatches {
    /// The batches of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// What has not been taken yet; behind an error, the bytes from the faulty batch on.
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for RecordBatches {
    type Item = Result<RecordBatch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let batch = RecordBatch::split_from(&mut self.rest);
        self.failed = batch.is_err();
        Some(batch)
    }
}

impl std::iter::FusedIterator for RecordBatches {}
