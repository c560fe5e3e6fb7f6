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
    /// A setting that is handed on to a part, without the prefix that names the part.
    #[error("among the settings that begin with {prefix}: {error}")]
    Prefixed {
        /// The prefix, with its dot.
        prefix: &'static str,
        /// What is wrong with the setting behind it.
        error: Box<ConfigError>,
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

    /// The setting that it is about; nothing for a line, and for a setting behind a prefix.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown { name, .. } | Self::Unsupported { name, .. } => Some(name),
            Self::Invalid { name, .. } | Self::Conflict { name, .. } => Some(name),
            Self::At { error, .. } => error.name(),
            Self::Syntax { .. } | Self::Prefixed { .. } => None,
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

    /// The same, of a setting behind a prefix.
    #[must_use]
    pub fn behind(self, prefix: &'static str) -> Self {
        Self::Prefixed { prefix, error: Box::new(self) }
    }
}

impl From<SyntaxError> for ConfigError {
    fn from(SyntaxError { line, reason }: SyntaxError) -> Self {
        Self::Syntax { file: None, line, reason }
    }
}
