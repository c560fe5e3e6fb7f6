//! Why settings are refused.

use std::sync::Arc;

use crate::java_properties::SyntaxError;
use crate::{Declaration, Origin, nearest};

/// A setting that is refused, by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A name that does not exist.
    #[error("there is no setting {name}{}", nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default())]
    Unknown {
        /// The name given.
        name: Arc<str>,
        /// The existing name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A setting of a program in whose place this one stands, which does not have it. The value is not shown: whether it is a secret is not known.
    #[error("{name} is not supported: {reason}")]
    Unsupported {
        /// The name given.
        name: Arc<str>,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// A value that is not of the setting's type or outside of its range.
    #[error("{name}={value}: {expected}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value, unless it is a secret.
        value: Arc<str>,
        /// What is allowed.
        expected: Arc<str>,
    },
    /// Settings that do not go together, one that is missing beside others, or one whose file cannot be used.
    #[error("{name}: {reason}")]
    Conflict {
        /// The setting to change.
        name: &'static str,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// A line of a properties file that cannot be read.
    #[error("{}{line}: {reason}", file.as_deref().map_or("line ".to_owned(), |file| format!("{file}:")))]
    Syntax {
        /// The file, where it has a name.
        file: Option<Arc<str>>,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// What is wrong, and where it stands.
    #[error("{error} ({origin})")]
    At {
        /// Where.
        origin: Origin,
        /// What.
        error: Box<ConfigError>,
    },
    /// What is wrong with a setting that was handed on to a part without its prefix, under the name that was given.
    #[error("{text}")]
    Prefixed {
        /// The name given, with the prefix.
        name: Arc<str>,
        /// What is wrong with it.
        text: Arc<str>,
    },
}

impl ConfigError {
    /// A setting that does not go together with others, or cannot be used.
    pub fn conflict(name: &'static str, reason: impl Into<Arc<str>>) -> Self {
        Self::Conflict { name, reason: reason.into() }
    }

    /// A name that is none of these.
    pub fn unknown(name: &str, known: &[&'static [Declaration]]) -> Self {
        let names = known.iter().copied().flatten().map(|one| one.name);
        Self::Unknown { name: name.into(), nearest: nearest(name, names) }
    }

    /// The setting that it is about; nothing for a line.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown { name, .. } | Self::Unsupported { name, .. } | Self::Prefixed { name, .. } => {
                Some(name)
            }
            Self::Invalid { name, .. } | Self::Conflict { name, .. } => Some(name),
            Self::At { error, .. } => error.name(),
            Self::Syntax { .. } => None,
        }
    }

    /// The same, with the place: nothing is added where the program itself has set it, or where the place is known already.
    #[must_use]
    pub fn at(self, origin: &Origin) -> Self {
        match (&self, origin) {
            (Self::At { .. } | Self::Syntax { .. }, _) | (_, Origin::Program) => self,
            _ => Self::At { origin: origin.clone(), error: Box::new(self) },
        }
    }

    /// The same, with the names of settings as they were given: behind `prefix`. Which words are names, `known` says.
    #[must_use]
    pub fn behind(self, prefix: &str, known: &[Declaration]) -> Self {
        let renamed = |name: &str, text: String| Self::Prefixed {
            name: format!("{prefix}{name}").into(),
            text: text.into(),
        };
        let within = |reason: &str| with_prefix(prefix, known, reason);
        match self {
            Self::Unknown { name, nearest } => {
                let nearest = nearest.map(|nearest| format!("; did you mean {prefix}{nearest}?"));
                renamed(&name, format!("there is no setting {prefix}{name}{}", nearest.unwrap_or_default()))
            }
            Self::Unsupported { name, reason } => {
                renamed(&name, format!("{prefix}{name} is not supported: {}", within(reason)))
            }
            Self::Invalid { name, value, expected } => {
                renamed(name, format!("{prefix}{name}={value}: {expected}"))
            }
            Self::Conflict { name, reason } => renamed(name, format!("{prefix}{name}: {}", within(&reason))),
            Self::At { origin, error } => Self::At { origin, error: Box::new(error.behind(prefix, known)) },
            Self::Syntax { .. } | Self::Prefixed { .. } => self,
        }
    }
}

impl From<SyntaxError> for ConfigError {
    fn from(SyntaxError { line, reason }: SyntaxError) -> Self {
        Self::Syntax { file: None, line, reason }
    }
}

/// A text in which each word that is the name of a setting has a prefix.
fn with_prefix(prefix: &str, known: &[Declaration], text: &str) -> String {
    let mut prefixed = String::with_capacity(text.len());
    for word in text.split_inclusive(' ') {
        let begin = word.find(|first: char| first.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (before, rest) = word.split_at(begin);
        let name = rest.split(['=', ' ', ',', ';', ':', ')', '`']).next().unwrap_or_default();
        let is_name = known.iter().any(|one| one.name == name.trim_end_matches('.'));
        prefixed.extend([before, if is_name { prefix } else { "" }, rest]);
    }
    prefixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_behind_a_prefix_are_told_with_it() {
        const KNOWN: &[Declaration] = &[
            Declaration::new::<String>("a.key", "", String::new),
            Declaration::new::<String>("a.chain", "", String::new),
        ];
        let text = |error: ConfigError| {
            let error = error.behind("x.", KNOWN);
            (error.name().map(str::to_owned), error.to_string())
        };
        let expected = |name: &str, text: &str| (Some(name.to_owned()), text.to_owned());
        let conflict =
            ConfigError::conflict("a.key", "a.chain=1 (a.chain, not b.chain) needs a key, not a.key.");
        assert_eq!(
            text(conflict),
            expected("x.a.key", "x.a.key: x.a.chain=1 (x.a.chain, not b.chain) needs a key, not x.a.key.")
        );
        let unknown = ConfigError::unknown("a.kex", &[KNOWN]).at(&Origin::CommandLine("--set"));
        let told = "there is no setting x.a.kex; did you mean x.a.key? (--set)";
        assert_eq!(text(unknown), expected("x.a.kex", told));
        let invalid =
            ConfigError::Invalid { name: "a.key", value: "7".into(), expected: "expected text".into() };
        assert_eq!(text(invalid), expected("x.a.key", "x.a.key=7: expected text"));
    }
}
