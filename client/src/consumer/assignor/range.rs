//! Of each topic a run of neighbours to each member; the first members get one more where it does not come out even.
//!
//! Where racks matter, members first get, up to their share, what is near to them, and topics with the same members and as many
//! partitions are kept together: the same indexes of all of them go to the same member, if they are near to it in all of them
//! (KIP-881). What is left goes to who has not got its share yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicPartition;

use super::racks::{self, is_far};
use super::{GroupAssignment, Member, Racks, Topics, empty, give};

pub(super) fn assign(members: &[&Member], topics: &Topics) -> GroupAssignment {
    let mut assignment = empty(members);
    let mut shares: Vec<Share<'_>> =
        topics.iter().map(|(topic, partitions)| Share::new(topic, partitions, members)).collect();
    if shares.iter().any(|share| share.racks_matter) {
        give_near(&mut shares, &mut assignment);
    }
    for share in &mut shares {
        share.give_runs(|_, _| true, &mut assignment);
    }
    assignment
}

/// How far a topic is handed out.
struct Share<'a> {
    topic: &'a Arc<str>,
    partitions: &'a [Racks],
    subscribers: Vec<&'a Member>,
    /// How many each of them has.
    counts: Vec<usize>,
    /// What all of them get.
    each: usize,
    /// How many may still have one more.
    more: usize,
    free: BTreeSet<usize>,
    racks_matter: bool,
}

impl<'a> Share<'a> {
    fn new(topic: &'a Arc<str>, partitions: &'a [Racks], members: &[&'a Member]) -> Self {
        let subscribers: Vec<_> =
            members.iter().copied().filter(|member| member.topics.contains(topic)).collect();
        let total = subscribers.len().max(1);
        Self {
            topic,
            partitions,
            counts: vec![0; subscribers.len()],
            each: partitions.len() / total,
            more: partitions.len() % total,
            free: (0..partitions.len()).collect(),
            racks_matter: racks::matter(&subscribers, partitions.iter()),
            subscribers,
        }
    }

    /// How many more the subscriber at `place` may have.
    fn room(&self, place: usize) -> usize {
        (self.each + usize::from(self.more > 0)).saturating_sub(self.counts[place])
    }

    fn is_near(&self, place: usize, index: usize) -> bool {
        !is_far(self.subscribers[place], &self.partitions[index])
    }

    fn give(&mut self, place: usize, index: usize, assignment: &mut GroupAssignment) {
        self.free.remove(&index);
        self.counts[place] += 1;
        if self.counts[place] == self.each + 1 {
            self.more -= 1;
        }
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        give(assignment, self.subscribers[place], TopicPartition::new(Arc::clone(self.topic), index));
    }

    /// To one subscriber after another, of what it may have, as much as it has room for.
    fn give_runs(
        &mut self,
        may_have: impl Fn(&Self, (usize, usize)) -> bool,
        assignment: &mut GroupAssignment,
    ) {
        for place in 0..self.subscribers.len() {
            let room = self.room(place);
            let run: Vec<usize> = self
                .free
                .iter()
                .copied()
                .filter(|index| may_have(self, (place, *index)))
                .take(room)
                .collect();
            for index in run {
                self.give(place, index, assignment);
            }
        }
    }
}

/// Hands out what is near.
fn give_near(shares: &mut [Share<'_>], assignment: &mut GroupAssignment) {
    let mut alike: BTreeMap<(Vec<&str>, usize), Vec<&mut Share<'_>>> = BTreeMap::new();
    for share in shares {
        let ids = share.subscribers.iter().map(|member| &*member.id).collect();
        alike.entry((ids, share.partitions.len())).or_default().push(share);
    }
    for ((subscribers, count), mut together) in alike {
        match together.as_mut_slice() {
            [alone] if !alone.racks_matter => {}
            [alone] => alone.give_runs(|share, (place, index)| share.is_near(place, index), assignment),
            together if together[0].subscribers.iter().any(|member| member.rack.is_some()) => {
                for index in 0..count {
                    let fits = |place: &usize| {
                        together.iter().all(|share| share.is_near(*place, index) && share.room(*place) > 0)
                    };
                    let Some(place) = (0..subscribers.len()).find(fits) else { continue };
                    for share in &mut *together {
                        share.give(place, index, assignment);
                    }
                }
            }
            _ => {}
        }
    }
}
