//! The machine against simulated brokers that lose requests and answers, move leaders, and are late.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::records::{BatchBuilder, BatchOptions, Compression, increment_sequence};
use medallion_wire::{BrokerId, Offset, ProducerEpoch, ProducerId, ResponseError, TopicPartition};
use tokio::time::Instant;

use super::*;
use crate::producer::batch::{Batch, Stamp};
use crate::producer::completion::{Completion, Delivery};
use crate::producer::memory::Memory;
use crate::producer::record::Record;

/// Queues of full batches.
#[derive(Default)]
struct Queues {
    batches: BTreeMap<usize, VecDeque<Batch>>,
    is_open: bool,
    is_short: bool,
}

impl BatchSource for Queues {
    fn head(&self, slot: usize) -> Option<Head> {
        let queue = self.batches.get(&slot)?;
        let first = queue.front()?;
        let is_full = !self.is_open || queue.len() > 1;
        Some(Head { is_full, created: first.created, bytes: first.size_bytes() })
    }

    fn take(&mut self, slot: usize) -> Option<Batch> {
        self.batches.get_mut(&slot)?.pop_front()
    }

    fn is_short(&self) -> bool {
        self.is_short
    }
}

fn policy() -> Policy {
    Policy {
        is_idempotent: true,
        is_transactional: false,
        is_fenced: false,
        linger: Duration::from_millis(5),
        delivery_timeout: Duration::from_secs(120),
        retries: u32::MAX,
        max_in_flight: 5,
        max_request_size: 1 << 20,
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

fn batch(id: u64, slot: usize, records: usize, now: Instant) -> (Batch, Delivery) {
    wide_batch(id..id + 1, slot, records, now)
}

/// A batch that can be split so often that its parts' ids suffice.
fn wide_batch(ids: Range<u64>, slot: usize, records: usize, now: Instant) -> (Batch, Delivery) {
    let memory = Memory::new(1 << 20).try_take(4096).unwrap();
    let completion = Completion::new(TopicPartition::new("t", i32::try_from(slot).unwrap()));
    let builder = BatchBuilder::new(BatchOptions::default());
    let mut batch = Batch::new(ids, now, builder, Compression::Gzip.into(), Arc::clone(&completion), memory);
    for number in 0..records {
        batch.append(&Record::to("t").value(&number.to_string()), 0, 4096).unwrap();
    }
    (batch, Delivery::new(completion, 0, 0))
}

const BROKER: BrokerId = BrokerId(1);
const IDENTITY: (ProducerId, ProducerEpoch) = (ProducerId(7), ProducerEpoch(0));

/// A machine with its producer id and one partition, which knows it.
fn ready(policy: Policy) -> (Sender, Queues, Instant) {
    let (mut sender, mut queues, now) = (Sender::new(policy), Queues::default(), Instant::now());
    sender.add(TopicPartition::new("t", 0), Some(BROKER));
    sender.identity = Identity::Known(IDENTITY.0, IDENTITY.1);
    sender.partitions[0].known_as = Some(IDENTITY.0);
    assert!(sender.handle(Event::Tick, &mut queues, now, 0.5).is_empty());
    (sender, queues, now)
}

fn produced(commands: Vec<Command>) -> Vec<Batch> {
    let batches = commands.into_iter().flat_map(|command| match command {
        Command::Produce { batches, .. } => batches,
        _ => Vec::new(),
    });
    batches.map(|(_, batch)| batch).collect()
}

/// The same, where what has ended is told.
fn carried_out(commands: Vec<Command>) -> Vec<Batch> {
    let (ended, others): (Vec<_>, Vec<_>) =
        commands.into_iter().partition(|command| matches!(command, Command::Finish { .. }));
    for command in ended {
        if let Command::Finish { batch, outcome } = command {
            batch.complete(outcome);
        }
    }
    produced(others)
}

fn answer(batch: Batch, outcome: Result<i64, ResponseError>) -> Event {
    let outcome = match outcome {
        Ok(offset) => Ok(Ack { base_offset: Some(Offset(offset)), log_append_time: None }),
        Err(code) => Err(Error::check(code.code(), || "t-0".to_owned(), None).unwrap_err()),
    };
    Event::Answered { broker: BROKER, outcomes: vec![(0, batch, outcome)] }
}

fn sequence(batch: &Batch) -> (i16, i32) {
    let stamp = batch.stamp.unwrap();
    (stamp.producer_epoch.get(), stamp.base_sequence)
}

#[tokio::test]
async fn open_batches_linger_and_full_ones_do_not() {
    let (mut sender, mut queues, now) = ready(policy());
    queues.is_open = true;
    queues.batches.entry(0).or_default().push_back(batch(0, 0, 1, now).0);
    assert!(produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).is_empty());
    assert_eq!(sender.due(), Some(now + Duration::from_millis(5)));
    queues.batches.entry(0).or_default().push_back(batch(1, 0, 1, now).0);
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    assert_eq!(sent.iter().map(|batch| batch.id).collect::<Vec<_>>(), [0]);
    let due = now + Duration::from_millis(5);
    let sent = produced(sender.handle(Event::Tick, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(|batch| batch.id).collect::<Vec<_>>(), [1]);

    queues.batches.entry(0).or_default().push_back(batch(2, 0, 1, due).0);
    queues.is_short = true;
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, due, 0.5));
    assert_eq!(sent.len(), 1, "nothing lingers while somebody waits for memory");
    queues.is_short = false;
    queues.batches.entry(0).or_default().push_back(batch(3, 0, 1, due).0);
    assert!(produced(sender.handle(Event::Announced(vec![0]), &mut queues, due, 0.5)).is_empty());
    let sent = produced(sender.handle(Event::Flush(true), &mut queues, due, 0.5));
    assert_eq!(sent.len(), 1, "nothing lingers while somebody flushes");
}

