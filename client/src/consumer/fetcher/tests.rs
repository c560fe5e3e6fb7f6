//! The machine against simulated brokers that keep sessions as Kafka's do, lose requests and answers, answer late, move leaders and
//! forget sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::records::{BatchBuilder, BatchOptions, Compression, DecompressionLimits, RecordBatch};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ResponseError, TopicId, TopicPartition};
use tokio::time::Instant;

use super::super::decode::{Decoder, Room, split};
use super::*;
use crate::metadata::{Broker as KnownBroker, Partition as KnownPartition, Topic};

fn policy(reset: OffsetReset) -> Policy {
    Policy {
        reset,
        has_group: false,
        partition_bytes_max: 4000,
        fetch_bytes_max: 1 << 20,
        fetch_max_wait: Duration::from_millis(500),
        bytes_max: 20_000,
        preferred_age: Duration::from_secs(300),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

fn id() -> TopicId {
    TopicId(medallion_wire::types::Uuid::from_u128(7))
}

fn batch(base: i64, count: i64, epoch: i32) -> RecordBatch {
    let options = BatchOptions {
        base_offset: Offset(base),
        leader_epoch: LeaderEpoch(epoch),
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    for offset in base..base + count {
        builder.append(0, None, Some(offset.to_string().as_bytes()), &[]).unwrap();
    }
    builder.build().unwrap()
}

/// A cluster in which `leaders` are the leaders and epochs of partitions 0, 1, ...
fn cluster(leaders: &[(i32, i32)]) -> Cluster {
    let known = |(index, (leader, epoch)): (usize, &(i32, i32))| KnownPartition {
        index: PartitionIndex(i32::try_from(index).unwrap()),
        leader: Some(BrokerId(*leader)),
        leader_epoch: LeaderEpoch(*epoch),
        replicas: Vec::new(),
        in_sync_replicas: Vec::new(),
        offline_replicas: Vec::new(),
    };
    let topic = Topic {
        name: "t".into(),
        id: id(),
        is_internal: false,
        partitions: leaders.iter().enumerate().map(known).collect(),
        error: None,
    };
    let broker = |id| (BrokerId(id), KnownBroker { id: BrokerId(id), host: "h".into(), port: 1, rack: None });
    Cluster {
        brokers: (0..3).map(broker).collect(),
        topics: HashMap::from([(Arc::from("t"), Arc::new(topic))]),
        ..Cluster::default()
    }
}

fn decoder() -> Decoder {
    Decoder { checks_crc: true, limits: DecompressionLimits::default() }
}

/// Polls once: the partition and the offsets.
fn poll(fetcher: &mut Fetcher, records_max: usize) -> Option<(TopicPartition, Vec<i64>)> {
    let lease = fetcher.lease(records_max, usize::MAX)?;
    let (partition, version) = (lease.partition.clone(), lease.version());
    let mut batches = Vec::new();
    let settlement = decoder().decode(lease, &mut Room::for_poll(records_max), &mut batches);
    assert!(fetcher.settle(&partition, version, settlement));
    let offsets = batches.iter().flat_map(|batch| batch.iter().map(|record| record.offset.get()));
    Some((partition, offsets.collect()))
}

/// A machine with partition 0, led by broker 1 in epoch 5, at `position`.
fn at(position: Position, reset: OffsetReset) -> (Fetcher, Instant) {
    let (mut fetcher, now) = (Fetcher::new(policy(reset)), Instant::now());
    fetcher.assign(&BTreeSet::from([partition(0)]));
    fetcher.learn(&cluster(&[(1, 5)]));
    fetcher.seek(&partition(0), position).unwrap();
    (fetcher, now)
}

fn answer(answers: Vec<PartitionAnswer>, session_id: i32) -> FetchAnswer {
    let partitions = answers.into_iter().enumerate();
    let partitions = partitions.map(|(index, answer)| (partition(i32::try_from(index).unwrap()), answer));
    FetchAnswer { error: None, session_id, partitions: partitions.collect() }
}

fn records(batches: &[RecordBatch]) -> PartitionAnswer {
    let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.as_bytes().to_vec()).collect();
    PartitionAnswer { items: split(&partition(0), bytes.into(), None), ..PartitionAnswer::default() }
}

fn refused(error: ResponseError) -> PartitionAnswer {
    PartitionAnswer { error: Some(error), ..PartitionAnswer::default() }
}

fn fetched(fetcher: &mut Fetcher, broker: i32, answered: PartitionAnswer, now: Instant) {
    let outcome = Ok(answer(vec![answered], 9));
    fetcher.handle(Event::Fetched { broker: BrokerId(broker), outcome }, now, 0.5);
    fetcher.check_invariants();
}

/// The single fetch among the commands: its broker and request.
fn fetch_of(commands: Vec<Command>) -> Option<(i32, SessionRequest)> {
    let mut fetches = commands.into_iter().filter_map(|command| match command {
        Command::Fetch { broker, request, .. } => Some((broker.get(), request)),
        _ => None,
    });
    let first = fetches.next();
    assert!(fetches.next().is_none());
    first
}

fn epoch_question(commands: Vec<Command>) -> Question<LeaderEpoch> {
    let mut questions = commands.into_iter().filter_map(|command| match command {
        Command::Validate { questions, .. } => questions.into_iter().next(),
        _ => None,
    });
    questions.next().expect("the position is validated")
}

fn in_epoch(offset: i64, epoch: i32) -> Position {
    Position { offset: Offset(offset), leader_epoch: Some(LeaderEpoch(epoch)) }
}

#[tokio::test]
async fn the_next_fetch_goes_out_while_the_last_is_polled() {
    let (mut fetcher, now) = at(Position::from(2), OffsetReset::Earliest);
    let (broker, request) = fetch_of(fetcher.commands(now)).unwrap();
    assert_eq!((broker, request.session_id, request.session_epoch), (1, 0, 0));
    assert!(fetch_of(fetcher.commands(now)).is_none(), "one fetch a broker");
    fetched(&mut fetcher, 1, records(&[batch(0, 5, 3), batch(5, 5, 4)]), now);
    let (_, request) = fetch_of(fetcher.commands(now)).unwrap();
    assert_eq!((request.session_id, request.session_epoch), (9, 1));
    assert_eq!(request.partitions[0].1.offset, Offset(10), "before anything is polled");
    assert_eq!(poll(&mut fetcher, 4).unwrap().1, [2, 3, 4], "a batch of five, with two before the position");
    assert_eq!(poll(&mut fetcher, 1).unwrap().1, [5]);
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(in_epoch(6, 4)));
    assert_eq!(poll(&mut fetcher, 100).unwrap().1, [6, 7, 8, 9]);
    assert!(poll(&mut fetcher, 100).is_none());
    assert_eq!(fetcher.buffered_bytes(), 0);
}

#[tokio::test]
async fn what_waits_to_be_polled_holds_fetching_back() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    fetched(&mut fetcher, 1, records(&[batch(0, 500, 3), batch(500, 500, 3)]), now);
    assert!(fetcher.buffered_bytes() > 8000);
    assert!(fetch_of(fetcher.commands(now)).is_none());
    assert_eq!(poll(&mut fetcher, 499).unwrap().1.len(), 499);
    assert!(fetch_of(fetcher.commands(now)).is_none(), "the first batch's bytes are still held");
    assert_eq!(poll(&mut fetcher, 1).unwrap().1, [499]);
    let (_, request) = fetch_of(fetcher.commands(now)).unwrap();
    assert_eq!(request.partitions[0].1.offset, Offset(1000));
    assert_eq!(poll(&mut fetcher, 1000).unwrap().1.len(), 500);
    assert_eq!(fetcher.buffered_bytes(), 0);
}

