//! From names and texts to settings.

use std::sync::Arc;

use strsim::levenshtein;

use super::value::Value;
use super::{ConfigError, Declaration, java_only};

/// A struct of settings, as the macro makes it.
pub(crate) trait Settings: Default {
    /// Sets what is called `name`; `None` where nothing is.
    fn set(&mut self, name: &str, text: &str) -> Option<Result<(), ConfigError>>;

    fn check_ranges(&self) -> Result<(), ConfigError>;
}

/// Reads the text of a Java properties file of the usual kind: one `name=value` a line, `#` and `!` before comments.
///
/// ```
/// let read = medallion_client::config::parse_properties("# mine\nbootstrap.servers=a:9092,b:9092\nlinger.ms = 20\n")?;
/// assert_eq!(read[1], ("linger.ms".to_owned(), "20".to_owned()));
/// # Ok::<(), medallion_client::config::ConfigError>(())
/// ```
///
/// # Errors
/// [`ConfigError::Line`] for a line without `=` or `:`.
pub fn parse_properties(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut properties = Vec::new();
    let mut logical = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if logical.is_empty() && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        if let Some(continued) = line.strip_suffix('\\') {
            logical.push_str(continued);
            continue;
        }
        logical.push_str(line);
        let entry = std::mem::take(&mut logical);
        let (name, value) = entry.split_once(['=', ':']).ok_or(ConfigError::Line { line: index + 1 })?;
        properties.push((name.trim().to_owned(), value.trim().replace("\\n", "\n").replace("\\\\", "\\")));
    }
    Ok(properties)
}

/// Applies the properties that `settings` knows and gives back the others.
pub(crate) fn split<S, K, V>(
    settings: &mut S,
    properties: impl IntoIterator<Item = (K, V)>,
) -> Result<Vec<(K, V)>, ConfigError>
where
    S: Settings,
    K: AsRef<str>,
    V: AsRef<str>,
{
    let mut others = Vec::new();
    for (name, value) in properties {
        match settings.set(name.as_ref(), value.as_ref().trim()) {
            Some(outcome) => outcome?,
            None => others.push((name, value)),
        }
    }
    settings.check_ranges()?;
    Ok(others)
}

/// Applies properties, all of which `settings` must know.
pub(crate) fn apply<S, K, V>(
    settings: &mut S,
    properties: impl IntoIterator<Item = (K, V)>,
    known: &[&'static [Declaration]],
) -> Result<(), ConfigError>
where
    S: Settings,
    K: AsRef<str>,
    V: AsRef<str>,
{
    for (name, value) in split(settings, properties)? {
        java_only::check(name.as_ref(), value.as_ref().trim())
            .unwrap_or_else(|| Err(unknown(name.as_ref(), known)))?;
    }
    Ok(())
}

fn unknown(name: &str, known: &[&'static [Declaration]]) -> ConfigError {
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

pub(super) fn check_range<T: Value>(
    value: &T,
    name: &'static str,
    min: i128,
    max: i128,
) -> Result<(), ConfigError> {
    match value.number() {
        Some(number) if number < min || number > max => Err(ConfigError::Invalid {
            name,
            value: value.text().into(),
            expected: Arc::from(format!("expected {min} to {max}")),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientSettings, ProducerSettings};
    use super::*;

    fn producer(properties: &[(&str, &str)]) -> Result<ProducerSettings, ConfigError> {
        let mut settings = ProducerSettings::default();
        let known = [ClientSettings::DECLARATIONS, ProducerSettings::DECLARATIONS];
        apply(&mut settings, properties.iter().copied(), &known).map(|()| settings)
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
    fn properties_files_are_read() {
        let read = parse_properties("a=1\n! no\n\nb : x=y\nc=one,\\\n  two\n").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", "x=y"), ("c", "one,two")]);
        assert_eq!(parse_properties("a=1\nwhat\n"), Err(ConfigError::Line { line: 2 }));
    }

    #[test]
    fn secrets_are_never_shown() {
        let mut settings = ClientSettings::default();
        split(&mut settings, [("sasl.password", "hunter2")]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
