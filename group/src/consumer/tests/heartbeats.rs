//! Members that join, share, give up, leave, and ask twice.

use medallion_wire::ResponseError;
use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};
use medallion_wire::messages as m;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::rig::{Rig, beating, epoch, error, given, joining, owning, text};
use crate::request::{Reply, Request};

/// A group of one member that has all four partitions of topic 1.
fn alone() -> Rig {
    let mut rig = Rig::new(&[("t", 4)]);
    let joined = rig.beat(joining("a", &["t"]));
    assert_eq!((epoch(&joined), given(&joined)), (2, Some(vec![(1, vec![0, 1, 2, 3])])));
    assert_eq!(joined.expect("an answer").heartbeat_interval_ms, 5_000);
    rig
}

/// The same with a second member, while the first has not given anything up.
fn joined_by_b() -> Rig {
    let mut rig = alone();
    let joined = rig.beat(joining("b", &["t"]));
    assert_eq!((epoch(&joined), given(&joined)), (3, Some(vec![])));
    rig
}

#[test]
fn partitions_change_hands_one_by_one() {
    let mut rig = joined_by_b();
    let told = rig.beat(beating("a", 2));
    let kept = given(&told).expect("a must give up two");
    assert_eq!((epoch(&told), kept.len(), kept[0].1.len()), (2, 1, 2), "{kept:?}");
    assert_eq!(given(&rig.beat(beating("b", 3))), None, "a still owns them");
    let done = rig.beat(owning("a", 2, &kept));
    assert_eq!(epoch(&done), 3);
    let got = given(&rig.beat(beating("b", 3))).expect("they are free");
    assert_eq!(got[0].1.len(), 2);
    assert!(got[0].1.iter().all(|partition| !kept[0].1.contains(partition)));
    assert_eq!(rig.causes, ["member-joined", "member-joined"]);
}

#[test]
fn a_request_that_comes_twice_is_answered_twice() {
    let mut rig = alone();
    let again = rig.beat(joining("a", &["t"]));
    assert_eq!((epoch(&again), given(&again)), (2, Some(vec![(1, vec![0, 1, 2, 3])])), "a join");
    let _ = rig.beat(joining("b", &["t"]));
    let told = rig.beat(beating("a", 2));
    assert_eq!(given(&told), given(&rig.beat(beating("a", 2))), "a heartbeat that took partitions back");
    let kept = given(&told).expect("partitions");
    let done = owning("a", 2, &kept);
    let first = rig.beat(done.clone());
    assert_eq!(epoch(&first), 3);
    let again = rig.beat(done);
    assert_eq!((epoch(&again), given(&again)), (3, Some(kept)), "its epoch has gone on");
    let unchanged = rig.beat(beating("a", 2));
    assert_eq!(epoch(&unchanged), 3, "and one that does not list what it owns");
    assert_eq!(error(&rig.beat(beating("a", 1))), ResponseError::FencedMemberEpoch);
    assert_eq!(error(&rig.beat(beating("a", 4))), ResponseError::FencedMemberEpoch);
    assert_eq!(error(&rig.beat(owning("a", 2, &[(1, vec![0, 1, 2, 3])]))), ResponseError::FencedMemberEpoch);
}

#[test]
fn who_is_silent_is_taken_out() {
    let mut rig = joined_by_b();
    rig.advance(44_000);
    let _ = rig.beat(beating("b", 3));
    rig.advance(2_000);
    assert_eq!(error(&rig.beat(beating("a", 2))), ResponseError::UnknownMemberId);
    let all = rig.beat(beating("b", 3));
    assert_eq!((epoch(&all), given(&all)), (4, Some(vec![(1, vec![0, 1, 2, 3])])));
    assert_eq!(rig.causes.last(), Some(&"session-expired"));
}

#[test]
fn who_does_not_give_up_in_time_is_taken_out() {
    let mut rig = joined_by_b();
    let _ = rig.beat(beating("a", 2));
    for _ in 0..31 {
        rig.advance(1_000);
        let _ = rig.beat(beating("a", 2));
        let _ = rig.beat(beating("b", 3));
    }
    assert_eq!(error(&rig.beat(beating("a", 2))), ResponseError::UnknownMemberId);
    assert_eq!(rig.causes.last(), Some(&"rebalance-expired"));
}