/// Otherwise consumers that pause many partitions would stand still in all others.
#[tokio::test]
async fn what_waits_in_paused_partitions_holds_no_others_back() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetcher.policy.bytes_max = 1000;
    fetch_of(fetcher.commands(now)).unwrap();
    fetched(&mut fetcher, 1, records(&[batch(0, 500, 3), batch(500, 500, 3)]), now);
    fetcher.assign(&[partition(0), partition(1)].into());
    fetcher.seek(&partition(1), Position::from(0)).unwrap();
    fetcher.learn(&cluster(&[(1, 5), (1, 5)]));
    assert!(
        fetcher.buffered_bytes() > 8000 && fetch_of(fetcher.commands(now)).is_none(),
        "all room is taken"
    );
    fetcher.pause(&partition(0), true).unwrap();
    let (_, request) = fetch_of(fetcher.commands(now)).unwrap();
    let asked: Vec<_> = request.partitions.iter().map(|(partition, _)| partition.clone()).collect();
    assert_eq!(asked, [partition(1)]);
    fetcher.pause(&partition(0), false).unwrap();
    assert_eq!(poll(&mut fetcher, 1000).unwrap().1.len(), 1000, "what was fetched before is still there");
}

/// A batch that was polled in part is decompressed: it is not to wait for its turn while others are decompressed as well.
#[tokio::test]
async fn a_batch_is_polled_to_its_end_and_then_the_next_partition_has_its_turn() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetcher.assign(&[partition(0), partition(1)].into());
    fetcher.seek(&partition(1), Position::from(0)).unwrap();
    fetcher.learn(&cluster(&[(1, 5), (1, 5)]));
    fetch_of(fetcher.commands(now)).unwrap();
    let both = vec![records(&[batch(0, 5, 3), batch(5, 5, 3)]), records(&[batch(0, 5, 3), batch(5, 5, 3)])];
    let outcome = Ok(answer(both, 9));
    fetcher.handle(Event::Fetched { broker: BrokerId(1), outcome }, now, 0.5);
    let mut polled = Vec::new();
    while let Some((partition, offsets)) = poll(&mut fetcher, 3) {
        polled.push((partition.partition.get(), offsets));
        fetcher.check_invariants();
    }
    let expected = [
        (0, vec![0, 1, 2]),
        (0, vec![3, 4]),
        (1, vec![0, 1, 2]),
        (1, vec![3, 4]),
        (0, vec![5, 6, 7]),
        (0, vec![8, 9]),
        (1, vec![5, 6, 7]),
        (1, vec![8, 9]),
    ];
    assert_eq!(polled, expected);
}

