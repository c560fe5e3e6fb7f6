//! `SyncGroup`, `Heartbeat` and `LeaveGroup` of members that speak the classic protocol in a consumer group.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::leave_group_response::MemberResponse;
use medallion_wire::messages::{
    HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::group::ConsumerGroup;
use super::member::{ClassicPart, ConsumerMember, MemberState, without_epochs};
use super::step::Step;
use crate::classic::CONSUMER_PROTOCOL_TYPE;
use crate::embedded;
use crate::history::RebalanceCause;
use crate::ids::{GroupId, InstanceId};
use crate::timers::TimerKey;

impl Step<'_, '_> {
    /// A member asks for what it has.
    ///
    /// # Errors
    /// Kafka's.
    pub(crate) fn sync(&mut self, request: &SyncGroupRequest) -> Result<SyncGroupResponse, ResponseError> {
        let group = GroupId::from(&request.group_id.0);
        let (member, classic) =
            self.classic_member(&group, &request.member_id, request.group_instance_id.as_deref())?;
        if member.epoch != request.generation_id {
            return Err(ResponseError::IllegalGeneration);
        }
        let first = classic.protocols.first().ok_or(ResponseError::InconsistentGroupProtocol)?;
        let differs = |asked: Option<&str>, ours: &str| asked.is_some_and(|asked| asked != ours);
        if differs(request.protocol_type.as_deref(), CONSUMER_PROTOCOL_TYPE)
            || differs(request.protocol_name.as_deref(), &first.name)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if self.group(&group).assignment_epoch > member.epoch
            && member.state != MemberState::UnrevokedPartitions
        {
            self.expect_join(&group, &member);
            return Err(ResponseError::RebalanceInProgress);
        }
        self.timers.cancel(&TimerKey::ConsumerSync(group.clone(), member.id.clone()));
        self.set_session(&group, &member);
        let version = embedded::read_subscription(&first.metadata).map_or(0, |read| read.version);
        let assignment = without_epochs(&member.assigned);
        Ok(SyncGroupResponse::default()
            .with_protocol_type(request.protocol_type.clone())
            .with_protocol_name(request.protocol_name.clone())
            .with_assignment(embedded::write_assignment(&assignment, version, self.environment.topics)))
    }

    /// A member lives. Where it must go on towards the target it is told to join again.
    ///
    /// # Errors
    /// Kafka's; `REBALANCE_IN_PROGRESS` is one of them.
    pub(crate) fn classic_heartbeat(&mut self, request: &HeartbeatRequest) -> Result<(), ResponseError> {
        let group = GroupId::from(&request.group_id.0);
        let (member, _) =
            self.classic_member(&group, &request.member_id, request.group_instance_id.as_deref())?;
        if member.epoch != request.generation_id {
            return Err(ResponseError::IllegalGeneration);
        }
        self.set_session(&group, &member);
        // Nobody else may come to notice that topics have changed.
        self.bump_if_topics_changed(&group);
        if self.may_start(&group) {
            self.start(&group, None);
        }
        let of = self.group(&group);
        let must_join = member.epoch < of.assignment_epoch
            || match member.state {
                MemberState::UnrevokedPartitions => true,
                MemberState::UnreleasedPartitions => !waits_for_others(of, &member),
                _ => false,
            };
        if must_join {
            self.expect_join(&group, &member);
            return Err(ResponseError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Members leave, or are taken out by an administrator. Each has an answer of its own.
    pub(crate) fn classic_leave(&mut self, request: &LeaveGroupRequest) -> LeaveGroupResponse {
        let group = GroupId::from(&request.group_id.0);
        let mut gone: Vec<Arc<ConsumerMember>> = Vec::new();
        let mut answers = Vec::with_capacity(request.members.len());
        for leaving in &request.members {
            let found = self.leaving_member(&group, leaving);
            answers.push(
                MemberResponse::default()
                    .with_member_id(leaving.member_id.clone())
                    .with_group_instance_id(leaving.group_instance_id.clone())
                    .with_error_code(found.as_ref().err().map_or(0, |error| error.code())),
            );
            if let Ok(member) = found
                && !gone.iter().any(|known| known.id == member.id)
            {
                gone.push(member);
            }
        }
        self.take_out(&group, &gone, RebalanceCause::MemberLeft, "left the group");
        LeaveGroupResponse::default().with_members(answers)
    }

    fn leaving_member(
        &self,
        group: &GroupId,
        leaving: &MemberIdentity,
    ) -> Result<Arc<ConsumerMember>, ResponseError> {
        let of = self.group(group);
        let Some(instance) = leaving.group_instance_id.as_deref() else {
            return of.member(&leaving.member_id).cloned().ok_or(ResponseError::UnknownMemberId);
        };
        let holder = of.static_member(instance).cloned().ok_or(ResponseError::UnknownMemberId)?;
        if !leaving.member_id.is_empty() && holder.id.as_str() != leaving.member_id.as_str() {
            return Err(ResponseError::FencedInstanceId);
        }
        Ok(holder)
    }

    fn classic_member(
        &self,
        group: &GroupId,
        id: &str,
        instance: Option<&str>,
    ) -> Result<(Arc<ConsumerMember>, ClassicPart), ResponseError> {
        let of = self.group(group);
        let member = match instance.map(InstanceId::from) {
            None => of.member(id).cloned().ok_or(ResponseError::UnknownMemberId)?,
            Some(instance) => {
                let holder = of.static_member(instance.as_str()).cloned();
                let holder = holder.ok_or(ResponseError::UnknownMemberId)?;
                if holder.id.as_str() != id {
                    return Err(ResponseError::FencedInstanceId);
                }
                holder
            }
        };
        let classic = member.classic.clone().ok_or(ResponseError::UnknownMemberId)?;
        Ok((member, classic))
    }

    /// A member that was told to join again has its rebalance timeout for it.
    fn expect_join(&mut self, group: &GroupId, member: &ConsumerMember) {
        let key = TimerKey::ConsumerJoin(group.clone(), member.id.clone());
        if self.timers.deadline(&key).is_none() {
            self.set_timer(key, member.rebalance_timeout_ms);
        }
    }
}

/// Whether a member that waits for partitions would get none by joining again.
fn waits_for_others(group: &ConsumerGroup, member: &ConsumerMember) -> bool {
    group.target_of(member.id.as_str()).iter().any(|(topic, partitions)| {
        let had = member.assigned.get(topic);
        let mut missing = partitions.iter().filter(|at| had.is_none_or(|had| !had.contains_key(at)));
        missing.any(|partition| group.is_held(*topic, *partition))
    })
}