#[tokio::test]
async fn failed_batches_go_again_one_by_one_in_order() {
    let (mut sender, mut queues, now) = ready(policy());
    for id in 0..7 {
        queues.batches.entry(0).or_default().push_back(batch(id, 0, 2, now).0);
    }
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 0), (0, 2), (0, 4), (0, 6), (0, 8)]);
    let mut sent: VecDeque<Batch> = sent.into();
    let first = sent.pop_front().unwrap();
    let event = answer(first, Err(ResponseError::NotLeaderOrFollower));
    let commands = sender.handle(event, &mut queues, now, 0.5);
    assert!(
        matches!(&commands[..], [Command::RefreshMetadata]),
        "nothing is sent while others are under way"
    );
    for later in sent {
        let event = answer(later, Err(ResponseError::OutOfOrderSequenceNumber));
        assert!(produced(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    }
    let mut due = sender.due().unwrap();
    assert_eq!(due - now, Duration::from_millis(100), "the backoff is waited for");
    let mut order = Vec::new();
    let mut under_way = VecDeque::from(produced(sender.handle(Event::Tick, &mut queues, due, 0.5)));
    while let Some(next) = under_way.pop_front() {
        order.push((next.id, sequence(&next)));
        due += Duration::from_millis(1);
        let acked = answer(next, Ok(0));
        under_way.extend(produced(sender.handle(acked, &mut queues, due, 0.5)));
    }
    let expected: Vec<_> = (0..7).map(|id| (id, (0, i32::try_from(id * 2).unwrap()))).collect();
    assert_eq!(order, expected);
}

/// A leader that has just begun to lead may refuse the first batch and take the second, with any number.
#[tokio::test]
async fn nothing_follows_the_first_batch_before_the_partition_knows_the_producer() {
    let (mut sender, mut queues, now) = ready(policy());
    sender.partitions[0].known_as = None;
    for id in 0..4 {
        queues.batches.entry(0).or_default().push_back(batch(id, 0, 1, now).0);
    }
    let mut sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 0)]);
    let event = answer(sent.remove(0), Err(ResponseError::NotLeaderOrFollower));
    assert!(produced(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    let due = sender.due().unwrap();
    let mut sent = produced(sender.handle(Event::Tick, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 0)]);
    let sent = produced(sender.handle(answer(sent.remove(0), Ok(0)), &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 1), (0, 2), (0, 3)]);
}