#[tokio::test]
async fn a_poll_ends_once_it_has_decompressed_much() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    let large = |base, codec: Compression| {
        let compression = codec.into();
        let options = BatchOptions { base_offset: Offset(base), compression, ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(0, None, Some(&vec![b'x'; 700_000]), &[]).unwrap();
        builder.build().unwrap()
    };
    let batches: Vec<_> = (0..4).map(|base| large(base, Compression::Lz4)).collect();
    fetched(&mut fetcher, 1, records(&batches), now);
    assert_eq!(poll(&mut fetcher, 500).unwrap().1, [0, 1], "the second is begun below the limit");
    assert_eq!(poll(&mut fetcher, 500).unwrap().1, [2, 3]);
    fetch_of(fetcher.commands(now)).unwrap();
    let batches: Vec<_> = (4..8).map(|base| large(base, Compression::None)).collect();
    fetched(&mut fetcher, 1, records(&batches), now);
    assert_eq!(
        poll(&mut fetcher, 500).unwrap().1,
        [4, 5, 6, 7],
        "those that are not compressed are there anyway"
    );
}

/// Otherwise the user would wait for records that nobody writes, while those of the full partition are polled in no time.
#[tokio::test]
async fn a_question_that_leaves_a_full_partition_out_is_answered_soon() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetcher.assign(&[partition(0), partition(1)].into());
    fetcher.seek(&partition(1), Position::from(0)).unwrap();
    fetcher.learn(&cluster(&[(1, 3), (1, 3)]));
    let wait_of = |commands: Vec<Command>| {
        let one = commands.into_iter().find_map(|command| match command {
            Command::Fetch { request, max_wait, .. } => Some((request.partitions.len(), max_wait)),
            _ => None,
        });
        one.unwrap()
    };
    assert_eq!(wait_of(fetcher.commands(now)), (2, Duration::from_millis(500)), "nothing is full");
    let full = vec![(partition(0), records(&[batch(0, 500, 3), batch(500, 500, 3)]))];
    let nothing = || FetchAnswer { partitions: Vec::new(), ..answer(Vec::new(), 9) };
    let answered = FetchAnswer { partitions: full, ..nothing() };
    let tell = |fetcher: &mut Fetcher, answered, at| {
        fetcher.handle(Event::Fetched { broker: BrokerId(1), outcome: Ok(answered) }, at, 0.5);
    };
    tell(&mut fetcher, answered, now);
    assert_eq!(
        wait_of(fetcher.commands(now)),
        (0, Duration::from_millis(2)),
        "only what is at its end is asked for"
    );
    // Nobody polls: there is no hurry any more.
    let later = now + Duration::from_secs(2);
    tell(&mut fetcher, nothing(), later);
    assert_eq!(wait_of(fetcher.commands(later)).1, Duration::from_millis(250));
    let much_later = now + Duration::from_secs(60);
    tell(&mut fetcher, nothing(), much_later);
    assert_eq!(wait_of(fetcher.commands(much_later)).1, Duration::from_millis(500));
    poll(&mut fetcher, 500).unwrap();
    poll(&mut fetcher, 500).unwrap();
    tell(&mut fetcher, nothing(), much_later);
    assert_eq!(wait_of(fetcher.commands(much_later)).1, Duration::from_millis(500), "nothing is full");
}

