//! What a group's members can assign by, and what they choose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::ClassicGroup;
use super::member::{ClassicMember, ClassicProtocol};
use crate::embedded;

impl ClassicGroup {
    /// Whether someone of this kind with these protocols could be a member. An empty group takes any kind.
    pub(super) fn supports<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && protocols.next().is_some();
        }
        let supported = |name| self.supported.get(name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type() == Some(protocol_type) && protocols.any(supported)
    }

    pub(super) fn count_protocols(&mut self, protocols: &[ClassicProtocol]) {
        for name in names(protocols) {
            *self.supported.entry(name).or_default() += 1;
        }
    }

    pub(super) fn discount_protocols(&mut self, protocols: &[ClassicProtocol]) {
        for name in names(protocols) {
            let count = self.supported.get_mut(&name).expect("members' protocols are counted");
            *count -= 1;
            if *count == 0 {
                let _ = self.supported.remove(&name);
            }
        }
    }

    /// The protocol with the most votes. Each member votes for that which it likes best of those that all support; of two
    /// with as many votes the first by name is taken (Kafka takes either).
    pub(super) fn select_protocol(&self) -> Arc<str> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().map(|protocol| &protocol.name);
            let vote = vote.into_iter().find(|name| self.supported.get(*name) == Some(&self.members.len()));
            *votes.entry(vote.expect("members share a protocol")).or_default() += 1;
        }
        let most = votes.values().max().copied();
        let (name, _) = votes
            .into_iter()
            .find(|(_, count)| Some(*count) == most)
            .expect("only a group with members selects a protocol");
        Arc::clone(name)
    }

    /// The topics that members read; `None` where they are no consumers, or one says something that cannot be read.
    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(embedded::read_topics(member.metadata(protocol)?)?);
        }
        Some(topics)
    }
}

/// Whether a `JoinGroup` says the same as before.
pub(super) fn is_unchanged(member: &ClassicMember, protocols: &[ClassicProtocol]) -> bool {
    member.protocols == protocols
}

fn names(protocols: &[ClassicProtocol]) -> BTreeSet<Arc<str>> {
    protocols.iter().map(|protocol| Arc::clone(&protocol.name)).collect()
}
