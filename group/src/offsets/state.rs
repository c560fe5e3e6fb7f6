//! The offsets of all groups, and how records change them.

use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use medallion_wire::ProducerId;
use medallion_wire::internal_records::group::{OffsetCommitKey, OffsetCommitValue};

use super::committed::CommittedOffset;
use super::pending::PendingOffsets;
use crate::ids::GroupId;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its offsets hold.
    Commit,
    /// Its offsets are forgotten.
    Abort,
}

/// A commit and its place in the order of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) committed: CommittedOffset,
    /// Grows with each record that is applied; says which of two commits is the later one.
    pub(super) order: u64,
}

/// A topic's partition by name.
pub(super) type Partition = (Arc<str>, i32);

/// One group's commits in the order of topics and partitions.
pub(super) type GroupOffsets = OrdMap<Partition, Arc<Placed>>;

/// All committed offsets of a shard. A clone is cheap and shares what is not changed.
#[derive(Debug, Clone, Default)]
pub struct Offsets {
    pub(super) by_group: HashMap<GroupId, GroupOffsets>,
    pub(super) pending: PendingOffsets,
    applied: u64,
}

impl Offsets {
    /// Takes a record: a commit, or a tombstone. A commit of a producer's transaction waits for its end.
    pub fn apply(
        &mut self,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
        producer: Option<ProducerId>,
    ) {
        self.applied += 1;
        let group = GroupId::from(key.group.as_str());
        let partition: Partition = (Arc::from(key.topic.as_str()), key.partition);
        match (value, producer) {
            (Some(value), None) => {
                let placed = Placed { committed: CommittedOffset::from_value(value), order: self.applied };
                let _ = self.by_group.entry(group).or_default().insert(partition, Arc::new(placed));
            }
            (Some(value), Some(producer)) => {
                let placed = Placed { committed: CommittedOffset::from_value(value), order: self.applied };
                self.pending.insert(producer, group, partition, placed);
            }
            (None, _) => {
                self.remove(&group, &partition);
                self.pending.remove(&group, &partition);
            }
        }
    }

    /// A producer's transaction has ended. Of two commits of one partition that which was written later holds.
    pub fn end_transaction(&mut self, producer: ProducerId, end: TransactionEnd) {
        let offsets = self.pending.take(producer);
        if end == TransactionEnd::Abort {
            return;
        }
        for ((group, topic, index), placed) in offsets {
            let committed = self.by_group.entry(group).or_default();
            let partition = (topic, index);
            if committed.get(&partition).is_none_or(|before| before.order < placed.order) {
                let _ = committed.insert(partition, Arc::new(placed));
            }
        }
        self.by_group.retain(|_, offsets| !offsets.is_empty());
    }

    fn remove(&mut self, group: &GroupId, partition: &Partition) {
        let Some(offsets) = self.by_group.get_mut(group) else { return };
        let _ = offsets.remove(partition);
        if offsets.is_empty() {
            let _ = self.by_group.remove(group);
        }
    }

    /// What a group has committed for a partition.
    pub fn committed(&self, group: &GroupId, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        let placed = self.by_group.get(group)?.get(&(Arc::from(topic), partition))?;
        Some(&placed.committed)
    }

    /// Every commit of a group, in the order of topics and partitions.
    pub fn of_group(&self, group: &GroupId) -> impl Iterator<Item = (&str, i32, &CommittedOffset)> {
        let offsets = self.by_group.get(group).into_iter().flatten();
        offsets.map(|((topic, partition), placed)| (&**topic, *partition, &placed.committed))
    }

    /// The groups that have committed something, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.by_group.keys()
    }

    /// The groups that have committed something, or will by an open transaction; in no order, one may come twice.
    pub fn groups_with_pending(&self) -> impl Iterator<Item = &GroupId> {
        self.groups().chain(self.pending.iter().map(|((group, ..), _)| group))
    }

    /// Whether an open transaction would commit for a group.
    pub fn has_pending(&self, group: &GroupId) -> bool {
        self.pending.has_group(group)
    }

    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.by_group.values().map(OrdMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_group.is_empty()
    }

    /// No group is kept without a commit, both views of pending commits agree, and no order is in the future.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self) {
        for (group, offsets) in &self.by_group {
            assert!(!offsets.is_empty(), "{group} is kept without a commit");
            assert!(offsets.values().all(|placed| placed.order <= self.applied), "{group}");
        }
        self.pending.check_invariants();
    }
}
