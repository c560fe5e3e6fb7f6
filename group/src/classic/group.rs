//! One classic group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::CONSUMER_PROTOCOL_TYPE;
use super::member::ClassicMember;
use super::state::{ClassicState, Phase};
use crate::ids::{GroupId, InstanceId, MemberId};

/// A group and its members.
#[derive(Debug)]
pub struct ClassicGroup {
    pub(super) id: GroupId,
    pub(super) phase: Phase,
    /// When the group came into its state, by the wall clock; unknown for one loaded from an old record.
    pub(super) state_timestamp_ms: Option<i64>,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) generation: i32,
    pub(super) leader: Option<MemberId>,
    pub(super) members: BTreeMap<MemberId, Box<ClassicMember>>,
    pub(super) static_members: BTreeMap<InstanceId, MemberId>,
    /// Who was told an id to join with, and did not yet (KIP-394).
    pub(super) pending_join: BTreeSet<MemberId>,
    /// Who did not yet ask for the assignment of this generation.
    pub(super) pending_sync: BTreeSet<MemberId>,
    /// How many members wait for a `JoinGroup`'s answer.
    pub(super) awaiting_join: usize,
    /// How many members can assign by each protocol.
    pub(super) supported: BTreeMap<Arc<str>, usize>,
    /// What the members read, as far as that is known.
    pub(super) subscribed_topics: Option<BTreeSet<Arc<str>>>,
}

/// What makes a stable group of members that had been in one of the consumer protocol.
#[derive(Debug, Clone)]
pub struct ClassicParts {
    /// The group.
    pub id: GroupId,
    /// The group epoch, which the generations go on from.
    pub generation: i32,
    /// At least one, none twice.
    pub members: Vec<ClassicMember>,
    /// The wall clock.
    pub now_ms: i64,
}

impl ClassicGroup {
    /// A group that nobody has joined.
    pub(super) fn new(id: GroupId, now_ms: i64) -> Self {
        Self {
            id,
            phase: Phase::Empty,
            state_timestamp_ms: Some(now_ms),
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            awaiting_join: 0,
            supported: BTreeMap::new(),
            subscribed_topics: None,
        }
    }

    /// A stable group of consumers. Its protocol is chosen by their votes; assignments can be set afterwards, since their
    /// version depends on what members say in the chosen protocol. Source: Kafka's `ClassicGroup.fromConsumerGroup`.
    ///
    /// # Panics
    /// Without members, with one twice, or without a protocol that all of them support.
    pub fn from_parts(parts: ClassicParts) -> Self {
        assert!(!parts.members.is_empty(), "group {} is made of no members", parts.id);
        let mut group = Self::new(parts.id, parts.now_ms);
        group.generation = parts.generation;
        for member in parts.members {
            group.add(CONSUMER_PROTOCOL_TYPE, member);
        }
        group.protocol_name = Some(group.select_protocol());
        group.subscribed_topics = group.compute_subscribed_topics();
        group.phase = Phase::Stable;
        group
    }

    /// Sets what a member has been assigned, in a group that is being made.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn set_assignment(&mut self, member: &MemberId, assignment: Bytes) {
        let member = self.members.get_mut(member).expect("only members are assigned something");
        member.assignment = assignment;
    }

    /// Its id.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// Its state.
    pub fn state(&self) -> ClassicState {
        self.phase.state()
    }

    /// Its generation: 0 before the first, one more with each rebalance.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// What kind of thing is assigned: `consumer`, `connect`. `None` for a group that nobody ever joined.
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// What the generation is assigned by: `range`, for one.
    pub fn protocol_name(&self) -> Option<&str> {
        self.protocol_name.as_deref()
    }

    /// Who assigns.
    pub fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    /// Its members in the order of their ids, with protocols and assignments.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &ClassicMember> {
        self.members.values().map(|member| &**member)
    }

    /// One member.
    pub fn member(&self, id: &str) -> Option<&ClassicMember> {
        self.members.get(id).map(|member| &**member)
    }

    /// The member that holds an instance id.
    pub fn static_member(&self, instance: &str) -> Option<&ClassicMember> {
        self.member(self.static_members.get(instance)?.as_str())
    }

    /// Whether it is in the state `Empty`: without members, and without a rebalance that waits for some.
    pub fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    /// Whether it was made by commits alone: nobody ever joined, nobody is about to. Kafka: `isSimpleGroup`.
    pub fn is_simple(&self) -> bool {
        self.protocol_type.is_none() && self.is_empty() && self.pending_join.is_empty()
    }

    /// Whether its members are consumers, whose subscriptions can be read.
    pub fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// The topics that members read, where that is known.
    pub fn subscribed_topics(&self) -> Option<&BTreeSet<Arc<str>>> {
        self.subscribed_topics.as_ref()
    }

    /// Whether members read a topic. Of consumers whose topics are not known any may be read.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// How long a rebalance waits for members: as long as the most patient of them asks.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.as_str() == member)
    }

    pub(super) fn enter(&mut self, phase: Phase, now_ms: i64) {
        self.phase = phase;
        self.state_timestamp_ms = Some(now_ms);
    }
}
