//! What changed between two schemas.

use crate::compatibility::CompatibilityPolicy;

/// A kind of change, by the name that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JsonDifferenceKind(pub(super) &'static str);

/// A change, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonDifference {
    /// What kind of change it is.
    pub kind: JsonDifferenceKind,
    /// Where: `#/` and the keywords and names that lead there.
    pub path: String,
}

/// Changes after which a reader of the new schema still reads what was written with the old one.
const COMPATIBLE: [&str; 65] = [
    "ID_CHANGED",
    "DESCRIPTION_CHANGED",
    "TITLE_CHANGED",
    "DEFAULT_CHANGED",
    "SCHEMA_REMOVED",
    "TYPE_EXTENDED",
    "MAX_LENGTH_INCREASED",
    "MAX_LENGTH_REMOVED",
    "MIN_LENGTH_DECREASED",
    "MIN_LENGTH_REMOVED",
    "PATTERN_REMOVED",
    "MAXIMUM_INCREASED",
    "MAXIMUM_REMOVED",
    "MINIMUM_DECREASED",
    "MINIMUM_REMOVED",
    "EXCLUSIVE_MAXIMUM_INCREASED",
    "EXCLUSIVE_MAXIMUM_REMOVED",
    "EXCLUSIVE_MINIMUM_DECREASED",
    "EXCLUSIVE_MINIMUM_REMOVED",
    "MULTIPLE_OF_REDUCED",
    "MULTIPLE_OF_REMOVED",
    "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED",
    "REQUIRED_ATTRIBUTE_REMOVED",
    "DEPENDENCY_ARRAY_NARROWED",
    "DEPENDENCY_ARRAY_REMOVED",
    "DEPENDENCY_SCHEMA_REMOVED",
    "MAX_PROPERTIES_INCREASED",
    "MAX_PROPERTIES_REMOVED",
    "MIN_PROPERTIES_DECREASED",
    "MIN_PROPERTIES_REMOVED",
    "ADDITIONAL_PROPERTIES_ADDED",
    "ADDITIONAL_PROPERTIES_EXTENDED",
    "UNEVALUATED_PROPERTIES_ADDED",
    "UNEVALUATED_PROPERTIES_EXTENDED",
    "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
    "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL",
    "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
    "PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL",
    "PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL",
    "PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    "PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    "MAX_ITEMS_INCREASED",
    "MAX_ITEMS_REMOVED",
    "MIN_ITEMS_DECREASED",
    "MIN_ITEMS_REMOVED",
    "MAX_CONTAINS_INCREASED",
    "MAX_CONTAINS_REMOVED",
    "MIN_CONTAINS_DECREASED",
    "MIN_CONTAINS_REMOVED",
    "UNIQUE_ITEMS_REMOVED",
    "ADDITIONAL_ITEMS_ADDED",
    "ADDITIONAL_ITEMS_EXTENDED",
    "UNEVALUATED_ITEMS_ADDED",
    "UNEVALUATED_ITEMS_EXTENDED",
    "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
    "ITEM_ADDED_TO_CLOSED_CONTENT_MODEL",
    "ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL",
    "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL",
    "ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    "ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    "ENUM_ARRAY_EXTENDED",
    "COMBINED_TYPE_EXTENDED",
    "PRODUCT_TYPE_NARROWED",
    "SUM_TYPE_EXTENDED",
    "NOT_TYPE_NARROWED",
];

/// What else is compatible under [`CompatibilityPolicy::Lenient`].
const COMPATIBLE_LENIENT: [&str; 10] = [
    "ADDITIONAL_PROPERTIES_NARROWED",
    "ADDITIONAL_PROPERTIES_REMOVED",
    "UNEVALUATED_PROPERTIES_NARROWED",
    "UNEVALUATED_PROPERTIES_REMOVED",
    "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL",
    "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
    "PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL",
    "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
    "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
];

impl JsonDifferenceKind {
    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether the new schema still reads what was written with the old one, as a policy sees it.
    pub fn is_compatible(self, policy: CompatibilityPolicy) -> bool {
        COMPATIBLE.contains(&self.0)
            || (policy == CompatibilityPolicy::Lenient && COMPATIBLE_LENIENT.contains(&self.0))
    }
}

impl JsonDifference {
    /// The description, with the words for the two schemas in it.
    pub fn description(&self, reader: &str, writer: &str) -> String {
        let path = &self.path;
        match self.kind.0 {
            "COMPARISON_TOO_DEEP" => {
                format!(
                    "The {reader} and the {writer} schema lie too deep in each other at path '{path}' to be compared"
                )
            }
            "COMPARISON_TOO_LARGE" => {
                format!("The {reader} and the {writer} schema at path '{path}' are too large to be compared")
            }
            "MULTIPLE_OF_EXPANDED" => more(path, reader, writer),
            "PATTERN_CHANGED" | "MULTIPLE_OF_CHANGED" | "DEPENDENCY_ARRAY_CHANGED" => {
                format!("The value at path '{path}' is different between the {reader} and {writer} schema")
            }
            "TYPE_CHANGED"
            | "TYPE_NARROWED"
            | "COMBINED_TYPE_CHANGED"
            | "COMBINED_TYPE_SUBSCHEMAS_CHANGED"
            | "ENUM_ARRAY_CHANGED" => {
                format!(
                    "A type at path '{path}' is different between the {reader} schema and the {writer} schema"
                )
            }
            "DEPENDENCY_ARRAY_EXTENDED"
            | "PRODUCT_TYPE_EXTENDED"
            | "SUM_TYPE_EXTENDED"
            | "NOT_TYPE_EXTENDED" => format!(
                "An array or combined type at path '{path}' has more elements in the {reader} schema than the {writer} schema"
            ),
            "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL" => format!(
                "The {reader} schema has an unopen content model and has a required property at path '{path}' which is missing in the {writer} schema"
            ),
            "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL" | "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL" => {
                format!(
                    "The {reader} has a closed content model and is missing a property or item present at path '{path}' in the {writer} schema"
                )
            }
            "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            | "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL" => format!(
                "A property or item is missing in the {reader} schema but present at path '{path}' in the {writer} schema and is not covered by its partially open content model"
            ),
            "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            | "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL" => format!(
                "The {reader} schema has a property or item at path '{path}' which is missing in the {writer} schema and is not covered by its partially open content model"
            ),
            kind if kind.ends_with("_ADDED_TO_OPEN_CONTENT_MODEL") => format!(
                "The {reader} schema has an open content model and has a property or item at path '{path}' which is missing in the {writer} schema"
            ),
            kind if kind.ends_with("_NARROWED") => format!(
                "An array or combined type at path '{path}' has fewer elements in the {reader} schema than the {writer} schema"
            ),
            kind if kind.ends_with("_INCREASED") => more(path, reader, writer),
            kind if kind.ends_with("_DECREASED") => {
                format!(
                    "The value at path '{path}' in the {reader} schema is less than its value in the {writer} schema"
                )
            }
            kind if kind.ends_with("_ADDED") || kind.ends_with("_REMOVED") => {
                format!(
                    "The keyword at path '{path}' in the {reader} schema is not present in the {writer} schema"
                )
            }
            _ => String::new(),
        }
    }
}

fn more(path: &str, reader: &str, writer: &str) -> String {
    format!("The value at path '{path}' in the {reader} schema is more than its value in the {writer} schema")
}
