//! A registry as a whole: started in order, stopped in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use medallion_client::Client;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use crate::access::{Access, AccessError};
use crate::election::{Election, Forwarder};
use crate::http::{
    Answering, App, Bound, Changes, Connections, Fixed, LargeBodies, Serving, client_config, server_config,
};
use crate::metrics::Metrics;
use crate::settings::{ConfigError, RegistrySettings, Scheme};
use crate::topic::{ParsedCache, PrepareError, Reader, State, Writer, end_offset, prepare};

/// How long the topic may be read at the start before its end is asked for again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Why a registry does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is not valid, or names a key or a certificate that cannot be read.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// An address cannot be taken.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// The files of users, tokens or rights cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The topic cannot be used.
    #[error(transparent)]
    Topic(#[from] PrepareError),
    /// The cluster cannot be reached.
    #[error("the schemas topic cannot be read or written: {0}")]
    Client(#[from] medallion_client::Error),
    /// The topic is too long for the time.
    #[error("the topic {topic} was read to offset {read_to} of {end} within {} ms (kafkastore.init.timeout.ms)", after.as_millis())]
    TooLong {
        /// The topic.
        topic: String,
        /// How far it was read.
        read_to: i64,
        /// Where it ended at the start.
        end: i64,
        /// The setting's value.
        after: Duration,
    },
    /// Two metrics have one name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A registry that runs. It stops with [`Registry::shutdown`]; dropping it ends it at once.
#[derive(Debug)]
pub struct Registry {
    addresses: Vec<(Scheme, SocketAddr)>,
    app: Arc<App>,
    /// No more requests are taken.
    closing: watch::Sender<bool>,
    /// Nothing is read or written any more.
    stop: watch::Sender<bool>,
    election: Election,
    servers: JoinSet<()>,
    graceful_stop: Duration,
}

impl Registry {
    /// Takes its addresses, reads the topic to its end, and answers from then on.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(settings: RegistrySettings) -> Result<Self, StartError> {
        let started = Instant::now();
        let access = Access::start(&settings).await?;
        let (tls, tls_to_leader) = (server_config(&settings)?, client_config(&settings)?);
        let mut bound = Vec::new();
        for listener in &settings.listeners {
            bound.push(Bound::bind(listener).await?);
        }
        let client = Client::new(settings.client_settings()?).map_err(|error| match error {
            medallion_client::Error::Config(error) => RegistrySettings::of_client(error).into(),
            error => StartError::Client(error),
        })?;
        let cluster_id = prepare(&client, &settings).await?;
        let (stop, stopped) = watch::channel(false);
        let parsed = ParsedCache::new(settings.cache_size, settings.cache_expiry.0);
        let state = Arc::new(State::new(settings.store_settings(), ParsedCache::for_store(parsed.as_ref())));
        let reader = Reader::start(&client, &settings.topic, Arc::clone(&state), stopped.clone())?;
        read_to_end(&client, &settings, (&state, &reader), started).await?;
        let writing = Arc::new(Mutex::new(()));
        let instance = instance(&settings, &bound);
        let (election, leadership) =
            Election::start(&client, &settings, instance, Arc::clone(&writing), stopped.clone());
        let writer = Writer::start(&settings, Arc::clone(&state), leadership.clone(), writing)?;
        let app = Arc::new(App {
            state,
            parsed,
            writer,
            reader,
            leadership,
            forwarder: Forwarder::new(&settings, tls_to_leader),
            access,
            metrics: Metrics::new()?,
            connections: Connections::new(settings.connection_limit),
            changes: Changes::default(),
            large: LargeBodies::new(settings.body_bytes_max()),
            fixed: Fixed {
                cluster_id,
                group_id: settings.group_id.clone(),
                limits: settings.limits(),
                body_bytes_max: settings.body_bytes_max(),
                request_timeout: settings.request_timeout,
                body_timeout: settings.body_timeout,
                idle_timeout: settings.idle_timeout,
                incompatible_code: settings.incompatible_code.code(),
            },
        });
        let addresses = bound.iter().map(|bound| (bound.scheme, bound.address)).collect();
        let answering = Answering::new(&app, &settings)?;
        let (closing, closed) = watch::channel(false);
        let mut servers = JoinSet::new();
        for bound in bound {
            let serving = Serving {
                app: Arc::clone(&app),
                answering: answering.clone(),
                idle_timeout: settings.idle_timeout,
                head_bytes_max: settings.head_bytes_max,
                stop: closed.clone(),
            };
            servers.spawn(bound.serve(serving, tls.clone()));
        }
        let graceful_stop = settings.graceful_stop;
        Ok(Self { addresses, app, closing, stop, election, servers, graceful_stop })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[(Scheme, SocketAddr)] {
        &self.addresses
    }

    /// Ends with the reason when it cannot go on.
    pub async fn failed(&self) -> String {
        self.app.reader.failed().await
    }

    /// Takes no more requests, answers those that are under way, gives the leadership away as soon as nothing is written
    /// any more, and ends.
    ///
    /// # Errors
    /// Where a listener has failed.
    pub async fn shutdown(mut self) -> io::Result<()> {
        let deadline = Instant::now() + self.graceful_stop;
        self.closing.send_replace(true);
        if timeout_at(deadline, self.app.changes.ended()).await.is_err() {
            warn!("changes that are still under way are given up");
        }
        self.stop.send_replace(true);
        self.election.ended().await;
        let ended = timeout_at(deadline, async {
            while let Some(ended) = self.servers.join_next().await {
                ended.map_err(io::Error::other)?;
            }
            Ok(())
        });
        ended.await.unwrap_or_else(|_| {
            warn!("connections that were still open are closed");
            Ok(())
        })
    }
}

/// Under which host and port other instances reach this one.
fn instance(settings: &RegistrySettings, bound: &[Bound]) -> (String, u16) {
    let between = bound.iter().zip(&settings.listeners);
    let mut between = between.filter(|(bound, _)| bound.scheme == settings.inter_instance_protocol);
    let (address, listener) =
        between.next().map_or((None, None), |(bound, listener)| (Some(bound.address), Some(listener)));
    let is_specific = address.is_some_and(|address| !address.ip().is_unspecified());
    let of_listener = listener.filter(|_| is_specific).map(|listener| listener.host.clone());
    let of_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host = settings.host_name.clone().or(of_listener).unwrap_or_else(of_machine);
    let port = settings.host_port.or(address.map(|address| address.port())).unwrap_or(0);
    (host, port)
}

/// Again where that has taken long: the state is to be as fresh as it says from the first answer on.
async fn read_to_end(
    client: &Client,
    settings: &RegistrySettings,
    (state, reader): (&State, &Reader),
    started: Instant,
) -> Result<(), StartError> {
    let after = settings.init_timeout;
    let end = loop {
        let (asked, topic) = (Instant::now(), settings.topic.clone());
        let end = timeout(after.saturating_sub(started.elapsed()), end_offset(client, &topic));
        let end = end.await.map_err(|_| PrepareError::NotThere { topic, after })??;
        if !state.wait_for(end, after.saturating_sub(started.elapsed())).await {
            return Err(StartError::TooLong {
                topic: settings.topic.clone(),
                read_to: state.read_to(),
                end,
                after,
            });
        }
        reader.note_complete(asked);
        if asked.elapsed() < READ_AGAIN_AFTER {
            break end;
        }
    };
    let (records, skipped) = state.counts();
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(topic = settings.topic, end, records, skipped, took_ms, "read the schemas topic");
    Ok(())
}
