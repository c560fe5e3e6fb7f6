//! The connections of a client, one for each broker and purpose, opened when needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use medallion_wire::BrokerId;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::{MetadataRequest, MetadataResponse, TopicName};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::config::ClientSettings;
use crate::connection::{Address, Connection, Connector};
use crate::error::Error;
use crate::metadata::{Cluster, Source};

/// What a connection is for. Requests that a broker answers late must not keep others waiting behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Metadata and administration.
    General,
    /// Produce requests of one producer.
    Produce(u32),
    /// Fetch requests of one consumer.
    Fetch(u32),
    /// Membership of one consumer: a coordinator answers when all members have joined.
    Group(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    /// A place in `bootstrap.servers`.
    Bootstrap(usize),
    Broker(BrokerId),
}

/// All connections, and where brokers are.
#[derive(Debug)]
pub(crate) struct Brokers {
    settings: Arc<ClientSettings>,
    connector: Connector,
    bootstrap: Vec<Address>,
    cluster: ArcSwap<Cluster>,
    links: Mutex<HashMap<(Target, Purpose), Arc<Link>>>,
}

/// One broker's connection for one purpose. Whoever needs it opens it; others wait for that.
#[derive(Debug, Default)]
struct Link {
    state: tokio::sync::Mutex<LinkState>,
    /// The same connection, to be looked at without waiting.
    open: Mutex<Option<Connection>>,
}

#[derive(Debug, Default)]
struct LinkState {
    address: Option<Address>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Brokers {
    pub(crate) fn new(settings: Arc<ClientSettings>, connector: Connector) -> Result<Self, Error> {
        let bootstrap = settings.bootstrap_servers.iter().map(|text| Address::parse(text));
        let bootstrap = bootstrap.collect::<Result<_, _>>()?;
        Ok(Self { settings, connector, bootstrap, cluster: ArcSwap::default(), links: Mutex::default() })
    }

    /// The name that goes with every request.
    pub(crate) fn client_id(&self) -> &str {
        self.connector.client_id()
    }

    /// A connection to the broker `id`, after the backoff where the last attempt failed.
    pub(crate) async fn connection(&self, id: BrokerId, purpose: Purpose) -> Result<Connection, Error> {
        let cluster = self.cluster.load();
        let Some(broker) = cluster.brokers.get(&id) else {
            return Err(Error::Unreachable {
                address: format!("broker {id}").into(),
                reason: Arc::new(std::io::Error::other("the cluster does not know it now")),
            });
        };
        let address = Address { host: Arc::clone(&broker.host), port: broker.port };
        drop(cluster);
        self.link(Target::Broker(id), purpose).connection(&address, self, true).await
    }

    /// A connection to any broker: one that is open already, a known one, or one of `bootstrap.servers`.
    pub(crate) async fn any(&self, purpose: Purpose) -> Result<Connection, Error> {
        let mut candidates: Vec<(Target, Address)> = {
            let cluster = self.cluster.load();
            let known = cluster.brokers.values();
            let known = known
                .map(|one| (Target::Broker(one.id), Address { host: Arc::clone(&one.host), port: one.port }));
            known.collect()
        };
        fastrand::shuffle(&mut candidates);
        let mut bootstrap: Vec<_> = self.bootstrap.iter().cloned().enumerate().collect();
        fastrand::shuffle(&mut bootstrap);
        candidates.extend(bootstrap.into_iter().map(|(index, address)| (Target::Bootstrap(index), address)));
        let links: Vec<_> =
            candidates.into_iter().map(|(target, address)| (self.link(target, purpose), address)).collect();
        if let Some(open) = links.iter().find_map(|(link, _)| link.open()) {
            return Ok(open);
        }
        let mut last = None;
        for (link, address) in &links {
            match link.connection(address, self, false).await {
                Ok(connection) => return Ok(connection),
                // Wrong credentials are wrong everywhere; what broker said so is in the error.
                Err(error @ (Error::Authentication { .. } | Error::Tls { .. })) => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(Error::NoBroker { last: Box::new(last.unwrap_or(Error::Closed { what: "client" })) })
    }

    fn link(&self, target: Target, purpose: Purpose) -> Arc<Link> {
        Arc::clone(self.links.lock().entry((target, purpose)).or_default())
    }

    /// Closes the connections of a purpose that has ended.
    pub(crate) fn forget(&self, purpose: Purpose) {
        self.links.lock().retain(|(_, of), _| *of != purpose);
    }

    fn setup_patience(&self, failures: u32) -> Duration {
        let first = self.settings.connection_setup_timeout;
        Backoff { first, max: self.settings.connection_setup_timeout_max }
            .after(failures + 1, fastrand::f64())
    }

    fn reconnect_backoff(&self, failures: u32) -> Duration {
        let (first, max) = (self.settings.reconnect_backoff, self.settings.reconnect_backoff_max);
        Backoff { first, max }.after(failures, fastrand::f64())
    }
}

impl Link {
    fn open(&self) -> Option<Connection> {
        self.open.lock().clone().filter(|open| !open.is_closed())
    }

    /// The open connection, or a new one. With `waits` the backoff is waited for, otherwise it is an error.
    async fn connection(
        &self,
        address: &Address,
        brokers: &Brokers,
        waits: bool,
    ) -> Result<Connection, Error> {
        let mut state = self.state.lock().await;
        let has_moved = state.address.as_ref() != Some(address);
        if let Some(open) = self.open().filter(|_| !has_moved) {
            return Ok(open);
        }
        if has_moved {
            *state = LinkState { address: Some(address.clone()), ..LinkState::default() };
        }
        if let Some(until) = state.not_before.filter(|until| *until > Instant::now()) {
            if !waits {
                return Err(Error::Unreachable {
                    address: address.to_string().into(),
                    reason: Arc::new(std::io::Error::other(
                        "it was tried a moment ago (reconnect.backoff.ms)",
                    )),
                });
            }
            sleep_until(until).await;
        }
        // Should this future be dropped while it connects, the next caller begins anew.
        let opened = brokers.connector.connect(address, brokers.setup_patience(state.failures)).await;
        match &opened {
            Ok(connection) => {
                state.failures = 0;
                // A connection that breaks at once must not be opened again at once.
                state.not_before = Some(Instant::now() + brokers.reconnect_backoff(1));
                *self.open.lock() = Some(connection.clone());
            }
            Err(error) => {
                state.failures += 1;
                state.not_before = Some(Instant::now() + brokers.reconnect_backoff(state.failures));
                tracing::debug!(%address, %error, failures = state.failures, "no connection");
            }
        }
        opened
    }
}

impl Source for Brokers {
    async fn ask(&self, topics: Vec<Arc<str>>) -> Result<MetadataResponse, Error> {
        let connection = self.any(Purpose::General).await?;
        let named = |name: &Arc<str>| {
            let name = TopicName(StrBytes::from_string(name.to_string()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(named).collect()))
            .with_allow_auto_topic_creation(self.settings.allow_auto_create_topics);
        connection.call(self.settings.request_timeout, self.client_id(), request).await
    }

    fn learn(&self, cluster: &Arc<Cluster>) {
        let lost = |id: &BrokerId| !cluster.brokers.contains_key(id);
        self.links.lock().retain(|(target, _), _| !matches!(target, Target::Broker(id) if lost(id)));
        self.cluster.store(Arc::clone(cluster));
    }
}
