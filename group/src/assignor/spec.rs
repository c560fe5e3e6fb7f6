//! What an assignor looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicId;

use crate::ids::MemberId;

/// Partitions by topic. No topic is there without a partition.
pub type Assignment = BTreeMap<TopicId, BTreeSet<i32>>;

/// A group and its topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupSpec {
    /// The members, in the order of their ids.
    pub members: Vec<MemberSpec>,
    /// The topics that members subscribe to; others do not exist.
    pub topics: BTreeMap<TopicId, TopicSpec>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpec {
    /// Its id.
    pub id: MemberId,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack: Option<Arc<str>>,
    /// What it subscribes to; a topic that is not in [`GroupSpec::topics`] counts as not there.
    pub topics: Arc<BTreeSet<TopicId>>,
    /// What it was to have until now.
    pub assigned: Assignment,
}

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSpec {
    /// How many partitions it has.
    pub partitions: i32,
    /// The racks of each partition's replicas; empty where brokers have no racks.
    pub racks: Vec<Vec<Arc<str>>>,
}

impl GroupSpec {
    /// Whether all members subscribe to the same topics.
    pub fn is_homogeneous(&self) -> bool {
        let mut members = self.members.iter();
        let Some(first) = members.next() else { return true };
        members.all(|member| Arc::ptr_eq(&member.topics, &first.topics) || member.topics == first.topics)
    }

    /// How much there is to assign: members and partitions.
    pub fn size(&self) -> usize {
        let partitions = self.topics.values().map(|topic| usize::try_from(topic.partitions).unwrap_or(0));
        partitions.sum::<usize>() + self.members.len()
    }

    /// Whether a partition has a replica in the member's rack.
    pub(super) fn is_near(&self, member: &MemberSpec, partition: (TopicId, i32)) -> bool {
        member.rack.as_ref().is_some_and(|rack| self.racks_of(partition).contains(rack))
    }

    /// The racks of a partition's replicas.
    pub(super) fn racks_of(&self, (topic, partition): (TopicId, i32)) -> &[Arc<str>] {
        let racks =
            self.topics.get(&topic).and_then(|topic| topic.racks.get(usize::try_from(partition).ok()?));
        racks.map_or(&[], Vec::as_slice)
    }

    /// Whether racks can make a difference.
    pub(super) fn has_racks(&self) -> bool {
        self.members.iter().any(|member| member.rack.is_some())
            && self.topics.values().any(|topic| !topic.racks.is_empty())
    }
}
