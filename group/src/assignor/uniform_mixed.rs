//! Shares as equal as different subscriptions allow: keep what is owned, give what is free to who has least, then move
//! from who has most to who has least while that evens out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use medallion_wire::TopicId;

use super::{GroupAssignment, GroupSpec};

/// After so many rounds over all topics what is left uneven stays so (as in Kafka).
const ROUNDS_MAX: usize = 16;

/// A topic while it is assigned. Members are known by their index in the spec.
struct Topic {
    id: TopicId,
    /// Who subscribes, in order.
    subscribers: Vec<usize>,
    /// Who has each partition.
    owners: Vec<Option<usize>>,
}

struct Shares<'a> {
    spec: &'a GroupSpec,
    topics: Vec<Topic>,
    /// How many partitions each member has.
    sizes: Vec<usize>,
}

pub(super) fn assign(spec: &GroupSpec) -> GroupAssignment {
    let mut shares = Shares::new(spec);
    shares.keep_owned();
    for topic in 0..shares.topics.len() {
        shares.give_free(topic);
    }
    for _ in 0..ROUNDS_MAX {
        let moved = (0..shares.topics.len()).map(|topic| shares.even_out(topic)).sum::<usize>();
        if moved == 0 {
            break;
        }
    }
    shares.into_assignment()
}

impl<'a> Shares<'a> {
    /// Topics with most partitions for each subscriber come first: they leave least choice.
    fn new(spec: &'a GroupSpec) -> Self {
        let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (index, member) in spec.members.iter().enumerate() {
            for topic in member.topics.iter().filter(|topic| spec.topics.contains_key(topic)) {
                subscribers.entry(*topic).or_default().push(index);
            }
        }
        let mut topics: Vec<Topic> = subscribers
            .into_iter()
            .map(|(id, subscribers)| {
                let partitions = spec.topics.get(&id).map_or(0, |topic| topic.partitions);
                let owners = vec![None; usize::try_from(partitions).unwrap_or(0)];
                Topic { id, subscribers, owners }
            })
            .collect();
        topics.sort_by(|one, other| {
            let one_share = one.owners.len() * other.subscribers.len();
            let other_share = other.owners.len() * one.subscribers.len();
            other_share
                .cmp(&one_share)
                .then(one.subscribers.len().cmp(&other.subscribers.len()))
                .then(one.id.cmp(&other.id))
        });
        Self { spec, topics, sizes: vec![0; spec.members.len()] }
    }

    fn keep_owned(&mut self) {
        for topic in &mut self.topics {
            for index in &topic.subscribers {
                let owned = self.spec.members[*index].assigned.get(&topic.id);
                for partition in owned.into_iter().flatten() {
                    let owner = usize::try_from(*partition).ok().and_then(|at| topic.owners.get_mut(at));
                    if let Some(owner @ None) = owner {
                        *owner = Some(*index);
                        self.sizes[*index] += 1;
                    }
                }
            }
        }
    }

    fn give_free(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        let mut least: BinaryHeap<Reverse<(usize, usize)>> =
            topic.subscribers.iter().map(|index| Reverse((self.sizes[*index], *index))).collect();
        for partition in 0..topic.owners.len() {
            if topic.owners[partition].is_some() {
                continue;
            }
            let at = (topic.id, i32::try_from(partition).unwrap_or(i32::MAX));
            let Some(index) = take_least(self.spec, &mut least, at) else { return };
            topic.owners[partition] = Some(index);
            self.sizes[index] += 1;
            least.push(Reverse((self.sizes[index], index)));
        }
    }

    /// Moves partitions of one topic; tells how many.
    fn even_out(&mut self, topic: usize) -> usize {
        let topic = &mut self.topics[topic];
        let mut moved = 0;
        loop {
            let least = topic.subscribers.iter().copied().min_by_key(|index| (self.sizes[*index], *index));
            let owned = topic.owners.iter().enumerate().filter_map(|(at, owner)| Some((at, (*owner)?)));
            let most = owned.max_by_key(|(at, index)| (self.sizes[*index], *at));
            let (Some(least), Some((partition, most))) = (least, most) else { return moved };
            if self.sizes[most] <= self.sizes[least] + 1 {
                return moved;
            }
            topic.owners[partition] = Some(least);
            self.sizes[most] -= 1;
            self.sizes[least] += 1;
            moved += 1;
        }
    }

    fn into_assignment(self) -> GroupAssignment {
        let mut assignment: GroupAssignment =
            self.spec.members.iter().map(|member| (member.id.clone(), BTreeMap::new())).collect();
        for topic in self.topics {
            for (partition, owner) in (0..).zip(topic.owners) {
                let Some(owner) = owner else { continue };
                let own = assignment.entry(self.spec.members[owner].id.clone()).or_default();
                let _ = own.entry(topic.id).or_default().insert(partition);
            }
        }
        assignment
    }
}

/// Who has least of all; of those the first that is near the partition, else the first.
fn take_least(
    spec: &GroupSpec,
    least: &mut BinaryHeap<Reverse<(usize, usize)>>,
    partition: (TopicId, i32),
) -> Option<usize> {
    let Reverse((size, first)) = least.pop()?;
    if !spec.has_racks() || spec.is_near(&spec.members[first], partition) {
        return Some(first);
    }
    let mut passed = vec![first];
    let mut chosen = first;
    while let Some(Reverse((_, index))) = least.peek().copied().filter(|Reverse((other, _))| *other == size) {
        let _ = least.pop();
        passed.push(index);
        if spec.is_near(&spec.members[index], partition) {
            chosen = index;
            break;
        }
    }
    least.extend(passed.into_iter().filter(|index| *index != chosen).map(|index| Reverse((size, index))));
    Some(chosen)
}
