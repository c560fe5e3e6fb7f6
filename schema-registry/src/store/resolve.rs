//! From references to the texts of all schemas that they lead to.

use std::collections::HashMap;
use std::sync::Arc;

use super::parsed::Source;
use super::query::{Deleted, VersionNumber};
use super::refusal::Refusal;
use super::state::{Store, Version};
use super::subject::Subject;
use crate::content::SchemaReference;
use crate::format::{ParsedSchema, Validation};

/// How many schemas may lie behind each other.
const CHAIN_MAX: usize = 200;

/// A schema that is referred to, and the name for it.
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) version: Arc<Version>,
}

impl Store {
    /// All schemas that are referred to, directly or not, each after those that it needs. `latest` in a reference becomes the
    /// version that it is now.
    pub(super) fn resolve(
        &self,
        subject: &Subject,
        references: &mut [SchemaReference],
        deleted: Deleted,
    ) -> Result<Vec<Resolved>, String> {
        let mut walk = Walk { store: self, deleted, visited: HashMap::new(), resolved: Vec::new() };
        for reference in references {
            walk.visit(subject, reference, 0)?;
        }
        Ok(walk.resolved)
    }

    /// A version's text in a format that a client asks for; an unknown format is the text itself.
    ///
    /// # Errors
    /// Where the version, or what it refers to, cannot be read any more.
    pub fn formatted(&self, version: &Version, format: &str) -> Result<String, Refusal> {
        let parsed = self.parse_version(version).map_err(Refusal::InvalidSchema)?;
        parsed.formatted(format).map_err(|error| Refusal::InvalidSchema(error.to_string()))
    }

    /// Reads a version that is stored.
    pub(super) fn parse_version(&self, version: &Version) -> Result<Arc<ParsedSchema>, String> {
        let resolved = self.resolve(&version.subject, &mut version.references.clone(), Deleted::With)?;
        let text = Arc::clone(&version.text);
        Source::new(version.schema_type, text, resolved, Validation::Lenient).parse(&*self.parsed)
    }
}

struct Walk<'a> {
    store: &'a Store,
    deleted: Deleted,
    /// The version that a name stands for.
    visited: HashMap<String, i32>,
    resolved: Vec<Resolved>,
}

impl Walk<'_> {
    fn visit(
        &mut self,
        subject: &Subject,
        reference: &mut SchemaReference,
        depth: usize,
    ) -> Result<(), String> {
        let referred = subject.referred(&reference.subject);
        let number = match reference.version {
            -1 => VersionNumber::Latest,
            number => VersionNumber::Number(number),
        };
        let version = self.store.version_here(&referred, number, self.deleted).ok_or_else(|| {
            format!("No schema reference found for subject \"{referred}\" and version {}", reference.version)
        })?;
        reference.version = version.version;
        if depth == CHAIN_MAX {
            return Err(format!("more than {CHAIN_MAX} references lie behind each other"));
        }
        if let Some(known) = self.visited.insert(reference.name.clone(), version.version) {
            if self.store.settings.reference_versions_strict && known != version.version {
                return Err(format!(
                    "Conflicting reference versions for \"{}\": version {known} and version {}",
                    reference.name, version.version
                ));
            }
            self.visited.insert(reference.name.clone(), known);
            return Ok(());
        }
        for inner in &mut version.references.clone() {
            self.visit(&version.subject, inner, depth + 1)?;
        }
        self.resolved.push(Resolved { name: reference.name.clone(), version });
        Ok(())
    }
}
