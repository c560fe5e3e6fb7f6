//! The machine against a coordinator that loses requests and answers, moves partitions between members, and throws members out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::types::Uuid;
use medallion_wire::{PartitionIndex, ResponseError, TopicId, TopicPartition};
use tokio::time::Instant;

use super::consumer::*;
use super::{Change, Subscription};
use crate::backoff::Backoff;
use crate::error::Error;

fn policy() -> Policy {
    Policy {
        is_static: false,
        max_poll_interval: Duration::from_secs(300),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

fn id() -> TopicId {
    TopicId(Uuid::from_u128(7))
}

fn of(indexes: &[i32]) -> Assignment {
    if indexes.is_empty() {
        return Assignment::new();
    }
    BTreeMap::from([(id(), indexes.iter().map(|index| PartitionIndex(*index)).collect())])
}

fn set(indexes: &[i32]) -> BTreeSet<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
}

fn subscription() -> Subscription {
    Subscription::Names(BTreeSet::from([Arc::from("t")]))
}

fn answer(member_epoch: i32, assignment: Option<Assignment>) -> Event {
    Event::Answered(Ok(Answer { member_epoch, interval: Duration::from_secs(5), assignment }))
}

fn refused(code: ResponseError) -> Event {
    Event::Answered(Err(Error::check(code.code(), || "group g".to_owned(), None).unwrap_err()))
}

fn beat(commands: &[Command]) -> Option<&Heartbeat> {
    commands.iter().find_map(|command| match command {
        Command::Heartbeat(beat) => Some(beat),
        _ => None,
    })
}

fn change(commands: &[Command]) -> Option<&Change> {
    commands.iter().find_map(|command| match command {
        Command::Change(change) => Some(change),
        _ => None,
    })
}

/// A member in epoch 3 that owns partitions 0 and 1.
fn member() -> (Membership, Instant) {
    let (mut member, now) = (Membership::new(policy()), Instant::now());
    let commands = member.handle(Event::Subscribe(subscription()), now, 0.5);
    let first = beat(&commands).unwrap();
    assert!(first.is_full && first.member_epoch == 0 && first.subscription == Some(subscription()));
    assert_eq!(first.owned, Some(Assignment::new()));
    let commands = member.handle(answer(3, Some(of(&[0, 1]))), now, 0.5);
    assert!(matches!(&commands[..], [Command::Name(ids)] if *ids == BTreeSet::from([id()])));
    let commands = member.handle(Event::Named(vec![(id(), "t".into())]), now, 0.5);
    assert_eq!(change(&commands).unwrap().added, set(&[0, 1]));
    let commands = member.handle(Event::Changed, now, 0.5);
    assert_eq!(beat(&commands).unwrap().owned, Some(of(&[0, 1])), "what is owned is said at once");
    assert!(member.handle(answer(3, None), now, 0.5).is_empty());
    (member, now)
}

#[tokio::test]
async fn partitions_are_given_back_before_that_is_said() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    assert_eq!(member.due(), Some(later));
    let commands = member.handle(Event::Tick, later, 0.5);
    let quiet = Heartbeat { member_epoch: 3, ..Heartbeat::default() };
    assert_eq!(beat(&commands), Some(&quiet), "nothing new, nothing said");
    let commands = member.handle(answer(4, Some(of(&[1, 2]))), later, 0.5);
    let announced = change(&commands).unwrap();
    assert_eq!((&announced.revoked, &announced.added), (&set(&[0]), &set(&[2])));
    assert!(beat(&commands).is_none(), "the user may still need what is taken");
    // Heartbeats go on while the user takes its time, and say nothing of it.
    let commands = member.handle(Event::Tick, later + Duration::from_secs(5), 0.5);
    assert_eq!(beat(&commands).unwrap().owned, None);
    assert!(member.handle(answer(4, None), later, 0.5).is_empty());
    let commands = member.handle(Event::Changed, later, 0.5);
    assert_eq!(beat(&commands).unwrap().owned, Some(of(&[1, 2])));
}

