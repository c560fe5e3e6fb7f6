//! Settings of Confluent's registry that this one does not have.

use strsim::levenshtein;

use super::{RegistrySettings, SettingsError};

/// Settings whose value cannot matter here.
pub(super) const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("debug", "errors are told with their reason always"),
    ("access.log.enabled", "requests are counted in /metrics"),
    ("kafkastore.init.wait.for.reader", "requests are answered once the topic has been read"),
    ("kafkastore.write.max.retries", "a write is tried again until kafkastore.timeout.ms is over"),
    ("kafkastore.checkpoint.dir", "the topic is read from its beginning at each start"),
    ("kafkastore.checkpoint.version", "the topic is read from its beginning at each start"),
    ("kafkastore.group.id", "the reader is no member of a group"),
    ("leader.election.delay", "an instance joins the election once it has read the topic, always"),
    ("enable.store.health.check", "/health/ready tells the store's state always"),
    ("metrics.jmx.prefix", "there is no JMX; see /metrics"),
    ("metrics.num.samples", "metrics are counters and totals"),
    ("metrics.sample.window.ms", "metrics are counters and totals"),
    ("response.mediatype.default", "application/vnd.schemaregistry.v1+json is the default"),
    ("response.mediatype.preferred", "the order is that of Confluent's registry"),
    ("request.logger.name", "requests are counted in /metrics"),
    ("thread.pool.min", "there is no pool of threads for requests"),
    ("thread.pool.max", "there is no pool of threads for requests"),
    ("request.queue.capacity", "there is no queue of requests before they are read"),
    ("request.queue.capacity.init", "there is no queue of requests before they are read"),
    ("request.queue.capacity.growby", "there is no queue of requests before they are read"),
    ("max.response.header.size", "heads of answers are a few hundred bytes"),
    ("suppress.stack.trace.response", "there are no stack traces"),
    ("nosniff.prevention.enable", "answers are JSON"),
    (
        "request.timeout.interrupt.enable",
        "a decision that takes too long is answered 504 and goes on by itself",
    ),
    ("compression.enable", "answers are sent as they are"),
    ("metrics.tag.map", "there is no JMX; see /metrics"),
    ("metrics.latency.slo.sla.enable", "/metrics has a histogram of times"),
    ("metrics.latency.slo.ms", "/metrics has a histogram of times"),
    ("metrics.latency.sla.ms", "/metrics has a histogram of times"),
    ("metrics.global.stats.request.tags.enable", "there is no JMX; see /metrics"),
    ("access.control.skip.options", "OPTIONS is no method of this API (405)"),
    ("websocket.path.prefix", "there are no websockets"),
    ("confluent.support.metrics.enable", "nothing is sent to anybody"),
    ("confluent.telemetry.enabled", "nothing is sent to anybody"),
];

