//! The model of a JSON schema.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::json::{Json, JsonError, Number};

/// Why a text is not a JSON schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonSchemaError {
    /// It is not even JSON.
    #[error("Invalid JSON: {0}")]
    Json(#[from] JsonError),
    /// A keyword's value is not what it must be.
    #[error("{at}: {problem}")]
    Keyword {
        /// A JSON pointer to it.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A `$ref` leads nowhere. Nothing is fetched from the network.
    #[error("{at}: the reference {reference:?} is not defined")]
    Reference {
        /// A JSON pointer to it.
        at: String,
        /// The reference.
        reference: String,
    },
}

impl JsonSchemaError {
    /// The same, one step further up.
    pub(super) fn within(mut self, token: &str) -> Self {
        if let Self::Keyword { at, .. } | Self::Reference { at, .. } = &mut self {
            let separator = if at.is_empty() && token != "#" { "" } else { "/" };
            *at = format!("{token}{separator}{at}");
        }
        self
    }
}

/// A JSON schema.
#[derive(Debug, Clone)]
pub struct JsonSchema {
    pub(super) json: Json,
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

impl JsonSchema {
    /// Whether `properties` at the top has this name.
    pub fn has_top_level_field(&self, name: &str) -> bool {
        self.json.get("properties").is_some_and(|properties| properties.get(name).is_some())
    }
}

/// The place of a node in [`JsonSchema::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NodeId(pub(super) usize);

#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) default: Option<Json>,
    /// Whether `connect.type` is `bytes`: two such are the same whatever their types.
    pub(super) is_connect_bytes: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Kind {
    /// `true` and `{}`.
    #[default]
    Empty,
    False,
    Boolean,
    Null,
    String(StringKeywords),
    Number(NumberKeywords),
    Object(Box<ObjectKeywords>),
    Array(Box<ArrayKeywords>),
    Enum(Vec<Json>),
    Const(Json),
    Combined(Combined),
    Not(NodeId),
    /// `if`, `then`, `else`, which are not compared.
    Conditional,
    Reference(NodeId),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StringKeywords {
    pub(super) max_length: Option<i64>,
    pub(super) min_length: Option<i64>,
    pub(super) pattern: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct NumberKeywords {
    pub(super) maximum: Option<Number>,
    pub(super) minimum: Option<Number>,
    pub(super) exclusive_maximum: Option<Number>,
    pub(super) exclusive_minimum: Option<Number>,
    pub(super) multiple_of: Option<Number>,
    pub(super) is_integer: bool,
}

/// What else an object or array may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Additional {
    #[default]
    Anything,
    Nothing,
    Schema(NodeId),
}

#[derive(Debug, Clone, Default)]
pub(super) struct ObjectKeywords {
    /// In the order of the text.
    pub(super) properties: Vec<(String, NodeId)>,
    pub(super) by_name: BTreeMap<String, NodeId>,
    pub(super) required: BTreeSet<String>,
    pub(super) additional: Additional,
    pub(super) unevaluated: Option<NodeId>,
    pub(super) patterns: Vec<(String, NodeId)>,
    pub(super) property_dependencies: BTreeMap<String, BTreeSet<String>>,
    pub(super) schema_dependencies: BTreeMap<String, NodeId>,
    pub(super) max_properties: Option<i64>,
    pub(super) min_properties: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ArrayKeywords {
    pub(super) all_items: Option<NodeId>,
    pub(super) items: Vec<NodeId>,
    pub(super) additional: Additional,
    pub(super) unevaluated: Option<NodeId>,
    pub(super) max_items: Option<i64>,
    pub(super) min_items: Option<i64>,
    pub(super) unique_items: bool,
    pub(super) max_contains: Option<i64>,
    pub(super) min_contains: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

#[derive(Debug, Clone)]
pub(super) struct Combined {
    pub(super) criterion: Criterion,
    /// Combined ones first, as the registry's library sorts them.
    pub(super) subschemas: Vec<NodeId>,
    /// Without those that come twice.
    pub(super) distinct: Vec<NodeId>,
    /// Whether it was made because keywords of several kinds meet in one schema.
    pub(super) is_generated: bool,
}

impl Criterion {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "allOf",
            Self::Any => "anyOf",
            Self::One => "oneOf",
        }
    }
}

impl JsonSchema {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The text without spaces, as it was written otherwise.
    pub fn canonical_string(&self) -> String {
        self.json.to_string()
    }

    /// The same schema with the keys of all objects in order.
    #[must_use]
    pub fn normalized(&self) -> Self {
        Self { json: self.json.sorted(), ..self.clone() }
    }

    /// Whether both are the same JSON, whatever the order of keys.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.json == other.json
    }
}