#[tokio::test]
async fn who_is_fenced_loses_all_and_joins_again() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    member.handle(Event::Tick, later, 0.5);
    let commands = member.handle(refused(ResponseError::FencedMemberEpoch), later, 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
    assert!(beat(&commands).is_none());
    let commands = member.handle(Event::Changed, later, 0.5);
    let first = beat(&commands).unwrap();
    assert!(first.is_full && first.member_epoch == 0 && first.owned == Some(Assignment::new()));
}

#[tokio::test]
async fn who_leaves_gives_back_first() {
    let (mut member, now) = member();
    let commands = member.handle(Event::Leave, now, 0.5);
    assert!(change(&commands).unwrap().revoked == set(&[0, 1]) && beat(&commands).is_none());
    // It stays a member as long as the user takes.
    let later = now + Duration::from_secs(5);
    assert_eq!(member.due(), Some(later));
    assert_eq!(beat(&member.handle(Event::Tick, later, 0.5)).unwrap().member_epoch, 3);
    assert!(member.handle(answer(3, None), later, 0.5).is_empty());
    let commands = member.handle(Event::Changed, later, 0.5);
    assert_eq!(beat(&commands).unwrap().member_epoch, -1);
    assert!(matches!(member.handle(answer(-1, None), later, 0.5)[..], [Command::Left]));
    assert_eq!((member.due(), member.is_in()), (None, false));
}

#[tokio::test]
async fn who_does_not_poll_leaves_at_once_and_comes_back() {
    let (mut member, now) = member();
    let late = now + Duration::from_secs(300);
    let commands = member.handle(Event::Tick, late, 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
    assert_eq!(beat(&commands).unwrap().member_epoch, -1, "others do not wait for a program that hangs");
    assert!(member.handle(answer(-1, None), late, 0.5).is_empty() && member.is_stale());
    assert!(member.handle(Event::Polled(late), late, 0.5).is_empty());
    let commands = member.handle(Event::Changed, late, 0.5);
    assert!(member.is_in() && !member.is_stale());
    let commands = if commands.is_empty() { member.handle(Event::Tick, late, 0.5) } else { commands };
    assert!(beat(&commands).is_some_and(|beat| beat.is_full && beat.member_epoch == 0));
}

#[tokio::test]
async fn what_nobody_has_taken_yet_is_taken_back_when_all_is_lost() {
    let (mut member, now) = member();
    member.handle(Event::Tick, now + Duration::from_secs(5), 0.5);
    let commands = member.handle(answer(4, Some(of(&[1]))), now + Duration::from_secs(5), 0.5);
    assert!(!change(&commands).unwrap().is_lost);
    let commands = member.handle(Event::Tick, now + Duration::from_secs(300), 0.5);
    assert!(matches!(commands[..], [Command::Withdraw, Command::Heartbeat(_)]), "{commands:?}");
    let commands = member.handle(Event::Withdrawn, now + Duration::from_secs(300), 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
}

#[tokio::test]
async fn errors_that_pass_are_waited_for_and_others_are_told() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    member.handle(Event::Tick, later, 0.5);
    assert!(member.handle(refused(ResponseError::NotCoordinator), later, 0.5).is_empty());
    assert_eq!(member.due(), Some(later + Duration::from_millis(100)));
    let commands = member.handle(Event::Tick, later + Duration::from_millis(100), 0.5);
    let again = beat(&commands).unwrap();
    assert!(again.is_full && again.member_epoch == 3 && again.owned == Some(of(&[0, 1])));
    let commands = member.handle(refused(ResponseError::GroupAuthorizationFailed), later, 0.5);
    assert!(matches!(commands[0], Command::Report(_)) && change(&commands).unwrap().is_lost);
    assert!(member.handle(Event::Changed, later, 0.5).is_empty());
    let again = later + Duration::from_secs(1);
    assert_eq!(member.due(), Some(again), "it may be allowed later");
    assert!(beat(&member.handle(Event::Tick, again, 0.5)).is_some_and(|beat| beat.is_full));
    let commands = member.handle(refused(ResponseError::FencedInstanceId), again, 0.5);
    assert!(matches!(commands[..], [Command::Report(_)]));
    assert_eq!(member.due(), None, "two that fence each other would never end");
}
