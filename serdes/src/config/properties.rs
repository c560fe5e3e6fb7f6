//! From names and texts to settings.

use medallion_settings::{ConfigError, Properties, Property, Settings};

use super::java_only::FOREIGN;
use super::{DeserializerSettings, RegistrySettings, SerializerSettings};

/// The settings of a serializer and of the client that it asks, out of one list as Confluent's serializers take it.
///
/// ```
/// use medallion_serdes::config::serializer_settings;
///
/// let properties = [("schema.registry.url", "http://localhost:8081"), ("auto.register.schemas", "false")];
/// let (registry, serializer) = serializer_settings(properties)?;
/// let error = serializer_settings([("auto.register.schema", "false")]).unwrap_err();
/// assert_eq!(error.to_string(), "there is no setting auto.register.schema; did you mean auto.register.schemas?");
/// # Ok::<(), medallion_serdes::ConfigError>(())
/// ```
///
/// # Errors
/// Where a name is unknown or not supported, or a value is not of its type.
pub fn serializer_settings<P: Into<Property>>(
    properties: impl IntoIterator<Item = P>,
) -> Result<(RegistrySettings, SerializerSettings), ConfigError> {
    both(properties)
}

/// The settings of a deserializer and of the client that it asks.
///
/// # Errors
/// As [`serializer_settings`].
pub fn deserializer_settings<P: Into<Property>>(
    properties: impl IntoIterator<Item = P>,
) -> Result<(RegistrySettings, DeserializerSettings), ConfigError> {
    both(properties)
}

pub(super) fn only<S: Settings + Default, P: Into<Property>>(
    properties: impl IntoIterator<Item = P>,
) -> Result<S, ConfigError> {
    let mut settings = S::default();
    Properties::from_iter(properties).read_into(&mut [&mut settings], &FOREIGN)?;
    Ok(settings)
}

fn both<S: Settings + Default, P: Into<Property>>(
    properties: impl IntoIterator<Item = P>,
) -> Result<(RegistrySettings, S), ConfigError> {
    let (mut registry, mut settings) = (RegistrySettings::default(), S::default());
    Properties::from_iter(properties).read_into(&mut [&mut registry, &mut settings], &FOREIGN)?;
    Ok((registry, settings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SubjectNameStrategy;

    fn refusal(name: &str, value: &str) -> String {
        serializer_settings([(name, value)]).unwrap_err().to_string()
    }

    #[test]
    fn names_and_values_are_refused_by_name() {
        assert_eq!(
            refusal("use.latest.versions", "true"),
            "there is no setting use.latest.versions; did you mean use.latest.version?"
        );
        assert_eq!(refusal("no.such.thing", "1"), "there is no setting no.such.thing");
        assert_eq!(refusal("use.latest.version", "yes"), "use.latest.version=yes: expected true or false");
        assert_eq!(
            refusal("latest.cache.ttl.sec", "-2"),
            "latest.cache.ttl.sec=-2: expected seconds, or -1 for ever"
        );
        assert!(refusal("context.name.strategy", "a.b.C").contains("/contexts/"));
        assert!(refusal("rule.executors", "a").contains("rules are not run"));
        assert!(
            refusal("basic.auth.credentials.source", "SASL_INHERIT").contains("expected URL or USER_INFO")
        );
        assert!(refusal("schema.registry.ssl.truststore.type", "JKS").contains("expected PEM"));
        let error = deserializer_settings([("auto.register.schemas", "true")]).unwrap_err();
        assert!(error.to_string().contains("there is no setting auto.register.schemas"), "{error}");
    }

    #[test]
    fn classes_of_java_are_known_by_their_last_name() {
        let name = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy";
        let (_, settings) = serializer_settings([("value.subject.name.strategy", name)]).unwrap();
        assert_eq!(settings.value_subject_name_strategy, SubjectNameStrategy::TopicRecordName);
        assert!(
            refusal("value.subject.name.strategy", "com.example.MyStrategy")
                .contains("expected TopicNameStrategy")
        );
    }

    #[test]
    fn secrets_are_never_shown() {
        let error = refusal("schema.registry.basic.auth.user.info", "ann:hunter2");
        assert_eq!(error, "schema.registry.basic.auth.user.info is not supported: use basic.auth.user.info");
        assert!(!refusal("schema.registry.ssl.key.password", "hunter2").contains("hunter2"));
        let (settings, _) = serializer_settings([("basic.auth.user.info", "ann:hunter2")]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
