//! Offsets by scenario, and against a plain model.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use medallion_wire::messages::{OffsetCommitRequest, TopicName};
use medallion_wire::types::Uuid;
use medallion_wire::{ProducerId, ResponseError};
use proptest::prelude::*;

use super::*;
use crate::environment::{ConsumerOverrides, Environment, Settings};
use crate::ids::GroupId;
use crate::record::Record;
use crate::test_support::NoTopics;

fn with_environment<T>(now_ms: i64, work: impl FnOnce(&Environment<'_>) -> T) -> T {
    let settings = Settings::default();
    let mut random = || 0;
    work(&Environment {
        now_ms,
        monotonic_ms: 0,
        settings: &settings,
        topics: &NoTopics,
        overrides: &|_| ConsumerOverrides::default(),
        random: &mut random,
    })
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn commit_request(group: &str, topic: &str, id: Uuid, commits: &[(i32, i64, &str)]) -> OffsetCommitRequest {
    let partitions = commits.iter().map(|(index, offset, metadata)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(7)
            .with_committed_metadata(Some(text(metadata)))
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text(topic)))
        .with_topic_id(id)
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default().with_group_id(text(group).into()).with_topics(vec![topic])
}

fn apply(offsets: &mut Offsets, record: &Record, producer: Option<i64>) {
    let GroupRecordKey::OffsetCommit(key) = &record.key else { panic!("{record:?} is no commit") };
    let value = record.value.as_ref().map(|(value, _)| match value {
        GroupRecordValue::OffsetCommit(value) => value,
        other => panic!("{other:?} is no commit"),
    });
    offsets.apply(key, value, producer.map(ProducerId));
    offsets.check_invariants();
}

fn commit(offsets: &mut Offsets, request: &OffsetCommitRequest, producer: Option<i64>) {
    let decision = with_environment(1_000, |environment| {
        Offsets::commit(request, environment, &|_, _, _| Ok(())).expect("may be committed")
    });
    for record in &decision.0 {
        apply(offsets, record, producer);
    }
}

fn fetch(offsets: &Offsets, group: &str, topic: &str, id: Uuid, index: i32) -> (i64, i16) {
    let topic = OffsetFetchRequestTopics::default()
        .with_name(TopicName(text(topic)))
        .with_topic_id(id)
        .with_partition_indexes(vec![index]);
    let request =
        OffsetFetchRequestGroup::default().with_group_id(text(group).into()).with_topics(Some(vec![topic]));
    let answer = offsets.fetch(&request, true);
    let partition = &answer.topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

#[test]
fn what_is_committed_is_fetched_and_survives_its_encoding() {
    let mut offsets = Offsets::default();
    let request = commit_request("g", "t", Uuid::from_u128(5), &[(0, 10, "a"), (1, 20, "")]);
    let (records, response) = with_environment(1_234, |environment| {
        Offsets::commit(&request, environment, &|_, _, _| Ok(())).expect("may be committed")
    });
    assert!(response.topics[0].partitions.iter().all(|partition| partition.error_code == 0));
    for record in &records {
        let (key, value) = record.encode().expect("can be written");
        let key = GroupRecordKey::decode(&key).expect("a key");
        let value = GroupRecordValue::decode(key.key(), &value.expect("no tombstone")).expect("a value");
        apply(&mut offsets, &Record::set(key, value, 4), None);
    }
    let committed = offsets.committed(&"g".into(), "t", 0).expect("committed");
    assert_eq!((committed.offset, committed.leader_epoch), (10, Some(7)));
    assert_eq!((committed.commit_timestamp_ms, &*committed.metadata), (1_234, "a"));
    assert_eq!(fetch(&offsets, "g", "t", Uuid::nil(), 1), (20, 0));
    assert_eq!(fetch(&offsets, "g", "t", Uuid::from_u128(6), 1), (-1, 0), "of an older topic of that name");
    assert_eq!(fetch(&offsets, "other", "t", Uuid::nil(), 1), (-1, 0));
}

#[test]
fn too_much_metadata_refuses_its_partition_only_and_a_check_the_whole_request() {
    let long = "é".repeat(4_096);
    let too_long = "x".repeat(4_097);
    let request = commit_request("g", "t", Uuid::nil(), &[(0, 1, &long), (1, 2, &too_long)]);
    let (records, response) = with_environment(0, |environment| {
        Offsets::commit(&request, environment, &|_, _, _| Ok(())).expect("may be committed")
    });
    let codes: Vec<i16> =
        response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, ResponseError::OffsetMetadataTooLarge.code()]);
    assert_eq!(records.len(), 1);
    let refused = with_environment(0, |environment| {
        Offsets::commit(&request, environment, &|_, _, _| Err(ResponseError::StaleMemberEpoch))
    });
    assert_eq!(refused.expect_err("refused"), ResponseError::StaleMemberEpoch);
}

