//! The task around a membership machine: it brings what users want, answers, topics and the time to it, and does what it says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::TopicId;
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::{LeaveGroupResponse, MetadataRequest};
use regex::Regex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::classic::{self, Known};
use super::consumer;
use super::request::Asker;
use super::{Change, Subscription};
use crate::backoff::Backoff;
use crate::brokers::Purpose;
use crate::client::Client;
use crate::config::GroupProtocol;
use crate::connection;
use crate::consumer::group::{Group, Identity};
use crate::consumer::shared::Shared;
use crate::error::Error;

/// How much longer than a rebalance may take, its answer may.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// With nothing to wait for, the task looks up so often.
const IDLE: Duration = Duration::from_secs(60);

/// What the task is told.
#[derive(Debug)]
pub(in crate::consumer) enum Ask {
    Subscribe(Subscription),
    /// Give everything back and leave; tell when that is done.
    Leave(oneshot::Sender<()>),
    /// Leave without telling the user of anything: it is gone.
    Abandon,
    /// The user has taken a change.
    Changed,
    /// Somebody polls.
    Polled,
    Consumer(consumer::Event),
    Classic(classic::Event),
    /// All topics of the cluster.
    AllTopics(Result<BTreeSet<Arc<str>>, Error>),
}

#[derive(Debug)]
enum Machine {
    Consumer { member_id: Arc<str>, machine: consumer::Membership },
    Classic(classic::Membership),
}

/// A pattern of a classic group, which the member itself resolves.
struct Pattern {
    expression: Regex,
    /// When all topics are looked at again.
    due: Instant,
}

/// The task's state.
pub(in crate::consumer) struct Shell {
    shared: Arc<Shared>,
    group: Arc<Group>,
    asker: Asker,
    machine: Machine,
    asks: mpsc::UnboundedReceiver<Ask>,
    sender: mpsc::UnboundedSender<Ask>,
    pattern: Option<Pattern>,
    /// Topics that the machine wants to know about.
    watched: BTreeSet<Arc<str>>,
    use_again: Instant,
    leavers: Vec<oneshot::Sender<()>>,
    is_abandoned: bool,
    has_left: bool,
}

impl Shell {
    pub(in crate::consumer) fn new(
        shared: Arc<Shared>,
        group: Arc<Group>,
        asks: mpsc::UnboundedReceiver<Ask>,
        sender: mpsc::UnboundedSender<Ask>,
    ) -> Self {
        let (settings, of_client) = (shared.settings.clone(), shared.client.settings());
        let backoff = Backoff { first: of_client.retry_backoff, max: of_client.retry_backoff_max };
        let is_static = settings.group_instance_id.is_some();
        let max_poll_interval = settings.max_poll_interval;
        let machine = match settings.group_protocol {
            GroupProtocol::Consumer => Machine::Consumer {
                member_id: TopicId(uuid()).to_string().into(),
                machine: consumer::Membership::new(consumer::Policy {
                    is_static,
                    max_poll_interval,
                    backoff,
                }),
            },
            GroupProtocol::Classic => Machine::Classic(classic::Membership::new(classic::Policy {
                is_static,
                rack: of_client.client_rack.clone(),
                assignors: settings.partition_assignment_strategy.clone(),
                heartbeat_interval: settings.heartbeat_interval,
                max_poll_interval,
                backoff,
            })),
        };
        let asker = Asker { group: group.id().into(), rack: of_client.client_rack.clone(), settings };
        Self {
            shared,
            group,
            asker,
            machine,
            asks,
            sender,
            pattern: None,
            watched: BTreeSet::new(),
            use_again: Instant::now(),
            leavers: Vec::new(),
            is_abandoned: false,
            has_left: true,
        }
    }

