//! Logical types: a property that means something only on the right type.

use super::model::{Kind, Node, Primitive};
use crate::json::Json;

/// Properties of generated Java classes, which no logical type goes with.
const INCOMPATIBLE: [&str; 4] = ["avro.java.string", "java-class", "java-key-class", "java-element-class"];

/// The properties that make a logical type, in the order in which a normalized schema has them; none where it is not valid.
pub(super) fn logical_props(node: &Node) -> Vec<&'static str> {
    let Some(name) = node.props.get("logicalType").and_then(Json::as_str) else { return Vec::new() };
    if INCOMPATIBLE.iter().any(|key| node.props.get(*key).is_some_and(|value| value.as_str().is_some())) {
        return Vec::new();
    }
    let is_valid = match name {
        "decimal" => is_valid_decimal(node),
        "big-decimal" => is(node, Primitive::Bytes),
        "uuid" => is(node, Primitive::String) || fixed_size(node) == Some(16),
        "duration" => fixed_size(node) == Some(12),
        "date" | "time-millis" => is(node, Primitive::Int),
        "time-micros"
        | "timestamp-millis"
        | "timestamp-micros"
        | "timestamp-nanos"
        | "local-timestamp-millis"
        | "local-timestamp-micros"
        | "local-timestamp-nanos" => is(node, Primitive::Long),
        _ => false,
    };
    match name {
        _ if !is_valid => Vec::new(),
        "decimal" => {
            let has_scale = node.props.get("scale").and_then(Json::as_i32).is_some_and(|scale| scale != 0);
            let mut keys = vec!["logicalType", "precision"];
            if has_scale {
                keys.push("scale");
            }
            keys
        }
        _ => vec!["logicalType"],
    }
}

fn is(node: &Node, primitive: Primitive) -> bool {
    matches!(node.kind, Kind::Primitive(found) if found == primitive)
}

fn fixed_size(node: &Node) -> Option<i32> {
    match node.kind {
        Kind::Fixed { size, .. } => Some(size),
        _ => None,
    }
}

fn is_valid_decimal(node: &Node) -> bool {
    let Some(precision) = node.props.get("precision").and_then(Json::as_i32) else { return false };
    let scale = match node.props.get("scale") {
        None => 0,
        Some(scale) => match scale.as_i32() {
            Some(scale) => scale,
            None => return false,
        },
    };
    let fits = match fixed_size(node) {
        None => is(node, Primitive::Bytes),
        // The digits that two's complement of this many bytes can hold.
        Some(size) => f64::from(precision) <= (2f64.log10() * (8.0 * f64::from(size) - 1.0)).floor(),
    };
    fits && precision > 0 && (0..=precision).contains(&scale)
}
