//! A cluster as seen from here: metadata, offsets, topics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use medallion_client::metadata::{Partition, Topic};
use medallion_client::{Admin, Error, Hooks};
use medallion_wire::messages::ApiKey;
use medallion_wire::{BrokerId, Offset, PartitionIndex, ResponseError, TopicPartition};

pub(crate) use medallion_client::admin::OffsetAt;

use super::{ClientError, Connect};

/// A topic to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewTopic {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions; the broker's default when `None`.
    pub(crate) partitions: Option<i32>,
    /// How many replicas of each; the broker's default when `None`.
    pub(crate) replication_factor: Option<i16>,
    /// The replicas of each partition, instead of the two numbers above.
    pub(crate) assignment: Vec<Vec<i32>>,
    /// The topic's own settings.
    pub(crate) configs: BTreeMap<String, String>,
}

/// The topics that were asked for, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    /// By name.
    pub(crate) topics: Vec<Arc<Topic>>,
}

impl Metadata {
    /// The topic of that name.
    pub(crate) fn topic(&self, name: &str) -> Result<&Arc<Topic>, ClientError> {
        let unknown = || ClientError::UnknownTopic { topic: name.to_owned() };
        self.topics.iter().find(|topic| &*topic.name == name).ok_or_else(unknown)
    }
}

/// A partition of a topic.
pub(crate) fn partition_of(topic: &Topic, index: PartitionIndex) -> Result<&Partition, ClientError> {
    topic.partition(index).ok_or_else(|| ClientError::UnknownPartition {
        topic: topic.name.to_string(),
        partition: index.get(),
        count: topic.partitions.len(),
    })
}

/// How long brokers took to answer produce requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Latencies(Arc<Mutex<Vec<Duration>>>);

impl Latencies {
    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Hooks for Latencies {
    fn on_answer(&self, _: &str, api: ApiKey, _: usize, took: Duration) {
        if api == ApiKey::Produce {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
    }
}

/// A cluster that has answered once.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(super) client: medallion_client::Client,
    pub(super) admin: Admin,
    pub(super) latencies: Latencies,
}

impl Client {
    /// Connects to the first of the addresses that answers. Fails at once where none does.
    pub(crate) async fn connect(connect: &Connect) -> Result<Self, ClientError> {
        let latencies = Latencies::default();
        let builder = medallion_client::Client::builder(connect.settings().clone());
        let client = builder.hooks(latencies.clone()).build()?;
        client.check().await?;
        Ok(Self { admin: Admin::new(&client), client, latencies })
    }

    /// Whether the cluster knows of a broker.
    pub(crate) async fn has_brokers(&self) -> bool {
        self.admin.describe_cluster().await.is_ok_and(|cluster| !cluster.brokers.is_empty())
    }

    /// The named topics, or all topics. Names that the cluster does not know are left out.
    pub(crate) async fn metadata(&self, topics: Option<&[&str]>) -> Result<Metadata, ClientError> {
        let topics: Vec<Arc<Topic>> = match topics {
            None => self.admin.list_topics().await?.into_values().collect(),
            Some(names) => {
                let mut found = Vec::new();
                for (name, topic) in self.admin.describe_topics(names).await? {
                    match topic {
                        Ok(topic) => found.push(topic),
                        Err(error) if is_missing(&error) => {}
                        Err(error) => return Err(ClientError::about(error, format!("topic {name}"))),
                    }
                }
                found
            }
        };
        Ok(Metadata { topics })
    }

    /// One offset for each of the partitions; `None` where no record is that late. A leader that is being chosen is
    /// waited for. With `is_stable`, open transactions end a partition.
    pub(crate) async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        is_stable: bool,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), at)).collect();
        let listed = if is_stable {
            self.admin.list_stable_offsets(&asked).await?
        } else {
            self.admin.list_offsets(&asked).await?
        };
        let mut found = BTreeMap::new();
        for (partition, listed) in listed {
            let listed = listed.map_err(|error| ClientError::about(error, partition.to_string()))?;
            found.insert(partition, listed.offset);
        }
        Ok(found)
    }

    /// Makes a topic, or only checks that it could be made.
    pub(crate) async fn create_topic(
        &self,
        topic: &NewTopic,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let ids = |ids: &Vec<i32>| ids.iter().copied().map(BrokerId).collect();
        let wanted = medallion_client::NewTopic {
            name: topic.name.clone(),
            partitions: topic.partitions.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            assignments: topic.assignment.iter().map(ids).collect(),
            configs: topic.configs.clone(),
        };
        let each = if validate_only {
            self.admin.validate_topics(&[wanted]).await?
        } else {
            self.admin.create_topics(&[wanted]).await?
        };
        only(each).map(drop).map_err(|error| ClientError::about(error, format!("topic {}", topic.name)))
    }

    /// Removes a topic.
    pub(crate) async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        let each = self.admin.delete_topics(&[name]).await?;
        only(each).map_err(|error| ClientError::about(error, format!("topic {name}")))
    }

    /// Gives a topic more partitions; `count` is how many it has then.
    pub(crate) async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let each = if validate_only {
            self.admin.validate_partitions(&[(topic, count)]).await?
        } else {
            self.admin.create_partitions(&[(topic, count)]).await?
        };
        only(each).map_err(|error| ClientError::about(error, format!("topic {topic}")))
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error.code(), Some(ResponseError::UnknownTopicOrPartition | ResponseError::LeaderNotAvailable))
}

/// The outcome of the only thing that was asked for.
pub(super) fn only<K, V>(each: BTreeMap<K, Result<V, Error>>) -> Result<V, Error> {
    let nothing = || Err(Error::Closed { what: "answer" });
    each.into_values().next().unwrap_or_else(nothing)
}
