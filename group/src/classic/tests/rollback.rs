//! Appends that fail.

use medallion_wire::ResponseError;

use super::rig::{Client, DELAY_MS, Rig, SESSION_MS, code};
use crate::classic::ClassicState;
use crate::history::RebalanceCause;
use crate::request::Reply;

const ERROR: ResponseError = ResponseError::NotCoordinator;

fn held(rig: &mut Rig, work: impl FnOnce(&mut Rig)) {
    rig.is_held = true;
    work(rig);
    rig.fail(ERROR);
    rig.is_held = false;
    rig.groups.check_invariants(&rig.timers);
}

#[test]
fn a_generation_that_cannot_be_stored_is_over() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a, &mut b]);
    let waiting = rig.sync(&b, 1, &[]);
    let mut leader = None;
    held(&mut rig, |rig| leader = Some(rig.sync(&a, 1, &[(&a.id, "pa"), (&b.id, "pb")])));
    for token in [leader.expect("it was sent"), waiting] {
        assert_eq!(rig.answers.remove(&token), Some(Reply::Refused(ERROR.into())), "nobody learns of it");
    }
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::PreparingRebalance, 1));
    assert!(rig.group().members().all(|member| member.assignment.is_empty()));
    let last = rig.rebalances.last().expect("a rebalance");
    assert_eq!(
        (last.cause, last.member.as_ref().map(|id| id.as_str())),
        (RebalanceCause::StoreFailed, Some(&*a.id))
    );
    assert_eq!(rig.log.len(), 1, "only that the group came to be");
    assert_eq!(rig.settle(&mut [&mut a, &mut b]), 2);
}

#[test]
fn a_turn_may_have_gone_further() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.gather(&mut [&mut a]);
    let mut second = None;
    held(&mut rig, |rig| {
        let _ = rig.sync(&a, 1, &[(&a.id, "pa")]);
        let (token, caller, mut request) = (rig.token(), b.caller(), b.join_request());
        request.group_instance_id = Some(super::rig::text("i"));
        rig.step(|groups, environment, timers, output| {
            groups.join(token, &caller, &request, environment, timers, output);
        });
        second = Some(token);
    });
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.causes().last(), Some(&RebalanceCause::MemberJoined), "it rebalanced already");
    let second = second.expect("it was sent");
    assert!(rig.waits(second), "it was not answered in the turn, and waits on");
    let token = rig.join(&a);
    b.id = rig.joined(second).member_id.to_string();
    assert_eq!(rig.joined(token).generation_id, 2);
}

#[test]
fn a_static_member_has_its_former_id_again() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::fixed("a", "i"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let before = rig.group().to_record();
    let again = Client { id: String::new(), rebalance_ms: 1, session_ms: 7_000, ..a.clone() }
        .with_protocols(&["range", "other"]);
    held(&mut rig, |rig| {
        let _ = (rig.join(&again), rig.join(&again));
        assert_ne!(rig.group().to_record(), before);
    });
    assert_eq!(rig.group().to_record(), before);
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Stable, 1));
    assert_eq!(rig.group().leader().map(|id| id.as_str()), Some(&*a.id));
    rig.advance(i64::from(SESSION_MS) - 1);
    assert_eq!(rig.heartbeat(&a, 1), 0, "its session is that which it asked for");
    rig.restart();
    assert_eq!(rig.group().to_record(), before);
}

#[test]
fn a_deleted_group_is_there_again() {
    let mut rig = Rig::new();
    let mut a = Client::new("a");
    rig.settle(&mut [&mut a]);
    rig.leave(&[(&a.id, None)]);
    let mut waiting = None;
    held(&mut rig, |rig| {
        rig.step(|groups, environment, timers, output| {
            let record = groups.delete(&"g".into(), environment, timers, output).expect("it is empty");
            output.append(vec![record]);
        });
        let old = Client { version: 3, ..Client::new("old") };
        waiting = Some(rig.join(&old));
        assert_eq!(rig.group().generation(), 0);
    });
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Empty, 2));
    let waiting = waiting.expect("it was sent");
    assert_eq!(rig.joined(waiting).error_code, code(ERROR), "who waited in the new group joins the old");
    assert!(rig.timers.next_deadline().is_none());
}

#[test]
fn a_group_that_was_not_stored_is_forgotten_unless_someone_is_in_it() {
    let mut rig = Rig::new();
    held(&mut rig, |rig| {
        rig.step(|groups, environment, _, _| groups.create(&"g".into(), environment.now_ms));
    });
    assert!(rig.groups.get("g").is_none());
    let mut token = None;
    let old = Client { version: 3, ..Client::new("old") };
    held(&mut rig, |rig| token = Some(rig.join(&old)));
    let token = token.expect("it was sent");
    assert!(rig.waits(token));
    rig.advance(DELAY_MS);
    assert_eq!(rig.joined(token).generation_id, 1);
}

#[test]
fn a_record_that_cannot_be_written_undoes_its_step_alone() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::fixed("a", "i"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    rig.is_held = true;
    let _ = rig.join(&Client { id: String::new(), ..a.clone() });
    let staged = rig.group().to_record();
    let _ = rig.join(&Client { id: staged_id(&rig), ..a.clone() });
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    rig.step(|groups, environment, timers, output| {
        groups.undo(ResponseError::UnknownServerError, environment, timers, output);
    });
    assert!(rig.group().member(&a.id).is_none(), "what was staged before stays");
    rig.commit();
    assert_eq!(rig.log.last(), Some(&staged));
}

fn staged_id(rig: &Rig) -> String {
    rig.group().static_member("i").expect("the instance").id.to_string()
}