/// Settings that would change what the registry does; each with the only values that ask for what it does anyway.
pub(super) const REFUSED: &[(&str, &[&str], &str)] = &[
    ("kafkastore.connection.url", &[""], "ZooKeeper is not spoken; set kafkastore.bootstrap.servers"),
    ("kafkastore.update.handlers", &[""], "there are no classes to load"),
    ("port", &[""], "set listeners"),
    ("master.eligibility", &["true"], "set leader.eligibility"),
    ("schema.registry.inter.instance.protocol", &["http"], "set inter.instance.protocol"),
    ("schema.registry.resource.extension.class", &[""], "there are no classes to load"),
    ("resource.extension.class", &[""], "there are no classes to load"),
    ("init.resource.extension.class", &[""], "there are no classes to load"),
    ("resource.static.locations", &[""], "no files are served"),
    (
        "rest.servlet.initializor.classes",
        &["", "io.confluent.common.security.jetty.initializer.AuthenticationHandler"],
        "there are no classes to load; authentication.method=BEARER asks for tokens",
    ),
    (
        "public.key.path",
        &[""],
        "tokens of the Metadata Service are not verified; set oauthbearer.jwks.endpoint.url",
    ),
    (
        "token.issuer",
        &[""],
        "tokens of the Metadata Service are not verified; set oauthbearer.expected.issuer",
    ),
    ("schema.providers", &[""], "Avro, JSON Schema and Protobuf are built in"),
    ("schema.providers.json.fetch.remote.schemas", &["false"], "nothing is fetched from the network"),
    ("schema.canonicalize.on.consume", &[""], "texts of the topic are taken as they are"),
    ("inter.instance.listener.name", &[""], "listeners have no names; inter.instance.protocol chooses"),
    ("associations.enable", &["false"], "there are no associations"),
    ("metadata.encoder.secret", &[""], "sensitive metadata are not encrypted"),
    ("metadata.encoder.old.secret", &[""], "sensitive metadata are not encrypted"),
    ("metadata.encoder.topic", &["_schema_encoders"], "sensitive metadata are not encrypted"),
    ("metadata.encoder.secret.strict.validation", &["false"], "sensitive metadata are not encrypted"),
    ("enable.fips", &["false"], "rustls with ring is the provider"),
    ("enable.fips.mode", &["false", "disabled"], "rustls with ring is the provider"),
    ("access.control.allow.origin", &[""], "browsers of other origins are not let in"),
    ("access.control.allow.methods", &[""], "browsers of other origins are not let in"),
    ("access.control.allow.headers", &[""], "browsers of other origins are not let in"),
    ("ssl.keystore.type", &["PEM"], "keys and certificates are PEM files"),
    ("ssl.truststore.type", &["PEM"], "keys and certificates are PEM files"),
    ("ssl.keystore.password", &[""], "PEM files have no password"),
    ("ssl.truststore.password", &[""], "PEM files have no password"),
    ("ssl.key.password", &[""], "encrypted private keys are not read"),
    ("ssl.client.auth", &["false"], "set ssl.client.authentication"),
    ("ssl.cipher.suites", &[""], "rustls has safe suites only"),
    ("ssl.enabled.protocols", &["TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"], "TLS 1.2 and 1.3 are on"),
    ("ssl.provider", &[""], "rustls with ring is the provider"),
    ("ssl.keymanager.algorithm", &[""], "rustls with ring is the provider"),
    ("ssl.trustmanager.algorithm", &[""], "rustls with ring is the provider"),
    ("ssl.endpoint.identification.algorithm", &["https"], "names of other instances are checked always"),
    ("ssl.keystore.watch.location", &[""], "keys and certificates are read at the start"),
    ("ssl.protocol", &["TLS"], "TLS 1.2 and 1.3 are on"),
    ("metric.reporters", &[""], "there are no classes to load; see /metrics"),
    ("http2.enabled", &["false"], "HTTP/1.1 is spoken"),
    (
        "connector.connection.limit",
        &["0"],
        "set server.connection.limit, which is for all listeners together",
    ),
    ("proxy.protocol.enabled", &["false"], "the PROXY protocol is not spoken"),
    ("dos.filter.enabled", &["false"], "requests are not limited by their rate"),
    ("network.traffic.rate.limit.enable", &["false"], "requests are not limited by their rate"),
    ("listener.protocol.map", &[""], "listeners have no names, but http:// and https://"),
    ("resource.extension.classes", &[""], "there are no classes to load"),
    ("websocket.servlet.initializor.classes", &[""], "there are no classes to load"),
    ("response.http.headers.config", &[""], "no headers are added to answers"),
    ("csrf.prevention.enable", &["false"], "browsers of other origins are not let in"),
    ("reject.options.request", &["true"], "OPTIONS is no method of this API (405)"),
    ("ssl.keystore.reload", &["false"], "keys and certificates are read at the start"),
];

/// Whether a setting may be left aside; `None` for a name that Confluent's registry does not have either.
pub(super) fn check(name: &str, value: &str) -> Option<Result<(), SettingsError>> {
    if let Some((name, reason)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
        tracing::info!(setting = name, reason, "a setting without effect");
        return Some(Ok(()));
    }
    let (_, taken, reason) = REFUSED.iter().find(|(known, ..)| *known == name)?;
    if taken.iter().any(|taken| taken.eq_ignore_ascii_case(value)) {
        return Some(Ok(()));
    }
    Some(Err(SettingsError::Unsupported { name: name.into(), reason }))
}

/// A name that nobody has declared, with the one that may be meant.
pub(super) fn unknown(name: &str) -> SettingsError {
    let known = RegistrySettings::DECLARATIONS.iter().map(|one| one.name);
    let nearest = known.map(|known| (levenshtein(name, known), known)).min();
    let nearest = nearest.filter(|(distance, _)| *distance <= 1 + name.len() / 4).map(|(_, known)| known);
    SettingsError::Unknown { name: name.into(), nearest }
}
