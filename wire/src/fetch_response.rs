//! Fetch responses whose records are never copied.
//!
//! `kafka_protocol` encodes a response into one buffer, records included. [`FetchResponse`] becomes a sequence of
//! [`Chunk`]s instead: bytes that were encoded, and records as whatever the caller has them in (slices of a cache, ranges
//! of a file), in the order in which they go to the socket.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::api::Api;
use crate::header::put_response_header;
use crate::internal_records::EncodeError;
use crate::internal_records::codec::{TaggedFields, Writer};
use crate::messages::fetch_response::NodeEndpoint;
use crate::types::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId};

/// The API's key.
const FETCH: i16 = 1;
/// The bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// The first version with topics by id.
const TOPIC_IDS: i16 = 13;
/// The first version with tagged fields.
const FLEXIBLE: i16 = 12;
/// The bytes that a partition takes beside its records and aborted transactions, about.
const PARTITION_BYTES: usize = 64;

/// Records that have a length in bytes.
pub trait Records {
    /// The bytes that the records take on the wire. It must be what is sent in their place.
    fn byte_len(&self) -> usize;
}

impl Records for Bytes {
    fn byte_len(&self) -> usize {
        self.len()
    }
}

impl<R: Records> Records for Vec<R> {
    fn byte_len(&self) -> usize {
        self.iter().map(Records::byte_len).sum()
    }
}

/// A response to a fetch request; `R` is what the caller has records in.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchResponse<R> {
    /// How long the client's quota made it wait, in milliseconds.
    pub throttle_time_ms: i32,
    /// An error of the session or the whole request, from version 7.
    pub error_code: i16,
    /// The session's id, or 0; from version 7.
    pub session_id: i32,
    /// The topics.
    pub topics: Vec<FetchTopic<R>>,
    /// Where current leaders listen, for partitions that moved; from version 16.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A topic of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct FetchTopic<R> {
    /// The name, written up to version 12.
    pub topic: String,
    /// The id, written from version 13.
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<FetchPartition<R>>,
}

/// A partition of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct FetchPartition<R> {
    /// The index.
    pub partition_index: PartitionIndex,
    /// The error, or 0.
    pub error_code: i16,
    /// The high watermark; -1 beside an error.
    pub high_watermark: Offset,
    /// The last stable offset; -1 where it is not known.
    pub last_stable_offset: Offset,
    /// The log start offset, from version 5; -1 where it is not known.
    pub log_start_offset: Offset,
    /// The epoch and its end offset where the client's log parts from the leader's, from version 12.
    pub diverging_epoch: Option<(LeaderEpoch, Offset)>,
    /// The leader, for a client that asked another broker; from version 12.
    pub current_leader: Option<(BrokerId, LeaderEpoch)>,
    /// The aborted transactions among the records, by producer and first offset. `None` (a null) unless the client reads
    /// committed records only.
    pub aborted_transactions: Option<Vec<(ProducerId, Offset)>>,
    /// A replica that the client should rather read from; written from version 11.
    pub preferred_read_replica: Option<BrokerId>,
    /// The records; `None` is written as no bytes, which is what Kafka sends (and not a null).
    pub records: Option<R>,
}

impl<R> Default for FetchPartition<R> {
    fn default() -> Self {
        Self {
            partition_index: PartitionIndex(0),
            error_code: 0,
            high_watermark: Offset(-1),
            last_stable_offset: Offset(-1),
            log_start_offset: Offset(-1),
            diverging_epoch: None,
            current_leader: None,
            aborted_transactions: None,
            preferred_read_replica: None,
            records: None,
        }
    }
}

/// A part of an encoded response.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk<R> {
    /// Encoded bytes.
    Bytes(Bytes),
    /// A partition's records, not empty.
    Records(R),
}

/// An encoded response: a whole frame, its length field included.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedFetchResponse<R> {
    /// The frame's parts, in the order of the wire.
    pub chunks: Vec<Chunk<R>>,
    /// The bytes of all chunks together.
    pub bytes: usize,
}

