//! Requests of the machine as the protocol has them, and answers back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use medallion_wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use medallion_wire::messages::{
    BrokerId as WireBrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName,
};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ResponseError, TopicId, TopicPartition};

use super::decode::split;
use super::fetcher::{FetchAnswer, PartitionAnswer, Question, SessionRequest, Watermarks};
use super::position::{Place, Position};
use crate::config::{ConsumerSettings, IsolationLevel};
use crate::error::Error;
use crate::metadata::{Broker, LeaderHint};

/// From this version on a fetch names topics by their ids (KIP-516).
pub(super) const TOPIC_IDS_FROM: i16 = 13;
/// The consumer's number among replicas.
const NO_REPLICA: WireBrokerId = WireBrokerId(-1);

/// What an answer can be read with once its request is gone.
#[derive(Debug)]
pub(super) struct Sent {
    names: BTreeMap<TopicId, Arc<str>>,
    isolation_level: IsolationLevel,
}

/// A fetch.
pub(super) fn fetch(
    session: SessionRequest,
    bytes_max: i32,
    max_wait: Duration,
    settings: &ConsumerSettings,
    rack: Option<&str>,
) -> (FetchRequest, Sent) {
    let mut topics: BTreeMap<(TopicId, Arc<str>), Vec<FetchPartition>> = BTreeMap::new();
    for (partition, asked) in &session.partitions {
        topics.entry((asked.topic_id, Arc::clone(&partition.topic))).or_default().push(
            FetchPartition::default()
                .with_partition(partition.partition.get())
                .with_current_leader_epoch(asked.current_leader_epoch.get())
                .with_fetch_offset(asked.offset.get())
                .with_partition_max_bytes(i32::try_from(asked.bytes_max).unwrap_or(i32::MAX)),
        );
    }
    let mut forgotten: BTreeMap<(TopicId, Arc<str>), Vec<i32>> = BTreeMap::new();
    for (partition, id) in &session.forgotten {
        forgotten.entry((*id, Arc::clone(&partition.topic))).or_default().push(partition.partition.get());
    }
    let topic = |((id, name), partitions): ((TopicId, Arc<str>), _)| {
        FetchTopic::default().with_topic(topic_name(&name)).with_topic_id(id.0).with_partitions(partitions)
    };
    let forget = |((id, name), partitions): ((TopicId, Arc<str>), _)| {
        ForgottenTopic::default()
            .with_topic(topic_name(&name))
            .with_topic_id(id.0)
            .with_partitions(partitions)
    };
    let request = FetchRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_max_wait_ms(i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(settings.fetch_min_bytes)
        .with_max_bytes(bytes_max)
        .with_isolation_level(settings.isolation_level.code())
        .with_session_id(session.session_id)
        .with_session_epoch(session.session_epoch)
        .with_rack_id(StrBytes::from_string(rack.unwrap_or_default().to_owned()))
        .with_topics(topics.into_iter().map(topic).collect())
        .with_forgotten_topics_data(forgotten.into_iter().map(forget).collect());
    (request, Sent { names: session.names, isolation_level: settings.isolation_level })
}

/// What a broker has answered, and the leaders that it names (KIP-951).
pub(super) fn fetched(sent: &Sent, response: FetchResponse) -> (FetchAnswer, Vec<LeaderHint>) {
    let (mut partitions, mut hints) = (Vec::new(), Vec::new());
    let endpoints = response.node_endpoints;
    for topic in response.responses {
        let Some(name) = topic_of(sent, &topic) else { continue };
        for data in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), data.partition_index);
            let leader = &data.current_leader;
            if data.error_code != 0 && leader.leader_id.0 >= 0 {
                let endpoint = endpoints.iter().find(|endpoint| endpoint.node_id == leader.leader_id);
                let broker = endpoint.and_then(|endpoint| {
                    Some(Broker {
                        id: BrokerId(endpoint.node_id.0),
                        host: (&*endpoint.host).into(),
                        port: u16::try_from(endpoint.port).ok()?,
                        rack: endpoint.rack.as_deref().map(Arc::from),
                    })
                });
                hints.push(LeaderHint {
                    topic: Arc::clone(&name),
                    partition: PartitionIndex(data.partition_index),
                    leader: BrokerId(leader.leader_id.0),
                    leader_epoch: LeaderEpoch(leader.leader_epoch),
                    broker,
                });
            }
            let answer = partition_answer(sent, &partition, data);
            partitions.push((partition, answer));
        }
    }
    let error = ResponseError::try_from_code(response.error_code);
    (FetchAnswer { error, session_id: response.session_id, partitions }, hints)
}

/// The name of an answer's topic; what nobody asked for has none.
fn topic_of(sent: &Sent, topic: &FetchableTopicResponse) -> Option<Arc<str>> {
    if topic.topic.is_empty() {
        return sent.names.get(&TopicId(topic.topic_id)).cloned();
    }
    let known = sent.names.values().find(|name| ***name == **topic.topic);
    known.cloned()
}

