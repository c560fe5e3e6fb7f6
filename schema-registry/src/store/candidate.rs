//! A request's schema, read, and whether it is a version that there is.

use std::sync::Arc;

use super::parsed::Source;
use super::populate::VERSION_PROPERTY;
use super::query::Deleted;
use super::refusal::Refusal;
use super::register::RegisterRequest;
use super::state::{Store, Version};
use super::subject::Subject;
use crate::content::{Guid, Metadata, RuleSet, SchemaReference};
use crate::format::{ParsedSchema, SchemaType, Validation};

/// A request's schema, read.
pub(super) struct Candidate {
    pub(super) parsed: Arc<ParsedSchema>,
    pub(super) text: String,
    pub(super) references: Vec<SchemaReference>,
    pub(super) metadata: Option<Metadata>,
    pub(super) rule_set: Option<RuleSet>,
}

impl Candidate {
    pub(super) fn guid(&self) -> Guid {
        Guid::of(&self.text, &self.references, self.metadata.as_ref(), self.rule_set.as_ref())
    }
}

impl Store {
    /// Reads a request's schema; nothing where it has none. In import mode texts are taken as they come.
    pub(super) fn read(
        &self,
        subject: &Subject,
        request: &RegisterRequest,
        validation: Validation,
    ) -> Result<Option<Candidate>, Refusal> {
        if !request.has_schema() {
            return Ok(None);
        }
        let text = request.schema.as_deref().unwrap_or_default();
        let type_name = request.schema_type.as_deref().unwrap_or("AVRO");
        let schema_type = SchemaType::from_name(type_name)
            .ok_or_else(|| Refusal::InvalidSchema(format!("Invalid schema type {type_name}")))?;
        let mut references = request.references.clone();
        let deleted = if validation == Validation::Strict { Deleted::Without } else { Deleted::With };
        let resolved = self.resolve(subject, &mut references, deleted);
        let resolved = resolved.map_err(|error| {
            Refusal::InvalidSchema(format!("Invalid schema of type {schema_type}, details: {error}"))
        })?;
        let source = Source::new(schema_type, Arc::from(text), resolved, validation);
        let mut parsed = source.parse(&*self.parsed).map_err(Refusal::InvalidSchema)?;
        if request.normalize && !self.mode_in_scope(Some(subject)).is_import_or_forward() {
            parsed = Arc::new(parsed.normalized());
            references.sort();
            references.dedup();
        }
        Ok(Some(Candidate {
            text: parsed.canonical_string(),
            parsed,
            references,
            metadata: request.metadata.clone(),
            rule_set: request.rule_set.clone(),
        }))
    }

    /// A version of the context with the very same content.
    pub(super) fn same_content(&self, subject: &Subject, candidate: &Candidate) -> Option<Arc<Version>> {
        let id = *self.contexts.get(subject.context())?.guids.get(&candidate.guid())?;
        self.version_of_id(id, subject.context())
    }

    /// Whether a schema means a version, although their texts differ: with references written out, or without the number
    /// of its version in its metadata.
    pub(super) fn means(&self, candidate: &Candidate, version: &Version) -> Result<bool, Refusal> {
        let is_written_out = candidate.references.is_empty() && !version.references.is_empty();
        if candidate.parsed.schema_type() != version.schema_type
            || candidate.rule_set != version.rule_set
            || (!is_written_out && candidate.references != version.references)
            || !is_same_metadata(candidate.metadata.as_ref(), version)
        {
            return Ok(false);
        }
        let parsed = self.parse_version(version).map_err(Refusal::InvalidSchema)?;
        Ok(candidate.parsed.is_equivalent(&parsed))
    }
}

/// Whether metadata are a version's, but for the number of the version, which one of both may leave out.
fn is_same_metadata(metadata: Option<&Metadata>, version: &Version) -> bool {
    let number = |metadata: Option<&Metadata>| {
        metadata?.properties.get(VERSION_PROPERTY).and_then(|number| number.parse::<i32>().ok())
    };
    let without_number = |metadata: Option<&Metadata>| {
        let mut metadata = metadata.cloned().unwrap_or_default();
        metadata.properties.remove(VERSION_PROPERTY);
        metadata
    };
    let stored = version.metadata.as_ref();
    match (number(metadata), number(stored)) {
        (Some(number), None) if number != version.version => false,
        (Some(_), None) | (None, Some(_)) => without_number(metadata) == without_number(stored),
        (Some(_), Some(_)) | (None, None) => metadata == stored,
    }
}
