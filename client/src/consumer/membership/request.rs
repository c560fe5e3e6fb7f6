//! Requests of membership as the protocol has them, and answers back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest, TopicName,
};
use medallion_wire::{PartitionIndex, ResponseError, TopicId};

use super::Subscription;
use super::classic::{Identity, Joined};
use super::consumer::{Answer, Heartbeat};
use crate::config::{ConsumerSettings, PartitionAssignor};
use crate::error::Error;

/// The protocol type of consumers' groups.
const PROTOCOL_TYPE: &str = "consumer";

/// Who asks: what stays the same in all requests of a member.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) group: Arc<str>,
    pub(super) settings: ConsumerSettings,
    pub(super) rack: Option<String>,
}

impl Asker {
    fn group_id(&self) -> GroupId {
        GroupId(text(&self.group))
    }

    fn instance_id(&self) -> Option<StrBytes> {
        self.settings.group_instance_id.as_deref().map(text)
    }

    /// A heartbeat by the consumer protocol.
    pub(super) fn heartbeat(&self, member_id: &str, beat: Heartbeat) -> ConsumerGroupHeartbeatRequest {
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_member_id(text(member_id))
            .with_member_epoch(beat.member_epoch)
            .with_instance_id(self.instance_id())
            .with_rebalance_timeout_ms(-1);
        let topics = beat.owned.map(|owned| {
            let topic = |(id, partitions): (TopicId, std::collections::BTreeSet<PartitionIndex>)| {
                let partitions = partitions.into_iter().map(PartitionIndex::get).collect();
                TopicPartitions::default().with_topic_id(id.0).with_partitions(partitions)
            };
            owned.into_iter().map(topic).collect()
        });
        let request = request.with_topic_partitions(topics);
        let request = match beat.subscription {
            None => request,
            // What was subscribed to in the other way is taken back by an empty value.
            Some(Subscription::Names(names)) => request
                .with_subscribed_topic_names(Some(names.iter().map(|name| TopicName(text(name))).collect()))
                .with_subscribed_topic_regex((!beat.is_full).then(StrBytes::default)),
            Some(Subscription::Pattern(pattern)) => request
                .with_subscribed_topic_names((!beat.is_full).then(Vec::new))
                .with_subscribed_topic_regex(Some(text(&pattern))),
        };
        if !beat.is_full {
            return request;
        }
        request
            .with_rebalance_timeout_ms(millis(self.settings.max_poll_interval))
            .with_rack_id(self.rack.as_deref().map(text))
            .with_server_assignor(self.settings.group_remote_assignor.as_deref().map(text))
    }

    /// A join of a classic group.
    pub(super) fn join(
        &self,
        member_id: &str,
        protocols: Vec<(PartitionAssignor, Bytes)>,
    ) -> JoinGroupRequest {
        let protocol = |(assignor, metadata): (PartitionAssignor, Bytes)| {
            JoinGroupRequestProtocol::default().with_name(text(assignor.name())).with_metadata(metadata)
        };
        JoinGroupRequest::default()
            .with_group_id(self.group_id())
            .with_session_timeout_ms(millis(self.settings.session_timeout))
            .with_rebalance_timeout_ms(millis(self.settings.max_poll_interval))
            .with_member_id(text(member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(text(PROTOCOL_TYPE))
            .with_protocols(protocols.into_iter().map(protocol).collect())
    }

    pub(super) fn sync(
        &self,
        id: &Identity,
        protocol: &str,
        assignments: Vec<(Arc<str>, Bytes)>,
    ) -> SyncGroupRequest {
        let assignment = |(member_id, assignment): (Arc<str>, Bytes)| {
            SyncGroupRequestAssignment::default().with_member_id(text(&member_id)).with_assignment(assignment)
        };
        SyncGroupRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(id.generation)
            .with_member_id(text(&id.member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(Some(text(PROTOCOL_TYPE)))
            .with_protocol_name(Some(text(protocol)))
            .with_assignments(assignments.into_iter().map(assignment).collect())
    }

    pub(super) fn beat(&self, id: &Identity) -> HeartbeatRequest {
        HeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(id.generation)
            .with_member_id(text(&id.member_id))
            .with_group_instance_id(self.instance_id())
    }

    /// The end of a dynamic member.
    pub(super) fn leave(&self, member_id: &str) -> LeaveGroupRequest {
        let member = MemberIdentity::default().with_member_id(text(member_id));
        LeaveGroupRequest::default().with_group_id(self.group_id()).with_members(vec![member])
    }

    fn check(&self, code: i16, message: Option<&StrBytes>) -> Result<(), Error> {
        Error::check(code, || format!("group {}", self.group), message.map(|text| &**text))
    }

    /// The answer to a heartbeat by the consumer protocol.
    pub(super) fn answer(&self, response: ConsumerGroupHeartbeatResponse) -> Result<Answer, Error> {
        self.check(response.error_code, response.error_message.as_ref())?;
        let assignment = response.assignment.map(|assignment| {
            let mut topics: BTreeMap<TopicId, std::collections::BTreeSet<PartitionIndex>> = BTreeMap::new();
            for topic in assignment.topic_partitions {
                let indexes = topic.partitions.into_iter().map(PartitionIndex);
                topics.entry(TopicId(topic.topic_id)).or_default().extend(indexes);
            }
            topics.retain(|_, indexes| !indexes.is_empty());
            topics
        });
        let interval = u64::try_from(response.heartbeat_interval_ms).unwrap_or(0);
        Ok(Answer {
            member_epoch: response.member_epoch,
            interval: Duration::from_millis(interval.max(1)),
            assignment,
        })
    }

    /// The answer to a join.
    pub(super) fn joined(&self, response: JoinGroupResponse) -> Result<Joined, Error> {
        let member_id: Arc<str> = response.member_id.as_str().into();
        if response.error_code == ResponseError::MemberIdRequired.code() {
            return Ok(Joined { generation: -1, member_id, ..Joined::default() });
        }
        self.check(response.error_code, None)?;
        let is_leader = response.leader == response.member_id;
        let members = response.members.into_iter().map(|member| {
            let instance_id = member.group_instance_id.as_deref().map(Arc::from);
            (Arc::from(member.member_id.as_str()), instance_id, member.metadata)
        });
        Ok(Joined {
            generation: response.generation_id,
            protocol: response.protocol_name.as_deref().unwrap_or_default().into(),
            members: is_leader.then(|| members.collect()),
            keeps_assignment: response.skip_assignment,
            member_id,
        })
    }

    /// The outcome of a request that is answered by a code alone.
    pub(super) fn outcome(&self, code: i16) -> Result<(), Error> {
        self.check(code, None)
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
