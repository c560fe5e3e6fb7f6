//! Settings under Kafka's names, each declared once.
//!
//! A declaration has the name, the type, the default, the range, the importance and the documentation; the field of the struct, its builder
//! function, the parser and the reference page (`docs/client-configuration.md`) come from it. A name that nobody
//! declares is refused with the nearest one, and so is a setting of Kafka's that has no place here: what is accepted works. What reads
//! and declares them is `medallion-settings`.

mod assignor;
mod client;
mod consumer;
mod java_only;
mod offset_reset;
mod producer;
mod value;

pub use assignor::PartitionAssignor;
pub use client::ClientSettings;
pub use consumer::ConsumerSettings;
pub use medallion_settings::certificates::{EndpointIdentification, StoreType};
pub use medallion_settings::{ConfigError, Declaration, Origin, Properties, Property, Secret};
pub use offset_reset::OffsetReset;
pub use producer::ProducerSettings;
pub use value::{
    Acks, CompressionType, GroupProtocol, IsolationLevel, RecoveryStrategy, SaslMechanism, SecurityProtocol,
};

use medallion_settings::{java_properties, reference};

/// Reads the text of a properties file in Java's syntax: a `name=value` a line, `#` and `!` before comments. Whoever adds the file to
/// [`Properties`] instead is told its name and the line where something in it is refused.
///
/// ```
/// let read = medallion_client::config::parse_properties("# mine\nbootstrap.servers=a:9092,b:9092\nlinger.ms = 20\n")?;
/// assert_eq!(read[1], ("linger.ms".to_owned(), "20".to_owned()));
/// # Ok::<(), medallion_client::config::ConfigError>(())
/// ```
///
/// # Errors
/// [`ConfigError::Syntax`] for a `\u` that is no character.
pub fn parse_properties(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let read = java_properties::parse(text)?;
    Ok(read.into_iter().map(|entry| (entry.name, entry.value)).collect())
}

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let introduction = "# Settings of the Rust client\n\nMade from the declarations in `client/src/config`. The names are Kafka's; \
         where a default differs from that of Apache Kafka's Java client, the text says so. Other names are refused.\n";
    let chapters = reference::chapters(&[
        ("Client", ClientSettings::DECLARATIONS),
        ("Producer", ProducerSettings::DECLARATIONS),
        ("Consumer", ConsumerSettings::DECLARATIONS),
    ]);
    format!("{introduction}{chapters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producer(properties: &[(&str, &str)]) -> Result<ProducerSettings, ConfigError> {
        let servers = [("bootstrap.servers", "a:1")];
        ProducerSettings::from_properties(servers.iter().chain(properties).copied())
            .map(|(_, producer)| producer)
    }

    #[test]
    fn the_reference_page_is_as_declared() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client-configuration.md");
        reference::check_page(path, &reference());
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest_one() {
        let error = producer(&[("linger.mss", "5")]).unwrap_err();
        assert_eq!(error.to_string(), "there is no setting linger.mss; did you mean linger.ms?");
        let error = producer(&[("no.such.thing.at.all", "5")]).unwrap_err();
        assert_eq!(error.to_string(), "there is no setting no.such.thing.at.all");
    }

    #[test]
    fn values_are_checked_by_type_and_range() {
        let error = producer(&[("linger.ms", "soon")]).unwrap_err();
        assert_eq!(error.to_string(), "linger.ms=soon: expected milliseconds");
        let error = producer(&[("max.in.flight.requests.per.connection", "0")]).unwrap_err();
        assert!(error.to_string().contains("expected 1 to"), "{error}");
        assert_eq!(producer(&[("linger.ms", " 20 ")]).unwrap().linger.as_millis(), 20);
    }

    #[test]
    fn what_only_java_has_is_refused_or_without_harm() {
        let error = producer(&[("interceptor.classes", "a.b.C")]).unwrap_err();
        assert!(matches!(error, ConfigError::Unsupported { .. }), "{error}");
        producer(&[("interceptor.classes", "")]).unwrap();
        producer(&[("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer")]).unwrap();
    }

    #[test]
    fn errors_tell_the_place_in_a_file() {
        let read = |text: &str| {
            let mut properties = Properties::new();
            properties.add_file("p.properties", text).unwrap();
            ProducerSettings::from_properties(properties).unwrap_err().to_string()
        };
        assert_eq!(read("linger.ms=1\nretries=x"), "retries=x: expected a number from 0 (p.properties:2)");
        let expected = "acks: must be all, unless enable.idempotence is false (p.properties:2)";
        assert_eq!(read("bootstrap.servers=a:1\nacks=1\n"), expected);
        assert_eq!(read("acks=1\n"), "bootstrap.servers: at least one host:port is needed");
    }

    #[test]
    fn properties_files_are_javas() {
        let read = parse_properties("a=1\n! no\n\nb : x=y\nc=one,\\\n  two\nd e\\u0021\nf=C:\\\\\n").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", "x=y"), ("c", "one,two"), ("d", "e!"), ("f", "C:\\")]);
        let error = parse_properties("a=1\nb=\\u1\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: \\u must be followed by four hexadecimal digits");
    }

    #[test]
    fn secrets_are_never_shown() {
        let settings = ClientSettings::default().set("sasl.password", "hunter2").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
