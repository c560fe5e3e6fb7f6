//! A member's next step towards its target. A pure function; source: Kafka's `CurrentAssignmentBuilder`.
//!
//! A member first gives up what the target does not give it, and says so; then it goes on to the target's epoch and gets
//! what is free; what others still hold it gets later, without another epoch.

use std::collections::BTreeSet;

use medallion_wire::TopicId;

use super::member::{ConsumerMember, MemberState, PartitionEpochs};
use crate::assignor::Assignment;

/// What the step depends on.
pub(super) struct Reconciliation<'a> {
    /// The epoch of the target.
    pub(super) target_epoch: i32,
    /// What the member is to have.
    pub(super) target: &'a Assignment,
    /// Whether its subscription has just changed, or what its regular expression describes.
    pub(super) has_subscription_changed: bool,
    /// The topics that it is subscribed to.
    pub(super) subscribed: &'a BTreeSet<TopicId>,
    /// Whether a partition is owned, or not yet given up, by anyone.
    pub(super) is_held: &'a dyn Fn(TopicId, i32) -> bool,
    /// What it reports to own; `None` for "as before".
    pub(super) owned: Option<&'a Assignment>,
}

/// The member is in a state of a later version of Kafka, and must begin anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownState;

impl Reconciliation<'_> {
    /// The member after the step.
    pub(super) fn step(&self, member: &ConsumerMember) -> Result<ConsumerMember, UnknownState> {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => Ok(self.next(member, member.epoch)),
            MemberState::Stable => Ok(self.without_unsubscribed(member)),
            MemberState::UnrevokedPartitions if self.still_owns(&member.revoking) => {
                Ok(self.without_unsubscribed(member))
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                Ok(self.next(member, member.epoch))
            }
            MemberState::Unknown if self.owned.is_some_and(Assignment::is_empty) => {
                Ok(self.next(member, self.target_epoch))
            }
            MemberState::Unknown => Err(UnknownState),
        }
    }

    /// A member that does not say what it owns owns all that it had.
    fn still_owns(&self, partitions: &PartitionEpochs) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, owned)| {
            let asked_back = partitions.get(topic);
            owned.iter().any(|partition| asked_back.is_some_and(|of| of.contains_key(partition)))
        })
    }

    /// Takes back partitions of topics that the member is not subscribed to any more.
    fn without_unsubscribed(&self, member: &ConsumerMember) -> ConsumerMember {
        let mut after = member.clone();
        if !self.has_subscription_changed {
            return after;
        }
        let gone: Vec<TopicId> =
            member.assigned.keys().filter(|topic| !self.subscribed.contains(topic)).copied().collect();
        if gone.is_empty() {
            return after;
        }
        for topic in gone {
            let partitions = after.assigned.remove(&topic).unwrap_or_default();
            after.revoking.entry(topic).or_default().extend(partitions);
        }
        after.enter_epoch(member.epoch);
        if self.still_owns(&after.revoking) {
            after.state = MemberState::UnrevokedPartitions;
        } else {
            after.revoking = member.revoking.clone();
        }
        after
    }

    /// `epoch` is where the member stays while it must give something up.
    fn next(&self, member: &ConsumerMember, epoch: i32) -> ConsumerMember {
        let mut parts = Parts::default();
        let topics: BTreeSet<&TopicId> = self.target.keys().chain(member.assigned.keys()).collect();
        for topic in topics {
            self.divide(member, *topic, &mut parts);
        }
        let mut after = member.clone();
        after.assigned = parts.kept;
        if !parts.to_give_up.is_empty() && self.still_owns(&parts.to_give_up) {
            after.enter_epoch(epoch);
            after.state = MemberState::UnrevokedPartitions;
            after.revoking = parts.to_give_up;
            return after;
        }
        for (topic, partitions) in parts.free {
            let given = partitions.into_iter().map(|partition| (partition, self.target_epoch));
            after.assigned.entry(topic).or_default().extend(given);
        }
        after.enter_epoch(self.target_epoch);
        after.revoking.clear();
        after.state = if parts.waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        after
    }

    fn divide(&self, member: &ConsumerMember, topic: TopicId, parts: &mut Parts) {
        let nothing = BTreeSet::new();
        let target = self.target.get(&topic).filter(|_| self.subscribed.contains(&topic)).unwrap_or(&nothing);
        for (partition, epoch) in member.assigned.get(&topic).into_iter().flatten() {
            let part = if target.contains(partition) { &mut parts.kept } else { &mut parts.to_give_up };
            let _ = part.entry(topic).or_default().insert(*partition, *epoch);
        }
        let had = |partitions: &PartitionEpochs, partition: &i32| {
            partitions.get(&topic).is_some_and(|of| of.contains_key(partition))
        };
        for partition in target.iter().filter(|partition| !had(&member.assigned, partition)) {
            if (self.is_held)(topic, *partition) && !had(&member.revoking, partition) {
                parts.waits = true;
            } else {
                let _ = parts.free.entry(topic).or_default().insert(*partition);
            }
        }
    }
}

/// The partitions of a member and of its target.
#[derive(Default)]
struct Parts {
    kept: PartitionEpochs,
    to_give_up: PartitionEpochs,
    free: Assignment,
    /// Whether others hold some of the target.
    waits: bool,
}
