//! The producer's task: the thin shell around the machine that decides what is sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use medallion_wire::messages::{InitProducerIdRequest, ProducerId as WireProducerId};
use medallion_wire::{BrokerId, ProducerEpoch, ProducerId, TopicPartition};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::completion::Ack;
use super::metrics::Counters;
use super::sender::{Command, Event, Sender};
use super::shared::Shared;
use super::sink::{Job, Sink};
use super::transaction::{Order, Transactions};
use crate::brokers::Purpose;
use crate::client::Client;
use crate::error::Error;
use crate::metadata::{Cluster, Published};

/// The task's state.
pub(super) struct Task {
    shared: Arc<Shared>,
    purpose: Purpose,
    sender: Sender,
    sinks: HashMap<BrokerId, mpsc::UnboundedSender<Job>>,
    /// Who led each partition when the machine was told last.
    leaders: Vec<Option<BrokerId>>,
    partitions: Vec<TopicPartition>,
    is_flushing: bool,
    events: mpsc::UnboundedSender<Event>,
    arrived: mpsc::UnboundedReceiver<Event>,
    metadata: watch::Receiver<Published>,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, sender: Sender, purpose: Purpose) -> Self {
        let (events, arrived) = mpsc::unbounded_channel();
        let metadata = shared.client.metadata().watch();
        Self {
            shared,
            purpose,
            sender,
            sinks: HashMap::new(),
            leaders: Vec::new(),
            partitions: Vec::new(),
            is_flushing: false,
            events,
            arrived,
            metadata,
        }
    }

    /// Works until the producer is closed and every batch has ended.
    pub(super) async fn run(mut self) {
        while !(self.shared.accumulator.is_closed() && self.shared.accumulator.is_empty()) {
            let due = self.sender.due();
            tokio::select! {
                biased;
                Some(event) = self.arrived.recv() => self.handle(event),
                changed = self.metadata.changed() => match changed {
                    Ok(()) => self.learn_leaders(),
                    Err(_) => return,
                },
                () = self.shared.accumulator.changed() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.handle(Event::Tick),
            }
            self.look_at_queues();
        }
        self.shared.client.brokers().forget(self.purpose);
    }

    /// What senders have done since the last look.
    fn look_at_queues(&mut self) {
        self.add_partitions();
        let orders = self.shared.transactions.as_ref().map(Transactions::take_orders);
        for order in orders.into_iter().flatten() {
            match order {
                Order::Identify(identity, heard) => {
                    self.handle(Event::Identified(Ok(identity)));
                    // Whoever has given up waiting asks again.
                    let _ = heard.send(());
                }
                Order::GiveUp => self.handle(Event::GiveUp(Error::TransactionAborted)),
            }
        }
        let is_flushing = self.shared.is_flushing();
        if std::mem::replace(&mut self.is_flushing, is_flushing) != is_flushing {
            self.handle(Event::Flush(is_flushing));
        }
        let announced = self.shared.accumulator.take_announced();
        if !announced.is_empty() || self.shared.accumulator.memory().is_short() {
            // A queue may have been made after the last look.
            self.add_partitions();
            self.handle(Event::Announced(announced));
        }
    }

    fn add_partitions(&mut self) {
        let count = self.shared.accumulator.slot_count();
        if self.partitions.len() == count {
            return;
        }
        let cluster = self.shared.client.cluster();
        for index in self.partitions.len()..count {
            let Some(slot) = self.shared.accumulator.slot(index) else { return };
            let leader = leader(&cluster, &slot.partition);
            self.partitions.push(slot.partition.clone());
            self.leaders.push(leader);
            self.sender.add(slot.partition.clone(), leader);
        }
    }

    /// Tells the machine whose leader has changed, and whose is still missing.
    fn learn_leaders(&mut self) {
        let cluster = Arc::clone(&self.metadata.borrow_and_update().cluster);
        for queues in self.shared.topics.load().values() {
            if queues.is_used.swap(false, Ordering::Relaxed) {
                self.shared.client.metadata().use_topic(&queues.name);
            }
            if let Some(topic) = cluster.topic(&queues.name) {
                self.shared.add_topic(topic);
            }
        }
        self.add_partitions();
        let mut changed = Vec::new();
        for (index, partition) in self.partitions.iter().enumerate() {
            let leader = leader(&cluster, partition);
            if leader != self.leaders[index] || leader.is_none() {
                self.leaders[index] = leader;
                changed.push((index, leader));
                if let Some(slot) = self.shared.accumulator.slot(index) {
                    slot.set_led(leader.is_some());
                }
            }
        }
        if !changed.is_empty() {
            self.handle(Event::Leaders(changed));
        }
    }

    fn handle(&mut self, event: Event) {
        let mut source = &self.shared.accumulator;
        let commands = self.sender.handle(event, &mut source, Instant::now(), fastrand::f64());
        for command in commands {
            self.execute(command);
        }
        let bumps = self.sender.epoch_bumps();
        self.shared.counters.epoch_bumps.store(bumps, Ordering::Relaxed);
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::InitProducerId => {
                let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
                tokio::spawn(async move {
                    let identity = match &shared.fence {
                        Some(fence) => fence.identify(&shared.client).await,
                        None => init_producer_id(shared.client.clone()).await,
                    };
                    // Where the task has ended nobody needs the answer.
                    let _ = events.send(Event::Identified(identity));
                });
            }
            Command::Produce { broker, batches } => self.produce(broker, batches),
            Command::Finish { batch, outcome } => self.finish(*batch, outcome),
            Command::Split { whole, parts } => {
                Counters::add(&self.shared.counters.splits, 1);
                self.shared.accumulator.split(whole, parts);
            }
            Command::Expire { completion, records, error } => {
                if !completion.is_complete() {
                    self.count(completion.partition(), records, Err(&error));
                    completion.complete(Err(error));
                }
            }
            Command::RefreshMetadata => {
                for queues in self.shared.topics.load().values() {
                    if queues.is_used.load(Ordering::Relaxed) {
                        self.shared.client.metadata().use_topic(&queues.name);
                    }
                }
                self.shared.client.metadata().refresh();
            }
        }
    }

    fn produce(&mut self, broker: BrokerId, batches: Job) {
        let sink = self.sinks.entry(broker).or_insert_with(|| {
            let (jobs, receiver) = mpsc::unbounded_channel();
            let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
            tokio::spawn(Sink { broker, purpose: self.purpose, shared, jobs: receiver, events }.run());
            jobs
        });
        if let Err(mpsc::error::SendError(batches)) = sink.send(batches) {
            let closed = Error::Closed { what: "producer" };
            for (_, batch) in batches {
                self.finish(batch, Err(closed.clone()));
            }
        }
    }

    fn finish(&self, batch: Batch, outcome: Result<Ack, Error>) {
        let id = batch.id;
        // Whoever has its outcome finds it counted. Only this task completes batches.
        if !batch.completion.is_complete() {
            let error = outcome.as_ref().map(drop);
            self.count(batch.completion.partition(), batch.record_count(), error);
        }
        batch.complete(outcome);
        self.shared.accumulator.finished(id);
    }

    fn count(&self, partition: &TopicPartition, records: i32, outcome: Result<(), &Error>) {
        let (counters, records) = (&self.shared.counters, usize::try_from(records).unwrap_or(0));
        match outcome {
            Ok(()) => {
                Counters::add(&counters.records_acknowledged, records);
                Counters::add(&counters.batches_acknowledged, 1);
            }
            Err(error) => {
                if let Some(transactions) = &self.shared.transactions {
                    transactions.failed(error);
                }
                tracing::debug!(%partition, records, %error, "records failed");
                Counters::add(&counters.records_failed, records);
            }
        }
        for interceptor in &self.shared.interceptors {
            interceptor.on_outcome(partition, records, outcome);
        }
    }
}

fn leader(cluster: &Cluster, partition: &TopicPartition) -> Option<BrokerId> {
    cluster.partition(&partition.topic, partition.partition)?.leader
}

/// Asks for a producer id, as often as `default.api.timeout.ms` allows.
async fn init_producer_id(client: Client) -> Result<(ProducerId, ProducerEpoch), Error> {
    let asked = client.clone();
    client.retry(move || ask_producer_id(asked.clone())).await
}

async fn ask_producer_id(client: Client) -> Result<(ProducerId, ProducerEpoch), Error> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id(WireProducerId(ProducerId::NONE.get()))
        .with_producer_epoch(ProducerEpoch::NONE.get());
    let response = client.call_any(request).await?;
    Error::check(response.error_code, || "the producer's id".to_owned(), None)?;
    Ok((ProducerId(response.producer_id.0), ProducerEpoch(response.producer_epoch)))
}
