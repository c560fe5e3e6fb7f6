//! `JoinGroup` of a member that speaks the classic protocol in a consumer group: it is answered at once, with the epoch as
//! its generation, and leads nothing.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::{JoinGroupRequest, JoinGroupResponse};

use super::checks::{check_instance, unknown_instance};
use super::member::{ClassicPart, ConsumerMember};
use super::soft::{Waiting, WaitingRequest};
use super::step::{Step, refused};
use crate::classic::{CONSUMER_PROTOCOL_TYPE, ClassicProtocol, join_refused};
use crate::embedded::{self, Subscription};
use crate::environment::MigrationPolicy;
use crate::history::RebalanceCause;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::output::Token;
use crate::request::{Caller, Refusal, text};
use crate::timers::TimerKey;

/// The first version in which a dynamic member must come with an id that it was given.
const KNOWN_MEMBER_ID_MIN: i16 = 4;

/// A join that waits for an assignment.
#[derive(Debug)]
pub(super) struct WaitingJoin {
    pub(super) protocol: Arc<str>,
    pub(super) subscription: Subscription,
    pub(super) rebalance_timeout_ms: i32,
}

impl Step<'_, '_> {
    /// Takes a join. `None` is answered when an assignment is there.
    ///
    /// # Errors
    /// Kafka's.
    pub(crate) fn join(
        &mut self,
        token: Token,
        caller: &Caller,
        request: &JoinGroupRequest,
    ) -> Result<Option<JoinGroupResponse>, Refusal> {
        let group = GroupId::from(&request.group_id.0);
        self.check_migration(&group)?;
        let is_unknown = request.member_id.is_empty();
        let id = if is_unknown { self.new_id() } else { MemberId::from(&request.member_id) };
        self.check_room(&group, id.as_str())?;
        self.check_protocols(&group, &id, request)?;
        let instance = request.group_instance_id.as_ref().map(InstanceId::from);
        if is_unknown && instance.is_none() && caller.version >= KNOWN_MEMBER_ID_MIN {
            return Ok(Some(join_refused(id.as_str(), ResponseError::MemberIdRequired)));
        }
        let subscription = subscription_of(request, &id)?;
        let replaced = instance.as_ref().and_then(|instance| self.holder(&group, instance));
        let downgrades = replaced.as_ref().is_some_and(|old| self.may_downgrade_by(&group, old));
        let member = self.find_or_make_classic(&group, &id, instance.as_ref(), is_unknown)?;
        let updated = updated(&member, caller, request, &subscription, instance);
        let is_new = member.topics.is_empty() && member.regex.is_empty();
        let cause = if is_new { RebalanceCause::MemberJoined } else { RebalanceCause::MetadataChanged };
        let has_changed = self.write_member(&group, &member, updated, cause);
        if !has_changed {
            self.bump_if_topics_changed(&group);
        }
        let join = WaitingJoin {
            protocol: Arc::from(
                request.protocols.first().map(|first| first.name.as_str()).unwrap_or_default(),
            ),
            subscription,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
        };
        if let Some(old) = replaced.filter(|_| downgrades) {
            return self.join_downgrading(&group, &id, &old.id, &join, has_changed).map(Some);
        }
        self.hear_of(&group, &id);
        if self.may_start(&group) {
            let request = WaitingRequest::Join(Box::new(join));
            let has_subscription_changed = has_changed;
            self.start(&group, Some(Waiting { token, member: id, request, has_subscription_changed }));
            return Ok(None);
        }
        self.finish_join(&group, &id, &join, has_changed).map(Some)
    }

    fn check_migration(&self, group: &GroupId) -> Result<(), Refusal> {
        if self.environment.settings.consumer.migration != MigrationPolicy::Disabled {
            return Ok(());
        }
        let message = format!(
            "Cannot join the consumer group {group} with the classic protocol because the group migration is disabled."
        );
        Err(refused(ResponseError::InconsistentGroupProtocol, message))
    }

    fn check_protocols(
        &self,
        group: &GroupId,
        id: &MemberId,
        request: &JoinGroupRequest,
    ) -> Result<(), Refusal> {
        let of = self.group(group);
        let is_shared =
            |name: &str| of.classic_protocols.get(name).copied().unwrap_or(0) == of.classic_members;
        if request.protocol_type.as_str() == CONSUMER_PROTOCOL_TYPE
            && request.protocols.iter().any(|protocol| is_shared(&protocol.name))
        {
            return Ok(());
        }
        let message = format!("Member {id}'s protocols are not supported.");
        Err(refused(ResponseError::InconsistentGroupProtocol, message))
    }

