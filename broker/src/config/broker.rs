//! The settings of the broker as types, for the code that obeys them.

use super::checks;
use super::error::{ConfigError, ConfigErrors};
use super::listener::{self, Listener};
use super::notice::Notice;
use super::resolved::Resolved;
use super::settings::Settings;
use super::topic::TopicDefaults;
use medallion_wire::BrokerId;
use medallion_wire::records::CompressionSettings;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

macro_rules! broker_config {
    (
        plain { $($plain:ident: $plain_type:ty = $name:literal,)* }
        derived { $($(#[$doc:meta])* $derived:ident: $derived_type:ty = $derive:path,)* }
    ) => {
        /// The settings of the broker that the code reads. Plain fields are named as Kafka's settings with dots as
        /// underscores, keep their units, and keep -1 where it means "no limit"; `medallion.` is left out.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct BrokerConfig {
            $(#[doc = concat!("`", $name, "`.")] pub $plain: $plain_type,)*
            $($(#[$doc])* pub $derived: $derived_type,)*
        }

        impl BrokerConfig {
            fn read(settings: &Resolved<'_>) -> Result<Self, ConfigError> {
                Ok(Self {
                    $($plain: settings.read($name)?,)*
                    $($derived: $derive(settings)?,)*
                })
            }
        }

        #[cfg(test)]
        const PLAIN_FIELDS: &[&str] = &[$($name,)*];
    };
}

broker_config! {
    plain {
        acks_all_fsync: bool = "medallion.acks.all.fsync",
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        broker_heartbeat_interval_ms: i32 = "broker.heartbeat.interval.ms",
        broker_rack: Option<String> = "broker.rack",
        broker_session_timeout_ms: i32 = "broker.session.timeout.ms",
        connection_requests_max: usize = "medallion.connection.requests.max",
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        controller_quorum_bootstrap_servers: Vec<String> = "controller.quorum.bootstrap.servers",
        controller_quota_window_num: u32 = "controller.quota.window.num",
        controller_quota_window_size_seconds: u32 = "controller.quota.window.size.seconds",
        default_replication_factor: i32 = "default.replication.factor",
        delete_topic_enable: bool = "delete.topic.enable",
        disk_reserve_bytes: u64 = "medallion.disk.reserve.bytes",
        fetch_max_bytes: i32 = "fetch.max.bytes",
        group_consumer_assignment_interval_ms: i32 = "group.consumer.assignment.interval.ms",
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
        group_consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms",
        group_consumer_max_size: i32 = "group.consumer.max.size",
        group_consumer_migration_policy: String = "group.consumer.migration.policy",
        group_consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms",
        group_coordinator_rebalance_protocols: Vec<String> = "group.coordinator.rebalance.protocols",
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms",
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
        group_max_size: i32 = "group.max.size",
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms",
        log_cleaner_dedupe_buffer_size: u64 = "log.cleaner.dedupe.buffer.size",
        log_cleaner_enable: bool = "log.cleaner.enable",
        log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second",
        log_flush_background_interval_ms: u64 = "medallion.log.flush.background.interval.ms",
        log_flush_offset_checkpoint_interval_ms: u64 = "log.flush.offset.checkpoint.interval.ms",
        log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
        log_format: String = "medallion.log.format",
        log_level: String = "medallion.log.level",
        log_retention_check_interval_ms: u64 = "log.retention.check.interval.ms",
        max_connection_creation_rate: i32 = "max.connection.creation.rate",
        max_connections: usize = "max.connections",
        max_connections_per_ip: usize = "max.connections.per.ip",
        max_incremental_fetch_session_cache_slots: usize = "max.incremental.fetch.session.cache.slots",
        max_request_partition_size_limit: usize = "max.request.partition.size.limit",
        message_max_bytes: i32 = "message.max.bytes",
        metadata_log_max_record_bytes_between_snapshots: u64 = "metadata.log.max.record.bytes.between.snapshots",
        metadata_log_max_snapshot_interval_ms: u64 = "metadata.log.max.snapshot.interval.ms",
        metadata_log_segment_bytes: u32 = "metadata.log.segment.bytes",
        metadata_log_segment_ms: i64 = "metadata.log.segment.ms",
        metadata_max_idle_interval_ms: u64 = "metadata.max.idle.interval.ms",
        metadata_max_retention_bytes: i64 = "metadata.max.retention.bytes",
        metadata_max_retention_ms: i64 = "metadata.max.retention.ms",
        metrics_client_series_max: usize = "medallion.metrics.client.series.max",
        metrics_group_partitions_max: usize = "medallion.metrics.group.partitions.max",
        min_insync_replicas: i32 = "min.insync.replicas",
        num_io_threads: usize = "num.io.threads",
        num_partitions: i32 = "num.partitions",
        num_recovery_threads_per_data_dir: usize = "num.recovery.threads.per.data.dir",
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
        offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms",
        offsets_load_buffer_size: usize = "offsets.load.buffer.size",
        offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms",
        offsets_retention_minutes: i32 = "offsets.retention.minutes",
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
        producer_id_expiration_check_interval_ms: u64 = "producer.id.expiration.check.interval.ms",
        producer_id_expiration_ms: i64 = "producer.id.expiration.ms",
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        quota_window_num: u32 = "quota.window.num",
        quota_window_size_seconds: u32 = "quota.window.size.seconds",
        request_read_timeout_ms: u64 = "medallion.request.read.timeout.ms",
        response_write_timeout_ms: u64 = "medallion.response.write.timeout.ms",
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes",
        socket_request_max_bytes: usize = "socket.request.max.bytes",
        socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes",
        telemetry_max_bytes: i32 = "telemetry.max.bytes",
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
        transaction_state_log_min_isr: i32 = "transaction.state.log.min.isr",
        transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        transaction_state_log_segment_bytes: i32 = "transaction.state.log.segment.bytes",
        transactional_id_expiration_ms: i32 = "transactional.id.expiration.ms",
    }
    derived {
        /// `node.id`, or `broker.id`.
        node_id: BrokerId = checks::node_id,
        /// Where to listen (`listeners`), brokers' and controllers' listeners alike.
        listeners: Vec<Listener> = listener::listeners,
        /// What brokers tell clients to connect to: `advertised.listeners`, or the listeners that are not controllers'.
        advertised_listeners: Vec<Listener> = listener::advertised_listeners,
        /// Where other nodes and tools reach the controller's listeners.
        advertised_controller_listeners: Vec<Listener> = listener::advertised_controller_listeners,
        /// `controller.listener.names`, in capitals.
        controller_listener_names: Vec<String> = listener::controller_listener_names,
        /// The name of the listener for brokers among themselves.
        inter_broker_listener_name: String = listener::inter_broker_listener_name,
        /// `controller.quorum.voters`.
        controller_quorum_voters: Vec<QuorumVoter> = checks::quorum_voters,
        /// `log.dirs`, or `log.dir`.
        log_dirs: Vec<PathBuf> = checks::log_dirs,
        /// `metadata.log.dir`, or the first of `log.dirs`.
        metadata_log_dir: PathBuf = checks::metadata_log_dir,
        /// `listener.name.NAME.max.connection.creation.rate` by listener, its name in small letters.
        listener_connection_creation_rates: BTreeMap<String, i32> = checks::listener_connection_creation_rates,
        /// `max.connections.per.ip.overrides` by address.
        max_connections_per_ip_overrides: BTreeMap<IpAddr, usize> = checks::max_connections_per_ip_overrides,
        /// `medallion.metrics.listener`; none where it is empty.
        metrics_listener: Option<SocketAddr> = checks::metrics_listener,
        /// `medallion.request.memory.bytes`, or `queued.max.request.bytes` where that is less.
        request_memory_bytes: usize = checks::request_memory_bytes,
        /// `offsets.topic.compression.codec`.
        offsets_topic_compression: CompressionSettings = checks::offsets_topic_compression,
        /// What topics take over where they have no setting of their own.
        topic_defaults: TopicDefaults = TopicDefaults::read,
    }
}

/// One of `controller.quorum.voters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumVoter {
    /// The node.
    pub id: BrokerId,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl BrokerConfig {
    /// Reads and checks all settings. What is good to know comes beside the result, to be logged once.
    ///
    /// # Errors
    /// All that is wrong with single settings, or else the first thing that does not go together.
    pub fn new(settings: &Settings) -> Result<(Self, Vec<Notice>), ConfigErrors> {
        let mut settings = settings.clone();
        settings.unify_node_id();
        let (resolved, mut notices) = Resolved::new(&settings)?;
        checks::check(&resolved)?;
        let config = Self::read(&resolved)?;
        checks::check_together(&resolved, &config)?;
        notices.extend(
            config
                .listeners
                .iter()
                .filter(|listener| !listener.is_loopback())
                .map(|listener| Notice::OpenListener { listener: listener.to_string() }),
        );
        Ok((config, notices))
    }

    /// The listeners that serve clients and brokers.
    pub fn broker_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| !self.is_controller_listener(listener))
    }

    /// The listeners that serve the controller.
    pub fn controller_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| self.is_controller_listener(listener))
    }

    fn is_controller_listener(&self, listener: &Listener) -> bool {
        self.controller_listener_names.contains(&listener.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use crate::config::declaration::Effect;
    use crate::config::declarations;

    fn load(text: &str) -> Result<(BrokerConfig, Vec<Notice>), ConfigErrors> {
        let mut settings = Settings::new();
        settings.add_file("server.properties", text).unwrap();
        settings.assume_defaults();
        BrokerConfig::new(&settings)
    }

    fn config(text: &str) -> BrokerConfig {
        load(text).unwrap().0
    }

    fn error(text: &str) -> String {
        load(text).unwrap_err().to_string()
    }

    /// What stands in the sample file of Apache Kafka 4.3.
    const SAMPLE: &str = "process.roles=broker,controller\nnode.id=1\n\
        controller.quorum.bootstrap.servers=localhost:9093\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
        controller.listener.names=CONTROLLER\n\
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\
        SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
        num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n\
        socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n\
        log.dirs=/data/kraft-combined-logs\nnum.partitions=1\nnum.recovery.threads.per.data.dir=2\n\
        offsets.topic.replication.factor=1\nshare.coordinator.state.topic.replication.factor=1\n\
        share.coordinator.state.topic.min.isr=1\ntransaction.state.log.replication.factor=1\n\
        transaction.state.log.min.isr=1\nlog.retention.hours=168\nlog.segment.bytes=1073741824\n\
        log.retention.check.interval.ms=300000\n";

    #[test]
    fn kafkas_sample_file_starts_clean() {
        let (config, notices) = load(SAMPLE).unwrap();
        assert_eq!(config.node_id, BrokerId(1));
        assert_eq!(config.log_dirs, [PathBuf::from("/data/kraft-combined-logs")]);
        assert_eq!(config.metadata_log_dir, config.log_dirs[0]);
        let warnings: Vec<String> =
            notices.iter().filter(|n| n.is_warning()).map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "listener PLAINTEXT://:9092 has no authentication and is reachable from other machines",
                "listener CONTROLLER://:9093 has no authentication and is reachable from other machines",
            ]
        );
    }

    #[test]
    fn nothing_set_is_one_node_on_loopback() {
        let (config, notices) = load("").unwrap();
        assert_eq!(notices, []);
        let addresses: Vec<String> = config.broker_listeners().map(ToString::to_string).collect();
        assert_eq!(addresses, ["PLAINTEXT://127.0.0.1:9092"]);
        let controllers: Vec<String> = config.controller_listeners().map(ToString::to_string).collect();
        assert_eq!(controllers, ["CONTROLLER://127.0.0.1:9093"]);
        assert_eq!(config.advertised_listeners.len(), 1);
        assert_eq!(config.inter_broker_listener_name, "PLAINTEXT");
        assert_eq!(config.topic_defaults.topic([]).log, medallion_log::LogConfig::default());
    }

    #[test]
    fn older_names_are_taken() {
        assert_eq!(config("broker.id=7\nlog.dir=/a,/b").node_id, BrokerId(7));
        assert_eq!(config("log.dir=/a,/b").log_dirs.len(), 2);
        assert_eq!(config("log.dir=/a\nlog.dirs=/b").log_dirs, [PathBuf::from("/b")]);
        assert!(error("broker.id=7\nnode.id=8").contains("must be the same"));
    }

    #[test]
    fn finer_units_win() {
        let retention = |text: &str| config(text).topic_defaults.topic([]).log.retention_ms;
        assert_eq!(retention("log.retention.hours=1"), 3_600_000);
        assert_eq!(retention("log.retention.hours=1\nlog.retention.minutes=2"), 120_000);
        assert_eq!(retention("log.retention.minutes=2\nlog.retention.ms=3"), 3);
        assert_eq!(retention("log.retention.hours=-1"), -1);
        let flush = |text: &str| config(text).topic_defaults.topic([]).log.flush_ms;
        assert_eq!(flush("log.flush.scheduler.interval.ms=5"), 5);
        assert_eq!(flush("log.flush.scheduler.interval.ms=5\nlog.flush.interval.ms=4"), 4);
    }

    #[test]
    fn a_topics_own_settings_win() {
        let defaults = config("log.retention.ms=5\nmin.insync.replicas=2").topic_defaults;
        let topic = defaults.topic([("retention.ms", "7"), ("compression.type", "gzip"), ("unknown", "x")]);
        assert_eq!(topic.log.retention_ms, 7);
        assert_eq!(topic.log.compression, medallion_log::CompressionSetting::Gzip(None));
        assert_eq!(topic.min_insync_replicas, 2);
    }

    #[test]
    fn addresses_are_the_same_however_they_are_written() {
        let limits = config(
            "max.connections.per.ip.overrides=10.0.0.1:5, ::1:6,[2001:0:0:0:0:0:0:2]:7,::ffff:10.0.0.9:8",
        );
        let expected = [("10.0.0.1", 5), ("10.0.0.9", 8), ("::1", 6), ("2001::2", 7)];
        let expected = expected.map(|(address, limit)| (address.parse().unwrap(), limit));
        assert_eq!(limits.max_connections_per_ip_overrides, BTreeMap::from(expected));
    }

    #[test]
    fn errors_name_setting_value_place_and_what_is_allowed() {
        assert_eq!(
            error("num.partitions=0"),
            "Invalid value 0 for configuration num.partitions: Value must be at least 1 (server.properties:1)"
        );
        assert_eq!(
            error("a=1\nnum.partitions=x\nlog.cleanup.policy=none"),
            "Invalid value none for configuration log.cleanup.policy: String must be one of: compact, delete \
             (server.properties:3)\n\
             Invalid value x for configuration num.partitions: Not a number of type INT (server.properties:2)"
        );
        let overrides = error("max.connections.per.ip.overrides=10.0.0.1:5,localhost:6");
        assert!(
            overrides.contains("localhost is no IP address, and names of hosts are not looked up"),
            "{overrides}"
        );
        assert!(error("max.connections.per.ip.overrides=10.0.0.1").contains("must be address:limit"));
        assert!(error("log.retention.ms=0").contains("must be unlimited (-1) or, equal or greater than 1"));
    }

    #[test]
    fn what_would_harm_is_refused_by_name() {
        for (text, part) in [
            ("authorizer.class.name=a.B", "access control lists are not enforced yet"),
            ("remote.log.storage.system.enable=true", "tiered storage"),
            ("process.roles=broker", "broker and controller in one"),
            ("controller.quorum.voters=1@a:1,2@b:2", "a quorum of several controllers"),
            ("listeners=SSL://:1,CONTROLLER://:2", "needs SSL"),
            (
                "listeners=A://:1,CONTROLLER://:2\nlistener.security.protocol.map=A:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
                "needs SASL_PLAINTEXT",
            ),
        ] {
            let message = error(text);
            assert!(message.contains("is refused") && message.contains(part), "{text}: {message}");
        }
        config("authorizer.class.name=\nremote.log.storage.system.enable=FALSE");
    }

    #[test]
    fn listeners_must_fit_together() {
        for (text, part) in [
            ("listeners=A://:1", "No security protocol defined for listener A"),
            ("listeners=PLAINTEXT://:1", "listeners must have one of controller.listener.names"),
            ("listeners=PLAINTEXT://:1,CONTROLLER://:1", "different port"),
            ("listeners=PLAINTEXT://:1,PLAINTEXT://:2,CONTROLLER://:3", "different name"),
            ("listeners=CONTROLLER://:3", "not a controller's"),
            ("listeners=PLAINTEXT//:1", "must be NAME://host:port"),
            ("listeners=PLAINTEXT://:70000", "port from 0 to 65535"),
            ("advertised.listeners=PLAINTEXT://0.0.0.0:1", "no address that a client can connect to"),
            (
                "listeners=PLAINTEXT://0.0.0.0:1,CONTROLLER://127.0.0.1:2",
                "name one that it can route to in advertised.listeners",
            ),
            (
                "listeners=PLAINTEXT://[::]:1,CONTROLLER://127.0.0.1:2",
                "no address that a client can connect to",
            ),
            ("advertised.listeners=SSL://h:1", "which listeners does not have"),
            (
                "inter.broker.listener.name=CONTROLLER",
                "must be a listener name defined in advertised.listeners",
            ),
        ] {
            let message = error(text);
            assert!(message.contains(part), "{text}: {message}");
        }
        let told = |text: &str| {
            let config = config(text);
            let all = config.advertised_listeners.iter().chain(&config.advertised_controller_listeners);
            all.map(|listener| listener.host_for_others("machine")).collect::<Vec<_>>()
        };
        assert_eq!(told("listeners=PLAINTEXT://:1,CONTROLLER://0.0.0.0:2"), ["machine", "machine"]);
        assert_eq!(
            told("listeners=PLAINTEXT://0.0.0.0:1,CONTROLLER://c:2\nadvertised.listeners=PLAINTEXT://b:1"),
            ["b", "c"]
        );
        assert_eq!(
            told(
                "listeners=PLAINTEXT://:1,CONTROLLER://:2\nadvertised.listeners=CONTROLLER://c:2,PLAINTEXT://b:1"
            ),
            ["b", "c"]
        );
        let both = config("listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://[::1]:0");
        assert_eq!(
            both.controller_listeners().next().map(ToString::to_string).as_deref(),
            Some("CONTROLLER://[::1]:0")
        );
    }

    #[test]
    fn plain_fields_are_settings_that_are_not_refused() {
        for name in PLAIN_FIELDS {
            let declaration =
                declarations::broker().get(name).unwrap_or_else(|| panic!("{name} is not declared"));
            assert!(!matches!(declaration.effect, Effect::Refused(_)), "{name}");
        }
    }

    /// Settings that are read for a derived field, or as bounds of others.
    const DERIVED: [&str; 24] = [
        "advertised.listeners",
        "broker.id",
        "controller.listener.names",
        "controller.quorum.voters",
        "group.consumer.max.assignment.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
        "group.consumer.max.session.timeout.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.min.session.timeout.ms",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "listeners",
        "log.dir",
        "log.dirs",
        "log.roll.hours",
        "max.connections.per.ip.overrides",
        "medallion.metrics.listener",
        "medallion.request.memory.bytes",
        "metadata.log.dir",
        "node.id",
        "offsets.topic.compression.codec",
        "process.roles",
        "security.inter.broker.protocol",
    ];

    #[test]
    fn what_is_said_to_work_is_read() {
        let topics: Vec<&str> =
            declarations::topic().values().flat_map(|topic| topic.broker_synonyms).copied().collect();
        for (name, declaration) in declarations::broker() {
            let read = PLAIN_FIELDS.contains(name) || DERIVED.contains(name) || topics.contains(name);
            assert!(
                declaration.effect != Effect::Works || read,
                "{name} is said to work and is read nowhere"
            );
        }
    }

    #[test]
    fn the_smaller_limit_of_request_memory_holds() {
        assert_eq!(config("").request_memory_bytes, 134_217_728);
        assert_eq!(config("queued.max.request.bytes=110000000").request_memory_bytes, 110_000_000);
        assert_eq!(config("queued.max.request.bytes=999999999").request_memory_bytes, 134_217_728);
        assert!(
            error("queued.max.request.bytes=1")
                .contains("must be larger or equal to socket.request.max.bytes")
        );
    }

    #[test]
    fn settings_without_effect_are_told_where_they_differ_from_the_default() {
        let (_, notices) = load("background.threads=10\nqueued.max.requests=7\nnum.partition=3").unwrap();
        assert_eq!(notices.len(), 2);
        assert_eq!(
            notices[0],
            Notice::Unknown {
                name: "num.partition".into(),
                origin: Origin::File { path: "server.properties".into(), line: 3 },
                suggestion: Some("num.partitions"),
            }
        );
        assert!(notices[1].to_string().starts_with("queued.max.requests has no effect: "));
    }
}
