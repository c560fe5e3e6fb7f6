//! Produce requests and their answers.
//!
//! Records are not copied into the request: it is a list of pieces, some of which are the batches' own bytes. The same bytes
//! as those of `kafka-protocol`'s encoder, which a test holds against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use medallion_wire::messages::{ProduceRequest, ProduceResponse, produce_response};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};

use super::completion::Ack;
use crate::connection::Frame;
use crate::error::Error;
use crate::metadata::{Broker, LeaderHint};

/// From this version on topics are named by their ids (KIP-516).
pub(super) const TOPIC_IDS_FROM: i16 = 13;
/// From this version on the encoding is flexible.
const FLEXIBLE_FROM: i16 = 9;

/// A batch in a request: its partition, and its bytes in pieces.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) records: Vec<Bytes>,
}

/// From this version on writing makes a partition part of the transaction (KIP-890).
pub(super) const TRANSACTIONS_V2_FROM: i16 = 12;

/// The request with these batches; `acks` and `timeout_ms` as on the wire.
pub(super) fn encode(
    parts: &[Part],
    transactional_id: Option<&str>,
    acks: i16,
    timeout_ms: i32,
    version: i16,
    client_id: &str,
) -> Result<Frame, Error> {
    let mut frame = Frame::begin::<ProduceRequest>(version, client_id)?;
    let mut writer = Writer { is_flexible: version >= FLEXIBLE_FROM, head: frame.head(), rest: Vec::new() };
    match transactional_id {
        Some(id) => writer.string(id),
        None => writer.null_string(),
    }
    writer.out().put_i16(acks);
    writer.out().put_i32(timeout_ms);
    let mut topics: BTreeMap<&str, Vec<&Part>> = BTreeMap::new();
    for part in parts {
        topics.entry(&part.partition.topic).or_default().push(part);
    }
    writer.count(topics.len());
    for (name, parts) in topics {
        if version >= TOPIC_IDS_FROM {
            let id = parts.first().map_or(TopicId::NONE, |part| part.topic_id);
            writer.out().put_slice(id.0.as_bytes());
        } else {
            writer.string(name);
        }
        writer.count(parts.len());
        for part in parts {
            writer.out().put_i32(part.partition.partition.get());
            writer.records(&part.records);
            writer.tags();
        }
        writer.tags();
    }
    writer.tags();
    let rest = writer.rest.into_iter().map(Piece::freeze).collect();
    frame.finish_with::<ProduceRequest>(rest)
}

enum Piece {
    Records(Bytes),
    Between(BytesMut),
}

impl Piece {
    fn freeze(self) -> Bytes {
        match self {
            Self::Records(bytes) => bytes,
            Self::Between(bytes) => bytes.freeze(),
        }
    }
}

/// Writes fields, into the head until records have come, and between records afterwards.
struct Writer<'a> {
    is_flexible: bool,
    head: &'a mut BytesMut,
    rest: Vec<Piece>,
}

impl Writer<'_> {
    fn out(&mut self) -> &mut BytesMut {
        if self.rest.is_empty() {
            return self.head;
        }
        if matches!(self.rest.last(), Some(Piece::Records(_))) {
            self.rest.push(Piece::Between(BytesMut::with_capacity(32)));
        }
        match self.rest.last_mut() {
            Some(Piece::Between(between)) => between,
            _ => self.head,
        }
    }

    /// A length as an int32, or plus one as an unsigned varint.
    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.is_flexible {
            self.varint(count + 1);
        } else {
            self.out().put_u32(count);
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out().put_u8(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out().put_u8(value.to_le_bytes()[0]);
    }

    fn null_string(&mut self) {
        if self.is_flexible { self.out().put_u8(0) } else { self.out().put_i16(-1) }
    }

    fn string(&mut self, text: &str) {
        if self.is_flexible {
            self.count(text.len());
        } else {
            self.out().put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        }
        self.out().put_slice(text.as_bytes());
    }

    fn records(&mut self, pieces: &[Bytes]) {
        self.count(pieces.iter().map(Bytes::len).sum());
        self.rest.extend(pieces.iter().cloned().map(Piece::Records));
    }

    fn tags(&mut self) {
        if self.is_flexible {
            self.out().put_u8(0);
        }
    }
}

/// What an answer says of each batch, in the order of `parts`, and of leaders that have moved (KIP-951).
pub(super) fn outcomes(
    parts: &[Part],
    response: &ProduceResponse,
) -> (Vec<Result<Ack, Error>>, Vec<LeaderHint>) {
    let mut answers = BTreeMap::new();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let by_name = (topic.name.as_str(), TopicId::NONE, partition.index);
            let by_id = ("", TopicId(topic.topic_id), partition.index);
            answers.insert(if topic.name.is_empty() { by_id } else { by_name }, partition);
        }
    }
    let mut hints = Vec::new();
    let outcomes = parts.iter().map(|part| {
        let index = part.partition.partition.get();
        let answer = answers.get(&(&*part.partition.topic, TopicId::NONE, index));
        let Some(answer) = answer.or_else(|| answers.get(&("", part.topic_id, index))) else {
            return Err(Error::malformed("the answer to Produce", format!("it lacks {}", part.partition)));
        };
        hints.extend(hint(part, answer, response));
        outcome(part, answer)
    });
    (outcomes.collect(), hints)
}

