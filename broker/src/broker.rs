//! The broker as a whole: what is started in which order, and stopped in which.
//!
//! Start: settings, sockets, directories (locked, formatted when new), the controller's log, the listeners' threads, the
//! broker's registration; partitions' logs open in the background, those that are asked for first.
//!
//! Stop: no new connections, requests in flight are answered, the broker hands its leaderships back, logs are closed and
//! the clean-shutdown marks written, the controller's log is closed.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use medallion_log::LogEnvironment;
use medallion_log::clean_shutdown::LastShutdown;
use medallion_os::{Clock, FileSystem, RealFileSystem, SystemClock};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::AssignReplicasToDirsRequest;
use medallion_wire::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use medallion_wire::types::Uuid;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::{BrokerConfig, ConfigErrors, Listener, Settings};
use crate::controller::image::Endpoint;
use crate::controller::{
    ApiError, BrokerIdentity, Controller, ControllerHandle, ControllerSettings, MetadataDelta, MetadataError,
    MetadataImage, MetadataListener, MetadataLogSettings, directory_assignment, supported_features,
};
use crate::coordinator::{CoordinatorSurroundings, GroupCoordinator};
use crate::handler::BrokerState;
use crate::handler::authorize::AllowAll;
use crate::handler::context::{ListenerInfo, ListenerKind};
use crate::live_config::LiveConfig;
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::observed::ObservedBroker;
use crate::producer_ids::ProducerIds;
use crate::replica::background::{self, StopSignal};
use crate::replica::fetch_session::FetchSessionCache;
use crate::replica::partition::Surroundings;
use crate::replica::{LogDirectory, Partition, ReplicaManager, ReplicaSettings};
use crate::server::acceptor::{self, Shared};
use crate::server::admin_http;
use crate::server::listener::{ConnectionCounter, bind};
use crate::server::memory::MemoryBudget;
use crate::storage::directories::{DirectorySettings, DirectoryState, LogDirectories};
use crate::storage::folders::{self, SettledFolders};
use crate::storage::{FormatOptions, StorageError, random_cluster_id};

/// How often it is looked whether logs are due to be flushed.
const FLUSH_CHECK_MS: u64 = 500;
/// How often it is looked how much room the volumes have.
const DISK_CHECK_MS: u64 = 500;
/// How long requests in flight may take when the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A directory of `log.dirs` cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The metadata cannot be used.
    #[error("{0}")]
    Metadata(String),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A host name in a listener names no address.
    #[error("listener {listener}: no address is known for its host")]
    NoAddress {
        /// The listener as it was given.
        listener: String,
    },
    /// The controller refused the broker.
    #[error("the controller refuses this broker: {0}")]
    Refused(String),
}

impl From<MetadataError> for StartError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(chain(&error))
    }
}

impl From<ApiError> for StartError {
    fn from(error: ApiError) -> Self {
        Self::Refused(format!("{:?} {error}", error.error))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

/// Where a listener was bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundListener {
    /// The listener's name.
    pub name: String,
    /// Whether controllers and their tools are served.
    pub is_controller: bool,
    /// The address, with the port that the operating system chose where it was asked to.
    pub address: SocketAddr,
}

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
    stop_signal: Arc<StopSignal>,
    background: Vec<JoinHandle<()>>,
}