#[tokio::test]
async fn seeks_pauses_and_late_answers() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    fetcher.seek(&partition(0), Position::from(100)).unwrap();
    fetched(&mut fetcher, 1, records(&[batch(0, 5, 3)]), now);
    assert!(poll(&mut fetcher, 10).is_none(), "what was asked before the seek is worth nothing");
    let (_, request) = fetch_of(fetcher.commands(now)).unwrap();
    assert_eq!(request.partitions[0].1.offset, Offset(100));
    fetcher.pause(&partition(0), true).unwrap();
    fetched(&mut fetcher, 1, records(&[batch(100, 5, 3)]), now);
    assert!(poll(&mut fetcher, 10).is_none());
    assert!(fetch_of(fetcher.commands(now)).is_none());
    fetcher.pause(&partition(0), false).unwrap();
    assert_eq!(poll(&mut fetcher, 1).unwrap().1, [100]);

    // A seek between lease and settlement.
    let lease = fetcher.lease(10, 10).unwrap();
    assert!(fetcher.lease(10, 10).is_none(), "its records are out");
    fetcher.seek(&partition(0), Position::from(50)).unwrap();
    let (version, mut batches) = (lease.version(), Vec::new());
    let settlement = decoder().decode(lease, &mut Room::for_poll(10), &mut batches);
    assert!(!fetcher.settle(&partition(0), version, settlement));
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(Position::from(50)));
    fetcher.assign(&BTreeSet::new());
    assert!(matches!(fetcher.position(&partition(0)), Err(Error::NotAssigned { .. })));
    fetcher.check_invariants();
}

#[tokio::test]
async fn offsets_out_of_range_go_where_the_reset_leads() {
    let (mut fetcher, now) = at(Position::from(70), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    fetched(&mut fetcher, 1, refused(ResponseError::OffsetOutOfRange), now);
    let commands = fetcher.commands(now);
    let Some(Command::Place { questions, .. }) = commands.into_iter().next() else { panic!() };
    assert_eq!(questions[0].about, Place::Earliest);
    let question = questions.into_iter().next().unwrap();
    fetcher.handle(Event::Placed { question, outcome: Ok(Some(in_epoch(30, 2))) }, now, 0.5);
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(in_epoch(30, 2)));

    let (mut fetcher, now) = at(Position::from(70), OffsetReset::None);
    fetch_of(fetcher.commands(now)).unwrap();
    fetched(&mut fetcher, 1, refused(ResponseError::OffsetOutOfRange), now);
    let error = fetcher.take_error(now).unwrap();
    assert_eq!(error.to_string(), "t-0 has no offset 70, and auto.offset.reset is none");
    assert!(fetcher.take_error(now).is_none());
    let later = now + Duration::from_secs(1);
    assert_eq!(fetcher.due(), Some(later));
    assert!(fetcher.take_error(later).is_some(), "a partition does not stop in silence");
    fetcher.seek(&partition(0), Position::from(3)).unwrap();
    assert!(fetcher.take_error(later + Duration::from_secs(5)).is_none());
}

#[tokio::test]
async fn a_group_begins_where_it_has_committed() {
    let now = Instant::now();
    let mut fetcher = Fetcher::new(Policy { has_group: true, ..policy(OffsetReset::Earliest) });
    fetcher.assign(&BTreeSet::from([partition(0), partition(1)]));
    fetcher.learn(&cluster(&[(1, 5), (1, 5)]));
    let Some(Command::Committed { questions }) = fetcher.commands(now).into_iter().next() else { panic!() };
    assert_eq!(questions.len(), 2);
    for (question, committed) in questions.into_iter().zip([Some(Position::from(7)), None]) {
        fetcher.handle(Event::Committed { question, outcome: Ok(committed) }, now, 0.5);
        fetcher.check_invariants();
    }
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(Position::from(7)));
    assert_eq!(fetcher.position(&partition(1)).unwrap(), None, "it goes where the reset leads");

    // What was polled is the user's until the next poll.
    let commands = fetcher.commands(now);
    assert!(commands.iter().any(|command| matches!(command, Command::Fetch { .. })));
    fetched(&mut fetcher, 1, records(&[batch(7, 5, 5)]), now);
    assert!(poll(&mut fetcher, 3).is_some() && fetcher.to_commit().is_empty());
    fetcher.acknowledge();
    assert_eq!(fetcher.to_commit(), [(partition(0), in_epoch(10, 5))]);
    fetcher.committed(&partition(0), in_epoch(10, 5));
    fetcher.acknowledge();
    assert!(fetcher.to_commit().is_empty());
}

