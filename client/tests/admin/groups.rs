//! Groups of both protocols, with members that speak the protocol by hand.

use std::collections::BTreeMap;

use bytes::Bytes;
use medallion_client::Admin;
use medallion_client::admin::{
    GroupDescription, GroupFilter, GroupOffset, GroupState, GroupType, MemberName,
};
use medallion_tests::connection::Connection;
use medallion_tests::server::Server;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use medallion_wire::messages::{
    ConsumerGroupHeartbeatRequest, GroupId, JoinGroupRequest, SyncGroupRequest, TopicName,
};
use medallion_wire::{Offset, ResponseError, TopicPartition};

use crate::eventually;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// A static member that is given `trips-1`.
fn join_classic(connection: &mut Connection) -> String {
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(&[
            0, 1, 0, 0, 0, 1, 0, 5, b't', b'r', b'i', b'p', b's', 0xff, 0xff, 0xff, 0xff,
        ]));
    let join = JoinGroupRequest::default()
        .with_group_id(GroupId(text("old")))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_group_instance_id(Some(text("seat-1")))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let joined = connection.call(&join, 9);
    assert_eq!(joined.error_code, 0);
    let assignment =
        [&[0, 1, 0, 0, 0, 1, 0, 5][..], b"trips", &[0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]];
    let sync = SyncGroupRequest::default()
        .with_group_id(GroupId(text("old")))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(Some(text("seat-1")))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![
            SyncGroupRequestAssignment::default()
                .with_member_id(joined.member_id.clone())
                .with_assignment(assignment.concat().into()),
        ]);
    assert_eq!(connection.call(&sync, 5).error_code, 0);
    joined.member_id.to_string()
}

fn join_consumer(connection: &mut Connection) {
    let beat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(text("new")))
        .with_member_id(text("AAAAAAAAAAAAAAAAAAAAAQ"))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text("trips"))]))
        .with_topic_partitions(Some(Vec::new()));
    let answer = connection.call(&beat, 1);
    assert_eq!(answer.error_code, 0, "{answer:?}");
}

pub(crate) async fn groups(admin: &Admin, server: &Server) {
    // Their coordinator must be there before members can speak to it by hand.
    admin.describe_groups(&["old", "new"]).await.unwrap();
    let mut connection = server.connect();
    let member = tokio::task::block_in_place(|| {
        let member = join_classic(&mut connection);
        join_consumer(&mut connection);
        member
    });
    offsets(admin).await;
    list(admin).await;
    describe(admin, &member).await;
    remove(admin).await;
}

async fn offsets(admin: &Admin) {
    let partition = |index| TopicPartition::new("trips", index);
    let nowhere = TopicPartition::new("nowhere", 0);
    let wanted = GroupOffset { metadata: "by hand".to_owned(), ..GroupOffset::new(Offset(7)) };
    let set = BTreeMap::from([(partition(0), wanted.clone()), (partition(1), GroupOffset::new(Offset(3)))]);
    let altered = admin.alter_group_offsets("idle", &set).await.unwrap();
    assert_eq!(altered.values().filter(|outcome| outcome.is_ok()).count(), 2, "{altered:?}");
    let missing = BTreeMap::from([(nowhere.clone(), GroupOffset::new(Offset(0)))]);
    let refused = admin.alter_group_offsets("idle", &missing).await.unwrap();
    assert_eq!(refused[&nowhere].as_ref().unwrap_err().code(), Some(ResponseError::UnknownTopicOrPartition));
    // Who has members is not to be overwritten from outside.
    let busy = admin.alter_group_offsets("old", &set).await.unwrap();
    assert_eq!(busy[&partition(0)].as_ref().unwrap_err().code(), Some(ResponseError::UnknownMemberId));

    let asked = BTreeMap::from([("idle", None), ("old", Some(vec![partition(1)]))]);
    let found = admin.list_group_offsets(&asked, true).await.unwrap();
    let idle = found["idle"].as_ref().unwrap();
    assert_eq!(idle.len(), 2);
    assert_eq!(idle[&partition(0)].as_ref().unwrap(), &Some(wanted));
    assert_eq!(found["old"].as_ref().unwrap()[&partition(1)].as_ref().unwrap(), &None);

    let removed = admin.delete_group_offsets("idle", &[partition(1)]).await.unwrap();
    removed[&partition(1)].as_ref().unwrap();
    let left = admin.list_group_offsets(&asked, false).await.unwrap();
    let offset = left["idle"].as_ref().unwrap().get(&partition(1)).cloned();
    assert!(offset.is_none_or(|offset| offset.unwrap().is_none()));
}

