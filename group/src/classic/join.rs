//! `JoinGroup`: who may join, and what it sets off. Source: Kafka's `classicGroupJoinToClassicGroup`.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::messages::JoinGroupRequest;
use medallion_wire::types::Uuid;

use super::answers::join_refused;
use super::group::ClassicGroup;
use super::member::{ClassicMember, ClassicProtocol, MemberParts};
use super::protocols::is_unchanged;
use super::rebalance::Trigger;
use super::state::{ClassicState, Phase};
use super::step::Step;
use crate::history::RebalanceCause;
use crate::ids::{InstanceId, MemberId};
use crate::output::Token;
use crate::request::Caller;
use crate::timers::TimerKey;

/// The first version in which a member must know its id before it joins (KIP-394).
const KNOWN_MEMBER_ID_MIN: i16 = 4;
/// A new member whose client may be gone already is given this long.
const NEW_MEMBER_TIMEOUT_MS: i32 = 300_000;

/// A `JoinGroup` on its way through the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joining<'a> {
    pub(super) token: Token,
    pub(super) caller: &'a Caller,
    pub(super) request: &'a JoinGroupRequest,
}

impl Joining<'_> {
    pub(super) fn protocols(&self) -> Vec<ClassicProtocol> {
        self.request.protocols.iter().map(ClassicProtocol::from_request).collect()
    }

    fn instance_id(&self) -> Option<InstanceId> {
        self.request.group_instance_id.as_ref().map(InstanceId::from)
    }

    /// The instance id as it stands in reasons.
    fn instance_text(&self) -> &str {
        self.request.group_instance_id.as_deref().unwrap_or("null")
    }

    /// The client's reason (KIP-800), as it stands at the end of reasons.
    pub(super) fn reason(&self) -> &str {
        self.request.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("not provided")
    }

    pub(super) fn refuse(&self, member: &str, error: ResponseError, step: &mut Step<'_, '_>) {
        step.output.reply(self.token, join_refused(member, error));
    }

    /// An id that nobody has: of the instance, or the client, and a random UUID (version 4).
    fn new_member_id(&self, step: &mut Step<'_, '_>) -> MemberId {
        let random = (step.environment.random)();
        let uuid = Uuid::from_u128(random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62);
        let prefix = self.request.group_instance_id.as_ref().unwrap_or(&self.caller.client_id);
        MemberId::from(format!("{prefix}-{uuid}"))
    }
}

impl ClassicGroup {
    /// Takes a `JoinGroup`, which is answered now or when the next generation begins.
    pub(super) fn join(&mut self, joining: Joining<'_>, step: &mut Step<'_, '_>) {
        let member = &joining.request.member_id;
        if !self.has_room(member, step) {
            self.remove(member, step);
            return joining.refuse("", ResponseError::GroupMaxSizeReached, step);
        }
        let names = joining.request.protocols.iter().map(|protocol| protocol.name.as_str());
        if !self.supports(&joining.request.protocol_type, names) {
            return joining.refuse(member, ResponseError::InconsistentGroupProtocol, step);
        }
        if member.is_empty() {
            self.join_unknown(joining, step);
        } else if self.pending_join.contains(member.as_str()) {
            self.join_pending(joining, step);
        } else {
            self.join_known(joining, step);
        }
    }

    /// Whether `group.max.size` lets a member in. While members join, those count who did.
    fn has_room(&self, member: &str, step: &Step<'_, '_>) -> bool {
        let members_max = step.environment.settings.classic.members_max;
        let known = self.members.get(member);
        match self.phase {
            Phase::Empty => true,
            Phase::Preparing { .. } => {
                known.is_some_and(|member| member.is_awaiting_join()) || self.awaiting_join < members_max
            }
            Phase::Completing | Phase::Stable => known.is_some() || self.members.len() < members_max,
        }
    }

