//! Record batches made by hand, good and bad ones, and the Produce and Fetch requests that carry them.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{BrokerId, FetchRequest, ProduceRequest, TopicName};

/// The bit of a batch's attributes that says gzip.
const GZIP: i16 = 1;

/// A batch of one record without key and headers.
pub fn batch_of(value: &[u8]) -> Bytes {
    batch(0, 1, &record(value))
}

/// A batch whose payload unpacks to one record with a value of `size` zeros.
pub fn bomb(size: usize) -> Bytes {
    batch(GZIP, 1, &gzip(&record_head(size), size + 1))
}

/// A batch that claims `count` records and unpacks to `size` zeros, which are no records.
pub fn bomb_of_nothing(count: i32, size: usize) -> Bytes {
    batch(GZIP, count, &gzip(&[], size))
}

/// Packs a beginning and zeros behind it, without holding them.
fn gzip(beginning: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(beginning).expect("a vector can be written to");
    let chunk = vec![0; 1 << 16];
    let mut left = zeros;
    while left > 0 {
        let some = left.min(chunk.len());
        encoder.write_all(&chunk[..some]).expect("a vector can be written to");
        left -= some;
    }
    encoder.finish().expect("a vector can be written to")
}

fn record(value: &[u8]) -> Vec<u8> {
    let mut bytes = record_head(value.len());
    bytes.extend_from_slice(value);
    bytes.push(0); // no headers
    bytes
}

/// Length, attributes, timestamp delta, offset delta, null key, and the length of a value that follows.
fn record_head(value_size: usize) -> Vec<u8> {
    let mut inside = vec![0, 0, 0];
    put_varint(&mut inside, -1);
    put_varint(&mut inside, i64::try_from(value_size).expect("a record's size"));
    let mut head = Vec::new();
    put_varint(&mut head, i64::try_from(inside.len() + value_size + 1).expect("a record's size"));
    head.extend(inside);
    head
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the encoding takes seven bits at a time"
)]
fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        bytes.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
}

/// A batch with the right length and checksum around any payload.
pub fn batch(attributes: i16, count: i32, payload: &[u8]) -> Bytes {
    let mut checked = BytesMut::new();
    checked.put_i16(attributes);
    checked.put_i32(count.wrapping_sub(1)); // last offset delta
    checked.put_i64(1_700_000_000_000);
    checked.put_i64(1_700_000_000_000);
    checked.put_i64(-1); // producer id
    checked.put_i16(-1);
    checked.put_i32(-1);
    checked.put_i32(count);
    checked.put_slice(payload);
    let mut bytes = BytesMut::new();
    bytes.put_i64(0);
    bytes.put_i32(i32::try_from(checked.len() + 9).expect("a batch's size"));
    bytes.put_i32(-1); // leader epoch
    bytes.put_u8(2);
    bytes.put_u32(crc32c::crc32c(&checked));
    bytes.put_slice(&checked);
    bytes.freeze()
}

/// A Produce request with acks all, for versions 3 to 12.
pub fn produce(topic: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let topic = TopicProduceData::default().with_name(name).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic])
}

/// A Fetch request for versions 4 to 12.
pub fn fetch(topic: &str, partition: i32, offset: i64, bytes_max: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(bytes_max);
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let topic = FetchTopic::default().with_topic(name).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_max_bytes(bytes_max)
        .with_topics(vec![topic])
}