#[tokio::test]
async fn a_batch_that_fails_for_good_has_the_rest_numbered_anew() {
    let (mut sender, mut queues, now) = ready(policy());
    for id in 0..3 {
        queues.batches.entry(0).or_default().push_back(batch(id, 0, 1, now).0);
    }
    let mut sent: VecDeque<Batch> =
        produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).into();
    let event = answer(sent.pop_front().unwrap(), Err(ResponseError::MessageTooLarge));
    let commands = sender.handle(event, &mut queues, now, 0.5);
    assert!(matches!(&commands[..], [Command::Finish { outcome: Err(_), .. }]));
    // The second may have been written: it must keep its number until that is known.
    let unknown = Error::Disconnected { address: "b:1".into(), reason: "x".into() };
    let event =
        Event::Answered { broker: BROKER, outcomes: vec![(0, sent.pop_front().unwrap(), Err(unknown))] };
    sender.handle(event, &mut queues, now, 0.5);
    let event = answer(sent.pop_front().unwrap(), Err(ResponseError::OutOfOrderSequenceNumber));
    sender.handle(event, &mut queues, now, 0.5);
    let due = sender.due().unwrap();
    let mut sent = produced(sender.handle(Event::Tick, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 1)]);
    let event = answer(sent.remove(0), Err(ResponseError::OutOfOrderSequenceNumber));
    let mut sent = produced(sender.handle(event, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(1, 0)]);
    let event = answer(sent.remove(0), Ok(5));
    let sent = produced(sender.handle(event, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(|batch| (batch.id, sequence(batch))).collect::<Vec<_>>(), [(2, (1, 1))]);
    assert_eq!(sender.epoch_bumps(), 1);
}

#[tokio::test]
async fn a_fenced_producer_has_its_epochs_from_the_coordinator_and_ends_when_another_has_its_name() {
    let (mut sender, mut queues, now) = ready(Policy { is_fenced: true, ..policy() });
    let queue = |id, queues: &mut Queues| {
        let (batch, delivery) = batch(id, 0, 1, now);
        queues.batches.entry(0).or_default().push_back(batch);
        delivery
    };
    drop(queue(0, &mut queues));
    let mut sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    let second = queue(1, &mut queues);
    let event = answer(sent.remove(0), Err(ResponseError::MessageTooLarge));
    let commands = sender.handle(event, &mut queues, now, 0.5);
    assert!(commands.iter().any(|command| matches!(command, Command::InitProducerId)), "{commands:?}");
    let next = (IDENTITY.0, ProducerEpoch(IDENTITY.1.get() + 3));
    let mut sent = produced(sender.handle(Event::Identified(Ok(next)), &mut queues, now, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(next.1.get(), 0)]);
    let third = queue(2, &mut queues);
    let event = answer(sent.remove(0), Err(ResponseError::InvalidProducerEpoch));
    assert!(carried_out(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    let late = queue(3, &mut queues);
    assert!(carried_out(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).is_empty());
    for delivery in [second, third, late] {
        let error = delivery.outcome().unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ResponseError::InvalidProducerEpoch));
    }
}

#[tokio::test]
async fn lost_data_and_unknown_producers_lead_to_the_next_epoch() {
    let (mut sender, mut queues, now) = ready(policy());
    let (first, delivery) = batch(0, 0, 1, now);
    queues.batches.entry(0).or_default().push_back(first);
    let mut sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    let event = answer(sent.remove(0), Err(ResponseError::UnknownProducerId));
    sender.handle(event, &mut queues, now, 0.5);
    let due = sender.due().unwrap();
    let mut sent = produced(sender.handle(Event::Tick, &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(1, 0)]);
    // The leader lacks what it had acknowledged: nothing is before this batch.
    let event = answer(sent.remove(0), Err(ResponseError::OutOfOrderSequenceNumber));
    let commands = sender.handle(event, &mut queues, due, 0.5);
    let [Command::Finish { outcome: Err(error), .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(error.code(), Some(ResponseError::OutOfOrderSequenceNumber));
    drop(commands);
    assert!(delivery.outcome().unwrap().is_err());
    queues.batches.entry(0).or_default().push_back(batch(1, 0, 1, due).0);
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, due, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(2, 0)]);
}