impl<R: Records> FetchResponse<R> {
    /// The frame that answers the request `correlation_id` of `version` (4 to 18).
    ///
    /// # Errors
    ///
    /// For another version, a name above 32,767 bytes, and a response above 2 GiB.
    pub fn encode(
        self,
        version: i16,
        correlation_id: i32,
    ) -> Result<EncodedFetchResponse<R>, FetchResponseError> {
        let api = Api::of(FETCH).filter(|api| api.has_version(version));
        let api = api.ok_or(FetchResponseError::Version { version })?;
        let partitions: usize = self.topics.iter().map(|topic| topic.partitions.len() + 1).sum();
        let mut encoder = Encoder {
            version,
            buf: BytesMut::with_capacity(PARTITION_BYTES * (partitions + 1)),
            chunks: Vec::new(),
            bytes: 0,
        };
        encoder.buf.put_bytes(0, LENGTH_BYTES);
        put_response_header(api, version, correlation_id, &mut encoder.buf);
        encoder.response(self)?;
        encoder.finish()
    }
}

struct Encoder<R> {
    version: i16,
    buf: BytesMut,
    chunks: Vec<Chunk<R>>,
    /// The bytes of the chunks.
    bytes: usize,
}

impl<R: Records> Encoder<R> {
    fn response(&mut self, response: FetchResponse<R>) -> Result<(), FetchResponseError> {
        self.buf.put_i32(response.throttle_time_ms);
        if self.version >= 7 {
            self.buf.put_i16(response.error_code);
            self.buf.put_i32(response.session_id);
        }
        self.length(response.topics.len(), "Topics")?;
        for topic in response.topics {
            self.topic(topic)?;
        }
        self.node_endpoints(&response.node_endpoints)
    }

    fn topic(&mut self, topic: FetchTopic<R>) -> Result<(), FetchResponseError> {
        if self.version >= TOPIC_IDS {
            self.buf.put_slice(topic.topic_id.0.as_bytes());
        } else {
            Writer::new(&mut self.buf).string(self.version >= FLEXIBLE, &topic.topic, "Topic")?;
        }
        self.length(topic.partitions.len(), "Partitions")?;
        for partition in topic.partitions {
            self.partition(partition)?;
        }
        self.no_tagged_fields();
        Ok(())
    }

    fn partition(&mut self, mut partition: FetchPartition<R>) -> Result<(), FetchResponseError> {
        self.buf.put_i32(partition.partition_index.get());
        self.buf.put_i16(partition.error_code);
        self.buf.put_i64(partition.high_watermark.get());
        self.buf.put_i64(partition.last_stable_offset.get());
        if self.version >= 5 {
            self.buf.put_i64(partition.log_start_offset.get());
        }
        self.aborted_transactions(partition.aborted_transactions.as_deref())?;
        if self.version >= 11 {
            self.buf.put_i32(partition.preferred_read_replica.map_or(-1, BrokerId::get));
        }
        self.records(partition.records.take())?;
        if self.version >= FLEXIBLE {
            self.partition_tags(&partition)?;
        }
        Ok(())
    }

    fn aborted_transactions(
        &mut self,
        aborted: Option<&[(ProducerId, Offset)]>,
    ) -> Result<(), FetchResponseError> {
        let flexible = self.version >= FLEXIBLE;
        Writer::new(&mut self.buf).length(flexible, true, aborted.map(<[_]>::len), "AbortedTransactions")?;
        for (producer_id, first_offset) in aborted.unwrap_or_default() {
            self.buf.put_i64(producer_id.get());
            self.buf.put_i64(first_offset.get());
            self.no_tagged_fields();
        }
        Ok(())
    }

