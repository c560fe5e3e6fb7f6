//! Offsets of partitions: first, last, by time.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::{BrokerId as WireBrokerId, ListOffsetsRequest};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, ResponseError, TopicPartition};

use super::{Admin, Each, outcome, topic_name};
use crate::client::Client;
use crate::config::IsolationLevel;
use crate::error::Error;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OffsetAt {
    /// The first record's.
    Earliest,
    /// The one that the next record gets (with `read_committed`: the last stable offset).
    Latest,
    /// The first record's with a timestamp not below this (milliseconds since 1970).
    Time(i64),
    /// The record's with the highest timestamp (KIP-734).
    MaxTimestamp,
}

impl OffsetAt {
    const fn to_wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Time(timestamp) => timestamp,
        }
    }
}

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOffset {
    /// The offset; `None` where no record is late enough.
    pub offset: Option<Offset>,
    /// The record's timestamp, where the question was about one.
    pub timestamp: Option<i64>,
    /// The epoch of the leader that answered, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Admin {
    /// Offsets of partitions, each asked of its leader; another leader is looked for within `default.api.timeout.ms`.
    ///
    /// # Errors
    /// Where the leaders do not answer, or a topic's leaders are not known, in that time.
    pub async fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetAt)],
    ) -> Result<Each<TopicPartition, ListedOffset>, Error> {
        list(&self.client, partitions.to_vec(), IsolationLevel::ReadUncommitted).await
    }

    /// The same as consumers with `read_committed` see them: the end is the last stable offset.
    ///
    /// # Errors
    /// Those of [`Admin::list_offsets`].
    pub async fn list_stable_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetAt)],
    ) -> Result<Each<TopicPartition, ListedOffset>, Error> {
        list(&self.client, partitions.to_vec(), IsolationLevel::ReadCommitted).await
    }
}

/// Offsets as a consumer of this isolation level sees them.
pub(crate) async fn list(
    client: &Client,
    partitions: Vec<(TopicPartition, OffsetAt)>,
    isolation_level: IsolationLevel,
) -> Result<Each<TopicPartition, ListedOffset>, Error> {
    for (partition, _) in &partitions {
        client.metadata().use_topic(&partition.topic);
    }
    let (asking, asked) = (client.clone(), Arc::new(partitions));
    client.retry(move || list_once(asking.clone(), Arc::clone(&asked), isolation_level)).await
}

type Asked = Arc<Vec<(TopicPartition, OffsetAt)>>;

/// Asks all leaders once. An error that another attempt may mend is that of the whole attempt.
async fn list_once(
    client: Client,
    asked: Asked,
    isolation_level: IsolationLevel,
) -> Result<Each<TopicPartition, ListedOffset>, Error> {
    let mut by_leader: BTreeMap<BrokerId, Vec<(&TopicPartition, OffsetAt, LeaderEpoch)>> = BTreeMap::new();
    let mut each = Each::new();
    for (partition, at) in asked.iter() {
        let topic = client.topic(&partition.topic).await?;
        let Some(known) = topic.partition(partition.partition) else {
            let count = topic.partitions.len();
            each.insert(
                partition.clone(),
                Err(Error::UnknownPartition { partition: partition.clone(), count }),
            );
            continue;
        };
        let code = ResponseError::LeaderNotAvailable.code();
        let Some(leader) = known.leader else { return Err(unavailable(code, partition)) };
        by_leader.entry(leader).or_default().push((partition, *at, known.leader_epoch));
    }
    for (leader, partitions) in by_leader {
        let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for (partition, at, epoch) in partitions {
            topics.entry(&partition.topic).or_default().push(
                ListOffsetsPartition::default()
                    .with_partition_index(partition.partition.get())
                    .with_current_leader_epoch(epoch.get())
                    .with_timestamp(at.to_wire()),
            );
        }
        let topic = |(name, partitions)| {
            ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        };
        let request = ListOffsetsRequest::default()
            .with_replica_id(WireBrokerId(-1))
            .with_isolation_level(isolation_level.code())
            .with_topics(topics.into_iter().map(topic).collect());
        let response = client.call_broker(leader, request).await?;
        for topic in response.topics {
            let name: Arc<str> = topic.name.as_str().into();
            for found in topic.partitions {
                let partition = TopicPartition::new(Arc::clone(&name), found.partition_index);
                let listed = ListedOffset {
                    offset: Some(Offset(found.offset)).filter(|offset| offset.get() >= 0),
                    timestamp: Some(found.timestamp).filter(|timestamp| *timestamp >= 0),
                    leader_epoch: Some(LeaderEpoch(found.leader_epoch)).filter(|epoch| epoch.get() >= 0),
                };
                match outcome(found.error_code, &partition.to_string(), None, listed) {
                    Err(error) if error.is_retriable() => return Err(error),
                    listed => each.insert(partition, listed),
                };
            }
        }
    }
    Ok(each)
}

fn unavailable(code: i16, partition: &TopicPartition) -> Error {
    let nobody = Error::check(code, || partition.to_string(), None);
    nobody.err().unwrap_or(Error::Closed { what: "partition" })
}
