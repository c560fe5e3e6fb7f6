//! Whether a field's default is a value of the field's type.

use std::collections::HashMap;

use super::model::{AvroError, AvroSchema, Kind, NodeId, Primitive};
use super::parse::{Parser, Validation};
use crate::json::Json;

impl Parser {
    pub(super) fn check_default(&self, field: &str, node: NodeId, default: &Json) -> Result<(), AvroError> {
        if self.validation == Validation::Lenient {
            return Ok(());
        }
        let mut check = DefaultCheck { schema: &self.schema, nested: HashMap::new() };
        if check.is_valid(node, default) {
            return Ok(());
        }
        Err(AvroError::Default {
            field: field.to_owned(),
            default: default.to_string(),
            schema: self.schema.text_of(node),
        })
    }
}

struct DefaultCheck<'a> {
    schema: &'a AvroSchema,
    /// Whether the default of a record's field is valid, by record and place; nothing while it is being looked at.
    nested: HashMap<(NodeId, usize), Option<bool>>,
}

impl DefaultCheck<'_> {
    /// A union takes a value of any of its branches; a type that is not defined so far takes any object.
    fn is_valid(&mut self, node: NodeId, value: &Json) -> bool {
        let schema = self.schema;
        match schema.kind(node) {
            Kind::Primitive(primitive) => is_valid_primitive(*primitive, value),
            Kind::Fixed { .. } | Kind::Enum { .. } => value.as_str().is_some(),
            Kind::Array(items) => value
                .as_array()
                .is_some_and(|elements| elements.iter().all(|element| self.is_valid(*items, element))),
            Kind::Map(values) => value
                .as_object()
                .is_some_and(|entries| entries.values().all(|value| self.is_valid(*values, value))),
            Kind::Union(branches) => branches.iter().any(|branch| self.is_valid(*branch, value)),
            Kind::Record { fields, .. } => {
                let Json::Object(entries) = value else { return false };
                fields.iter().enumerate().all(|(index, field)| match entries.get(&field.name) {
                    Some(value) => self.is_valid(field.node, value),
                    None => self.is_nested_valid(node, index),
                })
            }
            Kind::Unresolved(_) => value.as_object().is_some(),
        }
    }

    /// Whether a record can leave a field to its default. One that needs itself would never end, so is not valid.
    fn is_nested_valid(&mut self, record: NodeId, index: usize) -> bool {
        let schema = self.schema;
        let Kind::Record { fields, .. } = schema.kind(record) else { return false };
        let Some(default) = &fields[index].default else { return false };
        if let Some(known) = self.nested.get(&(record, index)) {
            return known.unwrap_or(false);
        }
        self.nested.insert((record, index), None);
        let is_valid = self.is_valid(fields[index].node, default);
        self.nested.insert((record, index), Some(is_valid));
        is_valid
    }
}

fn is_valid_primitive(primitive: Primitive, value: &Json) -> bool {
    match primitive {
        Primitive::Null => value.is_null(),
        Primitive::Boolean => value.as_bool().is_some(),
        Primitive::Int => value.as_i32().is_some(),
        Primitive::Long => value.as_number().is_some_and(|number| number.as_i64().is_some()),
        Primitive::Float | Primitive::Double => value.as_number().is_some(),
        Primitive::Bytes | Primitive::String => value.as_str().is_some(),
    }
}
