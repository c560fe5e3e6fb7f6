//! Partitions that come and go with a group.

use std::collections::BTreeSet;

use medallion_wire::TopicPartition;

use super::Fetcher;

impl Fetcher {
    /// Hands nothing of these partitions out any more, while their last positions are still wanted. What is out to be decoded
    /// comes back in vain. Partitions that the user has assigned itself meanwhile are none of the group's business.
    pub(crate) fn freeze(&mut self, partitions: &BTreeSet<TopicPartition>) {
        for partition in partitions {
            let version = self.version();
            let Some(state) = self.partitions.get_mut(partition).filter(|state| state.is_of_group) else {
                continue;
            };
            state.is_frozen = true;
            state.fetched = state.position;
            let phase = state.phase.clone();
            self.bytes -= state.restart(version, phase);
        }
    }

    /// Takes these partitions away and adds those.
    pub(crate) fn exchange(&mut self, revoked: &BTreeSet<TopicPartition>, added: &BTreeSet<TopicPartition>) {
        for partition in revoked {
            if self.partitions.get(partition).is_some_and(|state| state.is_of_group) {
                self.remove(partition);
            }
        }
        for partition in added {
            if !self.partitions.contains_key(partition) {
                self.add(partition);
            }
            if let Some(state) = self.partitions.get_mut(partition) {
                state.is_of_group = true;
            }
        }
    }

    /// Takes away what the user has assigned itself: a subscription begins.
    pub(crate) fn leave_own(&mut self) {
        let own: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, state)| !state.is_of_group)
            .map(|(one, _)| one.clone())
            .collect();
        for partition in &own {
            self.remove(partition);
        }
    }

    /// Whether what a member commits is its own.
    pub(crate) fn is_assigned(&self, partition: &TopicPartition) -> bool {
        self.partitions.contains_key(partition)
    }
}
