//! The machine and the merge.

use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use medallion_wire::messages::{BrokerId as WireBrokerId, MetadataResponse, TopicName};
use medallion_wire::types::Uuid;
use medallion_wire::{BrokerId, LeaderEpoch, PartitionIndex};
use tokio::time::Instant;

use super::machine::{Command, Event, LeaderHint, MetadataMachine, MetadataPolicy};
use super::merge::merge;
use super::{Broker, Cluster};
use crate::backoff::Backoff;

fn answer(id: u128, error: i16, leaders: &[(i32, i32)]) -> MetadataResponse {
    let partitions = leaders.iter().enumerate().map(|(index, (leader, epoch))| {
        MetadataResponsePartition::default()
            .with_partition_index(i32::try_from(index).unwrap())
            .with_leader_id(WireBrokerId(*leader))
            .with_leader_epoch(*epoch)
    });
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
        .with_topic_id(Uuid::from_u128(id))
        .with_error_code(error)
        .with_partitions(partitions.collect());
    let broker = |id: i32| {
        MetadataResponseBroker::default()
            .with_node_id(WireBrokerId(id))
            .with_host(StrBytes::from_static_str("h"))
            .with_port(9092)
    };
    MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]).with_topics(vec![topic])
}

fn leader(cluster: &Cluster) -> (Option<BrokerId>, i32) {
    let partition = cluster.partition("t", PartitionIndex(0)).unwrap();
    (partition.leader, partition.leader_epoch.get())
}

#[test]
fn leaders_never_go_back_to_an_older_epoch() {
    let first = merge(&Cluster::default(), &answer(1, 0, &[(1, 5)]));
    let older = merge(&first, &answer(1, 0, &[(2, 4)]));
    assert_eq!(leader(&older), (Some(BrokerId(1)), 5));
    let newer = merge(&older, &answer(1, 0, &[(2, 6)]));
    assert_eq!(leader(&newer), (Some(BrokerId(2)), 6));
    let electing = merge(&newer, &answer(1, 0, &[(-1, 7)]));
    assert_eq!(leader(&electing), (None, 7));
    let made_again = merge(&electing, &answer(2, 0, &[(1, 0)]));
    assert_eq!(leader(&made_again), (Some(BrokerId(1)), 0), "another topic of the same name counts anew");
}

#[test]
fn a_broker_that_does_not_know_the_topic_yet_takes_nothing_away() {
    let first = merge(&Cluster::default(), &answer(1, 0, &[(1, 5)]));
    let unknown = merge(&first, &answer(0, 3, &[]));
    assert_eq!(leader(&unknown), (Some(BrokerId(1)), 5));
    assert!(unknown.topic("t").unwrap().error.is_some());
    let refused = merge(&first, &answer(0, 29, &[]));
    assert!(!refused.topic("t").unwrap().is_known(), "an error that stays is believed");
}

fn machine() -> MetadataMachine {
    MetadataMachine::new(MetadataPolicy {
        max_age: Duration::from_secs(300),
        max_idle: Duration::from_secs(300),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
        rebootstrap_after: Some(Duration::from_secs(60)),
    })
}

fn asks(commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::Ask(_)))
}

const HALF: f64 = 0.5;

#[tokio::test]
async fn it_asks_at_once_for_new_topics_and_waits_before_it_asks_again() {
    let (mut machine, start) = (machine(), Instant::now());
    assert_eq!(machine.handle(Event::Tick, start, HALF), [Command::Ask(vec![])]);
    assert!(machine.handle(Event::Use("t".into()), start, HALF).is_empty(), "one question at a time");
    let commands = machine.handle(Event::Answered(Box::default()), start, HALF);
    assert_eq!(commands.last(), Some(&Command::Ask(vec!["t".into()])));
    let unknown = machine.handle(Event::Answered(Box::new(answer(0, 3, &[]))), start, HALF);
    assert!(!asks(&unknown));
    assert!(machine.handle(Event::Stale, start, HALF).is_empty());
    let due = machine.due(start, HALF).unwrap();
    assert_eq!(due - start, Duration::from_millis(100));
    assert!(asks(&machine.handle(Event::Tick, due, HALF)));
    machine.handle(Event::Answered(Box::new(answer(0, 3, &[]))), due, HALF);
    machine.handle(Event::Stale, due, HALF);
    assert_eq!(machine.due(due, HALF).unwrap() - due, Duration::from_millis(200), "every time longer");
    let known = machine.due(due, HALF).unwrap();
    machine.handle(Event::Tick, known, HALF);
    machine.handle(Event::Answered(Box::new(answer(1, 0, &[(1, 0)]))), known, HALF);
    assert_eq!(machine.due(known, HALF).unwrap() - known, Duration::from_secs(300), "then by age");
}