    /// Ends the chunk of bytes before the records, unless there are none.
    fn records(&mut self, records: Option<R>) -> Result<(), FetchResponseError> {
        let length = records.as_ref().map_or(0, Records::byte_len);
        self.length(length, "Records")?;
        if let Some(records) = records.filter(|_| length > 0) {
            self.end_chunk();
            self.chunks.push(Chunk::Records(records));
            self.bytes += length;
        }
        Ok(())
    }

    fn partition_tags(&mut self, partition: &FetchPartition<R>) -> Result<(), FetchResponseError> {
        let none = Vec::new();
        let mut tagged = TaggedFields::new(&none);
        let mut pair = |tag, epoch_or_leader: i32, write: &dyn Fn(&mut Writer<'_>)| {
            tagged.add(tag, |writer| {
                writer.int32(epoch_or_leader);
                write(writer);
                writer.unsigned_varint(0);
                Ok(())
            })
        };
        if let Some((epoch, end_offset)) = partition.diverging_epoch {
            pair(0, epoch.get(), &|writer| writer.int64(end_offset.get()))?;
        }
        if let Some((leader, epoch)) = partition.current_leader {
            pair(1, leader.get(), &|writer| writer.int32(epoch.get()))?;
        }
        Ok(tagged.write(&mut Writer::new(&mut self.buf))?)
    }

    fn node_endpoints(&mut self, endpoints: &[NodeEndpoint]) -> Result<(), FetchResponseError> {
        if self.version < FLEXIBLE {
            return Ok(());
        }
        let none = Vec::new();
        let mut tagged = TaggedFields::new(&none);
        if self.version >= 16 && !endpoints.is_empty() {
            tagged.add(0, |writer| {
                writer.array(true, endpoints, "NodeEndpoints", |writer, endpoint| {
                    writer.int32(endpoint.node_id.0);
                    writer.string(true, &endpoint.host, "Host")?;
                    writer.int32(endpoint.port);
                    writer.nullable_string(true, true, endpoint.rack.as_deref(), "Rack")?;
                    writer.unsigned_varint(0);
                    Ok(())
                })
            })?;
        }
        Ok(tagged.write(&mut Writer::new(&mut self.buf))?)
    }

    /// The length of an array or of records.
    fn length(&mut self, length: usize, field: &'static str) -> Result<(), EncodeError> {
        Writer::new(&mut self.buf).length(self.version >= FLEXIBLE, true, Some(length), field)
    }

    fn no_tagged_fields(&mut self) {
        if self.version >= FLEXIBLE {
            self.buf.put_u8(0);
        }
    }

    fn end_chunk(&mut self) {
        let bytes = self.buf.split();
        self.bytes += bytes.len();
        self.chunks.push(Chunk::Bytes(bytes.freeze()));
    }

    /// Ends the last chunk and writes the frame's length into the first one.
    fn finish(mut self) -> Result<EncodedFetchResponse<R>, FetchResponseError> {
        self.end_chunk();
        let frame_bytes = self.bytes - LENGTH_BYTES;
        let length = i32::try_from(frame_bytes).map_err(|_| FetchResponseError::TooLarge { frame_bytes })?;
        if let Some(Chunk::Bytes(first)) = self.chunks.first_mut() {
            // Other chunks share the allocation, so this moves the first one's few bytes.
            let mut bytes = BytesMut::from(std::mem::take(first));
            bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
            *first = bytes.freeze();
        }
        Ok(EncodedFetchResponse { chunks: self.chunks, bytes: self.bytes })
    }
}

