//! `SyncGroup`.

use medallion_wire::ResponseError;

use super::rig::{Client, Rig, code, text};
use crate::classic::ClassicState;

#[test]
fn followers_wait_for_the_leader() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let follower = rig.sync(&b, 1, &[("x", "ignored")]);
    let again = rig.sync(&b, 1, &[]);
    assert!(rig.waits(follower));
    let leader = rig.sync(&a, 1, &[(&a.id, "pa"), (&b.id, "pb"), ("stranger", "?")]);
    let leader = rig.synced(leader);
    assert_eq!((leader.error_code, leader.assignment.as_ref()), (0, b"pa".as_slice()));
    assert_eq!(leader.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(leader.protocol_name.as_deref(), Some("range"));
    assert_eq!(rig.synced(follower).assignment.as_ref(), b"pb");
    assert_eq!(rig.synced(again).assignment.as_ref(), b"pb", "sent again, answered again");
    assert_eq!(rig.state(), ClassicState::Stable);

    let value = rig.last_value();
    assert_eq!((value.generation, value.leader.as_deref()), (1, Some(&*a.id)));
    assert_eq!((value.protocol_type.as_str(), value.protocol.as_deref()), ("consumer", Some("range")));
    let members: Vec<_> =
        value.members.iter().map(|member| (&*member.member_id, member.assignment.as_ref())).collect();
    assert_eq!(members, [(&*a.id, b"pa".as_slice()), (&*b.id, b"pb".as_slice())]);
    assert_eq!(rig.log.len(), 2);
}

#[test]
fn who_asks_late_is_answered_at_once() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let _ = rig.sync(&a, 1, &[(&a.id, "pa"), (&b.id, "pb")]);
    for _ in 0..2 {
        let token = rig.sync(&b, 1, &[]);
        assert_eq!(rig.synced(token).assignment.as_ref(), b"pb");
    }
    let token = rig.sync(&a, 1, &[(&a.id, "other")]);
    assert_eq!(rig.synced(token).assignment.as_ref(), b"pa", "a generation is assigned once");
    assert_eq!(rig.log.len(), 2);
}

#[test]
fn who_is_forgotten_is_assigned_nothing() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    let _ = rig.sync(&a, 1, &[(&a.id, "first"), (&a.id, "last")]);
    let response = rig.synced(waiting);
    assert_eq!((response.error_code, response.assignment.len()), (0, 0));
    assert_eq!(rig.group().member(&a.id).expect("a").assignment.as_ref(), b"last");
}

#[test]
fn wrong_members_generations_and_protocols_are_refused() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.gather(&mut [&mut a]);
    let stranger = Client { id: "x".to_owned(), ..Client::new("x") };
    let good = a.sync_request(1, &[(&a.id, "pa")]);
    let cases = [
        (stranger.sync_request(1, &[]), ResponseError::UnknownMemberId),
        (a.sync_request(0, &[]), ResponseError::IllegalGeneration),
        (a.sync_request(2, &[]), ResponseError::IllegalGeneration),
        (good.clone().with_protocol_type(Some(text("connect"))), ResponseError::InconsistentGroupProtocol),
        (good.clone().with_protocol_name(Some(text("sticky"))), ResponseError::InconsistentGroupProtocol),
        (good.clone().with_group_instance_id(Some(text("i"))), ResponseError::UnknownMemberId),
        (good.clone().with_group_id(text("none").into()), ResponseError::UnknownMemberId),
    ];
    for (request, error) in cases {
        let token = rig.sync_with(&request);
        assert_eq!(rig.synced(token).error_code, code(error), "{request:?}");
    }
    let token = rig.sync_with(&good.with_protocol_type(None));
    assert_eq!(rig.synced(token).error_code, 0, "older clients do not name the protocol");
}

#[test]
fn a_group_that_rebalances_or_is_empty_has_no_assignment() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let _ = rig.enter(&mut Client::new("b"));
    let token = rig.sync(&a, 1, &[]);
    assert_eq!(rig.synced(token).error_code, code(ResponseError::RebalanceInProgress));

    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    rig.leave(&[(&a.id, None)]);
    assert_eq!(rig.state(), ClassicState::Empty);
    let token = rig.sync(&a, 1, &[]);
    assert_eq!(rig.synced(token).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn a_member_taken_out_while_it_waits_is_answered() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    rig.leave(&[(&b.id, None)]);
    assert_eq!(rig.synced(waiting).error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
}
