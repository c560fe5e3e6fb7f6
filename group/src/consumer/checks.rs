//! What a member of the consumer protocol may not do: each refusal with Kafka's code and words.

use medallion_wire::ResponseError;
use medallion_wire::messages::ConsumerGroupHeartbeatRequest;

use super::member::{ConsumerMember, LEAVING_EPOCH, STATIC_LEAVING_EPOCH};
use super::regex;
use super::step::{Step, refused};
use crate::assignor::Assignment;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::request::Refusal;

/// The first version in which clients choose their member ids.
const CLIENT_CHOOSES_ID_MIN: i16 = 1;
/// Stands for "as before".
pub(super) const UNCHANGED: i32 = -1;

impl Step<'_, '_> {
    pub(super) fn check_room(&self, id: &GroupId, member: &str) -> Result<(), Refusal> {
        let members_max = self.environment.settings.consumer.members_max;
        let Some(group) = self.groups.get(id.as_str()) else { return Ok(()) };
        if group.len() < members_max || (!member.is_empty() && group.member(member).is_some()) {
            return Ok(());
        }
        let message =
            format!("The consumer group has reached its maximum capacity of {members_max} members.");
        Err(refused(ResponseError::GroupMaxSizeReached, message))
    }
}

/// A member may be one epoch behind: the answer that told it of its epoch was lost. Kafka refuses that where the request
/// does not list what is owned; here that counts as unchanged, and so it is part of what the member has.
pub(super) fn check_epoch(
    member: &ConsumerMember,
    epoch: i32,
    owned: Option<&Assignment>,
) -> Result<(), Refusal> {
    if epoch == 0 || epoch == member.epoch {
        return Ok(());
    }
    let (order, is_repeated) = if epoch > member.epoch {
        ("greater", false)
    } else {
        let is_part = owned.is_none_or(|owned| member.has_all(owned));
        ("smaller", epoch == member.previous_epoch && is_part)
    };
    if is_repeated {
        return Ok(());
    }
    let message = format!(
        "The consumer group member has a {order} member epoch ({epoch}) than the one known by the group coordinator ({}). The \
         member must abandon all its partitions and rejoin.",
        member.epoch
    );
    Err(refused(ResponseError::FencedMemberEpoch, message))
}

pub(super) fn check_instance(
    holder: &ConsumerMember,
    id: &MemberId,
    instance: &InstanceId,
) -> Result<(), Refusal> {
    if holder.id == *id {
        return Ok(());
    }
    let message =
        format!("Static member {id} with instance id {instance} was fenced by member {}.", holder.id);
    Err(refused(ResponseError::FencedInstanceId, message))
}

pub(super) fn unknown_member(group: &GroupId, id: &MemberId) -> Refusal {
    refused(ResponseError::UnknownMemberId, format!("Member {id} is not a member of group {group}."))
}

pub(super) fn unknown_instance(instance: &InstanceId) -> Refusal {
    refused(ResponseError::UnknownMemberId, format!("Instance id {instance} is unknown."))
}

pub(super) fn not_a_consumer_group(step: &Step<'_, '_>, group: &GroupId) -> Refusal {
    let message = match step.classic.get(group.as_str()) {
        Some(_) => format!("Group {group} is not a consumer group."),
        None => format!("Group {group} not found."),
    };
    refused(ResponseError::GroupIdNotFound, message)
}

pub(super) fn check_regex(pattern: &str) -> Result<(), Refusal> {
    regex::compile(pattern).map(drop).map_err(|error| {
        let text = error.to_string(); // of several lines; the last says what is wrong
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message =
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {reason}.");
        refused(ResponseError::InvalidRegularExpression, message)
    })
}

/// What every request must obey. Source: Kafka's `GroupCoordinatorService`.
pub(super) fn validate(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    assignors: &[String],
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(refused(ResponseError::InvalidRequest, message));
    let is_blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let is_named = version >= CLIENT_CHOOSES_ID_MIN || epoch > 0 || epoch == LEAVING_EPOCH;
    if is_named && is_blank(Some(&request.member_id)) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(Some(&request.group_id)) {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(request.instance_id.as_deref()) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(request.rack_id.as_deref()) {
        return invalid("RackId can't be empty.");
    }
    match epoch {
        0 if request.rebalance_timeout_ms == UNCHANGED => {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        0 if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        0 if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() => {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
        STATIC_LEAVING_EPOCH if request.instance_id.is_none() => return invalid("InstanceId can't be null."),
        ..STATIC_LEAVING_EPOCH => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    match &request.server_assignor {
        Some(asked) if !assignors.iter().any(|known| known == asked.as_str()) => {
            let message = format!(
                "ServerAssignor {asked} is not supported. Supported assignors: {}.",
                assignors.join(", ")
            );
            Err(refused(ResponseError::UnsupportedAssignor, message))
        }
        _ => Ok(()),
    }
}
