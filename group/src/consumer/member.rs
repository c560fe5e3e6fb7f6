//! One member of a consumer group: what it has said, and what it has been given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicId;

use crate::assignor::Assignment;
use crate::classic::ClassicProtocol;
use crate::ids::{InstanceId, MemberId};

/// Partitions by topic, each with the member epoch in which it was given.
pub type PartitionEpochs = BTreeMap<TopicId, BTreeMap<i32, i32>>;
/// A set of topics' names, shared between a member's versions.
pub(super) type TopicNames = Arc<BTreeSet<Arc<str>>>;

/// The epoch of a member whose records are being taken away, and of one that leaves.
pub(super) const LEAVING_EPOCH: i32 = -1;
/// The epoch of a static member that has left for now (KIP-848).
pub(super) const STATIC_LEAVING_EPOCH: i32 = -2;

/// Where a member stands on its way to its target. Kafka: `MemberState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// It has what its epoch gives it.
    Stable,
    /// It must give up partitions before it goes on.
    UnrevokedPartitions,
    /// It waits for partitions that others have not given up.
    UnreleasedPartitions,
    /// A state of a later version of Kafka.
    Unknown,
}

impl MemberState {
    /// The state in records.
    pub fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    /// Reads [`MemberState::code`].
    pub fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// What a member that speaks the classic protocol says beside its subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicPart {
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it can assign by, the one it likes best first; never empty.
    pub protocols: Vec<ClassicProtocol>,
}

/// A member. What it says and what it is given are records of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its id.
    pub id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<InstanceId>,
    /// Where it is.
    pub rack: Option<Arc<str>>,
    /// The client's `client.id`.
    pub client_id: Arc<str>,
    /// The client's address as Kafka shows it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// The topics that it names.
    pub topics: TopicNames,
    /// The topics that it describes; empty for none.
    pub regex: Arc<str>,
    /// How long it may take to give up partitions; negative while unknown.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it likes best.
    pub assignor: Option<Arc<str>>,
    /// Set for one that speaks the classic protocol.
    pub classic: Option<ClassicPart>,
    /// The epoch of the target that it has reached.
    pub epoch: i32,
    /// The epoch before.
    pub previous_epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// What it owns, or is told to own.
    pub assigned: PartitionEpochs,
    /// What it must give up.
    pub revoking: PartitionEpochs,
}

impl ConsumerMember {
    /// A member that has said nothing.
    pub fn new(id: MemberId) -> Self {
        Self {
            id,
            instance_id: None,
            rack: None,
            client_id: Arc::from(""),
            client_host: Arc::from(""),
            topics: TopicNames::default(),
            regex: Arc::from(""),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
            epoch: 0,
            previous_epoch: LEAVING_EPOCH,
            state: MemberState::Stable,
            assigned: PartitionEpochs::new(),
            revoking: PartitionEpochs::new(),
        }
    }

    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.classic.is_some()
    }

    /// What it describes its topics by.
    pub fn regex(&self) -> Option<&Arc<str>> {
        Some(&self.regex).filter(|regex| !regex.is_empty())
    }

    /// Whether it has all that the target of an epoch gives it.
    pub fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// Goes on to an epoch; the one before is remembered for requests that are repeated.
    pub(super) fn enter_epoch(&mut self, epoch: i32) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    /// Every partition that nobody else may have.
    pub(super) fn held(&self) -> impl Iterator<Item = (TopicId, i32)> {
        pairs(&self.assigned).chain(pairs(&self.revoking))
    }

    /// The epoch in which a partition was given to it, while it may still commit for it.
    pub(super) fn partition_epoch(&self, topic: TopicId, partition: i32) -> Option<i32> {
        let of = |partitions: &PartitionEpochs| partitions.get(&topic)?.get(&partition).copied();
        of(&self.assigned).or_else(|| of(&self.revoking))
    }

    /// Whether what it reports to own is part of what it was given.
    pub(super) fn has_all(&self, owned: &Assignment) -> bool {
        owned.iter().all(|(topic, partitions)| {
            let given = self.assigned.get(topic);
            partitions.iter().all(|partition| given.is_some_and(|given| given.contains_key(partition)))
        })
    }
}

fn pairs(partitions: &PartitionEpochs) -> impl Iterator<Item = (TopicId, i32)> {
    partitions.iter().flat_map(|(topic, partitions)| partitions.keys().map(move |index| (*topic, *index)))
}

/// Partitions without their epochs.
pub(super) fn without_epochs(partitions: &PartitionEpochs) -> Assignment {
    partitions.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect()
}

/// Partitions that were all given in one epoch.
pub(super) fn with_epoch(partitions: &Assignment, epoch: i32) -> PartitionEpochs {
    let of = |partitions: &BTreeSet<i32>| partitions.iter().map(|partition| (*partition, epoch)).collect();
    partitions.iter().map(|(topic, partitions)| (*topic, of(partitions))).collect()
}
