//! What the operator sets for the whole registry, under Confluent's names.

use crate::compatibility::CompatibilityLevel;

/// Settings that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `schema.compatibility.level`: the level where none is set.
    pub compatibility_level: CompatibilityLevel,
    /// `mode.mutability`: whether modes can be changed.
    pub mode_mutability: bool,
    /// `schema.validate.new.schemas`: whether new schemas are looked at more closely than old ones.
    pub validate_new_schemas: bool,
    /// `schema.validate.fields`: whether reserved fields are checked.
    pub validate_fields: bool,
    /// `schema.reject.empty.subject`: whether a subject must have a name.
    pub reject_empty_subject: bool,
    /// `reference.versions.strict`: whether two versions of one reference are an error.
    pub reference_versions_strict: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compatibility_level: CompatibilityLevel::Backward,
            mode_mutability: true,
            validate_new_schemas: true,
            validate_fields: false,
            reject_empty_subject: false,
            reference_versions_strict: false,
        }
    }
}
