//! Equal shares where all members subscribe to the same topics. Source: Kafka's `UniformHomogeneousAssignmentBuilder`.

use std::collections::BTreeSet;

use medallion_wire::TopicId;

use super::{Assignment, GroupAssignment, GroupSpec, MemberSpec};

/// A member that is to get more.
struct Unfilled<'a> {
    member: &'a MemberSpec,
    missing: usize,
}

/// What a step of the division leaves to the next ones.
struct Division {
    /// What each member gets at least.
    quota: usize,
    /// How many members may still get one more.
    extra: usize,
}

pub(super) fn assign(spec: &GroupSpec) -> GroupAssignment {
    let all = partitions_of(spec);
    let mut division =
        Division { quota: all.len() / spec.members.len(), extra: all.len() % spec.members.len() };
    let mut free = all;
    let mut assignment = GroupAssignment::new();
    let mut unfilled = Vec::new();
    for (index, member) in spec.members.iter().enumerate() {
        let left = spec.members.len() - index;
        let kept = keep(spec, member, division.quota + usize::from(division.extra > 0), &free);
        let missing = division.settle(kept.len(), left);
        for partition in &kept {
            let _ = free.remove(partition);
        }
        let _ = assignment.insert(member.id.clone(), grouped(kept));
        if missing > 0 {
            unfilled.push(Unfilled { member, missing });
        }
    }
    hand_out(spec, unfilled, free, &mut assignment);
    assignment
}

/// Every partition that is to be assigned.
fn partitions_of(spec: &GroupSpec) -> BTreeSet<(TopicId, i32)> {
    let subscribed = spec.members.first().map(|member| member.topics.iter()).into_iter().flatten();
    let known = subscribed.filter_map(|id| Some((*id, spec.topics.get(id)?.partitions)));
    known.flat_map(|(id, partitions)| (0..partitions).map(move |partition| (id, partition))).collect()
}

/// What a member keeps of its partitions, `max` at most.
fn keep(
    spec: &GroupSpec,
    member: &MemberSpec,
    max: usize,
    free: &BTreeSet<(TopicId, i32)>,
) -> Vec<(TopicId, i32)> {
    let had = member.assigned.iter().flat_map(|(id, partitions)| partitions.iter().map(|at| (*id, *at)));
    let mut kept: Vec<(TopicId, i32)> = had.filter(|partition| free.contains(partition)).collect();
    if kept.len() > max && spec.has_racks() {
        kept.sort_by_key(|partition| !spec.is_near(member, *partition));
    }
    kept.truncate(max);
    kept
}

impl Division {
    /// How many more a member gets that has kept `kept`, while `left` members, this one among them, are not settled.
    fn settle(&mut self, kept: usize, left: usize) -> usize {
        let may_have_extra = self.extra > 0;
        let mut quota = self.quota + usize::from(may_have_extra);
        // Whoever keeps a full share with the extra one has it; others leave it to later members while there are enough.
        let takes_extra = may_have_extra && (kept == quota || left <= self.extra);
        if may_have_extra && !takes_extra {
            quota -= 1;
        }
        self.extra -= usize::from(takes_extra);
        quota.saturating_sub(kept)
    }
}

fn grouped(partitions: Vec<(TopicId, i32)>) -> Assignment {
    let mut assignment = Assignment::new();
    for (topic, partition) in partitions {
        let _ = assignment.entry(topic).or_default().insert(partition);
    }
    assignment
}

/// Gives the free partitions to those who miss some, near ones first.
fn hand_out(
    spec: &GroupSpec,
    mut unfilled: Vec<Unfilled<'_>>,
    mut free: BTreeSet<(TopicId, i32)>,
    assignment: &mut GroupAssignment,
) {
    let mut give = |member: &MemberSpec, (topic, partition): (TopicId, i32)| {
        let own = assignment.entry(member.id.clone()).or_default();
        let _ = own.entry(topic).or_default().insert(partition);
    };
    if spec.has_racks() {
        for Unfilled { member, missing } in &mut unfilled {
            let near: Vec<_> = free
                .iter()
                .filter(|partition| spec.is_near(member, **partition))
                .take(*missing)
                .copied()
                .collect();
            *missing -= near.len();
            for partition in near {
                let _ = free.remove(&partition);
                give(member, partition);
            }
        }
    }
    let mut free = free.into_iter();
    for Unfilled { member, missing } in unfilled {
        for partition in free.by_ref().take(missing) {
            give(member, partition);
        }
    }
    debug_assert!(free.next().is_none(), "a partition was left without a member");
}
