//! Assignments of many random groups that change from round to round.

use fastrand::Rng;

use super::*;

fn member(id: &str, topics: &[&str]) -> Member {
    Member {
        id: id.into(),
        instance_id: None,
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        owned: BTreeSet::new(),
        generation: -1,
        rack: None,
    }
}

fn topics(counts: &[(&str, usize)]) -> Topics {
    counts.iter().map(|(topic, count)| (Arc::from(*topic), vec![Racks::new(); *count].into())).collect()
}

/// A topic whose partitions are in these racks, each of which is a letter.
fn placed(topic: &str, racks: &[&str]) -> (Arc<str>, Arc<[Racks]>) {
    let of_partition = |racks: &&str| racks.chars().map(|rack| Arc::from(rack.to_string())).collect();
    (topic.into(), racks.iter().map(of_partition).collect())
}

fn in_racks<const N: usize>(racks: [&str; N], topics: &[&str]) -> [Member; N] {
    let mut members = racks.map(|rack| Member { rack: Some(rack.into()), ..member("", topics) });
    for (id, member) in ('a'..).zip(&mut members) {
        member.id = id.to_string().into();
    }
    members
}

fn indexes(assignment: &GroupAssignment, member: &str) -> Vec<(String, i32)> {
    assignment[member].iter().map(|one| (one.topic.to_string(), one.partition.get())).collect()
}

fn named(partitions: &[(&str, i32)]) -> Vec<(String, i32)> {
    partitions.iter().map(|(topic, index)| ((*topic).to_owned(), *index)).collect()
}

#[test]
fn range_gives_neighbours_and_the_first_more() {
    let mut members = vec![member("b", &["s", "t"]), member("a", &["t"])];
    let assignment = assign(PartitionAssignor::Range, &members, &topics(&[("s", 2), ("t", 3)]));
    assert_eq!(indexes(&assignment, "a"), named(&[("t", 0), ("t", 1)]));
    assert_eq!(indexes(&assignment, "b"), named(&[("s", 0), ("s", 1), ("t", 2)]));
    // Static members come first, whatever their ids.
    members[0].instance_id = Some("z".into());
    let assignment = assign(PartitionAssignor::Range, &members, &topics(&[("t", 3)]));
    assert_eq!(indexes(&assignment, "b"), named(&[("t", 0), ("t", 1)]));
}

#[test]
fn round_robin_takes_turns_among_subscribers() {
    let members = [member("a", &["t"]), member("b", &["s", "t"]), member("c", &["t"])];
    let assignment = assign(PartitionAssignor::RoundRobin, &members, &topics(&[("s", 2), ("t", 4)]));
    assert_eq!(indexes(&assignment, "a"), named(&[("t", 1)]));
    assert_eq!(indexes(&assignment, "b"), named(&[("s", 0), ("s", 1), ("t", 2)]));
    assert_eq!(indexes(&assignment, "c"), named(&[("t", 0), ("t", 3)]));
}

#[test]
fn of_two_claims_the_later_counts() {
    let mut members = vec![member("a", &["t"]), member("b", &["t"])];
    let own = |indexes: &[i32]| indexes.iter().map(|index| TopicPartition::new("t", *index)).collect();
    (members[0].owned, members[0].generation) = (own(&[0, 1]), 3);
    (members[1].owned, members[1].generation) = (own(&[0]), 4);
    let assignment = assign(PartitionAssignor::Sticky, &members, &topics(&[("t", 2)]));
    assert_eq!(indexes(&assignment, "b"), named(&[("t", 0)]));
    let cooperative = assign(PartitionAssignor::CooperativeSticky, &members, &topics(&[("t", 2)]));
    assert!(cooperative["b"].is_empty(), "a may still read it");
    assert_eq!(indexes(&cooperative, "a"), named(&[("t", 1)]));
}

