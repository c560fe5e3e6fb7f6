//! Static members (KIP-345).

use medallion_wire::ResponseError;

use super::rig::{Client, DELAY_MS, REBALANCE_MS, Rig, SESSION_MS, code, subscription};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;

/// The process starts anew: it forgets its id.
fn restarted(client: &Client) -> Client {
    Client { id: String::new(), ..client.clone() }
}

#[test]
fn static_members_join_without_an_id_whatever_the_version() {
    let mut rig = Rig::new();
    let token = rig.join(&Client::fixed("app", "i"));
    rig.advance(DELAY_MS);
    let joined = rig.joined(token);
    assert!(joined.member_id.starts_with("i-"), "the instance, not the client: {}", joined.member_id);
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("i"));
    assert!(rig.group().static_member("i").is_some());
}

#[test]
fn a_follower_comes_back_without_a_rebalance() {
    for version in [8, 9] {
        let mut rig = Rig::new();
        let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
        rig.settle(&mut [&mut a, &mut b]);
        let mut again = Client { version, ..restarted(&b) };
        let token = rig.join(&again);
        let joined = rig.joined(token);
        assert_eq!((joined.error_code, joined.generation_id), (0, 1));
        assert_eq!((joined.leader.as_str(), joined.members.len()), (&*a.id, 0));
        assert!(!joined.skip_assignment);
        again.id = joined.member_id.to_string();
        assert_ne!(again.id, b.id);
        assert_eq!(rig.state(), ClassicState::Stable);
        assert_eq!(rig.causes().len(), 1);
        let stored: Vec<&str> = rig.last_value().members.iter().map(|member| &*member.member_id).collect();
        assert!(stored.contains(&&*again.id) && !stored.contains(&&*b.id), "{stored:?}");

        let token = rig.sync(&again, 1, &[]);
        assert_eq!(rig.synced(token).assignment.as_ref(), b"b", "it keeps its assignment");
        assert_eq!(rig.heartbeat(&again, 1), 0);
        assert_eq!(rig.heartbeat(&b, 1), code(ResponseError::FencedInstanceId));
        let dynamic = Client { instance: None, ..b.clone() };
        assert_eq!(rig.heartbeat(&dynamic, 1), code(ResponseError::UnknownMemberId));
    }
}

#[test]
fn a_leader_comes_back_as_the_leader() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::fixed("a", "i"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&restarted(&a));
    let joined = rig.joined(token);
    assert!(joined.skip_assignment, "it leads, but has nothing to do");
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.members.len(), 2);
    assert_eq!(rig.last_value().leader.as_deref(), Some(joined.member_id.as_str()));
}

#[test]
fn an_older_leader_is_not_told_that_it_leads() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client { version: 8, ..Client::fixed("a", "i") }, Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&restarted(&a));
    let joined = rig.joined(token);
    assert_eq!(joined.leader.as_str(), a.id, "its former self");
    assert!(!joined.skip_assignment);
    assert_eq!(joined.members.len(), 0);
    assert_eq!(rig.group().leader().map(|id| id.as_str()), Some(joined.member_id.as_str()));
}

#[test]
fn another_subscription_alone_does_not_rebalance_but_another_protocol_does() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (
        Client::fixed("a", "i").with_protocols(&["range", "sticky"]),
        Client::fixed("b", "j").with_protocols(&["range", "sticky"]),
    );
    rig.settle(&mut [&mut a, &mut b]);
    let mut other = restarted(&b);
    other.protocols = vec![("range", subscription(&["u"])), ("sticky", subscription(&["u"]))];
    let token = rig.join(&other);
    b.id = rig.joined(token).member_id.to_string();
    assert_eq!(rig.state(), ClassicState::Stable);
    assert!(!rig.group().is_subscribed_to("u"), "what is read is looked at with each generation");

    let token = rig.join(&restarted(&a).with_protocols(&["sticky"]));
    assert!(rig.waits(token));
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::StaticMemberReplaced));
    let second = rig.join(&b);
    assert_eq!(rig.joined(token).protocol_name.as_deref(), Some("sticky"));
    assert_eq!(rig.joined(second).generation_id, 2);
}

#[test]
fn coming_back_while_the_assignment_is_awaited_rebalances() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    let token = rig.join(&restarted(&b));
    assert_eq!(rig.synced(waiting).error_code, code(ResponseError::FencedInstanceId));
    assert!(rig.waits(token));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::StaticMemberReplaced));
}

#[test]
fn two_processes_with_one_instance_fence_each_other_off() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.settle(&mut [&mut a, &mut b]);
    let first = rig.join(&a); // the leader begins a rebalance
    let old = rig.join(&b);
    let _ = rig.joined(first);
    let _ = rig.joined(old);
    let first = rig.join(&Client { protocols: vec![("range", subscription(&["u"]))], ..a.clone() });
    assert!(rig.waits(first));
    let new = rig.join(&restarted(&b));
    assert_eq!(rig.joined(new).generation_id, 3, "it stands for the instance: all have joined");
    let token = rig.join(&b);
    let refused = rig.joined(token);
    assert_eq!(refused.error_code, code(ResponseError::FencedInstanceId));
    assert_eq!(refused.member_id.as_str(), b.id);
    let stranger = Client { id: "x".to_owned(), ..Client::fixed("x", "unheard-of") };
    let token = rig.join(&stranger);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn the_former_self_that_waits_is_fenced_off() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.settle(&mut [&mut a, &mut b]);
    b.protocols = vec![("range", subscription(&["u"]))];
    let old = rig.join(&b);
    assert!(rig.waits(old));
    let new = rig.join(&restarted(&b));
    let refused = rig.joined(old);
    assert_eq!(refused.error_code, code(ResponseError::FencedInstanceId));
    assert_eq!(refused.member_id.as_str(), b.id);
    assert!(rig.waits(new));
}

#[test]
fn a_static_member_that_does_not_join_stays_while_its_session_lasts() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let mut b = Client { session_ms: 300_000, ..Client::fixed("b", "i") };
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&a);
    rig.advance(i64::from(REBALANCE_MS));
    let joined = rig.joined(token);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 2), "its partitions are kept for it");
    let token = rig.sync(&a, 2, &[(&a.id, "pa"), (&b.id, "pb")]);
    assert_eq!(rig.synced(token).error_code, 0);
    let token = rig.join(&restarted(&b));
    assert_eq!(rig.joined(token).generation_id, 2);
    assert_eq!(rig.causes().len(), 2);
}

#[test]
fn static_members_that_are_all_silent_wait_for_their_sessions() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let mut b = Client { session_ms: 300_000, ..Client::fixed("b", "i") };
    rig.settle(&mut [&mut a, &mut b]);
    rig.leave(&[(&a.id, None)]);
    rig.advance(3 * i64::from(REBALANCE_MS));
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::PreparingRebalance, 1));
    assert_eq!(rig.group().leader().map(|id| id.as_str()), Some(&*b.id));
    rig.advance(300_000);
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 2));
}

#[test]
fn a_replaced_member_that_never_asks_is_removed() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::fixed("b", "i"));
    rig.gather(&mut [&mut a, &mut b]);
    let _ = rig.sync(&a, 1, &[]);
    let token = rig.join(&restarted(&b));
    let replaced = Client { id: rig.joined(token).member_id.to_string(), ..b.clone() };
    for _ in 0..7 {
        rig.advance(i64::from(SESSION_MS) - 100);
        let _ = (rig.heartbeat(&a, 1), rig.heartbeat(&replaced, 1));
    }
    assert!(rig.group().static_member("i").is_none());
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::SyncExpired));
}
