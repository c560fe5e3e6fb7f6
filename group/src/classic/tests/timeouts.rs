//! Heartbeats, and what happens without them.

use medallion_wire::ResponseError;

use super::rig::{Client, DELAY_MS, REBALANCE_MS, Rig, SESSION_MS, client, code};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;

const SESSION: i64 = SESSION_MS as i64;
const REBALANCE: i64 = REBALANCE_MS as i64;

#[test]
fn heartbeats_keep_a_member() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    for _ in 0..5 {
        rig.advance(SESSION - 1);
        assert_eq!(rig.heartbeat(&a, 1), 0);
    }
    rig.advance(SESSION - 1);
    assert_eq!(rig.state(), ClassicState::Stable);
    rig.advance(1);
    assert_eq!(rig.state(), ClassicState::Empty);
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::SessionExpired));
    let value = rig.last_value();
    assert_eq!((value.generation, value.members.len(), value.protocol.as_deref()), (2, 0, None));
    assert_eq!((value.protocol_type.as_str(), value.leader.as_deref()), ("consumer", None));
    assert_eq!(rig.heartbeat(&a, 1), code(ResponseError::UnknownMemberId));
}

#[test]
fn heartbeats_are_checked() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    assert_eq!(rig.heartbeat(&a, 0), code(ResponseError::UnknownMemberId), "no group");
    rig.settle(&mut [&mut a]);
    let stranger = Client { id: "x".to_owned(), ..Client::new("x") };
    assert_eq!(rig.heartbeat(&stranger, 1), code(ResponseError::UnknownMemberId));
    assert_eq!(rig.heartbeat(&a, 0), code(ResponseError::IllegalGeneration));
    let other = Client { instance: Some("i".to_owned()), ..a.clone() };
    assert_eq!(rig.heartbeat(&other, 1), code(ResponseError::UnknownMemberId));
}

#[test]
fn the_session_of_one_member_ends_for_it_alone() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    rig.advance(SESSION - 1);
    assert_eq!(rig.heartbeat(&b, 1), 0);
    rig.advance(1);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.group().leader().map(|id| id.as_str()), Some(&*b.id), "another leads");
    let last = rig.rebalances.last().expect("a rebalance");
    assert_eq!(last.member.as_ref().map(|id| id.as_str()), Some(&*a.id));
    assert_eq!(last.client, Some(client("a")), "though it is out");
    assert_eq!(last.reason, format!("removing member {} on heartbeat expiration.", a.id));
}

#[test]
fn who_waits_at_the_coordinator_need_not_beat() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&a);
    for _ in 0..7 {
        rig.advance(8_000);
        assert_eq!(rig.heartbeat(&b, 1), code(ResponseError::RebalanceInProgress));
    }
    assert!(rig.waits(token));
    rig.advance(REBALANCE - 7 * 8_000);
    assert_eq!(rig.joined(token).members.len(), 1, "b beat, but did not join in time");
    assert!(rig.group().member(&b.id).is_none());
    rig.advance(SESSION - 1);
    assert_eq!(rig.heartbeat(&a, 2), 0, "its session began anew with the answer");
}

#[test]
fn a_follower_that_waits_for_its_assignment_need_not_beat() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    for _ in 0..3 {
        rig.advance(SESSION - 1);
        assert_eq!(rig.heartbeat(&a, 1), 0);
    }
    assert!(rig.waits(waiting));
    let _ = rig.sync(&a, 1, &[(&b.id, "pb")]);
    assert_eq!(rig.synced(waiting).assignment.as_ref(), b"pb");
    rig.advance(SESSION - 1);
    assert!(rig.group().member(&b.id).is_some());
    rig.advance(1);
    assert!(rig.group().member(&b.id).is_none());
}

