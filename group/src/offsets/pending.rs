//! Offsets of transactions that have not ended.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use medallion_wire::ProducerId;

use super::state::{Partition, Placed};
use crate::ids::GroupId;

type GroupPartition = (GroupId, Arc<str>, i32);

/// What open transactions would commit, by producer, and who would commit a partition.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingOffsets {
    by_producer: HashMap<i64, OrdMap<GroupPartition, Placed>>,
    producers: OrdMap<GroupPartition, OrdSet<i64>>,
}

impl PendingOffsets {
    /// Notes a commit of `producer`'s transaction.
    pub(super) fn insert(
        &mut self,
        producer: ProducerId,
        group: GroupId,
        partition: Partition,
        placed: Placed,
    ) {
        let key = (group, partition.0, partition.1);
        let _ = self.producers.entry(key.clone()).or_default().insert(producer.get());
        let _ = self.by_producer.entry(producer.get()).or_default().insert(key, placed);
    }

    /// Forgets a partition in all transactions.
    pub(super) fn remove(&mut self, group: &GroupId, partition: &Partition) {
        let key = (group.clone(), Arc::clone(&partition.0), partition.1);
        for producer in self.producers.remove(&key).into_iter().flatten() {
            self.remove_from(producer, &key);
        }
    }

    fn remove_from(&mut self, producer: i64, key: &GroupPartition) {
        let Some(offsets) = self.by_producer.get_mut(&producer) else { return };
        let _ = offsets.remove(key);
        if offsets.is_empty() {
            let _ = self.by_producer.remove(&producer);
        }
    }

    /// Takes all of a producer's commits out.
    pub(super) fn take(&mut self, producer: ProducerId) -> OrdMap<GroupPartition, Placed> {
        let offsets = self.by_producer.remove(&producer.get()).unwrap_or_default();
        for key in offsets.keys() {
            if let Some(producers) = self.producers.get_mut(key) {
                let _ = producers.remove(&producer.get());
                if producers.is_empty() {
                    let _ = self.producers.remove(key);
                }
            }
        }
        offsets
    }

    /// Whether an open transaction would commit this partition.
    pub(super) fn contains(&self, group: &GroupId, topic: &str, partition: i32) -> bool {
        !self.producers.is_empty()
            && self.producers.contains_key(&(group.clone(), Arc::from(topic), partition))
    }

    /// The partitions of a group that open transactions would commit.
    pub(super) fn of_group(&self, group: &GroupId) -> impl Iterator<Item = (&str, i32)> {
        let first = (group.clone(), Arc::from(""), i32::MIN);
        let from_group = self.producers.range(first..);
        let of_group = from_group.take_while(move |((owner, ..), _)| owner == group).map(|(key, _)| key);
        of_group.map(|(_, topic, partition)| (&**topic, *partition))
    }

    /// All partitions that open transactions would commit.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&GroupPartition, &Placed)> {
        self.by_producer.values().flatten()
    }

    /// Whether an open transaction would commit for this group.
    pub(super) fn has_group(&self, group: &GroupId) -> bool {
        self.of_group(group).next().is_some()
    }

    pub(super) fn check_invariants(&self) {
        let mut pairs = 0;
        for (producer, offsets) in &self.by_producer {
            assert!(!offsets.is_empty(), "producer {producer} is kept without offsets");
            for key in offsets.keys() {
                pairs += 1;
                assert!(
                    self.producers.get(key).is_some_and(|producers| producers.contains(producer)),
                    "{key:?}"
                );
            }
        }
        assert_eq!(pairs, self.producers.values().map(OrdSet::len).sum::<usize>());
    }
}
