//! Who of a classic group reads what: pure functions, run by the group's leader.

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
}

/// How many partitions each topic has.
pub(crate) type Topics = BTreeMap<Arc<str>, i32>;

/// What each member gets.
pub(crate) type GroupAssignment = BTreeMap<Arc<str>, BTreeSet<TopicPartition>>;

/// Hands the partitions of topics out to the members that subscribe to them. Each goes to one member; with
/// [`PartitionAssignor::CooperativeSticky`] those that change their owner go to nobody yet.
pub(crate) fn assign(assignor: PartitionAssignor, members: &[Member], topics: &Topics) -> GroupAssignment {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by(|one, other| order(one).cmp(&order(other)));
    match assignor {
        PartitionAssignor::Range => range(&members, topics),
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

/// Of each topic a run of neighbours to each member; the first members get one more where it does not come out even.
fn range(members: &[&Member], topics: &Topics) -> GroupAssignment {
    let mut assignment = empty(members);
    for (topic, count) in topics {
        let subscribers: Vec<&&Member> =
            members.iter().filter(|member| member.topics.contains(topic)).collect();
        let Ok(total @ 1..) = i32::try_from(subscribers.len()) else { continue };
        let (each, more) = (count / total, count % total);
        let mut next = 0;
        for (place, member) in (0..).zip(subscribers) {
            let own = each + i32::from(place < more);
            for index in next..next + own {
                give(&mut assignment, member, TopicPartition::new(Arc::clone(topic), index));
            }
            next += own;
        }
    }
    assignment
}

/// Partitions of all topics in turn; who does not subscribe to a topic is passed over.
fn round_robin(members: &[&Member], topics: &Topics) -> GroupAssignment {
    let mut assignment = empty(members);
    let mut turn = members.iter().cycle().peekable();
    for (topic, count) in topics {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for index in 0..*count {
            while turn.peek().is_some_and(|member| !member.topics.contains(topic)) {
                turn.next();
            }
            let Some(member) = turn.next() else { continue };
            give(&mut assignment, member, TopicPartition::new(Arc::clone(topic), index));
        }
    }
    assignment
}
