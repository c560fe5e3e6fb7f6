//! What every client is set up with.

use std::path::PathBuf;
use std::time::Duration;

use medallion_settings::certificates::{EndpointIdentification, StoreType};
use medallion_settings::{ConfigError, Properties, Property, Secret, Settings as _, Value as _, settings};

use super::java_only::FOREIGN;
use super::value::{RecoveryStrategy, SaslMechanism, SecurityProtocol};
use crate::connection::Address;

settings! {
    /// What a [`Client`](crate::Client) is set up with: brokers, time limits, security.
    ///
    /// ```
    /// use std::time::Duration;
    /// use medallion_client::ClientSettings;
    ///
    /// let by_builder = ClientSettings::new("a:9092,b:9092").request_timeout(Duration::from_secs(10));
    /// let by_properties = ClientSettings::from_properties([
    ///     ("bootstrap.servers", "a:9092,b:9092"),
    ///     ("request.timeout.ms", "10000"),
    /// ])?;
    /// assert_eq!(by_builder, by_properties);
    /// # Ok::<(), medallion_client::ConfigError>(())
    /// ```
    pub struct ClientSettings with builders {
        /// Brokers to begin with, as `host:port`. They are tried in random order, all addresses of each name.
        bootstrap_servers: Vec<String> ["bootstrap.servers", high] = Vec::new();
        /// The name by which brokers know this client in logs and quotas.
        client_id: String ["client.id"] = "medallion-client".to_owned();
        /// Where the client is: consumers read from a replica nearby where brokers know one (KIP-392), and members of classic groups are assigned what is nearby, as far as shares stay even (`range`, `sticky`, `cooperative-sticky`; KIP-881).
        client_rack: Option<String> ["client.rack", low] = None;
        /// How long an answer may take; then the connection is closed and the request tried elsewhere or again.
        request_timeout: Duration ["request.timeout.ms"] = Duration::from_secs(30), range 1..=i32::MAX;
        /// How long a call of the admin client may take, with all its attempts.
        default_api_timeout: Duration ["default.api.timeout.ms"] = Duration::from_secs(60), range 1..=i32::MAX;
        /// The wait before the first retry of a request.
        retry_backoff: Duration ["retry.backoff.ms", low] = Duration::from_millis(100), range 0..=i32::MAX;
        /// The longest wait before a retry; waits double until then.
        retry_backoff_max: Duration ["retry.backoff.max.ms", low] = Duration::from_secs(1), range 0..=i32::MAX;
        /// The wait before the first new attempt to connect to a broker.
        reconnect_backoff: Duration ["reconnect.backoff.ms", low] = Duration::from_millis(50), range 0..=i32::MAX;
        /// The longest wait before a new attempt to connect.
        reconnect_backoff_max: Duration ["reconnect.backoff.max.ms", low] = Duration::from_secs(1), range 0..=i32::MAX;
        /// How long a connection may take to open, with TLS and SASL.
        connection_setup_timeout: Duration ["socket.connection.setup.timeout.ms"] = Duration::from_secs(10), range 1..=i32::MAX;
        /// The longest time that a connection may take to open after failures; the time doubles until then.
        connection_setup_timeout_max: Duration ["socket.connection.setup.timeout.max.ms"] = Duration::from_secs(30), range 1..=i32::MAX;
        /// When a connection without requests is closed; 0 for never (-1 in Java).
        connections_max_idle: Duration ["connections.max.idle.ms"] = Duration::from_mins(9), range 0..=i64::MAX;
        /// The longest answer that is taken, in bytes (librdkafka's name; Java has no limit).
        receive_message_max_bytes: usize ["receive.message.max.bytes", low] = 256 << 20, range 1000..=i32::MAX;
        /// The size of sockets' send buffers; -1 leaves it to the system, which is the default here (Java: 131072).
        send_buffer_bytes: i32 ["send.buffer.bytes"] = -1, range -1..=i32::MAX;
        /// The size of sockets' receive buffers; -1 leaves it to the system, which is the default here (Java: 32768 or 65536).
        receive_buffer_bytes: i32 ["receive.buffer.bytes"] = -1, range -1..=i32::MAX;
        /// When metadata is asked for again though nothing has changed.
        metadata_max_age: Duration ["metadata.max.age.ms", low] = Duration::from_mins(5), range 0..=i64::MAX;
        /// After which time without use a topic's metadata is not asked for any more.
        metadata_max_idle: Duration ["metadata.max.idle.ms", low] = Duration::from_mins(5), range 5000..=i64::MAX;
        /// What to do when no known broker can be reached.
        metadata_recovery_strategy: RecoveryStrategy ["metadata.recovery.strategy", low] = RecoveryStrategy::Rebootstrap;
        /// How long metadata may fail to come before the client begins again with `bootstrap.servers`.
        metadata_recovery_rebootstrap_trigger: Duration ["metadata.recovery.rebootstrap.trigger.ms", low] = Duration::from_mins(5), range 0..=i32::MAX;
        /// Whether brokers may make topics that are asked for and do not exist.
        allow_auto_create_topics: bool ["allow.auto.create.topics"] = true;
        /// How connections are protected and authenticated.
        security_protocol: SecurityProtocol ["security.protocol"] = SecurityProtocol::Plaintext;
        /// The form of the trusted certificates. PEM is the default here (Java: JKS).
        ssl_truststore_type: StoreType ["ssl.truststore.type"] = StoreType::Pem;
        /// A PEM file with the certificates of trusted authorities; without it, the system's are trusted.
        ssl_truststore_location: Option<PathBuf> ["ssl.truststore.location", high] = None;
        /// The trusted certificates themselves, as PEM text.
        ssl_truststore_certificates: Option<String> ["ssl.truststore.certificates", high] = None;
        /// The form of our own certificate and key. PEM is the default here (Java: JKS).
        ssl_keystore_type: StoreType ["ssl.keystore.type"] = StoreType::Pem;
        /// A PEM file with our private key (PKCS #8, PKCS #1 or SEC 1) and certificate chain.
        ssl_keystore_location: Option<PathBuf> ["ssl.keystore.location", high] = None;
        /// Our private key itself, as PEM text.
        ssl_keystore_key: Option<Secret> ["ssl.keystore.key", high] = None;
        /// Our certificate chain itself, as PEM text.
        ssl_keystore_certificate_chain: Option<String> ["ssl.keystore.certificate.chain", high] = None;
        /// Whether a broker's certificate must be for its host.
        ssl_endpoint_identification_algorithm: EndpointIdentification ["ssl.endpoint.identification.algorithm", low] = EndpointIdentification::Https;
        /// How the client proves who it is. Java's default is GSSAPI, which is not supported.
        sasl_mechanism: SaslMechanism ["sasl.mechanism"] = SaslMechanism::Plain;
        /// The user's name for PLAIN and SCRAM (librdkafka's name; Java has it in `sasl.jaas.config`).
        sasl_username: Option<String> ["sasl.username", high] = None;
        /// The user's password for PLAIN and SCRAM (librdkafka's name; Java has it in `sasl.jaas.config`).
        sasl_password: Option<Secret> ["sasl.password", high] = None;
        /// A fixed token for OAUTHBEARER; see `TokenProvider` for tokens that expire.
        sasl_oauthbearer_token: Option<Secret> ["sasl.oauthbearer.token", high] = None;
    }
}

