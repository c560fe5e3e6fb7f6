//! `Heartbeat`, and what happens without it.

use medallion_wire::ResponseError;
use medallion_wire::messages::HeartbeatRequest;

use super::group::ClassicGroup;
use super::rebalance::Trigger;
use super::state::ClassicState;
use super::step::Step;
use crate::history::RebalanceCause;
use crate::ids::MemberId;

impl ClassicGroup {
    /// A member lives. It is told to join again while its group rebalances.
    ///
    /// # Errors
    /// Kafka's, among them `REBALANCE_IN_PROGRESS`.
    pub(super) fn heartbeat(
        &self,
        request: &HeartbeatRequest,
        step: &mut Step<'_, '_>,
    ) -> Result<(), ResponseError> {
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        let member = self.members.get(request.member_id.as_str()).expect("it was validated");
        step.set_session(&self.id, &member.id, member.session_timeout_ms);
        match self.state() {
            ClassicState::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            ClassicState::Empty | ClassicState::CompletingRebalance | ClassicState::Stable => Ok(()),
        }
    }

    /// A member was not heard of for its session timeout, or someone who was given an id did not come.
    pub(super) fn on_session_timer(&mut self, id: &MemberId, step: &mut Step<'_, '_>) {
        if self.pending_join.contains(id) {
            self.remove(id.as_str(), step);
            return self.complete_without(step);
        }
        if self.members.get(id).is_none_or(|member| member.has_satisfied_heartbeat()) {
            return;
        }
        let client = self.client_of(id.as_str());
        self.remove(id.as_str(), step);
        if self.state() == ClassicState::PreparingRebalance {
            return self.complete_without(step);
        }
        let reason = format!("removing member {id} on heartbeat expiration.");
        let trigger = Trigger::gone(RebalanceCause::SessionExpired, (id.clone(), client), reason);
        self.prepare_rebalance(trigger, step);
    }

    /// Who is gone is not waited for. Unlike a join this ends even the first wait of a group, as in Kafka.
    fn complete_without(&mut self, step: &mut Step<'_, '_>) {
        if self.state() == ClassicState::PreparingRebalance && self.have_all_joined() {
            self.complete_join(step);
        }
    }
}