#[test]
fn a_member_leaves_and_the_last_one_leaves_an_empty_group() {
    let mut rig = joined_by_b();
    assert_eq!(epoch(&rig.beat(beating("a", -1))), -1);
    assert_eq!(given(&rig.beat(beating("b", 3))), Some(vec![(1, vec![0, 1, 2, 3])]));
    let _ = rig.beat(beating("b", -1));
    let Reply::ListGroups(listed) = rig.answer(5, Request::ListGroups { states: vec![], types: vec![] })
    else {
        panic!("no list")
    };
    assert_eq!((listed[0].group_state.as_str(), listed[0].group_type.as_str()), ("Empty", "consumer"));
    let deleted = rig.answer(2, Request::DeleteGroup("g".into()));
    assert!(matches!(deleted, Reply::DeleteGroup(ref result) if result.error_code == 0), "{deleted:?}");
    assert!(rig.shard.consumer_groups().get("g").is_none());
    rig.restart();
    assert!(rig.shard.consumer_groups().get("g").is_none(), "tombstones take all of it away");
}

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    let mut rig = Rig::new(&[("t", 4)]);
    let with = |request: m::ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(text("i")));
    let _ = rig.beat(with(joining("a", &["t"])));
    let _ = rig.beat(joining("b", &["t"]));
    let kept = given(&rig.beat(with(beating("a", 2)))).expect("partitions");
    let _ = rig.beat(with(owning("a", 2, &kept)));
    assert_eq!(error(&rig.beat(with(joining("new", &["t"])))), ResponseError::UnreleasedInstanceId);
    assert_eq!(epoch(&rig.beat(with(beating("a", -2)))), -2);
    let before = rig.causes.len();
    let back = rig.beat(with(joining("new", &["t"])));
    assert_eq!((epoch(&back), given(&back)), (3, Some(kept.clone())));
    let again = rig.beat(with(joining("new", &["t"])));
    assert_eq!((epoch(&again), given(&again)), (3, Some(kept)), "its answer was lost");
    assert_eq!(rig.causes.len(), before, "nobody else notices");
    assert_eq!(error(&rig.beat(with(beating("a", 3)))), ResponseError::FencedInstanceId);
}

#[test]
fn a_static_member_that_left_for_now_need_not_give_anything_up() {
    let mut rig = Rig::new(&[("t", 4)]);
    let with = |request: m::ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(text("i")));
    let _ = rig.beat(with(joining("a", &["t"])));
    let _ = rig.beat(joining("b", &["t"]));
    let _ = rig.beat(with(beating("a", 2)));
    let _ = rig.beat(with(beating("a", -2)));
    rig.advance(31_000);
    let _ = rig.beat(beating("b", 3));
    assert!(rig.beat(with(joining("new", &["t"]))).is_ok());
    assert!(!rig.causes.contains(&"rebalance-expired"), "{:?}", rig.causes);
}

#[test]
fn members_follow_the_topics() {
    let mut rig = alone();
    let _ = rig.topics.create("other", 1);
    assert_eq!(given(&rig.beat(beating("a", 2))), None, "it does not read that one");
    rig.topics.grow("t", 6);
    let more = rig.beat(beating("a", 2));
    assert_eq!((epoch(&more), given(&more)), (3, Some(vec![(1, vec![0, 1, 2, 3, 4, 5])])));
    rig.topics.delete("t");
    let told = rig.beat(beating("a", 3));
    assert_eq!(given(&told), Some(vec![]));
    assert_eq!(rig.causes, ["member-joined", "topics-changed", "topics-changed"]);
}

#[test]
fn a_regular_expression_finds_topics_as_they_come() {
    let mut rig = Rig::new(&[("taxi-1", 1), ("bus", 1)]);
    let by_regex = |regex: &str| {
        let request = joining("a", &[]).with_subscribed_topic_names(None);
        request.with_subscribed_topic_regex(Some(text(regex)))
    };
    assert_eq!(error(&rig.beat(by_regex("taxi-("))), ResponseError::InvalidRegularExpression);
    let joined = rig.beat(by_regex("taxi-.*"));
    assert_eq!(given(&joined), Some(vec![(1, vec![0])]));
    let _ = rig.topics.create("taxi-2", 1);
    let found = rig.beat(beating("a", epoch(&joined)));
    assert_eq!(given(&found), Some(vec![(1, vec![0]), (3, vec![0])]));
    rig.restart();
    assert_eq!(epoch(&rig.beat(beating("a", epoch(&found)))), epoch(&found), "nothing changes by a restart");
    let named = joining("a", &["bus"]).with_subscribed_topic_regex(Some(text("")));
    assert_eq!(given(&rig.beat(named)), Some(vec![(2, vec![0])]));
}

