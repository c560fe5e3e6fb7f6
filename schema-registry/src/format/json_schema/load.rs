//! From JSON to nodes.

use std::collections::{HashMap, HashSet};

use super::dialect::Dialect;
use super::keywords::{ARRAY, At, NUMBER, OBJECT, STRING, keyword_error, type_name};
use super::model::{
    Additional, ArrayKeywords, Combined, Criterion, JsonSchema, JsonSchemaError, Kind, Node, NodeId,
    NumberKeywords, ObjectKeywords, StringKeywords,
};
use super::reference::Places;
use crate::format::ResolvedReference;
use crate::json::{Hashes, Json};

/// How many schemas may lie in each other, through references or not.
const DEPTH_MAX: usize = 300;

type Loaded<T> = Result<T, JsonSchemaError>;

impl JsonSchema {
    /// Reads a schema with those that it refers to.
    ///
    /// # Errors
    /// Where one of them is not JSON, a keyword's value is not what it must be, or a reference leads nowhere.
    pub fn parse(text: &str, references: &[ResolvedReference<'_>]) -> Loaded<Self> {
        let json = Json::parse(text)?;
        let mut documents = Vec::with_capacity(references.len());
        for reference in references {
            documents.push((reference.name, Json::parse(reference.text)?));
        }
        let documents: Vec<(&str, &Json)> = documents.iter().map(|(name, json)| (*name, json)).collect();
        let dialect = Dialect::of(&json);
        let places = Places::new(&json, &documents, dialect);
        let mut loader = Loader {
            places,
            dialect,
            nodes: Vec::new(),
            known: HashMap::new(),
            hashes: Hashes::default(),
            depth: 0,
        };
        let root = loader.load(&json).map_err(|error| error.within("#"))?;
        let nodes = loader.nodes;
        Ok(Self { json, nodes, root })
    }
}

struct Loader<'a> {
    places: Places<'a>,
    dialect: Dialect,
    nodes: Vec<Node>,
    /// Schemas that were loaded, or are being, by their place in memory.
    known: HashMap<*const Json, NodeId>,
    hashes: Hashes<'a>,
    depth: usize,
}

impl<'a> Loader<'a> {
    fn add(&mut self, kind: Kind) -> NodeId {
        self.nodes.push(Node { kind, ..Node::default() });
        NodeId(self.nodes.len() - 1)
    }

    fn load_at(&mut self, token: &str, json: &'a Json) -> Loaded<NodeId> {
        self.load(json).map_err(|error| error.within(token))
    }

    fn load_in(&mut self, keyword: &str, token: &str, json: &'a Json) -> Loaded<NodeId> {
        self.load_at(token, json).map_err(|error| error.within(keyword))
    }

    fn load(&mut self, json: &'a Json) -> Loaded<NodeId> {
        match json {
            Json::Bool(true) => return Ok(self.add(Kind::Empty)),
            Json::Bool(false) => return Ok(self.add(Kind::False)),
            Json::Object(_) => {}
            other => {
                let problem = format!("expected an object or a boolean, found {}", type_name(other));
                return Err(keyword_error("", problem));
            }
        }
        if let Some(known) = self.known.get(&std::ptr::from_ref(json)) {
            return Ok(*known);
        }
        if self.depth == DEPTH_MAX {
            return Err(keyword_error("", format!("schemas lie deeper than {DEPTH_MAX} in each other")));
        }
        let id = self.add(Kind::Empty);
        self.known.insert(json, id);
        self.depth += 1;
        let node = self.object(json)?;
        self.depth -= 1;
        self.nodes[id.0] = node;
        Ok(id)
    }

    fn object(&mut self, json: &'a Json) -> Loaded<Node> {
        let mut parts = self.parts(json)?;
        let kind = match parts.len() {
            0 => Kind::Empty,
            1 => parts.remove(0),
            _ => {
                let subschemas: Vec<NodeId> = parts.into_iter().map(|part| self.add(part)).collect();
                Kind::Combined(self.combined(Criterion::All, subschemas.clone(), subschemas, true))
            }
        };
        let at = At { json };
        Ok(Node {
            kind,
            id: at.text(self.dialect.id_keyword())?,
            title: at.text("title")?,
            description: at.text("description")?,
            default: json.get("default").cloned(),
            is_connect_bytes: json.get_str("connect.type") == Some("bytes"),
        })
    }

