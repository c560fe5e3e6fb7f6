//! As `every_version`, of the APIs of groups: in each version of JoinGroup a group of one lives from its first join to its
//! deletion, with the other APIs in the nearest version that they have.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Connection, clients_address, start};
use medallion_wire::kafka_protocol::protocol::{Message, Request, StrBytes};
use medallion_wire::messages::create_topics_request::CreatableTopic;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::*;

const TOPIC: &str = "every.version";
/// What a consumer sends as its metadata: version 0, no topics, no user data.
const METADATA: &[u8] = b"\0\0\0\0\0\0\xff\xff\xff\xff";
const MEMBER_ID_REQUIRED: i16 = 79;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic() -> TopicName {
    TopicName(text(TOPIC))
}

/// The version of another API that goes with `version`.
fn nearest<R: Request>(version: i16, min: i16) -> i16 {
    version.clamp(min, R::VERSIONS.max)
}

/// Waits until there is a coordinator, asking in each version.
fn find_coordinator(connection: &mut Connection) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for version in 0..=FindCoordinatorRequest::VERSIONS.max {
        let request = match version {
            0 => FindCoordinatorRequest::default().with_key(text("any")),
            1..=3 => FindCoordinatorRequest::default().with_key(text("any")).with_key_type(0),
            _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![text("any"), text("other")]),
        };
        loop {
            let response = connection.ask(version, &request);
            let codes: Vec<i16> = match version {
                0..=3 => vec![response.error_code],
                _ => response.coordinators.iter().map(|coordinator| coordinator.error_code).collect(),
            };
            if codes.iter().all(|code| *code == 0) {
                assert_eq!(codes.len(), if version >= 4 { 2 } else { 1 }, "find coordinator v{version}");
                break;
            }
            assert!(Instant::now() < deadline, "find coordinator v{version}: {codes:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A group of one member, in one version.
struct Lone<'a> {
    connection: &'a mut Connection,
    version: i16,
    group: GroupId,
    member: StrBytes,
    generation: i32,
}

impl Lone<'_> {
    fn ask<R: Request>(&mut self, min: i16, request: &R) -> R::Response {
        self.connection.ask(nearest::<R>(self.version, min), request)
    }

    fn join_request(&self) -> JoinGroupRequest {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(METADATA));
        JoinGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(if self.version == 0 { -1 } else { 10_000 })
            .with_member_id(self.member.clone())
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
    }

    fn join(&mut self) {
        let mut joined = self.ask(0, &self.join_request());
        if self.version >= 4 {
            assert_eq!(joined.error_code, MEMBER_ID_REQUIRED, "join v{}", self.version);
            self.member = joined.member_id;
            joined = self.ask(0, &self.join_request());
        }
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "join v{}", self.version);
        assert_eq!((joined.leader.clone(), joined.members.len()), (joined.member_id.clone(), 1));
        self.member = joined.member_id;
        self.generation = joined.generation_id;
    }

    fn sync(&mut self) {
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(self.member.clone())
            .with_assignment(Bytes::from_static(b"mine"));
        let named = |name: &str| (self.version >= 5).then(|| text(name));
        let request = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_member_id(self.member.clone())
            .with_generation_id(self.generation)
            .with_protocol_type(named("consumer"))
            .with_protocol_name(named("range"))
            .with_assignments(vec![assignment]);
        let synced = self.ask(0, &request);
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"mine"[..]), "sync v{}", self.version);
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_member_id(self.member.clone())
            .with_generation_id(self.generation);
        assert_eq!(self.ask(0, &heartbeat).error_code, 0, "heartbeat v{}", self.version);
    }

    fn commit(&mut self) {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(1)
            .with_committed_offset(42)
            .with_committed_metadata(Some(text("note")));
        let topic = OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group.clone())
            .with_member_id(self.member.clone())
            .with_generation_id_or_member_epoch(self.generation)
            .with_topics(vec![topic]);
        let response = self.ask(2, &request);
        assert_eq!(response.topics[0].partitions[0].error_code, 0, "commit v{}", self.version);
    }

    /// The offset and the note of partition 1.
    fn fetched(&mut self) -> (i64, String) {
        let version = nearest::<OffsetFetchRequest>(self.version, 1);
        if version >= 8 {
            let topic =
                OffsetFetchRequestTopics::default().with_name(topic()).with_partition_indexes(vec![1]);
            let group = OffsetFetchRequestGroup::default()
                .with_group_id(self.group.clone())
                .with_member_epoch(-1)
                .with_topics(Some(vec![topic]));
            let response = self.ask(1, &OffsetFetchRequest::default().with_groups(vec![group]));
            let group = &response.groups[0];
            let partition = &group.topics[0].partitions[0];
            assert_eq!((group.error_code, partition.error_code), (0, 0), "offset fetch v{version}");
            return (partition.committed_offset, partition.metadata.as_deref().unwrap_or("").to_owned());
        }
        let topic = OffsetFetchRequestTopic::default().with_name(topic()).with_partition_indexes(vec![1]);
        let request =
            OffsetFetchRequest::default().with_group_id(self.group.clone()).with_topics(Some(vec![topic]));
        let response = self.ask(1, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!((response.error_code, partition.error_code), (0, 0), "offset fetch v{version}");
        (partition.committed_offset, partition.metadata.as_deref().unwrap_or("").to_owned())
    }

    fn state(&mut self) -> String {
        let described = self
            .ask(0, &DescribeGroupsRequest::default().with_groups(vec![self.group.clone()]))
            .groups
            .remove(0);
        assert_eq!(described.error_code, 0, "describe v{}", self.version);
        let listed = self.ask(0, &ListGroupsRequest::default());
        let entry = listed.groups.iter().find(|listed| listed.group_id == self.group);
        let entry = entry.unwrap_or_else(|| panic!("list v{} does not have the group", self.version));
        assert_eq!(&*entry.protocol_type, "consumer");
        if self.version >= 4 {
            assert_eq!(entry.group_state, described.group_state);
        }
        described.group_state.to_string()
    }

    fn leave(&mut self) {
        let request = LeaveGroupRequest::default().with_group_id(self.group.clone());
        let request = if self.version < 3 {
            request.with_member_id(self.member.clone())
        } else {
            request.with_members(vec![MemberIdentity::default().with_member_id(self.member.clone())])
        };
        let left = self.ask(0, &request);
        assert_eq!(left.error_code, 0, "leave v{}", self.version);
        assert!(left.members.iter().all(|member| member.error_code == 0), "leave v{}", self.version);
    }

    fn delete(&mut self) {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(1);
        let topic = OffsetDeleteRequestTopic::default().with_name(topic()).with_partitions(vec![partition]);
        let request =
            OffsetDeleteRequest::default().with_group_id(self.group.clone()).with_topics(vec![topic]);
        let response = self.ask(0, &request);
        assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 0));
        assert_eq!(self.fetched(), (-1, String::new()));
        let request = DeleteGroupsRequest::default().with_groups_names(vec![self.group.clone()]);
        assert_eq!(self.ask(0, &request).results[0].error_code, 0, "delete v{}", self.version);
    }
}

fn live_in_every_version(address: SocketAddr) {
    let connection = &mut Connection::open(address);
    let asked =
        CreatableTopic::default().with_name(topic()).with_num_partitions(2).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![asked]).with_timeout_ms(10_000);
    assert_eq!(connection.ask(7, &request).topics[0].error_code, 0);
    find_coordinator(connection);
    for version in 0..=JoinGroupRequest::VERSIONS.max {
        let group = GroupId(text(&format!("v{version}")));
        let mut lone =
            Lone { connection: &mut *connection, version, group, member: text(""), generation: -1 };
        lone.join();
        lone.sync();
        lone.commit();
        assert_eq!(lone.fetched(), (42, "note".to_owned()), "v{version}");
        assert_eq!(lone.state(), "Stable", "v{version}");
        lone.leave();
        assert_eq!(lone.state(), "Empty", "v{version}");
        lone.delete();
    }
}

#[test]
fn a_group_lives_in_every_version() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let settings = [
            ("offsets.topic.replication.factor", "1"),
            ("offsets.topic.num.partitions", "2"),
            ("group.initial.rebalance.delay.ms", "0"),
        ];
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let address = clients_address(&broker);
        tokio::task::spawn_blocking(move || live_in_every_version(address)).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
