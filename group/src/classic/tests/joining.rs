//! `JoinGroup`.

use medallion_wire::ResponseError;

use super::rig::{Client, DELAY_MS, REBALANCE_MS, Rig, client, code, subscription, value};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;
use crate::request::Reply;

#[test]
fn a_first_member_is_given_an_id_and_waits_for_others() {
    let mut rig = Rig::new();
    let mut client = Client::new("app");
    let token = rig.join(&client);
    let required = rig.joined(token);
    assert_eq!(required.error_code, code(ResponseError::MemberIdRequired));
    assert_eq!(required.member_id.as_str(), "app-00000000-0000-4000-8000-000000000001");
    assert_eq!((required.generation_id, required.protocol_name), (-1, None));
    assert_eq!(rig.state(), ClassicState::Empty);
    let created = value(&rig.log[0]).expect("the group came to be").clone();
    assert_eq!((created.generation, created.protocol_type.as_str(), created.protocol), (0, "", None));
    assert_eq!(created.current_state_timestamp, 1_000_000);

    client.id = required.member_id.to_string();
    let token = rig.join(&client);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    rig.advance(DELAY_MS - 1);
    assert!(rig.waits(token));
    rig.advance(1);
    let joined = rig.joined(token);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!((joined.leader.as_str(), joined.member_id.as_str()), (&*client.id, &*client.id));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert!(!joined.skip_assignment);
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, subscription(&["t"]));
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    assert_eq!(rig.log.len(), 1, "a generation is stored with its assignment");
}

#[test]
fn older_clients_join_without_knowing_their_id() {
    let mut rig = Rig::new();
    let client = Client { version: 3, ..Client::new("old") };
    let token = rig.join(&client);
    rig.advance(DELAY_MS);
    assert!(rig.joined(token).member_id.starts_with("old-"));
}

#[test]
fn the_first_wait_is_extended_up_to_the_rebalance_timeout() {
    let mut rig = Rig::new();
    let mut first = Client { rebalance_ms: 8_000, ..Client::new("a") };
    let token = rig.enter(&mut first);
    rig.advance(2_000);
    let _ = rig.enter(&mut Client::new("b"));
    rig.advance(1_000); // 3 s: someone came, 5 s are left
    assert!(rig.waits(token));
    rig.advance(2_000);
    let _ = rig.enter(&mut Client::new("c"));
    rig.advance(1_000); // 6 s: someone came, 2 s are left
    assert!(rig.waits(token));
    let _ = rig.enter(&mut Client::new("d"));
    rig.advance(1_999);
    assert!(rig.waits(token));
    rig.advance(1); // 8 s: as long as the first one asked for
    assert_eq!(rig.joined(token).members.len(), 4);
}

#[test]
fn without_newcomers_the_first_wait_is_not_extended() {
    let mut rig = Rig::new();
    let token = rig.enter(&mut Client::new("a"));
    rig.advance(DELAY_MS);
    assert!(!rig.waits(token));
}

#[test]
fn a_wait_of_nothing_ends_at_once() {
    let mut rig = Rig::new();
    rig.settings.classic.initial_rebalance_delay_ms = 0;
    let token = rig.enter(&mut Client::new("a"));
    rig.advance(0);
    assert_eq!(rig.joined(token).generation_id, 1);
}

#[test]
fn the_protocol_with_the_most_votes_is_chosen() {
    let mut rig = Rig::new();
    let mut a = Client::new("a").with_protocols(&["range", "sticky"]);
    let mut b = Client::new("b").with_protocols(&["sticky", "range"]);
    let mut c = Client::new("c").with_protocols(&["own", "sticky", "range"]);
    let responses = rig.gather(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(responses[0].protocol_name.as_deref(), Some("sticky"), "`own` is not shared");
}

#[test]
fn a_protocol_named_twice_counts_once() {
    let mut rig = Rig::new();
    let mut a = Client::new("a").with_protocols(&["range", "range"]);
    let mut b = Client::new("b");
    let responses = rig.gather(&mut [&mut a, &mut b]);
    assert_eq!(responses[1].protocol_name.as_deref(), Some("range"));
}

#[test]
fn only_the_leader_is_told_of_all() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    let responses = rig.gather(&mut [&mut a, &mut b]);
    assert_eq!(responses[0].leader.as_str(), a.id);
    assert_eq!(responses[1].leader.as_str(), a.id);
    assert_eq!((responses[0].members.len(), responses[1].members.len()), (2, 0));
}