fn partition_answer(sent: &Sent, partition: &TopicPartition, data: PartitionData) -> PartitionAnswer {
    let error = ResponseError::try_from_code(data.error_code);
    let aborted = match sent.isolation_level {
        IsolationLevel::ReadCommitted => Some(data.aborted_transactions.unwrap_or_default()),
        IsolationLevel::ReadUncommitted => None,
    };
    let items = match data.records {
        Some(records) if error.is_none() => split(partition, records, aborted.as_deref()),
        _ => Vec::new(),
    };
    PartitionAnswer {
        error,
        watermarks: Watermarks {
            high_watermark: known(data.high_watermark),
            last_stable_offset: known(data.last_stable_offset),
            log_start_offset: known(data.log_start_offset),
        },
        preferred: Some(BrokerId(data.preferred_read_replica.0)).filter(|id| id.get() >= 0),
        items,
    }
}

/// A request that ends a session.
pub(super) fn close_session(session_id: i32) -> FetchRequest {
    const FINAL_EPOCH: i32 = -1;
    FetchRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_session_id(session_id)
        .with_session_epoch(FINAL_EPOCH)
}

/// A question for places; `now_ms` is the wall clock's time.
pub(super) fn list_offsets(
    questions: &[Question<Place>],
    isolation_level: IsolationLevel,
    timeout: Duration,
    now_ms: i64,
) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for question in questions {
        let timestamp = match question.about {
            Place::Latest => -1,
            Place::Earliest => -2,
            Place::Before(age) => {
                now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)).max(0)
            }
        };
        topics.entry(&question.partition.topic).or_default().push(
            ListOffsetsPartition::default()
                .with_partition_index(question.partition.partition.get())
                .with_current_leader_epoch(question.current_leader_epoch.get())
                .with_timestamp(timestamp),
        );
    }
    let topic = |(name, partitions)| {
        ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
    };
    ListOffsetsRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_isolation_level(isolation_level.code())
        .with_timeout_ms(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
        .with_topics(topics.into_iter().map(topic).collect())
}

/// The place of one partition.
pub(super) fn place(
    partition: &TopicPartition,
    response: &ListOffsetsResponse,
) -> Result<Option<Position>, Error> {
    let topic = response.topics.iter().find(|topic| **topic.name == *partition.topic);
    let found = topic.and_then(|topic| {
        topic.partitions.iter().find(|one| one.partition_index == partition.partition.get())
    });
    let found = found.ok_or_else(|| unanswered("ListOffsets", partition))?;
    Error::check(found.error_code, || partition.to_string(), None)?;
    let leader_epoch = Some(LeaderEpoch(found.leader_epoch)).filter(|epoch| *epoch > LeaderEpoch::NONE);
    Ok(known(found.offset).map(|offset| Position { offset, leader_epoch }))
}

/// A question for the ends of epochs.
pub(super) fn epoch_ends(questions: &[Question<LeaderEpoch>]) -> OffsetForLeaderEpochRequest {
    let mut topics: BTreeMap<&str, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
    for question in questions {
        topics.entry(&question.partition.topic).or_default().push(
            OffsetForLeaderPartition::default()
                .with_partition(question.partition.partition.get())
                .with_current_leader_epoch(question.current_leader_epoch.get())
                .with_leader_epoch(question.about.get()),
        );
    }
    let topic = |(name, partitions)| {
        OffsetForLeaderTopic::default().with_topic(topic_name(name)).with_partitions(partitions)
    };
    OffsetForLeaderEpochRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_topics(topics.into_iter().map(topic).collect())
}

/// Where the epoch of one partition ends.
pub(super) fn epoch_end(
    partition: &TopicPartition,
    response: &OffsetForLeaderEpochResponse,
) -> Result<Option<Position>, Error> {
    let topic = response.topics.iter().find(|topic| **topic.topic == *partition.topic);
    let found = topic
        .and_then(|topic| topic.partitions.iter().find(|one| one.partition == partition.partition.get()));
    let found = found.ok_or_else(|| unanswered("OffsetForLeaderEpoch", partition))?;
    Error::check(found.error_code, || partition.to_string(), None)?;
    let leader_epoch = Some(LeaderEpoch(found.leader_epoch)).filter(|epoch| *epoch > LeaderEpoch::NONE);
    let offset = known(found.end_offset);
    Ok(leader_epoch.and(offset).map(|offset| Position { offset, leader_epoch }))
}

/// An offset as answers have it; `None` for -1.
fn known(offset: i64) -> Option<Offset> {
    Some(Offset(offset)).filter(|offset| offset.get() >= 0)
}

fn unanswered(api: &str, partition: &TopicPartition) -> Error {
    Error::malformed(format!("the answer to {api}"), format!("{partition} is not in it"))
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}
