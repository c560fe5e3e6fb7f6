//! Records inside a batch: the walk over their bytes, borrowed or shared.

use std::borrow::Cow;

use bytes::Bytes;

use super::header::{BatchHeader, NO_TIMESTAMP};
use super::varint::{read_i32, read_i64};
use super::{RecordError, RecordProblem, TimestampType};
use crate::types::Offset;

/// One record, whose key, value and headers are slices of the batch's (decompressed) bytes.
///
/// It keeps the whole batch's bytes alive: copy what is to be kept for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position in the partition.
    pub offset: Offset,
    /// Milliseconds since 1970; the batch's append time with [`TimestampType::LogAppendTime`].
    pub timestamp: i64,
    /// The key; `None` is null, which is not the same as empty.
    pub key: Option<Bytes>,
    /// The value; `None` is null (a tombstone in a compacted topic).
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Headers,
}

/// The same as [`Record`], borrowed: walking with it counts no references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its position in the partition.
    pub offset: Offset,
    /// Milliseconds since 1970; the batch's append time with [`TimestampType::LogAppendTime`].
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: HeadersRef<'a>,
}

impl Record {
    /// Borrows the record.
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: HeadersRef { bytes: &self.headers.bytes, count: self.headers.count },
        }
    }

    fn sharing(data: &Bytes, record: &RecordRef<'_>) -> Self {
        Self {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(|key| data.slice_ref(key)),
            value: record.value.map(|value| data.slice_ref(value)),
            headers: Headers { bytes: data.slice_ref(record.headers.bytes), count: record.headers.count },
        }
    }
}

/// A record header. Keys may repeat, values may be null, and their order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key: UTF-8 by the protocol, though nobody checks it on the way.
    pub key: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// A header with the given key and value.
    pub fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The key as text, with replacement characters where it is not UTF-8 (as Java's clients read it).
    pub fn key_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// The headers of a [`Record`], still encoded; they were checked when the record was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    bytes: Bytes,
    count: usize,
}

impl Headers {
    /// How many headers there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order.
    pub fn iter(&self) -> HeaderIterator<'_> {
        HeaderIterator { rest: &self.bytes, left: self.count }
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = Header<'a>;
    type IntoIter = HeaderIterator<'a>;

    fn into_iter(self) -> HeaderIterator<'a> {
        self.iter()
    }
}

/// The headers of a [`RecordRef`], still encoded; they were checked when the record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadersRef<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
}

impl<'a> HeadersRef<'a> {
    /// How many headers there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order.
    pub const fn iter(self) -> HeaderIterator<'a> {
        HeaderIterator { rest: self.bytes, left: self.count }
    }
}

impl<'a> IntoIterator for HeadersRef<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIterator<'a>;

    fn into_iter(self) -> HeaderIterator<'a> {
        self.iter()
    }
}

/// Decodes headers one by one.
#[derive(Debug, Clone)]
pub struct HeaderIterator<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for HeaderIterator<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        read_header(&mut self.rest, false).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for HeaderIterator<'_> {}

/// The records' bytes of one batch, decompressed, with what is needed to walk over them.
#[derive(Debug, Clone)]
pub struct DecodedRecords {
    data: Bytes,
    cursor: Cursor,
}

impl DecodedRecords {
    pub(super) fn new(data: Bytes, header: &BatchHeader) -> Self {
        Self { data, cursor: Cursor::new(header) }
    }

