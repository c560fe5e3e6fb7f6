//! Avro schemas.

use medallion_schema_registry::json::{Json, Number, Object};

/// Makes Avro schemas. Names are numbered, so that a schema and a changed copy of it have most of them in common.
#[derive(Debug)]
pub struct AvroGenerator {
    random: fastrand::Rng,
    /// How many names were given out in this schema.
    names: usize,
    /// Full names that can be referred to.
    defined: Vec<String>,
}

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const LOGICAL: [(&str, &str); 9] = [
    ("int", "date"),
    ("int", "time-millis"),
    ("long", "timestamp-millis"),
    ("long", "local-timestamp-micros"),
    ("string", "uuid"),
    ("bytes", "decimal"),
    ("bytes", "big-decimal"),
    ("long", "date"),
    ("string", "no-such-type"),
];

fn object(entries: Vec<(&str, Json)>) -> Json {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl AvroGenerator {
    /// A generator whose schemas depend on the seed only.
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), names: 0, defined: Vec::new() }
    }

    /// Whether something happens that happens `percent` times of a hundred.
    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.random.usize(..from.len())]
    }

    fn shuffled(&mut self, mut entries: Vec<(&str, Json)>) -> Json {
        self.random.shuffle(&mut entries);
        object(entries)
    }

    /// A whole schema; most are valid.
    pub fn schema(&mut self) -> Json {
        self.names = 0;
        self.defined.clear();
        if self.chance(80) { self.record(3, None).0 } else { self.any(3, None).0 }
    }

    /// A record, and a schema that uses it and types that lie in it, as a referring schema would.
    pub fn schema_with_reference(&mut self) -> (Json, Json) {
        let referenced = self.schema();
        let schema = self.any(2, None).0;
        let name = self.defined.first().cloned().unwrap_or_else(|| "string".to_owned());
        let fields = vec![
            object(vec![("name", Json::from("own")), ("type", schema)]),
            object(vec![("name", Json::from("other")), ("type", Json::from(name.as_str()))]),
        ];
        let user = object(vec![
            ("type", Json::from("record")),
            ("name", Json::from("User")),
            ("fields", Json::Array(fields)),
        ]);
        (referenced, user)
    }

    /// A type, and a default for it where one is known.
    fn any(&mut self, depth: u32, space: Option<&str>) -> (Json, Option<Json>) {
        let choice = self.random.u32(..100);
        match choice {
            _ if depth == 0 => self.leaf(),
            0..40 => self.leaf(),
            40..50 => {
                let (items, _) = self.any(depth - 1, space);
                (object(vec![("type", Json::from("array")), ("items", items)]), Some(Json::Array(Vec::new())))
            }
            50..58 => {
                let (values, default) = self.any(depth - 1, space);
                let default = default.map(|value| object(vec![("b", value.clone()), ("a", value)]));
                (
                    self.shuffled(vec![("type", Json::from("map")), ("values", values), ("x", Json::Null)]),
                    default,
                )
            }
            58..74 => self.union(depth, space),
            74..86 => self.record(depth - 1, space),
            86..91 => self.enumeration(space),
            91..95 => self.fixed(space),
            _ => match self.defined.len() {
                0 => self.leaf(),
                count => (Json::from(self.defined[self.random.usize(..count)].as_str()), None),
            },
        }
    }

    fn leaf(&mut self) -> (Json, Option<Json>) {
        if self.chance(20) {
            let (primitive, logical) = *self.pick(&LOGICAL);
            let precision = self.random.i32(0..9);
            let mut entries = vec![("type", Json::from(primitive)), ("logicalType", Json::from(logical))];
            if logical == "decimal" {
                entries.push(("precision", Json::from(precision)));
                entries.push(("scale", Json::from(self.random.i32(0..4))));
            }
            return (self.shuffled(entries), None);
        }
        let primitive = *self.pick(&PRIMITIVES);
        let mut default = self.value_of(primitive);
        if self.chance(2) {
            default = Json::from("junk");
        }
        let node = if self.chance(15) {
            let props = vec![
                ("type", Json::from(primitive)),
                ("avro.java.string", Json::from("String")),
                ("doc", Json::from("dropped")),
            ];
            self.shuffled(props)
        } else {
            Json::from(primitive)
        };
        (node, Some(default))
    }

    fn value_of(&mut self, primitive: &str) -> Json {
        match primitive {
            "null" => Json::Null,
            "boolean" => Json::Bool(self.random.bool()),
            "int" => Json::from(self.random.i32(-5..100_000)),
            "long" => Json::Number(Number::from(self.random.i64(-5..1 << 40))),
            "float" | "double" if self.chance(10) => Json::from("NaN"),
            "float" | "double" if self.chance(40) => Json::from(self.random.i32(0..5)),
            "float" | "double" => Json::Number(Number::from_f64(f64::from(self.random.i32(..)) / 1024.0)),
            _ => Json::from(*self.pick(&["", "text", "q\"\\\u{1}é😀"])),
        }
    }

    fn union(&mut self, depth: u32, space: Option<&str>) -> (Json, Option<Json>) {
        let count = self.random.usize(1..4);
        let mut branches = Vec::new();
        let mut default = None;
        for _ in 0..count {
            let (branch, value) = self.any(depth - 1, space);
            if matches!(branch, Json::Array(_))
                || branches.iter().any(|other| kind_of(other) == kind_of(&branch))
            {
                continue;
            }
            default = default.or(value);
            branches.push(branch);
        }
        (Json::Array(branches), default)
    }

    /// A name, perhaps with a namespace: entries for it, the full name, and the namespace that holds inside.
    fn name(&mut self, space: Option<&str>) -> (Vec<(&'static str, Json)>, String, Option<String>) {
        let name = format!("N{}", self.names);
        self.names += 1;
        let own = *self.pick(&[None, None, None, Some("x"), Some("x.y"), Some("")]);
        let inner = own.or(space).filter(|space| !space.is_empty());
        let full = inner.map_or_else(|| name.clone(), |space| format!("{space}.{name}"));
        let mut entries = match own {
            Some(own) if !own.is_empty() && self.chance(50) => {
                vec![("name", Json::from(format!("{own}.{name}").as_str()))]
            }
            Some(own) => vec![("name", Json::from(name.as_str())), ("namespace", Json::from(own))],
            None => vec![("name", Json::from(name.as_str()))],
        };
        if self.chance(20) {
            let aliases = ["Old", "x.Old", "x.y.Other", "Other"]
                .iter()
                .filter(|_| self.random.bool())
                .map(|alias| Json::from(*alias));
            entries.push(("aliases", Json::Array(aliases.collect())));
        }
        if self.chance(20) {
            entries.push(("doc", Json::from(*self.pick(&["", "what it is"]))));
        }
        if self.chance(15) {
            let value =
                object(vec![("z", Json::from(1)), ("a", Json::Array(vec![Json::Null, Json::Bool(true)]))]);
            entries.push((*self.pick(&["prop", "a-prop", "order"]), value));
        }
        (entries, full, inner.map(str::to_owned))
    }

    fn record(&mut self, depth: u32, space: Option<&str>) -> (Json, Option<Json>) {
        let (mut entries, full, inner) = self.name(space);
        // Now and then a name is used before it is defined.
        if self.chance(60) {
            self.defined.push(full.clone());
        }
        let count = self.random.usize(0..5);
        let mut fields = Vec::new();
        let mut value = Some(Object::new());
        for index in 0..count {
            let (field, default) = self.field(index, depth, inner.as_deref());
            match (&mut value, default) {
                (Some(entries), Some(default)) => drop(entries.insert(format!("f{index}"), default)),
                _ => value = None,
            }
            fields.push(field);
        }
        if !self.defined.contains(&full) {
            self.defined.push(full);
        }
        entries.push(("fields", Json::Array(fields)));
        let word = if self.chance(3) { "error" } else { "record" };
        entries.push(("type", Json::from(word)));
        (self.shuffled(entries), value.map(Json::Object))
    }

    fn field(&mut self, index: usize, depth: u32, space: Option<&str>) -> (Json, Option<Json>) {
        let (node, value) = self.any(depth, space);
        let mut entries = vec![("name", Json::from(format!("f{index}").as_str())), ("type", node)];
        if let Some(value) = value.clone().filter(|_| self.chance(50)) {
            entries.push(("default", value));
        }
        if self.chance(10) {
            entries.push(("order", Json::from(*self.pick(&["ascending", "descending", "IGNORE"]))));
        }
        if self.chance(10) {
            entries.push(("doc", Json::from("a field")));
        }
        if self.chance(10) {
            entries.push(("aliases", Json::Array(vec![Json::from("old"), Json::from("older")])));
        }
        if self.chance(10) {
            entries.push(("note", Json::from(7)));
        }
        (self.shuffled(entries), value)
    }

    fn enumeration(&mut self, space: Option<&str>) -> (Json, Option<Json>) {
        let (mut entries, full, _) = self.name(space);
        let count = self.random.usize(1..5);
        let symbols: Vec<Json> =
            ["P", "Q", "R", "S"][..count].iter().map(|symbol| Json::from(*symbol)).collect();
        let default = symbols[0].clone();
        entries.extend([("type", Json::from("enum")), ("symbols", Json::Array(symbols))]);
        if self.chance(30) {
            entries.push(("default", default.clone()));
        }
        self.defined.push(full);
        (self.shuffled(entries), Some(default))
    }

    fn fixed(&mut self, space: Option<&str>) -> (Json, Option<Json>) {
        let (mut entries, full, _) = self.name(space);
        let size = *self.pick(&[1, 2, 12, 16]);
        entries.extend([("type", Json::from("fixed")), ("size", Json::from(size))]);
        if self.chance(40) {
            entries.push(("logicalType", Json::from(*self.pick(&["duration", "uuid", "decimal"]))));
            entries.push(("precision", Json::from(3)));
        }
        self.defined.push(full);
        (self.shuffled(entries), Some(Json::from("\u{1}")))
    }

    /// A changed copy of a schema.
    pub fn change(&mut self, schema: &Json) -> Json {
        if self.chance(2) {
            return self.leaf().0;
        }
        match schema {
            Json::String(name) => self.change_name(name),
            Json::Array(branches) => self.change_union(branches),
            Json::Object(entries) => {
                let changed = Json::Object(self.change_object(entries));
                if self.chance(4) { Json::Array(vec![Json::from("null"), changed]) } else { changed }
            }
            other => other.clone(),
        }
    }

    fn change_name(&mut self, name: &str) -> Json {
        let promoted = match name {
            "int" => &["long", "float", "double"][..],
            "long" => &["int", "double"],
            "float" => &["double"],
            "string" => &["bytes"],
            _ => &["string"],
        };
        match self.random.u32(..100) {
            0..8 => Json::from(*self.pick(promoted)),
            8..11 => Json::Array(vec![Json::from("null"), Json::from(name)]),
            _ => Json::from(name),
        }
    }

    fn change_union(&mut self, branches: &[Json]) -> Json {
        let mut changed: Vec<Json> = branches.iter().map(|branch| self.change(branch)).collect();
        if self.chance(8) && !changed.is_empty() {
            changed.remove(self.random.usize(..changed.len()));
        }
        if self.chance(8) {
            changed.push(self.leaf().0);
        }
        if self.chance(10) {
            self.random.shuffle(&mut changed);
        }
        match changed.pop() {
            Some(only) if self.chance(3) => only,
            last => {
                changed.extend(last);
                Json::Array(changed)
            }
        }
    }

    fn change_object(&mut self, entries: &Object) -> Object {
        let mut changed = entries.clone();
        for key in ["items", "values"] {
            if let Some(child) = entries.get(key) {
                changed.insert(key.to_owned(), self.change(child));
            }
        }
        if let Some(fields) = entries.get("fields").and_then(Json::as_array) {
            changed.insert("fields".to_owned(), Json::Array(self.change_fields(fields)));
        }
        if let Some(symbols) = entries.get("symbols").and_then(Json::as_array) {
            let symbols = symbols.iter().filter(|_| self.random.u32(..100) < 90).cloned();
            let mut symbols: Vec<Json> = symbols.collect();
            if self.chance(15) {
                symbols.push(Json::from("T"));
            }
            if self.chance(10) {
                symbols.reverse();
            }
            changed.insert("symbols".to_owned(), Json::Array(symbols));
        }
        if entries.contains_key("size") && self.chance(15) {
            changed.insert("size".to_owned(), Json::from(2));
        }
        if let Some(name) = entries.get("name").and_then(Json::as_str).filter(|_| self.chance(4)) {
            if self.chance(50) {
                changed.insert("aliases".to_owned(), Json::Array(vec![Json::from(name)]));
            }
            changed.insert("name".to_owned(), Json::from("Renamed"));
        }
        changed
    }

    fn change_fields(&mut self, fields: &[Json]) -> Vec<Json> {
        let mut changed = Vec::new();
        for field in fields {
            let Json::Object(entries) = field else { continue };
            if self.chance(6) {
                continue;
            }
            let mut entries = entries.clone();
            if self.chance(50) {
                let node = self.change(&entries["type"]);
                entries.insert("type".to_owned(), node);
                entries.shift_remove("default");
            }
            if self.chance(6) {
                let name = entries["name"].clone();
                entries.insert("name".to_owned(), Json::from("renamed"));
                if self.chance(60) {
                    entries.insert("aliases".to_owned(), Json::Array(vec![name, Json::from("f0")]));
                }
            }
            changed.push(Json::Object(entries));
        }
        if self.chance(10) {
            let (node, default) = self.leaf();
            let mut added = vec![("name", Json::from("added")), ("type", node)];
            added.extend(default.filter(|_| self.random.bool()).map(|default| ("default", default)));
            changed.push(object(added));
        }
        if self.chance(8) {
            self.random.shuffle(&mut changed);
        }
        changed
    }
}

/// What may be in a union once.
fn kind_of(node: &Json) -> String {
    match node {
        Json::Object(entries) => {
            let key = if entries.contains_key("name") { "name" } else { "type" };
            entries.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
        }
        other => other.as_str().unwrap_or("union").to_owned(),
    }
}