#[test]
fn ranges_are_near_where_shares_allow_it() {
    let members = in_racks(["x", "y"], &["t"]);
    let topics = Topics::from([placed("t", &["y", "y", "xy", "x"])]);
    let assignment = assign(PartitionAssignor::Range, &members, &topics);
    assert_eq!(indexes(&assignment, "a"), named(&[("t", 2), ("t", 3)]));
    // Nobody gets more than a share for being near.
    let topics = Topics::from([placed("t", &["x", "x", "x", "y"])]);
    let assignment = assign(PartitionAssignor::Range, &members, &topics);
    assert_eq!(indexes(&assignment, "b"), named(&[("t", 2), ("t", 3)]));
}

/// Topics of one size are joined by index, so an index goes to one member, if it is near in all of them.
#[test]
fn ranges_of_alike_topics_stay_together() {
    let members = in_racks(["x", "y"], &["s", "t"]);
    let topics = Topics::from([placed("s", &["y", "x"]), placed("t", &["y", "xy"])]);
    let assignment = assign(PartitionAssignor::Range, &members, &topics);
    assert_eq!(indexes(&assignment, "a"), named(&[("s", 1), ("t", 1)]));
    let topics = Topics::from([placed("s", &["y", "x"]), placed("t", &["x", "y"])]);
    let assignment = assign(PartitionAssignor::Range, &members, &topics);
    assert_eq!(indexes(&assignment, "a"), named(&[("s", 0), ("t", 0)]));
}

/// Racks come before what members had; evenness before both.
#[test]
fn sticky_members_read_near_and_stay_even() {
    let mut members = in_racks(["x", "y"], &["t"]);
    let own = |indexes: &[i32]| indexes.iter().map(|index| TopicPartition::new("t", *index)).collect();
    (members[0].owned, members[0].generation) = (own(&[0, 1]), 1);
    (members[1].owned, members[1].generation) = (own(&[2, 3]), 1);
    let topics = Topics::from([placed("t", &["x", "y", "x", "x"])]);
    let assignment = assign(PartitionAssignor::Sticky, &members, &topics);
    assert_eq!((assignment["a"].len(), assignment["b"].len()), (2, 2));
    assert!(assignment["b"].contains(&TopicPartition::new("t", 1)), "{assignment:?}");
    // What is everywhere moves nowhere.
    let topics = Topics::from([placed("t", &["xy", "xy", "xy", "xy"])]);
    let assignment = assign(PartitionAssignor::Sticky, &members, &topics);
    assert_eq!(assignment["a"], members[0].owned);
}

/// A group whose members join, leave and subscribe anew.
pub(crate) struct Group {
    random: Rng,
    pub(crate) members: Vec<Member>,
    pub(crate) topics: Topics,
    next: u32,
    pub(crate) is_mixed: bool,
    /// Partitions, and some members, are in racks.
    pub(crate) has_racks: bool,
}

