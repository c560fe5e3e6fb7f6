//! What can go wrong between a value and its bytes.

use std::sync::Arc;

use crate::config::ConfigError;
use crate::registry::RegistryError;
use crate::wire_format::WireFormatError;

/// Why a value cannot be written or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The registry refuses, or cannot be asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Bytes without the frame of a schema's id.
    #[error(transparent)]
    WireFormat(#[from] WireFormatError),
    /// A strategy needs the name of a schema that has none.
    #[error("{topic}: {part}.subject.name.strategy asks for the name of the schema, which has none")]
    Unnamed {
        /// The topic.
        topic: Arc<str>,
        /// `key` or `value`.
        part: &'static str,
    },
    /// A schema that cannot be used.
    #[error("the schema {name}: {reason}")]
    Schema {
        /// Whose: a subject, an id, or the name of a reference.
        name: Arc<str>,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The schema that the settings name cannot read what our own schema writes.
    #[error(
        "{subject}: the schema of {setting} cannot read what is written with our own: {reason} ({strict}=false writes all the same)"
    )]
    Incompatible {
        /// The subject.
        subject: Arc<str>,
        /// The setting that names the schema.
        setting: &'static str,
        /// The setting that asks for this check.
        strict: &'static str,
        /// What does not fit.
        reason: Arc<str>,
    },
    /// A schema has rules that a client must run, such as encryption; they are not run here.
    #[error("the schema {name} has the rule {rule}, and rules are not run")]
    Rule {
        /// Whose: a subject or an id.
        name: Arc<str>,
        /// The name of the rule.
        rule: Arc<str>,
    },
    /// A value that does not fit the schema.
    #[error("{topic}: the value cannot be written: {reason}")]
    Encode {
        /// The topic.
        topic: Arc<str>,
        /// What does not fit.
        reason: Arc<str>,
    },
    /// Bytes that do not fit the schema, or a value that does not fit the type.
    #[error("the value of schema {schema} cannot be read: {reason}")]
    Decode {
        /// The schema's id or GUID.
        schema: Arc<str>,
        /// What does not fit.
        reason: Arc<str>,
    },
}

impl Error {
    pub(crate) fn schema(name: impl Into<Arc<str>>, reason: impl ToString) -> Self {
        Self::Schema { name: name.into(), reason: reason.to_string().into() }
    }

    pub(crate) fn encode(topic: &str, reason: impl ToString) -> Self {
        Self::Encode { topic: topic.into(), reason: reason.to_string().into() }
    }

    pub(crate) fn decode(schema: impl ToString, reason: impl ToString) -> Self {
        Self::Decode { schema: schema.to_string().into(), reason: reason.to_string().into() }
    }
}
