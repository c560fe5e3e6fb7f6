//! Where partitions lie: reassignments, elections, folders.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use medallion_wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use medallion_wire::messages::{
    AlterPartitionReassignmentsRequest, BrokerId as WireBrokerId, DescribeLogDirsRequest,
    DescribeLogDirsResponse, ElectLeadersRequest, ListPartitionReassignmentsRequest,
    describe_log_dirs_response, elect_leaders_request,
};
use medallion_wire::{BrokerId, ResponseError, TopicPartition};

use super::ask::{ask_each_broker, by_topic};
use super::{Admin, Asked, Each, outcome, topic_name};
use crate::error::Error;

/// A partition on its way to other brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reassignment {
    /// Who holds it, those that are added and removed included.
    pub replicas: Vec<BrokerId>,
    /// Who is added.
    pub adding: Vec<BrokerId>,
    /// Who is removed.
    pub removing: Vec<BrokerId>,
}

/// Who may become leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElectionType {
    /// The first replica, where it is in sync.
    Preferred,
    /// Any replica that lives, though records may be lost by it.
    Unclean,
}

/// A folder of a broker's, from `log.dirs`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogDir {
    /// What lies in it.
    pub replicas: BTreeMap<TopicPartition, ReplicaInfo>,
    /// The size of its volume in bytes; `None` from brokers before 3.3.
    pub total_bytes: Option<u64>,
    /// How many bytes may still be used there; `None` from brokers before 3.3.
    pub usable_bytes: Option<u64>,
}

/// A replica in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaInfo {
    /// Its size on disk.
    pub bytes: u64,
    /// How many offsets it is behind.
    pub offset_lag: i64,
    /// Whether it is being moved to this folder, and will replace another.
    pub is_future: bool,
}

impl Admin {
    /// Moves partitions to other brokers, the preferred leader first; `None` ends a move that is under way.
    ///
    /// # Errors
    /// Where the controller does not answer within `default.api.timeout.ms`, or refuses the whole call.
    pub async fn alter_partition_reassignments(
        &self,
        reassignments: &BTreeMap<TopicPartition, Option<Vec<BrokerId>>>,
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
        for (partition, replicas) in reassignments {
            let ids = |ids: &Vec<BrokerId>| ids.iter().map(|id| WireBrokerId(id.get())).collect();
            topics.entry(&partition.topic).or_default().push(
                ReassignablePartition::default()
                    .with_partition_index(partition.partition.get())
                    .with_replicas(replicas.as_ref().map(ids)),
            );
        }
        let topic = |(name, partitions)| {
            ReassignableTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        };
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(self.timeout_ms())
            .with_topics(topics.into_iter().map(topic).collect());
        let response = self.ask(Asked::Controller, request).await?;
        let message = response.error_message.as_ref();
        outcome(response.error_code, "reassignments", message, ())?;
        let mut each = Each::new();
        for topic in &response.responses {
            for one in &topic.partitions {
                let partition = TopicPartition::new(topic.name.as_str(), one.partition_index);
                let message = one.error_message.as_ref();
                let altered = outcome(one.error_code, &partition.to_string(), message, ());
                each.insert(partition, altered);
            }
        }
        Ok(each)
    }

