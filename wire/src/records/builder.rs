//! Builds magic-2 batches.

use bytes::Bytes;

use super::header::{BATCH_HEADER_SIZE, BatchHeader, LOG_OVERHEAD, NO_SEQUENCE, NO_TIMESTAMP};
use super::record::HeadersRef;
use super::varint::{size_i32, size_i64, write_i32, write_i64};
use super::{
    BatchAttributes, Compression, CompressionSettings, ControlRecordType, EndTransactionMarker, Header,
    RecordBatch, RecordRef, TimestampType, compression,
};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// What a batch is built with, besides its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// The batch's base offset, and the first record's unless it is given one.
    pub base_offset: Offset,
    /// The leader's epoch, or -1.
    pub leader_epoch: LeaderEpoch,
    /// Codec and level.
    pub compression: CompressionSettings,
    /// When the broker sets the timestamps: the time of the append, which all records get.
    pub log_append_time: Option<i64>,
    /// The producer's id, or -1.
    pub producer_id: ProducerId,
    /// The producer's epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence number, or -1.
    pub base_sequence: i32,
    /// Whether the batch is part of a transaction.
    pub is_transactional: bool,
    /// Whether the batch holds control records.
    pub is_control: bool,
    /// The time after which compaction may drop tombstones and markers (milliseconds since 1970).
    pub delete_horizon_ms: Option<i64>,
    /// The most bytes that the batch may take before compression, header included.
    pub max_bytes: usize,
}

impl Default for BatchOptions {
    /// An uncompressed batch from offset 0 without producer, as large as the format allows.
    fn default() -> Self {
        Self {
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch::NONE,
            compression: CompressionSettings::default(),
            log_append_time: None,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: NO_SEQUENCE,
            is_transactional: false,
            is_control: false,
            delete_horizon_ms: None,
            max_bytes: SIZE_MAX,
        }
    }
}

impl BatchOptions {
    /// Everything that `header` says besides its records, for writing a batch again (compaction, another codec).
    ///
    /// # Errors
    /// [`super::RecordError::UnknownCompression`].
    pub fn like(header: &BatchHeader) -> Result<Self, super::RecordError> {
        let log_append_time =
            (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp);
        Ok(Self {
            base_offset: header.base_offset,
            leader_epoch: header.partition_leader_epoch,
            compression: header.compression()?.into(),
            log_append_time,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            is_transactional: header.is_transactional(),
            is_control: header.is_control(),
            delete_horizon_ms: header.delete_horizon_ms(),
            max_bytes: SIZE_MAX,
        })
    }
}

/// The length field is an `i32`.
const SIZE_MAX: usize = 0x7fff_ffff;

/// Why a record cannot be added, or a batch not be finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The record does not fit any more. The builder is as it was.
    #[error("the batch would take {needed} bytes, more than {max_bytes}")]
    Full {
        /// The size with the record.
        needed: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The offset is not behind the one before, below the base offset, or too far from it.
    #[error("offset {offset} cannot follow in a batch from {base_offset} whose next offset is {next_offset}")]
    InvalidOffset {
        /// The offset given.
        offset: i64,
        /// The batch's base offset.
        base_offset: i64,
        /// The least offset that can follow.
        next_offset: i64,
    },
    /// The codec failed.
    #[error("the batch from offset {base_offset} does not compress with {compression}: {reason}")]
    Compression {
        /// The batch's base offset.
        base_offset: i64,
        /// The codec.
        compression: Compression,
        /// What it says.
        reason: String,
    },
}

/// Collects records and makes one magic-2 batch of them.
///
/// The records are encoded as they come; a batch without compression is never copied again.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    options: BatchOptions,
    /// Room for the header, then the encoded records.
    buffer: Vec<u8>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    /// The offset behind the last record.
    next_offset: Offset,
    /// What the batch ends with when that lies behind its last record.
    last_offset: Option<Offset>,
    record_count: i32,
}

impl BatchBuilder {
    /// An empty builder.
    pub fn new(options: BatchOptions) -> Self {
        Self {
            // With a delete horizon the timestamps are deltas to it.
            base_timestamp: options.delete_horizon_ms,
            next_offset: options.base_offset,
            options,
            buffer: vec![0; BATCH_HEADER_SIZE],
            max_timestamp: NO_TIMESTAMP,
            last_offset: None,
            record_count: 0,
        }
    }

    /// An empty builder that takes `capacity_bytes` at once, header included. Its limit is the options'.
    pub fn with_capacity(options: BatchOptions, capacity_bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(capacity_bytes.max(BATCH_HEADER_SIZE));
        buffer.resize(BATCH_HEADER_SIZE, 0);
        Self { buffer, ..Self::new(options) }
    }