struct Sockets {
    bound: Vec<(Listener, BoundListener, tokio::net::TcpListener)>,
    metrics: Option<tokio::net::TcpListener>,
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
        for notice in notices {
            if notice.is_warning() { warn!("{notice}") } else { info!("{notice}") }
        }
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let sockets = bind_all(&config)?;
        let directories = open_directories(&fs, &config, clock.now_ms())?;
        let live = Arc::new(LiveConfig::new(settings, config.node_id.get())?);
        let controller = open_controller(&fs, &clock, &config, &directories, &live)?;
        live.follow(controller.image());
        let settled = settle_folders(&*fs, &config, &directories, controller.image())?;
        let (failed_sender, failed) = watch::channel(None);
        let metrics = Arc::new(Metrics::default());
        let handle_later: Arc<OnceLock<ControllerHandle>> = Arc::default();
        let replicas = open_replicas(&fs, &clock, &config, &directories, &live, &metrics, &handle_later)?;
        directories.remove_clean_shutdown_marks()?;
        replicas.start(controller.image());
        replicas.adopt(settled);
        let groups = GroupCoordinator::new(CoordinatorSurroundings {
            node_id: config.node_id.get(),
            replicas: Arc::clone(&replicas),
            config: Arc::clone(&live),
            image: newest_image(&handle_later),
            clock: Arc::clone(&clock),
            random: random_bits,
            runtime: Handle::current(),
        });
        let follower = Follower {
            node_id: config.node_id.get(),
            replicas: Arc::clone(&replicas),
            groups: Arc::clone(&groups),
            live: Arc::clone(&live),
            controller: Arc::clone(&handle_later),
            runtime: Handle::current(),
            failed: failed_sender,
        };
        let controller = controller.start(controller_endpoints(&config, &sockets), Box::new(follower))?;
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
            config: live,
            clock,
            loggers,
        });
        let broker_epoch = register(&state, &config, &directories, &sockets).await?;
        Self::serve(state, &config, directories, broker_epoch, sockets, failed)
    }

    fn serve(
        state: Arc<BrokerState>,
        config: &BrokerConfig,
        directories: LogDirectories,
        broker_epoch: i64,
        sockets: Sockets,
        failed: watch::Receiver<Option<String>>,
    ) -> Result<Self, StartError> {
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
        let stop_signal = Arc::new(StopSignal::default());
        let background = start_background(&state, &stop_signal)?;
        Ok(Self {
            state,
            directories,
            broker_epoch,
            listeners,
            metrics_address,
            counter,
            stopping,
            failed,
            stop_signal,
            background,
        })
    }

    /// Where clients and controllers connect.
    pub fn listeners(&self) -> &[BoundListener] {
        &self.listeners
    }

    /// Where `/metrics` and `/health` are, unless switched off.
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
        self.stop_signal.stop();
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
            for thread in background {
                let _ = thread.join();
            }
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

/// Brings every change of the metadata to those who act on it, on the controller's thread.
struct Follower {
    node_id: i32,
    replicas: Arc<ReplicaManager>,
    groups: Arc<GroupCoordinator>,
    live: Arc<LiveConfig>,
    controller: Arc<OnceLock<ControllerHandle>>,
    runtime: Handle,
    failed: watch::Sender<Option<String>>,
}

impl MetadataListener for Follower {
    fn on_change(&mut self, delta: &MetadataDelta) {
        self.live.apply(delta);
        self.replicas.apply(delta);
        self.groups.apply(delta);
        let place = |topic, index| self.replicas.directory_of(topic, index).map(LogDirectory::id);
        if let Some(request) = directory_assignment::correction(delta, self.node_id, place)
            && let Some(controller) = self.controller.get().cloned()
        {
            // Not waited for: this is the thread that would answer.
            self.runtime.spawn(async move {
                if let Err(error) = controller.assign_replicas_to_dirs(request).await {
                    warn!(%error, "the directories of new partitions are not in the metadata");
                }
            });
        }
    }

    fn on_failure(&mut self, error: &MetadataError) {
        let _ = self.failed.send(Some(chain(error)));
    }
}

fn bind_all(config: &BrokerConfig) -> Result<Sockets, StartError> {
    let mut bound = Vec::new();
    let controllers: Vec<&Listener> = config.controller_listeners().collect();
    for listener in &config.listeners {
        let socket = bind(resolve(listener)?, config.socket_listen_backlog_size)?;
        let is_controller = controllers.contains(&listener);
        let address = socket.local_addr()?;
        let described = BoundListener { name: listener.name.clone(), is_controller, address };
        bound.push((listener.clone(), described, socket));
    }
    let metrics = config.metrics_listener.map(|address| bind(address, config.socket_listen_backlog_size));
    Ok(Sockets { bound, metrics: metrics.transpose()? })
}

fn resolve(listener: &Listener) -> Result<SocketAddr, StartError> {
    use std::net::ToSocketAddrs;
    let host = if listener.host.is_empty() { "0.0.0.0" } else { listener.host.as_str() };
    let mut addresses = (host, listener.port).to_socket_addrs()?;
    addresses.next().ok_or_else(|| StartError::NoAddress { listener: listener.to_string() })
}

/// Locks the directories; formats them first when all of them are empty.
fn open_directories(
    fs: &Arc<dyn FileSystem>,
    config: &BrokerConfig,
    now_ms: i64,
) -> Result<LogDirectories, StartError> {
    let settings = DirectorySettings {
        log_dirs: config.log_dirs.clone(),
        metadata_log_dir: config.metadata_log_dir.clone(),
        node_id: config.node_id,
    };
    if settings.state(&**fs)? == DirectoryState::Empty {
        let cluster_id = random_cluster_id(&mut random_bits);
        info!(%cluster_id, "all of log.dirs are empty: a new cluster is made");
        let options = FormatOptions::for_config(config, cluster_id);
        crate::storage::format(&**fs, &options, now_ms, &mut random_bits)?;
    }
    Ok(LogDirectories::open(Arc::clone(fs), &settings, now_ms, &mut random_bits)?)
}