#[test]
fn members_of_another_kind_are_refused() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let _ = rig.enter(&mut a);
    let connect = Client { protocol_type: "connect", ..Client::new("c") };
    let other = Client::new("o").with_protocols(&["other"]);
    for stranger in [connect, other] {
        let token = rig.join(&stranger);
        let refused = rig.joined(token);
        assert_eq!(refused.error_code, code(ResponseError::InconsistentGroupProtocol));
        assert_eq!(refused.member_id.as_str(), "");
        let known = Client { id: "x".to_owned(), ..stranger };
        let token = rig.join(&known);
        let refused = rig.joined(token);
        assert_eq!(refused.error_code, code(ResponseError::InconsistentGroupProtocol));
        assert_eq!(refused.member_id.as_str(), "x");
    }
}

#[test]
fn an_empty_group_wants_a_kind_and_a_protocol() {
    for client in [Client { protocol_type: "", ..Client::new("a") }, Client::new("a").with_protocols(&[])] {
        let mut rig = Rig::new();
        let token = rig.join(&client);
        assert_eq!(rig.joined(token).error_code, code(ResponseError::InconsistentGroupProtocol));
        assert_eq!(rig.log.len(), 1, "the group came to be all the same, as in Kafka");
        assert!(rig.group().is_simple());
    }
}

#[test]
fn unknown_ids_are_refused() {
    let mut rig = Rig::new();
    let ghost = Client { id: "ghost".to_owned(), ..Client::new("a") };
    let token = rig.join(&ghost);
    let refused = rig.joined(token);
    assert_eq!(refused.error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(refused.member_id.as_str(), "ghost");
    assert!(rig.groups.get("g").is_none(), "no group comes of it");
    assert!(rig.log.is_empty());

    rig.settle(&mut [&mut Client::new("b")]);
    let token = rig.join(&ghost);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownMemberId));
    rig.advance(1);
    assert_eq!(rig.state(), ClassicState::Stable);
}

#[test]
fn session_timeouts_have_bounds() {
    let mut rig = Rig::new();
    for session_ms in [5_999, 1_800_001] {
        let client = Client { session_ms, id: "x".to_owned(), ..Client::new("a") };
        let token = rig.join(&client);
        let refused = rig.joined(token);
        assert_eq!(refused.error_code, code(ResponseError::InvalidSessionTimeout));
        assert_eq!(refused.member_id.as_str(), "x");
    }
    assert!(rig.groups.get("g").is_none());
}

#[test]
fn a_pending_member_holds_the_rebalance_up_until_it_joins() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let mut b = Client::new("b");
    let token = rig.join(&b);
    b.id = rig.joined(token).member_id.to_string();
    assert_eq!(rig.state(), ClassicState::Stable, "an id alone changes nothing");
    let first = rig.join(&a);
    assert!(rig.waits(first), "b is about to come");
    let second = rig.join(&b);
    assert_eq!(rig.joined(first).generation_id, 2);
    assert_eq!(rig.joined(second).generation_id, 2);
}

#[test]
fn a_pending_member_cannot_become_static() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let token = rig.join(&a);
    a.id = rig.joined(token).member_id.to_string();
    a.instance = Some("i".to_owned());
    let token = rig.join(&a);
    assert_eq!(rig.joined(token).error_code, code(ResponseError::UnknownServerError));
}

#[test]
fn a_new_member_rebalances_a_stable_group() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let mut b = Client { reason: Some("hello"), ..Client::new("b") };
    let second = rig.enter(&mut b);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.heartbeat(&a, 1), code(ResponseError::RebalanceInProgress));
    let first = rig.join(&a);
    assert_eq!(rig.joined(first).generation_id, 2, "all are there, nobody waits longer");
    assert_eq!(rig.joined(second).generation_id, 2);
    let last = rig.rebalances.last().expect("a rebalance");
    assert_eq!((last.cause, last.generation), (RebalanceCause::MemberJoined, 1));
    assert_eq!(last.member.as_ref().map(|id| id.as_str()), Some(&*b.id));
    assert_eq!(last.client, Some(client("b")));
    assert_eq!(
        last.reason,
        format!("Adding new member {} with group instance id null; client reason: hello", b.id)
    );
    assert_eq!(rig.rebalances.len(), 2);
}

