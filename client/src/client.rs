//! The client that producers, consumers and the admin client share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use medallion_wire::BrokerId;
use medallion_wire::messages::MetadataRequest;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::brokers::{Brokers, Purpose};
use crate::config::{ClientSettings, ConfigError, Property, RecoveryStrategy};
use crate::connection::{Ask, Connector, TokenProvider};
use crate::error::Error;
use crate::hooks::{ClientMetrics, Hooks, Observer};
use crate::metadata::{Cluster, Metadata, MetadataPolicy, Topic};
use crate::retries::Retries;

/// Connections to a cluster and what is known of it. Cloning is cheap; once the last clone is gone, connections close.
///
/// ```no_run
/// use medallion_client::{Client, ClientSettings};
///
/// # async fn example() -> Result<(), medallion_client::Error> {
/// let client = Client::new(ClientSettings::new("localhost:9092"))?;
/// let trips = client.topic("trips").await?;
/// println!("{} has {} partitions", trips.name, trips.partitions.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<ClientSettings>,
    brokers: Arc<Brokers>,
    metadata: Metadata,
    observer: Observer,
    next_number: AtomicU32,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// Makes a [`Client`] with more than settings.
#[derive(Default)]
pub struct ClientBuilder {
    settings: ClientSettings,
    tokens: Option<Arc<dyn TokenProvider>>,
    hooks: Option<Arc<dyn Hooks>>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Where tokens for OAUTHBEARER come from.
    #[must_use]
    pub fn token_provider(mut self, tokens: impl TokenProvider + 'static) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Who wants to see what the client does.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Makes the client, which connects when it has something to ask.
    ///
    /// # Errors
    /// For settings that do not go together or whose files cannot be read, and outside of a tokio runtime.
    pub fn build(self) -> Result<Client, Error> {
        self.settings.validate()?;
        if Handle::try_current().is_err() {
            return Err(Error::malformed("a client", "it needs a tokio runtime with time and I/O around it"));
        }
        let settings = Arc::new(self.settings);
        let observer = Observer::new(self.hooks);
        let connector = Connector::new(Arc::clone(&settings), self.tokens, observer.clone())?;
        let brokers = Arc::new(Brokers::new(Arc::clone(&settings), connector)?);
        let policy = MetadataPolicy {
            max_age: settings.metadata_max_age,
            max_idle: settings.metadata_max_idle,
            backoff: Backoff { first: settings.retry_backoff, max: settings.retry_backoff_max },
            rebootstrap_after: (settings.metadata_recovery_strategy == RecoveryStrategy::Rebootstrap)
                .then_some(settings.metadata_recovery_rebootstrap_trigger),
        };
        let metadata = Metadata::start(policy, Arc::clone(&brokers), observer.clone());
        let next_number = AtomicU32::new(0);
        Ok(Client { inner: Arc::new(Inner { settings, brokers, metadata, observer, next_number }) })
    }
}

impl Client {
    /// A client with these settings, which connects when it has something to ask.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::build`].
    pub fn new(settings: ClientSettings) -> Result<Self, Error> {
        Self::builder(settings).build()
    }

    /// A client with more than settings.
    pub fn builder(settings: ClientSettings) -> ClientBuilder {
        ClientBuilder { settings, ..ClientBuilder::default() }
    }

    /// A client with the settings of a properties file.
    ///
    /// # Errors
    /// Those of [`ClientSettings::from_properties`] and [`ClientBuilder::build`].
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        Self::new(
            ClientSettings::from_properties(properties).map_err(|error: ConfigError| Error::from(error))?,
        )
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &ClientSettings {
        &self.inner.settings
    }

    /// What it has done so far.
    pub fn metrics(&self) -> ClientMetrics {
        self.inner.observer.metrics()
    }

    /// What is known of the cluster now; empty before the first answer.
    pub fn cluster(&self) -> Arc<Cluster> {
        self.inner.metadata.cluster()
    }

    /// Asks any broker something small, once: whether the cluster can be reached and takes our credentials.
    ///
    /// # Errors
    /// Those of connections, at once: nothing is tried again.
    pub async fn check(&self) -> Result<(), Error> {
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        self.call_any(request).await.map(drop)
    }

    /// The topic `name`, once the cluster has told of it. A broker may make it, see `allow.auto.create.topics`.
    ///
    /// # Errors
    /// [`Error::MetadataTimeout`] after `default.api.timeout.ms`, and what brokers refuse for good.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        let now = Instant::now();
        self.inner.metadata.topic(&name.into(), now, now + self.inner.settings.default_api_timeout).await
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    pub(crate) fn brokers(&self) -> &Arc<Brokers> {
        &self.inner.brokers
    }

    /// The number of the next producer or consumer that is made.
    pub(crate) fn next_number(&self) -> u32 {
        self.inner.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks any broker.
    pub(crate) async fn call_any<R: Ask>(&self, request: R) -> Result<R::Response, Error> {
        let connection = self.inner.brokers.any(Purpose::General).await?;
        connection.call(self.inner.settings.request_timeout, self.inner.brokers.client_id(), request).await
    }

    /// Asks the broker `id`.
    pub(crate) async fn call_broker<R: Ask>(&self, id: BrokerId, request: R) -> Result<R::Response, Error> {
        let connection = self.inner.brokers.connection(id, Purpose::General).await?;
        connection.call(self.inner.settings.request_timeout, self.inner.brokers.client_id(), request).await
    }

    /// Asks the broker `id`, in no version above `cap`.
    pub(crate) async fn call_broker_capped<R: Ask>(
        &self,
        id: BrokerId,
        request: R,
        cap: i16,
    ) -> Result<R::Response, Error> {
        let connection = self.inner.brokers.connection(id, Purpose::General).await?;
        let (timeout, client_id) = (self.inner.settings.request_timeout, self.inner.brokers.client_id());
        connection.call_capped(timeout, client_id, request, cap).await
    }

    /// Fails where a broker, any of them, does not know the API of `R`.
    pub(crate) async fn check_any<R: Ask>(&self) -> Result<(), Error> {
        let connection = self.inner.brokers.any(Purpose::General).await?;
        connection.version_of::<R>(i16::MAX).map(drop)
    }

    /// Asks the controller, or with KRaft any broker, which forwards.
    pub(crate) async fn call_controller<R: Ask>(&self, request: R) -> Result<R::Response, Error> {
        match self.cluster().controller {
            Some(controller) => self.call_broker(controller, request).await,
            None => self.call_any(request).await,
        }
    }

    /// Tries until it succeeds, fails for good, or `default.api.timeout.ms` is over: that time is the budget of retries.
    pub(crate) async fn retry<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut retries = Retries::new(self);
        loop {
            match retries.attempt(attempt()).await {
                Ok(value) => return Ok(value),
                Err(error) => retries.again(error).await?,
            }
        }
    }

    /// The error of a call whose time is over before anybody has answered.
    pub(crate) fn late(&self, after: Duration) -> Error {
        let reason = std::io::Error::other(format!(
            "no answer within {} ms (default.api.timeout.ms)",
            after.as_millis()
        ));
        Error::Unreachable {
            address: self.inner.settings.bootstrap_servers.join(",").into(),
            reason: Arc::new(reason),
        }
    }
}
