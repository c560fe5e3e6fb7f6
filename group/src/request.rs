//! What clients ask of groups, and what they are answered.

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages as m;
use medallion_wire::messages::consumer_group_describe_response::DescribedGroup as DescribedConsumerGroup;
use medallion_wire::messages::delete_groups_response::DeletableGroupResult;
use medallion_wire::messages::describe_groups_response::DescribedGroup;
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use medallion_wire::messages::offset_fetch_response::OffsetFetchResponseGroup;

use crate::ids::GroupId;

/// Who asks, and in which version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The request's `client.id`; empty where it had none.
    pub client_id: StrBytes,
    /// The client's address as Kafka shows it: `/127.0.0.1`.
    pub client_host: StrBytes,
    /// The version of the request.
    pub version: i16,
}

/// What is asked of one group. Topics stand by name in offsets' requests; who drives the shard has looked up ids.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Joins a classic group (or, by the classic protocol, one of the consumer protocol).
    JoinGroup(m::JoinGroupRequest),
    /// Asks for the assignment of a generation, the leader with what it has assigned.
    SyncGroup(m::SyncGroupRequest),
    /// Says that a member lives.
    Heartbeat(m::HeartbeatRequest),
    /// Takes members out of a group.
    LeaveGroup(m::LeaveGroupRequest),
    /// One step of the consumer protocol (KIP-848).
    ConsumerGroupHeartbeat(m::ConsumerGroupHeartbeatRequest),
    /// Commits offsets.
    OffsetCommit(m::OffsetCommitRequest),
    /// Asks for committed offsets.
    OffsetFetch {
        /// The group and its partitions; all of them without a list.
        group: OffsetFetchRequestGroup,
        /// Refuses partitions whose offsets are part of an open transaction.
        require_stable: bool,
    },
    /// Deletes committed offsets.
    OffsetDelete(m::OffsetDeleteRequest),
    /// Describes a group by the classic protocol's API.
    DescribeGroup(GroupId),
    /// Describes a group of the consumer protocol.
    ConsumerGroupDescribe(GroupId),
    /// Lists the shard's groups.
    ListGroups {
        /// Only those in one of these states; all when empty.
        states: Vec<StrBytes>,
        /// Only those of one of these types; all when empty.
        types: Vec<StrBytes>,
    },
    /// Deletes a group that has no members, with its offsets.
    DeleteGroup(GroupId),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To [`Request::JoinGroup`].
    JoinGroup(m::JoinGroupResponse),
    /// To [`Request::SyncGroup`].
    SyncGroup(m::SyncGroupResponse),
    /// To [`Request::Heartbeat`].
    Heartbeat(m::HeartbeatResponse),
    /// To [`Request::LeaveGroup`].
    LeaveGroup(m::LeaveGroupResponse),
    /// To [`Request::ConsumerGroupHeartbeat`].
    ConsumerGroupHeartbeat(m::ConsumerGroupHeartbeatResponse),
    /// To [`Request::OffsetCommit`].
    OffsetCommit(m::OffsetCommitResponse),
    /// To [`Request::OffsetFetch`].
    OffsetFetch(OffsetFetchResponseGroup),
    /// To [`Request::OffsetDelete`].
    OffsetDelete(m::OffsetDeleteResponse),
    /// To [`Request::DescribeGroup`].
    DescribeGroup(DescribedGroup),
    /// To [`Request::ConsumerGroupDescribe`].
    ConsumerGroupDescribe(DescribedConsumerGroup),
    /// To [`Request::ListGroups`].
    ListGroups(Vec<ListedGroup>),
    /// To [`Request::DeleteGroup`].
    DeleteGroup(DeletableGroupResult),
    /// The request as a whole is refused, whichever it was; the API's handler writes it in the API's form.
    Refused(Refusal),
}

/// A request that is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's error.
    pub error: ResponseError,
    /// More of it, where the API has a message.
    pub message: Option<String>,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, message: None }
    }
}

/// Text as the protocol's types hold it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Whether a filter of [`Request::ListGroups`] lets a name through. Upper and lower case are the same.
pub(crate) fn is_asked_for(names: &[StrBytes], name: &str) -> bool {
    names.is_empty() || names.iter().any(|asked| asked.trim().eq_ignore_ascii_case(name))
}

macro_rules! replies {
    ($($variant:ident($response:ty)),* $(,)?) => {
        $(impl From<$response> for Reply {
            fn from(response: $response) -> Self {
                Self::$variant(response)
            }
        })*
    };
}

replies!(
    JoinGroup(m::JoinGroupResponse),
    SyncGroup(m::SyncGroupResponse),
    Heartbeat(m::HeartbeatResponse),
    LeaveGroup(m::LeaveGroupResponse),
    ConsumerGroupHeartbeat(m::ConsumerGroupHeartbeatResponse),
    OffsetCommit(m::OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponseGroup),
    OffsetDelete(m::OffsetDeleteResponse),
    DescribeGroup(DescribedGroup),
    ConsumerGroupDescribe(DescribedConsumerGroup),
    ListGroups(Vec<ListedGroup>),
    DeleteGroup(DeletableGroupResult),
    Refused(Refusal),
);