    /// The encoded records, uncompressed.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// The same for a walk that takes what Kafka's leaders take from clients: any offset deltas, and nulls of any length
    /// below 0.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.cursor.is_strict = false;
        self
    }

    /// Walks over the records without counting references. Ends behind the first error.
    pub fn iter(&self) -> RecordRefIterator<'_> {
        RecordRefIterator { data: &self.data, cursor: self.cursor.clone() }
    }

    /// How many records are left, as the batch's header counts them.
    pub fn len(&self) -> usize {
        usize::try_from(self.cursor.record_count - self.cursor.index).unwrap_or(0)
    }

    /// Whether no record is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the records before `offset` from the front.
    ///
    /// # Errors
    /// Where one of them is malformed.
    pub fn skip_below(&mut self, offset: Offset) -> Result<(), RecordError> {
        loop {
            let mut behind = self.cursor.clone();
            match behind.advance(&self.data) {
                Some(Ok(record)) if record.offset < offset => self.cursor = behind,
                Some(Err(error)) => return Err(error),
                Some(Ok(_)) | None => return Ok(()),
            }
        }
    }

    /// Takes the first `records_max` records off, with the offset of the last of them. All are checked: a walk over what is
    /// returned meets no error.
    ///
    /// # Errors
    /// Where a record is malformed, or bytes lie behind the last one of the batch.
    pub fn take_front(&mut self, records_max: usize) -> Result<(Self, Option<Offset>), RecordError> {
        let mut front = self.clone();
        let mut last = None;
        for _ in 0..records_max.min(self.len()) {
            match self.cursor.advance(&self.data) {
                Some(record) => last = Some(record?.offset),
                None => break,
            }
        }
        if self.is_empty()
            && let Some(error) = self.cursor.check_end(self.data.len())
        {
            return Err(error);
        }
        front.data.truncate(self.cursor.position);
        front.cursor.record_count = self.cursor.index;
        Ok((front, last))
    }
}

impl<'a> IntoIterator for &'a DecodedRecords {
    type Item = Result<RecordRef<'a>, RecordError>;
    type IntoIter = RecordRefIterator<'a>;

    fn into_iter(self) -> RecordRefIterator<'a> {
        self.iter()
    }
}

impl IntoIterator for DecodedRecords {
    type Item = Result<Record, RecordError>;
    type IntoIter = RecordIterator;

    fn into_iter(self) -> RecordIterator {
        RecordIterator { data: self.data, cursor: self.cursor }
    }
}

/// Yields [`RecordRef`]s; ends behind the first error.
#[derive(Debug, Clone)]
pub struct RecordRefIterator<'a> {
    data: &'a [u8],
    cursor: Cursor,
}

impl<'a> Iterator for RecordRefIterator<'a> {
    type Item = Result<RecordRef<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.advance(self.data)
    }
}

impl std::iter::FusedIterator for RecordRefIterator<'_> {}

/// Yields [`Record`]s; ends behind the first error.
#[derive(Debug, Clone)]
pub struct RecordIterator {
    data: Bytes,
    cursor: Cursor,
}

impl Iterator for RecordIterator {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.cursor.advance(&self.data)?;
        Some(record.map(|record| Record::sharing(&self.data, &record)))
    }
}

impl std::iter::FusedIterator for RecordIterator {}

/// Walks over the records of a body that is not compressed, and returns their largest timestamp (-1 for none). All is
/// checked but what Kafka's leaders take as it is: offset deltas, and nulls of any length below 0.
pub(super) fn max_timestamp(body: &[u8], header: &BatchHeader) -> Result<i64, RecordError> {
    let mut cursor = Cursor { is_strict: false, ..Cursor::new(header) };
    let mut max_timestamp = NO_TIMESTAMP;
    while let Some(record) = cursor.advance(body) {
        max_timestamp = max_timestamp.max(record?.timestamp);
    }
    Ok(max_timestamp)
}

/// Where a walk over a batch's records stands.
#[derive(Debug, Clone)]
struct Cursor {
    base_offset: Offset,
    base_timestamp: i64,
    /// The timestamp of every record, where the broker set it.
    log_append_time: Option<i64>,
    last_offset_delta: i32,
    record_count: i32,
    /// The next record's place in the batch; the count when all are read, one more when the end is reported.
    index: i32,
    position: usize,
    /// The least offset delta that the next record may have.
    next_delta: i32,
    /// Whether offset deltas are looked at, and a null must have the length -1 rather than any below 0.
    is_strict: bool,
    finished: bool,
}

impl Cursor {
    fn new(header: &BatchHeader) -> Self {
        let log_append_time =
            (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp);
        Self {
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            log_append_time,
            last_offset_delta: header.last_offset_delta,
            record_count: header.record_count,
            index: 0,
            position: 0,
            next_delta: 0,
            is_strict: true,
            finished: false,
        }
    }