fn outcome(part: &Part, answer: &produce_response::PartitionProduceResponse) -> Result<Ack, Error> {
    let record_error =
        answer.record_errors.first().and_then(|error| error.batch_index_error_message.as_deref());
    let message = answer.error_message.as_deref().or(record_error);
    Error::check(answer.error_code, || part.partition.to_string(), message)?;
    Ok(Ack {
        base_offset: Some(Offset(answer.base_offset)).filter(|offset| offset.get() >= 0),
        log_append_time: Some(answer.log_append_time_ms).filter(|time| *time >= 0),
    })
}

fn hint(
    part: &Part,
    answer: &produce_response::PartitionProduceResponse,
    response: &ProduceResponse,
) -> Option<LeaderHint> {
    let leader = answer.current_leader.leader_id;
    if answer.error_code == 0 || leader.0 < 0 {
        return None;
    }
    let endpoint = response.node_endpoints.iter().find(|endpoint| endpoint.node_id == leader);
    let broker = endpoint.and_then(|endpoint| {
        Some(Broker {
            id: BrokerId(leader.0),
            host: (&*endpoint.host).into(),
            port: u16::try_from(endpoint.port).ok()?,
            rack: endpoint.rack.as_deref().map(Arc::from),
        })
    });
    Some(LeaderHint {
        topic: Arc::clone(&part.partition.topic),
        partition: PartitionIndex(answer.index),
        leader: BrokerId(leader.0),
        leader_epoch: LeaderEpoch(answer.current_leader.leader_epoch),
        broker,
    })
}

#[cfg(test)]
mod tests {
    use medallion_wire::kafka_protocol::protocol::StrBytes;
    use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use medallion_wire::messages::produce_response::{
        LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
    };
    use medallion_wire::messages::{BrokerId as WireBrokerId, TopicName, TransactionalId};
    use medallion_wire::types::Uuid;

    use super::*;

    fn part(topic: &str, partition: i32, id: u128, records: &[&'static [u8]]) -> Part {
        Part {
            partition: TopicPartition::new(topic, partition),
            topic_id: TopicId(Uuid::from_u128(id)),
            records: records.iter().map(|piece| Bytes::from_static(piece)).collect(),
        }
    }

    fn name(text: &'static str) -> TopicName {
        TopicName(StrBytes::from_static_str(text))
    }

    #[test]
    fn requests_are_those_of_the_crate_in_all_versions() {
        let big: &'static [u8] = &[7; 300];
        let parts =
            [part("a", 0, 1, &[b"header", b"body"]), part("b", 2, 2, &[big]), part("a", 1, 1, &[b"x"])];
        for version in 3..=13 {
            let topic = |text: &'static str, id: u128, data: &[(i32, &'static [u8])]| {
                let topic = TopicProduceData::default().with_partition_data(
                    data.iter()
                        .map(|(index, records)| {
                            PartitionProduceData::default()
                                .with_index(*index)
                                .with_records(Some(Bytes::from_static(records)))
                        })
                        .collect(),
                );
                if version >= 13 {
                    topic.with_topic_id(Uuid::from_u128(id))
                } else {
                    topic.with_name(name(text))
                }
            };
            let id = (version % 2 == 0).then_some("mover");
            let wire_id = id.map(|id| TransactionalId(StrBytes::from_static_str(id)));
            let request = ProduceRequest::default()
                .with_transactional_id(wire_id)
                .with_acks(-1)
                .with_timeout_ms(30_000)
                .with_topic_data(vec![
                    topic("a", 1, &[(0, b"headerbody"), (1, b"x")]),
                    topic("b", 2, &[(2, big)]),
                ]);
            let expected = Frame::encode(&request, version, "me").unwrap().into_bytes();
            let encoded = encode(&parts, id, -1, 30_000, version, "me").unwrap().into_bytes();
            assert_eq!(encoded, expected, "version {version}");
        }
    }

    #[test]
    fn answers_are_found_by_name_and_by_id() {
        let parts = [part("a", 0, 1, &[]), part("a", 1, 1, &[]), part("b", 0, 2, &[])];
        let answer = |index: i32, error: i16| {
            PartitionProduceResponse::default().with_index(index).with_error_code(error).with_base_offset(7)
        };
        let moved = answer(1, 6).with_current_leader(
            LeaderIdAndEpoch::default().with_leader_id(WireBrokerId(3)).with_leader_epoch(9),
        );
        let endpoint = NodeEndpoint::default()
            .with_node_id(WireBrokerId(3))
            .with_host(StrBytes::from_static_str("c"))
            .with_port(9092);
        for by_id in [false, true] {
            let topic =
                TopicProduceResponse::default().with_partition_responses(vec![answer(0, 0), moved.clone()]);
            let topic =
                if by_id { topic.with_topic_id(Uuid::from_u128(1)) } else { topic.with_name(name("a")) };
            let response = ProduceResponse::default()
                .with_responses(vec![topic])
                .with_node_endpoints(vec![endpoint.clone()]);
            let (outcomes, hints) = outcomes(&parts, &response);
            assert_eq!(outcomes[0].as_ref().unwrap().base_offset, Some(Offset(7)));
            assert!(outcomes[1].as_ref().unwrap_err().is_retriable());
            assert!(matches!(outcomes[2], Err(Error::Malformed { .. })), "nothing is said of b");
            assert_eq!(hints.len(), 1);
            assert_eq!((hints[0].leader, hints[0].leader_epoch), (BrokerId(3), LeaderEpoch(9)));
            assert_eq!(hints[0].broker.as_ref().map(|broker| broker.port), Some(9092));
        }
    }
}
