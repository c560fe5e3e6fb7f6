//! As even as can be, with as little moved as can be (KIP-54, KIP-429).
//!
//! What members had is kept where it is still theirs to have; what nobody has goes to the least loaded subscriber, scarce
//! partitions first; then partitions move, one at a time, from a member to a subscriber that has two less or fewer, until none can.
//! Where racks matter, what is free goes first to members in its racks that have room, and at the end partitions move or change places
//! wherever that brings more of them near to their readers and is as even (KIP-881).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicPartition;

use super::nearness::Nearness;
use super::{GroupAssignment, Member, Topics, empty};

type Owners<'a> = BTreeMap<TopicPartition, &'a Member>;

/// The assignment at once.
pub(super) fn assign(members: &[&Member], topics: &Topics) -> GroupAssignment {
    share(members, topics, &owners(members))
}

/// The same without the partitions that another member still has: it gives them back first, and they are assigned by the rebalance
/// that follows.
pub(super) fn assign_cooperatively(members: &[&Member], topics: &Topics) -> GroupAssignment {
    let mut assignment = share(members, topics, &owners(members));
    // Also who has lost an older claim may still read.
    let mut claims: BTreeMap<&TopicPartition, BTreeSet<&str>> = BTreeMap::new();
    for member in members {
        for partition in &member.owned {
            claims.entry(partition).or_default().insert(&member.id);
        }
    }
    for (member, own) in &mut assignment {
        own.retain(|partition| {
            claims.get(partition).is_none_or(|claims| claims.iter().all(|claimant| **claimant == **member))
        });
    }
    assignment
}

/// Who had what last: of two claims the one of the later generation counts, and of two of the same none.
fn owners<'a>(members: &[&'a Member]) -> Owners<'a> {
    let mut owners: BTreeMap<TopicPartition, (i32, Option<&'a Member>)> = BTreeMap::new();
    for member in members {
        for partition in &member.owned {
            let claim = owners.entry(partition.clone()).or_insert((member.generation, Some(*member)));
            if claim.1.is_some_and(|owner| owner.id == member.id) {
                continue;
            }
            match member.generation.cmp(&claim.0) {
                std::cmp::Ordering::Greater => *claim = (member.generation, Some(*member)),
                std::cmp::Ordering::Equal => claim.1 = None,
                std::cmp::Ordering::Less => {}
            }
        }
    }
    owners.into_iter().filter_map(|(partition, (_, owner))| Some((partition, owner?))).collect()
}

fn share(members: &[&Member], topics: &Topics, owners: &Owners<'_>) -> GroupAssignment {
    let mut assignment = empty(members);
    let mut free: Vec<(usize, TopicPartition)> = Vec::new();
    let is_even = members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
    let wanted: Topics = topics
        .iter()
        .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(*topic)))
        .map(|(topic, partitions)| (Arc::clone(topic), Arc::clone(partitions)))
        .collect();
    let nearness = Nearness::new(members, &wanted);
    let total = wanted.values().map(|partitions| partitions.len()).sum();
    let mut quota = Quota::new(total, members.len(), is_even);
    for (topic, partitions) in &wanted {
        let subscribers = members.iter().filter(|member| member.topics.contains(topic)).count();
        for (index, _) in (0..).zip(partitions.iter()) {
            let partition = TopicPartition::new(Arc::clone(topic), index);
            let owner = owners.get(&partition).filter(|owner| owner.topics.contains(topic));
            match owner {
                Some(owner) if quota.takes(assignment[&owner.id].len()) => {
                    assignment.entry(Arc::clone(&owner.id)).or_default().insert(partition);
                }
                _ => free.push((subscribers, partition)),
            }
        }
    }
    free.sort();
    if let Some(nearness) = &nearness {
        free.sort_by_key(|(_, partition)| nearness.count(members, partition));
        free.retain(|(_, partition)| !give_near(members, nearness, &mut quota, partition, &mut assignment));
    }
    for (_, partition) in free {
        let subscribers = members.iter().filter(|member| member.topics.contains(&partition.topic));
        if let Some(least) = subscribers.min_by_key(|member| assignment[&member.id].len()) {
            assignment.entry(Arc::clone(&least.id)).or_default().insert(partition);
        }
    }
    loop {
        even_out(members, owners, nearness.as_ref(), &mut assignment);
        // What members have now may be moved to others than what they had.
        if !nearness.as_ref().is_some_and(|nearness| nearness.improve(members, &mut assignment)) {
            return assignment;
        }
    }
}

/// Gives a partition to the least loaded member in its racks, and tells whether one has room.
fn give_near(
    members: &[&Member],
    nearness: &Nearness<'_>,
    quota: &mut Quota,
    partition: &TopicPartition,
    assignment: &mut GroupAssignment,
) -> bool {
    let subscribers = members.iter().filter(|member| member.topics.contains(&partition.topic));
    let near = subscribers.filter(|member| nearness.is_in_rack(member, partition));
    let Some(least) = near.min_by_key(|member| assignment[&member.id].len()) else { return false };
    let has_room = quota.takes(assignment[&least.id].len());
    if has_room {
        assignment.entry(Arc::clone(&least.id)).or_default().insert(partition.clone());
    }
    has_room
}

/// How much members keep where all subscribe to the same: nobody more than the even share, so that nothing moves twice.
struct Quota {
    each: Option<usize>,
    /// How many members may have one more.
    more: usize,
}

impl Quota {
    fn new(total: usize, members: usize, is_even: bool) -> Self {
        let members = members.max(1);
        Self { each: is_even.then_some(total / members), more: total % members }
    }

    /// Whether a member that has `count` may keep one more.
    fn takes(&mut self, count: usize) -> bool {
        let Some(each) = self.each else { return true };
        if count == each && self.more > 0 {
            self.more -= 1;
            return true;
        }
        count < each
    }
}

/// Moves partitions from members with more to subscribers with at least two less. Each move makes the sum of squares smaller, so it
/// ends.
fn even_out(
    members: &[&Member],
    owners: &Owners<'_>,
    nearness: Option<&Nearness<'_>>,
    assignment: &mut GroupAssignment,
) {
    while let Some((from, to, partition)) = next_move(members, owners, nearness, assignment) {
        if let Some(own) = assignment.get_mut(&from) {
            own.remove(&partition);
        }
        assignment.entry(to).or_default().insert(partition);
    }
}

fn next_move(
    members: &[&Member],
    owners: &Owners<'_>,
    nearness: Option<&Nearness<'_>>,
    assignment: &GroupAssignment,
) -> Option<(Arc<str>, Arc<str>, TopicPartition)> {
    let count = |member: &Member| assignment[&member.id].len();
    let mut by_count: Vec<&Member> = members.to_vec();
    by_count.sort_by_key(|member| std::cmp::Reverse(count(member)));
    for from in &by_count {
        for to in by_count.iter().rev().take_while(|to| count(to) + 1 < count(from)) {
            let own = assignment[&from.id].iter();
            let movable = own.filter(|partition| to.topics.contains(&partition.topic));
            // What comes nearer moves first, and what it had before moves last.
            let order = |partition: &&TopicPartition| {
                let is_kept = owners.get(*partition).is_some_and(|owner| owner.id == from.id);
                (nearness.map_or(0, |nearness| nearness.loss(from, to, partition)), is_kept)
            };
            if let Some(partition) = movable.min_by_key(order) {
                return Some((Arc::clone(&from.id), Arc::clone(&to.id), partition.clone()));
            }
        }
    }
    None
}
