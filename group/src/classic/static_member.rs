//! A static member that comes back without a member id (KIP-345): it gets a new one, and the old is fenced off.

use super::group::ClassicGroup;
use super::join::Joining;
use super::journal::Written;
use super::rebalance::Trigger;
use super::state::{ClassicState, Phase};
use super::step::Step;
use crate::history::RebalanceCause;
use crate::ids::{InstanceId, MemberId};

/// The first version that knows `skip_assignment` (KIP-814).
const SKIP_ASSIGNMENT_MIN: i16 = 9;

impl ClassicGroup {
    /// In a stable group that would not choose another protocol now, nobody else notices.
    pub(super) fn join_replacing(
        &mut self,
        joining: Joining<'_>,
        instance: &InstanceId,
        id: &MemberId,
        step: &mut Step<'_, '_>,
    ) {
        let old = self.static_members.get(instance).cloned().expect("only static members are replaced");
        let before = self.members.get(&old).cloned().expect("instances are of members");
        let leader_before = self.leader.clone().unwrap_or_else(|| MemberId::from(""));
        self.replace(instance, id, step);
        let request = joining.request;
        self.update(id, joining.protocols(), request.rebalance_timeout_ms, request.session_timeout_ms);
        let reason = match self.state() {
            ClassicState::Stable if self.protocol_name.as_ref() == Some(&self.select_protocol()) => {
                let written = Written::Replaced { group: self.group_id(), before, after: id.clone() };
                step.journal.note(written);
                step.output.append(vec![self.to_record()]);
                return self.answer_replacing(joining, id, &leader_before, step);
            }
            ClassicState::Stable => {
                format!(
                    "Group's selectedProtocol will change because static member {id} with instance id {instance} \
                     joined with change of protocol; client reason: {}",
                    joining.reason()
                )
            }
            _ => {
                format!(
                    "Updating metadata for static member {id} with instance id {instance}; client reason: {}",
                    joining.reason()
                )
            }
        };
        self.park_join(id, joining.token);
        self.rebalance_or_complete(Trigger::of(RebalanceCause::StaticMemberReplaced, id, reason), step);
    }

    /// An older client that led before is told that the leader is its old id: it must not assign. A newer one leads, and is
    /// told to leave the assignment as it is.
    fn answer_replacing(
        &self,
        joining: Joining<'_>,
        id: &MemberId,
        leader_before: &MemberId,
        step: &mut Step<'_, '_>,
    ) {
        let answer = if joining.caller.version >= SKIP_ASSIGNMENT_MIN {
            self.joined(id.as_str()).with_skip_assignment(self.is_leader(id.as_str()))
        } else {
            self.joined_without_members(id.as_str()).with_leader(leader_before.to_str_bytes())
        };
        step.output.reply(joining.token, answer);
    }

    /// The record of a replacement was not stored: the member has its old id again, unless it went on since.
    pub(super) fn undo_replacement(
        &mut self,
        before: super::ClassicMember,
        after: &MemberId,
        step: &mut Step<'_, '_>,
    ) {
        let Some(member) = self.members.get(after) else { return };
        let (Some(instance), false) = (member.instance_id.clone(), member.is_awaiting_join()) else { return };
        if self.members.contains_key(&before.id) || self.phase == Phase::Empty {
            return;
        }
        self.update(after, before.protocols, before.rebalance_timeout_ms, before.session_timeout_ms);
        self.replace(&instance, &before.id, step);
    }
}
