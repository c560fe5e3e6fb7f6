//! The model of an Avro schema.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::name::Name;
use crate::json::{Json, JsonError, Object};

/// Why a text is not an Avro schema. Texts are those that users of Java's library know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AvroError {
    /// It is not even JSON.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A name has characters that names may not have.
    #[error("{0}")]
    Name(String),
    /// A part of a namespace is no name.
    #[error("Namespace part \"{part}\" is invalid: {error}")]
    Namespace {
        /// The part.
        part: String,
        /// What is wrong with it.
        error: String,
    },
    /// Something that must be there is missing, or is not of the right JSON type.
    #[error("{problem}: {at}")]
    Missing {
        /// What is missing.
        problem: &'static str,
        /// The JSON in which it is missing.
        at: String,
    },
    /// A name is used that nothing defines.
    #[error("Undefined schema: {0}")]
    Undefined(String),
    /// A name is defined twice, and not alike.
    #[error("Can't redefine: {0}")]
    Redefined(String),
    /// A record, enum or fixed type has the name of a primitive type.
    #[error("Schemas may not be named after primitives: {0}")]
    NamedAfterPrimitive(String),
    /// A record has two fields of one name.
    #[error("Duplicate field {field} in record {record}")]
    DuplicateField {
        /// The field.
        field: String,
        /// The record's full name.
        record: String,
    },
    /// An enum has a symbol twice.
    #[error("Duplicate enum symbol: {0}")]
    DuplicateSymbol(String),
    /// An enum's default is none of its symbols.
    #[error("The Enum Default: {default} is not in the enum symbol set: [{symbols}]")]
    EnumDefault {
        /// The default.
        default: String,
        /// The symbols.
        symbols: String,
    },
    /// Types lie too deep in each other.
    #[error("types lie deeper than {0} in each other")]
    TooDeep(usize),
    /// A union lies directly in a union.
    #[error("Nested union: {0}")]
    NestedUnion(String),
    /// A union has two branches of one type or name.
    #[error("Duplicate in union:{0}")]
    DuplicateBranch(String),
    /// A field's default is not a value of the field's type.
    #[error("Invalid default for field {field}: {default} not a {schema}")]
    Default {
        /// The field.
        field: String,
        /// The default.
        default: String,
        /// The field's schema.
        schema: String,
    },
    /// A field's order is none of the three.
    #[error("No enum constant org.apache.avro.Schema.Field.Order.{0}")]
    Order(String),
}

/// An Avro schema, with the schemas that it refers to.
#[derive(Debug, Clone)]
pub struct AvroSchema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// All named types, by full name.
    pub(super) names: HashMap<String, NodeId>,
    /// Full names of the referenced schemas, which the canonical string does not repeat.
    pub(super) known: HashSet<String>,
}

/// The place of a node in [`AvroSchema::nodes`]. Two uses of one named type share a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) usize);

/// A type, with the properties that Avro itself gives no meaning to.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) props: Object,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Primitive(Primitive),
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Fixed {
        named: Named,
        size: i32,
    },
    Enum {
        named: Named,
        symbols: Vec<String>,
        default: Option<String>,
    },
    Record {
        named: Named,
        fields: Vec<Field>,
        is_error: bool,
    },
    /// A name that is not defined so far; gone when the schema is parsed.
    Unresolved(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

pub(super) const PRIMITIVES: [(&str, Primitive); 8] = [
    ("null", Primitive::Null),
    ("boolean", Primitive::Boolean),
    ("int", Primitive::Int),
    ("long", Primitive::Long),
    ("float", Primitive::Float),
    ("double", Primitive::Double),
    ("bytes", Primitive::Bytes),
    ("string", Primitive::String),
];

/// What records, enums and fixed types have in common.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: Name,
    pub(super) doc: Option<String>,
    /// In the order of the text, each once.
    pub(super) aliases: Vec<Name>,
}

/// A record's field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) node: NodeId,
    pub(super) doc: Option<String>,
    pub(super) default: Option<Json>,
    pub(super) order: Order,
    pub(super) aliases: Vec<String>,
    pub(super) props: Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
    Ignore,
}

impl Order {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Ignore => "ignore",
        }
    }
}

impl Primitive {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        PRIMITIVES.iter().find(|(primitive, _)| *primitive == name).map(|(_, primitive)| *primitive)
    }

    pub(super) fn as_str(self) -> &'static str {
        let entry = PRIMITIVES.iter().find(|(_, primitive)| *primitive == self);
        entry.expect("all primitives are in the table").0
    }
}

impl Named {
    /// Aliases as full names; one without a namespace, of a type in one, begins with a dot.
    pub(super) fn full_aliases(&self) -> Vec<String> {
        let full = |alias: &Name| {
            if alias.space.is_none() && self.name.space.is_some() {
                format!(".{}", alias.name)
            } else {
                alias.full()
            }
        };
        self.aliases.iter().map(full).collect()
    }
}

impl Kind {
    pub(super) fn named(&self) -> Option<&Named> {
        match self {
            Self::Fixed { named, .. } | Self::Enum { named, .. } | Self::Record { named, .. } => Some(named),
            Self::Primitive(_) | Self::Array(_) | Self::Map(_) | Self::Union(_) | Self::Unresolved(_) => None,
        }
    }

    /// The type's word in a schema's text.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Primitive(primitive) => primitive.as_str(),
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Fixed { .. } => "fixed",
            Self::Enum { .. } => "enum",
            Self::Record { .. } | Self::Unresolved(_) => "record",
        }
    }

    /// The type as error messages name it.
    pub(super) fn type_constant(&self) -> String {
        self.type_name().to_ascii_uppercase()
    }

    /// What tells two branches of a union apart.
    pub(super) fn full_name(&self) -> String {
        match self {
            Self::Unresolved(name) => name.clone(),
            _ => self.named().map_or_else(|| self.type_name().to_owned(), |named| named.name.full()),
        }
    }
}

impl AvroSchema {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub(super) fn kind(&self, id: NodeId) -> &Kind {
        &self.nodes[id.0].kind
    }

    /// The full name, where the schema is a record.
    pub fn name(&self) -> Option<String> {
        match self.kind(self.root) {
            Kind::Record { named, .. } => Some(named.name.full()),
            _ => None,
        }
    }

    /// Whether the schema is a record with this field.
    pub fn has_top_level_field(&self, name: &str) -> bool {
        matches!(self.kind(self.root), Kind::Record { fields, .. } if fields.iter().any(|field| field.name == name))
    }
}
