//! Who of a classic group reads what: pure functions, run by the group's leader.

mod nearness;
mod racks;
mod range;
mod sticky;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicPartition;

use crate::config::PartitionAssignor;

/// A member, as the leader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    /// `group.instance.id`.
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) topics: BTreeSet<Arc<str>>,
    /// What it had last, for the sticky assignors.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// In which generation it had that.
    pub(crate) generation: i32,
    /// `client.rack`, where it has one.
    pub(crate) rack: Option<Arc<str>>,
}

/// The racks of the brokers that hold a partition, as far as they are known.
pub(crate) type Racks = BTreeSet<Arc<str>>;

/// The partitions of each topic, from 0.
pub(crate) type Topics = BTreeMap<Arc<str>, Arc<[Racks]>>;

/// What each member gets.
pub(crate) type GroupAssignment = BTreeMap<Arc<str>, BTreeSet<TopicPartition>>;

/// Hands the partitions of topics out to the members that subscribe to them. Each goes to one member; with
/// [`PartitionAssignor::CooperativeSticky`] those that change their owner go to nobody yet.
pub(crate) fn assign(assignor: PartitionAssignor, members: &[Member], topics: &Topics) -> GroupAssignment {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by(|one, other| order(one).cmp(&order(other)));
    match assignor {
        PartitionAssignor::Range => range::assign(&members, topics),
        PartitionAssignor::RoundRobin => round_robin(&members, topics),
        PartitionAssignor::Sticky => sticky::assign(&members, topics),
        PartitionAssignor::CooperativeSticky => sticky::assign_cooperatively(&members, topics),
    }
}

/// Static members first, by their instance ids, which outlive restarts.
fn order(member: &Member) -> (bool, &str) {
    member.instance_id.as_deref().map_or((true, &*member.id), |instance| (false, instance))
}

fn empty(members: &[&Member]) -> GroupAssignment {
    members.iter().map(|member| (Arc::clone(&member.id), BTreeSet::new())).collect()
}

fn give(assignment: &mut GroupAssignment, member: &Member, partition: TopicPartition) {
    assignment.entry(Arc::clone(&member.id)).or_default().insert(partition);
}

/// Partitions of all topics in turn; who does not subscribe to a topic is passed over.
fn round_robin(members: &[&Member], topics: &Topics) -> GroupAssignment {
    let mut assignment = empty(members);
    let mut turn = members.iter().cycle().peekable();
    for (topic, partitions) in topics {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for (index, _) in (0..).zip(partitions.iter()) {
            while turn.peek().is_some_and(|member| !member.topics.contains(topic)) {
                turn.next();
            }
            let Some(member) = turn.next() else { continue };
            give(&mut assignment, member, TopicPartition::new(Arc::clone(topic), index));
        }
    }
    assignment
}
