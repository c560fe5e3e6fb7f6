//! What requests ask for, typed.

use std::collections::BTreeMap;

use medallion_schema_registry::Subject;
use medallion_schema_registry::store::{ConfigUpdate, Deleted, Mode, RegisterRequest, VersionNumber};

use super::paging::Page;
use super::problem::Problem;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Something to look up.
    Read(Read),
    /// Something to change.
    Write(Write),
}

/// A question to the state. Fields are the parameters of the endpoint.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "docs/registry-api.md says what each does")]
pub enum Read {
    Nothing,
    Subjects {
        prefix: String,
        deleted: Deleted,
        page: Page,
    },
    Versions {
        subject: Subject,
        deleted: Deleted,
        negative: bool,
        page: Page,
    },
    Version {
        subject: Subject,
        number: VersionNumber,
        format: String,
        deleted: Deleted,
        qualified: bool,
    },
    VersionText {
        subject: Subject,
        number: VersionNumber,
        format: String,
        deleted: Deleted,
    },
    ReferencedBy {
        subject: Subject,
        number: VersionNumber,
        deleted: Deleted,
        page: Page,
    },
    Lookup {
        subject: Subject,
        request: Box<RegisterRequest>,
        format: String,
        deleted: Deleted,
    },
    WithMetadata {
        subject: Subject,
        wanted: BTreeMap<String, String>,
        format: String,
        deleted: Deleted,
    },
    Compatibility {
        subject: Subject,
        against: Option<VersionNumber>,
        request: Box<RegisterRequest>,
        verbose: bool,
    },
    Schemas {
        prefix: String,
        deleted: Deleted,
        latest_only: bool,
        aliases: bool,
        rule_type: String,
        page: Page,
    },
    SchemaById {
        id: i32,
        subject: Option<Subject>,
        format: String,
        qualified: bool,
        max_id: bool,
    },
    SchemaTextById {
        id: i32,
        subject: Option<Subject>,
        format: String,
    },
    SubjectsOfId {
        id: i32,
        subject: Option<Subject>,
        deleted: Deleted,
        page: Page,
    },
    VersionsOfId {
        id: i32,
        subject: Option<Subject>,
        deleted: Deleted,
        page: Page,
    },
    SchemaByGuid {
        guid: String,
        format: String,
    },
    IdsOfGuid {
        guid: String,
    },
    Types,
    Config {
        subject: Option<Subject>,
        in_scope: bool,
    },
    Mode {
        subject: Option<Subject>,
        in_scope: bool,
    },
    Contexts {
        prefix: String,
        page: Page,
    },
    ClusterId,
    ServerVersion,
    Deployment,
    Leader,
}

/// A change of the state.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "docs/registry-api.md says what each does")]
pub enum Write {
    Register { subject: Subject, request: Box<RegisterRequest>, format: String },
    DeleteVersion { subject: Subject, number: VersionNumber, permanent: bool },
    DeleteSubject { subject: Subject, permanent: bool },
    UpdateConfig { subject: Option<Subject>, update: Box<ConfigUpdate> },
    DeleteConfig { subject: Option<Subject> },
    UpdateMode { subject: Option<Subject>, mode: Option<Mode>, name: Option<String>, force: bool },
    DeleteMode { subject: Option<Subject>, recursive: bool },
    DeleteContext { context: Subject },
}

impl Write {
    /// As messages name it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "Register",
            Self::DeleteVersion { .. } => "Delete Schema Version",
            Self::DeleteSubject { .. } => "Delete subject",
            Self::UpdateConfig { .. } => "Update config",
            Self::DeleteConfig { .. } => "Delete config",
            Self::UpdateMode { .. } => "Update mode",
            Self::DeleteMode { .. } => "Delete mode",
            Self::DeleteContext { .. } => "Delete context",
        }
    }

    pub(crate) fn timed_out(&self, detail: &str) -> Problem {
        Problem::timeout(format!("{} operation timed out: {detail}", self.name()))
    }

    pub(crate) fn store_failed(&self, detail: &str) -> Problem {
        Problem::store(format!("{} operation failed while writing to the Kafka store: {detail}", self.name()))
    }
}

impl Read {
    /// Whether it parses schemas, which may take its time.
    pub(crate) fn is_heavy(&self) -> bool {
        match self {
            Self::Lookup { .. } | Self::Compatibility { .. } | Self::Schemas { .. } => true,
            Self::Version { format, .. }
            | Self::VersionText { format, .. }
            | Self::WithMetadata { format, .. }
            | Self::SchemaById { format, .. }
            | Self::SchemaTextById { format, .. }
            | Self::SchemaByGuid { format, .. } => !format.is_empty(),
            _ => false,
        }
    }
}