/// The newest image, once the controller has published one.
fn newest_image(
    controller: &Arc<OnceLock<ControllerHandle>>,
) -> Box<dyn Fn() -> Arc<MetadataImage> + Send + Sync> {
    let controller = Arc::clone(controller);
    Box::new(move || controller.get().map(|handle| Arc::clone(&handle.image())).unwrap_or_default())
}

fn random_bits() -> u128 {
    Uuid::new_v4().as_u128()
}

fn settle_folders(
    fs: &dyn FileSystem,
    config: &BrokerConfig,
    directories: &LogDirectories,
    image: &MetadataImage,
) -> Result<SettledFolders, StartError> {
    let found = folders::scan(fs, &directories.log_dirs)?;
    let node_id = config.node_id.get();
    Ok(folders::settle(fs, found, &directories.log_dirs, image, node_id, &mut Uuid::new_v4)?)
}

fn open_controller(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    config: &BrokerConfig,
    directories: &LogDirectories,
    live: &LiveConfig,
) -> Result<Controller, StartError> {
    let settings = ControllerSettings {
        node_id: config.node_id.get(),
        num_partitions: config.num_partitions,
        default_replication_factor: i16::try_from(config.default_replication_factor).unwrap_or(i16::MAX),
        supported_features: supported_features(),
        schema: Arc::new(live.schema()),
    };
    let log_settings = MetadataLogSettings {
        directory: directories.metadata_log_dir.clone(),
        directory_id: directories.metadata_directory_id,
        node_id: config.node_id.get(),
        cluster_id: directories.cluster_id.clone(),
        static_voters: config.controller_quorum_voters.iter().map(|voter| voter.id.get()).collect(),
        clean_shutdown: directories.was_clean_shutdown(),
        segment_bytes: config.metadata_log_segment_bytes,
        segment_ms: config.metadata_log_segment_ms,
        snapshot_bytes: config.metadata_log_max_record_bytes_between_snapshots,
        snapshot_interval_ms: i64::try_from(config.metadata_log_max_snapshot_interval_ms).unwrap_or(i64::MAX),
        retention_bytes: config.metadata_max_retention_bytes,
        retention_ms: config.metadata_max_retention_ms,
    };
    Ok(Controller::open(Arc::clone(fs), Arc::clone(clock), Box::new(random_bits), settings, log_settings)?)
}

fn open_replicas(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    config: &BrokerConfig,
    directories: &LogDirectories,
    live: &Arc<LiveConfig>,
    metrics: &Arc<Metrics>,
    controller: &Arc<OnceLock<ControllerHandle>>,
) -> Result<Arc<ReplicaManager>, StartError> {
    let mut loaded = Vec::new();
    for directory in &directories.log_dirs {
        let clean = directory.last_shutdown != LastShutdown::Unclean;
        loaded.push(
            LogDirectory::load(Arc::clone(fs), &directory.path, directory.id, clean)
                .map_err(StorageError::from)?,
        );
    }
    let live = Arc::clone(live);
    let (node_id, runtime, handle) = (config.node_id.get(), Handle::current(), Arc::clone(controller));
    let recovery_threads = config.num_recovery_threads_per_data_dir * loaded.len();
    Ok(ReplicaManager::new(ReplicaSettings {
        node_id,
        environment: LogEnvironment {
            producer_id_expiration_ms: config.producer_id_expiration_ms,
            compaction_keys_bytes_max: usize::try_from(config.log_cleaner_dedupe_buffer_size)
                .unwrap_or(usize::MAX),
            ..LogEnvironment::new(Arc::clone(fs))
        },
        surroundings: Surroundings {
            clock: Arc::clone(clock),
            runtime: runtime.clone(),
            metrics: Arc::clone(metrics),
            stopping: Arc::default(),
        },
        directories: loaded,
        topic_settings: Box::new(move |image: &MetadataImage, topic: &str| {
            Arc::new(live.topic(image, topic))
        }),
        on_moved: Box::new(move |partition, directory| {
            if let Some(controller) = handle.get() {
                assign_directory(controller, &runtime, node_id, partition, directory.id());
            }
        }),
        recovery_threads,
    }))
}

