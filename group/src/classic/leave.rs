//! `LeaveGroup`: members leave, by themselves or taken out by an administrator.

use medallion_wire::ResponseError;
use medallion_wire::messages::LeaveGroupRequest;
use medallion_wire::messages::LeaveGroupResponse;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::leave_group_response::MemberResponse;

use super::group::ClassicGroup;
use super::rebalance::Trigger;
use super::state::ClassicState;
use super::step::Step;
use crate::history::{MemberClient, RebalanceCause};
use crate::ids::MemberId;

impl ClassicGroup {
    /// Takes members out. Each has an answer of its own; those that go set off one rebalance together.
    pub(super) fn leave(
        &mut self,
        request: &LeaveGroupRequest,
        step: &mut Step<'_, '_>,
    ) -> LeaveGroupResponse {
        let mut left: Vec<&MemberIdentity> = Vec::new();
        let mut first = None;
        let mut answers = Vec::with_capacity(request.members.len());
        for leaving in &request.members {
            let outcome = self.take_out(leaving, step);
            answers.push(
                MemberResponse::default()
                    .with_member_id(leaving.member_id.clone())
                    .with_group_instance_id(leaving.group_instance_id.clone())
                    .with_error_code(outcome.as_ref().err().map_or(0, |error| error.code())),
            );
            if let Ok(gone) = outcome {
                left.push(leaving);
                let _ = first.get_or_insert(gone);
            }
        }
        if let Some(first) = first {
            self.rebalance_without(&left, first, step);
        }
        LeaveGroupResponse::default().with_members(answers)
    }

    /// Who was taken out. A static member may be named by its instance alone.
    fn take_out(
        &mut self,
        leaving: &MemberIdentity,
        step: &mut Step<'_, '_>,
    ) -> Result<(MemberId, Option<MemberClient>), ResponseError> {
        let instance = leaving.group_instance_id.as_deref();
        let id = if leaving.member_id.is_empty() {
            let holder = instance.and_then(|instance| self.static_members.get(instance));
            holder.cloned().ok_or(ResponseError::UnknownMemberId)?
        } else {
            MemberId::from(&leaving.member_id)
        };
        if !self.pending_join.contains(&id) {
            self.validate_member(id.as_str(), instance)?;
        }
        let client = self.client_of(id.as_str());
        self.remove(id.as_str(), step);
        Ok((id, client))
    }

    fn rebalance_without(
        &mut self,
        left: &[&MemberIdentity],
        first: (MemberId, Option<MemberClient>),
        step: &mut Step<'_, '_>,
    ) {
        if self.state() == ClassicState::Empty {
            return;
        }
        let ids: Vec<&str> = left.iter().map(|leaving| leaving.member_id.as_str()).collect();
        let said = left.iter().find_map(|leaving| leaving.reason.as_deref()).unwrap_or("not provided");
        let reason =
            format!("explicit `LeaveGroup` request for ({}) members.; client reason: {said}", ids.join(", "));
        self.rebalance_or_complete(Trigger::gone(RebalanceCause::MemberLeft, first, reason), step);
    }
}
