//! The broker as a whole: what is started in which order, and stopped in which.
//!
//! Start: settings, sockets ([`listeners`]), directories (locked, formatted when new) and what lies in them ([`stores`]),
//! the broker's registration, the listeners' tasks, the threads beside them ([`background`]); partitions' logs open
//! meanwhile, those that are asked for first. [`follower`] brings changes of the metadata to all of them.
//!
//! Stop: no new connections or requests, those in flight are answered, also where they wait for data; the broker hands its
//! leaderships back, logs are closed and the clean-shutdown marks written, the controller's log is closed.

mod background;
mod error;
mod follower;
mod listeners;
mod quotas;
mod stores;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use medallion_log::LogLimits;
use medallion_os::{Clock, FileSystem, RealFileSystem, SystemClock};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info, warn};
use uuid::Uuid;

use self::background::Background;
pub use self::error::StartError;
use self::follower::{Follower, newest_image};
pub use self::listeners::BoundListener;
use self::listeners::{Sockets, bind_all, broker_endpoints, controller_endpoints};
use self::quotas::Quotas;
use self::stores::Opener;
use crate::config::{BrokerConfig, Notice, Settings};
use crate::controller::{BrokerIdentity, ControllerHandle};
use crate::coordinator::{CoordinatorSurroundings, GroupCoordinator, RebalanceLog};
use crate::handler::BrokerState;
use crate::handler::authorize::AllowAll;
use crate::handler::context::{ListenerInfo, ListenerKind};
use crate::live_config::LiveConfig;
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::observed::ObservedBroker;
use crate::producer_ids::ProducerIds;
use crate::random::random_bits;
use crate::replica::ReplicaManager;
use crate::replica::background::StopSignal;
use crate::replica::fetch_session::FetchSessionCache;
use crate::server::acceptor::{self, Shared};
use crate::server::admin_http;
use crate::server::listener::ConnectionCounter;
use crate::server::memory::MemoryBudget;
use crate::storage::directories::LogDirectories;
use crate::telemetry::ClientTelemetry;

/// How long requests in flight may take when the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A running broker. Dropping it without [`Broker::shutdown`] is like killing it.
#[derive(Debug)]
pub struct Broker {
    state: Arc<BrokerState>,
    directories: LogDirectories,
    broker_epoch: i64,
    listeners: Vec<BoundListener>,
    metrics_address: Option<SocketAddr>,
    counter: Arc<ConnectionCounter>,
    stopping: watch::Sender<bool>,
    failed: watch::Receiver<Option<String>>,
    background: Background,
}