    /// What the keywords of one schema are, each kind for itself.
    fn parts(&mut self, json: &'a Json) -> Loaded<Vec<Kind>> {
        let at = At { json };
        let mut parts = Vec::new();
        if let Some(reference) = at.text("$ref")? {
            parts.push(self.reference(json, &reference)?);
            if !self.dialect.is_modern() {
                return Ok(parts);
            }
        }
        if let Some(values) = at.list("enum")? {
            parts.push(Kind::Enum(values.to_vec()));
        }
        for criterion in [Criterion::All, Criterion::Any, Criterion::One] {
            if let Some(subschemas) = at.list(criterion.as_str())? {
                parts.push(self.combination(criterion, subschemas)?);
            }
        }
        if let Some(child) = json.get("not") {
            parts.push(Kind::Not(self.load_at("not", child)?));
        }
        if let Some(value) = json.get("const").filter(|_| self.dialect > Dialect::Draft4) {
            parts.push(Kind::Const(value.clone()));
        }
        let types = types(&at)?;
        parts.extend(self.typed_part(&at, &types)?);
        let has = |name: &str| types.iter().any(|known| known == name);
        if !has("array") && at.has_any(self.known_keywords(&ARRAY, 6)) {
            parts.push(self.array(&at)?);
        }
        if !has("object") && self.has_object_keyword(&at) {
            parts.push(self.properties(&at)?);
        }
        if !has("number") && !has("integer") && at.has_any(&NUMBER) {
            parts.push(self.number(&at, false)?);
        }
        // Formats are no strings any more in the modern drafts.
        let string = if self.dialect.is_modern() { &STRING[..3] } else { &STRING[..] };
        if !has("string") && at.has_any(string) {
            parts.push(string_keywords(&at)?);
        }
        if self.dialect >= Dialect::Draft7 && at.has_any(&["if", "then", "else"]) {
            for key in ["if", "then", "else"] {
                if let Some(child) = json.get(key) {
                    self.load_at(key, child)?;
                }
            }
            parts.push(Kind::Conditional);
        }
        Ok(parts)
    }

    /// Properties that are none make no object in the modern drafts.
    fn has_object_keyword(&self, at: &At<'a>) -> bool {
        let is_empty =
            |key: &str| at.json.get(key).and_then(Json::as_object).is_some_and(|entries| entries.is_empty());
        let mut keys = self.known_keywords(&OBJECT, 8).iter().filter(|key| at.json.get(key).is_some());
        keys.any(|key| !(self.dialect.is_modern() && key.ends_with("roperties") && is_empty(key)))
    }