impl Group {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let (is_mixed, has_racks) = (random.bool(), random.bool());
        let mut group =
            Self { random, members: Vec::new(), topics: Topics::new(), next: 0, is_mixed, has_racks };
        for at in 0..group.random.usize(1..5) {
            let partitions = (0..group.random.i32(0..20)).map(|_| group.racks()).collect();
            group.topics.insert(Arc::from(format!("t{at}")), partitions);
        }
        for _ in 0..group.random.usize(1..6) {
            group.join();
        }
        group
    }

    fn racks(&mut self) -> Racks {
        let count = if self.has_racks { self.random.usize(0..3) } else { 0 };
        self.random.choose_multiple(["a", "b", "c"], count).into_iter().map(Arc::from).collect()
    }

    fn join(&mut self) {
        let rack = self.racks().pop_first();
        self.next += 1;
        let (random, is_mixed) = (&mut self.random, self.is_mixed);
        let mut new = member(&format!("m{:x}-{}", random.u16(..), self.next), &[]);
        new.topics = self.topics.keys().filter(|_| !is_mixed || random.bool()).cloned().collect();
        new.rack = rack;
        self.members.push(new);
    }

    pub(crate) fn change(&mut self) {
        match self.random.u32(0..4) {
            0 => self.join(),
            1 if self.members.len() > 1 => {
                let leaver = self.random.usize(..self.members.len());
                self.members.remove(leaver);
            }
            2 => {
                let grown = self.random.usize(..self.topics.len());
                let more = [self.racks(), self.racks()];
                let partitions = self.topics.values_mut().nth(grown).unwrap();
                *partitions = partitions.iter().cloned().chain(more).collect();
            }
            _ => {}
        }
    }

    pub(crate) fn take(&mut self, assignment: &GroupAssignment, generation: i32) {
        for member in &mut self.members {
            (member.owned, member.generation) = (assignment[&member.id].clone(), generation);
        }
    }

    fn subscribers(&self, partition: &TopicPartition) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.topics.contains(&partition.topic))
    }

    /// Everything that has a subscriber is assigned to one subscriber.
    pub(crate) fn check_whole(&self, assignment: &GroupAssignment) {
        for (topic, partitions) in &self.topics {
            for (index, _) in (0..).zip(partitions.iter()) {
                let partition = TopicPartition::new(Arc::clone(topic), index);
                let owners = self.members.iter().filter(|member| assignment[&member.id].contains(&partition));
                let owners: Vec<_> = owners.collect();
                let expected = usize::from(self.subscribers(&partition).next().is_some());
                assert_eq!(owners.len(), expected, "{partition}");
                assert!(owners.iter().all(|owner| owner.topics.contains(topic)));
            }
        }
    }

    /// How many partitions are read from another rack.
    pub(crate) fn far(&self, assignment: &GroupAssignment) -> usize {
        let is_far = |member: &Member, one: &TopicPartition| {
            let at = usize::try_from(one.partition.get()).unwrap();
            racks::is_far(member, &self.topics[&one.topic][at])
        };
        let far = |member: &Member| assignment[&member.id].iter().filter(|one| is_far(member, one)).count();
        self.members.iter().map(far).sum()
    }

    /// No move from one member to a subscriber makes it more even.
    fn check_even(&self, assignment: &GroupAssignment) {
        for own in assignment.values() {
            for partition in own {
                for other in self.subscribers(partition) {
                    assert!(
                        assignment[&other.id].len() + 1 >= own.len(),
                        "{partition} could go to {}",
                        other.id
                    );
                }
            }
        }
    }
}

#[test]
fn random_groups_are_shared_whole_even_and_sticky() {
    for seed in 0..500 {
        let mut group = Group::new(seed);
        for generation in 1..8 {
            for assignor in [PartitionAssignor::Range, PartitionAssignor::RoundRobin] {
                group.check_whole(&assign(assignor, &group.members, &group.topics));
            }
            let sticky = assign(PartitionAssignor::Sticky, &group.members, &group.topics);
            group.check_whole(&sticky);
            group.check_even(&sticky);
            let cooperative = assign(PartitionAssignor::CooperativeSticky, &group.members, &group.topics);
            for (id, own) in &cooperative {
                let others = group.members.iter().filter(|member| member.id != *id);
                let taken = others.flat_map(|other| &other.owned).find(|one| own.contains(*one));
                assert_eq!(taken, None, "seed {seed}: somebody has it still");
                assert!(own.is_subset(&sticky[id]));
            }
            // What was given back is assigned by the rebalances that follow. Where all subscribe to the same and racks do not matter,
            // one is enough.
            let (mut second, mut rounds) = (cooperative, 0);
            loop {
                group.take(&second, 10 * generation + rounds);
                let next = assign(PartitionAssignor::CooperativeSticky, &group.members, &group.topics);
                let kept = group.members.iter().all(|member| member.owned.is_subset(&next[&member.id]));
                assert!(kept || group.is_mixed || group.has_racks, "seed {seed}");
                second = next;
                if kept {
                    break;
                }
                rounds += 1;
                assert!(rounds < if group.has_racks { 10 } else { 5 }, "seed {seed}: rebalances without end");
            }
            group.check_whole(&second);
            group.take(&second, 10 * generation + rounds + 1);
            let again = assign(PartitionAssignor::Sticky, &group.members, &group.topics);
            assert_eq!(again, second, "seed {seed}: what is even stays");
            group.change();
        }
    }
}