#[test]
fn who_does_not_ask_for_its_assignment_is_removed() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    for _ in 0..6 {
        assert_eq!(rig.heartbeat(&a, 1), 0);
        rig.advance(SESSION - 100);
    }
    let left_ms = REBALANCE + DELAY_MS - (rig.monotonic_ms - 500);
    assert_eq!(rig.heartbeat(&a, 1), 0);
    rig.advance(left_ms + DELAY_MS);
    assert_eq!(rig.synced(waiting).error_code, code(ResponseError::RebalanceInProgress));
    assert!(rig.group().member(&a.id).is_none(), "the leader beat, but brought nothing");
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::SyncExpired));
    let last = rig.rebalances.last().expect("a rebalance");
    assert_eq!((&last.member, &last.client), (&Some(a.id.as_str().into()), &Some(client("a"))));
    assert_eq!(last.reason, format!("Removing [{}] on pending sync request expiration", a.id));
}

#[test]
fn a_stable_group_also_waits_for_all_to_ask() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let _ = rig.sync(&a, 1, &[]);
    assert_eq!(rig.state(), ClassicState::Stable);
    for _ in 0..7 {
        rig.advance(SESSION - 100);
        let _ = (rig.heartbeat(&a, 1), rig.heartbeat(&b, 1));
    }
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert!(rig.group().member(&b.id).is_none());
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::SyncExpired));
}

#[test]
fn who_does_not_join_in_time_is_left_behind() {
    let mut rig = Rig::new();
    let (mut a, mut b, mut c) = (Client::new("a"), Client::new("b"), Client::new("c"));
    rig.settle(&mut [&mut a, &mut b, &mut c]);
    let (token_b, token_c) = (rig.enter(&mut Client::new("d")), rig.join(&b));
    for _ in 0..7 {
        rig.advance(SESSION - 100);
        let _ = (rig.heartbeat(&a, 1), rig.heartbeat(&c, 1));
    }
    assert_eq!(rig.joined(token_b).generation_id, 2);
    let joined = rig.joined(token_c);
    assert_eq!(joined.generation_id, 2);
    assert_ne!(joined.leader.as_str(), a.id, "the leader was too late");
    assert_eq!(rig.heartbeat(&a, 1), code(ResponseError::UnknownMemberId));
    assert_eq!(rig.heartbeat(&c, 1), code(ResponseError::UnknownMemberId));
    assert_eq!(rig.group().members().len(), 2);
}

#[test]
fn a_promised_id_lapses() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let token = rig.join(&Client::new("b"));
    let promised = Client { id: rig.joined(token).member_id.to_string(), ..Client::new("b") };
    let token = rig.join(&a);
    rig.advance(SESSION - 1);
    assert!(rig.waits(token), "b may come");
    rig.advance(1);
    assert_eq!(rig.joined(token).generation_id, 2);
    let token = rig.join(&promised);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn a_promised_id_may_be_given_back() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let token = rig.join(&Client::new("b"));
    let promised = rig.joined(token).member_id.to_string();
    let token = rig.join(&a);
    assert!(rig.waits(token));
    assert_eq!(rig.leave(&[(&promised, None)]).members[0].error_code, 0);
    assert_eq!(rig.joined(token).generation_id, 2);
}

#[test]
fn a_newcomer_whose_client_is_gone_is_waited_for_five_minutes_at_most() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client { rebalance_ms: 600_000, ..Client::new("a") }, Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let newcomer = rig.enter(&mut Client::new("new"));
    for _ in 0..40 {
        rig.advance(SESSION - 1);
        let _ = (rig.heartbeat(&a, 1), rig.heartbeat(&b, 1));
    }
    assert_eq!(rig.joined(newcomer).error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(rig.group().members().len(), 2);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
}

#[test]
fn stale_timers_do_nothing() {
    use crate::timers::TimerKey;
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let keys = [
        TimerKey::ClassicJoin("g".into()),
        TimerKey::ClassicSync("g".into()),
        TimerKey::ClassicSession("g".into(), "x".into()),
        TimerKey::ClassicSession("none".into(), "x".into()),
        TimerKey::ClassicJoin("none".into()),
        TimerKey::Expiration,
    ];
    for key in keys {
        rig.step(|groups, environment, timers, output| {
            groups.on_timer(&key, environment, timers, output);
        });
    }
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Stable, 1));
    assert_eq!(rig.causes().len(), 1);
}
