//! Random values of Avro schemas, each with the JSON that other libraries are given.

use apache_avro::schema::{Name, ResolvedSchema};
use apache_avro::types::Value;
use apache_avro::{Decimal, Schema};
use serde_json::{Value as Json, json};

use crate::hex;

/// Makes values of one schema.
pub(crate) struct ValueGenerator<'a> {
    pub(crate) random: &'a mut fastrand::Rng,
    pub(crate) types: &'a ResolvedSchema<'a>,
}

impl ValueGenerator<'_> {
    /// A value; nothing where the schema has none that is small, or one of which the other libraries could not tell the branch.
    pub(crate) fn value(&mut self, schema: &Schema, depth: usize) -> Option<(Value, Json)> {
        let depth = depth.checked_sub(1)?;
        Some(match schema {
            Schema::Ref { name } => {
                let found: &Schema = self.types.get_names().get(name)?;
                self.value(found, depth)?
            }
            Schema::Record(record) => {
                let (mut fields, mut object) = (Vec::new(), serde_json::Map::new());
                for field in &record.fields {
                    let (value, json) = self.value(&field.schema, depth)?;
                    fields.push((field.name.clone(), value));
                    object.insert(field.name.clone(), json);
                }
                (Value::Record(fields), Json::Object(object))
            }
            Schema::Union(union) if !union.variants().is_empty() => {
                let index = self.random.usize(..union.variants().len());
                let branch = &union.variants()[index];
                let name = self.branch_name(branch)?;
                let (value, json) = self.value(branch, depth)?;
                (Value::Union(u32::try_from(index).ok()?, Box::new(value)), json!({ "$union": [name, json] }))
            }
            Schema::Array(array) => {
                let count = self.random.usize(..4);
                let items: Option<Vec<_>> = (0..count).map(|_| self.value(&array.items, depth)).collect();
                let (values, items): (Vec<_>, Vec<_>) = items?.into_iter().unzip();
                (Value::Array(values), Json::Array(items))
            }
            // One entry: their order is nowhere fixed.
            Schema::Map(map) => {
                let (value, json) = self.value(&map.types, depth)?;
                (Value::Map([("k".to_owned(), value)].into()), json!({ "k": json }))
            }
            Schema::Enum(found) if !found.symbols.is_empty() => {
                let index = self.random.usize(..found.symbols.len());
                let symbol = found.symbols[index].clone();
                (Value::Enum(u32::try_from(index).ok()?, symbol.clone()), Json::String(symbol))
            }
            Schema::Fixed(fixed) => {
                let bytes = self.bytes(fixed.size);
                let json = json!({ "$bytes": hex(&bytes) });
                (Value::Fixed(fixed.size, bytes), json)
            }
            leaf => self.leaf(leaf)?,
        })
    }

    fn leaf(&mut self, schema: &Schema) -> Option<(Value, Json)> {
        let int = *self.choose(&[0, -1, 63, 64, -65, 1_000_000, i32::MAX, i32::MIN]);
        let long = *self.choose(&[0, -1, 8_191, 8_192, 1 << 40, -(1 << 50)]);
        let small = i64::from(*self.choose(&[0, 1, 86_399, 100_000]));
        Some(match schema {
            Schema::Null => (Value::Null, Json::Null),
            Schema::Boolean => {
                let value = self.random.bool();
                (Value::Boolean(value), json!(value))
            }
            Schema::Int => (Value::Int(int), json!(int)),
            Schema::Long => (Value::Long(long), json!(long)),
            Schema::Float => (Value::Float(1.5), json!(1.5)),
            Schema::Double => (Value::Double(-0.1), json!(-0.1)),
            Schema::String => {
                let text = (*self.choose(&["", "a", "é€😀", "longer text"])).to_owned();
                (Value::String(text.clone()), Json::String(text))
            }
            Schema::Bytes => {
                let count = self.random.usize(..5);
                let bytes = self.bytes(count);
                let json = json!({ "$bytes": hex(&bytes) });
                (Value::Bytes(bytes), json)
            }
            Schema::Decimal(_) => (Value::Decimal(Decimal::from([5])), json!({ "$bytes": "05" })),
            Schema::Date => (Value::Date(i32::try_from(small).ok()?), json!(small)),
            Schema::TimeMillis => (Value::TimeMillis(i32::try_from(small).ok()?), json!(small)),
            Schema::TimeMicros => (Value::TimeMicros(small), json!(small)),
            Schema::TimestampMillis => (Value::TimestampMillis(small), json!(small)),
            Schema::TimestampMicros => (Value::TimestampMicros(small), json!(small)),
            Schema::LocalTimestampMillis => (Value::LocalTimestampMillis(small), json!(small)),
            Schema::LocalTimestampMicros => (Value::LocalTimestampMicros(small), json!(small)),
            Schema::Uuid(_) => {
                let found = uuid::Uuid::from_u128(self.random.u128(..));
                (Value::Uuid(found), json!(found.to_string()))
            }
            _ => return None,
        })
    }

    /// What fastavro calls a branch in its tuples: it has names for records and for plain types.
    fn branch_name(&self, schema: &Schema) -> Option<String> {
        let name = |name: &Name| name.fullname(None);
        Some(match schema {
            Schema::Record(record) => name(&record.name),
            Schema::Ref { name: written } => match self.types.get_names().get(written)? {
                Schema::Record(_) => name(written),
                _ => return None,
            },
            Schema::Null => "null".to_owned(),
            Schema::Boolean => "boolean".to_owned(),
            Schema::Int => "int".to_owned(),
            Schema::Long => "long".to_owned(),
            Schema::Float => "float".to_owned(),
            Schema::Double => "double".to_owned(),
            Schema::String => "string".to_owned(),
            Schema::Bytes => "bytes".to_owned(),
            _ => return None,
        })
    }

    fn choose<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.random.usize(..from.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.random.u8(..)).collect()
    }
}
