//! `SyncGroup`: the leader brings the assignment, the others wait for it.

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::messages::SyncGroupRequest;
use std::collections::BTreeMap;

use super::answers::sync_refused;
use super::group::ClassicGroup;
use super::journal::Written;
use super::rebalance::Trigger;
use super::state::{ClassicState, Phase};
use super::step::Step;
use crate::history::RebalanceCause;
use crate::ids::MemberId;
use crate::output::Token;

impl ClassicGroup {
    /// Takes a `SyncGroup`, which is answered now or when the leader has brought the assignment.
    pub(super) fn sync(&mut self, token: Token, request: &SyncGroupRequest, step: &mut Step<'_, '_>) {
        if let Err(error) = self.validate_sync(request) {
            return step.output.reply(token, sync_refused(error));
        }
        let id = request.member_id.as_str();
        match self.state() {
            ClassicState::Empty => step.output.reply(token, sync_refused(ResponseError::UnknownMemberId)),
            ClassicState::PreparingRebalance => {
                step.output.reply(token, sync_refused(ResponseError::RebalanceInProgress));
            }
            ClassicState::CompletingRebalance => {
                self.note_sync(id, step);
                let member = self.members.get_mut(id).expect("it was validated");
                member.sync_waiting.push(token);
                if self.is_leader(id) {
                    self.assign(request, step);
                }
            }
            ClassicState::Stable => {
                self.note_sync(id, step);
                let member = self.members.get(id).expect("it was validated");
                step.output.reply(token, self.assigned(member.assignment.clone()));
            }
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ResponseError> {
        if self.is_empty() {
            return Err(ResponseError::UnknownMemberId);
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        let differs = |theirs: Option<&str>, ours: Option<&str>| {
            theirs.zip(ours).is_some_and(|(theirs, ours)| theirs != ours)
        };
        if differs(request.protocol_type.as_deref(), self.protocol_type())
            || differs(request.protocol_name.as_deref(), self.protocol_name())
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// A member has asked for its assignment; when all have, nobody is waited for any longer.
    fn note_sync(&mut self, id: &str, step: &mut Step<'_, '_>) {
        let _ = self.pending_sync.remove(id);
        if self.pending_sync.is_empty() {
            step.timers.cancel(&self.sync_key());
        }
    }

    /// Takes the leader's assignment. Who is missing in it is assigned nothing. Members learn of it when it is stored: their
    /// replies are of the turn that appends the record.
    fn assign(&mut self, request: &SyncGroupRequest, step: &mut Step<'_, '_>) {
        let mut assignments: BTreeMap<&str, &Bytes> = BTreeMap::new();
        for given in &request.assignments {
            let _ = assignments.insert(given.member_id.as_str(), &given.assignment);
        }
        for (id, member) in &mut self.members {
            let assignment = assignments.get(id.as_str()).map(|bytes| Bytes::copy_from_slice(bytes));
            member.assignment = assignment.unwrap_or_default();
        }
        step.output.append(vec![self.to_record()]);
        let leader = MemberId::from(&request.member_id);
        step.journal.note(Written::Assigned { group: self.group_id(), generation: self.generation, leader });
        self.enter(Phase::Stable, step.environment.now_ms);
        for id in self.member_ids() {
            let member = self.members.get(&id).expect("it was listed");
            let (assignment, session_timeout_ms) = (member.assignment.clone(), member.session_timeout_ms);
            if self.answer_sync(id.as_str(), &self.assigned(assignment), step.output) {
                step.set_session(&self.id, &id, session_timeout_ms);
            }
        }
    }

    /// The record of a generation was not stored: its members must join another.
    pub(super) fn undo_assignment(
        &mut self,
        generation: i32,
        leader: &MemberId,
        error: ResponseError,
        step: &mut Step<'_, '_>,
    ) {
        if self.generation != generation {
            return;
        }
        match self.phase {
            Phase::Stable => {
                self.reset_assignments(error, step);
                let reason = format!(
                    "Error {error:?} when storing group assignment during SyncGroup (member: {leader})."
                );
                self.prepare_rebalance(Trigger::of(RebalanceCause::StoreFailed, leader, reason), step);
            }
            Phase::Preparing { .. } => self.reset_assignments(error, step),
            Phase::Empty | Phase::Completing => {}
        }
    }

    /// The time to ask for the assignment is over: who did not is out, whether the leader did or not.
    pub(super) fn on_sync_timer(&mut self, step: &mut Step<'_, '_>) {
        if !matches!(self.phase, Phase::Completing | Phase::Stable) || self.pending_sync.is_empty() {
            return;
        }
        let silent: Vec<MemberId> = self.pending_sync.iter().cloned().collect();
        let first = silent[0].clone();
        let client = self.client_of(first.as_str());
        for id in &silent {
            self.remove(id.as_str(), step);
        }
        let names: Vec<&str> = silent.iter().map(MemberId::as_str).collect();
        let reason = format!("Removing [{}] on pending sync request expiration", names.join(", "));
        self.prepare_rebalance(Trigger::gone(RebalanceCause::SyncExpired, (first, client), reason), step);
    }
}