#[tokio::test]
async fn a_new_leader_validates_the_position() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    fetched(&mut fetcher, 1, records(&[batch(0, 5, 3), batch(5, 5, 4)]), now);
    assert_eq!(poll(&mut fetcher, 7).unwrap().1.len(), 7);
    fetch_of(fetcher.commands(now)).unwrap();
    fetcher.learn(&cluster(&[(2, 6)]));
    assert!(poll(&mut fetcher, 100).is_none(), "nothing is handed out before it is validated");
    let question = epoch_question(fetcher.commands(now));
    assert_eq!((question.about, question.current_leader_epoch), (LeaderEpoch(4), LeaderEpoch(6)));
    // The old leader answers late.
    fetched(&mut fetcher, 1, records(&[batch(10, 5, 4)]), now);
    let validated = |offset, epoch| Ok(Some(in_epoch(offset, epoch)));
    fetcher.handle(Event::Validated { question: question.clone(), outcome: validated(9, 4) }, now, 0.5);
    // Fetched records were truncated, polled ones not.
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(in_epoch(7, 4)));
    let (broker, request) = fetch_of(fetcher.commands(now)).unwrap();
    assert_eq!((broker, request.partitions[0].1.offset), (2, Offset(7)));
    fetcher.check_invariants();

    // Polled records were truncated.
    fetcher.learn(&cluster(&[(0, 7)]));
    let question = epoch_question(fetcher.commands(now));
    fetcher.handle(Event::Validated { question, outcome: validated(6, 4) }, now, 0.5);
    assert_eq!(fetcher.position(&partition(0)).unwrap(), Some(in_epoch(6, 4)));

    let (mut fetcher, now) = at(in_epoch(20, 4), OffsetReset::None);
    let question = epoch_question(fetcher.commands(now));
    fetcher.handle(Event::Validated { question, outcome: validated(15, 3) }, now, 0.5);
    let error = fetcher.take_error(now).unwrap();
    assert_eq!(error.to_string(), "t-0 was truncated below offset 20, from 15 on");
}