    /// Changes the most bytes that the batch may take before compression, and takes memory for so many at once.
    pub fn set_max_bytes(&mut self, max_bytes: usize) {
        self.options.max_bytes = max_bytes.min(SIZE_MAX);
        self.buffer.reserve_exact(self.options.max_bytes.saturating_sub(self.buffer.len()));
    }

    /// Sets who writes the batch, which an idempotent producer knows only when it sends it.
    pub fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) {
        self.options.producer_id = id;
        self.options.producer_epoch = epoch;
        self.options.base_sequence = base_sequence;
    }

    /// A batch with one transaction marker (KIP-98): transactional, no sequence.
    ///
    /// # Errors
    /// None that a marker can meet; [`BuildError`] if `options.max_bytes` is too small for it.
    pub fn end_transaction(
        options: BatchOptions,
        marker: EndTransactionMarker,
        timestamp: i64,
    ) -> Result<RecordBatch, BuildError> {
        let options = BatchOptions {
            is_transactional: true,
            is_control: true,
            base_sequence: NO_SEQUENCE,
            compression: Compression::None.into(),
            ..options
        };
        let mut builder = Self::new(options);
        builder.append_control(timestamp, marker.control_type(), &marker.value())?;
        builder.build()
    }

    /// Adds a record at the next offset.
    ///
    /// # Errors
    /// [`BuildError::Full`].
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BuildError> {
        self.append_at(self.next_offset, timestamp, key, value, headers)
    }

    /// Adds a record at `offset`; gaps are allowed, as compaction leaves them.
    ///
    /// # Errors
    /// [`BuildError::Full`], [`BuildError::InvalidOffset`].
    pub fn append_at(
        &mut self,
        offset: Offset,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BuildError> {
        let size = headers.iter().map(|header| nullable_size(Some(header.key)) + nullable_size(header.value));
        let record = RecordRef { offset, timestamp, key, value, headers: HeadersRef::default() };
        let layout = self.layout(&record, headers.len(), size.sum())?;
        self.check_room(&layout)?;
        layout.write(&mut self.buffer, &record);
        for header in headers {
            write_nullable(&mut self.buffer, Some(header.key));
            write_nullable(&mut self.buffer, header.value);
        }
        self.count(&record);
        Ok(())
    }

    /// Adds a record read elsewhere, at its own offset; its headers are copied as they are.
    ///
    /// # Errors
    /// [`BuildError::Full`], [`BuildError::InvalidOffset`].
    pub fn append_record(&mut self, record: &RecordRef<'_>) -> Result<(), BuildError> {
        let layout = self.layout(record, record.headers.count, record.headers.bytes.len())?;
        self.check_room(&layout)?;
        layout.write(&mut self.buffer, record);
        self.buffer.extend_from_slice(record.headers.bytes);
        self.count(record);
        Ok(())
    }

    /// Fails where the record would not fit.
    fn check_room(&self, layout: &Layout) -> Result<(), BuildError> {
        let needed = self.buffer.len() + size_i32(layout.size) + usize::try_from(layout.size).unwrap_or(0);
        if needed > self.options.max_bytes {
            return Err(BuildError::Full { needed, max_bytes: self.options.max_bytes });
        }
        Ok(())
    }

    /// Counts a record that was written.
    fn count(&mut self, record: &RecordRef<'_>) {
        self.base_timestamp.get_or_insert(record.timestamp);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.next_offset = record.offset.next();
        self.record_count += 1;
    }

    /// Adds a control record; the options must say that this is a control batch.
    ///
    /// # Errors
    /// [`BuildError::Full`].
    pub fn append_control(
        &mut self,
        timestamp: i64,
        control_type: ControlRecordType,
        value: &[u8],
    ) -> Result<(), BuildError> {
        assert!(self.options.is_control, "control records lie in control batches");
        self.append(timestamp, Some(&control_type.key()), Some(value), &[])
    }

    /// Keeps the batch's end at `last_offset` though its last records are gone (compaction).
    ///
    /// # Errors
    /// [`BuildError::InvalidOffset`] when it lies before the last record or too far behind the first.
    pub fn set_last_offset(&mut self, last_offset: Offset) -> Result<(), BuildError> {
        let end = last_offset.get().saturating_add(1);
        if end < self.next_offset.get() || self.delta(last_offset).is_none() {
            return Err(self.invalid_offset(last_offset));
        }
        self.last_offset = Some(last_offset);
        Ok(())
    }

    /// What the batch takes without compression, header included; with it the size is lower but for records that do
    /// not compress.
    pub fn estimated_size(&self) -> usize {
        self.buffer.len()
    }

    /// How many records there are.
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The offset that the next record gets.
    pub const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The finished batch. Without records it is a bare header, which compaction leaves to keep a producer's last
    /// sequence.
    ///
    /// # Errors
    /// [`BuildError::Compression`]; [`BuildError::Full`] when records that do not compress pass the format's limit.
    pub fn build(mut self) -> Result<RecordBatch, BuildError> {
        let mut bytes = std::mem::take(&mut self.buffer);
        let settings = self.options.compression;
        let is_compressed = settings.compression() != Compression::None && !self.is_empty();
        if is_compressed {
            let mut compressed = vec![0; BATCH_HEADER_SIZE];
            compression::compress(settings, &bytes[BATCH_HEADER_SIZE..], &mut compressed).map_err(
                |reason| {
                    let base_offset = self.options.base_offset.get();
                    BuildError::Compression { base_offset, compression: settings.compression(), reason }
                },
            )?;
            bytes = compressed;
        }
        let batch_length = i32::try_from(bytes.len() - LOG_OVERHEAD)
            .map_err(|_| BuildError::Full { needed: bytes.len(), max_bytes: SIZE_MAX })?;
        let compression = if is_compressed { settings.compression() } else { Compression::None };
        let mut header = self.header(compression, batch_length);
        header.seal(&bytes[BATCH_HEADER_SIZE..]);
        bytes[..BATCH_HEADER_SIZE].copy_from_slice(&header.encode());
        Ok(RecordBatch::from_parts(header, Bytes::from(bytes)))
    }

    fn header(&self, compression: Compression, batch_length: i32) -> BatchHeader {
        let options = &self.options;
        let timestamp_type = match options.log_append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        let last_offset = self.last_offset.unwrap_or(Offset(self.next_offset.get().saturating_sub(1)));
        BatchHeader {
            base_offset: options.base_offset,
            batch_length,
            partition_leader_epoch: options.leader_epoch,
            crc: 0,
            attributes: BatchAttributes::default()
                .with_compression(compression)
                .with_timestamp_type(timestamp_type)
                .with_transactional(options.is_transactional)
                .with_control(options.is_control)
                .with_delete_horizon(options.delete_horizon_ms.is_some()),
            last_offset_delta: self.delta(last_offset).unwrap_or(0),
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: options.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.record_count,
        }
    }

    /// The numbers of a record whose `header_count` headers take `headers_bytes`.
    fn layout(
        &self,
        record: &RecordRef<'_>,
        header_count: usize,
        headers_bytes: usize,
    ) -> Result<Layout, BuildError> {
        let offset_delta = self.delta(record.offset).filter(|_| record.offset >= self.next_offset);
        let offset_delta = offset_delta.ok_or_else(|| self.invalid_offset(record.offset))?;
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp.unwrap_or(record.timestamp));
        let too_large = || BuildError::Full { needed: usize::MAX, max_bytes: self.options.max_bytes };
        let header_count = i32::try_from(header_count).map_err(|_| too_large())?;
        let size = 1
            + size_i64(timestamp_delta)
            + size_i32(offset_delta)
            + nullable_size(record.key)
            + nullable_size(record.value)
            + size_i32(header_count)
            + headers_bytes;
        let size = i32::try_from(size).map_err(|_| too_large())?;
        Ok(Layout { size, timestamp_delta, offset_delta, header_count })
    }

    fn delta(&self, offset: Offset) -> Option<i32> {
        let delta = offset.get().checked_sub(self.options.base_offset.get())?;
        i32::try_from(delta).ok().filter(|delta| *delta >= 0 && offset.get() < i64::MAX)
    }

    fn invalid_offset(&self, offset: Offset) -> BuildError {
        BuildError::InvalidOffset {
            offset: offset.get(),
            base_offset: self.options.base_offset.get(),
            next_offset: self.next_offset.get(),
        }
    }
}

/// The numbers of an encoded record.
struct Layout {
    /// The bytes behind the length field.
    size: i32,
    timestamp_delta: i64,
    offset_delta: i32,
    header_count: i32,
}

impl Layout {
    /// Writes the record up to its headers.
    fn write(&self, out: &mut Vec<u8>, record: &RecordRef<'_>) {
        write_i32(out, self.size);
        // Attributes: unused so far.
        out.push(0);
        write_i64(out, self.timestamp_delta);
        write_i32(out, self.offset_delta);
        write_nullable(out, record.key);
        write_nullable(out, record.value);
        write_i32(out, self.header_count);
    }
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| size_i64(i64::try_from(bytes.len()).unwrap_or(i64::MAX)) + bytes.len())
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => write_i32(out, -1),
        Some(bytes) => {
            write_i64(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            out.extend_from_slice(bytes);
        }
    }
}
