//! Shares as equal as different subscriptions allow: keep what is owned, give what is free to who has least, then move
//! from who has most to who has least while that evens out. Source: Kafka's `UniformHeterogeneousAssignmentBuilder`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use medallion_wire::TopicId;

use super::levels::Levels;
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
    shares.even_out_all();
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
                .then(signed_halves(one.id).cmp(&signed_halves(other.id)))
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

    /// Gives what nobody has to who has least; of those with as many to who came first when the topic's turn began.
    fn give_free(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        topic.subscribers.sort_by_key(|index| (self.sizes[*index], *index));
        let ranked = topic.subscribers.iter().enumerate();
        let mut least: BinaryHeap<Least> =
            ranked.map(|(rank, index)| Reverse((self.sizes[*index], rank, *index))).collect();
        for (at, owner) in (0..).zip(&mut topic.owners) {
            if owner.is_some() {
                continue;
            }
            let Some(Reverse((size, rank, index))) = take_least(self.spec, &mut least, (topic.id, at)) else {
                return;
            };
            *owner = Some(index);
            self.sizes[index] += 1;
            least.push(Reverse((size + 1, rank, index)));
        }
    }

    /// Goes over the topics until all others have moved nothing since one has.
    fn even_out_all(&mut self) {
        let movable: Vec<usize> =
            (0..self.topics.len()).filter(|topic| self.topics[*topic].subscribers.len() > 1).collect();
        let mut last_moved = None;
        for topic in movable.iter().copied().cycle().take(ROUNDS_MAX * movable.len()) {
            if last_moved == Some(topic) {
                return;
            }
            if self.even_out(topic) || last_moved.is_none() {
                last_moved = Some(topic);
            }
        }
    }

    /// Moves partitions of one topic from who has most to who has least; whether there was one to move.
    fn even_out(&mut self, topic: usize) -> bool {
        let topic = &mut self.topics[topic];
        topic.subscribers.sort_by_key(|index| (self.sizes[*index], *index));
        let size_of = |member: Option<&usize>| member.map_or(0, |member| self.sizes[*member]);
        if size_of(topic.subscribers.last()) <= size_of(topic.subscribers.first()) + 1 {
            return false;
        }
        let mut levels = Levels::new(&topic.subscribers, &self.sizes);
        // What each member gives away, its last partition first. What it gets here it keeps.
        let mut to_give: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in topic.owners.iter().enumerate() {
            if let Some(owner) = owner {
                to_give.entry(*owner).or_default().push(partition);
            }
        }
        let mut has_moved = false;
        while !levels.are_even() {
            let Some((most, partition)) = next_to_give(&mut levels, &self.sizes, &mut to_give) else { break };
            let least = levels.next_least(&self.sizes);
            if levels.are_even() {
                break;
            }
            topic.owners[partition] = Some(least);
            self.sizes[most] -= 1;
            self.sizes[least] += 1;
            has_moved = true;
        }
        has_moved
    }

    fn into_assignment(self) -> GroupAssignment {
        let mut assigned = vec![super::Assignment::new(); self.sizes.len()];
        for topic in self.topics {
            for (partition, owner) in (0..).zip(topic.owners) {
                let Some(owner) = owner else { continue };
                let _ = assigned[owner].entry(topic.id).or_default().insert(partition);
            }
        }
        self.spec.members.iter().map(|member| member.id.clone()).zip(assigned).collect()
    }
}

/// Size, rank and index of a member.
type Least = Reverse<(usize, usize, usize)>;

/// Kafka's order of ids: as two signed numbers.
fn signed_halves(id: TopicId) -> (i64, i64) {
    let (most, least) = id.0.as_u64_pair();
    (most.cast_signed(), least.cast_signed())
}

/// Who has most and still has a partition to give away, with that partition.
fn next_to_give(
    levels: &mut Levels,
    sizes: &[usize],
    to_give: &mut BTreeMap<usize, Vec<usize>>,
) -> Option<(usize, usize)> {
    loop {
        let most = levels.next_most(sizes)?;
        if let Some(partition) = to_give.get_mut(&most).and_then(Vec::pop) {
            return Some((most, partition));
        }
        levels.leave_out_most();
    }
}

/// Who has least of all; of those the first that is near the partition, else the first.
fn take_least(spec: &GroupSpec, least: &mut BinaryHeap<Least>, partition: (TopicId, i32)) -> Option<Least> {
    let first = least.pop()?;
    let Reverse((size, _, index)) = first;
    if !spec.has_racks() || spec.is_near(&spec.members[index], partition) {
        return Some(first);
    }
    let mut passed = Vec::new();
    let mut chosen = None;
    while let Some(next) = least.peek().copied().filter(|Reverse((other, ..))| *other == size) {
        let _ = least.pop();
        if spec.is_near(&spec.members[next.0.2], partition) {
            chosen = Some(next);
            break;
        }
        passed.push(next);
    }
    least.extend(passed);
    if chosen.is_some() {
        least.push(first);
    }
    chosen.or(Some(first))
}
