//! Groups that change their protocol while they run, both ways.

use bytes::{BufMut, Bytes, BytesMut};
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages as m;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::sync_group_request::SyncGroupRequestAssignment;

use super::rig::{Rig, beating, epoch, error, given, joining, owning, text};
use crate::environment::MigrationPolicy;
use crate::request::{Reply, Request};

/// A subscription of version 1 to `t`, with what is owned of it.
fn subscription(owned: &[i32]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_slice(b"\0\x01\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    put_partitions(&mut bytes, owned);
    bytes.freeze()
}

fn put_partitions(bytes: &mut BytesMut, partitions: &[i32]) {
    bytes.put_i32(i32::from(!partitions.is_empty()));
    if !partitions.is_empty() {
        bytes.put_slice(b"\0\x01t");
        bytes.put_i32(i32::try_from(partitions.len()).expect("a few"));
        for partition in partitions {
            bytes.put_i32(*partition);
        }
    }
}

fn assignment(partitions: &[i32], user_data: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    put_partitions(&mut bytes, partitions);
    bytes.put_i32(i32::try_from(user_data.len()).expect("short"));
    bytes.put_slice(user_data);
    bytes.freeze()
}

/// The partitions in an assignment of one topic.
fn partitions_in(assignment: &[u8]) -> Vec<i32> {
    let read = crate::embedded::read_assignment(assignment).expect("an assignment");
    read.partitions.into_iter().flat_map(|(_, partitions)| partitions).collect()
}

impl Rig {
    fn join(&mut self, member: &str, instance: Option<&str>, owned: &[i32]) -> m::JoinGroupResponse {
        let protocol =
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(subscription(owned));
        let request = m::JoinGroupRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(text(member))
            .with_group_instance_id(instance.map(text))
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(30_000);
        let mut replies = self.ask(9, Request::JoinGroup(request));
        for _ in 0..10 {
            if let Some((_, Reply::JoinGroup(joined))) = replies.pop() {
                return joined;
            }
            replies = self.work();
            if replies.is_empty() {
                let ((), mut output) =
                    self.step(|shard, environment, output| shard.on_time(environment, output));
                self.commit(&mut output);
                replies = output.replies;
            }
        }
        panic!("nobody joined")
    }

    fn sync(&mut self, member: &StrBytes, generation: i32, given: &[Bytes]) -> m::SyncGroupResponse {
        let assignments = given.iter().map(|assignment| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.clone())
                .with_assignment(assignment.clone())
        });
        let request = m::SyncGroupRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(member.clone())
            .with_generation_id(generation)
            .with_assignments(assignments.collect());
        match self.answer(5, Request::SyncGroup(request)) {
            Reply::SyncGroup(synced) => synced,
            other => panic!("another answer: {other:?}"),
        }
    }

    fn classic_beat(&mut self, member: &StrBytes, generation: i32) -> i16 {
        let request = m::HeartbeatRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(member.clone())
            .with_generation_id(generation);
        match self.answer(4, Request::Heartbeat(request)) {
            Reply::Heartbeat(response) => response.error_code,
            other => panic!("another answer: {other:?}"),
        }
    }
}

const IN_PROGRESS: i16 = 27;

/// A classic group of one member with all four partitions; gives the member's id.
fn classic(rig: &mut Rig) -> StrBytes {
    let id = rig.join("", None, &[]).member_id;
    let joined = rig.join(&id, None, &[]);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(rig.sync(&id, 1, &[assignment(&[0, 1, 2, 3], b"")]).error_code, 0);
    id
}

/// The same, once `b` of the consumer protocol has joined it.
fn mixed(rig: &mut Rig) -> StrBytes {
    let id = classic(rig);
    let joined = rig.beat(joining("b", &["t"]));
    assert_eq!((epoch(&joined), given(&joined)), (2, Some(vec![])));
    id
}

#[test]
fn a_classic_group_is_taken_over_and_goes_on() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = mixed(&mut rig);
    assert_eq!(rig.classic_beat(&a, 1), IN_PROGRESS, "it must give up two");
    let joined = rig.join(&a, None, &[0, 1, 2, 3]);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1), "it stays in its epoch until it has");
    let kept = partitions_in(&rig.sync(&a, 1, &[]).assignment);
    assert_eq!(kept.len(), 2);
    let joined = rig.join(&a, None, &kept);
    assert_eq!(joined.generation_id, 2);
    assert_eq!(partitions_in(&rig.sync(&a, 2, &[]).assignment), kept);
    assert_eq!(rig.classic_beat(&a, 2), 0);
    let got = given(&rig.beat(beating("b", 2))).expect("they are free");
    assert_eq!(got[0].1.len(), 2);
    rig.restart();
    assert_eq!(rig.classic_beat(&a, 2), 0);
    assert_eq!(given(&rig.beat(beating("b", 2))), None);
}

#[test]
fn the_last_member_of_the_consumer_protocol_leaves_a_classic_group() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = mixed(&mut rig);
    assert_eq!(epoch(&rig.beat(beating("b", -1))), -1);
    assert!(rig.shard.consumer_groups().get("g").is_none());
    assert_eq!(rig.classic_beat(&a, 2), IN_PROGRESS, "the classic group rebalances");
    let joined = rig.join(&a, None, &[]);
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 3, 1));
    assert_eq!(rig.sync(&a, 3, &[assignment(&[0, 1, 2, 3], b"")]).error_code, 0);
    rig.restart();
    assert_eq!(rig.classic_beat(&a, 3), 0);
    assert_eq!(*rig.causes.last().expect("rebalances"), "downgraded");
}

