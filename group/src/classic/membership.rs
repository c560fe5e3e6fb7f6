//! Who is in a group: members come, go, wait and are answered. No rules of the protocol, only books that must balance.

use std::sync::Arc;

use medallion_wire::ResponseError;

use super::answers;
use super::group::ClassicGroup;
use super::member::{ClassicMember, ClassicProtocol};
use super::state::Phase;
use super::step::Step;
use crate::history::MemberClient;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::output::{Output, Token};

impl ClassicGroup {
    /// Takes in a member. The first one says what kind of group it is, and leads.
    pub(super) fn add(&mut self, protocol_type: &str, member: ClassicMember) {
        assert!(!self.members.contains_key(&member.id), "member {} of {} came twice", member.id, self.id);
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.into());
        }
        assert_eq!(self.protocol_type(), Some(protocol_type), "a member of another kind in {}", self.id);
        if let Some(instance) = &member.instance_id {
            let before = self.static_members.insert(instance.clone(), member.id.clone());
            assert_eq!(before, None, "instance {instance} of {} came twice", self.id);
        }
        self.count_protocols(&member.protocols);
        self.awaiting_join += usize::from(member.is_awaiting_join());
        let _ = self.pending_join.remove(&member.id);
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        let _ = self.members.insert(member.id.clone(), Box::new(member));
    }

    /// Takes out a member, or someone who was about to become one. Whatever of it waits is answered that it is unknown.
    /// Another member leads if it did.
    pub(super) fn remove(&mut self, id: &str, step: &mut Step<'_, '_>) {
        step.cancel_session(&self.id, &MemberId::from(id));
        let _ = self.pending_join.remove(id);
        let _ = self.pending_sync.remove(id);
        self.answer_join(id, &answers::join_refused("", ResponseError::UnknownMemberId), step.output);
        let _ = self.answer_sync(id, &answers::sync_refused(ResponseError::UnknownMemberId), step.output);
        let Some(member) = self.members.remove(id) else { return };
        self.discount_protocols(&member.protocols);
        if let Some(instance) = &member.instance_id {
            let _ = self.static_members.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Gives a static member another id. Whatever waits under the old one is fenced off.
    pub(super) fn replace(&mut self, instance: &InstanceId, new: &MemberId, step: &mut Step<'_, '_>) {
        let old = self.static_members.get(instance).cloned().expect("only static members are replaced");
        assert!(!self.members.contains_key(new), "member {new} of {} came twice", self.id);
        let fenced = ResponseError::FencedInstanceId;
        self.answer_join(old.as_str(), &answers::join_refused(old.as_str(), fenced), step.output);
        let _ = self.answer_sync(old.as_str(), &answers::sync_refused(fenced), step.output);
        step.cancel_session(&self.id, &old);
        let mut member = self.members.remove(&old).expect("instances are of members");
        member.id = new.clone();
        member.is_new = false;
        step.set_session(&self.id, new, member.session_timeout_ms);
        let _ = self.members.insert(new.clone(), member);
        if self.is_leader(old.as_str()) {
            self.leader = Some(new.clone());
        }
        if self.pending_sync.remove(&old) {
            let _ = self.pending_sync.insert(new.clone());
        }
        let _ = self.static_members.insert(instance.clone(), new.clone());
    }

    /// Takes what a member says in a new `JoinGroup`.
    pub(super) fn update(
        &mut self,
        id: &MemberId,
        protocols: Vec<ClassicProtocol>,
        rebalance_timeout_ms: i32,
        session_timeout_ms: i32,
    ) {
        let member = self.members.get_mut(id).expect("only members are updated");
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        member.session_timeout_ms = session_timeout_ms;
        let before = std::mem::replace(&mut member.protocols, protocols.clone());
        self.discount_protocols(&before);
        self.count_protocols(&protocols);
    }

    /// Lets a `JoinGroup` wait.
    pub(super) fn park_join(&mut self, id: &MemberId, token: Token) {
        let member = self.members.get_mut(id).expect("only members wait");
        self.awaiting_join += usize::from(!member.is_awaiting_join());
        member.join_waiting.push(token);
    }

    /// Answers a member's `JoinGroup`, if one waits.
    pub(super) fn answer_join(&mut self, id: &str, answer: &answers::JoinAnswer, output: &mut Output) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.is_awaiting_join()) else {
            return;
        };
        for token in member.join_waiting.drain(..) {
            output.reply(token, answer.clone());
        }
        self.awaiting_join -= 1;
    }

    /// Answers a member's `SyncGroup`; whether one waited.
    pub(super) fn answer_sync(
        &mut self,
        id: &str,
        answer: &answers::SyncAnswer,
        output: &mut Output,
    ) -> bool {
        let Some(member) = self.members.get_mut(id).filter(|member| member.is_awaiting_sync()) else {
            return false;
        };
        for token in member.sync_waiting.drain(..) {
            output.reply(token, answer.clone());
        }
        true
    }

    /// Refuses all that wait.
    pub(super) fn refuse_waiting(&mut self, error: ResponseError, output: &mut Output) {
        for id in self.member_ids() {
            self.answer_join(id.as_str(), &answers::join_refused(id.as_str(), error), output);
            let _ = self.answer_sync(id.as_str(), &answers::sync_refused(error), output);
        }
    }

    /// Whether a member may do what it asks for. An instance id must be that of the member.
    pub(super) fn validate_member(&self, id: &str, instance: Option<&str>) -> Result<(), ResponseError> {
        if let Some(instance) = instance {
            let holder = self.static_members.get(instance).ok_or(ResponseError::UnknownMemberId)?;
            if holder.as_str() != id {
                return Err(ResponseError::FencedInstanceId);
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
    }

    /// Whether every member has joined, and nobody is about to.
    pub(super) fn have_all_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_join.is_empty()
    }

    pub(super) fn member_ids(&self) -> Vec<MemberId> {
        self.members.keys().cloned().collect()
    }

    /// Sets all timers that the state asks for, in a group that has none.
    pub(super) fn set_timers(&self, step: &mut Step<'_, '_>) {
        for member in self.members.values() {
            step.set_session(&self.id, &member.id, member.session_timeout_ms);
        }
        match self.phase {
            Phase::Preparing { .. } => step.set_timer(self.join_key(), self.rebalance_timeout_ms()),
            Phase::Completing | Phase::Stable if !self.pending_sync.is_empty() => {
                step.set_timer(self.sync_key(), self.rebalance_timeout_ms());
            }
            Phase::Empty | Phase::Completing | Phase::Stable => {}
        }
    }

    /// Cancels all timers of the group.
    pub(super) fn cancel_timers(&self, step: &mut Step<'_, '_>) {
        for member in self.members.keys().chain(&self.pending_join) {
            step.cancel_session(&self.id, member);
        }
        step.timers.cancel(&self.join_key());
        step.timers.cancel(&self.sync_key());
    }

    /// The client of a member.
    pub(super) fn client_of(&self, id: &str) -> Option<MemberClient> {
        let member = self.members.get(id)?;
        Some(MemberClient { id: Arc::clone(&member.client_id), host: Arc::clone(&member.client_host) })
    }

    /// The group's id where the other fields are borrowed.
    pub(super) fn group_id(&self) -> GroupId {
        self.id.clone()
    }
}
