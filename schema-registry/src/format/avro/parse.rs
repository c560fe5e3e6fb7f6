//! From JSON to the model, by the rules of Java's parser (`Schema.parse`, `ParseContext` of Avro 1.12).

use std::collections::{HashMap, HashSet};

use super::equality::is_equal;
use super::model::{AvroError, AvroSchema, Field, Kind, Named, Node, NodeId, Order, Primitive};
use super::name::{self, Name};
use crate::json::{Json, Number, Object, ParseOptions};

/// Properties that are Avro's own, so not kept as properties.
const SCHEMA_RESERVED: [&str; 10] =
    ["doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"];
const FIELD_RESERVED: [&str; 6] = ["default", "doc", "name", "order", "type", "aliases"];

/// How deep types may lie in each other. What goes along them takes up to 2 KiB of the stack for each, and a server's threads
/// have 2 MiB; those of real schemas lie in a few dozen.
const DEPTH_MAX: usize = 300;

/// How closely a schema is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validation {
    /// A new schema: names of ASCII letters, defaults of their field's type.
    Strict,
    /// A schema that is registered already: names of letters of any script, namespaces and defaults as they are.
    Lenient,
}

impl AvroSchema {
    /// Reads a schema, after the schemas that it refers to: dependencies come first.
    ///
    /// # Errors
    /// Where one of them is not an Avro schema, or uses a name that neither it nor one before it defines.
    pub fn parse(text: &str, references: &[&str], validation: Validation) -> Result<Self, AvroError> {
        let mut parser = Parser {
            schema: Self { nodes: Vec::new(), root: NodeId(0), names: HashMap::new(), known: HashSet::new() },
            validation,
            depth: 0,
        };
        for reference in references {
            let root = parser.parse(reference)?;
            let full_name = parser.schema.kind(root).full_name();
            parser.schema.known.insert(full_name);
        }
        parser.schema.root = parser.parse(text)?;
        Ok(parser.schema)
    }
}

pub(super) struct Parser {
    pub(super) schema: AvroSchema,
    pub(super) validation: Validation,
    /// How many types the one that is being read lies in.
    depth: usize,
}

impl Parser {
    fn parse(&mut self, text: &str) -> Result<NodeId, AvroError> {
        let json = Json::parse_with(text, ParseOptions { comments: true })?;
        let first = self.schema.nodes.len();
        let root = self.node(&json, None)?;
        let root = self.resolve(root, first)?;
        Ok(root)
    }

    fn add(&mut self, kind: Kind, props: Object) -> NodeId {
        self.schema.nodes.push(Node { kind, props });
        NodeId(self.schema.nodes.len() - 1)
    }

    fn node(&mut self, json: &Json, space: Option<&str>) -> Result<NodeId, AvroError> {
        if self.depth == DEPTH_MAX {
            return Err(AvroError::TooDeep(DEPTH_MAX));
        }
        self.depth += 1;
        let node = self.node_here(json, space)?;
        self.depth -= 1;
        Ok(node)
    }

    fn node_here(&mut self, json: &Json, space: Option<&str>) -> Result<NodeId, AvroError> {
        match json {
            Json::String(name) => Ok(self.find(name, space)),
            Json::Array(branches) => self.union(branches, space),
            Json::Object(_) => self.object(json, space),
            Json::Null => Err(missing("Cannot parse <null> schema", json)),
            Json::Bool(_) | Json::Number(_) => Err(missing("Schema not yet supported", json)),
        }
    }

    fn object(&mut self, json: &Json, space: Option<&str>) -> Result<NodeId, AvroError> {
        let type_name = required_text(json, "type", "No type")?;
        if let Some(primitive) = Primitive::from_name(type_name) {
            return Ok(self.add(Kind::Primitive(primitive), props(json, &SCHEMA_RESERVED)));
        }
        match type_name {
            "record" | "error" => self.record(json, space, type_name == "error"),
            "enum" => self.enumeration(json, space),
            "fixed" => self.fixed(json, space),
            "array" => {
                let items = json.get("items").ok_or_else(|| missing("Array has no items type", json))?;
                let items = self.node(items, space)?;
                Ok(self.add(Kind::Array(items), props(json, &SCHEMA_RESERVED)))
            }
            "map" => {
                let values = json.get("values").ok_or_else(|| missing("Map has no values type", json))?;
                let values = self.node(values, space)?;
                Ok(self.add(Kind::Map(values), props(json, &SCHEMA_RESERVED)))
            }
            name => Ok(self.find(name, space)),
        }
    }

