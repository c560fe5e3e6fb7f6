//! Why a request is refused: Confluent's error codes and texts.

use thiserror::Error;

/// A refusal. Its text is the `message` of the reply, [`Refusal::code`] the `error_code`; the HTTP status is the code's first
/// three digits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody has registered anything under the subject, or all is deleted.
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    /// The subject has no such version.
    #[error("Version {0} not found.")]
    VersionNotFound(i32),
    /// No schema has this id or GUID.
    #[error("Schema {0} not found")]
    SchemaNotFound(String),
    /// The subject has no such schema.
    #[error("Schema not found")]
    NoSuchSchema,
    /// The subject is deleted already.
    #[error("Subject '{0}' was soft deleted.Set permanent=true to delete permanently")]
    SubjectSoftDeleted(String),
    /// The subject has to be deleted before that is made permanent.
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotSoftDeleted(String),
    /// The version is deleted already.
    #[error(
        "Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
    )]
    VersionSoftDeleted {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// The version has to be deleted before that is made permanent.
    #[error("Subject '{subject}' Version {version} was not deleted first before being permanently deleted")]
    VersionNotSoftDeleted {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// Nothing is set for the subject.
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    NoSubjectConfig(String),
    /// The subject has no mode of its own.
    #[error("Subject '{0}' does not have subject-level mode configured")]
    NoSubjectMode(String),
    /// A new schema breaks the level that is set.
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
        .messages.join(", ")
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// What breaks it.
        messages: Vec<String>,
    },
    /// The text is no schema.
    #[error("{0}")]
    InvalidSchema(String),
    /// The version is no number from 1 on, nor `latest`.
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    )]
    InvalidVersion(String),
    /// The level is none of the seven.
    #[error(
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"
    )]
    InvalidCompatibilityLevel,
    /// A setting, or one of its values, is known but cannot be followed.
    #[error("{setting} is not supported: {reason}")]
    UnsupportedSetting {
        /// Its name.
        setting: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// The mode is none that there is.
    #[error("Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.")]
    InvalidMode,
    /// `FORWARD` is for the whole registry.
    #[error("Forward mode only supported on global level")]
    ForwardNotGlobal,
    /// The mode does not allow it.
    #[error("{0}")]
    NotPermitted(String),
    /// Other schemas need this one.
    #[error("One or more references exist to the schema {0}.")]
    ReferenceExists(String),
    /// The subject's name cannot be one.
    #[error("The specified subject '{0}' is not a valid.")]
    InvalidSubject(String),
    /// A rule is not valid.
    #[error("{0}")]
    InvalidRuleSet(String),
    /// There are schemas in the context.
    #[error("The specified context '{0}' is not empty.")]
    ContextNotEmpty(String),
}

impl Refusal {
    /// Confluent's error code. An incompatible schema has 409, as in its releases up to 8.1 and in Karapace; 40901 since 8.2.
    pub fn code(&self) -> i32 {
        match self {
            Self::SubjectNotFound(_) => 40_401,
            Self::VersionNotFound(_) => 40_402,
            Self::SchemaNotFound(_) | Self::NoSuchSchema => 40_403,
            Self::SubjectSoftDeleted(_) => 40_404,
            Self::SubjectNotSoftDeleted(_) => 40_405,
            Self::VersionSoftDeleted { .. } => 40_406,
            Self::VersionNotSoftDeleted { .. } => 40_407,
            Self::NoSubjectConfig(_) => 40_408,
            Self::NoSubjectMode(_) => 40_409,
            Self::Incompatible { .. } => 409,
            Self::InvalidSchema(_) => 42_201,
            Self::InvalidVersion(_) => 42_202,
            Self::InvalidCompatibilityLevel | Self::UnsupportedSetting { .. } => 42_203,
            Self::InvalidMode | Self::ForwardNotGlobal => 42_204,
            Self::NotPermitted(_) => 42_205,
            Self::ReferenceExists(_) => 42_206,
            Self::InvalidSubject(_) => 42_208,
            Self::InvalidRuleSet(_) => 42_210,
            Self::ContextNotEmpty(_) => 42_211,
        }
    }
}
