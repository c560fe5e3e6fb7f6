//! Requests and answers in the forms of older brokers. The client asks and reads in the newest form; what older versions have in
//! another place is moved there and back here, so that Kafka 2.1 and later are asked like the newest.

use std::any::Any;

use medallion_wire::kafka_protocol::protocol::{Request, StrBytes};
use medallion_wire::messages::find_coordinator_response::Coordinator;
use medallion_wire::messages::leave_group_response::MemberResponse;
use medallion_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use medallion_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use medallion_wire::messages::{
    DeleteTopicsRequest, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, LeaveGroupRequest,
    LeaveGroupResponse, OffsetFetchRequest, OffsetFetchResponse,
};

/// From here on many coordinators are found at once (KIP-699).
const FIND_MANY_FROM: i16 = 4;
/// From here on offsets of many groups are fetched at once (KIP-709).
const FETCH_MANY_FROM: i16 = 8;
/// From here on offsets of open transactions can be waited for (KIP-447).
const FETCH_STABLE_FROM: i16 = 7;
/// From here on many members leave at once (KIP-345).
const LEAVE_MANY_FROM: i16 = 3;
/// From here on topics can be deleted by their ids (KIP-516).
const DELETE_STATES_FROM: i16 = 6;

/// What an older answer does not repeat of its question.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// Whose coordinator.
    Coordinator(StrBytes),
    /// Whose offsets.
    Offsets(GroupId),
    /// Who leaves.
    Leave(StrBytes),
}

/// Gives `request` the form of `version`; `None` where that cannot ask for it, as for many things instead of one.
pub(super) fn fit<R: Request + 'static>(request: &mut R, version: i16) -> Option<Asked> {
    let request: &mut dyn Any = request;
    if let Some(request) = request.downcast_mut() {
        return find_one(request, version);
    }
    if let Some(request) = request.downcast_mut() {
        return fetch_one(request, version);
    }
    if let Some(request) = request.downcast_mut() {
        return leave_alone(request, version);
    }
    if let Some(request) = request.downcast_mut() {
        return delete_by_name(request, version);
    }
    Some(Asked::Nothing)
}

impl Asked {
    /// Gives an answer the newest form.
    pub(super) fn complete<A: 'static>(self, answer: &mut A) {
        let answer: &mut dyn Any = answer;
        match self {
            Self::Nothing => {}
            Self::Coordinator(key) => {
                if let Some(answer) = answer.downcast_mut() {
                    found_one(key, answer);
                }
            }
            Self::Offsets(group) => {
                if let Some(answer) = answer.downcast_mut() {
                    fetched_one(group, answer);
                }
            }
            Self::Leave(member_id) => {
                if let Some(answer) = answer.downcast_mut() {
                    left_alone(member_id, answer);
                }
            }
        }
    }
}

fn find_one(request: &mut FindCoordinatorRequest, version: i16) -> Option<Asked> {
    if version >= FIND_MANY_FROM {
        return Some(Asked::Nothing);
    }
    let key = only(&mut request.coordinator_keys)?;
    request.key = key.clone();
    Some(Asked::Coordinator(key))
}

fn found_one(key: StrBytes, answer: &mut FindCoordinatorResponse) {
    let found = Coordinator::default()
        .with_key(key)
        .with_node_id(answer.node_id)
        .with_host(answer.host.clone())
        .with_port(answer.port)
        .with_error_code(answer.error_code)
        .with_error_message(answer.error_message.clone());
    answer.coordinators = vec![found];
}

fn fetch_one(request: &mut OffsetFetchRequest, version: i16) -> Option<Asked> {
    // Java's consumer goes on without it as well.
    request.require_stable &= version >= FETCH_STABLE_FROM;
    if version >= FETCH_MANY_FROM {
        return Some(Asked::Nothing);
    }
    let OffsetFetchRequestGroup { group_id, topics, .. } = only(&mut request.groups)?;
    request.group_id = group_id.clone();
    request.topics = topics.map(|topics| {
        let topic = |topic: OffsetFetchRequestTopics| {
            OffsetFetchRequestTopic::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        };
        topics.into_iter().map(topic).collect()
    });
    Some(Asked::Offsets(group_id))
}

fn fetched_one(group: GroupId, answer: &mut OffsetFetchResponse) {
    let topics = std::mem::take(&mut answer.topics).into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|one| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(one.partition_index)
                .with_committed_offset(one.committed_offset)
                .with_committed_leader_epoch(one.committed_leader_epoch)
                .with_metadata(one.metadata)
                .with_error_code(one.error_code)
        });
        OffsetFetchResponseTopics::default().with_name(topic.name).with_partitions(partitions.collect())
    });
    let whole = OffsetFetchResponseGroup::default()
        .with_group_id(group)
        .with_topics(topics.collect())
        .with_error_code(answer.error_code);
    answer.groups = vec![whole];
}

fn leave_alone(request: &mut LeaveGroupRequest, version: i16) -> Option<Asked> {
    if version >= LEAVE_MANY_FROM {
        return Some(Asked::Nothing);
    }
    let member = only(&mut request.members).filter(|member| member.group_instance_id.is_none())?;
    request.member_id = member.member_id.clone();
    Some(Asked::Leave(member.member_id))
}

fn left_alone(member_id: StrBytes, answer: &mut LeaveGroupResponse) {
    answer.members =
        vec![MemberResponse::default().with_member_id(member_id).with_error_code(answer.error_code)];
}

