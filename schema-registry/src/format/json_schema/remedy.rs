//! What an author can do about a change.

use super::difference::JsonDifference;
use crate::format::Reader;

impl JsonDifference {
    /// What to change in the new schema, so that it is compatible.
    pub fn remedy(&self, reader: Reader) -> String {
        let text = match reader {
            Reader::New => of_reader(self.kind.as_str()),
            Reader::Old => of_writer(self.kind.as_str()),
        };
        text.to_owned()
    }
}

/// The change goes from the old schema to the new one.
fn of_reader(kind: &str) -> &'static str {
    match kind {
        "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL" | "REQUIRED_ATTRIBUTE_ADDED" => {
            "make the property optional, or give it a default"
        }
        kind if kind.starts_with("PROPERTY_REMOVED_") || kind.starts_with("ITEM_REMOVED_") => {
            "keep it, or let additionalProperties (additionalItems) accept what was written"
        }
        kind if kind.ends_with("_ADDED_TO_OPEN_CONTENT_MODEL") => {
            "the old schema accepts anything under this name, so old data may hold something else: give it the schema true, or close \
             the content model (additionalProperties: false) before properties are added"
        }
        kind if kind.ends_with("_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL") => {
            "give it a schema that accepts all that the old patternProperties or additionalProperties accept for it"
        }
        "TYPE_CHANGED" | "COMBINED_TYPE_CHANGED" | "COMBINED_TYPE_SUBSCHEMAS_CHANGED" => {
            "keep the old type, or accept both in a list of types, anyOf or oneOf"
        }
        "TYPE_NARROWED" => "keep accepting the types that the old schema accepts",
        "ENUM_ARRAY_NARROWED" | "ENUM_ARRAY_CHANGED" => {
            "keep the old values in the enum; new ones can be added"
        }
        "PATTERN_ADDED" | "PATTERN_CHANGED" => "keep the old pattern, or none",
        "PRODUCT_TYPE_EXTENDED" => "do not add branches to allOf: old data need not fit them",
        "SUM_TYPE_NARROWED" => "keep the old branches of anyOf or oneOf",
        "NOT_TYPE_EXTENDED" => "do not forbid more than the old schema does",
        "MULTIPLE_OF_EXPANDED" | "MULTIPLE_OF_CHANGED" => "take a divisor of the old multipleOf, or none",
        "UNIQUE_ITEMS_ADDED" => "do not ask for unique items: old arrays may hold one twice",
        kind if kind.starts_with("ADDITIONAL_") || kind.starts_with("UNEVALUATED_") => {
            "keep accepting all that the old schema accepts beside what it names"
        }
        kind if kind.starts_with("DEPENDENCY_") => "do not ask for more than the old schema does",
        kind if kind.starts_with("MAX") || kind.starts_with("EXCLUSIVE_MAX") => {
            "keep the old upper limit, or a higher one"
        }
        kind if kind.starts_with("MIN") || kind.starts_with("EXCLUSIVE_MIN") => {
            "keep the old lower limit, or a lower one"
        }
        _ => "accept all that the old schema accepts",
    }
}

/// The change goes from the new schema to the old one.
fn of_writer(kind: &str) -> &'static str {
    match kind {
        "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL" | "REQUIRED_ATTRIBUTE_ADDED" => {
            "keep the property required: the old schema asks for it, and has no default"
        }
        kind if kind.starts_with("PROPERTY_REMOVED_") || kind.starts_with("ITEM_REMOVED_") => {
            "leave it out: the old schema does not accept it"
        }
        kind if kind.contains("_ADDED_TO_OPEN_CONTENT_MODEL")
            || kind.ends_with("_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL") =>
        {
            "keep it as the old schema has it, or close the new content model (additionalProperties: false)"
        }
        "TYPE_CHANGED" | "COMBINED_TYPE_CHANGED" | "COMBINED_TYPE_SUBSCHEMAS_CHANGED" | "TYPE_NARROWED" => {
            "write only types that the old schema accepts"
        }
        "ENUM_ARRAY_NARROWED" | "ENUM_ARRAY_CHANGED" => "leave out the values that the old enum lacks",
        "PATTERN_ADDED" | "PATTERN_CHANGED" => "keep the old pattern",
        "PRODUCT_TYPE_EXTENDED" => "keep all branches of allOf: the old schema asks for them",
        "SUM_TYPE_NARROWED" => "do not add branches to anyOf or oneOf: the old schema does not accept them",
        "MULTIPLE_OF_EXPANDED" | "MULTIPLE_OF_CHANGED" => "keep the old multipleOf, or a multiple of it",
        "UNIQUE_ITEMS_ADDED" => "keep uniqueItems",
        kind if kind.starts_with("ADDITIONAL_") || kind.starts_with("UNEVALUATED_") => {
            "do not accept more than the old schema does beside what it names"
        }
        kind if kind.starts_with("MAX") || kind.starts_with("EXCLUSIVE_MAX") => {
            "keep the old upper limit, or a lower one"
        }
        kind if kind.starts_with("MIN") || kind.starts_with("EXCLUSIVE_MIN") => {
            "keep the old lower limit, or a higher one"
        }
        _ => "accept nothing that the old schema does not accept",
    }
}
