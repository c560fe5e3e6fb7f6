//! The normalized form (`normalize=true`): two schemas that mean the same have one text.

use super::logical_type::logical_props;
use super::model::{AvroSchema, Field, Kind, Named, NodeId, Primitive};
use super::name::Name;
use crate::json::{Json, Number, Object, compare_utf16, float_text};

impl AvroSchema {
    /// The same schema with aliases and properties in one order, without empty documentation, and with defaults that are
    /// written as their type writes them.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut normalized = self.clone();
        for index in 0..normalized.nodes.len() {
            let node = &self.nodes[index];
            let target = &mut normalized.nodes[index];
            target.props = normalized_props(&node.props, &logical_props(node));
            match &mut target.kind {
                Kind::Record { named, fields, .. } => {
                    normalize_named(named);
                    for field in fields {
                        self.normalize_field(field);
                    }
                }
                Kind::Enum { named, .. } | Kind::Fixed { named, .. } => normalize_named(named),
                Kind::Primitive(_) | Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Unresolved(_) => {
                }
            }
            if let Kind::Record { is_error, .. } = &mut target.kind {
                *is_error = false;
            }
        }
        normalized
    }

    fn normalize_field(&self, field: &mut Field) {
        field.default = field
            .default
            .as_ref()
            .and_then(|default| self.typed(field.node, default))
            .map(|default| default.sorted());
        field.aliases.sort_by(|a, b| compare_utf16(a, b));
        field.props = normalized_props(&field.props, &[]);
    }

    /// A default as Java's library reads it for its type; a union's as for its first branch. Nothing where it is none.
    fn typed(&self, node: NodeId, value: &Json) -> Option<Json> {
        let kind = match self.kind(node) {
            Kind::Union(branches) => return branches.first().and_then(|first| self.typed(*first, value)),
            kind => kind,
        };
        match value {
            Json::Null | Json::Bool(_) => Some(value.clone()),
            Json::Number(number) => typed_number(kind, number).map(Json::Number),
            Json::String(_) => match kind {
                Kind::Primitive(Primitive::String | Primitive::Bytes)
                | Kind::Enum { .. }
                | Kind::Fixed { .. } => Some(value.clone()),
                _ => None,
            },
            Json::Array(elements) => {
                let Kind::Array(items) = kind else { return Some(value.clone()) };
                Some(Json::Array(
                    elements
                        .iter()
                        .map(|element| self.typed(*items, element).unwrap_or(Json::Null))
                        .collect(),
                ))
            }
            Json::Object(entries) => {
                let child = |key: &str| match kind {
                    Kind::Map(values) => Some(*values),
                    Kind::Record { fields, .. } => {
                        fields.iter().find(|field| field.name == key).map(|field| field.node)
                    }
                    _ => None,
                };
                let typed = |key: &str, value: &Json| match child(key) {
                    Some(node) => self.typed(node, value).unwrap_or(Json::Null),
                    None => value.clone(),
                };
                Some(entries.iter().map(|(key, value)| (key.clone(), typed(key, value))).collect())
            }
        }
    }
}

fn typed_number(kind: &Kind, number: &Number) -> Option<Number> {
    let Kind::Primitive(primitive) = kind else { return None };
    let is_i64 = number.as_i64().is_some();
    let is_floating = !number.is_integral();
    match primitive {
        Primitive::Double if is_i64 || is_floating => Some(Number::from_f64(number.as_f64())),
        #[expect(clippy::cast_possible_truncation, reason = "that is what a float keeps of it")]
        Primitive::Float if is_i64 || is_floating => {
            let text = float_text(number.as_f64() as f32);
            Some(Number::from_f64(text.parse().unwrap_or_else(|_| number.as_f64())))
        }
        Primitive::Int | Primitive::Long if is_i64 => Some(number.clone()),
        _ => None,
    }
}

/// First those that make the logical type, then the others in order.
fn normalized_props(props: &Object, first: &[&str]) -> Object {
    let mut keys: Vec<&String> = props.keys().collect();
    keys.sort_by(|a, b| compare_utf16(a, b));
    let first = first.iter().filter_map(|key| props.get_key_value(*key));
    let others = keys.into_iter().filter_map(|key| props.get_key_value(key));
    first.chain(others).map(|(key, value)| (key.clone(), value.sorted())).collect()
}

fn normalize_named(named: &mut Named) {
    if named.doc.as_deref() == Some("") {
        named.doc = None;
    }
    let has_space = named.name.space.is_some();
    let key = |alias: &Name| {
        if alias.space.is_none() && has_space { format!(".{}", alias.name) } else { alias.full() }
    };
    named.aliases.sort_by(|a, b| compare_utf16(&key(a), &key(b)));
}