    /// The partitions on their way to other brokers: of these, or with `None` of all. One that does not move is not there.
    ///
    /// # Errors
    /// Where the controller does not answer within `default.api.timeout.ms`, or does not know a partition.
    pub async fn list_partition_reassignments(
        &self,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, Reassignment>, Error> {
        let topic = |(name, indexes): (Arc<str>, _)| {
            ListPartitionReassignmentsTopics::default()
                .with_name(topic_name(&name))
                .with_partition_indexes(indexes)
        };
        let request = ListPartitionReassignmentsRequest::default()
            .with_timeout_ms(self.timeout_ms())
            .with_topics(partitions.map(|partitions| by_topic(partitions).into_iter().map(topic).collect()));
        let response = self.ask(Asked::Controller, request).await?;
        let message = response.error_message.as_ref();
        let topics = outcome(response.error_code, "reassignments", message, response.topics)?;
        let ids = |ids: &[WireBrokerId]| ids.iter().map(|id| BrokerId(id.0)).collect();
        let mut moving = BTreeMap::new();
        for topic in &topics {
            for one in &topic.partitions {
                let reassignment = Reassignment {
                    replicas: ids(&one.replicas),
                    adding: ids(&one.adding_replicas),
                    removing: ids(&one.removing_replicas),
                };
                moving.insert(TopicPartition::new(topic.name.as_str(), one.partition_index), reassignment);
            }
        }
        Ok(moving)
    }

    /// Elects leaders: of these partitions, or with `None` of all. One whose leader is as it should be fails with
    /// `ELECTION_NOT_NEEDED` where it was named, and is not there where all were meant.
    ///
    /// # Errors
    /// Where the controller does not answer within `default.api.timeout.ms`, or refuses the whole call.
    pub async fn elect_leaders(
        &self,
        election: ElectionType,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let topic = |(name, indexes): (Arc<str>, _)| {
            elect_leaders_request::TopicPartitions::default()
                .with_topic(topic_name(&name))
                .with_partitions(indexes)
        };
        let request = ElectLeadersRequest::default()
            .with_election_type(match election {
                ElectionType::Preferred => 0,
                ElectionType::Unclean => 1,
            })
            .with_topic_partitions(
                partitions.map(|partitions| by_topic(partitions).into_iter().map(topic).collect()),
            )
            .with_timeout_ms(self.timeout_ms());
        let response = self.ask(Asked::Controller, request).await?;
        outcome(response.error_code, "elections", None, ())?;
        let not_needed = ResponseError::ElectionNotNeeded.code();
        let mut each = Each::new();
        for topic in &response.replica_election_results {
            for one in &topic.partition_result {
                if partitions.is_none() && one.error_code == not_needed {
                    continue;
                }
                let partition = TopicPartition::new(topic.topic.as_str(), one.partition_id);
                let elected = outcome(one.error_code, &partition.to_string(), one.error_message.as_ref(), ());
                each.insert(partition, elected);
            }
        }
        Ok(each)
    }

    /// The folders of brokers with what lies in them.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_log_dirs(
        &self,
        brokers: &[BrokerId],
    ) -> Result<Each<BrokerId, Each<String, LogDir>>, Error> {
        let question = || DescribeLogDirsRequest::default().with_topics(None);
        ask_each_broker(&self.client, brokers.to_vec(), question, log_dirs).await
    }
}

fn log_dirs(broker: BrokerId, response: DescribeLogDirsResponse) -> Result<Each<String, LogDir>, Error> {
    outcome(response.error_code, &format!("folders of broker {broker}"), None, ())?;
    let each = response.results.iter().map(|dir| {
        let path = dir.log_dir.to_string();
        let described = outcome(dir.error_code, &format!("{path} of broker {broker}"), None, log_dir(dir));
        (path, described)
    });
    Ok(each.collect())
}

fn log_dir(dir: &describe_log_dirs_response::DescribeLogDirsResult) -> LogDir {
    let mut replicas = BTreeMap::new();
    for topic in &dir.topics {
        for one in &topic.partitions {
            let info = ReplicaInfo {
                bytes: u64::try_from(one.partition_size).unwrap_or(0),
                offset_lag: one.offset_lag,
                is_future: one.is_future_key,
            };
            replicas.insert(TopicPartition::new(topic.name.as_str(), one.partition_index), info);
        }
    }
    let (total_bytes, usable_bytes) =
        (u64::try_from(dir.total_bytes).ok(), u64::try_from(dir.usable_bytes).ok());
    LogDir { replicas, total_bytes, usable_bytes }
}