#[tokio::test]
async fn a_preferred_replica_is_used_until_it_fails() {
    let (mut fetcher, now) = at(Position::from(5), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    let preferred = |id| PartitionAnswer { preferred: Some(BrokerId(id)), ..PartitionAnswer::default() };
    fetched(&mut fetcher, 1, preferred(2), now);
    assert_eq!(fetch_of(fetcher.commands(now)).unwrap().0, 2);
    fetched(&mut fetcher, 2, records(&[batch(5, 1, 5)]), now);
    assert_eq!(fetch_of(fetcher.commands(now)).unwrap().0, 2);
    let lost = Error::Closed { what: "connection" };
    fetcher.handle(Event::Fetched { broker: BrokerId(2), outcome: Err(lost) }, now, 0.5);
    assert_eq!(fetch_of(fetcher.commands(now)).unwrap().0, 1, "back to the leader");
    fetched(&mut fetcher, 1, preferred(2), now);
    // A follower that has no such offset is behind, perhaps: the leader decides.
    let later = now + Duration::from_secs(2);
    assert_eq!(fetch_of(fetcher.commands(later)).unwrap().0, 2);
    fetched(&mut fetcher, 2, refused(ResponseError::OffsetOutOfRange), later);
    let later = later + Duration::from_secs(2);
    assert_eq!(fetch_of(fetcher.commands(later)).unwrap().0, 1);
    // One that does not live is not asked, and asking the leader again waits.
    fetched(&mut fetcher, 1, preferred(77), later);
    assert!(fetch_of(fetcher.commands(later)).is_none());
    let even_later = later + Duration::from_secs(2);
    assert_eq!(fetch_of(fetcher.commands(even_later)).unwrap().0, 1);
    let end = even_later + Duration::from_secs(400);
    fetched(&mut fetcher, 1, preferred(2), even_later);
    assert_eq!(fetch_of(fetcher.commands(end)).unwrap().0, 1, "after its time the leader is asked again");
}

#[tokio::test]
async fn broken_bytes_stop_a_partition_behind_what_can_be_read() {
    let (mut fetcher, now) = at(Position::from(0), OffsetReset::Earliest);
    fetch_of(fetcher.commands(now)).unwrap();
    let mut bytes = batch(0, 5, 3).as_bytes().to_vec();
    let mut broken = batch(5, 5, 3).as_bytes().to_vec();
    broken[80] ^= 1;
    bytes.extend(broken);
    let items = split(&partition(0), bytes.into(), None);
    fetched(&mut fetcher, 1, PartitionAnswer { items, ..PartitionAnswer::default() }, now);
    assert_eq!(poll(&mut fetcher, 100).unwrap().1, [0, 1, 2, 3, 4]);
    let error = fetcher.take_error(now).unwrap();
    assert!(error.to_string().starts_with("records of t-0 at offset 5: "), "{error}");
    assert!(fetch_of(fetcher.commands(now)).is_none());
    fetcher.seek(&partition(0), Position::from(10)).unwrap();
    fetch_of(fetcher.commands(now));
    fetcher.check_invariants();
}

const PARTITIONS: i32 = 4;

/// A session as a broker keeps it.
#[derive(Default)]
struct Kept {
    epoch: i32,
    partitions: BTreeMap<TopicPartition, (i64, i32)>,
}

struct World {
    random: fastrand::Rng,
    now: Instant,
    fetcher: Fetcher,
    /// Leader and epoch of each partition.
    leaders: Vec<(i32, i32)>,
    logs: Vec<Vec<RecordBatch>>,
    starts: Vec<i64>,
    sessions: BTreeMap<(i32, i32), Kept>,
    next_session: i32,
    /// What comes back, and at which step.
    coming: Vec<(usize, Event)>,
    step: usize,
    expected: Vec<Option<i64>>,
    leased: Option<Lease>,
    is_stormy: bool,
    polled: usize,
    resets: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            random: fastrand::Rng::with_seed(seed),
            now: Instant::now(),
            fetcher: Fetcher::new(policy(OffsetReset::Earliest)),
            leaders: (0..PARTITIONS).map(|index| (index % 3, 0)).collect(),
            logs: vec![Vec::new(); 4],
            starts: vec![0; 4],
            sessions: BTreeMap::new(),
            next_session: 1,
            coming: Vec::new(),
            step: 0,
            expected: vec![None; 4],
            leased: None,
            is_stormy: true,
            polled: 0,
            resets: 0,
        };
        world.fetcher.assign(&(0..PARTITIONS).map(partition).collect());
        world.fetcher.learn(&cluster(&world.leaders));
        world
    }

    fn end(&self, index: usize) -> i64 {
        self.logs[index].last().map_or(0, |batch| batch.next_offset().get())
    }

    fn step(&mut self) {
        self.step += 1;
        self.now += Duration::from_millis(self.random.u64(0..60));
        if self.is_stormy {
            self.change();
        }
        for command in self.fetcher.commands(self.now) {
            self.execute(command);
        }
        while let Some(at) = self.coming.iter().position(|(due, _)| *due <= self.step) {
            let (_, event) = self.coming.swap_remove(at);
            if let Event::Placed { question, outcome: Ok(Some(_)) } = &event {
                let index = usize::try_from(question.partition.partition.get()).unwrap();
                // Where a reset leads is known once it has happened.
                self.expected[index] = None;
                self.resets += 1;
            }
            let random = self.random.f64();
            self.fetcher.handle(event, self.now, random);
            self.fetcher.check_invariants();
        }
        self.poll();
        self.fetcher.check_invariants();
    }

    /// What users, leaders and time do.
    fn change(&mut self) {
        let index = self.random.usize(0..4);
        let one = partition(i32::try_from(index).unwrap());
        match self.random.u8(0..60) {
            0 => {
                self.leaders[index] = (self.random.i32(0..3), self.leaders[index].1 + 1);
                if self.random.bool() {
                    self.fetcher.learn(&cluster(&self.leaders));
                }
            }
            1 => {
                let places = self.starts[index]..=self.end(index);
                let to = self.random.i64(places);
                self.fetcher.seek(&one, Position::from(to)).unwrap();
                self.expected[index] = Some(to);
            }
            2 | 3 => {
                let is_paused = self.random.bool();
                self.fetcher.pause(&one, is_paused).unwrap();
            }
            4 => self.sessions.clear(),
            5 => {
                // Retention takes what was polled, and now and then more.
                let known = self.expected[index].unwrap_or(0);
                self.starts[index] = self.starts[index].max(known).min(self.end(index));
            }
            6 => {
                let wanted = (0..PARTITIONS).filter(|_| self.random.u8(0..4) > 0).map(partition);
                let wanted: BTreeSet<_> = wanted.collect();
                for index in 0..4 {
                    if !wanted.contains(&partition(i32::try_from(index).unwrap())) {
                        self.expected[index] = None;
                    }
                }
                self.fetcher.assign(&wanted);
                self.fetcher.assign(&(0..PARTITIONS).map(partition).collect());
                self.fetcher.learn(&cluster(&self.leaders));
            }
            7..=30 => {
                let count = self.random.i64(1..30);
                let next = batch(self.end(index), count, self.leaders[index].1);
                self.logs[index].push(next);
            }
            _ => {}
        }
    }

    fn execute(&mut self, command: Command) {
        let due = self.step + self.random.usize(1..6);
        let is_lost = self.is_stormy && self.random.u8(0..12) == 0;
        let lost = || Error::disconnected(&"b:1".into(), "lost");
        match command {
            Command::RefreshMetadata => self.fetcher.learn(&cluster(&self.leaders)),
            Command::Committed { .. } => unreachable!("there is no group"),
            Command::Fetch { broker, request, .. } => {
                let never_arrives = is_lost && self.random.bool();
                let mut outcome = Err(lost());
                if !never_arrives {
                    outcome = Ok(self.fetch(broker.get(), &request));
                }
                let outcome = if is_lost { Err(lost()) } else { outcome };
                self.coming.push((due, Event::Fetched { broker, outcome }));
            }
            Command::Place { broker, questions } => {
                for question in questions {
                    let outcome = self.leads(broker, &question.partition, question.current_leader_epoch);
                    let index = usize::try_from(question.partition.partition.get()).unwrap();
                    let position = Position::from(self.starts[index]);
                    let outcome = if is_lost { Err(lost()) } else { outcome.map(|()| Some(position)) };
                    self.coming.push((due, Event::Placed { question, outcome }));
                }
            }
            Command::Validate { broker, questions } => {
                for question in questions {
                    let outcome = self.leads(broker, &question.partition, question.current_leader_epoch);
                    let index = usize::try_from(question.partition.partition.get()).unwrap();
                    // Nothing is ever truncated here.
                    let newer = |batch: &&RecordBatch| batch.partition_leader_epoch > question.about;
                    let end = self.logs[index].iter().find(newer).map(|batch| batch.base_offset.get());
                    let end = Position {
                        offset: Offset(end.unwrap_or(self.end(index))),
                        leader_epoch: Some(question.about),
                    };
                    let outcome = if is_lost { Err(lost()) } else { outcome.map(|()| Some(end)) };
                    self.coming.push((due, Event::Validated { question, outcome }));
                }
            }
        }
    }

    /// Whether the broker leads the partition in this epoch.
    fn leads(&self, broker: BrokerId, one: &TopicPartition, epoch: LeaderEpoch) -> Result<(), Error> {
        let code = self.refusal(broker.get(), one, epoch.get());
        Error::check(code.map_or(0, |code| code.code()), || one.to_string(), None)
    }

    fn refusal(&self, broker: i32, one: &TopicPartition, epoch: i32) -> Option<ResponseError> {
        let (leader, current) = self.leaders[usize::try_from(one.partition.get()).unwrap()];
        match epoch.cmp(&current) {
            _ if leader != broker => Some(ResponseError::NotLeaderOrFollower),
            std::cmp::Ordering::Less => Some(ResponseError::FencedLeaderEpoch),
            std::cmp::Ordering::Greater => Some(ResponseError::UnknownLeaderEpoch),
            std::cmp::Ordering::Equal => None,
        }
    }

    fn fetch(&mut self, broker: i32, request: &SessionRequest) -> FetchAnswer {
        let failed = |error| FetchAnswer { error: Some(error), session_id: 0, partitions: Vec::new() };
        assert!(request.has_ids);
        let session_id = if request.session_epoch == 0 {
            self.sessions.remove(&(broker, request.session_id));
            self.next_session += 1;
            self.sessions.insert((broker, self.next_session), Kept::default());
            assert!(request.forgotten.is_empty());
            self.next_session
        } else {
            let Some(kept) = self.sessions.get(&(broker, request.session_id)) else {
                return failed(ResponseError::FetchSessionIdNotFound);
            };
            assert_eq!(kept.epoch, request.session_epoch, "epochs go up by one, or begin anew");
            request.session_id
        };
        let kept = self.sessions.get_mut(&(broker, session_id)).unwrap();
        kept.epoch += 1;
        for (one, asked) in &request.partitions {
            let asked = (asked.offset.get(), asked.current_leader_epoch.get());
            assert_ne!(kept.partitions.insert(one.clone(), asked), Some(asked), "nothing is said twice");
        }
        for (one, _) in &request.forgotten {
            assert!(kept.partitions.remove(one).is_some(), "only what the session has is forgotten");
        }
        let wanted: Vec<_> = kept.partitions.iter().map(|(one, asked)| (one.clone(), *asked)).collect();
        let answers = wanted.into_iter().filter_map(|(one, (offset, epoch))| {
            let answer = self.partition(broker, &one, offset, epoch)?;
            Some((one, answer))
        });
        FetchAnswer { error: None, session_id, partitions: answers.collect() }
    }

    /// What is new of a partition, if anything is.
    fn partition(
        &self,
        broker: i32,
        one: &TopicPartition,
        offset: i64,
        epoch: i32,
    ) -> Option<PartitionAnswer> {
        if let Some(error) = self.refusal(broker, one, epoch) {
            return Some(refused(error));
        }
        let index = usize::try_from(one.partition.get()).unwrap();
        if offset < self.starts[index] || offset > self.end(index) {
            return Some(refused(ResponseError::OffsetOutOfRange));
        }
        let behind = self.logs[index].iter().filter(|batch| batch.next_offset().get() > offset);
        let batches: Vec<_> = behind.take(3).cloned().collect();
        (!batches.is_empty()).then(|| records(&batches))
    }

    /// Leases and settlements, with other things in between.
    fn poll(&mut self) {
        if self.leased.is_none() {
            self.leased = self.fetcher.lease(20, 2);
        }
        if self.random.u8(0..3) == 0 {
            return;
        }
        let Some(lease) = self.leased.take() else { return };
        let (one, version, mut batches) = (lease.partition.clone(), lease.version(), Vec::new());
        let settlement = decoder().decode(lease, &mut Room::for_poll(20), &mut batches);
        if !self.fetcher.settle(&one, version, settlement) {
            return;
        }
        let index = usize::try_from(one.partition.get()).unwrap();
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            let offset = record.offset.get();
            let expected = *self.expected[index].get_or_insert(offset);
            assert_eq!(offset, expected, "{one}: records are lost or come twice");
            assert_eq!(record.value, Some(offset.to_string().as_bytes()));
            self.expected[index] = Some(offset + 1);
            self.polled += 1;
        }
    }
}

/// Whatever brokers and networks do, each record comes once and in order, and all come once the storm is over.
#[tokio::test]
async fn every_record_comes_once_and_in_order() {
    let seeds: u64 = std::env::var("MEDALLION_CLIENT_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let (mut polled, mut resets) = (0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        (0..600).for_each(|_| world.step());
        world.is_stormy = false;
        (0..PARTITIONS).for_each(|index| world.fetcher.pause(&partition(index), false).unwrap());
        for step in 0.. {
            let is_done = (0..4).all(|index| {
                let one = partition(i32::try_from(index).unwrap());
                world.fetcher.position(&one).unwrap().is_some_and(|at| at.offset.get() == world.end(index))
            });
            if is_done {
                break;
            }
            assert!(step < 20_000, "seed {seed}: the end is never reached");
            world.step();
        }
        let error = world.fetcher.take_error(world.now);
        assert!(error.is_none(), "seed {seed}: {error:?}");
        (polled, resets) = (polled + world.polled, resets + world.resets);
    }
    assert!(polled > 1000 && resets > 100, "{polled} records, {resets} resets");
}
