//! Equal shares where all members subscribe to the same topics. Source: Kafka's `UniformHomogeneousAssignmentBuilder`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use medallion_wire::TopicId;

use super::{Assignment, GroupAssignment, GroupSpec, MemberSpec};

type Partition = (TopicId, i32);

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
    let mut owned = Owned::new(spec);
    let all = owned.count();
    let mut division = Division { quota: all / spec.members.len(), extra: all % spec.members.len() };
    let mut given_up = Vec::new();
    let mut assignment = GroupAssignment::new();
    let mut unfilled = Vec::new();
    for (index, member) in spec.members.iter().enumerate() {
        let left = spec.members.len() - index;
        let mut kept = owned.take(member);
        let share = division.quota + usize::from(division.extra > 0);
        if kept.len() > share {
            far_last(spec, member, &mut kept);
            given_up.extend(kept.split_off(share));
        }
        let missing = division.settle(kept.len(), left);
        let _ = assignment.insert(member.id.clone(), grouped(kept));
        if missing > 0 {
            unfilled.push(Unfilled { member, missing });
        }
    }
    // What nobody had goes out before what was given up, as in Kafka.
    let mut free = owned.without_owner();
    free.append(&mut given_up);
    hand_out(spec, unfilled, &free, &mut assignment);
    assignment
}

/// Which partitions of the group's topics somebody had.
struct Owned(BTreeMap<TopicId, Vec<bool>>);

impl Owned {
    fn new(spec: &GroupSpec) -> Self {
        let subscribed = spec.members.first().map(|member| member.topics.iter()).into_iter().flatten();
        let known = subscribed.filter_map(|id| Some((*id, spec.topics.get(id)?.partitions)));
        Self(known.map(|(id, count)| (id, vec![false; usize::try_from(count).unwrap_or(0)])).collect())
    }

    fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// What a member had that is still there, in order.
    fn take(&mut self, member: &MemberSpec) -> Vec<Partition> {
        let mut taken = Vec::new();
        for (topic, partitions) in &member.assigned {
            let Some(owned) = self.0.get_mut(topic) else { continue };
            for partition in partitions {
                let place = usize::try_from(*partition).ok().and_then(|at| owned.get_mut(at));
                if let Some(place @ false) = place {
                    *place = true;
                    taken.push((*topic, *partition));
                }
            }
        }
        taken
    }

    fn without_owner(&self) -> Vec<Partition> {
        let all =
            self.0.iter().flat_map(|(topic, owned)| (0..).zip(owned).map(|(at, owned)| (*topic, at, *owned)));
        all.filter(|(_, _, owned)| !owned).map(|(topic, at, _)| (topic, at)).collect()
    }
}

/// Puts partitions without a replica in the member's rack at the end.
fn far_last(spec: &GroupSpec, member: &MemberSpec, partitions: &mut [Partition]) {
    if spec.has_racks() {
        partitions.sort_by_key(|partition| !spec.is_near(member, *partition));
    }
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

fn grouped(partitions: Vec<Partition>) -> Assignment {
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
    free: &[Partition],
    assignment: &mut GroupAssignment,
) {
    let mut is_given = vec![false; free.len()];
    let mut give = |member: &MemberSpec, at: usize| {
        let (topic, partition) = free[at];
        let own = assignment.entry(member.id.clone()).or_default();
        let _ = own.entry(topic).or_default().insert(partition);
    };
    let mut near = by_rack(spec, free);
    for Unfilled { member, missing } in &mut unfilled {
        let Some(near) = member.rack.as_ref().and_then(|rack| near.get_mut(rack)) else { continue };
        while *missing > 0
            && let Some(at) = near.pop_front()
        {
            if !std::mem::replace(&mut is_given[at], true) {
                *missing -= 1;
                give(member, at);
            }
        }
    }
    let mut left = (0..free.len()).filter(|at| !is_given[*at]);
    for Unfilled { member, missing } in unfilled {
        left.by_ref().take(missing).for_each(|at| give(member, at));
    }
    debug_assert!(left.next().is_none(), "a partition was left without a member");
}

/// Where in `free` the partitions with a replica in each rack are.
fn by_rack(spec: &GroupSpec, free: &[Partition]) -> BTreeMap<Arc<str>, VecDeque<usize>> {
    let mut near: BTreeMap<Arc<str>, VecDeque<usize>> = BTreeMap::new();
    if spec.has_racks() {
        for (at, partition) in free.iter().enumerate() {
            for rack in spec.racks_of(*partition) {
                near.entry(Arc::clone(rack)).or_default().push_back(at);
            }
        }
    }
    near
}
