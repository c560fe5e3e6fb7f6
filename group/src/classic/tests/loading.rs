//! Groups from their records.

use medallion_wire::ResponseError;
use medallion_wire::internal_records::group::GroupMetadataValue;
use medallion_wire::internal_records::group::group_metadata_value::MemberMetadata;

use super::rig::{Client, REBALANCE_MS, Rig, SESSION_MS, code, subscription};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;
use crate::offsets::OffsetExpiry;

#[test]
fn a_stable_group_goes_on() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.settle(&mut [&mut a, &mut b]);
    let before = rig.group().to_record();
    rig.restart();
    assert_eq!(rig.state(), ClassicState::Stable);
    assert_eq!(rig.group().to_record(), before);
    assert_eq!(rig.heartbeat(&a, 1), 0);
    assert!(rig.group().is_subscribed_to("t") && !rig.group().is_subscribed_to("u"));
    let token = rig.sync(&b, 1, &[]);
    assert_eq!(rig.synced(token).assignment.as_ref(), b"b");
    let token = rig.join(&b);
    assert_eq!(rig.joined(token).generation_id, 1, "it says the same");
    rig.advance(i64::from(SESSION_MS));
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 2), "sessions began anew");
}

#[test]
fn a_generation_that_was_not_stored_is_over() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a]);
    rig.gather(&mut [&mut b, &mut a]);
    rig.restart();
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Stable, 1));
    let token = rig.sync(&a, 2, &[]);
    assert_eq!(rig.synced(token).error_code, code(ResponseError::IllegalGeneration));
    let token = rig.join(&b);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn other_protocols_are_not_stored() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b").with_protocols(&["range", "sticky"]));
    rig.settle(&mut [&mut a, &mut b]);
    rig.restart();
    let token = rig.join(&b);
    assert!(rig.waits(token), "it says more than is known of it, as in Kafka");
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::MetadataChanged));
}

#[test]
fn empty_groups_and_tombstones() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    rig.leave(&[(&a.id, None)]);
    let since_ms = rig.now_ms;
    rig.now_ms += 77;
    rig.restart();
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 2));
    assert_eq!(rig.group().offset_expiry(), Some(OffsetExpiry::Since(since_ms)));
    rig.step(|groups, environment, timers, output| {
        let record = groups.delete(&"g".into(), environment, timers, output).expect("it is empty");
        output.append(vec![record]);
    });
    rig.restart();
    assert!(rig.groups.get("g").is_none());
}

#[test]
fn a_group_over_its_size_rebalances() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    rig.settings.classic.members_max = 1;
    rig.restart();
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::OverCapacity));
    let (first, second) = (rig.join(&a), rig.join(&b));
    assert_eq!(rig.joined(second).error_code, code(ResponseError::GroupMaxSizeReached));
    rig.advance(i64::from(REBALANCE_MS));
    assert_eq!(rig.joined(first).members.len(), 1);
}

fn member(id: &str, instance: Option<&str>) -> MemberMetadata {
    MemberMetadata {
        member_id: id.to_owned(),
        group_instance_id: instance.map(ToOwned::to_owned),
        session_timeout: SESSION_MS,
        subscription: subscription(&["t"]),
        ..MemberMetadata::default()
    }
}

#[test]
fn old_and_odd_records_are_taken() {
    let value = GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: 7,
        protocol: Some("range".to_owned()),
        leader: Some("gone".to_owned()),
        members: vec![member("a", Some("i")), member("a", None), member("b", Some("i")), member("c", None)],
        ..GroupMetadataValue::default()
    };
    let mut rig = Rig::new();
    rig.groups.load("g".into(), Some(&value));
    rig.step(|groups, environment, timers, output| groups.loaded(environment, timers, output));
    let ids: Vec<&str> = rig.group().members().map(|member| member.id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(rig.group().leader().map(|id| id.as_str()), Some("a"));
    let a = rig.group().member("a").expect("a");
    assert_eq!(a.rebalance_timeout_ms, SESSION_MS, "version 0 had one timeout for both");

    let empty = GroupMetadataValue { members: Vec::new(), leader: None, ..value };
    rig.groups.load("g".into(), Some(&empty));
    assert_eq!(rig.group().offset_expiry(), Some(OffsetExpiry::SinceCommit), "no time is known");

    let nameless = GroupMetadataValue { protocol: None, members: vec![member("a", None)], ..empty };
    rig.groups.load("g".into(), Some(&nameless));
    assert_eq!(rig.group().members().len(), 1);
}