#[test]
fn a_request_sent_again_waits_with_the_first() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let first = rig.enter(&mut a);
    let again = rig.join(&a);
    rig.advance(DELAY_MS);
    let (first, again) = (rig.joined(first), rig.joined(again));
    assert_eq!(first.generation_id, 1);
    assert_eq!(first, again);
    assert_eq!(rig.causes(), [RebalanceCause::MemberJoined], "joining twice is joining once");
}

#[test]
fn who_lost_the_answer_gets_it_again() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    let responses = rig.gather(&mut [&mut a, &mut b]);
    for (client, response) in [(&a, &responses[0]), (&b, &responses[1])] {
        let token = rig.join(client);
        assert_eq!(&rig.joined(token), response);
    }
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    assert_eq!(rig.causes().len(), 1);
}

#[test]
fn in_a_stable_group_only_what_matters_rebalances() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&b);
    let joined = rig.joined(token);
    assert_eq!((joined.generation_id, joined.members.len()), (1, 0), "a follower that says the same");
    assert_eq!(rig.state(), ClassicState::Stable);

    let token = rig.join(&a);
    assert!(rig.waits(token), "the leader wants partitions to be assigned anew");
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::LeaderRejoined));
    let _ = rig.settle(&mut [&mut a, &mut b]);

    b.protocols = vec![("range", subscription(&["t", "u"]))];
    let token = rig.join(&b);
    assert!(rig.waits(token), "another subscription");
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::MetadataChanged));
    let last = rig.rebalances.last().expect("a rebalance");
    let expected =
        format!("Updating metadata for member {} during Stable; client reason: not provided", b.id);
    assert_eq!(last.reason, expected);
}

#[test]
fn changed_metadata_begins_a_generation_anew() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    a.protocols = vec![("range", subscription(&["u"]))];
    let token = rig.join(&a);
    assert_eq!(rig.synced(waiting).error_code, code(ResponseError::RebalanceInProgress));
    assert!(rig.waits(token));
    let token_b = rig.join(&b);
    assert_eq!(rig.joined(token).generation_id, 2);
    assert_eq!(rig.joined(token_b).generation_id, 2);
}

#[test]
fn a_full_group_takes_nobody_in() {
    let mut rig = Rig::new();
    rig.settings.classic.members_max = 2;
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&Client::new("c"));
    let refused = rig.joined(token);
    assert_eq!(refused.error_code, code(ResponseError::GroupMaxSizeReached));
    assert_eq!(refused.member_id.as_str(), "");
    assert_eq!(rig.state(), ClassicState::Stable);
}

#[test]
fn a_group_that_must_shrink_keeps_who_joins_first() {
    let mut rig = Rig::new();
    let (mut a, mut b, mut c) = (Client::new("a"), Client::new("b"), Client::new("c"));
    rig.settle(&mut [&mut a, &mut b, &mut c]);
    rig.settings.classic.members_max = 2;
    let (first, second) = (rig.join(&a), rig.join(&b));
    let again = rig.join(&b);
    let third = rig.join(&c);
    assert_eq!(rig.joined(third).error_code, code(ResponseError::GroupMaxSizeReached));
    assert!(rig.group().member(&c.id).is_none());
    rig.advance(i64::from(REBALANCE_MS));
    assert_eq!(rig.joined(first).members.len(), 2);
    assert_eq!(rig.joined(second).generation_id, 2);
    assert_eq!(rig.joined(again).generation_id, 2, "who waits may ask again");
}

#[test]
fn many_may_be_promised_an_id() {
    let mut rig = Rig::new();
    rig.settings.classic.members_max = 1;
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    for client in [&mut a, &mut b] {
        let token = rig.join(client);
        client.id = rig.joined(token).member_id.to_string();
    }
    let first = rig.join(&a);
    let second = rig.join(&b);
    assert_eq!(rig.joined(second).error_code, code(ResponseError::GroupMaxSizeReached));
    rig.advance(DELAY_MS);
    assert_eq!(rig.joined(first).members.len(), 1);
}

#[test]
fn whoever_waits_is_told_when_the_shard_moves() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let token = rig.enter(&mut a);
    rig.step(|groups, _, timers, output| {
        groups.unload(output);
        *timers = crate::timers::Timers::default();
    });
    match rig.answers.remove(&token) {
        Some(Reply::JoinGroup(response)) => {
            assert_eq!(response.error_code, code(ResponseError::NotCoordinator));
        }
        other => panic!("{other:?}"),
    }
}
