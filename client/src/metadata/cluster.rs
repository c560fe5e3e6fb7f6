//! The picture of a cluster at one time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use medallion_wire::messages::MetadataResponse;
use medallion_wire::{BrokerId, LeaderEpoch, PartitionIndex, ResponseError, TopicId};

use super::merge::merge;

/// Brokers and topics as they were told last. Only topics that this client uses are in it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Cluster {
    /// The cluster's id; `None` until a broker has told it.
    pub id: Option<Arc<str>>,
    /// The broker that takes changes of topics and settings; with KRaft any broker, which forwards them.
    pub controller: Option<BrokerId>,
    /// The brokers that live.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// The topics by name.
    pub topics: HashMap<Arc<str>, Arc<Topic>>,
}

/// A broker, as clients reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broker {
    /// `node.id`.
    pub id: BrokerId,
    /// Its advertised host.
    pub host: Arc<str>,
    /// Its advertised port.
    pub port: u16,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; [`TopicId::NONE`] from brokers before 2.8.
    pub id: TopicId,
    /// Whether it is Kafka's own, as `__consumer_offsets`.
    pub is_internal: bool,
    /// Its partitions, in order from 0.
    pub partitions: Vec<Partition>,
    /// Why nothing, or nothing newer, is known.
    pub error: Option<ResponseError>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Partition {
    /// Its index.
    pub index: PartitionIndex,
    /// Who leads it; `None` while nobody does.
    pub leader: Option<BrokerId>,
    /// The number of this leadership; [`LeaderEpoch::NONE`] from brokers before 2.1.
    pub leader_epoch: LeaderEpoch,
    /// Who holds it, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Who holds all of it.
    pub in_sync_replicas: Vec<BrokerId>,
    /// Who should hold it and cannot now.
    pub offline_replicas: Vec<BrokerId>,
}

impl Cluster {
    /// What `response` alone says.
    pub(crate) fn of(response: &MetadataResponse) -> Self {
        merge(&Self::default(), response)
    }

    /// The topic `name`, where something is known of it.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        if id.is_none() { None } else { self.topics.values().find(|topic| topic.id == id) }
    }

    /// The partition `index` of the topic `name`.
    pub fn partition(&self, name: &str, index: PartitionIndex) -> Option<&Partition> {
        self.topic(name)?.partition(index)
    }

    /// The racks of the brokers that hold `partition`, as far as these live and have one.
    pub(crate) fn racks(&self, partition: &Partition) -> BTreeSet<Arc<str>> {
        let brokers = partition.replicas.iter().filter_map(|id| self.brokers.get(id));
        brokers.filter_map(|broker| broker.rack.clone()).filter(|rack| !rack.is_empty()).collect()
    }
}

impl Topic {
    /// The partition `index`.
    pub fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index.get()).ok()?)
    }

    /// Whether records can go to it: it exists.
    pub fn is_known(&self) -> bool {
        !self.partitions.is_empty()
    }
}
