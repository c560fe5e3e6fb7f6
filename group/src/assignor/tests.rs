//! Assignors by example, and their promises over random groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicId;
use medallion_wire::types::Uuid;
use proptest::prelude::*;

use super::*;

fn topic(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

fn member(id: &str, topics: &[u128]) -> MemberSpec {
    MemberSpec {
        id: id.into(),
        instance_id: None,
        rack: None,
        topics: Arc::new(topics.iter().map(|number| topic(*number)).collect()),
        assigned: Assignment::new(),
    }
}

fn spec(mut members: Vec<MemberSpec>, topics: &[(u128, i32)]) -> GroupSpec {
    members.sort_by(|one, other| one.id.cmp(&other.id));
    let topics = topics.iter().map(|(number, partitions)| {
        (topic(*number), TopicSpec { partitions: *partitions, racks: Vec::new() })
    });
    GroupSpec { members, topics: topics.collect() }
}

fn of(assignment: &GroupAssignment, member: &str, number: u128) -> Vec<i32> {
    let own = assignment.get(member).expect("a member");
    own.get(&topic(number)).into_iter().flatten().copied().collect()
}

fn size(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

#[test]
fn range_gives_contiguous_partitions_and_static_members_first() {
    let mut group =
        spec(vec![member("a", &[1, 2]), member("b", &[1]), member("c", &[1, 2])], &[(1, 7), (2, 3)]);
    group.members[2].instance_id = Some(Arc::from("i"));
    let assignment = Assignor::Range.assign(&group);
    assert_eq!(of(&assignment, "c", 1), [0, 1, 2]);
    assert_eq!(of(&assignment, "a", 1), [3, 4]);
    assert_eq!(of(&assignment, "b", 1), [5, 6]);
    assert_eq!(of(&assignment, "c", 2), [0, 1]);
    assert_eq!(of(&assignment, "a", 2), [2]);
}

#[test]
fn uniform_keeps_what_is_owned_when_a_member_joins_and_leaves() {
    let mut group = spec(vec![member("a", &[1]), member("b", &[1])], &[(1, 6)]);
    let first = Assignor::Uniform.assign(&group);
    assert_eq!((of(&first, "a", 1), of(&first, "b", 1)), (vec![0, 1, 2], vec![3, 4, 5]));
    for member in &mut group.members {
        member.assigned = first[&member.id].clone();
    }
    group.members.push(member("c", &[1]));
    let second = Assignor::Uniform.assign(&group);
    assert_eq!(of(&second, "a", 1), [0, 1]);
    assert_eq!(of(&second, "b", 1), [3, 4]);
    assert_eq!(of(&second, "c", 1), [2, 5]);
    for member in &mut group.members {
        member.assigned = second[&member.id].clone();
    }
    let _ = group.members.remove(0);
    let third = Assignor::Uniform.assign(&group);
    assert_eq!((of(&third, "b", 1), of(&third, "c", 1)), (vec![0, 3, 4], vec![1, 2, 5]));
}

#[test]
fn near_partitions_are_preferred_where_it_costs_nothing() {
    let mut group = spec(vec![member("a", &[1]), member("b", &[1])], &[(1, 4)]);
    let racks = ["y", "x", "y", "x"].map(|rack| vec![Arc::from(rack)]);
    group.topics.get_mut(&topic(1)).expect("a topic").racks = racks.to_vec();
    group.members[0].rack = Some(Arc::from("x"));
    group.members[1].rack = Some(Arc::from("y"));
    let assignment = Assignor::Uniform.assign(&group);
    assert_eq!((of(&assignment, "a", 1), of(&assignment, "b", 1)), (vec![1, 3], vec![0, 2]));
}

#[test]
fn a_topic_that_is_gone_is_assigned_to_nobody() {
    let mut group = spec(vec![member("a", &[1, 9])], &[(1, 2)]);
    let _ = group.members[0].assigned.insert(topic(9), BTreeSet::from([0, 1]));
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let assignment = assignor.assign(&group);
        assert_eq!(assignment[&group.members[0].id], BTreeMap::from([(topic(1), BTreeSet::from([0, 1]))]));
    }
}

fn group() -> impl Strategy<Value = GroupSpec> {
    let topics = prop::collection::btree_map(1..6_u128, 0..12_i32, 1..5);
    let members = prop::collection::btree_map("[a-f]", prop::collection::btree_set(1..6_u128, 0..5), 1..6);
    (topics, members, any::<bool>()).prop_map(|(topics, members, same)| {
        let all: Vec<u128> = topics.keys().copied().collect();
        let members = members.into_iter().map(|(id, own)| {
            let own: Vec<u128> = own.into_iter().collect();
            member(&id, if same { &all } else { &own })
        });
        spec(members.collect(), &topics.into_iter().collect::<Vec<_>>())
    })
}

/// Every partition that somebody subscribes to has one owner, who subscribes to it; nobody has anything else.
fn check_complete(spec: &GroupSpec, assignment: &GroupAssignment) {
    let mut owned: BTreeSet<(TopicId, i32)> = BTreeSet::new();
    for member in &spec.members {
        for (topic, partitions) in &assignment[&member.id] {
            assert!(member.topics.contains(topic) && !partitions.is_empty());
            for partition in partitions {
                assert!((0..spec.topics[topic].partitions).contains(partition));
                assert!(owned.insert((*topic, *partition)), "two owners");
            }
        }
    }
    let wanted =
        spec.topics.iter().filter(|(id, _)| spec.members.iter().any(|member| member.topics.contains(id)));
    let wanted: usize = wanted.map(|(_, topic)| usize::try_from(topic.partitions).unwrap_or(0)).sum();
    assert_eq!(owned.len(), wanted);
}

proptest! {
    #[test]
    fn every_partition_has_one_owner_who_wants_it(group in group()) {
        for assignor in [Assignor::Uniform, Assignor::Range] {
            check_complete(&group, &assignor.assign(&group));
        }
    }

    #[test]
    fn uniform_is_balanced_and_settles_at_once(mut group in group()) {
        let first = Assignor::Uniform.assign(&group);
        if group.is_homogeneous() {
            let sizes: Vec<usize> = first.values().map(size).collect();
            let (least, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
            prop_assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1);
        }
        for member in &mut group.members {
            member.assigned = first[&member.id].clone();
        }
        let second = Assignor::Uniform.assign(&group);
        prop_assert_eq!(first, second, "nothing changed, so nothing moves");
    }

    #[test]
    fn uniform_moves_no_more_than_balance_takes(mut group in group(), leaver in 0..6_usize) {
        let first = Assignor::Uniform.assign(&group);
        prop_assume!(group.is_homogeneous() && group.members.len() > 1);
        for member in &mut group.members {
            member.assigned = first[&member.id].clone();
        }
        let _ = group.members.remove(leaver % group.members.len());
        let second = Assignor::Uniform.assign(&group);
        check_complete(&group, &second);
        for member in &group.members {
            for (topic, partitions) in &member.assigned {
                prop_assert!(second[&member.id][topic].is_superset(partitions), "who stays keeps all");
            }
        }
    }
}