    /// Someone without a member id: it gets one.
    fn join_unknown(&mut self, joining: Joining<'_>, step: &mut Step<'_, '_>) {
        let id = joining.new_member_id(step);
        if let Some(instance) = joining.instance_id() {
            if self.static_members.contains_key(&instance) {
                self.join_replacing(joining, &instance, &id, step);
            } else {
                self.add_and_rebalance(joining, id, step);
            }
            return;
        }
        if joining.caller.version < KNOWN_MEMBER_ID_MIN {
            return self.add_and_rebalance(joining, id, step);
        }
        step.set_session(&self.id, &id, joining.request.session_timeout_ms);
        joining.refuse(id.as_str(), ResponseError::MemberIdRequired, step);
        let _ = self.pending_join.insert(id);
    }

    /// Someone who comes with the id that it was given.
    fn join_pending(&mut self, joining: Joining<'_>, step: &mut Step<'_, '_>) {
        if joining.request.group_instance_id.is_some() {
            return joining.refuse("", ResponseError::UnknownServerError, step); // as in Kafka
        }
        self.add_and_rebalance(joining, MemberId::from(&joining.request.member_id), step);
    }

    fn add_and_rebalance(&mut self, joining: Joining<'_>, id: MemberId, step: &mut Step<'_, '_>) {
        if let Phase::Preparing { initial: Some(initial) } = &mut self.phase {
            initial.new_member_added = true;
        }
        let request = joining.request;
        let mut member = ClassicMember::from(MemberParts {
            id: id.clone(),
            instance_id: joining.instance_id(),
            client_id: Arc::from(joining.caller.client_id.as_str()),
            client_host: Arc::from(joining.caller.client_host.as_str()),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: joining.protocols(),
            assignment: Bytes::new(),
        });
        member.is_new = true;
        member.join_waiting.push(joining.token);
        self.add(&request.protocol_type, member);
        step.set_timer(TimerKey::ClassicSession(self.group_id(), id.clone()), NEW_MEMBER_TIMEOUT_MS);
        let reason = format!(
            "Adding new member {id} with group instance id {}; client reason: {}",
            joining.instance_text(),
            joining.reason()
        );
        self.rebalance_or_complete(Trigger::of(RebalanceCause::MemberJoined, &id, reason), step);
    }

    /// A member joins again. One that lost the answer gets it again; what changes something begins a rebalance.
    fn join_known(&mut self, joining: Joining<'_>, step: &mut Step<'_, '_>) {
        let request = joining.request;
        let id = MemberId::from(&request.member_id);
        if let Err(error) = self.validate_member(id.as_str(), request.group_instance_id.as_deref()) {
            return joining.refuse(id.as_str(), error, step);
        }
        let member = self.members.get(&id).expect("it was validated");
        let is_unchanged = is_unchanged(member, &joining.protocols());
        let (cause, reason) = match self.state() {
            // Its members would have been validated: there are none.
            ClassicState::Empty => return joining.refuse(id.as_str(), ResponseError::UnknownMemberId, step),
            ClassicState::PreparingRebalance => {
                (RebalanceCause::MetadataChanged, format!("Member {id} is joining group"))
            }
            ClassicState::Stable if self.is_leader(id.as_str()) => {
                (RebalanceCause::LeaderRejoined, format!("Leader {id} re-joining group"))
            }
            ClassicState::CompletingRebalance | ClassicState::Stable if !is_unchanged => {
                (RebalanceCause::MetadataChanged, format!("Updating metadata for member {id}"))
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                let answer = self.joined(id.as_str());
                return step.output.reply(joining.token, answer);
            }
        };
        let reason = format!("{reason} during {}; client reason: {}", self.state(), joining.reason());
        let timeouts = (request.rebalance_timeout_ms, request.session_timeout_ms);
        self.update(&id, joining.protocols(), timeouts.0, timeouts.1);
        self.park_join(&id, joining.token);
        self.rebalance_or_complete(Trigger::of(cause, &id, reason), step);
    }
}