#[tokio::test]
async fn records_fail_when_their_time_is_over_wherever_they_are() {
    let (mut sender, mut queues, now) = ready(Policy { max_in_flight: 1, ..policy() });
    let deliveries: Vec<Delivery> = (0..2)
        .map(|id| {
            let (batch, delivery) = batch(id, 0, 1, now);
            queues.batches.entry(0).or_default().push_back(batch);
            delivery
        })
        .collect();
    let mut sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    let late = now + Duration::from_secs(120);
    assert_eq!(sender.due(), Some(late));
    let commands = sender.handle(Event::Tick, &mut queues, late, 0.5);
    for command in commands {
        match command {
            Command::Expire { completion, error, .. } => assert!(completion.complete(Err(error))),
            Command::Finish { batch, outcome } => assert!(batch.complete(outcome)),
            other => panic!("{other:?}"),
        }
    }
    for delivery in deliveries {
        let error = delivery.outcome().unwrap().unwrap_err();
        assert!(matches!(error, Error::DeliveryTimeout { .. }), "{error}");
    }
    // The batch under way comes back as written: the numbers go on without a gap.
    sender.handle(answer(sent.remove(0), Ok(0)), &mut queues, late, 0.5);
    queues.batches.entry(0).or_default().push_back(batch(2, 0, 1, late).0);
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, late, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(0, 1)]);
}

#[tokio::test]
async fn requests_stay_below_their_largest_size_and_hold_a_partition_once() {
    let (mut sender, mut queues, now) = ready(Policy { max_request_size: 250, ..policy() });
    for slot in 1..4 {
        sender.add(TopicPartition::new("t", slot), Some(BROKER));
    }
    sender.partitions.iter_mut().for_each(|partition| partition.known_as = Some(IDENTITY.0));
    for id in 0..8 {
        let slot = usize::try_from(id % 4).unwrap();
        queues.batches.entry(slot).or_default().push_back(batch(id, slot, 5, now).0);
    }
    let commands = sender.handle(Event::Announced(vec![0, 1, 2, 3]), &mut queues, now, 0.5);
    let sizes: Vec<Vec<usize>> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Produce { batches, .. } => Some(batches.iter().map(|(slot, _)| *slot).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [[0, 1], [2, 3], [0, 1], [2, 3]]);
}

#[tokio::test]
async fn what_is_too_large_goes_in_parts_in_its_place() {
    let (mut sender, mut queues, now) = ready(policy());
    let (large, delivery) = wide_batch(0..16, 0, 5, now);
    queues.batches.entry(0).or_default().extend([large, batch(16, 0, 2, now).0]);
    let mut sent: VecDeque<Batch> =
        produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).into();
    let mut large = sent.pop_front().unwrap();
    large.seal(&mut Vec::new()).unwrap();
    let commands = sender.handle(answer(large, Err(ResponseError::MessageTooLarge)), &mut queues, now, 0.5);
    assert!(matches!(&commands[..], [Command::Split { whole: 0, .. }]), "{commands:?}");
    // The one behind was refused for the gap, and goes again behind the parts, with its own numbers.
    let behind = sent.pop_front().unwrap();
    assert_eq!(sequence(&behind), (0, 5));
    let event = answer(behind, Err(ResponseError::OutOfOrderSequenceNumber));
    let mut sent = produced(sender.handle(event, &mut queues, now, 0.5));
    let mut seen = Vec::new();
    while let Some(mut part) = sent.pop() {
        assert!(sent.is_empty(), "behind a batch that goes again nothing follows");
        seen.push((part.id, sequence(&part).1, part.record_count()));
        part.seal(&mut Vec::new()).unwrap();
        let is_too_large = part.record_count() == 3;
        let outcome = if is_too_large { Err(ResponseError::RecordListTooLarge) } else { Ok(10) };
        sent = carried_out(sender.handle(answer(part, outcome), &mut queues, now, 0.5));
    }
    let counts: i32 = seen.iter().map(|(.., count)| count).sum();
    assert!(counts == 7 || counts == 10, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&(16, 5, 2)));
    assert_eq!(sender.epoch_bumps(), 0);
    let metadata = delivery.outcome().unwrap().unwrap();
    assert_eq!(metadata.offset, Some(Offset(10)));
    // A record alone cannot go in parts.
    let (single, delivery) = wide_batch(32..48, 0, 1, now);
    queues.batches.entry(0).or_default().push_back(single);
    let mut single = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).remove(0);
    single.seal(&mut Vec::new()).unwrap();
    let event = answer(single, Err(ResponseError::MessageTooLarge));
    assert!(carried_out(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    let error = delivery.outcome().unwrap().unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::MessageTooLarge));
}