    fn holder(&self, group: &GroupId, instance: &InstanceId) -> Option<Arc<ConsumerMember>> {
        self.group(group).static_member(instance.as_str()).cloned()
    }

    /// Whether a static member of the consumer protocol is the last of it, and comes back with the classic one.
    fn may_downgrade_by(&self, group: &GroupId, old: &ConsumerMember) -> bool {
        let of = self.group(group);
        let settings = self.environment.settings;
        !old.is_classic()
            && of.classic_members + 1 == of.len()
            && settings.consumer.migration.downgrades()
            && of.len() <= settings.classic.members_max
    }

    fn find_or_make_classic(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        instance: Option<&InstanceId>,
        is_unknown: bool,
    ) -> Result<ConsumerMember, Refusal> {
        let known =
            || self.member(group, id).map_or_else(|| ConsumerMember::new(id.clone()), |m| (*m).clone());
        let Some(instance) = instance else { return Ok(known()) };
        match self.holder(group, instance) {
            None if is_unknown => Ok(known()),
            Some(old) if is_unknown => Ok(self.replace(group, &old, id)),
            None => Err(unknown_instance(instance)),
            Some(holder) => {
                check_instance(&holder, id, instance)?;
                Ok((*holder).clone())
            }
        }
    }

    /// Takes the member on towards the target, and answers it.
    pub(super) fn finish_join(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        join: &WaitingJoin,
        has_subscription_changed: bool,
    ) -> Result<JoinGroupResponse, Refusal> {
        let before = self.member(group, id).ok_or(ResponseError::UnknownMemberId)?;
        let owned = embedded::by_id(&join.subscription.owned, self.environment.topics);
        let after = self.reconcile(group, &before, Some(&owned), has_subscription_changed)?;
        self.timers.cancel(&TimerKey::ConsumerJoin(group.clone(), id.clone()));
        self.set_session(group, &after);
        self.set_timer(TimerKey::ConsumerSync(group.clone(), id.clone()), join.rebalance_timeout_ms);
        Ok(joined(&after, join))
    }

    fn join_downgrading(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        old: &MemberId,
        join: &WaitingJoin,
        has_subscription_changed: bool,
    ) -> Result<JoinGroupResponse, Refusal> {
        let of = self.group(group);
        let is_stale = of.assignment_epoch < of.epoch;
        let mut member = (*self.member(group, id).ok_or(ResponseError::UnknownMemberId)?).clone();
        if !is_stale {
            let owned = embedded::by_id(&join.subscription.owned, self.environment.topics);
            member = self.reconcile(group, &member, Some(&owned), has_subscription_changed)?;
        }
        let reason = is_stale
            .then(|| format!("Downgrade group {group} from consumer to classic with stale assignment."));
        let answer = joined(&member, join);
        self.downgrade(group, &[], Some((&member, old)), reason);
        Ok(answer)
    }
}

fn joined(member: &ConsumerMember, join: &WaitingJoin) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_member_id(member.id.to_str_bytes())
        .with_generation_id(member.epoch)
        .with_protocol_type(Some(text(CONSUMER_PROTOCOL_TYPE)))
        .with_protocol_name(Some(text(&join.protocol)))
}

fn subscription_of(request: &JoinGroupRequest, id: &MemberId) -> Result<Subscription, Refusal> {
    let first = request.protocols.first();
    first.and_then(|protocol| embedded::read_subscription(&protocol.metadata)).ok_or_else(|| {
        let message = format!("Member {id}'s subscription cannot be read.");
        refused(ResponseError::InconsistentGroupProtocol, message)
    })
}

fn updated(
    member: &ConsumerMember,
    caller: &Caller,
    request: &JoinGroupRequest,
    subscription: &Subscription,
    instance: Option<InstanceId>,
) -> ConsumerMember {
    let mut updated = member.clone();
    if instance.is_some() {
        updated.instance_id = instance;
    }
    if subscription.rack.is_some() {
        updated.rack.clone_from(&subscription.rack);
    }
    updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    updated.topics = Arc::new(subscription.topics.iter().cloned().collect());
    updated.regex = Arc::from("");
    updated.client_id = Arc::from(caller.client_id.as_str());
    updated.client_host = Arc::from(caller.client_host.as_str());
    updated.classic = Some(ClassicPart {
        session_timeout_ms: request.session_timeout_ms,
        protocols: request.protocols.iter().map(ClassicProtocol::from_request).collect(),
    });
    updated
}