#[test]
fn assignments_wait_for_their_interval() {
    let mut rig = Rig::new(&[("t", 4)]);
    rig.settings.consumer.assignment_interval_ms = 1_000;
    let _ = rig.beat(joining("a", &["t"]));
    let early = rig.beat(joining("b", &["t"]));
    assert_eq!((epoch(&early), given(&early)), (2, Some(vec![])), "the last target is of epoch 2");
    rig.advance(1_000);
    let told = rig.beat(beating("a", 2));
    assert_eq!(given(&told).map(|topics| topics[0].1.len()), Some(2), "a timer has begun the assignment");
}

#[test]
fn others_are_served_while_an_assignment_is_computed() {
    let mut rig = alone();
    let waiting = rig.ask(1, Request::ConsumerGroupHeartbeat(joining("b", &["t"])));
    assert!(waiting.is_empty() && rig.jobs.len() == 1);
    let served = rig.ask(1, Request::ConsumerGroupHeartbeat(beating("a", 2)));
    assert_eq!(served.len(), 1);
    let third = rig.ask(1, Request::ConsumerGroupHeartbeat(joining("c", &["t"])));
    assert_eq!(third.len(), 1, "it is answered by the target that there is");
    assert_eq!(rig.work().len(), 1, "now b is answered");
    assert_eq!(rig.jobs.len(), 1, "and the next assignment is for c too");
    let _ = rig.work();
    let told = given(&rig.beat(beating("a", 2))).expect("a gives up");
    assert_eq!(told[0].1.len(), 2, "{told:?}");
}

#[test]
fn a_failed_append_takes_everything_back() {
    let mut rig = alone();
    let caller = crate::request::Caller { client_id: text("c"), client_host: text("/h"), version: 1 };
    let token = crate::output::Token(900);
    let request = Request::ConsumerGroupHeartbeat(joining("b", &["t"]));
    let ((), output) =
        rig.step(|shard, environment, output| shard.handle(token, &caller, request, environment, output));
    assert!(output.replies.is_empty() && output.assignments.len() == 1);
    rig.shard.stage();
    let error = ResponseError::NotCoordinator;
    let ((), undone) = rig.step(|shard, environment, output| shard.roll_back(error, environment, output));
    assert!(matches!(&undone.replies[..], [(answered, Reply::Refused(refusal))]
        if *answered == token && refusal.error == error));
    let job = &output.assignments[0];
    let ((), late) = rig.step(|shard, environment, output| {
        shard.assigned(&job.group, job.id, Some(&job.run()), environment, output);
    });
    assert!(late.batches.is_empty() && late.replies.is_empty(), "nobody waits for it any more");
    assert_eq!(given(&rig.beat(beating("a", 2))), None);
}

#[test]
fn an_assignor_that_fails_is_asked_again_after_a_while() {
    let mut rig = alone();
    let asked = rig.ask(1, Request::ConsumerGroupHeartbeat(joining("b", &["t"])));
    assert!(asked.is_empty(), "b waits for the assignment");
    let answered = rig.fail();
    let [(_, Reply::ConsumerGroupHeartbeat(joined))] = &answered[..] else { panic!("{answered:?}") };
    assert_eq!((joined.error_code, joined.member_epoch), (0, 2), "b is in, and has nothing yet");
    assert_eq!(joined.assignment.as_ref().map(|given| given.topic_partitions.len()), Some(0));
    assert!(rig.jobs.is_empty(), "not at once");
    assert_eq!(epoch(&rig.beat(beating("b", 2))), 2);
    rig.advance(4_999);
    assert_eq!(epoch(&rig.beat(beating("a", 2))), 2, "nor by a heartbeat");
    rig.advance(1);
    assert_eq!(given(&rig.beat(beating("a", 2))).map(|topics| topics[0].1.len()), Some(2));
}

/// A member is found in a state of a later version of Kafka, in which most of its requests are refused.
fn forget_states(rig: &mut Rig, of: &str) {
    for record in &mut rig.log {
        if let (
            GroupRecordKey::ConsumerGroupCurrentMemberAssignment(key),
            Some((GroupRecordValue::ConsumerGroupCurrentMemberAssignment(value), _)),
        ) = (&record.key, &mut record.value)
            && key.member_id == of
        {
            value.state = 99;
        }
    }
    rig.restart();
    rig.settings.consumer.assignment_interval_ms = 60_000;
}

#[test]
fn topics_that_a_refused_request_saw_change_are_looked_at_again() {
    let mut rig = joined_by_b();
    forget_states(&mut rig, "a");
    rig.topics.grow("t", 5);
    assert_eq!(error(&rig.beat(beating("a", 2))), ResponseError::FencedMemberEpoch);
    let before = rig.causes.len();
    let _ = rig.beat(beating("b", 3));
    assert_eq!(rig.causes[before..], ["topics-changed"]);
}