#[tokio::test]
async fn a_record_that_fails_dooms_its_transaction_and_not_the_next() {
    let (mut sender, mut queues, now) = ready(Policy { is_transactional: true, ..policy() });
    sender.add(TopicPartition::new("t", 1), Some(BROKER));
    let queue = |id, slot: usize, queues: &mut Queues| {
        let (batch, delivery) = batch(id, slot, 2, now);
        queues.batches.entry(slot).or_default().push_back(batch);
        delivery
    };
    let (first, behind) = (queue(0, 0, &mut queues), queue(1, 0, &mut queues));
    let mut sent: VecDeque<Batch> =
        produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).into();
    let waiting = queue(2, 1, &mut queues);
    queues.is_open = true;
    assert!(produced(sender.handle(Event::Announced(vec![1]), &mut queues, now, 0.5)).is_empty());
    let event = answer(sent.pop_front().unwrap(), Err(ResponseError::InvalidRecord));
    assert!(carried_out(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    assert_eq!(first.outcome().unwrap().unwrap_err().code(), Some(ResponseError::InvalidRecord));
    let doomed = waiting.outcome().unwrap().unwrap_err();
    assert!(matches!(doomed, Error::TransactionDoomed { .. }), "{doomed}");
    // What was under way does not go again, and nothing that comes is sent.
    let event = answer(sent.pop_front().unwrap(), Err(ResponseError::OutOfOrderSequenceNumber));
    assert!(carried_out(sender.handle(event, &mut queues, now, 0.5)).is_empty());
    assert!(behind.outcome().unwrap().is_err());
    let late = queue(3, 0, &mut queues);
    assert!(carried_out(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5)).is_empty());
    assert!(late.outcome().unwrap().is_err());
    assert_eq!(sender.epoch_bumps(), 0, "epochs come from the coordinator");

    queues.is_open = false;
    let next = (IDENTITY.0, ProducerEpoch(1));
    assert!(sender.handle(Event::Identified(Ok(next)), &mut queues, now, 0.5).is_empty());
    let given_up = queue(4, 0, &mut queues);
    let sent = produced(sender.handle(Event::Announced(vec![0]), &mut queues, now, 0.5));
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [(1, 0)]);
    // An abort lets what is under way come back.
    let unsent = queue(5, 1, &mut queues);
    sender.handle(Event::Leaders(vec![(1, None)]), &mut queues, now, 0.5);
    sender.handle(Event::Announced(vec![1]), &mut queues, now, 0.5);
    carried_out(sender.handle(Event::GiveUp(Error::TransactionAborted), &mut queues, now, 0.5));
    assert!(matches!(unsent.outcome(), Some(Err(Error::TransactionAborted))));
    assert!(given_up.outcome().is_none());
    let event = answer(sent.into_iter().next().unwrap(), Ok(7));
    carried_out(sender.handle(event, &mut queues, now, 0.5));
    assert_eq!(given_up.outcome().unwrap().unwrap().offset, Some(Offset(7)));
}

// --- simulation ---

/// What a broker remembers of a producer in one partition.
#[derive(Default)]
struct Log {
    /// Ids of the batches written.
    written: Vec<u64>,
    /// Nothing where the producer has not written here yet.
    epoch: Option<i16>,
    /// Base sequence, records and offset of the last batches.
    last: VecDeque<(i32, i32, i64)>,
    records: i64,
}

