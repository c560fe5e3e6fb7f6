//! Groups that change their protocol.

use medallion_wire::ResponseError;

use super::rig::{Client, Rig, code, value};
use crate::classic::{ClassicGroup, ClassicParts, ClassicState};
use crate::history::RebalanceCause;

const ERROR: ResponseError = ResponseError::CoordinatorNotAvailable;

#[test]
fn a_group_is_taken_out_with_its_members() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    rig.settle(&mut [&mut a, &mut b]);
    let token = rig.join(&a);
    rig.is_held = true;
    rig.step(|groups, environment, timers, output| {
        let taken = groups.upgrade(&"g".into(), environment, timers, output);
        let (group, record) = taken.expect("it is there");
        assert_eq!((group.members().len(), group.generation()), (2, 1));
        assert_eq!(group.protocol_name(), Some("range"));
        assert!(group.members().all(|member| !member.assignment.is_empty()));
        assert!(value(&record).is_none());
        output.append(vec![record]);
    });
    assert!(rig.groups.get("g").is_none());
    assert!(rig.timers.next_deadline().is_none());
    rig.fail(ERROR);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance, "the append failed: it is there again");
    assert!(!rig.waits(token), "who waited was answered");
    rig.is_held = false;
    assert_eq!(rig.settle(&mut [&mut a, &mut b]), 2);

    let token = rig.join(&a);
    rig.step(|groups, environment, timers, output| {
        let (_, record) = groups.upgrade(&"g".into(), environment, timers, output).expect("it is there");
        output.append(vec![record]);
    });
    assert_eq!(rig.joined(token).error_code, code(ResponseError::RebalanceInProgress));
    assert!(rig.groups.get("g").is_none());
}

/// A group as it would come from the consumer protocol.
fn group(rig: &mut Rig, a: &mut Client, b: &mut Client) -> ClassicGroup {
    rig.settle(&mut [a, b]);
    let members = rig.group().members().cloned().collect();
    let mut group = ClassicGroup::from_parts(ClassicParts {
        id: "g".into(),
        generation: 41,
        members,
        now_ms: rig.now_ms,
    });
    group.set_assignment(&(&*a.id).into(), "mine".into());
    *rig = Rig::new();
    group
}

#[test]
fn a_group_is_taken_in() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    let group = group(&mut rig, &mut a, &mut b);
    assert!(group.is_subscribed_to("t"));
    rig.step(|groups, environment, timers, output| {
        let record = groups.downgrade(group, None, environment, timers, output);
        output.append(vec![record]);
    });
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Stable, 41));
    assert_eq!(rig.heartbeat(&a, 41), 0);
    let token = rig.sync(&a, 41, &[]);
    assert_eq!(rig.synced(token).assignment.as_ref(), b"mine");
    rig.restart();
    assert_eq!((rig.state(), rig.group().generation()), (ClassicState::Stable, 41));
}

#[test]
fn a_group_that_is_taken_in_may_rebalance_and_may_be_given_up() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (Client::new("a"), Client::new("b"));
    let group = group(&mut rig, &mut a, &mut b);
    rig.is_held = true;
    rig.step(|groups, environment, timers, output| {
        let record = groups.downgrade(group, Some("why".to_owned()), environment, timers, output);
        output.append(vec![record]);
    });
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.causes(), [RebalanceCause::Downgraded]);
    let token = rig.join(&a);
    assert!(rig.waits(token));
    rig.fail(ERROR);
    assert!(rig.groups.get("g").is_none());
    assert_eq!(rig.joined(token).error_code, code(ERROR));
    assert!(rig.timers.next_deadline().is_none());
}