#[test]
fn a_rebalance_that_was_refused_did_not_happen() {
    let mut rig = alone();
    forget_states(&mut rig, "a");
    let before = rig.causes.len();
    let changed = beating("a", 2).with_subscribed_topic_names(Some(vec![text("other").into()]));
    assert_eq!(error(&rig.beat(changed)), ResponseError::FencedMemberEpoch);
    assert_eq!(rig.causes[before..], [] as [&str; 0]);
}

#[test]
fn a_restart_changes_nothing() {
    let mut rig = joined_by_b();
    let kept = given(&rig.beat(beating("a", 2))).expect("partitions");
    rig.restart();
    let done = rig.beat(owning("a", 2, &kept));
    assert_eq!(epoch(&done), 3);
    rig.restart();
    assert_eq!(given(&rig.beat(beating("b", 3))).map(|topics| topics[0].1.len()), Some(2));
    rig.advance(46_000);
    assert_eq!(error(&rig.beat(beating("a", 3))), ResponseError::UnknownMemberId, "sessions go on");
}

fn commit(member: &str, epoch: i32, partition: i32) -> Request {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(i64::from(epoch));
    let topic =
        OffsetCommitRequestTopic::default().with_name(text("t").into()).with_partitions(vec![partition]);
    Request::OffsetCommit(
        m::OffsetCommitRequest::default()
            .with_group_id(text("g").into())
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(epoch)
            .with_retention_time_ms(-1)
            .with_topics(vec![topic]),
    )
}

#[test]
fn commits_of_older_epochs_hold_for_partitions_that_are_still_owned() {
    let mut rig = joined_by_b();
    let code = |rig: &mut Rig, version: i16, request: Request| match rig.answer(version, request) {
        Reply::OffsetCommit(response) => Ok(response.topics[0].partitions[0].error_code),
        Reply::Refused(refusal) => Err(refusal.error),
        other => panic!("another answer: {other:?}"),
    };
    let kept = given(&rig.beat(beating("a", 2))).expect("partitions");
    let lost = (0..4).find(|partition| !kept[0].1.contains(partition)).expect("one was given up");
    assert_eq!(code(&mut rig, 9, commit("a", 2, lost)), Ok(0), "it has not given it up yet");
    let _ = rig.beat(owning("a", 2, &kept));
    assert_eq!(code(&mut rig, 9, commit("a", 2, kept[0].1[0])), Ok(0), "an older epoch, but still its own");
    assert_eq!(code(&mut rig, 9, commit("a", 2, lost)), Err(ResponseError::StaleMemberEpoch));
    assert_eq!(code(&mut rig, 9, commit("a", 9, 0)), Err(ResponseError::StaleMemberEpoch));
    assert_eq!(code(&mut rig, 9, commit("x", 3, 0)), Err(ResponseError::UnknownMemberId));
    assert_eq!(code(&mut rig, 8, commit("a", 3, 0)), Err(ResponseError::UnsupportedVersion));
}

#[test]
fn wrong_requests_are_named() {
    let mut rig = alone();
    let message = |rig: &mut Rig, request| {
        let refusal = rig.beat(request).expect_err("it was to be refused");
        (refusal.error, refusal.message.unwrap_or_default())
    };
    let invalid = ResponseError::InvalidRequest;
    assert_eq!(message(&mut rig, beating("", 1)), (invalid, "MemberId can't be empty.".to_owned()));
    let no_timeout = joining("x", &["t"]).with_rebalance_timeout_ms(-1);
    assert_eq!(message(&mut rig, no_timeout).0, invalid);
    assert_eq!(message(&mut rig, beating("a", -3)), (invalid, "MemberEpoch is invalid.".to_owned()));
    assert_eq!(message(&mut rig, beating("a", -2)).1, "InstanceId can't be null.");
    let assignor = joining("x", &["t"]).with_server_assignor(Some(text("best")));
    assert_eq!(message(&mut rig, assignor).0, ResponseError::UnsupportedAssignor);
    let other = beating("a", 1).with_group_id(text("other").into());
    let (error, text) = message(&mut rig, other);
    assert_eq!((error, text.as_str()), (ResponseError::GroupIdNotFound, "Consumer group other not found."));
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut rig = Rig::new(&[("t", 4)]);
    rig.settings.consumer.members_max = 1;
    let _ = rig.beat(joining("a", &["t"]));
    assert_eq!(error(&rig.beat(joining("b", &["t"]))), ResponseError::GroupMaxSizeReached);
    assert_eq!(given(&rig.beat(joining("a", &["t"]))), Some(vec![(1, vec![0, 1, 2, 3])]));
}
