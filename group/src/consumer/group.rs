//! One consumer group: what its records say, and what follows from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;
use medallion_wire::TopicId;

use super::member::{ConsumerMember, TopicNames};
use crate::assignor::Assignment;
use crate::environment::Topics;
use crate::ids::{GroupId, InstanceId, MemberId};

/// The epoch that a group begins with; its first change makes it 2. Source: Kafka's `ModernGroup`.
const FIRST_EPOCH: i32 = 1;

/// The topics that a regular expression describes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolvedRegex {
    /// Their names.
    pub topics: TopicNames,
    /// The version of the metadata that was looked at.
    pub version: i64,
    /// When, by the wall clock.
    pub timestamp_ms: i64,
}

/// The states of a group, as `ConsumerGroupDescribe` and `ListGroups` name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// Without members.
    Empty,
    /// Its target is older than the group.
    Assigning,
    /// Members are on their way to the target.
    Reconciling,
    /// All members have what the target gives them.
    Stable,
}

impl ConsumerGroupState {
    /// The name in the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A group. It is changed by records only; what is counted follows from the members.
#[derive(Debug, Clone)]
pub struct ConsumerGroup {
    pub(super) id: GroupId,
    /// Grows with each change of members, subscriptions or topics.
    pub(super) epoch: i32,
    /// Of the topics that are subscribed to, see [`metadata_hash`](super::metadata_hash).
    pub(super) metadata_hash: i64,
    /// The group epoch that the target was computed for.
    pub(super) assignment_epoch: i32,
    /// When, by the wall clock; 0 before the first.
    pub(super) assignment_timestamp_ms: i64,
    pub(super) members: OrdMap<MemberId, Arc<ConsumerMember>>,
    pub(super) static_members: OrdMap<InstanceId, MemberId>,
    pub(super) target: OrdMap<MemberId, Arc<Assignment>>,
    pub(super) regexes: OrdMap<Arc<str>, ResolvedRegex>,
    /// Whether the log holds a record of Kafka 4.0 that nobody needs any more.
    pub(super) has_partition_metadata: bool,
    /// Who may not be given to another member: each partition that one owns or gives up, with that member's epoch.
    pub(super) partition_epochs: OrdMap<(TopicId, i32), i32>,
    /// How many members name a topic, and how many regular expressions describe it.
    pub(super) subscribed: OrdMap<Arc<str>, usize>,
    /// How many members share a regular expression.
    pub(super) regex_members: OrdMap<Arc<str>, usize>,
    /// How many members like an assignor best.
    pub(super) assignors: OrdMap<Arc<str>, usize>,
    /// How many members speak the classic protocol.
    pub(super) classic_members: usize,
    /// How many of those can assign by each protocol.
    pub(super) classic_protocols: OrdMap<Arc<str>, usize>,
}

impl ConsumerGroup {
    pub(super) fn new(id: GroupId) -> Self {
        Self {
            id,
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            assignment_epoch: FIRST_EPOCH,
            assignment_timestamp_ms: 0,
            members: OrdMap::new(),
            static_members: OrdMap::new(),
            target: OrdMap::new(),
            regexes: OrdMap::new(),
            has_partition_metadata: false,
            partition_epochs: OrdMap::new(),
            subscribed: OrdMap::new(),
            regex_members: OrdMap::new(),
            assignors: OrdMap::new(),
            classic_members: 0,
            classic_protocols: OrdMap::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// The group epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The epoch of the target.
    pub fn assignment_epoch(&self) -> i32 {
        self.assignment_epoch
    }

    /// Its members in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = &ConsumerMember> {
        self.members.values().map(|member| &**member)
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// One member.
    pub fn member(&self, id: &str) -> Option<&Arc<ConsumerMember>> {
        self.members.get(id)
    }

    /// The member that holds an instance id.
    pub fn static_member(&self, instance: &str) -> Option<&Arc<ConsumerMember>> {
        self.members.get(self.static_members.get(instance)?)
    }

    /// What a member is to have.
    pub fn target_of(&self, member: &str) -> Arc<Assignment> {
        self.target.get(member).cloned().unwrap_or_default()
    }

    /// Whether a member names a topic, or a regular expression of one describes it.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.contains_key(topic)
    }

    /// Where it stands.
    pub fn state(&self) -> ConsumerGroupState {
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.epoch > self.assignment_epoch {
            ConsumerGroupState::Assigning
        } else if self.members().all(|member| member.is_reconciled_to(self.assignment_epoch)) {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// The assignor that most members like best; of two with as many the first by name (Kafka takes either).
    pub(super) fn preferred_assignor(&self) -> Option<&Arc<str>> {
        let most = self.assignors.values().max()?;
        self.assignors.iter().find(|(_, count)| *count == most).map(|(name, _)| name)
    }

    /// Whether a partition is owned, or not yet given up.
    pub(super) fn is_held(&self, topic: TopicId, partition: i32) -> bool {
        self.partition_epochs.contains_key(&(topic, partition))
    }

    /// The ids of the topics that a member is subscribed to and that are there.
    pub(super) fn subscribed_ids(&self, member: &ConsumerMember, topics: &dyn Topics) -> BTreeSet<TopicId> {
        let named = member.topics.iter();
        let described = member.regex().and_then(|regex| self.regexes.get(regex));
        let described = described.into_iter().flat_map(|resolved| resolved.topics.iter());
        named.chain(described).filter_map(|name| Some(topics.by_name(name)?.id)).collect()
    }

    /// How many of its members remain, and how many of these speak the classic protocol, once some are gone.
    pub(super) fn remaining(&self, gone: &[Arc<ConsumerMember>]) -> (usize, usize) {
        let classic = gone.iter().filter(|member| member.is_classic()).count();
        (self.members.len().saturating_sub(gone.len()), self.classic_members.saturating_sub(classic))
    }

    /// Takes a member in, or a new version of it.
    pub(super) fn set_member(&mut self, member: ConsumerMember) {
        if let Some(before) = self.members.get(&member.id).cloned() {
            self.discount(&before);
        }
        self.count(&member);
        if let Some(instance) = &member.instance_id {
            let _ = self.static_members.insert(instance.clone(), member.id.clone());
        }
        let _ = self.members.insert(member.id.clone(), Arc::new(member));
    }

    /// Takes a member out.
    pub(super) fn remove_member(&mut self, id: &str) {
        let Some(member) = self.members.remove(id) else { return };
        self.discount(&member);
        if let Some(instance) = &member.instance_id
            && self.static_members.get(instance).is_some_and(|holder| holder.as_str() == id)
        {
            let _ = self.static_members.remove(instance);
        }
    }

    /// Notes what a regular expression describes; `None` forgets it.
    pub(super) fn set_regex(&mut self, regex: &str, resolved: Option<ResolvedRegex>) {
        if let Some(before) = self.regexes.remove(regex) {
            before.topics.iter().for_each(|topic| decrement(&mut self.subscribed, topic));
        }
        if let Some(resolved) = resolved {
            resolved.topics.iter().for_each(|topic| increment(&mut self.subscribed, topic));
            let _ = self.regexes.insert(Arc::from(regex), resolved);
        }
    }

    fn count(&mut self, member: &ConsumerMember) {
        member.topics.iter().for_each(|topic| increment(&mut self.subscribed, topic));
        member.regex().into_iter().for_each(|regex| increment(&mut self.regex_members, regex));
        member.assignor.iter().for_each(|assignor| increment(&mut self.assignors, assignor));
        if let Some(classic) = &member.classic {
            self.classic_members += 1;
            classic
                .protocols
                .iter()
                .for_each(|protocol| increment(&mut self.classic_protocols, &protocol.name));
        }
        for partition in member.held() {
            let epoch = self.partition_epochs.entry(partition).or_insert(member.epoch);
            *epoch = (*epoch).max(member.epoch);
        }
    }

    fn discount(&mut self, member: &ConsumerMember) {
        member.topics.iter().for_each(|topic| decrement(&mut self.subscribed, topic));
        member.regex().into_iter().for_each(|regex| decrement(&mut self.regex_members, regex));
        member.assignor.iter().for_each(|assignor| decrement(&mut self.assignors, assignor));
        if let Some(classic) = &member.classic {
            self.classic_members -= 1;
            classic
                .protocols
                .iter()
                .for_each(|protocol| decrement(&mut self.classic_protocols, &protocol.name));
        }
        for partition in member.held() {
            // Another member may have it by now, in a later epoch: a compacted log can show that.
            if self.partition_epochs.get(&partition) == Some(&member.epoch) {
                let _ = self.partition_epochs.remove(&partition);
            }
        }
    }

    /// What is counted is what members say, and no partition has two owners.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self) {
        let mut again = Self::new(self.id.clone());
        let mut held = BTreeSet::new();
        for (id, member) in &self.members {
            assert_eq!(id, &member.id);
            for partition in member.held() {
                assert!(held.insert(partition), "{}: {partition:?} has two owners", self.id);
            }
            again.set_member((**member).clone());
        }
        for (regex, resolved) in &self.regexes {
            again.set_regex(regex, Some(resolved.clone()));
        }
        assert_eq!(again.subscribed, self.subscribed, "{}", self.id);
        assert_eq!(again.regex_members, self.regex_members, "{}", self.id);
        assert_eq!(again.assignors, self.assignors, "{}", self.id);
        assert_eq!(again.classic_members, self.classic_members, "{}", self.id);
        assert_eq!(again.classic_protocols, self.classic_protocols, "{}", self.id);
        assert_eq!(again.static_members, self.static_members, "{}", self.id);
        assert_eq!(again.partition_epochs, self.partition_epochs, "{}", self.id);
        for member in self.target.keys() {
            assert!(
                self.members.contains_key(member),
                "{}: the target has {member}, who is no member",
                self.id
            );
        }
        assert!(self.assignment_epoch <= self.epoch, "{}: the target is of a later epoch", self.id);
    }
}

fn increment(counts: &mut OrdMap<Arc<str>, usize>, name: &Arc<str>) {
    *counts.entry(Arc::clone(name)).or_insert(0) += 1;
}

fn decrement(counts: &mut OrdMap<Arc<str>, usize>, name: &Arc<str>) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            let _ = counts.remove(name);
        }
    }
}
