//! What an author can do about a change, and where it is in the names that the author knows.

use super::ProtobufSchema;
use super::difference::ProtobufDifference;
use super::model::{File, Message, TypeDef};
use crate::format::Reader;

impl ProtobufDifference {
    /// What to change in the new schema, so that it is compatible.
    pub fn remedy(&self, reader: Reader) -> String {
        let text = match (self.kind.as_str(), reader) {
            ("PACKAGE_CHANGED", _) => "keep the package",
            ("MESSAGE_REMOVED", Reader::New) => "keep the message, even if nothing uses it any more",
            ("MESSAGE_REMOVED", Reader::Old) => {
                "leave the message out: the old file does not have it; register it under a subject of its own"
            }
            ("FIELD_KIND_CHANGED" | "FIELD_SCALAR_KIND_CHANGED" | "FIELD_NAMED_TYPE_CHANGED", _) => {
                "keep the type, or one with the same encoding (int32, uint32, int64, uint64, bool and enums; sint32 and sint64; \
                 string and bytes; fixed32 and sfixed32; fixed64 and sfixed64); for another type take a new field number, and \
                 reserve the old one"
            }
            ("FIELD_NUMERIC_LABEL_CHANGED", _) => {
                "keep the label: repeated numbers are encoded in another way"
            }
            ("REQUIRED_FIELD_ADDED", Reader::New) => "make the field optional: old data do not have it",
            ("REQUIRED_FIELD_ADDED", Reader::Old) => "keep the field: the old schema asks for it",
            ("REQUIRED_FIELD_REMOVED", Reader::New) => "keep the field: old programs cannot read without it",
            ("REQUIRED_FIELD_REMOVED", Reader::Old) => "make the field optional",
            ("ONEOF_FIELD_REMOVED", Reader::New) => "keep the field in the oneof, deprecated if need be",
            ("ONEOF_FIELD_REMOVED", Reader::Old) => {
                "leave the field out of the oneof: to the old schema's readers none of its fields would be set"
            }
            ("MULTIPLE_FIELDS_MOVED_TO_ONEOF" | "FIELD_MOVED_TO_EXISTING_ONEOF", Reader::New) => {
                "leave the fields outside of the oneof: old data may have several of them set"
            }
            ("MULTIPLE_FIELDS_MOVED_TO_ONEOF" | "FIELD_MOVED_TO_EXISTING_ONEOF", Reader::Old) => {
                "keep the fields in the oneof: the old schema's readers keep only one of them"
            }
            _ => "keep it as it was",
        };
        text.to_owned()
    }
}

impl ProtobufSchema {
    /// The place that a difference's path points to: `rides.v1.Trip.fare (field 6)`. `other` is the schema that this one is
    /// compared with, for fields that this one lacks.
    pub fn place(&self, path: &str, other: &Self) -> String {
        let tokens: Vec<&str> =
            path.trim_start_matches('#').split('/').filter(|token| !token.is_empty()).collect();
        if tokens.is_empty() {
            return "the package".to_owned();
        }
        let number = tokens.last().and_then(|last| last.parse::<i32>().ok());
        let Some(number) = number else { return tokens.join(".") };
        let around = &tokens[..tokens.len() - 1];
        let name = field_name(&self.file, around, number).or_else(|| field_name(&other.file, around, number));
        let place = around.iter().copied().chain(name.as_deref()).collect::<Vec<_>>().join(".");
        format!("{place} (field {number})")
    }
}

/// The field's name; the tokens are messages, and a oneof at most at the end.
fn field_name(file: &File, tokens: &[&str], number: i32) -> Option<String> {
    let mut types: &[TypeDef] = &file.types;
    let mut message: Option<&Message> = None;
    for token in tokens {
        let found = types.iter().filter_map(TypeDef::as_message).find(|message| message.name == *token);
        match found {
            Some(found) => (types, message) = (&found.types, Some(found)),
            None => break,
        }
    }
    let mut fields = message?.all_fields();
    fields.find_map(|(field, _)| (field.tag == number).then(|| field.name.clone()))
}
