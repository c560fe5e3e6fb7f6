//! Why settings are refused.

use std::sync::Arc;

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
    /// A setting of Kafka's Java clients that this client does not have.
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
    /// Settings that do not go together, or one that is missing beside others.
    #[error("{name}: {reason}")]
    Conflict {
        /// The setting to change.
        name: &'static str,
        /// With what it does not go together.
        reason: Arc<str>,
    },
    /// A line of a properties file that is none.
    #[error("line {line} is not of the form name=value")]
    Line {
        /// The line's number, from 1.
        line: usize,
    },
}
