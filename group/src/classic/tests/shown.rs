//! `DescribeGroups`, `ListGroups`, `DeleteGroups`.

use medallion_wire::ResponseError;

use super::rig::{Client, Rig, code, subscription, text, value};
use crate::classic::ClassicState;

#[test]
fn a_stable_group_is_described_with_what_its_members_say() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.settle(&mut [&mut a, &mut b]);
    let group = rig.groups.describe(&"g".into(), 6);
    assert_eq!((group.error_code, group.group_id.as_str()), (0, "g"));
    assert_eq!((group.group_state.as_str(), group.protocol_type.as_str()), ("Stable", "consumer"));
    assert_eq!(group.protocol_data.as_str(), "range");
    let member = group.members.iter().find(|member| member.member_id.as_str() == b.id).expect("b");
    assert_eq!(member.group_instance_id.as_deref(), Some("i"));
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("b", "/127.0.0.1"));
    assert_eq!(
        (&member.member_metadata, member.member_assignment.as_ref()),
        (&subscription(&["t"]), b"b".as_slice())
    );

    let _ = rig.join(&a);
    let group = rig.groups.describe(&"g".into(), 6);
    assert_eq!((group.group_state.as_str(), group.protocol_data.as_str()), ("PreparingRebalance", ""));
    assert!(group.members.iter().all(|member| member.member_metadata.is_empty()));
}

#[test]
fn what_is_not_there_is_dead() {
    let rig = Rig::new();
    let older = rig.groups.describe(&"none".into(), 5);
    assert_eq!((older.error_code, older.group_state.as_str()), (0, "Dead"));
    let newer = rig.groups.describe(&"none".into(), 6);
    assert_eq!(
        (newer.error_code, newer.group_state.as_str()),
        (code(ResponseError::GroupIdNotFound), "Dead")
    );
    assert_eq!(newer.error_message.as_deref(), Some("Group none not found."));
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut rig = Rig::new();
    rig.settle(&mut [&mut Client::new("a")]);
    rig.step(|groups, environment, _, _| groups.create(&"offsets-only".into(), environment.now_ms));
    let list = |states: &[&str], types: &[&str]| {
        let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect::<Vec<_>>();
        let listed = rig.groups.list(&texts(states), &texts(types));
        let shown = listed.into_iter().map(|group| {
            assert_eq!(group.group_type.as_str(), "classic");
            format!("{} {} {}", group.group_id.as_str(), group.protocol_type, group.group_state)
        });
        shown.collect::<Vec<_>>()
    };
    let (all, stable) = (["g consumer Stable", "offsets-only  Empty"], ["g consumer Stable"]);
    assert_eq!(list(&[], &[]), all);
    assert_eq!(list(&["stable"], &[]), stable);
    assert_eq!(list(&[" Stable ", "Dead"], &["Classic"]), stable);
    assert_eq!(list(&["Stable"], &["consumer"]), [""; 0]);
    assert_eq!(list(&["PreparingRebalance"], &[]), [""; 0]);
    assert_eq!(list(&[], &["share", "classic"]), all);
}

#[test]
fn only_groups_without_members_are_deleted() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let delete = |rig: &mut Rig| {
        rig.step(|groups, environment, timers, output| {
            let record = groups.delete(&"g".into(), environment, timers, output)?;
            output.append(vec![record]);
            Ok(())
        })
    };
    assert_eq!(delete(&mut rig), Err(ResponseError::GroupIdNotFound));
    rig.settle(&mut [&mut a]);
    assert_eq!(delete(&mut rig), Err(ResponseError::NonEmptyGroup));
    rig.leave(&[(&a.id, None)]);
    let promised = rig.join(&Client::new("b"));
    let promised = Client { id: rig.joined(promised).member_id.to_string(), ..Client::new("b") };
    assert_eq!(delete(&mut rig), Ok(()));
    assert!(rig.log.last().is_some_and(|record| value(record).is_none()), "a tombstone");
    assert!(rig.timers.next_deadline().is_none());
    let token = rig.join(&promised);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(rig.settle(&mut [&mut Client::new("c")]), 1, "the next group of this name begins anew");
    assert_eq!(rig.state(), ClassicState::Stable);
}
