//! What changed between two files.

/// A kind of change, by the name that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtobufDifferenceKind(pub(super) &'static str);

/// A change, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtobufDifference {
    /// What kind of change it is.
    pub kind: ProtobufDifferenceKind,
    /// Where: `#/` and the names of messages, oneofs and enums, and the numbers of fields and constants that lead there.
    pub path: String,
}

/// Changes after which a reader of the new schema still reads what was written with the old one.
const COMPATIBLE: [&str; 15] = [
    "MESSAGE_ADDED",
    "MESSAGE_MOVED",
    "ENUM_ADDED",
    "ENUM_REMOVED",
    "ENUM_CONST_ADDED",
    "ENUM_CONST_CHANGED",
    "ENUM_CONST_REMOVED",
    "FIELD_ADDED",
    "FIELD_REMOVED",
    "FIELD_NAME_CHANGED",
    "FIELD_STRING_OR_BYTES_LABEL_CHANGED",
    "ONEOF_ADDED",
    "ONEOF_REMOVED",
    "ONEOF_FIELD_ADDED",
    "ONEOF_FIELD_MOVED_TO_TOP_LEVEL",
];

impl ProtobufDifferenceKind {
    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether the new schema still reads what was written with the old one.
    pub fn is_compatible(self) -> bool {
        COMPATIBLE.contains(&self.0)
    }
}

impl ProtobufDifference {
    /// The description, with the words for the two schemas in it; nothing for what is compatible.
    pub fn description(&self, reader: &str, writer: &str) -> String {
        let path = &self.path;
        match self.kind.0 {
            "PACKAGE_CHANGED" => format!(
                "The package at '{path}' in the {reader} schema does not match the package in the {writer} schema"
            ),
            "MESSAGE_REMOVED" => {
                format!(
                    "The {reader} schema is missing a MESSAGE type at path '{path}' in the {writer} schema"
                )
            }
            "FIELD_KIND_CHANGED" => format!(
                "The type of a field at path '{path}' in the {reader} schema does not match the {writer} schema"
            ),
            "FIELD_SCALAR_KIND_CHANGED" => format!(
                "The kind of a SCALAR field at path '{path}' in the {reader} schema does not match its kind in the {writer} schema"
            ),
            "FIELD_NAMED_TYPE_CHANGED" => format!(
                "The type of a MESSAGE field at path '{path}' in the {reader} schema does not match its type in the {writer} schema"
            ),
            "FIELD_NUMERIC_LABEL_CHANGED" => format!(
                "The label for a NUMERIC field at path '{path}' in the {reader} schema does not match its label in the {writer} schema"
            ),
            "REQUIRED_FIELD_ADDED" => format!(
                "A required field  at path '{path}' in the {reader} schema is missing in the {writer} schema"
            ),
            "REQUIRED_FIELD_REMOVED" => format!(
                "The {reader} schema is missing a required field at path: '{path}' in the {writer} schema"
            ),
            "ONEOF_FIELD_REMOVED" => format!(
                "The {reader} schema is missing a oneof field at path '{path}' in the {writer} schema"
            ),
            "MULTIPLE_FIELDS_MOVED_TO_ONEOF" => format!(
                "Multiple fields in the oneof at path '{path}' in the {reader} schema are outside a oneof in the {writer} schema"
            ),
            "FIELD_MOVED_TO_EXISTING_ONEOF" => format!(
                "A field in the oneof at path '{path}' in the {reader} schema is outside an existing oneof in the {writer} schema"
            ),
            "COMPARISON_TOO_LARGE" => format!(
                "The {reader} and the {writer} schema lie too deep in each other at path '{path}' to be compared"
            ),
            _ => String::new(),
        }
    }
}
