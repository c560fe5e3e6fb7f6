//! The task that asks for metadata, and the handle to what it has learnt.

use std::future::Future;
use std::sync::Arc;

use medallion_wire::messages::MetadataResponse;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::cluster::{Cluster, Topic};
use super::machine::{Command, Event, LeaderHint, MetadataMachine, MetadataPolicy};
use crate::error::Error;
use crate::hooks::Observer;

/// How many wishes may wait for the task.
const QUEUED_EVENTS_MAX: usize = 1024;

/// Where metadata comes from.
pub(crate) trait Source: Send + Sync + 'static {
    /// Asks any broker about `topics`.
    fn ask(&self, topics: Vec<Arc<str>>) -> impl Future<Output = Result<MetadataResponse, Error>> + Send;

    /// The picture has changed.
    fn learn(&self, cluster: &Arc<Cluster>);
}

/// What was learnt last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) cluster: Arc<Cluster>,
    /// Why the last attempt failed, if it did.
    pub(crate) error: Option<Error>,
}

/// The handle; once the last one is gone, the task ends.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    events: mpsc::Sender<Event>,
    published: watch::Receiver<Published>,
}

impl Metadata {
    /// Starts the task.
    pub(crate) fn start(policy: MetadataPolicy, source: Arc<impl Source>, observer: Observer) -> Self {
        let (events, receiver) = mpsc::channel(QUEUED_EVENTS_MAX);
        let (sender, published) = watch::channel(Published::default());
        tokio::spawn(run(MetadataMachine::new(policy), source, receiver, sender, observer));
        Self { events, published }
    }

    /// What is known now.
    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.published.borrow().cluster)
    }

    /// Tells when something new is known.
    pub(crate) fn watch(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// Notes that a topic is used. Where the queue is full, that is said again with the next use.
    pub(crate) fn use_topic(&self, topic: &Arc<str>) {
        let _ = self.events.try_send(Event::Use(Arc::clone(topic)));
    }

    /// Says that what is known is wrong or not enough. Where the queue is full, an answer is under way anyway.
    pub(crate) fn refresh(&self) {
        let _ = self.events.try_send(Event::Stale);
    }

    /// Passes on what a broker has said of a leader.
    pub(crate) fn hint(&self, hint: LeaderHint) {
        let _ = self.events.try_send(Event::Hint(hint));
    }

    /// Waits until the topic is known, by `deadline`; then fails with what the brokers said last.
    pub(crate) async fn topic(
        &self,
        name: &Arc<str>,
        since: Instant,
        deadline: Instant,
    ) -> Result<Arc<Topic>, Error> {
        let mut published = self.watch();
        self.use_topic(name);
        let mut last = None;
        loop {
            {
                let seen = published.borrow_and_update();
                match seen.cluster.topic(name) {
                    Some(topic) if topic.is_known() => return Ok(Arc::clone(topic)),
                    Some(topic) => {
                        let code = topic.error.map_or(0, |error| error.code());
                        last = Error::check(code, || format!("topic {name}"), None).err();
                        if last.as_ref().is_some_and(|error| !error.is_retriable()) {
                            return last.map_or_else(|| Ok(Arc::clone(topic)), Err);
                        }
                    }
                    None => last = seen.error.clone().or(last),
                }
            }
            if last
                .as_ref()
                .is_some_and(|error| matches!(error, Error::Authentication { .. } | Error::Tls { .. }))
            {
                return Err(last.unwrap_or(Error::Closed { what: "client" }));
            }
            self.refresh();
            match timeout_at(deadline, published.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::Closed { what: "client" }),
                Err(_) => {
                    let after = deadline.saturating_duration_since(since);
                    return Err(Error::MetadataTimeout {
                        topic: Arc::clone(name),
                        after,
                        last: last.map(Box::new),
                    });
                }
            }
        }
    }
}

async fn run(
    mut machine: MetadataMachine,
    source: Arc<impl Source>,
    mut events: mpsc::Receiver<Event>,
    published: watch::Sender<Published>,
    observer: Observer,
) {
    let (answers, mut answered) = mpsc::channel::<Result<MetadataResponse, Error>>(1);
    let mut commands = machine.handle(Event::Tick, Instant::now(), fastrand::f64());
    loop {
        for command in commands.drain(..) {
            match command {
                Command::Ask(topics) => {
                    let (source, answers) = (Arc::clone(&source), answers.clone());
                    tokio::spawn(async move {
                        let answer = source.ask(topics).await;
                        let _ = answers.send(answer).await;
                    });
                }
                Command::Publish(cluster) => {
                    source.learn(&cluster);
                    published.send_replace(Published { cluster, error: None });
                }
                Command::Rebootstrap => {
                    tracing::info!("no known broker answers: beginning with bootstrap.servers");
                }
            }
        }
        let now = Instant::now();
        let due = machine.due(now, fastrand::f64());
        let event = tokio::select! {
            event = events.recv() => match event {
                Some(event) => event,
                None => return,
            },
            Some(answer) = answered.recv() => match answer {
                Ok(response) => {
                    observer.metadata_updated();
                    Event::Answered(Box::new(response))
                }
                Err(error) => {
                    tracing::debug!(%error, "no metadata");
                    published.send_modify(|published| published.error = Some(error));
                    Event::Failed
                }
            },
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => Event::Tick,
        };
        commands = machine.handle(event, Instant::now(), fastrand::f64());
    }
}
