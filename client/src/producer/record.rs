//! A record on its way out, and what is known of it afterwards.

use medallion_wire::records::Header;
use medallion_wire::{Offset, PartitionIndex, TopicPartition};

/// A record to send. It borrows what the caller has: the bytes are copied once, into the batch.
///
/// ```
/// use medallion_client::Record;
///
/// let record = Record::to("trips").key(b"zone-7").value(b"{\"fare\": 9.5}").header("source", Some(b"taxi"));
/// assert_eq!(record.topic, "trips");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a record does nothing until it is sent"]
pub struct Record<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition; `None` leaves the choice to the partitioner.
    pub partition: Option<PartitionIndex>,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, which in a compacted topic deletes the key.
    pub value: Option<&'a [u8]>,
    /// The headers in order. Keys may repeat.
    pub headers: Vec<Header<'a>>,
    /// Milliseconds since 1970; `None` for the time of `send`.
    pub timestamp: Option<i64>,
}

impl<'a> Record<'a> {
    /// A record to `topic` without key and value.
    pub const fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, key: None, value: None, headers: Vec::new(), timestamp: None }
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: impl Into<PartitionIndex>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// Adds a header behind those that are there.
    pub fn header(mut self, key: &'a str, value: Option<&'a [u8]>) -> Self {
        self.headers.push(Header::new(key, value));
        self
    }

    /// Sets the timestamp, in milliseconds since 1970.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// At most what the record takes in a batch of its own, before compression.
    pub(super) fn size_bytes_max(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len) + HEADER_OVERHEAD_BYTES_MAX);
        let (key, value) = (self.key.map_or(0, <[u8]>::len), self.value.map_or(0, <[u8]>::len));
        medallion_wire::records::BATCH_HEADER_SIZE
            + RECORD_OVERHEAD_BYTES_MAX
            + key
            + value
            + headers.sum::<usize>()
    }
}

/// Length (5), attributes (1), timestamp (10), offset (5), sizes of key and value (5 each), count of headers (5).
const RECORD_OVERHEAD_BYTES_MAX: usize = 36;
/// Sizes of a header's key and value.
const HEADER_OVERHEAD_BYTES_MAX: usize = 10;

/// Where an acknowledged record is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset. `None` with `acks=0`, and where the broker only says that it had the record already.
    pub offset: Option<Offset>,
    /// Its timestamp: ours, or the broker's where the topic wants that (`message.timestamp.type=LogAppendTime`).
    pub timestamp: i64,
}
