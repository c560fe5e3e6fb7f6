//! Which moves bring partitions nearer to who reads them (KIP-881), without making an assignment less even.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicPartition;

use super::racks::{self, is_far};
use super::{GroupAssignment, Member, Racks, Topics};

/// Where partitions are, where that matters.
pub(super) struct Nearness<'a> {
    racks: BTreeMap<TopicPartition, &'a Racks>,
}

/// Whose a partition is to be, and what that member gives for it.
type Exchange<'a> = (&'a Member, Option<TopicPartition>);

impl<'a> Nearness<'a> {
    /// `None` where it makes no difference who reads what.
    pub(super) fn new(members: &[&Member], topics: &'a Topics) -> Option<Self> {
        if !racks::matter(members, topics.values().flat_map(|partitions| partitions.iter())) {
            return None;
        }
        let of_topic = |(topic, partitions): (&Arc<str>, &'a Arc<[Racks]>)| {
            let topic = Arc::clone(topic);
            (0..)
                .zip(partitions.iter())
                .map(move |(index, racks)| (TopicPartition::new(Arc::clone(&topic), index), racks))
        };
        Some(Self { racks: topics.iter().flat_map(of_topic).collect() })
    }

    /// Whether a broker in the member's rack holds the partition.
    pub(super) fn is_in_rack(&self, member: &Member, partition: &TopicPartition) -> bool {
        member.rack.is_some() && !self.is_far(member, partition)
    }

    fn is_far(&self, member: &Member, partition: &TopicPartition) -> bool {
        self.racks.get(partition).is_some_and(|racks| is_far(member, racks))
    }

    /// How many subscribers are in the racks of a partition.
    pub(super) fn count(&self, members: &[&Member], partition: &TopicPartition) -> usize {
        let subscribers = members.iter().filter(|member| member.topics.contains(&partition.topic));
        subscribers.filter(|member| self.is_in_rack(member, partition)).count()
    }

    /// What is lost by a move: 1 where the partition is near now and would be far, -1 the other way round.
    pub(super) fn loss(&self, from: &Member, to: &Member, partition: &TopicPartition) -> i32 {
        i32::from(self.is_far(to, partition)) - i32::from(self.is_far(from, partition))
    }

    /// Moves partitions, and exchanges one for another, as long as that brings more of them near than it takes away, and sizes stay as
    /// even. Each step leaves less far, so it ends. Tells whether anything has moved.
    pub(super) fn improve(&self, members: &[&Member], assignment: &mut GroupAssignment) -> bool {
        let mut has_moved = true;
        let mut rounds = 0;
        while has_moved {
            has_moved = false;
            rounds += 1;
            for from in members {
                let own = assignment[&from.id].iter();
                let far: Vec<TopicPartition> = own.filter(|one| self.is_far(from, one)).cloned().collect();
                // Who has nothing that it could give for any of them.
                let mut barren = BTreeSet::new();
                for partition in far {
                    let exchange = self.exchange(members, from, &partition, assignment, &mut barren);
                    let Some((to, back)) = exchange else { continue };
                    move_one(assignment, from, to, partition);
                    if let Some(back) = back {
                        move_one(assignment, to, from, back);
                    }
                    barren.clear();
                    has_moved = true;
                }
            }
        }
        rounds > 1
    }

    /// Who takes a far partition, and for what.
    fn exchange<'m>(
        &self,
        members: &[&'m Member],
        from: &Member,
        partition: &TopicPartition,
        assignment: &GroupAssignment,
        barren: &mut BTreeSet<&'m str>,
    ) -> Option<Exchange<'m>> {
        let racks = self.racks.get(partition)?;
        let size = assignment[&from.id].len();
        let takers = members.iter().filter(|to| to.topics.contains(&partition.topic) && !is_far(to, racks));
        for to in takers {
            let own = &assignment[&to.id];
            if own.len() < size {
                return Some((to, None));
            }
            if barren.contains(&*to.id) {
                continue;
            }
            if let Some(back) = self.worth(from, to, own) {
                return Some((to, Some(back)));
            }
            barren.insert(&to.id);
        }
        None
    }

    /// What `to` can give to `from` so that nothing more is far.
    fn worth(&self, from: &Member, to: &Member, own: &BTreeSet<TopicPartition>) -> Option<TopicPartition> {
        let losses = own
            .iter()
            .filter(|one| from.topics.contains(&one.topic))
            .map(|one| (self.loss(to, from, one), one));
        let (loss, least) = losses.min()?;
        (loss <= 0).then(|| least.clone())
    }
}

fn move_one(assignment: &mut GroupAssignment, from: &Member, to: &Member, partition: TopicPartition) {
    if let Some(own) = assignment.get_mut(&from.id) {
        own.remove(&partition);
    }
    assignment.entry(Arc::clone(&to.id)).or_default().insert(partition);
}
