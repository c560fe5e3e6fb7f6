//! Parsed schemas that outlive a request.

use std::fmt;
use std::sync::Arc;

use super::resolve::Resolved;
use crate::format::{ParsedSchema, ResolvedReference, SchemaType, Validation};

/// All that a parsed schema is made of: the same is the same schema, wherever it is registered. Texts of versions are
/// shared with the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    schema_type: SchemaType,
    validation: Validation,
    text: Arc<str>,
    /// Names and texts, in the order of [`ParsedSchema::parse`].
    references: Vec<(String, Arc<str>)>,
}

/// Where parsed schemas are kept. The store itself has no lock, so this comes from whoever has one.
pub trait ParsedSchemas: fmt::Debug + Send + Sync {
    /// The schema that was made of this.
    fn get(&self, source: &Source) -> Option<Arc<ParsedSchema>>;

    /// Keeps a schema, for as long as it likes.
    fn keep(&self, source: Source, schema: &Arc<ParsedSchema>);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingKept;

impl ParsedSchemas for NothingKept {
    fn get(&self, _: &Source) -> Option<Arc<ParsedSchema>> {
        None
    }

    fn keep(&self, _: Source, _: &Arc<ParsedSchema>) {}
}

impl Source {
    pub(super) fn new(
        schema_type: SchemaType,
        text: Arc<str>,
        resolved: Vec<Resolved>,
        validation: Validation,
    ) -> Self {
        let references = resolved.into_iter().map(|found| (found.name, Arc::clone(&found.version.text)));
        Self { schema_type, validation, text, references: references.collect() }
    }

    /// The bytes of all texts together.
    pub fn text_bytes(&self) -> usize {
        self.references.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>() + self.text.len()
    }

    /// The schema, from among those that are kept if it is there.
    pub(super) fn parse(self, kept: &dyn ParsedSchemas) -> Result<Arc<ParsedSchema>, String> {
        if let Some(schema) = kept.get(&self) {
            return Ok(schema);
        }
        let references: Vec<ResolvedReference<'_>> =
            self.references.iter().map(|(name, text)| ResolvedReference { name, text }).collect();
        let parsed = ParsedSchema::parse(self.schema_type, &self.text, &references, self.validation);
        let parsed = parsed
            .map_err(|error| format!("Invalid schema of type {}, details: {error}", self.schema_type))?;
        let parsed = Arc::new(parsed);
        kept.keep(self, &parsed);
        Ok(parsed)
    }
}
