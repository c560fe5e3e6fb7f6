//! What leaders know of their partitions: who writes to them; and their records' end.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use medallion_wire::messages::describe_producers_request::TopicRequest;
use medallion_wire::messages::describe_producers_response;
use medallion_wire::messages::{DeleteRecordsRequest, DescribeProducersRequest};
use medallion_wire::{Offset, ProducerEpoch, ProducerId, TopicPartition};

use super::ask::{ask_leaders, by_topic};
use super::{Admin, Each, outcome, topic_name};
use crate::error::Error;

/// A producer with sequence numbers, as a partition's leader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerState {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence number of its last record; `None` where it has only ended transactions.
    pub last_sequence: Option<i32>,
    /// The timestamp of its last record (milliseconds since 1970).
    pub last_timestamp: Option<i64>,
    /// The epoch of the coordinator that ended its last transaction here.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction begins.
    pub transaction_start_offset: Option<Offset>,
}

impl ProducerState {
    fn of_wire(state: &describe_producers_response::ProducerState) -> Self {
        Self {
            id: ProducerId(state.producer_id.0),
            epoch: ProducerEpoch(i16::try_from(state.producer_epoch).unwrap_or(i16::MAX)),
            last_sequence: Some(state.last_sequence).filter(|sequence| *sequence >= 0),
            last_timestamp: Some(state.last_timestamp).filter(|timestamp| *timestamp >= 0),
            coordinator_epoch: Some(state.coordinator_epoch).filter(|epoch| *epoch >= 0),
            transaction_start_offset: Some(Offset(state.current_txn_start_offset))
                .filter(|offset| offset.get() >= 0),
        }
    }
}

impl Admin {
    /// The producers that partitions' leaders remember.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Each<TopicPartition, Vec<ProducerState>>, Error> {
        let question = |partitions: &[TopicPartition]| {
            let topic = |(name, indexes): (Arc<str>, _)| {
                TopicRequest::default().with_name(topic_name(&name)).with_partition_indexes(indexes)
            };
            let topics = by_topic(partitions).into_iter().map(topic).collect();
            DescribeProducersRequest::default().with_topics(topics)
        };
        ask_leaders(&self.client, partitions.to_vec(), question, |response| {
            let mut each = Each::new();
            for topic in &response.topics {
                for one in &topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), one.partition_index);
                    let producers = one.active_producers.iter().map(ProducerState::of_wire).collect();
                    let message = one.error_message.as_ref();
                    let described = outcome(one.error_code, &partition.to_string(), message, producers);
                    each.insert(partition, described);
                }
            }
            each
        })
        .await
    }

    /// Removes the records before these offsets; gives the first offset that is left. `Offset(-1)` removes all that followers have.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<Each<TopicPartition, Offset>, Error> {
        let timeout_ms = self.timeout_ms();
        let question = |partitions: &[TopicPartition]| {
            let mut topics: BTreeMap<&str, Vec<DeleteRecordsPartition>> = BTreeMap::new();
            for partition in partitions {
                let offset = before.get(partition).copied().unwrap_or_default();
                topics.entry(&partition.topic).or_default().push(
                    DeleteRecordsPartition::default()
                        .with_partition_index(partition.partition.get())
                        .with_offset(offset.get()),
                );
            }
            let topic = |(name, partitions)| {
                DeleteRecordsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
            };
            DeleteRecordsRequest::default()
                .with_topics(topics.into_iter().map(topic).collect())
                .with_timeout_ms(timeout_ms)
        };
        ask_leaders(&self.client, before.keys().cloned().collect(), question, |response| {
            let mut each = Each::new();
            for topic in &response.topics {
                for one in &topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), one.partition_index);
                    let start = Offset(one.low_watermark);
                    let removed = outcome(one.error_code, &partition.to_string(), None, start);
                    each.insert(partition, removed);
                }
            }
            each
        })
        .await
    }
}