impl Log {
    /// By Kafka's rules for idempotent producers.
    fn append(&mut self, batch: &Batch) -> Result<i64, ResponseError> {
        let Some(Stamp { producer_epoch, base_sequence, .. }) = batch.stamp else { panic!("no sequence") };
        let count = batch.record_count();
        let epoch = producer_epoch.get();
        if self.epoch.is_some_and(|known| epoch < known) {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if self.epoch.is_none_or(|known| epoch > known) {
            // A producer that it does not know may begin with any number (KIP-360).
            if base_sequence != 0 && self.epoch.is_some() {
                return Err(ResponseError::OutOfOrderSequenceNumber);
            }
            self.epoch = Some(epoch);
            self.last.clear();
        } else if let Some(known) =
            self.last.iter().find(|known| (known.0, known.1) == (base_sequence, count))
        {
            return Ok(known.2);
        } else {
            let next = self.last.back().map_or(0, |(base, count, _)| increment_sequence(*base, *count));
            if base_sequence != next {
                return Err(ResponseError::OutOfOrderSequenceNumber);
            }
        }
        let offset = self.records;
        self.records += i64::from(count);
        self.written.push(batch.id);
        self.last.push_back((base_sequence, count, offset));
        if self.last.len() > 5 {
            self.last.pop_front();
        }
        Ok(offset)
    }
}

struct World {
    random: fastrand::Rng,
    now: Instant,
    sender: Sender,
    queues: Queues,
    logs: BTreeMap<usize, Log>,
    leaders: BTreeMap<usize, BrokerId>,
    /// Requests on the way to brokers, and their answers on the way back, in the order of the connection.
    wires: BTreeMap<BrokerId, VecDeque<Vec<(usize, Batch)>>>,
    answers: BTreeMap<BrokerId, VecDeque<Vec<Outcome>>>,
    asked_identity: bool,
    deliveries: HashMap<u64, (usize, Delivery)>,
    next_batch: u64,
    is_stormy: bool,
}

const SLOTS: usize = 3;

impl World {
    fn new(seed: u64, delivery_timeout: Duration) -> Self {
        let mut world = Self {
            random: fastrand::Rng::with_seed(seed),
            now: Instant::now(),
            sender: Sender::new(Policy { delivery_timeout, ..policy() }),
            queues: Queues::default(),
            logs: BTreeMap::new(),
            leaders: BTreeMap::new(),
            wires: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked_identity: false,
            deliveries: HashMap::new(),
            next_batch: 0,
            is_stormy: true,
        };
        for slot in 0..SLOTS {
            world.sender.add(TopicPartition::new("t", i32::try_from(slot).unwrap()), Some(BROKER));
            world.leaders.insert(slot, BROKER);
        }
        world
    }

    fn handle(&mut self, event: Event) {
        let random = self.random.f64();
        for command in self.sender.handle(event, &mut self.queues, self.now, random) {
            match command {
                Command::InitProducerId => self.asked_identity = true,
                Command::Produce { broker, batches } => {
                    let slots: BTreeSet<_> = batches.iter().map(|(slot, _)| slot).collect();
                    assert_eq!(slots.len(), batches.len(), "a partition stands once in a request");
                    let seal = |(slot, mut batch): (usize, Batch)| {
                        batch.seal(&mut Vec::new()).unwrap();
                        (slot, batch)
                    };
                    let batches = batches.into_iter().map(seal).collect();
                    self.wires.entry(broker).or_default().push_back(batches);
                }
                Command::Finish { batch, outcome } => {
                    batch.complete(outcome);
                }
                Command::Expire { completion, error, .. } => {
                    completion.complete(Err(error));
                }
                Command::Split { whole, parts } => {
                    let (slot, delivery) = self.deliveries.remove(&whole).unwrap();
                    drop(delivery);
                    for (id, completion) in parts {
                        self.deliveries.insert(id, (slot, Delivery::new(completion, 0, 0)));
                    }
                }
                Command::RefreshMetadata => {}
            }
        }
    }

    fn send(&mut self) {
        let slot = self.random.usize(0..SLOTS);
        let ids = self.next_batch..self.next_batch + 4;
        let (mut batch, delivery) = wide_batch(ids.clone(), slot, self.random.usize(1..4), self.now);
        batch.seal(&mut Vec::new()).unwrap();
        self.deliveries.insert(ids.start, (slot, delivery));
        self.next_batch = ids.end;
        self.queues.batches.entry(slot).or_default().push_back(batch);
        self.handle(Event::Announced(vec![slot]));
    }