    /// The first of a list are those that all drafts know.
    fn known_keywords<'k>(&self, all: &'k [&'k str], old: usize) -> &'k [&'k str] {
        if self.dialect.is_modern() { all } else { &all[..old] }
    }

    fn reference(&mut self, json: &'a Json, reference: &str) -> Loaded<Kind> {
        if let Some(target) = self.places.find(json, reference) {
            return self.load_at("$ref", target).map(Kind::Reference);
        }
        let is_meta_schema = ["http://json-schema.org/", "https://json-schema.org/"];
        if is_meta_schema.iter().any(|prefix| reference.starts_with(prefix)) {
            return Ok(Kind::Empty);
        }
        Err(JsonSchemaError::Reference { at: String::new(), reference: reference.to_owned() })
    }

    fn combination(&mut self, criterion: Criterion, list: &'a [Json]) -> Loaded<Kind> {
        let (mut subschemas, mut distinct) = (Vec::new(), Vec::new());
        let mut seen = HashSet::with_capacity(list.len());
        for (index, json) in list.iter().enumerate() {
            let id = self.load_in(criterion.as_str(), &index.to_string(), json)?;
            // What stands alone is not looked at: it may be large, and lie deep in others of its kind.
            let is_new = list.len() == 1 || seen.insert(self.hashes.of(json));
            // The registry takes keywords of several kinds in one branch for as many branches in the modern drafts.
            let branches = match &self.nodes[id.0].kind {
                Kind::Combined(combined) if combined.is_generated && self.dialect.is_modern() => {
                    combined.subschemas.clone()
                }
                _ => vec![id],
            };
            if is_new {
                distinct.extend(&branches);
            }
            subschemas.extend(branches);
        }
        Ok(Kind::Combined(self.combined(criterion, subschemas, distinct, false)))
    }

    fn combined(
        &self,
        criterion: Criterion,
        mut subschemas: Vec<NodeId>,
        mut distinct: Vec<NodeId>,
        is_generated: bool,
    ) -> Combined {
        let is_simple = |id: &NodeId| !matches!(self.nodes[id.0].kind, Kind::Combined(_));
        subschemas.sort_by_key(is_simple);
        distinct.sort_by_key(is_simple);
        Combined { criterion, subschemas, distinct, is_generated }
    }

    fn typed_part(&mut self, at: &At<'a>, types: &[String]) -> Loaded<Option<Kind>> {
        let mut kinds = Vec::with_capacity(types.len());
        for name in types {
            kinds.push(match name.as_str() {
                "string" => string_keywords(at)?,
                "integer" => self.number(at, true)?,
                "number" => self.number(at, false)?,
                "boolean" => Kind::Boolean,
                "null" => Kind::Null,
                "array" => self.array(at)?,
                "object" => self.properties(at)?,
                other => return Err(keyword_error("type", format!("unknown type: [{other}]"))),
            });
        }
        if at.json.get("type").and_then(Json::as_str).is_some() || kinds.is_empty() {
            return Ok(kinds.pop());
        }
        let subschemas: Vec<NodeId> = kinds.into_iter().map(|kind| self.add(kind)).collect();
        Ok(Some(Kind::Combined(self.combined(Criterion::Any, subschemas.clone(), subschemas, false))))
    }

    fn number(&self, at: &At<'a>, is_integer: bool) -> Loaded<Kind> {
        // In draft 4 exclusive limits are flags, which are not compared.
        let exclusive = |key: &str| {
            if self.dialect == Dialect::Draft4 { at.flag(key).map(|_| None) } else { at.number(key) }
        };
        let multiple_of = at.number("multipleOf")?;
        if multiple_of.as_ref().is_some_and(|number| number.as_f64() == 0.0) {
            return Err(keyword_error("multipleOf", "multipleOf should not be 0"));
        }
        Ok(Kind::Number(NumberKeywords {
            maximum: at.number("maximum")?,
            minimum: at.number("minimum")?,
            exclusive_maximum: exclusive("exclusiveMaximum")?,
            exclusive_minimum: exclusive("exclusiveMinimum")?,
            multiple_of,
            is_integer,
        }))
    }

    fn properties(&mut self, at: &At<'a>) -> Loaded<Kind> {
        let mut object = ObjectKeywords {
            required: at.texts("required")?.into_iter().collect(),
            max_properties: at.count("maxProperties")?,
            min_properties: at.count("minProperties")?,
            ..ObjectKeywords::default()
        };
        for (name, json) in at.entries("properties")? {
            let node = self.load_in("properties", name, json)?;
            object.properties.push((name.clone(), node));
            object.by_name.insert(name.clone(), node);
        }
        for (pattern, json) in at.entries("patternProperties")? {
            let node = self.load_in("patternProperties", pattern, json)?;
            object.patterns.push((pattern.clone(), node));
        }
        object.additional = self.additional(at, "additionalProperties")?;
        if let Some(json) = at.json.get("propertyNames").filter(|_| self.dialect > Dialect::Draft4) {
            self.load_at("propertyNames", json)?;
        }
        self.dependencies(at, &mut object)?;
        if self.dialect.is_modern()
            && let Some(json) = at.json.get("unevaluatedProperties")
        {
            object.unevaluated = Some(self.load_at("unevaluatedProperties", json)?);
        }
        Ok(Kind::Object(Box::new(object)))
    }

    fn additional(&mut self, at: &At<'a>, key: &str) -> Loaded<Additional> {
        match at.json.get(key) {
            None | Some(Json::Bool(true)) => Ok(Additional::Anything),
            Some(Json::Bool(false)) => Ok(Additional::Nothing),
            Some(json) => {
                let node = self.load_at(key, json)?;
                let is_empty = matches!(self.nodes[node.0].kind, Kind::Empty)
                    && json.as_object().is_some_and(|json| json.is_empty());
                Ok(if is_empty && self.dialect.is_modern() {
                    Additional::Anything
                } else {
                    Additional::Schema(node)
                })
            }
        }
    }

    fn dependencies(&mut self, at: &At<'a>, object: &mut ObjectKeywords) -> Loaded<()> {
        let (lists, schemas) = if self.dialect.is_modern() {
            ("dependentRequired", "dependentSchemas")
        } else {
            ("dependencies", "dependencies")
        };
        for (name, json) in at.entries(lists)? {
            let Json::Array(names) = json else { continue };
            let names: Option<_> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
            let names = names.ok_or_else(|| keyword_error(lists, "expected an array of strings"))?;
            object.property_dependencies.insert(name.clone(), names);
        }
        for (name, json) in at.entries(schemas)?.into_iter().filter(|(_, json)| json.as_array().is_none()) {
            let node = self.load_in(schemas, name, json)?;
            object.schema_dependencies.insert(name.clone(), node);
        }
        Ok(())
    }

    fn array(&mut self, at: &At<'a>) -> Loaded<Kind> {
        let mut array = ArrayKeywords {
            max_items: at.count("maxItems")?,
            min_items: at.count("minItems")?,
            unique_items: at.flag("uniqueItems")?.unwrap_or(false),
            ..ArrayKeywords::default()
        };
        if let Some(json) = at.json.get("contains").filter(|_| self.dialect > Dialect::Draft4) {
            self.load_at("contains", json)?;
            array.min_contains = self.dialect.is_modern().then_some(1);
        }
        array.max_contains = at.count("maxContains")?;
        array.min_contains = at.count("minContains")?.or(array.min_contains);
        let prefix = if self.dialect.is_modern() { at.list("prefixItems")?.unwrap_or_default() } else { &[] };
        for (index, json) in prefix.iter().enumerate() {
            array.items.push(self.load_in("prefixItems", &index.to_string(), json)?);
        }
        match at.json.get("items") {
            None => {}
            Some(Json::Array(items)) => {
                for (index, json) in items.iter().enumerate() {
                    array.items.push(self.load_in("items", &index.to_string(), json)?);
                }
            }
            Some(_) if self.dialect.is_modern() => match self.additional(at, "items")? {
                Additional::Schema(node) if prefix.is_empty() => array.all_items = Some(node),
                additional => array.additional = additional,
            },
            Some(json) => array.all_items = Some(self.load_at("items", json)?),
        }
        if at.json.get("additionalItems").is_some() && prefix.is_empty() {
            array.additional = self.additional(at, "additionalItems")?;
        }
        if self.dialect.is_modern()
            && let Some(json) = at.json.get("unevaluatedItems")
        {
            array.unevaluated = Some(self.load_at("unevaluatedItems", json)?);
        }
        Ok(Kind::Array(Box::new(array)))
    }
}

fn string_keywords(at: &At<'_>) -> Loaded<Kind> {
    Ok(Kind::String(StringKeywords {
        max_length: at.count("maxLength")?,
        min_length: at.count("minLength")?,
        pattern: at.text("pattern")?,
    }))
}

/// The names in `type`.
fn types(at: &At<'_>) -> Loaded<Vec<String>> {
    match at.json.get("type") {
        None => Ok(Vec::new()),
        Some(Json::String(name)) => Ok(vec![name.clone()]),
        Some(_) => at.texts("type"),
    }
}