impl Broker {
    /// Starts a broker (and its controller) with these settings, within a tokio runtime whose blocking threads are the
    /// I/O pool.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(mut settings: Settings, loggers: Arc<dyn Loggers>) -> Result<Self, StartError> {
        settings.assume_defaults();
        let (config, notices) = BrokerConfig::new(&settings)?;
        tell(&notices);
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let sockets = bind_all(&config)?;
        let opener = Opener { fs, clock: Arc::clone(&clock), config: &config };
        let directories = opener.directories()?;
        let live = Arc::new(LiveConfig::new(settings, config.node_id.get())?);
        let controller = opener.controller(&directories, &live)?;
        live.follow(controller.image());
        let settled = opener.settle_folders(&directories, controller.image())?;
        let (failed_sender, failed) = watch::channel(None);
        let metrics = Arc::new(Metrics::default());
        let handle_later: Arc<OnceLock<ControllerHandle>> = Arc::default();
        let (limits, signal) = (Arc::new(LogLimits::default()), Arc::new(StopSignal::default()));
        let replicas = opener.replicas(&directories, &live, &metrics, &limits, &handle_later)?;
        directories.remove_clean_shutdown_marks()?;
        replicas.start(controller.image());
        replicas.adopt(settled);
        let groups = coordinator(&config, &replicas, &live, &handle_later, &clock);
        let quotas = Quotas::new(&config, controller.image());
        let telemetry = Arc::new(ClientTelemetry::of(controller.image()));
        let follower = Follower {
            node_id: config.node_id.get(),
            replicas: Arc::clone(&replicas),
            groups: Arc::clone(&groups),
            live: Arc::clone(&live),
            quotas: quotas.clone(),
            telemetry: Arc::clone(&telemetry),
            controller: Arc::clone(&handle_later),
            runtime: Handle::current(),
            limits,
            background: Arc::clone(&signal),
            failed: failed_sender,
        };
        let controller = controller.start(controller_endpoints(&config, &sockets), Box::new(follower))?;
        // A new leadership writes settings of its own, which no delta has told.
        live.follow(&controller.image());
        let _ = handle_later.set(controller.clone());
        groups.lead(&controller.image());
        let state = Arc::new(BrokerState {
            node_id: config.node_id.get(),
            cluster_id: StrBytes::from_string(directories.cluster_id.clone()),
            controller,
            replicas,
            groups,
            fetch_sessions: Mutex::new(FetchSessionCache::new(
                config.max_incremental_fetch_session_cache_slots,
            )),
            producer_ids: ProducerIds::new(config.node_id),
            authorizer: Arc::new(AllowAll),
            metrics,
            quotas: quotas.clients,
            connection_rates: quotas.connections,
            telemetry,
            config: live,
            clock,
            loggers,
        });
        let broker_epoch = register(&state, &config, &directories, &sockets).await?;
        let background = Background::start(&state, signal)?;
        Ok(Self::serve(state, &config, directories, broker_epoch, sockets, failed, background))
    }

    fn serve(
        state: Arc<BrokerState>,
        config: &BrokerConfig,
        directories: LogDirectories,
        broker_epoch: i64,
        sockets: Sockets,
        failed: watch::Receiver<Option<String>>,
        background: Background,
    ) -> Self {
        let (stopping, stopping_receiver) = watch::channel(false);
        let counter = ConnectionCounter::new();
        let budget = MemoryBudget::new(u64::try_from(config.request_memory_bytes).unwrap_or(u64::MAX));
        let shared = Shared {
            state: Arc::clone(&state),
            budget: budget.clone(),
            counter: Arc::clone(&counter),
            stopping: stopping_receiver.clone(),
        };
        let mut listeners = Vec::with_capacity(sockets.bound.len());
        for (listener, bound, socket) in sockets.bound {
            let kind = if bound.is_controller { ListenerKind::Controller } else { ListenerKind::Broker };
            let info = Arc::new(ListenerInfo { name: Arc::from(listener.name.as_str()), kind });
            tokio::spawn(acceptor::accept(socket, info, shared.clone()));
            listeners.push(bound);
        }
        let metrics_address = sockets.metrics.as_ref().and_then(|socket| socket.local_addr().ok());
        if let Some(socket) = sockets.metrics {
            let observed = ObservedBroker::new(Arc::clone(&state), Arc::clone(&counter), budget);
            tokio::spawn(serve_admin(socket, observed, stopping_receiver));
        }
        Self {
            state,
            directories,
            broker_epoch,
            listeners,
            metrics_address,
            counter,
            stopping,
            failed,
            background,
        }
    }

    /// Where clients and controllers connect.
    pub fn listeners(&self) -> &[BoundListener] {
        &self.listeners
    }

    /// Where `/metrics`, `/health` and `/admin` are, unless switched off.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.state.cluster_id
    }

    /// Waits until the broker can go on no longer; gives the reason. It must be shut down then.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the controller has ended".to_owned(),
        }
    }

    /// Stops in order; see the module's text.
    ///
    /// # Errors
    /// What kept the stop from being clean; the next start will recover what is needed.
    pub async fn shutdown(self) -> Result<(), StartError> {
        info!("stopping");
        let _ = self.stopping.send(true);
        self.background.stop();
        self.state.groups.stop();
        self.state.replicas.begin_stop();
        self.drain().await;
        let state = &self.state;
        if let Err(error) = state.controller.shut_down_broker(state.node_id, self.broker_epoch).await {
            warn!(%error, "the controller did not let the broker go in order");
        }
        let (background, replicas, directories) =
            (self.background, Arc::clone(&state.replicas), self.directories);
        let broker_epoch = self.broker_epoch;
        let closed = tokio::task::spawn_blocking(move || {
            background.join();
            replicas.stop().into_iter().map(|directory| directory.path().to_owned()).collect::<Vec<_>>()
        });
        let clean = closed.await.map_err(std::io::Error::other)?;
        state.controller.stop().await?;
        for directory in clean {
            directories.mark_clean_shutdown(&directory, broker_epoch)?;
        }
        drop(directories); // the locks go last
        info!("stopped");
        Ok(())
    }

    async fn drain(&self) {
        let deadline = tokio::time::Instant::now() + DRAIN_MAX;
        while self.counter.total() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if self.counter.total() > 0 {
            warn!(connections = self.counter.total(), "connections did not end in time and are cut");
        }
    }
}

/// The groups of this broker, none of them led yet.
fn coordinator(
    config: &BrokerConfig,
    replicas: &Arc<ReplicaManager>,
    live: &Arc<LiveConfig>,
    controller: &Arc<OnceLock<ControllerHandle>>,
    clock: &Arc<dyn Clock>,
) -> Arc<GroupCoordinator> {
    GroupCoordinator::new(CoordinatorSurroundings {
        node_id: config.node_id.get(),
        replicas: Arc::clone(replicas),
        config: Arc::clone(live),
        image: newest_image(controller),
        clock: Arc::clone(clock),
        random: random_bits,
        runtime: Handle::current(),
        rebalances: RebalanceLog::default(),
    })
}

/// Says in the log what is good to know of the settings.
fn tell(notices: &[Notice]) {
    for notice in notices {
        if notice.is_warning() { warn!("{notice}") } else { info!("{notice}") }
    }
}

async fn register(
    state: &BrokerState,
    config: &BrokerConfig,
    directories: &LogDirectories,
    sockets: &Sockets,
) -> Result<i64, StartError> {
    let identity = BrokerIdentity {
        node_id: state.node_id,
        cluster_id: directories.cluster_id.clone(),
        incarnation_id: Uuid::new_v4(),
        listeners: broker_endpoints(config, sockets),
        controller_listeners: controller_endpoints(config, sockets),
        rack: config.broker_rack.clone(),
        directories: directories.log_dirs.iter().map(|directory| directory.id).collect(),
        previous_epoch: directories.previous_broker_epoch(),
    };
    let epoch = state.controller.register(&identity).await?;
    state.controller.unfence(state.node_id, epoch).await?;
    Ok(epoch)
}

async fn serve_admin(
    socket: tokio::net::TcpListener,
    observed: ObservedBroker,
    mut stopping: watch::Receiver<bool>,
) {
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    if let Err(error) = admin_http::serve(socket, Arc::new(observed), stopped).await {
        error!(%error, "the metrics listener ended");
    }
}