impl ClientSettings {
    /// The defaults, with these brokers (`host:port`, separated by commas) to begin with.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self { bootstrap_servers: Vec::parse(bootstrap_servers).unwrap_or_default(), ..Self::default() }
    }

    /// The settings of a properties file: pairs of names and texts, see [`parse_properties`](super::parse_properties), or
    /// [`Properties`], which know where each stands.
    ///
    /// # Errors
    /// For a name that does not exist or is not supported, and for values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        let properties: Properties = properties.into_iter().collect();
        let mut settings = Self::default();
        properties.read_into(&mut [&mut settings], &FOREIGN)?;
        settings.validate().map_err(|error| properties.placed(error))?;
        Ok(settings)
    }

    /// Sets one more by its name.
    ///
    /// # Errors
    /// As [`ClientSettings::from_properties`], without the check of what goes together.
    pub fn set(self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.set_all([(name, value)])
    }

    /// Sets several more by their names.
    ///
    /// # Errors
    /// As [`ClientSettings::set`].
    pub fn set_all<P: Into<Property>>(
        mut self,
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        let properties: Properties = properties.into_iter().collect();
        properties.read_into(&mut [&mut self], &FOREIGN)?;
        Ok(self)
    }

    /// Refuses what does not go together.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let conflict = |name, reason: &str| Err(ConfigError::conflict(name, reason));
        self.check_ranges()?;
        if self.bootstrap_servers.is_empty() {
            return conflict("bootstrap.servers", "at least one host:port is needed");
        }
        for server in &self.bootstrap_servers {
            Address::parse(server)?;
        }
        if self.ssl_truststore_location.is_some() && self.ssl_truststore_certificates.is_some() {
            return conflict("ssl.truststore.certificates", "does not go with ssl.truststore.location");
        }
        let chain = self.ssl_keystore_certificate_chain.is_some();
        if self.ssl_keystore_key.is_some() != chain {
            return conflict(
                "ssl.keystore.key",
                "needs ssl.keystore.certificate.chain, and the other way round",
            );
        }
        if self.ssl_keystore_location.is_some() && chain {
            return conflict("ssl.keystore.certificate.chain", "does not go with ssl.keystore.location");
        }
        if self.security_protocol.has_tls() && !cfg!(feature = "tls") {
            return conflict("security.protocol", "this client was built without its feature `tls`");
        }
        let needs_password =
            self.security_protocol.has_sasl() && self.sasl_mechanism != SaslMechanism::OauthBearer;
        if needs_password && (self.sasl_username.is_none() || self.sasl_password.is_none()) {
            return conflict("sasl.username", "PLAIN and SCRAM need it and sasl.password");
        }
        Ok(())
    }
}