    /// A broker takes a request from the wire.
    fn serve(&mut self, broker: BrokerId) {
        let Some(request) = self.wires.get_mut(&broker).and_then(VecDeque::pop_front) else { return };
        let outcomes = request.into_iter().map(|(slot, batch)| {
            let outcome = self.write(broker, slot, &batch);
            (slot, batch, outcome)
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        self.answers.entry(broker).or_default().push_back(outcomes);
    }

    fn write(&mut self, broker: BrokerId, slot: usize, batch: &Batch) -> Result<Ack, Error> {
        let refused = |code: ResponseError| Error::check(code.code(), || "t".to_owned(), None).unwrap_err();
        if self.leaders[&slot] != broker {
            return Err(refused(ResponseError::NotLeaderOrFollower));
        }
        if self.is_stormy && self.random.u8(0..40) == 0 {
            return Err(refused(ResponseError::MessageTooLarge));
        }
        let offset = self.logs.entry(slot).or_default().append(batch).map_err(refused)?;
        if self.is_stormy && self.random.u8(0..20) == 0 {
            return Err(refused(ResponseError::NotEnoughReplicasAfterAppend));
        }
        Ok(Ack { base_offset: Some(Offset(offset)), log_append_time: None })
    }

    fn deliver(&mut self, broker: BrokerId) {
        if let Some(outcomes) = self.answers.get_mut(&broker).and_then(VecDeque::pop_front) {
            self.handle(Event::Answered { broker, outcomes });
        }
    }

    /// The connection breaks: the broker may have served some of what is on the wire, and no answer comes.
    fn disconnect(&mut self, broker: BrokerId) {
        for _ in 0..self.random.usize(0..4) {
            self.serve(broker);
        }
        let lost =
            |_: Result<Ack, Error>| Err(Error::Disconnected { address: "b:1".into(), reason: "x".into() });
        let answers = self.answers.remove(&broker).unwrap_or_default();
        let unserved = self.wires.remove(&broker).unwrap_or_default();
        for outcomes in answers {
            let outcomes = outcomes.into_iter().map(|(slot, batch, outcome)| (slot, batch, lost(outcome)));
            self.handle(Event::Answered { broker, outcomes: outcomes.collect() });
        }
        for request in unserved {
            let ack = Ack { base_offset: None, log_append_time: None };
            let outcomes = request.into_iter().map(|(slot, batch)| (slot, batch, lost(Ok(ack))));
            self.handle(Event::Answered { broker, outcomes: outcomes.collect() });
        }
    }

    fn step(&mut self) {
        let broker = BrokerId(self.random.i32(1..3));
        match self.random.u8(0..20) {
            0..5 => self.serve(broker),
            5..10 => self.deliver(broker),
            10..14 if self.is_stormy => self.send(),
            14 if self.is_stormy => self.disconnect(broker),
            15 if self.is_stormy => {
                let slot = self.random.usize(0..SLOTS);
                self.leaders.insert(slot, broker);
            }
            16 => {
                let leaders = self.leaders.iter().map(|(slot, leader)| (*slot, Some(*leader))).collect();
                self.handle(Event::Leaders(leaders));
            }
            17 if self.asked_identity => {
                self.asked_identity = false;
                self.handle(Event::Identified(Ok(IDENTITY)));
            }
            _ => {
                self.now += Duration::from_millis(self.random.u64(0..200));
                self.handle(Event::Tick);
            }
        }
    }
}

/// Whatever brokers and wires do: acknowledged batches are written once, in order; none is written twice; and once
/// all is well again, every batch ends.
#[tokio::test]
async fn batches_are_written_once_and_in_order() {
    let seeds: u64 =
        std::env::var("MEDALLION_CLIENT_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let (mut acknowledged, mut failed) = (0, 0);
    for seed in 0..seeds {
        let timeout = if seed % 4 == 0 { Duration::from_secs(3) } else { Duration::from_secs(3600) };
        let mut world = World::new(seed, timeout);
        (0..400).for_each(|_| world.step());
        world.is_stormy = false;
        for step in 0.. {
            assert!(step < 20_000, "seed {seed}: batches never end");
            if world.deliveries.values().all(|(_, delivery)| delivery.outcome().is_some()) {
                break;
            }
            world.step();
        }
        for slot in 0..SLOTS {
            let written = world.logs.get(&slot).map(|log| log.written.clone()).unwrap_or_default();
            assert!(written.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: {slot}: {written:?}");
            for (id, (_, delivery)) in world.deliveries.iter().filter(|(_, (of, _))| *of == slot) {
                let is_acknowledged = delivery.outcome().unwrap().is_ok();
                assert!(!is_acknowledged || written.contains(id), "seed {seed}: {id} is lost");
                *(if is_acknowledged { &mut acknowledged } else { &mut failed }) += 1;
            }
        }
    }
    assert!(acknowledged > failed * 4 && failed > 0, "{acknowledged} acknowledged, {failed} failed");
}