#[tokio::test]
async fn unused_topics_are_forgotten_and_old_answers_renewed() {
    let (mut machine, start) = (machine(), Instant::now());
    machine.handle(Event::Use("t".into()), start, HALF);
    machine.handle(Event::Answered(Box::new(answer(1, 0, &[(1, 0)]))), start, HALF);
    let later = start + Duration::from_secs(301);
    assert_eq!(machine.handle(Event::Tick, later, HALF), [Command::Ask(vec![])]);
}

#[tokio::test]
async fn hints_are_believed_by_epoch_only() {
    let (mut machine, now) = (machine(), Instant::now());
    machine.handle(Event::Use("t".into()), now, HALF);
    machine.handle(Event::Answered(Box::new(answer(1, 0, &[(1, 5)]))), now, HALF);
    let hint = |leader: i32, epoch: i32, broker: Option<Broker>| {
        Event::Hint(LeaderHint {
            topic: "t".into(),
            partition: PartitionIndex(0),
            leader: BrokerId(leader),
            leader_epoch: LeaderEpoch(epoch),
            broker,
        })
    };
    assert!(machine.handle(hint(2, 5, None), now, HALF).is_empty(), "not newer");
    assert!(machine.handle(hint(9, 6, None), now, HALF).is_empty(), "nobody knows broker 9");
    let commands = machine.handle(hint(2, 6, None), now, HALF);
    assert!(
        matches!(&commands[..], [Command::Publish(cluster)] if leader(cluster) == (Some(BrokerId(2)), 6))
    );
    let broker = Broker { id: BrokerId(9), host: "n".into(), port: 1, rack: None };
    let commands = machine.handle(hint(9, 7, Some(broker)), now, HALF);
    assert!(
        matches!(&commands[..], [Command::Publish(cluster)] if cluster.brokers.contains_key(&BrokerId(9)))
    );
}

#[tokio::test]
async fn it_begins_again_when_no_broker_has_answered_for_long() {
    let (mut machine, mut now) = (machine(), Instant::now());
    machine.handle(Event::Tick, now, HALF);
    machine.handle(Event::Answered(Box::new(answer(1, 0, &[(1, 5)]))), now, HALF);
    machine.handle(Event::Stale, now, HALF);
    let mut waits = Vec::new();
    for _ in 0..80 {
        let due = machine.due(now, HALF).unwrap();
        waits.push(due - now);
        now = due;
        let mut commands = machine.handle(Event::Tick, now, HALF);
        assert!(asks(&commands));
        commands.extend(machine.handle(Event::Failed, now, HALF));
        if commands.contains(&Command::Rebootstrap) {
            let empty = |command: &Command| matches!(command, Command::Publish(c) if c.brokers.is_empty());
            assert!(commands.iter().any(empty));
            assert!(waits.iter().sum::<Duration>() >= Duration::from_secs(60));
            assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(1)));
            return;
        }
    }
    panic!("it never began again");
}

/// Answers, hints, failures and time in any order: the machine keeps asking, and epochs never go back.
#[tokio::test]
async fn whatever_happens_leaders_move_forward_and_it_keeps_asking() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut machine, mut now) = (machine(), Instant::now());
        let (mut epoch, mut is_asked) = (-1, false);
        machine.handle(Event::Use("t".into()), now, HALF).iter().for_each(|_| is_asked = true);
        for _ in 0..100 {
            now += Duration::from_millis(random.u64(0..500));
            let event = match random.u8(0..6) {
                0 => Event::Stale,
                1 if is_asked => Event::Failed,
                2 | 3 if is_asked => {
                    Event::Answered(Box::new(answer(1, 0, &[(random.i32(-1..3), random.i32(0..20))])))
                }
                4 => Event::Hint(LeaderHint {
                    topic: "t".into(),
                    partition: PartitionIndex(0),
                    leader: BrokerId(random.i32(0..3)),
                    leader_epoch: LeaderEpoch(random.i32(0..20)),
                    broker: None,
                }),
                _ => Event::Tick,
            };
            let ends = matches!(event, Event::Failed | Event::Answered(_));
            let commands = machine.handle(event, now, random.f64());
            is_asked = (is_asked && !ends) || asks(&commands);
            assert_eq!(machine.due(now, HALF).is_none(), is_asked, "seed {seed}");
            for command in &commands {
                let Command::Publish(cluster) = command else { continue };
                let Some(partition) = cluster.partition("t", PartitionIndex(0)) else { continue };
                assert!(partition.leader_epoch.get() >= epoch, "seed {seed}");
                epoch = partition.leader_epoch.get();
            }
        }
    }
}