#[test]
fn a_transaction_s_offsets_hold_once_it_commits_unless_a_later_commit_came() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(0, 1, ""), (1, 1, "")]), None);
    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(0, 5, ""), (1, 5, "")]), Some(9));
    assert_eq!(fetch(&offsets, "g", "t", Uuid::nil(), 0), (-1, ResponseError::UnstableOffsetCommit.code()));
    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(1, 7, "")]), None);
    offsets.end_transaction(ProducerId(9), TransactionEnd::Commit);
    offsets.check_invariants();
    assert_eq!(fetch(&offsets, "g", "t", Uuid::nil(), 0), (5, 0));
    assert_eq!(fetch(&offsets, "g", "t", Uuid::nil(), 1), (7, 0), "written after the transaction's");

    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(0, 99, "")]), Some(9));
    offsets.end_transaction(ProducerId(9), TransactionEnd::Abort);
    assert_eq!(fetch(&offsets, "g", "t", Uuid::nil(), 0), (5, 0));
}

#[test]
fn deletions_name_what_is_there() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, &commit_request("g", "t", Uuid::from_u128(1), &[(0, 1, ""), (1, 1, "")]), None);
    commit(&mut offsets, &commit_request("g", "u", Uuid::nil(), &[(0, 1, "")]), None);
    commit(&mut offsets, &commit_request("g", "v", Uuid::nil(), &[(0, 1, "")]), Some(3));
    assert_eq!(offsets.delete_group(&"g".into()).len(), 4);
    assert_eq!(offsets.delete_topics(&[(Uuid::from_u128(2), Arc::from("t"))]), [], "another topic's id");
    assert_eq!(offsets.delete_topics(&[(Uuid::from_u128(1), Arc::from("t"))]).len(), 2);
    assert_eq!(offsets.delete_topics(&[(Uuid::from_u128(1), Arc::from("v"))]).len(), 1);
    for record in offsets.delete_group(&"g".into()) {
        apply(&mut offsets, &record, None);
    }
    assert!(offsets.is_empty());
    offsets.end_transaction(ProducerId(3), TransactionEnd::Commit);
    assert!(offsets.is_empty(), "deleted before the transaction's end");
}

#[test]
fn offsets_expire_by_their_commit_or_the_group_s_end() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(0, 1, "")]), None); // at 1,000
    let group: GroupId = "g".into();
    let expired = |expiry, subscribed: bool, now| {
        let expired = offsets.expire(&group, expiry, &|_| subscribed, now, 500);
        (expired.records.len(), expired.all)
    };
    assert_eq!(expired(OffsetExpiry::SinceCommit, false, 1_499), (0, false));
    assert_eq!(expired(OffsetExpiry::SinceCommit, false, 1_500), (1, true));
    assert_eq!(expired(OffsetExpiry::SinceCommit, true, 9_999), (0, false));
    assert_eq!(expired(OffsetExpiry::Since(2_000), false, 1_500), (0, false));
    assert_eq!(expired(OffsetExpiry::Since(2_000), false, 2_500), (1, true));
    let nothing = offsets.expire(&"other".into(), OffsetExpiry::SinceCommit, &|_| false, 0, 1);
    assert!(nothing.all && nothing.records.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Commit { partition: i32, offset: i64, producer: Option<i64> },
    Delete { partition: i32 },
    End { producer: i64, commit: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3, 0..100i64, prop::option::of(0..3i64))
            .prop_map(|(partition, offset, producer)| Step::Commit { partition, offset, producer }),
        1 => (0..3).prop_map(|partition| Step::Delete { partition }),
        2 => (0..3i64, any::<bool>()).prop_map(|(producer, commit)| Step::End { producer, commit }),
    ]
}

proptest! {
    #[test]
    fn offsets_are_those_of_a_plain_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut offsets = Offsets::default();
        let mut model: BTreeMap<i32, (usize, i64)> = BTreeMap::new();
        let mut open: BTreeMap<i64, BTreeMap<i32, (usize, i64)>> = BTreeMap::new();
        for (order, step) in steps.into_iter().enumerate() {
            match step {
                Step::Commit { partition, offset, producer } => {
                    commit(&mut offsets, &commit_request("g", "t", Uuid::nil(), &[(partition, offset, "")]), producer);
                    let of = match producer {
                        Some(producer) => open.entry(producer).or_default(),
                        None => &mut model,
                    };
                    let _ = of.insert(partition, (order, offset));
                }
                Step::Delete { partition } => {
                    let key = committed::tombstone(&"g".into(), "t", partition);
                    apply(&mut offsets, &key, None);
                    let _ = model.remove(&partition);
                    for pending in open.values_mut() {
                        let _ = pending.remove(&partition);
                    }
                }
                Step::End { producer, commit } => {
                    let end = if commit { TransactionEnd::Commit } else { TransactionEnd::Abort };
                    offsets.end_transaction(ProducerId(producer), end);
                    for (partition, pending) in open.remove(&producer).unwrap_or_default() {
                        if commit && model.get(&partition).is_none_or(|before| before.0 < pending.0) {
                            let _ = model.insert(partition, pending);
                        }
                    }
                }
            }
            offsets.check_invariants();
            for partition in 0..3 {
                let committed = offsets.committed(&"g".into(), "t", partition).map(|commit| commit.offset);
                prop_assert_eq!(committed, model.get(&partition).map(|(_, offset)| *offset));
            }
        }
    }
}