    /// A type by its name: in this namespace, or else as it stands; perhaps it is defined later.
    fn find(&mut self, name: &str, space: Option<&str>) -> NodeId {
        if let Some(primitive) = Primitive::from_name(name) {
            return self.add(Kind::Primitive(primitive), Object::new());
        }
        let full = match space {
            Some(space) if !name.contains('.') => format!("{space}.{name}"),
            _ => name.to_owned(),
        };
        let found = self.schema.names.get(&full).or_else(|| self.schema.names.get(name));
        match found {
            Some(node) => *node,
            None => self.add(Kind::Unresolved(full), Object::new()),
        }
    }

    fn union(&mut self, branches: &[Json], space: Option<&str>) -> Result<NodeId, AvroError> {
        let mut nodes = Vec::with_capacity(branches.len());
        for branch in branches {
            let node = self.node(branch, space)?;
            if matches!(self.schema.kind(node), Kind::Union(_)) {
                return Err(AvroError::NestedUnion(branch.to_string()));
            }
            nodes.push(node);
        }
        Ok(self.add(Kind::Union(nodes), Object::new()))
    }

    fn record(&mut self, json: &Json, space: Option<&str>, is_error: bool) -> Result<NodeId, AvroError> {
        let mut named = self.named(json, space)?;
        let field_list = json
            .get("fields")
            .and_then(Json::as_array)
            .ok_or_else(|| missing("Record has no fields", json))?;
        let mut fields: Vec<Field> = Vec::with_capacity(field_list.len());
        let mut seen = HashSet::with_capacity(field_list.len());
        for field in field_list {
            let field = self.field(field, named.name.space.as_deref())?;
            if !seen.insert(field.name.clone()) {
                return Err(AvroError::DuplicateField { field: field.name, record: named.name.full() });
            }
            fields.push(field);
        }
        self.read_aliases(json, &mut named)?;
        self.define(Kind::Record { named, fields, is_error }, props(json, &SCHEMA_RESERVED))
    }

    fn field(&mut self, json: &Json, space: Option<&str>) -> Result<Field, AvroError> {
        let field_name = required_text(json, "name", "No field name")?;
        let field_type = json.get("type").ok_or_else(|| missing("No field type", json))?;
        let node = self.node(field_type, space)?;
        let order = match json.get("order") {
            None => Order::Ascending,
            Some(order) => parse_order(order)?,
        };
        name::check(field_name, self.validation)?;
        let default = match json.get("default") {
            Some(Json::String(text))
                if matches!(
                    self.schema.kind(node),
                    Kind::Primitive(Primitive::Float | Primitive::Double)
                ) =>
            {
                let number = parse_double(text).ok_or_else(|| missing("Invalid default", json))?;
                Some(Json::Number(Number::from_f64(number)))
            }
            other => other.cloned(),
        };
        if let Some(default) = &default {
            self.check_default(field_name, node, default)?;
        }
        Ok(Field {
            name: field_name.to_owned(),
            node,
            doc: json.get_str("doc").map(str::to_owned),
            default,
            order,
            aliases: parse_aliases(json)?.unwrap_or_default(),
            props: props(json, &FIELD_RESERVED),
        })
    }

    fn enumeration(&mut self, json: &Json, space: Option<&str>) -> Result<NodeId, AvroError> {
        let mut named = self.named(json, space)?;
        let list = json
            .get("symbols")
            .and_then(Json::as_array)
            .ok_or_else(|| missing("Enum has no symbols", json))?;
        let mut symbols = Vec::with_capacity(list.len());
        let mut seen = HashSet::with_capacity(list.len());
        for symbol in list {
            let symbol = symbol.as_str().ok_or_else(|| AvroError::Name("Null name".to_owned()))?;
            name::check(symbol, self.validation)?;
            if !seen.insert(symbol) {
                return Err(AvroError::DuplicateSymbol(symbol.to_owned()));
            }
            symbols.push(symbol.to_owned());
        }
        let default = json.get_str("default").map(str::to_owned);
        if let Some(default) = default.as_ref().filter(|default| !symbols.contains(default)) {
            return Err(AvroError::EnumDefault { default: default.clone(), symbols: symbols.join(", ") });
        }
        self.read_aliases(json, &mut named)?;
        let mut props = props(json, &SCHEMA_RESERVED);
        props.shift_remove("default");
        self.define(Kind::Enum { named, symbols, default }, props)
    }

