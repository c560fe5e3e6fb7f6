//! `ConsumerGroupHeartbeat`: one request with which a member joins, lives, gives up and gets partitions, and leaves.

use std::sync::Arc;

use medallion_wire::messages::consumer_group_heartbeat_response::{
    Assignment as AnsweredAssignment, TopicPartitions,
};
use medallion_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, TopicId};

use super::checks::{
    UNCHANGED, check_epoch, check_instance, check_regex, not_a_consumer_group, unknown_instance,
    unknown_member, validate,
};
use super::member::{ConsumerMember, LEAVING_EPOCH, PartitionEpochs, STATIC_LEAVING_EPOCH, TopicNames};
use super::reconcile::Reconciliation;
use super::records;
use super::soft::{Waiting, WaitingRequest};
use super::step::{Step, Trigger, refused};
use crate::assignor::Assignment;
use crate::history::RebalanceCause;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::output::Token;
use crate::request::{Caller, Refusal};
use crate::timers::TimerKey;

impl Step<'_, '_> {
    /// Takes a heartbeat. `None` is answered when an assignment is there.
    ///
    /// # Errors
    /// Kafka's, with its messages.
    pub(crate) fn heartbeat(
        &mut self,
        token: Token,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Option<ConsumerGroupHeartbeatResponse>, Refusal> {
        validate(request, caller.version, &self.environment.settings.consumer.assignors)?;
        if matches!(request.member_epoch, LEAVING_EPOCH | STATIC_LEAVING_EPOCH) {
            return self.leave(request).map(Some);
        }
        let group = GroupId::from(&request.group_id.0);
        let is_joining = request.member_epoch == 0;
        if let Some(pattern) = request.subscribed_topic_regex.as_deref().filter(|pattern| !pattern.is_empty())
        {
            check_regex(pattern)?;
        }
        self.open(&group, &request.member_id, is_joining)?;
        self.check_room(&group, &request.member_id)?;
        let id = self.id_for(request);
        let member = self.find_or_make(&group, &id, request)?;
        let has_changed = self.update(&group, &member, caller, request);
        if !has_changed {
            self.bump_if_topics_changed(&group);
        }
        self.hear_of(&group, &id);
        if self.may_start(&group) {
            let waiting = Waiting {
                token,
                member: id,
                request: WaitingRequest::Heartbeat(Box::new(request.clone())),
                has_subscription_changed: has_changed,
            };
            self.start(&group, Some(waiting));
            return Ok(None);
        }
        self.finish_heartbeat(&group, &id, request, has_changed).map(Some)
    }

    /// The group is there, or is made for who joins: out of nothing, or out of a classic group.
    fn open(&mut self, id: &GroupId, member: &str, is_joining: bool) -> Result<(), Refusal> {
        if self.groups.get(id.as_str()).is_some() {
            return Ok(());
        }
        match self.classic.get(id.as_str()) {
            None if is_joining => Ok(()),
            None => {
                let message = format!("Consumer group {id} not found.");
                Err(refused(ResponseError::GroupIdNotFound, message))
            }
            Some(group) if is_joining && group.is_empty() => {
                self.replace_empty_classic(id);
                Ok(())
            }
            Some(_) if is_joining => self.upgrade(id, member),
            Some(_) => {
                let message = format!("Group {id} is not a consumer group.");
                Err(refused(ResponseError::GroupIdNotFound, message))
            }
        }
    }

    fn id_for(&mut self, request: &ConsumerGroupHeartbeatRequest) -> MemberId {
        if request.member_id.is_empty() { self.new_id() } else { MemberId::from(&request.member_id) }
    }

    /// As Kafka's: 16 bytes in URL-safe base 64, which never begins with a dash.
    pub(super) fn new_id(&mut self) -> MemberId {
        MemberId::from(random_id((self.environment.random)()))
    }

    fn find_or_make(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerMember, Refusal> {
        let owned = owned_of(request);
        match request.instance_id.as_ref() {
            None => self.find_dynamic(group, id, request.member_epoch, owned.as_ref()),
            Some(instance) => {
                self.find_static(group, id, &InstanceId::from(instance), request.member_epoch, owned.as_ref())
            }
        }
    }

    fn find_dynamic(
        &self,
        group: &GroupId,
        id: &MemberId,
        epoch: i32,
        owned: Option<&Assignment>,
    ) -> Result<ConsumerMember, Refusal> {
        match self.member(group, id) {
            Some(member) => {
                check_epoch(&member, epoch, owned)?;
                Ok((*member).clone())
            }
            None if epoch == 0 => Ok(ConsumerMember::new(id.clone())),
            None => Err(unknown_member(group, id)),
        }
    }

    fn find_static(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        instance: &InstanceId,
        epoch: i32,
        owned: Option<&Assignment>,
    ) -> Result<ConsumerMember, Refusal> {
        let holder = self.groups.get(group.as_str()).and_then(|group| group.static_member(instance.as_str()));
        let Some(holder) = holder.cloned() else {
            return match epoch {
                0 => Ok(self
                    .member(group, id)
                    .map_or_else(|| ConsumerMember::new(id.clone()), |m| (*m).clone())),
                _ => Err(unknown_instance(instance)),
            };
        };
        if epoch != 0 {
            check_instance(&holder, id, instance)?;
            check_epoch(&holder, epoch, owned)?;
            return Ok((*holder).clone());
        }
        // The same member once more: its answer was lost.
        if holder.id == *id && holder.epoch != STATIC_LEAVING_EPOCH {
            return Ok((*holder).clone());
        }
        if !holder.is_classic() && holder.epoch != STATIC_LEAVING_EPOCH {
            let message = format!(
                "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by \
                 {} member.",
                holder.id
            );
            return Err(refused(ResponseError::UnreleasedInstanceId, message));
        }
        Ok(self.replace(group, &holder, id))
    }

    /// A static member comes back under another id, and has what it had.
    pub(super) fn replace(&mut self, group: &GroupId, old: &ConsumerMember, id: &MemberId) -> ConsumerMember {
        let target = self.group(group).target_of(old.id.as_str());
        let mut new = old.clone();
        new.id = id.clone();
        (new.epoch, new.previous_epoch) = (0, 0);
        self.write_all(records::no_member(group, &old.id));
        self.write(records::member(group, &new));
        self.write(records::target(group, id, &target));
        self.write(records::current(group, &new));
        self.cancel_timers(group, &old.id);
        new
    }

    /// Notes what a member says; whether it is subscribed to something else now, which begins another epoch.
    fn update(
        &mut self,
        group: &GroupId,
        member: &ConsumerMember,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> bool {
        let mut updated = member.clone();
        let text =
            |text: &medallion_wire::kafka_protocol::protocol::StrBytes| Arc::<str>::from(text.as_str());
        if let Some(instance) = &request.instance_id {
            updated.instance_id = Some(InstanceId::from(instance));
        }
        if let Some(rack) = &request.rack_id {
            updated.rack = Some(text(rack));
        }
        if request.rebalance_timeout_ms != UNCHANGED {
            updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(assignor) = &request.server_assignor {
            updated.assignor = Some(text(assignor));
        }
        if let Some(topics) = &request.subscribed_topic_names {
            let topics: TopicNames = Arc::new(topics.iter().map(|topic| text(&topic.0)).collect());
            if topics != updated.topics {
                updated.topics = topics;
            }
        }
        if let Some(pattern) = &request.subscribed_topic_regex {
            updated.regex = text(pattern);
        }
        updated.client_id = text(&caller.client_id);
        updated.client_host = text(&caller.client_host);
        updated.classic = None;
        let cause = if request.member_epoch == 0 && member.topics.is_empty() && member.regex.is_empty() {
            RebalanceCause::MemberJoined
        } else {
            RebalanceCause::MetadataChanged
        };
        self.write_member(group, member, updated, cause)
    }

    /// Writes a member's new words; whether its subscription is another now, which begins another epoch.
    pub(super) fn write_member(
        &mut self,
        group: &GroupId,
        before: &ConsumerMember,
        after: ConsumerMember,
        cause: RebalanceCause,
    ) -> bool {
        let is_known = self.member(group, &after.id).is_some();
        if is_known && after == *before {
            return false;
        }
        let subscription = after.topics != before.topics || after.regex != before.regex;
        let id = after.id.clone();
        let dropped = before.regex().filter(|regex| **regex != after.regex).cloned();
        self.write(records::member(group, &after));
        if let Some(regex) = dropped
            && !self.group(group).regex_members.contains_key(&regex)
        {
            self.write(records::no_regex(group, &regex));
        }
        if subscription {
            self.refresh_regexes(group);
            let reason = match cause {
                RebalanceCause::MemberJoined => format!("member {id} joined"),
                _ => format!("member {id} changed its subscription"),
            };
            self.bump(group, Trigger { cause, member: Some(&after), reason });
        }
        subscription
    }

    /// Takes the member on towards the target, and answers it.
    pub(super) fn finish_heartbeat(
        &mut self,
        group: &GroupId,
        id: &MemberId,
        request: &ConsumerGroupHeartbeatRequest,
        has_subscription_changed: bool,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let before = self.member(group, id).ok_or_else(|| unknown_member(group, id))?;
        // One that is an epoch behind has not read its last answer. It gets that again and is taken no further, or it would be
        // two epochs behind when this one is lost too.
        let is_behind = (1..before.epoch).contains(&request.member_epoch);
        let after = if is_behind {
            (*before).clone()
        } else {
            self.reconcile(group, &before, owned_of(request).as_ref(), has_subscription_changed)?
        };
        self.set_session(group, &after);
        let is_repeated = self.is_repeated(group, id, request);
        let is_full = request.rebalance_timeout_ms != UNCHANGED
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let with_assignment = request.member_epoch == 0
            || is_full
            || before.assigned != after.assigned
            || is_behind
            || is_repeated;
        if with_assignment {
            self.soft.remember(group, id, request);
        } else {
            self.soft.forget_member(group, id);
        }
        Ok(ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(id.to_str_bytes()))
            .with_member_epoch(after.epoch)
            .with_heartbeat_interval_ms(self.heartbeat_interval_ms(group))
            .with_assignment(with_assignment.then(|| answered(&after.assigned))))
    }

    /// Whether the last request of the member comes again, whose answer held an assignment.
    fn is_repeated(&self, group: &GroupId, id: &MemberId, request: &ConsumerGroupHeartbeatRequest) -> bool {
        let last = self.soft.last.get(group).and_then(|members| members.get(id));
        last.is_some_and(|last| **last == *request)
    }

    pub(super) fn reconcile(
        &mut self,
        group: &GroupId,
        member: &ConsumerMember,
        owned: Option<&Assignment>,
        has_subscription_changed: bool,
    ) -> Result<ConsumerMember, Refusal> {
        let of = self.group(group);
        if !has_subscription_changed && member.is_reconciled_to(of.assignment_epoch) {
            return Ok(member.clone());
        }
        let subscribed = of.subscribed_ids(member, self.environment.topics);
        let reconciliation = Reconciliation {
            target_epoch: of.assignment_epoch,
            target: &of.target_of(member.id.as_str()),
            has_subscription_changed,
            subscribed: &subscribed,
            is_held: &|topic, partition| of.is_held(topic, partition),
            owned,
        };
        let after = reconciliation.step(member).map_err(|_| {
            let message = "The consumer group member is in a unknown state. The member must abandon all its partitions and \
                           rejoin.";
            refused(ResponseError::FencedMemberEpoch, message)
        })?;
        if after != *member {
            self.write(records::current(group, &after));
            self.set_rebalance_timer(group, &after);
        }
        Ok(after)
    }

    /// A member leaves: for good, or for now where it is static.
    fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let group = GroupId::from(&request.group_id.0);
        let id = MemberId::from(&request.member_id);
        let of = self.groups.get(group.as_str()).ok_or_else(|| not_a_consumer_group(self, &group))?;
        let answer = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(id.to_str_bytes()))
            .with_member_epoch(request.member_epoch);
        let member = match request.instance_id.as_deref() {
            None => of.member(id.as_str()).cloned().ok_or_else(|| unknown_member(&group, &id))?,
            Some(instance) => {
                let instance = InstanceId::from(instance);
                let holder = of.static_member(instance.as_str()).cloned();
                let holder = holder.ok_or_else(|| unknown_instance(&instance))?;
                check_instance(&holder, &id, &instance)?;
                holder
            }
        };
        if request.member_epoch == STATIC_LEAVING_EPOCH {
            self.leave_for_now(&group, &member);
        } else {
            self.take_out(&group, &[member], RebalanceCause::MemberLeft, "left the group");
        }
        Ok(answer)
    }

    /// A static member that leaves for now keeps its partitions until it comes back or its session ends.
    fn leave_for_now(&mut self, group: &GroupId, member: &ConsumerMember) {
        let mut after = member.clone();
        after.epoch = STATIC_LEAVING_EPOCH;
        after.revoking.clear();
        for epochs in after.assigned.values_mut() {
            for epoch in epochs.values_mut() {
                *epoch = 0;
            }
        }
        self.write(records::current(group, &after));
        self.timers.cancel(&TimerKey::ConsumerRebalance(group.clone(), member.id.clone()));
        self.soft.forget_member(group, &member.id);
    }
}

/// What the request says to own; `None` for "as before".
pub(super) fn owned_of(request: &ConsumerGroupHeartbeatRequest) -> Option<Assignment> {
    let topics = request.topic_partitions.as_ref()?;
    let mut owned = Assignment::new();
    for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        owned.entry(TopicId(topic.topic_id)).or_default().extend(&topic.partitions);
    }
    Some(owned)
}

fn answered(assigned: &PartitionEpochs) -> AnsweredAssignment {
    let topics = assigned.iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(topic.0)
            .with_partitions(partitions.keys().copied().collect())
    });
    AnsweredAssignment::default().with_topic_partitions(topics.collect())
}

/// A random id as Kafka writes its UUIDs, all of them as topics' ids.
fn random_id(random: u128) -> String {
    const VERSION: u128 = 0x4000 << 64;
    const VARIANT: u128 = 0x8 << 60;
    // A first bit of 0 keeps the first character off "-" and "_", which tools would take for options.
    let bits = (random & !(0xf000 << 64) & !(0xc << 60) & (u128::MAX >> 1)) | VERSION | VARIANT;
    TopicId(Uuid::from_u128(bits)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_look_like_those_of_kafka() {
        for random in [0, 1, u128::MAX, 0x1234_5678_9abc_def0_1234_5678_9abc_def0] {
            let id = random_id(random);
            assert_eq!(id.len(), 22);
            assert!(
                !id.starts_with('-')
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
        assert_eq!(random_id(0), "AAAAAAAAQACAAAAAAAAAAA");
    }
}
