//! A batch of any format version, for reading segments of any age.

use bytes::Bytes;

use super::header::{LogEntryHeader, MAGIC_V2};
use super::legacy::LegacyRecords;
use super::{
    DecompressionLimits, LegacyBatch, Record, RecordBatch, RecordError, RecordIterator, TimestampType,
};
use crate::types::Offset;

/// A batch of magic 2, or a message (set) of magic 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyBatch {
    /// Magic 2.
    Batch(RecordBatch),
    /// Magic 0 or 1.
    Legacy(LegacyBatch),
}

impl AnyBatch {
    /// Takes the first batch or message off `bytes`, which is left as it was on error.
    ///
    /// # Errors
    /// Those of [`RecordBatch::split_from`] and [`LegacyBatch::split_from`].
    pub fn split_from(bytes: &mut Bytes) -> Result<Self, RecordError> {
        if LogEntryHeader::parse(bytes)?.magic == MAGIC_V2 {
            RecordBatch::split_from(bytes).map(Self::Batch)
        } else {
            LegacyBatch::split_from(bytes).map(Self::Legacy)
        }
    }

    /// The format version.
    pub const fn magic(&self) -> i8 {
        match self {
            Self::Batch(_) => MAGIC_V2,
            Self::Legacy(batch) => batch.header().magic,
        }
    }

    /// The first offset. For a wrapper of magic 0 or 1 this decompresses.
    ///
    /// # Errors
    /// Those of [`LegacyBatch::base_offset`].
    pub fn base_offset(&self, limits: DecompressionLimits) -> Result<Offset, RecordError> {
        match self {
            Self::Batch(batch) => Ok(batch.base_offset),
            Self::Legacy(batch) => batch.base_offset(limits),
        }
    }

    /// The last offset.
    pub fn last_offset(&self) -> Offset {
        match self {
            Self::Batch(batch) => batch.last_offset(),
            Self::Legacy(batch) => batch.header().last_offset(),
        }
    }

    /// The highest timestamp, or -1.
    pub fn max_timestamp(&self) -> i64 {
        match self {
            Self::Batch(batch) => batch.max_timestamp,
            Self::Legacy(batch) => batch.header().max_timestamp(),
        }
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        match self {
            Self::Batch(batch) => batch.timestamp_type(),
            Self::Legacy(batch) => batch.header().timestamp_type(),
        }
    }

    /// The whole batch as it stands on disk.
    pub const fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Batch(batch) => batch.as_bytes(),
            Self::Legacy(batch) => batch.as_bytes(),
        }
    }

    /// The whole batch's size.
    pub fn size_bytes(&self) -> usize {
        self.as_bytes().len()
    }

    /// Checks the CRC of the format version.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        match self {
            Self::Batch(batch) => batch.verify_crc(),
            Self::Legacy(batch) => batch.verify_crc(),
        }
    }

    /// The records one by one.
    ///
    /// # Errors
    /// Those of [`RecordBatch::records`] and [`LegacyBatch::records`].
    pub fn records(&self, limits: DecompressionLimits) -> Result<AnyRecords, RecordError> {
        match self {
            Self::Batch(batch) => Ok(AnyRecords::Batch(batch.decode(limits)?.leniently().into_iter())),
            Self::Legacy(batch) => batch.records(limits).map(AnyRecords::Legacy),
        }
    }
}

/// The records of an [`AnyBatch`]; ends behind the first error.
#[derive(Debug, Clone)]
pub enum AnyRecords {
    /// Magic 2.
    Batch(RecordIterator),
    /// Magic 0 or 1.
    Legacy(LegacyRecords),
}

impl Iterator for AnyRecords {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Batch(records) => records.next(),
            Self::Legacy(records) => records.next(),
        }
    }
}

/// The batches and messages of a buffer, whatever their format version; otherwise as [`super::RecordBatches`].
#[derive(Debug, Clone)]
pub struct AnyBatches {
    rest: Bytes,
    failed: bool,
}

impl AnyBatches {
    /// The batches of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// What has not been taken yet; behind an error, the bytes from the faulty batch on.
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for AnyBatches {
    type Item = Result<AnyBatch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let batch = AnyBatch::split_from(&mut self.rest);
        self.failed = batch.is_err();
        Some(batch)
    }
}

impl std::iter::FusedIterator for AnyBatches {}
