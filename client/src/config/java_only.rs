//! Settings of Kafka's Java clients that this client does not have.

use medallion_settings::Foreign;

/// What Kafka's Java clients have and this one does not.
pub(super) const FOREIGN: Foreign = Foreign { without_effect: WITHOUT_EFFECT, refused: REFUSED };

/// Settings whose value cannot matter here: the JVM's, and those that a typed API replaces.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("key.serializer", "records carry bytes; see the serdes crate"),
    ("value.serializer", "records carry bytes; see the serdes crate"),
    ("key.deserializer", "records carry bytes; see the serdes crate"),
    ("value.deserializer", "records carry bytes; see the serdes crate"),
    ("metrics.num.samples", "metrics are counters and totals"),
    ("metrics.recording.level", "metrics are counters and totals"),
    ("metrics.sample.window.ms", "metrics are counters and totals"),
    ("ssl.protocol", "rustls agrees on the best protocol"),
    ("auto.include.jmx.reporter", "there is no JMX"),
];

/// Settings that would change what the client does; each with the only values that ask for what it does anyway.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("exclude.internal.topics", &["true"], "patterns never match internal topics"),
    ("interceptor.classes", &[""], "implement `ProducerInterceptor` and give it to the producer"),
    ("metric.reporters", &[""], "read `Producer::metrics`"),
    ("enable.metrics.push", &["false"], "metrics are not pushed to brokers (KIP-714) yet"),
    ("partitioner.class", &[""], "implement `Partitioner` and give it to the producer"),
    ("partitioner.availability.timeout.ms", &["0"], "slow partitions are told by their queues only"),
    ("compression.lz4.level", &["9"], "LZ4 compresses in its fast mode only"),
    ("transaction.two.phase.commit.enable", &["false"], "two-phase commit (KIP-939) is not built yet"),
    ("client.dns.lookup", &["use_all_dns_ips"], "all addresses of a name are tried, as with use_all_dns_ips"),
    ("sasl.jaas.config", &[], "use sasl.username and sasl.password, or a token provider"),
    ("sasl.login.callback.handler.class", &[""], "give a `TokenProvider` to the client"),
    ("sasl.client.callback.handler.class", &[""], "use sasl.username and sasl.password, or a token provider"),
    ("sasl.kerberos.service.name", &[""], "GSSAPI is not supported"),
    ("ssl.cipher.suites", &[""], "rustls has safe suites only"),
    ("ssl.enabled.protocols", &["TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"], "TLS 1.2 and 1.3 are on"),
    ("ssl.truststore.password", &[""], "PEM stores of certificates have no password"),
    ("ssl.keystore.password", &[""], "PEM stores have ssl.key.password"),
    ("ssl.key.password", &[""], "encrypted private keys are not read yet"),
    ("ssl.provider", &[""], "rustls with ring is the provider"),
    ("ssl.engine.factory.class", &[""], "rustls with ring is the provider"),
    ("security.providers", &[""], "rustls with ring is the provider"),
    ("config.providers", &[""], "values are taken as they stand"),
];
