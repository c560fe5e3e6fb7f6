//! What can be wrong with settings.

use super::settings::Origin;
use std::fmt;
use thiserror::Error;

/// One thing that is wrong with the settings of a start. Each message names the setting, where it stands, and what
/// is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A line of a properties file that cannot be read.
    #[error("{path}:{line}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A value that the setting does not take.
    #[error("{message} ({origin})")]
    Invalid {
        /// The setting.
        name: String,
        /// Setting, value and what is allowed, in Kafka's words.
        message: String,
        /// Where it was set.
        origin: Origin,
    },
    /// A setting without default that nobody set.
    #[error("Missing required configuration \"{name}\" which has no default value")]
    Missing {
        /// The setting.
        name: String,
    },
    /// A setting that would harm if it were ignored.
    #[error("{name}={value} ({origin}) is refused: {reason}")]
    Refused {
        /// The setting.
        name: String,
        /// Its value, or `[hidden]`.
        value: String,
        /// Where it was set.
        origin: Origin,
        /// Why, and what to do.
        reason: String,
    },
    /// Settings that do not go together.
    #[error("{message} ({origin})")]
    Conflict {
        /// The setting that would have to change.
        name: String,
        /// What does not fit.
        message: String,
        /// Where it was set.
        origin: Origin,
    },
}

impl ConfigError {
    /// What is wrong, without the place where it stands.
    pub fn message(&self) -> String {
        match self {
            Self::Invalid { message, .. } | Self::Conflict { message, .. } => message.clone(),
            Self::Refused { name, value, reason, .. } => format!("{name}={value} is refused: {reason}"),
            Self::Syntax { .. } | Self::Missing { .. } => self.to_string(),
        }
    }

    /// The setting that it is about; a syntax error has none.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Syntax { .. } => None,
            Self::Invalid { name, .. }
            | Self::Missing { name }
            | Self::Refused { name, .. }
            | Self::Conflict { name, .. } => Some(name),
        }
    }
}

/// All that is wrong with the settings of a start; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
