//! The registry's own settings.

use std::path::PathBuf;
use std::time::Duration;

use medallion_schema_registry::CompatibilityLevel;
use medallion_schema_registry::store;
use medallion_settings::{ConfigError, Properties, Property, check_unknown, settings};

use super::java_only::FOREIGN;
use super::{
    Authentication, ClientCertificates, IncompatibleCode, Level, Listener, Scheme, Seconds, kafkastore,
};
use crate::api::{Limit, Limits};
use crate::http::cors;

/// As many as a response can count, in Java.
const LIMIT_MAX: usize = 2_147_483_647;

settings! {
    /// What a registry is set up with.
    pub struct RegistrySettings {
        /// Where it listens for HTTP and HTTPS.
        listeners: Vec<Listener> ["listeners", high] = vec![Listener { scheme: Scheme::Http, host: "0.0.0.0".to_owned(), port: 8081 }];
        /// The brokers to begin with; a security protocol before an address (`SASL_SSL://`) is taken for `kafkastore.security.protocol` where that is not set.
        bootstrap_servers: Vec<String> ["kafkastore.bootstrap.servers"] = Vec::new();
        /// The topic of schemas, settings and modes: one partition, compacted.
        topic: String ["kafkastore.topic", high] = "_schemas".to_owned();
        /// How many replicas the topic has when it is made, as far as there are brokers.
        replication_factor: i16 ["kafkastore.topic.replication.factor", high] = 3, range 1..=i16::MAX;
        /// Whether the topic is used as it is: neither made nor looked at.
        skips_validation: bool ["kafkastore.topic.skip.validation"] = false;
        /// How long a write may take until it is acknowledged (at most half of `kafkagroup.session.timeout.ms`), and again until this instance has read it.
        timeout: Duration ["kafkastore.timeout.ms"] = Duration::from_millis(500), range 1..=i32::MAX;
        /// How long the topic may take to be read at the start.
        init_timeout: Duration ["kafkastore.init.timeout.ms"] = Duration::from_mins(1), range 1..=i32::MAX;
        /// The name under which other instances reach this one.
        host_name: Option<String> ["host.name", high] = None;
        /// The port under which other instances reach this one; that of a listener unless set.
        host_port: Option<u16> ["host.port"] = None;
        /// How instances speak to each other; a listener must have it.
        inter_instance_protocol: Scheme ["inter.instance.protocol", low] = Scheme::Http;
        /// Headers of clients that are forwarded with a write, beside those that it needs.
        forwarded_headers: Vec<String> ["inter.instance.headers.whitelist", low] = Vec::new();
        /// The group of the instances that elect a leader.
        group_id: String ["schema.registry.group.id"] = "schema-registry".to_owned();
        /// Whether this instance may be the one that writes.
        leader_eligibility: bool ["leader.eligibility"] = true;
        /// Whether a leader stays one when an instance with a smaller address comes.
        leader_sticky: bool ["leader.election.sticky", low] = false;
        /// How long the leader may take to accept a connection of another instance.
        leader_connect_timeout: Duration ["leader.connect.timeout.ms", low] = Duration::from_mins(1), range 1..=i32::MAX;
        /// How long the leader may take to answer another instance.
        leader_read_timeout: Duration ["leader.read.timeout.ms", low] = Duration::from_mins(1), range 1..=i32::MAX;
        /// After which time without a sign of life an instance is out of the group.
        session_timeout: Duration ["kafkagroup.session.timeout.ms"] = Duration::from_secs(10), range 1..=i32::MAX;
        /// How often an instance gives a sign of life.
        heartbeat_interval: Duration ["kafkagroup.heartbeat.interval.ms"] = Duration::from_secs(3), range 1..=i32::MAX;
        /// How long the group waits for its members at an election.
        rebalance_timeout: Duration ["kafkagroup.rebalance.timeout.ms"] = Duration::from_mins(5), range 1..=i32::MAX;
        /// The compatibility level where none is set.
        compatibility_level: Level ["schema.compatibility.level", high] = Level(CompatibilityLevel::Backward);
        /// The older name of `schema.compatibility.level`.
        avro_compatibility_level: Option<Level> ["avro.compatibility.level", high] = None;
        /// How many parsed schemas are kept, so that the next check or registration needs not parse them again: those that were asked for last. 0 for none. Their texts take no more than 1 MiB together.
        cache_size: usize ["schema.cache.size", low] = 1000, range 0..=i32::MAX;
        /// After which time without a question a parsed schema is dropped.
        cache_expiry: Seconds ["schema.cache.expiry.secs", low] = Seconds(Duration::from_mins(5)), range 0..=i32::MAX;
        /// Whether modes can be changed.
        mode_mutability: bool ["mode.mutability", low] = true;
        /// Whether new schemas are looked at more closely than old ones.
        validate_new_schemas: bool ["schema.validate.new.schemas", low] = true;
        /// Whether reserved fields are checked.
        validate_fields: bool ["schema.validate.fields", low] = false;
        /// Whether a subject must have a name.
        reject_empty_subject: bool ["schema.reject.empty.subject", low] = false;
        /// Whether two versions of one reference are an error.
        reference_versions_strict: bool ["reference.versions.strict", low] = false;
        /// How many schemas `GET /schemas` lists where nothing, or too much, is asked for.
        schema_default_limit: usize ["schema.search.default.limit", low] = 1000, range 0..=LIMIT_MAX;
        /// How many schemas can be asked for at once.
        schema_max_limit: usize ["schema.search.max.limit", low] = 1000, range 0..=LIMIT_MAX;
        /// As `schema.search.default.limit`, for subjects.
        subject_default_limit: usize ["subject.search.default.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// As `schema.search.max.limit`, for subjects.
        subject_max_limit: usize ["subject.search.max.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// As `schema.search.default.limit`, for versions.
        version_default_limit: usize ["subject.version.search.default.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// As `schema.search.max.limit`, for versions.
        version_max_limit: usize ["subject.version.search.max.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// As `schema.search.default.limit`, for contexts.
        context_default_limit: usize ["context.search.default.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// As `schema.search.max.limit`, for contexts.
        context_max_limit: usize ["context.search.max.limit", low] = LIMIT_MAX, range 0..=LIMIT_MAX;
        /// How long a connection may be idle: between two requests, while the next part of a body is waited for, and while a client takes no answer. A request's head must be there whole within this time.
        idle_timeout: Duration ["idle.timeout.ms", low] = Duration::from_secs(30), range 1..=i32::MAX;
        /// How long the whole body of a request may take.
        body_timeout: Duration ["medallion.request.body.timeout.ms", low] = Duration::from_mins(1), range 1..=i32::MAX;
        /// How long a request may take until it is answered 504; a change may be made all the same.
        request_timeout: Duration ["request.timeout.ms", low] = Duration::from_mins(10), range 1..=i32::MAX;
        /// The largest head of a request in bytes; a larger one is answered 431.
        head_bytes_max: usize ["max.request.header.size", low] = 8192, range 256..=1 << 20;
        /// Whether answers of 1 KiB and more are sent by gzip to clients that take it (`Accept-Encoding`).
        compression: bool ["compression.enable"] = true;
        /// The origins whose pages browsers may let ask (CORS), as `https://app.example.com`; `*` in one stands for any letters. Without it none may.
        cors_origins: Vec<String> ["access.control.allow.origin"] = Vec::new();
        /// The methods that they may use, or `*`; GET, POST and HEAD unless set.
        cors_methods: Vec<String> ["access.control.allow.methods"] = Vec::new();
        /// The headers that they may send, or `*`; X-Requested-With, Content-Type, Accept and Origin unless set.
        cors_headers: Vec<String> ["access.control.allow.headers", low] = Vec::new();
        /// How many connections there may be: for one more, the one that has been idle the longest is closed, or it waits where all are busy. 0 for so many that they take half of the files that the process may open.
        connection_limit: usize ["server.connection.limit", low] = 0, range 0..=i32::MAX;
        /// How long a stop waits for the requests that are under way.
        graceful_stop: Duration ["shutdown.graceful.ms", low] = Duration::from_secs(10), range 0..=i32::MAX;
        /// Whether `size.limit.filter.max.request.body.size` holds.
        size_limit_enabled: bool ["size.limit.filter.enabled"] = false;
        /// The largest body of a request in bytes, where that is limited more narrowly than by `medallion.request.max.bytes`.
        size_limit: usize ["size.limit.filter.max.request.body.size"] = 1 << 20, range 1..=i32::MAX;
        /// The largest body of a request in bytes, always.
        request_bytes_max: usize ["medallion.request.max.bytes", low] = 16 << 20, range 1..=i32::MAX;
        /// The `error_code` of an incompatible schema: 409 up to Confluent 8.1 and in Karapace, 40901 from 8.2 on.
        incompatible_code: IncompatibleCode ["medallion.incompatible.error.code", low] = IncompatibleCode::Conflict;
        /// The levels of log lines, as `info,medallion_schema_registry_server=debug`.
        log_level: String ["medallion.log.level", low] = "info".to_owned();
        /// `text`, or `json` for one object a line.
        log_format: String ["medallion.log.format", low] = "text".to_owned();
        /// How clients prove who they are.
        authentication: Authentication ["authentication.method"] = Authentication::None;
        /// What clients are told they are asked for.
        realm: String ["authentication.realm"] = "schema-registry".to_owned();
        /// The roles of which a user must have one; `*` for any.
        roles: Vec<String> ["authentication.roles"] = vec!["*".to_owned()];
        /// The users of BASIC, a line each: `name: password,role,...`; a password may be `SHA-256:` and the digest in hexadecimal digits.
        users_file: Option<PathBuf> ["medallion.authentication.users.file", high] = None;
        /// The tokens of BEARER, a line each: `name: token,role,...`; a token may be `SHA-256:` and the digest in hexadecimal digits.
        tokens_file: Option<PathBuf> ["medallion.authentication.tokens.file", high] = None;
        /// Where the public keys of an identity provider are that signs tokens (JWT) of BEARER: `https://`, `http://` or `file:///`. They are looked up again when a token names a key that is not known, at most every 5 s.
        jwks_url: Option<String> ["oauthbearer.jwks.endpoint.url"] = None;
        /// After which time the keys are looked up again in any case.
        jwks_refresh: Duration ["oauthbearer.jwks.endpoint.refresh.ms", low] = Duration::from_hours(1), range 1..=i64::MAX;
        /// Who may sign the certificate of `oauthbearer.jwks.endpoint.url`, as a PEM file; those that the system trusts unless set.
        jwks_truststore: Option<PathBuf> ["medallion.oauthbearer.truststore.file"] = None;
        /// Who must have issued a token (its claim `iss`).
        expected_issuer: Option<String> ["oauthbearer.expected.issuer"] = None;
        /// For whom a token must be (its claim `aud`): one of these. Where none is set, a token must name nobody.
        expected_audience: Vec<String> ["oauthbearer.expected.audience"] = Vec::new();
        /// The claim of a token that is the user's name.
        sub_claim: String ["oauthbearer.sub.claim.name", low] = "sub".to_owned();
        /// The claim of a token with the user's roles.
        groups_claim: Option<String> ["oauthbearer.groups.claim.name", low] = None;
        /// How far the clocks of whoever issues tokens and of this machine may differ.
        clock_skew: Seconds ["oauthbearer.clock.skew.seconds", low] = Seconds(Duration::from_secs(30)), range 0..=i32::MAX;
        /// Who may do what to which subjects, a line each: `who right subjects`. Who is a user's name, `@role` or `*`; the right is `read`, `write` or `admin`, each with those before it; subjects are a name, or its beginning and `*`. Without this file all may do everything.
        rights_file: Option<PathBuf> ["medallion.authorization.file", high] = None;
        /// Paths that need no authentication; with `*` at the end, all that begin so. `/metrics` and `/health` never need one.
        authentication_skips: Vec<String> ["authentication.skip.paths", low] = Vec::new();
        /// The private key and the certificates of HTTPS, in one PEM file.
        keystore: Option<PathBuf> ["ssl.keystore.location", high] = None;
        /// Who may sign certificates of clients and of other instances, as a PEM file.
        truststore: Option<PathBuf> ["ssl.truststore.location", high] = None;
        /// Whether clients must show a certificate.
        client_certificates: ClientCertificates ["ssl.client.authentication"] = ClientCertificates::None;
        and {
            /// Settings of the client on the topic, without their prefix.
            client: Vec<Property>,
            /// Settings of the topic when it is made.
            topic_configs: Vec<(String, String)>,
        }
    }
}

impl RegistrySettings {
    /// Reads settings; of a name that comes twice the later value holds.
    ///
    /// # Errors
    /// For a name that does not exist or is not supported, and for values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        let properties: Properties = properties.into_iter().collect();
        let mut settings = Self::default();
        let others = FOREIGN.leave_aside(properties.assign(&mut [&mut settings])?)?;
        check_unknown(&settings.take_prefixed(others)?, &[Self::DECLARATIONS])?;
        settings.take_protocol_of_bootstrap_servers();
        settings.validate().map_err(|error| properties.placed(error))?;
        Ok(settings)
    }

    /// Takes what begins with `kafkastore.`; the others come back.
    fn take_prefixed<'a>(&mut self, properties: Vec<&'a Property>) -> Result<Vec<&'a Property>, ConfigError> {
        let mut others = Vec::new();
        for property in properties {
            if let Some(config) = property.name.strip_prefix("kafkastore.topic.config.") {
                self.topic_configs.push((config.to_owned(), property.value.trim().to_owned()));
            } else if let Some(name) = property.name.strip_prefix(kafkastore::PREFIX) {
                kafkastore::take(&mut self.client, name, property)?;
            } else {
                others.push(property);
            }
        }
        Ok(others)
    }

    /// `SASL_SSL://host:port`, as Confluent's registry takes it.
    fn take_protocol_of_bootstrap_servers(&mut self) {
        let is_set = self.client.iter().any(|property| property.name == "security.protocol");
        for server in &mut self.bootstrap_servers {
            let Some((protocol, address)) = server.split_once("://") else { continue };
            if !is_set {
                self.client.push(("security.protocol", protocol).into());
            }
            *server = address.to_owned();
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let conflict = |name, reason: &str| Err(ConfigError::conflict(name, reason));
        if self.bootstrap_servers.is_empty() {
            return conflict("kafkastore.bootstrap.servers", "at least one host:port is needed");
        }
        if self.listeners.is_empty() {
            return conflict("listeners", "at least one is needed");
        }
        if self.listeners.iter().any(|listener| listener.scheme == Scheme::Https) && self.keystore.is_none() {
            return conflict(
                "ssl.keystore.location",
                "HTTPS needs a PEM file with a private key and certificates",
            );
        }
        if self.client_certificates != ClientCertificates::None && self.truststore.is_none() {
            return conflict("ssl.truststore.location", "ssl.client.authentication needs it");
        }
        if self.listener_between_instances().is_none() {
            return conflict("inter.instance.protocol", "no listener has it");
        }
        if self.authentication == Authentication::Basic && self.users_file.is_none() {
            return conflict("medallion.authentication.users.file", "authentication.method=BASIC needs it");
        }
        let takes_tokens = self.tokens_file.is_some() || self.jwks_url.is_some();
        if self.authentication == Authentication::Bearer && !takes_tokens {
            let reason = "authentication.method=BEARER needs it, or medallion.authentication.tokens.file";
            return conflict("oauthbearer.jwks.endpoint.url", reason);
        }
        if self.authentication != Authentication::Bearer && self.jwks_url.is_some() {
            let reason = "without authentication.method=BEARER nobody is asked for a token";
            return conflict("oauthbearer.jwks.endpoint.url", reason);
        }
        if self.jwks_url.is_some() && self.expected_issuer.is_none() && self.expected_audience.is_empty() {
            tracing::warn!(
                "neither oauthbearer.expected.issuer nor oauthbearer.expected.audience is set: each token without an \
                 audience that one of the keys has signed is taken"
            );
        }
        if self.rights_file.is_some() && self.authentication == Authentication::None {
            return conflict(
                "medallion.authorization.file",
                "without authentication.method nobody has a name",
            );
        }
        if self.heartbeat_interval >= self.session_timeout {
            return conflict(
                "kafkagroup.heartbeat.interval.ms",
                "it must be below kafkagroup.session.timeout.ms",
            );
        }
        cors::layer(self)?;
        self.client_settings().map(drop)
    }

    /// `medallion.log.level`
    pub fn log_level(&self) -> &str {
        &self.log_level
    }

    /// `medallion.log.format`
    pub fn log_format(&self) -> &str {
        &self.log_format
    }

    /// The listener that other instances are told of.
    pub(crate) fn listener_between_instances(&self) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.scheme == self.inter_instance_protocol)
    }

    /// The settings of the client on the topic.
    pub(crate) fn client_settings(&self) -> Result<medallion_client::ClientSettings, ConfigError> {
        let servers = self.bootstrap_servers.join(",");
        let own = [
            ("bootstrap.servers", servers.as_str()),
            ("client.id", "schema-registry"),
            ("allow.auto.create.topics", "false"),
        ];
        let properties = own.into_iter().map(Property::from).chain(self.client.iter().cloned());
        medallion_client::ClientSettings::from_properties(properties).map_err(Self::of_client)
    }

    /// The error of a setting of that client, under the name that it has here.
    pub(crate) fn of_client(error: ConfigError) -> ConfigError {
        error.behind(kafkastore::PREFIX, medallion_client::ClientSettings::DECLARATIONS)
    }

    /// What decisions depend on.
    pub(crate) fn store_settings(&self) -> store::Settings {
        store::Settings {
            compatibility_level: self.avro_compatibility_level.unwrap_or(self.compatibility_level).0,
            mode_mutability: self.mode_mutability,
            validate_new_schemas: self.validate_new_schemas,
            validate_fields: self.validate_fields,
            reject_empty_subject: self.reject_empty_subject,
            reference_versions_strict: self.reference_versions_strict,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let limit = |default: usize, max: usize| Limit { default, max };
        Limits {
            schemas: limit(self.schema_default_limit, self.schema_max_limit),
            subjects: limit(self.subject_default_limit, self.subject_max_limit),
            versions: limit(self.version_default_limit, self.version_max_limit),
            contexts: limit(self.context_default_limit, self.context_max_limit),
        }
    }

    pub(crate) fn body_bytes_max(&self) -> usize {
        if self.size_limit_enabled {
            self.size_limit.min(self.request_bytes_max)
        } else {
            self.request_bytes_max
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<RegistrySettings, ConfigError> {
        let all = [("kafkastore.bootstrap.servers", "SASL_PLAINTEXT://a:1,SASL_PLAINTEXT://b:2")];
        let sasl = [
            ("kafkastore.sasl.mechanism", "PLAIN"),
            ("kafkastore.sasl.jaas.config", r#"x.PlainLoginModule required username="u" password="p;q";"#),
        ];
        RegistrySettings::from_properties(all.iter().chain(&sasl).chain(more).copied())
    }

    #[test]
    fn settings_of_the_client_are_found_behind_their_prefix() {
        let settings = read(&[]).unwrap();
        let client = settings.client_settings().unwrap();
        assert_eq!(settings.bootstrap_servers, ["a:1", "b:2"]);
        assert!(format!("{client:?}").contains("SaslPlaintext"), "{client:?}");
        let error = read(&[("kafkastore.no.such", "1")]).unwrap_err().to_string();
        assert_eq!(error, "there is no setting kafkastore.no.such");
    }

    #[test]
    fn errors_tell_the_place() {
        let place = |text: &str| {
            let mut properties = Properties::new();
            let text = format!("kafkastore.bootstrap.servers=a:1\n{text}");
            properties.add_file("registry.properties", &text).unwrap();
            RegistrySettings::from_properties(properties).unwrap_err().to_string()
        };
        for (text, expected) in [
            ("host.port=x", "host.port=x: expected a number from 0 to 65535"),
            ("listeners=", "listeners: at least one is needed"),
            ("rest.port=1", "there is no setting rest.port; did you mean host.port?"),
            ("http2.enabled=true", "http2.enabled is not supported: HTTP/1.1 is spoken"),
            (
                "kafkastore.request.timeout.ms=soon",
                "kafkastore.request.timeout.ms=soon: expected milliseconds",
            ),
            (
                "kafkastore.bootstrap.servers=127.0.0.1",
                "kafkastore.bootstrap.servers=127.0.0.1: expected host:port",
            ),
            (
                "kafkastore.sasl.mechanism=ROT13",
                "kafkastore.sasl.mechanism=ROT13: expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            ),
            (
                "kafkastore.ssl.keystore.key=x",
                "kafkastore.ssl.keystore.key: needs kafkastore.ssl.keystore.certificate.chain, and the other way round",
            ),
            (
                "kafkastore.secruity.protocol=SSL",
                "there is no setting kafkastore.secruity.protocol; did you mean kafkastore.security.protocol?",
            ),
        ] {
            assert_eq!(place(text), format!("{expected} (registry.properties:2)"));
        }
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (name, value, words) in [
            ("listners", "http://a:1", "did you mean listeners?"),
            ("resource.extension.class", "a.b.C", "resource.extension.class is not supported"),
            ("schema.compatibility.level", "sideways", "expected one of none, backward"),
            ("listeners", "https://a:1", "ssl.keystore.location"),
            ("inter.instance.protocol", "https", "no listener has it"),
            ("authentication.method", "BASIC", "medallion.authentication.users.file"),
            ("authentication.method", "BEARER", "oauthbearer.jwks.endpoint.url"),
            ("oauthbearer.jwks.endpoint.url", "file:///keys", "authentication.method=BEARER"),
            ("kafkastore.timeout.ms", "0", "kafkastore.timeout.ms=0: expected 1 to 2147483647"),
            ("kafkastore.timeout.ms", "-1", "kafkastore.timeout.ms=-1: expected milliseconds"),
            ("kafkastore.init.timeout.ms", "0", "kafkastore.init.timeout.ms=0: expected 1 to"),
            ("kafkastore.topic.replication.factor", "0", "expected 1 to 32767"),
            ("kafkagroup.rebalance.timeout.ms", "2147483648", "expected 1 to 2147483647"),
            ("leader.read.timeout.ms", "0", "leader.read.timeout.ms=0: expected 1 to"),
            ("request.timeout.ms", "0", "request.timeout.ms=0: expected 1 to"),
            ("max.request.header.size", "10", "max.request.header.size=10: expected 256 to"),
            ("medallion.request.max.bytes", "0", "medallion.request.max.bytes=0: expected 1 to"),
            ("schema.cache.expiry.secs", "99999999999", "expected 0 to 2147483647"),
            ("access.control.allow.origin", "example.com", "access.control.allow.origin: example.com is"),
            ("access.control.allow.methods", "GET", "needs access.control.allow.origin"),
            ("idle.timeout.ms", "0", "idle.timeout.ms=0: expected 1 to"),
            ("medallion.incompatible.error.code", "410", "409 or 40901"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
        read(&[("resource.extension.class", ""), ("debug", "false"), ("metrics.jmx.prefix", "x")]).unwrap();
    }
}
