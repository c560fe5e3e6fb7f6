//! Groups that change at random, and what Apache Kafka's server-side assignors make of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;
use medallion_group::assignor::{Assignment, Assignor, GroupAssignment, GroupSpec, MemberSpec, TopicSpec};
use medallion_wire::TopicId;
use medallion_wire::types::Uuid;
use serde_json::{Value, json};

use crate::environment::Missing;
use crate::kafka_tools;

/// In which order Kafka meets members, topics and partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In the order of ids, as Medallion does.
    ById,
    /// In the order of its hash maps, as in its coordinator.
    ByHash,
}

/// What kind of group.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// All members subscribe to all topics.
    pub same: bool,
    /// Some members, and all partitions, are in racks.
    pub racks: bool,
    /// At most so many members, topics, and partitions of a topic.
    pub members_max: usize,
    /// See `members_max`.
    pub topics_max: u64,
    /// See `members_max`.
    pub partitions_max: i32,
    /// Random topic ids, or small ones, whose order in Kafka's hash sets is their own.
    pub random_ids: bool,
}

/// A group that changes from round to round.
#[derive(Debug)]
pub struct ChangingGroup {
    kind: Kind,
    random: Rng,
    /// As of now. What members had is what they were assigned last.
    pub spec: GroupSpec,
    topics_made: u64,
}

impl ChangingGroup {
    /// A group with some members and topics.
    pub fn new(kind: Kind, seed: u64) -> Self {
        let mut group =
            Self { kind, random: Rng::with_seed(seed), spec: GroupSpec::default(), topics_made: 0 };
        for _ in 0..group.random.u64(1..=kind.topics_max) {
            group.create_topic();
        }
        for _ in 0..group.random.usize(1..=kind.members_max) {
            group.join();
        }
        group
    }

    /// Members now have what they are assigned, and something happens.
    pub fn change(&mut self, assignment: &GroupAssignment) {
        for member in &mut self.spec.members {
            member.assigned = assignment.get(&member.id).cloned().unwrap_or_default();
        }
        for _ in 0..self.random.u32(1..=3) {
            match self.random.u32(0..10) {
                0..=2 => self.join(),
                3..=4 if self.spec.members.len() > 1 => {
                    let leaver = self.random.usize(..self.spec.members.len());
                    let _ = self.spec.members.remove(leaver);
                }
                5..=6 => self.subscribe_anew(),
                7 => self.create_topic(),
                8 => self.add_partitions(),
                9 => self.delete_topic(),
                _ => {}
            }
        }
    }

    fn create_topic(&mut self) {
        if self.topics_made >= 15 {
            return; // up to here ids are in order in a Java hash set of the least size
        }
        self.topics_made += 1;
        let number = if self.kind.random_ids { self.random.u128(..) } else { u128::from(self.topics_made) };
        let partitions = self.random.i32(0..=self.kind.partitions_max);
        let id = TopicId(Uuid::from_u128(number));
        let racks =
            if self.kind.racks { (0..partitions).map(|_| self.racks()).collect() } else { Vec::new() };
        let _ = self.spec.topics.insert(id, TopicSpec { partitions, racks });
        if self.kind.same {
            self.spec.members.iter_mut().for_each(|member| {
                let _ = Arc::make_mut(&mut member.topics).insert(id);
            });
        }
    }

    fn racks(&mut self) -> Vec<Arc<str>> {
        let count = self.random.usize(1..=2);
        self.random.choose_multiple(["a", "b", "c"], count).into_iter().map(Arc::from).collect()
    }

    fn delete_topic(&mut self) {
        if self.spec.topics.len() < 2 {
            return;
        }
        let place = self.random.usize(..self.spec.topics.len());
        let id = *self.spec.topics.keys().nth(place).expect("it is one of them");
        let _ = self.spec.topics.remove(&id);
        self.spec.members.iter_mut().for_each(|member| {
            let _ = Arc::make_mut(&mut member.topics).remove(&id);
        });
    }

    fn add_partitions(&mut self) {
        let place = self.random.usize(..self.spec.topics.len());
        let more = self.random.i32(1..=3);
        let racks: Vec<_> = (0..more).map(|_| self.racks()).collect();
        let topic = self.spec.topics.values_mut().nth(place).expect("it is one of them");
        topic.partitions += more;
        if self.kind.racks {
            topic.racks.extend(racks);
        }
    }

    fn join(&mut self) {
        let random = &mut self.random;
        let id = format!("{:x}", random.u64(..));
        let instance_id = (random.u32(0..4) == 0).then(|| Arc::from(format!("i{:x}", random.u32(..))));
        let rack = (self.kind.racks && random.bool()).then(|| Arc::from(["a", "b", "c"][random.usize(..3)]));
        let topics = self.subscription();
        let member =
            MemberSpec { id: id.as_str().into(), instance_id, rack, topics, assigned: Assignment::new() };
        self.spec.members.push(member);
        self.spec.members.sort_by(|one, other| one.id.cmp(&other.id));
    }

    fn subscribe_anew(&mut self) {
        let topics = self.subscription();
        let place = self.random.usize(..self.spec.members.len());
        self.spec.members[place].topics = topics;
    }

    fn subscription(&mut self) -> Arc<BTreeSet<TopicId>> {
        let random = &mut self.random;
        let all = self.spec.topics.keys().copied();
        Arc::new(all.filter(|_| self.kind.same || random.u32(0..3) > 0).collect())
    }
}

/// What Apache Kafka's assignors make of groups.
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub fn kafkas<'a>(
    assignor: Assignor,
    order: Order,
    groups: impl IntoIterator<Item = &'a GroupSpec>,
) -> Result<Vec<GroupAssignment>, Missing> {
    let groups: Vec<Value> = groups.into_iter().map(|spec| group_json(assignor, order, spec)).collect();
    let answers = kafka_tools::assign(&groups)?;
    Ok(answers.iter().map(assignment_of).collect())
}

fn group_json(assignor: Assignor, order: Order, spec: &GroupSpec) -> Value {
    let topics = spec.topics.iter().map(|(id, topic)| {
        let racks: Vec<Vec<&str>> =
            topic.racks.iter().map(|of| of.iter().map(|rack| &**rack).collect()).collect();
        json!({ "id": id.to_string(), "partitions": topic.partitions, "racks": racks })
    });
    let members = spec.members.iter().map(|member| {
        let topics: Vec<String> = member.topics.iter().map(ToString::to_string).collect();
        let assigned: Vec<Value> = member.assigned.iter().map(|(id, own)| json!([id.to_string(), own])).collect();
        json!({
            "id": member.id.as_str(), "instance": member.instance_id.as_deref(), "rack": member.rack.as_deref(),
            "topics": topics, "assigned": assigned,
        })
    });
    json!({
        "assignor": assignor.name(), "in_order": order == Order::ById, "same": spec.is_homogeneous(),
        "topics": topics.collect::<Vec<_>>(), "members": members.collect::<Vec<_>>(),
    })
}

fn assignment_of(answer: &Value) -> GroupAssignment {
    let members = answer.as_object().expect("an assignment is an object");
    let own = |pairs: &Value| -> Assignment {
        let pairs: Vec<(String, BTreeSet<i32>)> =
            serde_json::from_value(pairs.clone()).expect("pairs of topic and partitions");
        pairs.into_iter().map(|(id, own)| (TopicId::parse(&id).expect("Kafka writes ids so"), own)).collect()
    };
    members.iter().map(|(id, pairs)| (id.as_str().into(), own(pairs))).collect()
}
