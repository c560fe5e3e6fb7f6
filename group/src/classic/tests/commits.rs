//! Whose offsets a group takes, lets go and keeps.

use medallion_wire::ResponseError;

use super::rig::{Client, Rig, SESSION_MS, code, subscription};
use crate::classic::{ClassicState, Commit, DeleteOffsets};
use crate::offsets::OffsetExpiry;

const NOBODY: Commit<'static> =
    Commit { member_id: "", instance_id: None, generation: -1, is_transactional: false, version: 9 };

fn of(client: &Client, generation: i32) -> Commit<'_> {
    Commit { member_id: &client.id, instance_id: client.instance.as_deref(), generation, ..NOBODY }
}

/// The error code of a commit; 0 where it is taken.
fn commit(rig: &mut Rig, commit: &Commit<'_>) -> i16 {
    let outcome = rig.step(|groups, environment, timers, _| {
        groups.validate_commit(&"g".into(), commit, environment, timers)
    });
    outcome.err().map_or(0, code)
}

#[test]
fn who_is_no_member_makes_a_group_by_committing() {
    let mut rig = Rig::new();
    assert_eq!(commit(&mut rig, &NOBODY), 0);
    assert!(rig.group().is_simple());
    assert!(rig.log.is_empty(), "its offsets are all there is of it");
    assert_eq!(rig.group().offset_expiry(), Some(OffsetExpiry::SinceCommit));
    assert_eq!(commit(&mut rig, &NOBODY), 0);
    let with_member = Commit { member_id: "x", ..NOBODY };
    assert_eq!(commit(&mut rig, &with_member), 0, "an empty group does not ask who it is");
}

#[test]
fn a_member_of_no_group_is_refused_by_version() {
    let mut rig = Rig::new();
    let member = Commit { member_id: "x", generation: 1, ..NOBODY };
    assert_eq!(commit(&mut rig, &member), code(ResponseError::GroupIdNotFound));
    let older = Commit { version: 8, ..member };
    assert_eq!(commit(&mut rig, &older), code(ResponseError::IllegalGeneration));
    let transactional = Commit { is_transactional: true, ..member };
    assert_eq!(commit(&mut rig, &transactional), code(ResponseError::IllegalGeneration));
    assert!(rig.groups.get("g").is_none());
}

#[test]
fn members_commit_in_their_generation() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.settle(&mut [&mut a, &mut b]);
    assert_eq!(commit(&mut rig, &of(&a, 1)), 0);
    assert_eq!(commit(&mut rig, &of(&b, 1)), 0);
    let cases = [
        (of(&a, 0), ResponseError::IllegalGeneration),
        (of(&a, 2), ResponseError::IllegalGeneration),
        (of(&a, -1), ResponseError::IllegalGeneration),
        (Commit { member_id: "x", ..of(&a, 1) }, ResponseError::UnknownMemberId),
        (Commit { instance_id: Some("none"), ..of(&b, 1) }, ResponseError::UnknownMemberId),
        (Commit { instance_id: Some("i"), ..of(&a, 1) }, ResponseError::FencedInstanceId),
        (NOBODY, ResponseError::UnknownMemberId),
    ];
    for (case, error) in cases {
        assert_eq!(commit(&mut rig, &case), code(error), "{case:?}");
    }
    let transactional = Commit { is_transactional: true, ..NOBODY };
    assert_eq!(commit(&mut rig, &transactional), 0, "transactions may be committed by nobody");
}

#[test]
fn while_the_group_rebalances_offsets_can_still_be_committed() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let _ = rig.enter(&mut Client::new("b"));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(commit(&mut rig, &of(&a, 1)), 0);
    let _ = rig.join(&a);
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    assert_eq!(commit(&mut rig, &of(&a, 2)), code(ResponseError::RebalanceInProgress));
    let transactional = Commit { is_transactional: true, ..of(&a, 2) };
    assert_eq!(commit(&mut rig, &transactional), 0);
    assert_eq!(commit(&mut rig, &of(&a, 1)), code(ResponseError::IllegalGeneration));
}

#[test]
fn a_commit_is_a_heartbeat_a_transactional_one_is_not() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    for _ in 0..3 {
        rig.advance(i64::from(SESSION_MS) - 1);
        assert_eq!(commit(&mut rig, &of(&a, 1)), 0);
    }
    rig.advance(i64::from(SESSION_MS) - 1);
    assert_eq!(commit(&mut rig, &Commit { is_transactional: true, ..of(&a, 1) }), 0);
    rig.advance(1);
    assert_eq!(rig.state(), ClassicState::Empty);
}

#[test]
fn offsets_of_topics_that_are_read_are_kept() {
    let mut rig = Rig::new();
    let mut a = Client { protocols: vec![("range", subscription(&["t", "u"]))], ..Client::new("a") };
    let mut b = Client { protocols: vec![("range", subscription(&["v"]))], ..Client::new("b") };
    rig.settle(&mut [&mut a, &mut b]);
    let topics = rig.group().subscribed_topics().expect("they can be read");
    assert_eq!(topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["t", "u", "v"]);
    assert!(rig.group().is_subscribed_to("u") && !rig.group().is_subscribed_to("w"));
    assert_eq!(rig.group().validate_offset_delete(), Ok(DeleteOffsets::Unsubscribed));
    assert_eq!(rig.group().validate_delete(), Err(ResponseError::NonEmptyGroup));
    assert_eq!(rig.group().offset_expiry(), Some(OffsetExpiry::SinceCommit));
    let _ = rig.join(&a);
    assert_eq!(rig.group().offset_expiry(), None, "nothing expires in a rebalance");
    rig.leave(&[(&a.id, None), (&b.id, None)]);
    assert_eq!(rig.state(), ClassicState::Empty);
    assert_eq!(rig.group().offset_expiry(), Some(OffsetExpiry::Since(rig.now_ms)));
    assert!(!rig.group().is_subscribed_to("t"));
    assert_eq!(rig.group().validate_offset_delete(), Ok(DeleteOffsets::All));
    assert_eq!(rig.group().validate_delete(), Ok(()));
}

#[test]
fn what_is_not_known_is_kept() {
    let mut rig = Rig::new();
    let mut broken = Client { protocols: vec![("range", vec![0, 0, 9].into())], ..Client::new("a") };
    rig.settle(&mut [&mut broken]);
    assert_eq!(rig.group().subscribed_topics(), None);
    assert!(rig.group().is_subscribed_to("any"));
    assert_eq!(rig.group().offset_expiry(), None);

    let mut rig = Rig::new();
    let mut worker = Client { protocol_type: "connect", ..Client::new("w") };
    rig.settle(&mut [&mut worker]);
    assert!(!rig.group().is_subscribed_to("t"));
    assert_eq!(rig.group().validate_offset_delete(), Err(ResponseError::NonEmptyGroup));
    assert_eq!(rig.group().offset_expiry(), None);
}