/// Writes into the metadata in which directory a partition lies (KIP-858), so that Kafka would look for it there.
fn assign_directory(
    controller: &ControllerHandle,
    runtime: &Handle,
    node_id: i32,
    partition: &Partition,
    directory: Uuid,
) {
    let epoch = controller.image().brokers.get(&node_id).map_or(-1, |broker| broker.epoch);
    let index = PartitionData::default().with_partition_index(partition.id().partition.get());
    let topic = TopicData::default().with_topic_id(partition.topic_id().0).with_partitions(vec![index]);
    let directory = DirectoryData::default().with_id(directory).with_topics(vec![topic]);
    let request = AssignReplicasToDirsRequest::default()
        .with_broker_id(node_id.into())
        .with_broker_epoch(epoch)
        .with_directories(vec![directory]);
    if let Err(error) = runtime.block_on(controller.assign_replicas_to_dirs(request)) {
        error!(partition = %partition.id(), %error, "the partition's directory is not in the metadata");
    }
}

fn endpoint(name: &str, host: &str, port: u16, security_protocol: i16) -> Endpoint {
    Endpoint { name: name.into(), host: host.into(), port, security_protocol }
}

/// The controller's listeners as other nodes reach them.
fn controller_endpoints(config: &BrokerConfig, sockets: &Sockets) -> Vec<Endpoint> {
    let controllers = sockets.bound.iter().filter(|(_, bound, _)| bound.is_controller);
    let reachable = controllers.map(|(listener, bound, _)| {
        let advertised =
            config.advertised_listeners.iter().find(|advertised| advertised.name == listener.name);
        let host = advertised.map_or(listener.host.as_str(), |advertised| advertised.host.as_str());
        let host = if host.is_empty() { "localhost" } else { host };
        endpoint(&listener.name, host, bound.address.port(), listener.security_protocol.id())
    });
    reachable.collect()
}

/// What clients are told to connect to; a port that was left to the operating system is filled in.
fn broker_endpoints(config: &BrokerConfig, sockets: &Sockets) -> Vec<Endpoint> {
    let advertised = config.advertised_listeners.iter().filter_map(|advertised| {
        let (_, bound, _) = sockets.bound.iter().find(|(listener, ..)| listener.name == advertised.name)?;
        let port = if advertised.port == 0 { bound.address.port() } else { advertised.port };
        let protocol = advertised.security_protocol.id();
        (!bound.is_controller).then(|| endpoint(&advertised.name, &advertised.host, port, protocol))
    });
    advertised.collect()
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

fn start_background(
    state: &Arc<BrokerState>,
    stop: &Arc<StopSignal>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let config = state.config.load();
    let every = |name, interval_ms: u64, work: fn(&BrokerState, &StopSignal)| {
        let state = Arc::clone(state);
        background::every(name, Duration::from_millis(interval_ms.max(1)), stop, move |stop| {
            work(&state, stop);
        })
    };
    background::watch_disks(&state.replicas, config.disk_reserve_bytes);
    Ok(vec![
        every("log-flusher", FLUSH_CHECK_MS, |state, stop| {
            let background_ms = state.config.load().log_flush_background_interval_ms;
            let background = (background_ms > 0).then(|| Duration::from_millis(background_ms));
            background::flush_logs(&state.replicas, background, state.clock.now_ms(), stop);
        })?,
        every("checkpointer", checkpoint_interval_ms(&config), |state, _| {
            state.replicas.write_checkpoints();
        })?,
        every("retention", config.log_retention_check_interval_ms, |state, stop| {
            background::apply_retention(&state.replicas, state.clock.now_ms(), stop);
        })?,
        every("producer-expiry", config.producer_id_expiration_check_interval_ms, |state, _| {
            background::expire_producers(&state.replicas, state.clock.now_ms());
        })?,
        every(
            "log-cleaner",
            u64::try_from(config.log_cleaner_backoff_ms).unwrap_or(15_000),
            |state, stop| {
                if state.config.load().log_cleaner_enable {
                    background::compact_logs(&state.replicas, state.clock.now_ms(), stop);
                }
            },
        )?,
        every("disk-watch", DISK_CHECK_MS, |state, _| {
            background::watch_disks(&state.replicas, state.config.load().disk_reserve_bytes);
            state.replicas.reopen_poisoned();
        })?,
    ])
}

/// The recovery points move on with the background flushes, so checkpoints follow them where Kafka's interval is longer.
fn checkpoint_interval_ms(config: &BrokerConfig) -> u64 {
    match config.log_flush_background_interval_ms {
        0 => config.log_flush_offset_checkpoint_interval_ms,
        background_ms => config.log_flush_offset_checkpoint_interval_ms.min(background_ms),
    }
}