    fn advance<'a>(&mut self, data: &'a [u8]) -> Option<Result<RecordRef<'a>, RecordError>> {
        if self.finished {
            return None;
        }
        if self.index == self.record_count {
            self.finished = true;
            return self.check_end(data.len()).map(Err);
        }
        let mut rest = &data[self.position..];
        match self.read(&mut rest) {
            Ok(record) => {
                self.position = data.len() - rest.len();
                self.index += 1;
                Some(Ok(record))
            }
            Err(problem) => {
                self.finished = true;
                let (base_offset, index) = (self.base_offset.get(), self.index);
                Some(Err(RecordError::InvalidRecord { base_offset, index, problem }))
            }
        }
    }

    fn check_end(&self, size: usize) -> Option<RecordError> {
        let bytes = size - self.position;
        let (base_offset, record_count) = (self.base_offset.get(), self.record_count);
        (bytes > 0).then_some(RecordError::BytesBehindRecords { base_offset, record_count, bytes })
    }

    fn read<'a>(&mut self, rest: &mut &'a [u8]) -> Result<RecordRef<'a>, RecordProblem> {
        let length = read_i32(rest, "record length")?;
        let size =
            usize::try_from(length).map_err(|_| RecordProblem::InvalidLength { field: "record", length })?;
        let (mut fields, behind) = rest.split_at_checked(size).ok_or(RecordProblem::PastEnd)?;
        // A record that ends before its fields do is not the batch's end.
        let record = self.read_fields(&mut fields).map_err(|problem| match problem {
            RecordProblem::PastEnd => RecordProblem::SizeMismatch { expected: size, actual: size + 1 },
            other => other,
        })?;
        if !fields.is_empty() {
            return Err(RecordProblem::SizeMismatch { expected: size, actual: size - fields.len() });
        }
        *rest = behind;
        Ok(record)
    }

    fn read_fields<'a>(&mut self, fields: &mut &'a [u8]) -> Result<RecordRef<'a>, RecordProblem> {
        // The attributes of single records are unused so far; Kafka ignores them, and so do we.
        let (_attributes, rest) = fields.split_first().ok_or(RecordProblem::PastEnd)?;
        *fields = rest;
        let timestamp_delta = read_i64(fields, "timestamp delta")?;
        let delta = read_i32(fields, "offset delta")?;
        if self.is_strict && (delta < self.next_delta || delta > self.last_offset_delta) {
            let (after, last) = (self.next_delta, self.last_offset_delta);
            return Err(RecordProblem::InvalidOffsetDelta { delta, after, last });
        }
        let key = read_nullable(fields, "key", self.is_strict)?;
        let value = read_nullable(fields, "value", self.is_strict)?;
        let headers = read_headers(fields, self.is_strict)?;
        self.next_delta = delta.saturating_add(1);
        Ok(RecordRef {
            offset: Offset(self.base_offset.get().saturating_add(i64::from(delta))),
            timestamp: self.log_append_time.unwrap_or(self.base_timestamp.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }
}

fn read_headers<'a>(fields: &mut &'a [u8], is_strict: bool) -> Result<HeadersRef<'a>, RecordProblem> {
    let count = read_i32(fields, "header count")?;
    let headers = *fields;
    let count = match usize::try_from(count) {
        Ok(count) if count <= headers.len() => count,
        _ => return Err(RecordProblem::InvalidHeaderCount { count }),
    };
    for _ in 0..count {
        read_header(fields, is_strict)?;
    }
    Ok(HeadersRef { bytes: &headers[..headers.len() - fields.len()], count })
}

fn read_header<'a>(fields: &mut &'a [u8], is_strict: bool) -> Result<Header<'a>, RecordProblem> {
    let length = read_i32(fields, "header key length")?;
    let size =
        usize::try_from(length).map_err(|_| RecordProblem::InvalidLength { field: "header key", length })?;
    let key = take(fields, size)?;
    let value = read_nullable(fields, "header value", is_strict)?;
    Ok(Header { key, value })
}

fn read_nullable<'a>(
    fields: &mut &'a [u8],
    field: &'static str,
    is_strict: bool,
) -> Result<Option<&'a [u8]>, RecordProblem> {
    let length = read_i32(fields, field)?;
    match usize::try_from(length) {
        Ok(size) => take(fields, size).map(Some),
        Err(_) if is_strict && length != -1 => Err(RecordProblem::InvalidLength { field, length }),
        Err(_) => Ok(None),
    }
}

fn take<'a>(fields: &mut &'a [u8], size: usize) -> Result<&'a [u8], RecordProblem> {
    let (taken, rest) = fields.split_at_checked(size).ok_or(RecordProblem::PastEnd)?;
    *fields = rest;
    Ok(taken)
}