fn delete_by_name(request: &mut DeleteTopicsRequest, version: i16) -> Option<Asked> {
    if version < DELETE_STATES_FROM {
        let names = std::mem::take(&mut request.topics).into_iter().map(|topic| topic.name);
        request.topic_names = names.collect::<Option<_>>()?;
    }
    Some(Asked::Nothing)
}

/// The one thing that is asked for.
fn only<T>(many: &mut Vec<T>) -> Option<T> {
    if many.len() == 1 { many.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use medallion_wire::kafka_protocol::protocol::Decodable;
    use medallion_wire::messages::delete_topics_request::DeleteTopicState;
    use medallion_wire::messages::leave_group_request::MemberIdentity;
    use medallion_wire::messages::offset_fetch_response::{
        OffsetFetchResponsePartition, OffsetFetchResponseTopic,
    };
    use medallion_wire::messages::{BrokerId, TopicName};

    use super::*;

    fn text(text: &str) -> StrBytes {
        StrBytes::from_string(text.to_owned())
    }

    /// What a broker of `version` reads.
    fn read<R: Request + Decodable + 'static>(mut request: R, version: i16) -> Option<(R, Asked)> {
        let asked = fit(&mut request, version)?;
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes, version).unwrap();
        Some((R::decode(&mut bytes.freeze(), version).unwrap(), asked))
    }

    #[test]
    fn coordinators_are_found_one_at_a_time() {
        let request = |keys: &[&str]| {
            let keys = keys.iter().map(|key| text(key)).collect();
            FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(keys)
        };
        let (read_2, asked) = read(request(&["t"]), 2).unwrap();
        assert_eq!((&*read_2.key, read_2.key_type), ("t", 1));
        let mut answer = FindCoordinatorResponse::default().with_node_id(BrokerId(7)).with_error_code(3);
        asked.complete(&mut answer);
        let found = &answer.coordinators[..];
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].key, found[0].node_id, found[0].error_code), ("t", BrokerId(7), 3));
        assert!(read(request(&["t", "u"]), 3).is_none());
        let (read_4, asked) = read(request(&["t", "u"]), 4).unwrap();
        assert_eq!((read_4.coordinator_keys.len(), asked), (2, Asked::Nothing));
    }

    #[test]
    fn offsets_are_fetched_group_by_group() {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(TopicName(text("trips")))
            .with_partition_indexes(vec![0, 2]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text("g")))
            .with_topics(Some(vec![topic]));
        let request =
            OffsetFetchRequest::default().with_groups(vec![group.clone()]).with_require_stable(true);
        let (read_5, asked) = read(request.clone(), 5).unwrap();
        let topics = read_5.topics.unwrap();
        assert_eq!((read_5.group_id.0.as_str(), topics[0].name.as_str()), ("g", "trips"));
        assert_eq!((&topics[0].partition_indexes[..], read_5.require_stable), (&[0, 2][..], false));
        let partition = OffsetFetchResponsePartition::default()
            .with_partition_index(2)
            .with_committed_offset(42)
            .with_committed_leader_epoch(5)
            .with_metadata(Some(text("m")));
        let topic = OffsetFetchResponseTopic::default()
            .with_name(TopicName(text("trips")))
            .with_partitions(vec![partition]);
        let mut answer = OffsetFetchResponse::default().with_topics(vec![topic]).with_error_code(16);
        asked.complete(&mut answer);
        let [whole] = &answer.groups[..] else { panic!("{answer:?}") };
        assert_eq!((whole.group_id.0.as_str(), whole.error_code), ("g", 16));
        let found = &whole.topics[0].partitions[0];
        assert_eq!((found.partition_index, found.committed_offset, found.committed_leader_epoch), (2, 42, 5));
        assert_eq!(found.metadata.as_deref(), Some("m"));
        // All partitions.
        let all = OffsetFetchRequest::default().with_groups(vec![group.clone().with_topics(None)]);
        assert_eq!(read(all, 5).unwrap().0.topics, None);
        assert!(read(request.clone(), 7).unwrap().0.require_stable);
        let two = OffsetFetchRequest::default().with_groups(vec![group.clone(), group]);
        assert!(read(two.clone(), 7).is_none());
        assert_eq!(read(two, 8).unwrap().0.groups.len(), 2);
    }

    #[test]
    fn members_leave_one_at_a_time() {
        let member = MemberIdentity::default().with_member_id(text("m"));
        let request =
            |members| LeaveGroupRequest::default().with_group_id(GroupId(text("g"))).with_members(members);
        let (read_2, asked) = read(request(vec![member.clone()]), 2).unwrap();
        assert_eq!(&*read_2.member_id, "m");
        let mut answer = LeaveGroupResponse::default();
        asked.complete(&mut answer);
        assert_eq!(&*answer.members[0].member_id, "m");
        assert!(read(request(vec![member.clone(), member.clone()]), 2).is_none());
        assert_eq!(read(request(vec![member.clone(), member.clone()]), 3).unwrap().0.members.len(), 2);
        let by_instance = member.with_group_instance_id(Some(text("i")));
        assert!(read(request(vec![by_instance]), 2).is_none());
    }

    #[test]
    fn topics_are_deleted_by_name() {
        let state = |name: Option<&str>| {
            DeleteTopicState::default().with_name(name.map(|name| TopicName(text(name))))
        };
        let request = |states: Vec<DeleteTopicState>| DeleteTopicsRequest::default().with_topics(states);
        let (read_3, _) = read(request(vec![state(Some("a")), state(Some("b"))]), 3).unwrap();
        let names: Vec<&str> = read_3.topic_names.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(read(request(vec![state(None)]), 3).is_none());
        assert_eq!(read(request(vec![state(Some("a"))]), 6).unwrap().0.topics.len(), 1);
    }
}