#[test]
fn who_does_not_join_again_is_taken_out_and_the_group_goes_on() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = mixed(&mut rig);
    for _ in 0..31 {
        let _ = rig.classic_beat(&a, 1);
        let _ = rig.beat(beating("b", 2));
        rig.advance(1_000);
    }
    assert_eq!(rig.classic_beat(&a, 1), ResponseError::UnknownMemberId.code());
    assert_eq!(given(&rig.beat(beating("b", 2))), Some(vec![(1, vec![0, 1, 2, 3])]));
}

#[test]
fn a_classic_member_joins_a_consumer_group_and_leaves_it() {
    let mut rig = Rig::new(&[("t", 4)]);
    let _ = rig.beat(joining("b", &["t"]));
    let a = rig.join("", None, &[]).member_id;
    let joined = rig.join(&a, None, &[]);
    assert_eq!((joined.error_code, joined.generation_id), (0, 3));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert!(partitions_in(&rig.sync(&a, 3, &[]).assignment).is_empty());
    let kept = given(&rig.beat(beating("b", 2))).expect("b gives up two");
    let _ = rig.beat(owning("b", 2, &kept));
    assert_eq!(rig.classic_beat(&a, 3), IN_PROGRESS, "partitions have become free");
    let joined = rig.join(&a, None, &[]);
    assert_eq!(partitions_in(&rig.sync(&a, joined.generation_id, &[]).assignment).len(), 2);
    let leaving = m::LeaveGroupRequest::default()
        .with_group_id(text("g").into())
        .with_members(vec![MemberIdentity::default().with_member_id(a.clone())]);
    let left = rig.answer(5, Request::LeaveGroup(leaving));
    assert!(
        matches!(left, Reply::LeaveGroup(ref response) if response.members[0].error_code == 0),
        "{left:?}"
    );
    assert_eq!(given(&rig.beat(beating("b", 3))), Some(vec![(1, vec![0, 1, 2, 3])]));
}

#[test]
fn a_static_member_changes_its_protocol_back_and_forth() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = rig.join("", Some("i"), &[]);
    assert_eq!(rig.sync(&a.member_id, 1, &[assignment(&[0, 1, 2, 3], b"")]).error_code, 0);
    let newer = joining("new", &["t"]).with_instance_id(Some(text("i")));
    let upgraded = rig.beat(newer);
    assert!(upgraded.is_ok(), "{upgraded:?}");
    assert!(rig.shard.consumer_groups().get("g").is_some());
    let back = rig.join("", Some("i"), &[]);
    assert_eq!(back.error_code, 0);
    assert!(rig.shard.consumer_groups().get("g").is_none(), "it is classic again");
    rig.restart();
    assert!(rig.shard.classic_groups().get("g").is_some());
}

#[test]
fn what_cannot_change_stays_as_it_is() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = classic(&mut rig);
    rig.settings.consumer.migration = MigrationPolicy::Disabled;
    assert_eq!(error(&rig.beat(joining("b", &["t"]))), ResponseError::GroupIdNotFound);
    rig.settings.consumer.migration = MigrationPolicy::Bidirectional;
    rig.settings.consumer.members_max = 1;
    assert_eq!(error(&rig.beat(joining("b", &["t"]))), ResponseError::GroupMaxSizeReached);
    assert_eq!(rig.classic_beat(&a, 1), 0, "nothing has happened to it");
    rig.settings.consumer.members_max = 10;
    let joined = rig.join(&a, None, &[]);
    let custom = assignment(&[0, 1, 2, 3], b"mine");
    assert_eq!(rig.sync(&a, joined.generation_id, &[custom]).error_code, 0);
    let refusal = rig.beat(joining("b", &["t"])).expect_err("a custom assignor's data would be lost");
    assert!(refusal.message.is_some_and(|message| message.contains("custom assignor")));
    assert_eq!(rig.classic_beat(&a, joined.generation_id), 0);
}

#[test]
fn a_join_that_is_refused_leaves_an_empty_group_as_it_is() {
    let mut rig = Rig::new(&[("t", 4)]);
    let _ = rig.beat(joining("b", &["t"]));
    let _ = rig.beat(beating("b", -1));
    assert_eq!(rig.join("somebody", None, &[]).error_code, ResponseError::UnknownMemberId.code());
    assert!(rig.shard.consumer_groups().get("g").is_some());
}

#[test]
fn groups_without_members_change_at_once() {
    let mut rig = Rig::new(&[("t", 4)]);
    let _ = rig.beat(joining("b", &["t"]));
    let _ = rig.beat(beating("b", -1));
    let _ = classic(&mut rig);
    assert!(rig.shard.consumer_groups().get("g").is_none());
    rig.restart();
    let classic = rig.shard.classic_groups().get("g").expect("a classic group");
    assert_eq!(classic.members().len(), 1);
}

#[test]
fn an_upgrade_that_is_not_stored_has_not_happened() {
    let mut rig = Rig::new(&[("t", 4)]);
    let a = classic(&mut rig);
    let caller = crate::request::Caller { client_id: text("c"), client_host: text("/h"), version: 1 };
    let request = Request::ConsumerGroupHeartbeat(joining("b", &["t"]));
    let token = crate::output::Token(900);
    let _ = rig.step(|shard, environment, output| shard.handle(token, &caller, request, environment, output));
    rig.shard.stage();
    let error = ResponseError::NotCoordinator;
    let _ = rig.step(|shard, environment, output| shard.roll_back(error, environment, output));
    assert_eq!(rig.classic_beat(&a, 1), 0);
    rig.advance(11_000);
    assert_eq!(rig.classic_beat(&a, 1), ResponseError::UnknownMemberId.code(), "its session has gone on");
}
