//! What holds between any two steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::ClassicGroup;
use super::state::Phase;
use crate::timers::{TimerKey, Timers};

impl ClassicGroup {
    /// The group's books balance, its state fits its members, and what must not wait for ever has a timer.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self, timers: &Timers) {
        self.check_books();
        self.check_state();
        self.check_waiting();
        self.check_timers(timers);
    }

    fn check_books(&self) {
        let id = &self.id;
        let awaiting = self.members.values().filter(|member| member.is_awaiting_join()).count();
        assert_eq!(self.awaiting_join, awaiting, "{id}: members that wait");
        let mut supported = BTreeMap::new();
        let mut instances = BTreeMap::new();
        for (key, member) in &self.members {
            assert_eq!(key, &member.id, "{id}");
            for (index, protocol) in member.protocols.iter().enumerate() {
                let is_first = !member.protocols[..index].iter().any(|earlier| earlier.name == protocol.name);
                *supported.entry(Arc::clone(&protocol.name)).or_insert(0) += usize::from(is_first);
            }
            if let Some(instance) = &member.instance_id {
                assert_eq!(instances.insert(instance.clone(), key.clone()), None, "{id}: {instance}");
            }
        }
        assert_eq!(self.supported, supported, "{id}: protocols");
        assert_eq!(self.static_members, instances, "{id}: static members");
        for pending in &self.pending_join {
            assert!(!self.members.contains_key(pending), "{id}: {pending} is pending and a member");
        }
        for pending in &self.pending_sync {
            assert!(self.members.contains_key(pending), "{id}: {pending} is awaited and no member");
        }
    }

    fn check_state(&self) {
        let id = &self.id;
        let leads = self.leader.as_ref().is_some_and(|leader| self.members.contains_key(leader));
        assert!(leads || self.members.is_empty(), "{id}: led by {:?}, who is no member", self.leader);
        match self.phase {
            Phase::Empty => assert!(self.members.is_empty(), "{id}: empty with members"),
            Phase::Preparing { .. } => assert!(self.pending_sync.is_empty(), "{id}: awaits an assignment"),
            Phase::Completing | Phase::Stable => {
                assert!(!self.members.is_empty(), "{id}: {} without members", self.state());
                let protocol = self.protocol_name().unwrap_or_default();
                for member in self.members.values() {
                    assert!(member.metadata(protocol).is_some(), "{id}: {} lacks {protocol}", member.id);
                }
            }
        }
    }

    /// Requests wait in the one state that answers them.
    fn check_waiting(&self) {
        for member in self.members.values() {
            let (join, sync) = (member.is_awaiting_join(), member.is_awaiting_sync());
            assert!(!join || matches!(self.phase, Phase::Preparing { .. }), "{}: {member:?}", self.id);
            assert!(!sync || self.phase == Phase::Completing, "{}: {member:?}", self.id);
            assert!(!sync || !self.pending_sync.contains(&member.id), "{}: {member:?}", self.id);
        }
    }

    /// A member that is silent is found out, and so is a group that makes no progress.
    fn check_timers(&self, timers: &Timers) {
        let is_set = |key: TimerKey| timers.deadline(&key).is_some();
        for member in self.members.values() {
            let session = TimerKey::ClassicSession(self.id.clone(), member.id.clone());
            assert!(
                is_set(session) || member.has_satisfied_heartbeat(),
                "{}: nobody watches {}",
                self.id,
                member.id
            );
        }
        for pending in &self.pending_join {
            let session = TimerKey::ClassicSession(self.id.clone(), pending.clone());
            assert!(is_set(session), "{}: nobody watches {pending}", self.id);
        }
        let prepares = matches!(self.phase, Phase::Preparing { .. });
        assert_eq!(is_set(self.join_key()), prepares, "{}: the join's timer", self.id);
        assert_eq!(is_set(self.sync_key()), !self.pending_sync.is_empty(), "{}: the sync's timer", self.id);
    }
}
