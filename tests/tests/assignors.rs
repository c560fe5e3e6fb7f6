//! Server-side assignors against Apache Kafka's own: the very same random groups, round after round, with members that
//! join, leave and subscribe anew, topics that come, grow and go, and what was assigned last.
//!
//! `range` is equal. `uniform` is equal where Kafka meets members, topics and partitions in the order of their ids. In Kafka's
//! coordinator they come in the order of hash maps, and here some members have racks, at which Kafka does not look; then sizes
//! are as even, and as much stays where it was:
//! - exactly so where all members subscribe to the same topics;
//! - else, what is given first to whom decides how much can be evened out later, in Kafka as well: both end where no one move
//!   from a subscriber to another makes a topic more even, and over many groups neither has the better of the other.

use std::collections::{BTreeMap, BTreeSet};

use medallion_group::assignor::{Assignment, Assignor, GroupAssignment, GroupSpec};
use medallion_tests::assignors::{ChangingGroup, Kind, Order, kafkas};
use medallion_tests::environment::Missing;
use medallion_tests::need;
use medallion_wire::TopicId;

const SMALL: Kind =
    Kind { same: true, racks: false, members_max: 9, topics_max: 5, partitions_max: 20, random_ids: false };
const ROUNDS: usize = 8;

/// What both made of a group.
struct Both<'a> {
    spec: &'a GroupSpec,
    ours: GroupAssignment,
    kafkas: GroupAssignment,
}

/// Runs groups through rounds; what one of the two assigned is what members have in the next. Tells how many were compared.
fn compare(
    kinds: &[Kind],
    groups: u64,
    assignor: Assignor,
    order: Order,
    mut check: impl FnMut(&Both<'_>),
) -> Result<usize, Missing> {
    let seeds = (1..=groups).flat_map(|seed| kinds.iter().map(move |kind| (*kind, seed)));
    let mut groups: Vec<ChangingGroup> = seeds.map(|(kind, seed)| ChangingGroup::new(kind, seed)).collect();
    for round in 0..ROUNDS {
        let kafkas = kafkas(assignor, order, groups.iter().map(|group| &group.spec))?;
        for (group, kafkas) in groups.iter_mut().zip(kafkas) {
            let both = Both { spec: &group.spec, ours: assignor.assign(&group.spec), kafkas };
            check(&both);
            let Both { ours, kafkas, .. } = both;
            group.change(if round % 2 == 0 { &ours } else { &kafkas });
        }
    }
    Ok(groups.len() * ROUNDS)
}

fn kinds(change: impl Fn(&mut Kind)) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for same in [true, false] {
        for size in 1..=2 {
            let mut kind = SMALL;
            kind.same = same;
            kind.members_max *= size;
            kind.partitions_max *= i32::try_from(size).expect("small");
            change(&mut kind);
            kinds.push(kind);
        }
    }
    kinds
}

fn without_empty(assignment: &GroupAssignment) -> GroupAssignment {
    assignment.clone().into_iter().filter(|(_, own)| !own.is_empty()).collect()
}

fn assert_equal(both: &Both<'_>) {
    let (ours, kafkas) = (without_empty(&both.ours), without_empty(&both.kafkas));
    assert_eq!(ours, kafkas, "of {:#?}", both.spec);
}

#[test]
fn range_is_equal() {
    let kinds: Vec<Kind> = kinds(|kind| (kind.racks, kind.random_ids) = (true, true));
    let compared = need!(compare(&kinds, 25, Assignor::Range, Order::ByHash, assert_equal));
    eprintln!("range: {compared} groups are equal");
}

#[test]
fn uniform_is_equal_where_members_and_topics_come_in_order() {
    let compared = need!(compare(&kinds(|_| {}), 50, Assignor::Uniform, Order::ById, assert_equal));
    let large = Kind { members_max: 300, partitions_max: 1000, ..SMALL };
    let large = [large, Kind { same: false, ..large }];
    let large = need!(compare(&large, 2, Assignor::Uniform, Order::ById, assert_equal));
    eprintln!("uniform: {compared} groups and {large} large ones are equal");
}

/// How even an assignment is, and how little it moves.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Quality {
    /// The sum of squares of what each member has: the less, the more even.
    unevenness: usize,
    /// How many partitions stay with whom they were.
    kept: usize,
}

fn quality(spec: &GroupSpec, assignment: &GroupAssignment) -> Quality {
    let mut quality = Quality::default();
    for member in &spec.members {
        let nothing = Assignment::new();
        let own = assignment.get(&member.id).unwrap_or(&nothing);
        quality.unevenness += size(own).pow(2);
        for (topic, partitions) in own {
            let had = member.assigned.get(topic);
            quality.kept += partitions.iter().filter(|at| had.is_some_and(|had| had.contains(at))).count();
        }
    }
    quality
}

fn size(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

#[test]
fn uniform_is_as_even_and_as_sticky_where_all_subscribe_to_the_same() {
    let kinds = kinds(|kind| (kind.racks, kind.random_ids, kind.same) = (true, true, true));
    let compared = need!(compare(&kinds, 40, Assignor::Uniform, Order::ByHash, |both| {
        assert_eq!(quality(both.spec, &both.ours), quality(both.spec, &both.kafkas), "{:#?}", both.spec);
    }));
    eprintln!("uniform: {compared} groups are as even and as sticky");
}

/// No move of one partition between two subscribers of a topic makes their sizes more even.
fn assert_even(spec: &GroupSpec, assignment: &GroupAssignment) {
    let sizes: BTreeMap<_, usize> = assignment.iter().map(|(id, own)| (id, size(own))).collect();
    let size_of = |member| sizes.get(member).copied().unwrap_or(0);
    for topic in spec.topics.keys() {
        let subscribers = spec.members.iter().filter(|member| member.topics.contains(topic));
        let least = subscribers.clone().map(|member| size_of(&member.id)).min().unwrap_or(0);
        let has = |id, topic: &TopicId| assignment.get(id).is_some_and(|own| own.contains_key(topic));
        let most =
            subscribers.filter(|member| has(&member.id, topic)).map(|member| size_of(&member.id)).max();
        assert!(most.unwrap_or(0) <= least + 1, "{topic:?} is uneven in {assignment:#?} of {spec:#?}");
    }
}

#[test]
fn uniform_is_as_even_and_as_sticky_where_subscriptions_differ() {
    let kinds = kinds(|kind| (kind.racks, kind.random_ids, kind.same) = (true, true, false));
    let (mut ours, mut kafkas, mut different) = (Quality::default(), Quality::default(), 0);
    let add = |sum: &mut Quality, quality: Quality| {
        sum.unevenness += quality.unevenness;
        sum.kept += quality.kept;
    };
    let compared = need!(compare(&kinds, 60, Assignor::Uniform, Order::ByHash, |both| {
        assert_even(both.spec, &both.ours);
        assert_even(both.spec, &both.kafkas);
        let (our, kafka) = (quality(both.spec, &both.ours), quality(both.spec, &both.kafkas));
        different += usize::from(our != kafka);
        add(&mut ours, our);
        add(&mut kafkas, kafka);
    }));
    eprintln!("uniform, mixed: {compared} groups, {different} differ; in sum {ours:?}, Kafka {kafkas:?}");
    assert!(ours.unevenness * 1000 <= kafkas.unevenness * 1005, "less even: {ours:?}, Kafka {kafkas:?}");
    assert!(ours.kept * 1000 >= kafkas.kept * 990, "less sticky: {ours:?}, Kafka {kafkas:?}");
}
