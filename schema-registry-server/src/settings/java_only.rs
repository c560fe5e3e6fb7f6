//! Settings of Confluent's registry that this one does not have.

use medallion_settings::Foreign;

/// What Confluent's registry has and this one does not.
pub(super) const FOREIGN: Foreign = Foreign { without_effect: WITHOUT_EFFECT, refused: REFUSED };

/// Settings whose value cannot matter here.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("debug", "errors are told with their reason always"),
    ("access.log.enabled", "requests are counted in /metrics"),
    ("schema.cache.size", "schemas are parsed when they are compared; only texts are kept"),
    ("schema.cache.expiry.secs", "schemas are parsed when they are compared; only texts are kept"),
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
    ("shutdown.graceful.ms", "a stop waits for the requests that are under way"),
    ("thread.pool.min", "there is no pool of threads for requests"),
    ("thread.pool.max", "there is no pool of threads for requests"),
    ("request.queue.capacity", "there is no queue of requests before they are read"),
    ("confluent.support.metrics.enable", "nothing is sent to anybody"),
    ("confluent.telemetry.enabled", "nothing is sent to anybody"),
];

/// Settings that would change what the registry does; each with the only values that ask for what it does anyway.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("kafkastore.connection.url", &[""], "ZooKeeper is not spoken; set kafkastore.bootstrap.servers"),
    ("kafkastore.update.handlers", &[""], "there are no classes to load"),
    ("port", &[""], "set listeners"),
    ("master.eligibility", &["true"], "set leader.eligibility"),
    ("schema.registry.inter.instance.protocol", &["http"], "set inter.instance.protocol"),
    ("schema.registry.resource.extension.class", &[""], "there are no classes to load"),
    ("resource.extension.class", &[""], "there are no classes to load"),
    ("init.resource.extension.class", &[""], "there are no classes to load"),
    ("resource.static.locations", &[""], "no files are served"),
    ("rest.servlet.initializor.classes", &[""], "there are no classes to load"),
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
    ("ssl.protocol", &["TLS"], "TLS 1.2 and 1.3 are on"),
    ("metric.reporters", &[""], "there are no classes to load; see /metrics"),
    ("http2.enabled", &["false"], "HTTP/1.1 is spoken"),
];
