//! What changed in a field.

use super::diff::{Diff, Place};
use super::model::{Field, Label, Message, TypeDef, is_scalar, map_types};
use super::scope::{Known, Scope};

pub(super) fn compare(diff: &mut Diff<'_>, place: &Place, original: &Field, update: &Field) {
    if original.name != update.name {
        diff.add(place, "FIELD_NAME_CHANGED");
    }
    let labels = (original.label, update.label);
    compare_types(diff, place, labels, &original.field_type, &update.field_type);
}

/// What a field holds, as far as its encoding goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FieldKind {
    Scalar(ScalarKind),
    Map(String, String),
    Message,
}

/// Scalars that are read as each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScalarKind {
    /// Enums, too.
    GeneralNumber,
    SignedNumber,
    StringOrBytes,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

impl ScalarKind {
    fn of(scalar: &str) -> Self {
        match scalar {
            "sint32" | "sint64" => Self::SignedNumber,
            "string" | "bytes" => Self::StringOrBytes,
            "fixed32" | "sfixed32" => Self::Fixed32,
            "fixed64" | "sfixed64" => Self::Fixed64,
            "float" => Self::Float,
            "double" => Self::Double,
            _ => Self::GeneralNumber,
        }
    }
}

impl FieldKind {
    fn of(field_type: &str, scope: &Scope<'_>, place: &str) -> Self {
        if is_scalar(field_type) {
            return Self::Scalar(ScalarKind::of(field_type));
        }
        let definition = scope.find(field_type, place).map(|known| known.definition);
        let entry = definition.and_then(TypeDef::as_message).and_then(Message::as_map_entry);
        match (map_types(field_type).or(entry), definition) {
            (Some((key, value)), _) => Self::Map(key.to_owned(), value.to_owned()),
            (None, Some(TypeDef::Enum(_))) => Self::Scalar(ScalarKind::GeneralNumber),
            (None, Some(TypeDef::Message(_)) | None) => Self::Message,
        }
    }
}

fn compare_types(
    diff: &mut Diff<'_>,
    place: &Place,
    labels: (Option<Label>, Option<Label>),
    original: &str,
    update: &str,
) {
    let before = FieldKind::of(original, diff.original, &place.in_original());
    let after = FieldKind::of(update, diff.update, &place.in_update());
    match (before, after) {
        (FieldKind::Scalar(before), FieldKind::Scalar(after)) if before != after => {
            diff.add(place, "FIELD_SCALAR_KIND_CHANGED");
        }
        (FieldKind::Scalar(kind), FieldKind::Scalar(_)) => compare_labels(diff, place, labels, kind),
        (FieldKind::Map(old_key, old_value), FieldKind::Map(new_key, new_value)) => {
            compare_types(diff, place, (None, None), &old_key, &new_key);
            compare_types(diff, place, (None, None), &old_value, &new_value);
        }
        (FieldKind::Message, FieldKind::Message) => compare_named(diff, place, original, update),
        _ => diff.add(place, "FIELD_KIND_CHANGED"),
    }
}

/// A field of proto3 without a label is compared with none.
fn compare_labels(
    diff: &mut Diff<'_>,
    place: &Place,
    labels: (Option<Label>, Option<Label>),
    kind: ScalarKind,
) {
    let (Some(before), Some(after)) = labels else { return };
    if before != after {
        diff.add(
            place,
            match kind {
                ScalarKind::StringOrBytes => "FIELD_STRING_OR_BYTES_LABEL_CHANGED",
                _ => "FIELD_NUMERIC_LABEL_CHANGED",
            },
        );
    }
}

/// A type of a file, with the name that it has within its package.
fn find<'a>(scope: &Scope<'a>, name: &str, place: &str) -> Option<(Known<'a>, String)> {
    let full = scope.resolve(name, place)?;
    let known = scope.get(&full)?;
    let local = full.strip_prefix(known.package).and_then(|local| local.strip_prefix('.'));
    let local = local.map_or_else(|| full.clone(), str::to_owned);
    Some((known, local))
}

fn compare_named(diff: &mut Diff<'_>, place: &Place, original: &str, update: &str) {
    let before = find(diff.original, original, &place.in_original());
    let after = find(diff.update, update, &place.in_update());
    let (Some((before, old_name)), Some((after, new_name))) = (before, after) else {
        if original != update {
            diff.add(place, "FIELD_NAMED_TYPE_CHANGED");
        }
        return;
    };
    if old_name != new_name {
        return diff.add(place, "FIELD_NAMED_TYPE_CHANGED");
    }
    // Messages of the file itself are compared on their own.
    let is_same = std::ptr::eq(before.definition, after.definition);
    if is_same || (before.is_local && after.is_local) {
        return;
    }
    let (TypeDef::Message(old), TypeDef::Message(new)) = (before.definition, after.definition) else {
        return;
    };
    let elsewhere = Place::elsewhere(before.package, after.package, &old_name);
    if !diff.compare_elsewhere(elsewhere, old, new) {
        diff.add(place, "FIELD_NAMED_TYPE_CHANGED");
    }
}