    fn fixed(&mut self, json: &Json, space: Option<&str>) -> Result<NodeId, AvroError> {
        let mut named = self.named(json, space)?;
        let size = json.get("size").and_then(Json::as_i32).filter(|size| *size >= 0);
        let size = size.ok_or_else(|| missing("Invalid or no size", json))?;
        self.read_aliases(json, &mut named)?;
        self.define(Kind::Fixed { named, size }, props(json, &SCHEMA_RESERVED))
    }

    fn named(&self, json: &Json, space: Option<&str>) -> Result<Named, AvroError> {
        let space = json.get_str("namespace").or(space);
        let name = Name::new(required_text(json, "name", "No name in schema")?, space, self.validation)?;
        if name.space.is_none() && Primitive::from_name(&name.name).is_some() {
            return Err(AvroError::NamedAfterPrimitive(name.name));
        }
        Ok(Named { name, doc: json.get_str("doc").map(str::to_owned), aliases: Vec::new() })
    }

    fn read_aliases(&self, json: &Json, named: &mut Named) -> Result<(), AvroError> {
        for alias in parse_aliases(json)?.unwrap_or_default() {
            let alias = Name::new(&alias, named.name.space.as_deref(), self.validation)?;
            if !named.aliases.contains(&alias) {
                named.aliases.push(alias);
            }
        }
        Ok(())
    }

    /// Makes a named type known. It may be there already, if it is the same.
    fn define(&mut self, kind: Kind, props: Object) -> Result<NodeId, AvroError> {
        let name = kind.named().map(|named| named.name.clone()).expect("only named types are defined");
        name.check_space(self.validation)?;
        let full = name.full();
        let node = self.add(kind, props);
        match self.schema.names.get(&full) {
            Some(known) if !is_equal(&self.schema, *known, &self.schema, node) => {
                Err(AvroError::Redefined(full))
            }
            Some(_) => Ok(node),
            None => {
                self.schema.names.insert(full, node);
                Ok(node)
            }
        }
    }
}

fn missing(problem: &'static str, at: &Json) -> AvroError {
    AvroError::Missing { problem, at: at.to_string() }
}

fn required_text<'a>(json: &'a Json, key: &str, problem: &'static str) -> Result<&'a str, AvroError> {
    json.get_str(key).ok_or_else(|| missing(problem, json))
}

fn props(json: &Json, reserved: &[&str]) -> Object {
    let entries = json.as_object().into_iter().flatten();
    let kept = entries.filter(|(key, _)| !reserved.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn parse_aliases(json: &Json) -> Result<Option<Vec<String>>, AvroError> {
    let Some(aliases) = json.get("aliases") else { return Ok(None) };
    let aliases = aliases.as_array().ok_or_else(|| missing("aliases not an array", json))?;
    let mut names: Vec<String> = Vec::with_capacity(aliases.len());
    for alias in aliases {
        let alias = alias.as_str().ok_or_else(|| missing("alias not a string", alias))?;
        if !names.iter().any(|name| name == alias) {
            names.push(alias.to_owned());
        }
    }
    Ok(Some(names))
}

fn parse_order(order: &Json) -> Result<Order, AvroError> {
    let text = order.as_str().ok_or_else(|| missing("order not a string", order))?;
    match text.to_ascii_uppercase().as_str() {
        "ASCENDING" => Ok(Order::Ascending),
        "DESCENDING" => Ok(Order::Descending),
        "IGNORE" => Ok(Order::Ignore),
        other => Err(AvroError::Order(other.to_owned())),
    }
}

/// Java's `Double.parseDouble`, but for hexadecimal numbers.
fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(unsigned) if text.starts_with('-') => (-1.0, unsigned),
        Some(unsigned) => (1.0, unsigned),
        None => (1.0, text),
    };
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    let digits = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    digits.parse::<f64>().ok().map(|value| sign * value)
}
