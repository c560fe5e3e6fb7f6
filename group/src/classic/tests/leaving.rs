//! `LeaveGroup`.

use medallion_wire::ResponseError;

use super::rig::{Client, DELAY_MS, Rig, client, code};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;
use crate::request::Reply;

#[test]
fn the_last_member_leaves_an_empty_group_behind() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    let response = rig.leave(&[(&a.id, None)]);
    assert_eq!((response.error_code, response.members[0].error_code), (0, 0));
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 2));
    let value = rig.last_value();
    assert_eq!((value.generation, value.members.len()), (2, 0));
    assert!(rig.timers.next_deadline().is_none());
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::MemberLeft));
    assert!(!rig.group().is_simple(), "it has been joined");
    assert_eq!(rig.settle(&mut [&mut Client::new("b")]), 3, "generations go on");
}

#[test]
fn those_who_stay_join_again() {
    let mut rig = Rig::new();
    let (mut a, mut b, mut c) = (Client::new("a"), Client::new("b"), Client::new("c"));
    rig.settle(&mut [&mut a, &mut b, &mut c]);
    let response = rig.leave(&[(&a.id, None), ("ghost", None), (&b.id, None)]);
    let codes: Vec<i16> = response.members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [0, code(ResponseError::UnknownMemberId), 0]);
    assert_eq!(rig.causes().len(), 2, "two leave, one rebalance");
    let last = rig.rebalances.last().expect("a rebalance");
    let expected = format!("explicit `LeaveGroup` request for ({}, {}) members.", a.id, b.id);
    assert!(last.reason.starts_with(&expected), "{}", last.reason);
    assert_eq!(last.member.as_ref().map(|id| id.as_str()), Some(&*a.id));
    assert_eq!(last.client, Some(client("a")), "though it is out");
    let token = rig.join(&c);
    assert_eq!(rig.joined(token).generation_id, 2);
}

#[test]
fn who_leaves_while_it_waits_is_answered() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&a);
    rig.leave(&[(&a.id, None)]);
    let refused = rig.joined(token);
    assert_eq!(refused.error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(refused.member_id.as_str(), "");
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    let token = rig.join(&b);
    assert_eq!(rig.joined(token).leader.as_str(), b.id);
}

#[test]
fn the_last_one_missing_ends_the_wait_by_leaving() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&a);
    assert!(rig.waits(token));
    rig.leave(&[(&b.id, None)]);
    assert_eq!(rig.joined(token).generation_id, 2);
}

#[test]
fn leaving_does_not_shorten_the_first_wait() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    let (first, _) = (rig.enter(&mut a), rig.enter(&mut b));
    rig.leave(&[(&b.id, None)]);
    assert!(rig.waits(first));
    rig.advance(2 * DELAY_MS);
    assert_eq!(rig.joined(first).members.len(), 1);
}

#[test]
fn a_first_wait_that_nobody_waits_in_ends_empty() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    let _ = rig.enter(&mut a);
    rig.leave(&[(&a.id, None)]);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    rig.advance(DELAY_MS);
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 1));
    assert_eq!(rig.last_value().generation, 1);
}

#[test]
fn an_administrator_takes_static_members_out_by_instance() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::fixed("a", "i"), Client::fixed("b", "j"));
    rig.settle(&mut [&mut a, &mut b]);
    let response = rig.leave(&[("", Some("none")), ("", None), (&a.id, Some("j")), ("", Some("i"))]);
    let codes: Vec<i16> = response.members.iter().map(|member| member.error_code).collect();
    let unknown = code(ResponseError::UnknownMemberId);
    assert_eq!(codes, [unknown, unknown, code(ResponseError::FencedInstanceId), 0]);
    assert_eq!(response.members[3].group_instance_id.as_deref(), Some("i"));
    assert!(rig.group().static_member("i").is_none());
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
}

#[test]
fn leaving_a_group_that_is_not_there_is_refused() {
    let mut rig = Rig::new();
    let (token, request) = (rig.token(), Client::leave_request(&[("x", None)]));
    rig.step(|groups, environment, timers, output| {
        groups.leave(token, &request, environment, timers, output);
    });
    let refused = Reply::Refused(ResponseError::UnknownMemberId.into());
    assert_eq!(rig.answers.remove(&token), Some(refused));
}

#[test]
fn who_is_not_a_member_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    assert_eq!(rig.leave(&[("x", None)]).members[0].error_code, code(ResponseError::UnknownMemberId));
    assert!(rig.leave(&[]).members.is_empty());
    assert_eq!(rig.state(), ClassicState::Stable);
}
