//! One task for each broker that a producer sends to: it seals batches, sends requests in order, and takes their answers.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::BrokerId;
use medallion_wire::messages::{ApiKey, ProduceRequest};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::completion::Ack;
use super::metrics::Counters;
use super::request::{Part, TOPIC_IDS_FROM, TRANSACTIONS_V2_FROM, encode, outcomes};
use super::sender::{Event, Outcome};
use super::shared::Shared;
use super::transaction::Transactions;
use crate::brokers::Purpose;
use crate::config::Acks;
use crate::connection::{Connection, Pending, decode_answer};
use crate::error::Error;

/// What a request consists of, before it is sealed.
pub(super) type Job = Vec<(usize, Batch)>;

/// A request that was sent.
struct Sent {
    batches: Job,
    parts: Vec<Part>,
    version: i16,
    connection: Connection,
    pending: Pending,
}

/// The task's state. The number of jobs is bounded by `max.in.flight.requests.per.connection`.
pub(super) struct Sink {
    pub(super) broker: BrokerId,
    pub(super) purpose: Purpose,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

impl Sink {
    /// Works until the producer's task is gone.
    pub(super) async fn run(mut self) {
        let mut sent: VecDeque<Sent> = VecDeque::new();
        // The connection would wait as well, but answers are taken meanwhile.
        let mut throttled_until = None;
        loop {
            tokio::select! {
                biased;
                answer = answer(&mut sent), if !sent.is_empty() => {
                    if let Some(first) = sent.pop_front() {
                        throttled_until = self.take_answer(first, answer).max(throttled_until);
                    }
                }
                () = sleep_until(throttled_until.unwrap_or_else(Instant::now)), if throttled_until.is_some() => {
                    throttled_until = None;
                }
                job = self.jobs.recv(), if throttled_until.is_none() => match job {
                    Some(job) => sent.extend(self.send(job).await),
                    None => return,
                },
            }
        }
    }

    /// Sends a request; where that fails, all of its batches do.
    async fn send(&self, batches: Job) -> Option<Sent> {
        let connection = match self.shared.client.brokers().connection(self.broker, self.purpose).await {
            Ok(connection) => connection,
            Err(error) => {
                self.fail(batches, &error);
                return None;
            }
        };
        let (batches, parts) = self.seal(batches);
        if let Some(transactions) = &self.shared.transactions {
            let partitions = parts.iter().map(|part| &part.partition);
            if let Err(error) = transactions.prepare(&self.shared.client, partitions).await {
                self.fail(batches, &error);
                return None;
            }
        }
        let cap = self.version_cap(&parts);
        let submitted = async {
            let version = connection.version_of::<ProduceRequest>(cap)?;
            let settings = self.shared.client.settings();
            let timeout = settings.request_timeout;
            let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            let acks = self.shared.settings.acks;
            let client_id = self.shared.client.brokers().client_id();
            let id = self.shared.transactions.as_ref().map(Transactions::id);
            let frame = encode(&parts, id, acks.code(), timeout_ms, version, client_id)?;
            let pending = connection.submit(frame, ApiKey::Produce, timeout, acks != Acks::None).await?;
            Ok((version, pending))
        };
        Counters::add(&self.shared.counters.requests, 1);
        match submitted.await {
            Ok((version, pending)) => Some(Sent { batches, parts, version, connection, pending }),
            Err(error) => {
                self.fail(batches, &error);
                None
            }
        }
    }

    /// No version above this says what is to be said.
    fn version_cap(&self, parts: &[Part]) -> i16 {
        let has_ids = parts.iter().all(|part| !part.topic_id.is_none());
        match &self.shared.transactions {
            Some(transactions) if !transactions.is_v2() => TRANSACTIONS_V2_FROM - 1,
            _ if has_ids => i16::MAX,
            _ => TOPIC_IDS_FROM - 1,
        }
    }

    /// Compresses and seals; a batch that cannot be sealed fails alone.
    fn seal(&self, batches: Job) -> (Job, Vec<Part>) {
        let cluster = self.shared.client.cluster();
        let (mut sealed, mut parts) = (Vec::with_capacity(batches.len()), Vec::with_capacity(batches.len()));
        let mut failed = Vec::new();
        for (slot, mut batch) in batches {
            let mut records: Vec<Bytes> = Vec::with_capacity(2);
            let bytes = batch.seal(&mut records);
            let known = self.shared.accumulator.slot(slot);
            match (bytes, known) {
                (Ok(bytes), Some(known)) => {
                    Counters::add(&self.shared.counters.batch_bytes_sent, bytes);
                    Counters::add(&self.shared.counters.retries, usize::from(batch.attempts > 1));
                    let partition = known.partition.clone();
                    let topic_id = cluster.topic(&partition.topic).map(|topic| topic.id).unwrap_or_default();
                    parts.push(Part { partition, topic_id, records });
                    sealed.push((slot, batch));
                }
                (Err(error), _) => failed.push((slot, batch, Err(error))),
                (Ok(_), None) => failed.push((slot, batch, Err(Error::Closed { what: "producer" }))),
            }
        }
        if !failed.is_empty() {
            let _ = self.events.send(Event::Returned { outcomes: failed });
        }
        (sealed, parts)
    }

    fn fail(&self, batches: Job, error: &Error) {
        let outcomes = batches.into_iter().map(|(slot, batch)| (slot, batch, Err(error.clone())));
        self.tell(outcomes.collect());
    }

    fn tell(&self, outcomes: Vec<Outcome>) {
        // Without the producer's task nobody is left to be told.
        let _ = self.events.send(Event::Answered { broker: self.broker, outcomes });
    }

    /// Tells what has become of the batches; gives the time until which the broker wants no more.
    fn take_answer(&self, sent: Sent, answer: Result<Bytes, Error>) -> Option<Instant> {
        let Sent { batches, parts, version, connection, .. } = sent;
        if self.shared.settings.acks == Acks::None {
            let unknown = Ack { base_offset: None, log_append_time: None };
            let outcome = |(slot, batch)| (slot, batch, answer.clone().map(|_| unknown));
            self.tell(batches.into_iter().map(outcome).collect());
            return None;
        }
        let response = answer.and_then(|mut body| decode_answer::<ProduceRequest>(&mut body, version));
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                self.fail(batches, &error);
                return None;
            }
        };
        connection.throttle(ApiKey::Produce, &response);
        let (outcomes, hints) = outcomes(&parts, &response);
        for hint in hints {
            self.shared.client.metadata().hint(hint);
        }
        let outcomes = batches.into_iter().zip(outcomes);
        self.tell(outcomes.map(|((slot, batch), outcome)| (slot, batch, outcome)).collect());
        connection.throttled_until()
    }
}

/// The answer to the first request. Safe to be given up.
async fn answer(sent: &mut VecDeque<Sent>) -> Result<Bytes, Error> {
    match sent.front_mut() {
        Some(first) => first.pending.wait().await,
        None => std::future::pending().await,
    }
}