    /// Works until the consumer is closed and has left; `_ended` is dropped behind that.
    pub(in crate::consumer) async fn run(mut self, _ended: watch::Sender<()>) {
        let mut metadata = self.shared.client.metadata().watch();
        while !(self.has_left && self.shared.is_closed()) {
            let due = self.due().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.take(ask),
                    None => break,
                },
                changed = metadata.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.tell_topics();
                }
                () = sleep_until(due) => self.tick(),
            }
        }
        self.shared.client.brokers().forget(Purpose::Group(self.shared.number));
    }

    fn due(&self) -> Option<Instant> {
        let machine = match &self.machine {
            Machine::Consumer { machine, .. } => machine.due(),
            Machine::Classic(machine) => machine.due(),
        };
        machine.into_iter().chain(self.pattern.as_ref().map(|pattern| pattern.due)).min()
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Subscribe(subscription) => {
                self.has_left = false;
                self.subscribe(subscription);
            }
            Ask::Leave(leaver) => {
                self.pattern = None;
                self.leavers.push(leaver);
                self.handle(consumer::Event::Leave, classic::Event::Leave);
            }
            Ask::Abandon => {
                (self.pattern, self.is_abandoned) = (None, true);
                if self.shared.drop_change() {
                    self.handle(consumer::Event::Changed, classic::Event::Changed);
                }
                self.handle(consumer::Event::Leave, classic::Event::Leave);
            }
            Ask::Changed => self.handle(consumer::Event::Changed, classic::Event::Changed),
            Ask::Polled => self.polled(Instant::now()),
            Ask::Consumer(event) => self.tell_consumer(event),
            Ask::Classic(event) => self.tell_classic(event),
            Ask::AllTopics(outcome) => self.match_topics(outcome),
        }
    }

    fn subscribe(&mut self, subscription: Subscription) {
        self.pattern = None;
        let is_classic = matches!(self.machine, Machine::Classic(_));
        match subscription {
            Subscription::Pattern(text) if is_classic => match Regex::new(&format!("^(?:{text})$")) {
                Ok(expression) => {
                    self.pattern = Some(Pattern { expression, due: Instant::now() });
                    self.look_for_topics();
                }
                Err(error) => self.shared.report(Error::malformed(format!("the pattern {text}"), error)),
            },
            Subscription::Names(names) if is_classic => self.tell_classic(classic::Event::Subscribe(names)),
            other => self.tell_consumer(consumer::Event::Subscribe(other)),
        }
    }

    fn tick(&mut self) {
        if self.pattern.as_ref().is_some_and(|pattern| pattern.due <= Instant::now()) {
            self.look_for_topics();
        }
        let now = Instant::now();
        if self.use_again <= now {
            // Metadata of topics that nobody uses is not kept up to date.
            self.watched.iter().for_each(|topic| self.shared.client.metadata().use_topic(topic));
            self.use_again = now + IDLE;
        }
        self.polled(self.shared.last_poll(now));
        self.handle(consumer::Event::Tick, classic::Event::Tick);
    }

    fn polled(&mut self, at: Instant) {
        // A poll from before it went stale is not one that brings it back.
        let is_stale = self.is_stale();
        if !is_stale || at + self.shared.settings.max_poll_interval > Instant::now() {
            self.handle(consumer::Event::Polled(at), classic::Event::Polled(at));
        }
    }

    fn is_stale(&self) -> bool {
        match &self.machine {
            Machine::Consumer { machine, .. } => machine.is_stale(),
            Machine::Classic(machine) => machine.is_stale(),
        }
    }

    /// Tells whichever machine it is.
    fn handle(&mut self, to_consumer: consumer::Event, to_classic: classic::Event) {
        match self.machine {
            Machine::Consumer { .. } => self.tell_consumer(to_consumer),
            Machine::Classic(_) => self.tell_classic(to_classic),
        }
    }

    fn tell_consumer(&mut self, event: consumer::Event) {
        let Machine::Consumer { member_id, machine } = &mut self.machine else { return };
        let member_id = Arc::clone(member_id);
        let commands = machine.handle(event, Instant::now(), fastrand::f64());
        let epoch = machine.epoch();
        self.publish(Arc::clone(&member_id), epoch);
        for command in commands {
            match command {
                consumer::Command::Heartbeat(beat) => {
                    let (asker, request) = (self.asker.clone(), self.asker.heartbeat(&member_id, beat));
                    self.ask(Purpose::Group(self.shared.number), Duration::ZERO, request, move |response| {
                        let answer = response.and_then(|response| asker.answer(response));
                        Ask::Consumer(consumer::Event::Answered(answer))
                    });
                }
                consumer::Command::Name(ids) => self.name(ids),
                consumer::Command::Change(change) => self.change(change),
                consumer::Command::Withdraw => self.withdraw(),
                consumer::Command::Report(error) => self.shared.report(error),
                consumer::Command::Left => self.left(),
            }
        }
    }

    fn tell_classic(&mut self, event: classic::Event) {
        let Machine::Classic(machine) = &mut self.machine else { return };
        let commands = machine.handle(event, Instant::now(), fastrand::f64());
        let id = machine.identity().clone();
        self.publish(id.member_id, id.generation);
        for command in commands {
            self.execute(command);
        }
    }

    fn execute(&mut self, command: classic::Command) {
        let (asker, purpose) = (self.asker.clone(), Purpose::Group(self.shared.number));
        let rebalance = self.shared.settings.max_poll_interval.saturating_add(JOIN_GRACE);
        match command {
            classic::Command::Join { member_id, protocols } => {
                let request = asker.join(&member_id, protocols);
                self.ask(purpose, rebalance, request, move |response| {
                    Ask::Classic(classic::Event::Joined(response.and_then(|response| asker.joined(response))))
                });
            }
            classic::Command::Sync { id, protocol, assignments } => {
                let request = asker.sync(&id, &protocol, assignments);
                self.ask(purpose, rebalance, request, move |response| {
                    let outcome = response.and_then(|response| {
                        asker.outcome(response.error_code).map(|()| response.assignment)
                    });
                    Ask::Classic(classic::Event::Synced(outcome))
                });
            }
            classic::Command::Heartbeat { id } => {
                let request = asker.beat(&id);
                self.ask(purpose, Duration::ZERO, request, move |response| {
                    let outcome = response.and_then(|response| asker.outcome(response.error_code));
                    Ask::Classic(classic::Event::Beaten(outcome))
                });
            }
            classic::Command::Depart { member_id } => {
                // A join that waits on the other connection must not keep it waiting.
                let request = asker.leave(&member_id);
                self.ask(Purpose::General, Duration::ZERO, request, |response: Result<LeaveGroupResponse, _>| {
                    if let Err(error) = response {
                        tracing::info!(%error, "the coordinator finds out by itself that a member has left");
                    }
                    Ask::Classic(classic::Event::Departed)
                });
            }
            classic::Command::Watch(topics) => {
                self.watched = topics;
                self.tell_topics();
            }
            classic::Command::Change(change) => self.change(change),
            classic::Command::Withdraw => self.withdraw(),
            classic::Command::Report(error) => self.shared.report(error),
            classic::Command::Left => self.left(),
        }
    }

    /// Commits are made as this member from now on.
    fn publish(&self, member_id: Arc<str>, generation: i32) {
        let identity = (!self.has_left).then(|| Identity {
            member_id,
            generation,
            instance_id: self.asker.settings.group_instance_id.as_deref().map(Arc::from),
        });
        self.group.become_member(identity);
        self.shared.set_stale(self.is_stale());
    }

    fn change(&mut self, change: Change) {
        if self.is_abandoned {
            let _ = self.sender.send(Ask::Changed);
        } else {
            self.shared.offer(change);
        }
    }

    fn withdraw(&self) {
        if self.shared.drop_change() {
            // Behind what the machine wants done now.
            let (to_consumer, to_classic) = (consumer::Event::Withdrawn, classic::Event::Withdrawn);
            let _ = self.sender.send(match self.machine {
                Machine::Consumer { .. } => Ask::Consumer(to_consumer),
                Machine::Classic(_) => Ask::Classic(to_classic),
            });
        }
    }

    fn left(&mut self) {
        // A subscription that came meanwhile goes on.
        self.has_left = self.pattern.is_none() && !self.is_in();
        self.group.become_member(None);
        for leaver in self.leavers.drain(..) {
            let _ = leaver.send(());
        }
    }

    fn is_in(&self) -> bool {
        match &self.machine {
            Machine::Consumer { machine, .. } => machine.is_in(),
            Machine::Classic(machine) => machine.is_in(),
        }
    }

    /// Asks the coordinator beside, and tells the task what came of it.
    fn ask<R>(
        &self,
        purpose: Purpose,
        timeout_min: Duration,
        request: R,
        tell: impl FnOnce(Result<R::Response, Error>) -> Ask + Send + 'static,
    ) where
        R: connection::Ask + Send + Sync + 'static,
        R::Response: Send,
    {
        let (group, client, sender) =
            (Arc::clone(&self.group), self.shared.client.clone(), self.sender.clone());
        let timeout = client.settings().request_timeout.max(timeout_min);
        self.shared.spawn(async move {
            let response = group.ask(&client, purpose, timeout, request).await;
            let ask = tell(response);
            if let Some(error) = ask.error() {
                group.learn(error);
            }
            let _ = sender.send(ask);
        });
    }

    /// Finds out the names of topics.
    fn name(&self, ids: BTreeSet<TopicId>) {
        let (client, sender) = (self.shared.client.clone(), self.sender.clone());
        self.shared.spawn(async move {
            let names = names(&client, ids).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "topics have no names yet");
                Vec::new()
            });
            let _ = sender.send(Ask::Consumer(consumer::Event::Named(names)));
        });
    }

    /// What is known of the topics that the machine wants to know about.
    fn tell_topics(&mut self) {
        if !matches!(self.machine, Machine::Classic(_)) {
            return;
        }
        let cluster = self.shared.client.cluster();
        let mut known = Known::new();
        for topic in &self.watched {
            self.shared.client.metadata().use_topic(topic);
            if let Some(found) = cluster.topic(topic) {
                let racks = found.partitions.iter().map(|partition| cluster.racks(partition));
                known.insert(Arc::clone(topic), found.is_known().then(|| racks.collect()));
            }
        }
        self.tell_classic(classic::Event::Topics(known));
    }

    fn look_for_topics(&mut self) {
        let Some(pattern) = &mut self.pattern else { return };
        // It is asked again when the answer has come, or has not.
        let of_client = self.shared.client.settings();
        pattern.due = Instant::now() + of_client.request_timeout.saturating_add(IDLE);
        let (client, sender) = (self.shared.client.clone(), self.sender.clone());
        self.shared.spawn(async move {
            let _ = sender.send(Ask::AllTopics(all_topics(&client).await));
        });
    }

    fn match_topics(&mut self, outcome: Result<BTreeSet<Arc<str>>, Error>) {
        let Some(pattern) = &mut self.pattern else { return };
        let of_client = self.shared.client.settings();
        match outcome {
            Ok(topics) => {
                pattern.due = Instant::now() + of_client.metadata_max_age;
                let matching =
                    topics.into_iter().filter(|topic| pattern.expression.is_match(topic)).collect();
                self.tell_classic(classic::Event::Subscribe(matching));
            }
            Err(error) => {
                pattern.due = Instant::now() + of_client.retry_backoff_max;
                if !error.is_retriable() {
                    self.shared.report(error);
                }
            }
        }
    }
}

