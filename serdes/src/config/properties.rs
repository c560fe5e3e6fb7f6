//! From names and texts to settings.

use strsim::levenshtein;

use super::value::Value;
use super::{
    ConfigError, Declaration, DeserializerSettings, RegistrySettings, SerializerSettings, java_only,
};

/// A struct of settings, as the macro makes it.
pub(crate) trait Settings: Default {
    /// Sets what is called `name`; `None` where nothing is.
    fn set(&mut self, name: &str, text: &str) -> Option<Result<(), ConfigError>>;
}

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
pub fn serializer_settings<K: AsRef<str>, V: AsRef<str>>(
    properties: impl IntoIterator<Item = (K, V)>,
) -> Result<(RegistrySettings, SerializerSettings), ConfigError> {
    both(properties, &[RegistrySettings::DECLARATIONS, SerializerSettings::DECLARATIONS])
}

/// The settings of a deserializer and of the client that it asks.
///
/// # Errors
/// As [`serializer_settings`].
pub fn deserializer_settings<K: AsRef<str>, V: AsRef<str>>(
    properties: impl IntoIterator<Item = (K, V)>,
) -> Result<(RegistrySettings, DeserializerSettings), ConfigError> {
    both(properties, &[RegistrySettings::DECLARATIONS, DeserializerSettings::DECLARATIONS])
}

pub(super) fn only<S: Settings, K: AsRef<str>, V: AsRef<str>>(
    properties: impl IntoIterator<Item = (K, V)>,
    known: &[&'static [Declaration]],
) -> Result<S, ConfigError> {
    let mut settings = S::default();
    for (name, text) in properties {
        let (name, text) = (name.as_ref(), text.as_ref().trim());
        settings.set(name, text).unwrap_or_else(|| Err(refused(name, text, known)))?;
    }
    Ok(settings)
}

fn both<S: Settings, K: AsRef<str>, V: AsRef<str>>(
    properties: impl IntoIterator<Item = (K, V)>,
    known: &[&'static [Declaration]],
) -> Result<(RegistrySettings, S), ConfigError> {
    let (mut registry, mut settings) = (RegistrySettings::default(), S::default());
    for (name, text) in properties {
        let (name, text) = (name.as_ref(), text.as_ref().trim());
        let set = registry.set(name, text).or_else(|| settings.set(name, text));
        set.unwrap_or_else(|| Err(refused(name, text, known)))?;
    }
    Ok((registry, settings))
}

fn refused(name: &str, text: &str, known: &[&'static [Declaration]]) -> ConfigError {
    if let Some(reason) = java_only::reason(name) {
        return ConfigError::Unsupported { name: format!("{name}={text}").into(), reason };
    }
    let names = known.iter().copied().flatten().map(|one| one.name);
    let nearest = names.map(|known| (levenshtein(name, known), known)).min();
    let nearest = nearest.filter(|(distance, _)| *distance <= 1 + name.len() / 4).map(|(_, known)| known);
    ConfigError::Unknown { name: name.into(), nearest }
}

pub(super) fn parse_into<T: Value>(field: &mut T, name: &'static str, text: &str) -> Result<(), ConfigError> {
    *field = T::parse(text).map_err(|expected| {
        let value = if T::is_secret() { "[hidden]" } else { text };
        ConfigError::Invalid { name, value: value.into(), expected: expected.into() }
    })?;
    Ok(())
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
        let (settings, _) = serializer_settings([("basic.auth.user.info", "ann:hunter2")]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
