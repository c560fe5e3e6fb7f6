//! What was given: names and texts, and where each stands. Nothing is checked yet.

use std::fmt;
use std::sync::Arc;

use crate::{ConfigError, Origin, environment, java_properties};

/// A name and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// The setting's name.
    pub name: String,
    /// Its value, as it stands there.
    pub value: String,
    /// Where that is.
    pub origin: Origin,
}

/// The value may be a secret, so it is not shown.
impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.origin)
    }
}

impl<K: AsRef<str>, V: AsRef<str>> From<(K, V)> for Property {
    fn from((name, value): (K, V)) -> Self {
        let (name, value) = (name.as_ref().trim().to_owned(), value.as_ref().to_owned());
        Self { name, value, origin: Origin::Program }
    }
}

impl From<&Property> for Property {
    fn from(property: &Property) -> Self {
        property.clone()
    }
}

/// Properties in the order in which they were given. Of two with one name the later holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what the program itself sets.
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.push((name, value).into());
    }

    /// Adds a properties file with this text, in [Java's syntax](java_properties); `path` is for errors alone.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] with the line.
    pub fn add_file(&mut self, path: &str, text: &str) -> Result<(), ConfigError> {
        let path: Arc<str> = path.into();
        let entries = java_properties::parse(text).map_err(|error| ConfigError::Syntax {
            file: Some(Arc::clone(&path)),
            line: error.line,
            reason: error.reason,
        })?;
        self.0.extend(entries.into_iter().map(|entry| Property {
            name: entry.name,
            value: entry.value,
            origin: Origin::File { path: Arc::clone(&path), line: entry.line },
        }));
        Ok(())
    }

    /// Adds the settings among environment variables: those that begin with `prefix`, named by [`environment::setting_of`].
    pub fn add_environment(&mut self, prefix: &str, variables: impl IntoIterator<Item = (String, String)>) {
        for (variable, value) in variables {
            if let Some(rest) = variable.strip_prefix(prefix) {
                let name = environment::setting_of(rest);
                self.0.push(Property { name, value, origin: Origin::Environment(variable.into()) });
            }
        }
    }

    /// Adds `name` with `value`, as they were typed behind an option such as `--set`.
    pub fn add_option(&mut self, option: &'static str, name: &str, value: &str) {
        self.0.push(Property { origin: Origin::CommandLine(option), ..(name, value).into() });
    }

    /// The one of this name that holds.
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.0.iter().rev().find(|property| property.name == name)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.0.iter()
    }

    /// The error with the place of the setting that it names, where that is one of these.
    #[must_use]
    pub fn placed(&self, error: ConfigError) -> ConfigError {
        match error.name().and_then(|name| self.get(name)) {
            Some(property) => error.at(&property.origin),
            None => error,
        }
    }
}

impl<P: Into<Property>> FromIterator<P> for Properties {
    fn from_iter<I: IntoIterator<Item = P>>(properties: I) -> Self {
        Self(properties.into_iter().map(Into::into).collect())
    }
}

impl IntoIterator for Properties {
    type Item = Property;
    type IntoIter = std::vec::IntoIter<Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_property_knows_where_it_stands() {
        let mut properties = Properties::new();
        properties.add_file("a.properties", "a=1\nb=\\\n  2\n\nc 3").unwrap();
        let variables = [("X_A", "4"), ("Y_A", "5")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        properties.add_environment("X_", variables);
        properties.add_option("--set", " d ", "6");
        properties.add("e", "7");
        let shown: Vec<String> =
            properties.iter().map(|one| format!("{}={} {}", one.name, one.value, one.origin)).collect();
        assert_eq!(
            shown,
            [
                "a=1 a.properties:1",
                "b=2 a.properties:2",
                "c=3 a.properties:5",
                "a=4 environment variable X_A",
                "d=6 --set",
                "e=7 set by the program",
            ]
        );
        assert_eq!(properties.get("a").unwrap().value, "4", "the later one holds");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let error = Properties::new().add_file("a.properties", "a=1\nb=\\u12").unwrap_err();
        let expected = "a.properties:2: \\u must be followed by four hexadecimal digits";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn errors_get_the_place_of_what_they_name() {
        let mut properties = Properties::new();
        properties.add_file("a.properties", "a=1\nb=2\n").unwrap();
        properties.add("c", "3");
        let placed = |name| properties.placed(ConfigError::conflict(name, "no")).to_string();
        assert_eq!(placed("b"), "b: no (a.properties:2)");
        assert_eq!(placed("c"), "c: no");
        assert_eq!(placed("d"), "d: no");
        properties.add_file("b.properties", "x.b=1\n").unwrap();
        let behind = ConfigError::conflict("b", "no").behind("x.", &[]);
        assert_eq!(properties.placed(behind).to_string(), "x.b: no (b.properties:1)");
    }

    #[test]
    fn values_are_not_shown() {
        let properties: Properties = [("sasl.password", "hunter2")].into_iter().collect();
        assert_eq!(format!("{properties:?}"), "Properties([sasl.password (set by the program)])");
    }
}