impl Ask {
    /// What went wrong with a request, for which the coordinator may have to be looked for again.
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Consumer(consumer::Event::Answered(Err(error)))
            | Self::Classic(
                classic::Event::Joined(Err(error))
                | classic::Event::Synced(Err(error))
                | classic::Event::Beaten(Err(error)),
            ) => Some(error),
            _ => None,
        }
    }
}

/// The names of topics, as far as brokers know them.
async fn names(client: &Client, ids: BTreeSet<TopicId>) -> Result<Vec<(TopicId, Arc<str>)>, Error> {
    let cluster = client.cluster();
    let known = |id: &TopicId| cluster.topic_by_id(*id).map(|topic| (*id, Arc::clone(&topic.name)));
    let mut names: Vec<_> = ids.iter().filter_map(known).collect();
    let topic = |id: &TopicId| MetadataRequestTopic::default().with_topic_id(id.0).with_name(None);
    let unknown: Vec<_> = ids.iter().filter(|id| known(id).is_none()).map(topic).collect();
    if unknown.is_empty() {
        return Ok(names);
    }
    let request = MetadataRequest::default().with_topics(Some(unknown)).with_allow_auto_topic_creation(false);
    let response = client.call_any(request).await?;
    for topic in response.topics {
        if let (0, Some(name)) = (topic.error_code, &topic.name) {
            names.push((TopicId(topic.topic_id), name.as_str().into()));
        }
    }
    Ok(names)
}

/// The topics of the cluster, internal ones left out.
async fn all_topics(client: &Client) -> Result<BTreeSet<Arc<str>>, Error> {
    let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let response = client.call_any(request).await?;
    let topics = response.topics.into_iter().filter(|topic| topic.error_code == 0 && !topic.is_internal);
    Ok(topics.filter_map(|topic| Some(topic.name?.as_str().into())).collect())
}

/// A random id, version 4.
fn uuid() -> medallion_wire::types::Uuid {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    medallion_wire::types::Uuid::from_bytes(bytes)
}
