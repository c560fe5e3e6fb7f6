//! JSON schemas (draft 7), and values that may fit them.

use serde_json::{Map, Value, json};

/// Makes JSON schemas out of few names and numbers, so that changed ones still have to do with each other.
#[derive(Debug)]
pub struct JsonSchemaGenerator {
    random: fastrand::Rng,
}

const NAMES: [&str; 4] = ["a", "b", "ab", "c"];

impl JsonSchemaGenerator {
    /// A generator whose schemas depend on the seed only.
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.random.usize(..NAMES.len())]
    }

    /// A schema of a depth.
    pub fn schema(&mut self, depth: u32) -> Value {
        let choice = if depth == 0 { self.random.u32(..60) } else { self.random.u32(..100) };
        match choice {
            0..4 => json!({}),
            4..6 => Value::Bool(self.random.bool()),
            6..22 => self.number(),
            22..36 => self.string(),
            36..42 => json!({ "type": "boolean" }),
            42..48 => {
                json!({ "enum": (0..self.random.i32(1..4)).map(|value| json!(value)).collect::<Vec<_>>() })
            }
            48..52 => json!({ "const": self.random.i32(0..3) }),
            52..60 => {
                let types = &["string", "integer", "null", "boolean"][..self.random.usize(1..5)];
                json!({ "type": types })
            }
            60..82 => self.object(depth),
            82..90 => self.array(depth),
            90..96 => {
                let keyword = ["anyOf", "allOf"][self.random.usize(..2)];
                let branches: Vec<Value> =
                    (0..self.random.usize(1..4)).map(|_| self.schema(depth - 1)).collect();
                json!({ keyword: branches })
            }
            _ => json!({ "not": self.schema(depth - 1) }),
        }
    }

    fn number(&mut self) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!(["integer", "number"][self.random.usize(..2)]));
        for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            if self.chance(20) {
                schema.insert(keyword.to_owned(), json!(self.random.i32(-1..4)));
            }
        }
        if self.chance(15) {
            schema.insert("multipleOf".to_owned(), json!(self.random.i32(1..4)));
        }
        Value::Object(schema)
    }

    fn string(&mut self) -> Value {
        let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
        for keyword in ["minLength", "maxLength"] {
            if self.chance(30) {
                schema.insert(keyword.to_owned(), json!(self.random.i32(0..4)));
            }
        }
        if self.chance(15) {
            schema.insert("pattern".to_owned(), json!(["^a", "b"][self.random.usize(..2)]));
        }
        Value::Object(schema)
    }

    fn object(&mut self, depth: u32) -> Value {
        let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
        let mut properties = Map::new();
        for _ in 0..self.random.usize(0..4) {
            let name = self.name();
            properties.insert(name.to_owned(), self.schema(depth - 1));
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        match self.random.u32(..100) {
            0..45 => drop(schema.insert("additionalProperties".to_owned(), json!(false))),
            45..60 => drop(schema.insert("additionalProperties".to_owned(), self.schema(depth - 1))),
            60..70 => {
                drop(schema.insert("patternProperties".to_owned(), json!({ "^a": self.schema(depth - 1) })));
            }
            _ => {}
        }
        if self.chance(30) {
            schema.insert("required".to_owned(), json!([self.name()]));
        }
        if self.chance(10) {
            schema.insert("dependencies".to_owned(), json!({ self.name(): [self.name()] }));
        }
        for keyword in ["minProperties", "maxProperties"] {
            if self.chance(10) {
                schema.insert(keyword.to_owned(), json!(self.random.i32(0..4)));
            }
        }
        Value::Object(schema)
    }

    fn array(&mut self, depth: u32) -> Value {
        let mut schema = Map::from_iter([("type".to_owned(), json!("array"))]);
        if self.chance(50) {
            schema.insert("items".to_owned(), self.schema(depth - 1));
        } else {
            let items: Vec<Value> = (0..self.random.usize(1..3)).map(|_| self.schema(depth - 1)).collect();
            schema.insert("items".to_owned(), json!(items));
            if self.chance(60) {
                schema.insert("additionalItems".to_owned(), json!(false));
            }
        }
        for keyword in ["minItems", "maxItems"] {
            if self.chance(20) {
                schema.insert(keyword.to_owned(), json!(self.random.i32(0..4)));
            }
        }
        if self.chance(15) {
            schema.insert("uniqueItems".to_owned(), json!(self.random.bool()));
        }
        Value::Object(schema)
    }

    /// A schema with a few changes, `depth` deep where new parts come in.
    pub fn change(&mut self, schema: &Value, depth: u32) -> Value {
        if self.chance(6) {
            return self.schema(depth);
        }
        if self.chance(3) {
            return json!({ "anyOf": [schema, self.schema(depth)] });
        }
        let Value::Object(entries) = schema else { return schema.clone() };
        let mut changed = Map::new();
        for (keyword, value) in entries {
            let is_needed = keyword == "type";
            if self.chance(6) && !is_needed {
                continue;
            }
            changed.insert(keyword.clone(), self.change_keyword(keyword, value, depth));
        }
        if changed.get("type") == Some(&json!("object")) && self.chance(8) {
            let added = self.object(depth.max(1));
            let keyword =
                ["required", "properties", "minProperties", "additionalProperties"][self.random.usize(..4)];
            if let Some(value) = added.get(keyword) {
                changed.insert(keyword.to_owned(), value.clone());
            }
        }
        Value::Object(changed)
    }

    fn change_keyword(&mut self, keyword: &str, value: &Value, depth: u32) -> Value {
        match (keyword, value) {
            ("properties" | "patternProperties", Value::Object(properties)) => {
                let mut changed = Map::new();
                for (name, schema) in properties {
                    if !self.chance(6) {
                        changed.insert(name.clone(), self.change(schema, depth.saturating_sub(1)));
                    }
                }
                if self.chance(12) && keyword == "properties" {
                    let name = self.name();
                    changed.entry(name).or_insert_with(|| json!({ "type": "string" }));
                }
                Value::Object(changed)
            }
            ("items" | "anyOf" | "allOf", Value::Array(schemas)) => {
                let mut changed: Vec<Value> =
                    schemas.iter().map(|schema| self.change(schema, depth.saturating_sub(1))).collect();
                if self.chance(8) && changed.len() > 1 {
                    changed.pop();
                }
                if self.chance(8) {
                    changed.push(self.schema(0));
                }
                Value::Array(changed)
            }
            ("items" | "not" | "additionalProperties", schema) => {
                self.change(schema, depth.saturating_sub(1))
            }
            ("type", Value::String(name)) if name == "integer" && self.chance(15) => json!("number"),
            ("enum", Value::Array(values)) if self.chance(20) => {
                let mut values = values.clone();
                values.push(json!("more"));
                Value::Array(values)
            }
            (_, Value::Number(number))
                if self.chance(15) && keyword != "const" && keyword != "multipleOf" =>
            {
                json!((number.as_i64().unwrap_or(0) + self.random.i64(-1..2)).max(0))
            }
            _ => value.clone(),
        }
    }

    /// A value that a schema of this generator may take.
    pub fn value(&mut self, depth: u32) -> Value {
        let choice = if depth == 0 { self.random.u32(..60) } else { self.random.u32(..100) };
        match choice {
            0..5 => Value::Null,
            5..12 => Value::Bool(self.random.bool()),
            12..32 => json!(self.random.i32(-2..6)),
            32..36 => json!(f64::from(self.random.i32(-2..12)) / 2.0),
            36..60 => json!(["", "a", "b", "ab", "abc", "more"][self.random.usize(..6)]),
            60..90 => {
                let entries =
                    (0..self.random.usize(0..4)).map(|_| (self.name().to_owned(), self.value(depth - 1)));
                Value::Object(entries.collect())
            }
            _ => Value::Array((0..self.random.usize(0..4)).map(|_| self.value(depth - 1)).collect()),
        }
    }
}