/// A fetch response that cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchResponseError {
    /// There is no such version.
    #[error("a fetch response has no version {version}")]
    Version {
        /// The version asked for.
        version: i16,
    },
    /// A value that its field cannot hold.
    #[error("a fetch response cannot be encoded")]
    Field(#[from] EncodeError),
    /// More bytes than a frame's length can tell.
    #[error("a fetch response of {frame_bytes} bytes is too large for a frame")]
    TooLarge {
        /// The bytes of the frame without its length.
        frame_bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kafka_protocol::protocol::{Encodable, StrBytes};
    use crate::messages::fetch_response as crate_types;
    use crate::messages::{ResponseHeader, TopicName};
    use crate::types::Uuid;

    /// The frame that kafka-protocol makes of the same response.
    fn expected(response: &FetchResponse<Bytes>, version: i16, correlation_id: i32) -> Vec<u8> {
        let topics = response.topics.iter().map(|topic| {
            crate_types::FetchableTopicResponse::default()
                .with_topic(TopicName(StrBytes::from_string(topic.topic.clone())))
                .with_topic_id(topic.topic_id.0)
                .with_partitions(
                    topic.partitions.iter().map(|partition| partition_data(partition, version)).collect(),
                )
        });
        let mut body = crate::messages::FetchResponse::default()
            .with_throttle_time_ms(response.throttle_time_ms)
            .with_responses(topics.collect());
        if version >= 7 {
            body = body.with_error_code(response.error_code).with_session_id(response.session_id);
        }
        if version >= 16 {
            body = body.with_node_endpoints(response.node_endpoints.clone());
        }
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = ResponseHeader::default().with_correlation_id(correlation_id);
        header.encode(&mut frame, Api::of(FETCH).unwrap().response_header_version(version)).unwrap();
        body.encode(&mut frame, version).unwrap();
        let length = i32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame.to_vec()
    }

    fn partition_data(partition: &FetchPartition<Bytes>, version: i16) -> crate_types::PartitionData {
        let aborted = partition.aborted_transactions.as_ref().map(|aborted| {
            let entry = |(producer, offset): &(ProducerId, Offset)| {
                crate_types::AbortedTransaction::default()
                    .with_producer_id(producer.get().into())
                    .with_first_offset(offset.get())
            };
            aborted.iter().map(entry).collect()
        });
        let mut data = crate_types::PartitionData::default()
            .with_partition_index(partition.partition_index.get())
            .with_error_code(partition.error_code)
            .with_high_watermark(partition.high_watermark.get())
            .with_last_stable_offset(partition.last_stable_offset.get())
            .with_log_start_offset(partition.log_start_offset.get())
            .with_aborted_transactions(aborted)
            .with_records(Some(partition.records.clone().unwrap_or_default()));
        if version >= 11 {
            data = data.with_preferred_read_replica(
                partition.preferred_read_replica.map_or(-1, BrokerId::get).into(),
            );
        }
        if let Some((epoch, end)) = partition.diverging_epoch {
            let diverging =
                crate_types::EpochEndOffset::default().with_epoch(epoch.get()).with_end_offset(end.get());
            data = data.with_diverging_epoch(diverging);
        }
        if let Some((leader, epoch)) = partition.current_leader {
            let current = crate_types::LeaderIdAndEpoch::default();
            data = data.with_current_leader(
                current.with_leader_id(leader.get().into()).with_leader_epoch(epoch.get()),
            );
        }
        data
    }

    fn partition() -> impl Strategy<Value = FetchPartition<Bytes>> {
        let offset = || any::<i64>().prop_map(Offset);
        let numbers = (any::<i32>(), any::<i16>(), offset(), offset(), offset());
        let aborted =
            prop::option::of(prop::collection::vec((any::<i64>().prop_map(ProducerId), offset()), 0..4));
        let leader = (0..i32::MAX).prop_map(LeaderEpoch);
        let tags = (
            prop::option::of((leader.clone(), offset())),
            prop::option::of(((0..i32::MAX).prop_map(BrokerId), leader)),
            prop::option::of((0..i32::MAX).prop_map(BrokerId)),
        );
        let records = prop::option::of(prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from));
        (numbers, aborted, tags, records).prop_map(|(numbers, aborted_transactions, tags, records)| {
            FetchPartition {
                partition_index: PartitionIndex(numbers.0),
                error_code: numbers.1,
                high_watermark: numbers.2,
                last_stable_offset: numbers.3,
                log_start_offset: numbers.4,
                diverging_epoch: tags.0,
                current_leader: tags.1,
                aborted_transactions,
                preferred_read_replica: tags.2,
                records,
            }
        })
    }

    fn response() -> impl Strategy<Value = FetchResponse<Bytes>> {
        let topic = ("[a-z]{0,140}", any::<u128>(), prop::collection::vec(partition(), 0..4)).prop_map(
            |(topic, id, partitions)| FetchTopic {
                topic,
                topic_id: TopicId(Uuid::from_u128(id)),
                partitions,
            },
        );
        let endpoint = (any::<i32>(), "[a-z.]{1,20}", any::<i32>(), prop::option::of("[a-z]{0,4}")).prop_map(
            |(node, host, port, rack)| {
                NodeEndpoint::default()
                    .with_node_id(node.into())
                    .with_host(StrBytes::from_string(host))
                    .with_port(port)
                    .with_rack(rack.map(StrBytes::from_string))
            },
        );
        let lists = (prop::collection::vec(topic, 0..4), prop::collection::vec(endpoint, 0..3));
        (any::<i32>(), any::<i16>(), any::<i32>(), lists).prop_map(
            |(throttle_time_ms, error_code, session_id, lists)| FetchResponse {
                throttle_time_ms,
                error_code,
                session_id,
                topics: lists.0,
                node_endpoints: lists.1,
            },
        )
    }

    fn joined(encoded: &EncodedFetchResponse<Bytes>) -> Vec<u8> {
        let parts = encoded.chunks.iter().map(|chunk| match chunk {
            Chunk::Bytes(bytes) | Chunk::Records(bytes) => &bytes[..],
        });
        parts.collect::<Vec<_>>().concat()
    }

    proptest! {
        #[test]
        fn the_chunks_are_what_kafka_protocol_encodes(response in response(), correlation_id in any::<i32>()) {
            for version in 4..=18 {
                let encoded = response.clone().encode(version, correlation_id).unwrap();
                let frame = joined(&encoded);
                prop_assert_eq!(encoded.bytes, frame.len());
                prop_assert_eq!(frame, expected(&response, version, correlation_id), "version {}", version);
            }
        }
    }

    #[test]
    fn records_are_handed_through_not_copied() {
        let records = Bytes::from(vec![7; 1000]);
        let partitions = vec![
            FetchPartition {
                records: Some(vec![records.clone(), records.clone()]),
                ..FetchPartition::default()
            },
            FetchPartition { records: Some(vec![]), ..FetchPartition::default() },
            FetchPartition::default(),
        ];
        let topic = FetchTopic { topic: "t".to_owned(), topic_id: TopicId::NONE, partitions };
        let response = FetchResponse {
            throttle_time_ms: 0,
            error_code: 0,
            session_id: 0,
            topics: vec![topic],
            node_endpoints: Vec::new(),
        };
        let encoded = response.encode(18, 1).unwrap();
        let [Chunk::Bytes(_), Chunk::Records(handed), Chunk::Bytes(_)] = &encoded.chunks[..] else {
            panic!("{encoded:?}");
        };
        assert_eq!(handed[0].as_ptr(), records.as_ptr());
    }

    #[test]
    fn other_versions_and_names_too_long_are_refused() {
        let response = |topic: String| FetchResponse::<Bytes> {
            throttle_time_ms: 0,
            error_code: 0,
            session_id: 0,
            topics: vec![FetchTopic { topic, topic_id: TopicId::NONE, partitions: Vec::new() }],
            node_endpoints: Vec::new(),
        };
        for version in [3, 19] {
            assert_eq!(
                response(String::new()).encode(version, 0),
                Err(FetchResponseError::Version { version })
            );
        }
        let error = response("x".repeat(40_000)).encode(4, 0).unwrap_err();
        assert_eq!(error, FetchResponseError::Field(EncodeError::TooLong { field: "Topic", length: 40_000 }));
    }
}