async fn list(admin: &Admin) {
    let all = admin.list_groups(&GroupFilter::default()).await.unwrap();
    let ids: Vec<&str> = all.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids, ["idle", "new", "old"]);
    let types: Vec<_> = all.iter().map(|group| group.group_type.clone().unwrap()).collect();
    assert_eq!(types, [GroupType::Classic, GroupType::Consumer, GroupType::Classic]);
    assert_eq!(all[2].protocol_type, "consumer");
    let ids = async |filter: GroupFilter| {
        let groups = admin.list_groups(&filter).await.unwrap();
        groups.into_iter().map(|group| group.id).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(GroupFilter { states: vec![GroupState::Empty], ..GroupFilter::default() }).await,
        ["idle"]
    );
    assert_eq!(
        ids(GroupFilter { types: vec![GroupType::Consumer], ..GroupFilter::default() }).await,
        ["new"]
    );
    let with_protocol = GroupFilter { protocol_types: vec!["consumer".to_owned()], ..GroupFilter::default() };
    assert_eq!(ids(with_protocol).await, ["new", "old"]);
}

async fn describe(admin: &Admin, member: &str) {
    let described = admin.describe_groups(&["old", "new", "idle", "never"]).await.unwrap();
    let GroupDescription::Classic(old) = described["old"].as_ref().unwrap() else { panic!("{described:?}") };
    assert_eq!((&old.state, old.protocol.as_str()), (&GroupState::Stable, "range"));
    assert_eq!((old.members[0].id.as_str(), old.members[0].instance_id.as_deref()), (member, Some("seat-1")));
    assert_eq!(old.members[0].partitions().unwrap(), [TopicPartition::new("trips", 1)]);
    let GroupDescription::Consumer(new) = described["new"].as_ref().unwrap() else { panic!("{described:?}") };
    assert_eq!(new.assignor, "uniform");
    assert_eq!(new.members[0].subscribed_topics, ["trips"]);
    assert_eq!(new.members[0].target.len(), 6);
    assert_eq!(described["idle"].as_ref().unwrap().state(), &GroupState::Empty);
    let never = described["never"].as_ref().unwrap_err();
    assert_eq!(never.code(), Some(ResponseError::GroupIdNotFound), "{never}");
}

async fn remove(admin: &Admin) {
    let refused = admin.delete_groups(&["old", "never"]).await.unwrap();
    assert_eq!(refused["old"].as_ref().unwrap_err().code(), Some(ResponseError::NonEmptyGroup));
    assert_eq!(refused["never"].as_ref().unwrap_err().code(), Some(ResponseError::GroupIdNotFound));
    let seat = MemberName::Instance("seat-1".to_owned());
    let stranger = MemberName::Instance("seat-2".to_owned());
    let removed = admin.remove_members("old", &[seat.clone(), stranger.clone()]).await.unwrap();
    removed[&seat].as_ref().unwrap();
    assert_eq!(removed[&stranger].as_ref().unwrap_err().code(), Some(ResponseError::UnknownMemberId));
    let is_removed = async || {
        let deleted = admin.delete_groups(&["old", "idle"]).await.unwrap();
        let is_gone = |outcome: &Result<(), medallion_client::Error>| match outcome {
            Ok(()) => true,
            Err(error) => error.code() == Some(ResponseError::GroupIdNotFound),
        };
        deleted.values().all(is_gone)
    };
    eventually(is_removed).await;
    let left = admin.list_groups(&GroupFilter::default()).await.unwrap();
    assert_eq!(left.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["new"]);
}
