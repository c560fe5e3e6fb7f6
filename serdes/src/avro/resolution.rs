//! Avro's schema resolution: a value of a writer's schema as one of the reader's.
//!
//! Both schemas are walked beside the value, so that a branch of a union is found by what was written, and not by what the value
//! looks like; names that a reader gives as aliases are followed.

use apache_avro::Schema;
use apache_avro::schema::{Alias, EnumSchema, Name, NamesRef, RecordField, RecordSchema, UnionSchema};
use apache_avro::types::Value;
use serde_json::Value as Json;

/// The named types of both schemas.
pub(super) struct Resolver<'a> {
    pub(super) writer: &'a NamesRef<'a>,
    pub(super) reader: &'a NamesRef<'a>,
}

/// What a type is without its logical type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Array,
    Map,
    Enum,
    Record,
    Union,
}

fn base(schema: &Schema) -> Base {
    use apache_avro::schema::{InnerDecimalSchema, UuidSchema};
    match schema {
        Schema::Null | Schema::Ref { .. } => Base::Null,
        Schema::Boolean => Base::Boolean,
        Schema::Int | Schema::Date | Schema::TimeMillis => Base::Int,
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Base::Long,
        Schema::Float => Base::Float,
        Schema::Double => Base::Double,
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Base::Bytes,
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Bytes => Base::Bytes,
            InnerDecimalSchema::Fixed(fixed) => Base::Fixed(fixed.size),
        },
        Schema::String | Schema::Uuid(UuidSchema::String) => Base::String,
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            Base::Fixed(fixed.size)
        }
        Schema::Array(_) => Base::Array,
        Schema::Map(_) => Base::Map,
        Schema::Enum(_) => Base::Enum,
        Schema::Record(_) => Base::Record,
        Schema::Union(_) => Base::Union,
    }
}

/// Whether values of one type are read as those of another, as the specification lists them.
fn is_promoted(writer: Base, reader: Base) -> bool {
    matches!(
        (writer, reader),
        (Base::Int, Base::Long | Base::Float | Base::Double)
            | (Base::Long, Base::Float | Base::Double)
            | (Base::Float, Base::Double)
            | (Base::String, Base::Bytes)
            | (Base::Bytes, Base::String)
    )
}

fn find<'a>(names: &NamesRef<'a>, schema: &'a Schema) -> Result<&'a Schema, String> {
    match schema {
        Schema::Ref { name } => names.get(name).copied().ok_or_else(|| format!("nothing is called {name}")),
        schema => Ok(schema),
    }
}

/// The unqualified names are the same, or the reader gives the writer's name as an alias.
fn is_same_name(writer: &Name, reader: &Name, aliases: Option<&Vec<Alias>>) -> bool {
    let is_alias = |alias: &Alias| alias.fullname(reader.namespace()) == writer.fullname(None);
    writer.name() == reader.name() || aliases.is_some_and(|aliases| aliases.iter().any(is_alias))
}

/// Whether a type of the writer is a type of the reader: by kind, and by name where it has one.
fn is_same_type(writer: &Schema, reader: &Schema) -> bool {
    base(writer) == base(reader)
        && match (writer.name(), reader.name()) {
            (Some(written), Some(read)) => is_same_name(written, read, reader.aliases()),
            _ => true,
        }
}

impl Resolver<'_> {
    /// The value as one of the reader's schema.
    pub(super) fn resolve(&self, value: Value, writer: &Schema, reader: &Schema) -> Result<Value, String> {
        let (writer, reader) = (find(self.writer, writer)?, find(self.reader, reader)?);
        match (value, writer, reader) {
            (Value::Union(branch, value), Schema::Union(union), reader) => {
                let index = usize::try_from(branch).map_err(|error| error.to_string())?;
                let branch = union.variants().get(index).ok_or("a union has no such branch")?;
                self.resolve(*value, branch, reader)
            }
            (value, writer, Schema::Union(union)) => {
                let (index, branch) = self.branch(writer, union)?;
                Ok(Value::Union(index, Box::new(self.resolve(value, writer, branch)?)))
            }
            (Value::Record(fields), Schema::Record(writer), Schema::Record(reader)) => {
                self.record(fields, writer, reader)
            }
            (Value::Array(items), Schema::Array(writer), Schema::Array(reader)) => {
                let items = items.into_iter().map(|item| self.resolve(item, &writer.items, &reader.items));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            (Value::Map(entries), Schema::Map(writer), Schema::Map(reader)) => {
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| Ok((key, self.resolve(value, &writer.types, &reader.types)?)));
                entries.collect::<Result<_, String>>().map(Value::Map)
            }
            (Value::Enum(_, symbol), writer @ Schema::Enum(_), read @ Schema::Enum(reader))
                if is_same_type(writer, read) =>
            {
                symbol_of(&symbol, reader)
            }
            (value, writer, reader) => leaf(value, writer, reader),
        }
    }

    /// The first branch of the same type, else the first that the type is promoted to.
    fn branch<'u>(&self, writer: &Schema, union: &'u UnionSchema) -> Result<(u32, &'u Schema), String> {
        let mut promoted = None;
        for (index, branch) in (0..).zip(union.variants()) {
            let found = match branch {
                Schema::Ref { name } => {
                    *self.reader.get(name).ok_or_else(|| format!("nothing is called {name}"))?
                }
                branch => branch,
            };
            if is_same_type(writer, found) {
                return Ok((index, branch));
            }
            if promoted.is_none() && is_promoted(base(writer), base(found)) {
                promoted = Some((index, branch));
            }
        }
        promoted.ok_or_else(|| format!("the reader's union has no branch for {}", shown(writer)))
    }

    fn record(
        &self,
        fields: Vec<(String, Value)>,
        writer: &RecordSchema,
        reader: &RecordSchema,
    ) -> Result<Value, String> {
        let mut written: Vec<Option<Value>> = fields.into_iter().map(|(_, value)| Some(value)).collect();
        let mut resolved = Vec::with_capacity(reader.fields.len());
        for field in &reader.fields {
            let mut names = std::iter::once(&field.name).chain(&field.aliases);
            let found = names.find_map(|name| writer.lookup.get(name));
            let value =
                match found.and_then(|at| Some((written.get_mut(*at)?.take()?, writer.fields.get(*at)?))) {
                    Some((value, source)) => self
                        .resolve(value, &source.schema, &field.schema)
                        .map_err(|reason| format!("{}: {reason}", field.name))?,
                    None => self.default_of(field)?,
                };
            resolved.push((field.name.clone(), value));
        }
        Ok(Value::Record(resolved))
    }

    fn default_of(&self, field: &RecordField) -> Result<Value, String> {
        let default = field.default.as_ref();
        let default =
            default.ok_or_else(|| format!("{}: it was not written, and has no default", field.name))?;
        self.value_of_default(default, &field.schema)
            .map_err(|reason| format!("the default of {}: {reason}", field.name))
    }

    /// A default, which is written in JSON: bytes are text with a character for each.
    fn value_of_default(&self, default: &Json, schema: &Schema) -> Result<Value, String> {
        let unfit = || format!("{default} is no {}", shown(schema));
        match (find(self.reader, schema)?, default) {
            (Schema::Union(union), default) => {
                let mut branches = (0..).zip(union.variants());
                let found = branches
                    .find_map(|(index, branch)| Some((index, self.value_of_default(default, branch).ok()?)));
                found.map(|(index, value)| Value::Union(index, Box::new(value))).ok_or_else(unfit)
            }
            (Schema::Record(record), Json::Object(object)) => {
                let fields = record.fields.iter().map(|field| {
                    let value =
                        object.get(&field.name).map(|value| self.value_of_default(value, &field.schema));
                    Ok((field.name.clone(), value.unwrap_or_else(|| self.default_of(field))?))
                });
                fields.collect::<Result<_, String>>().map(Value::Record)
            }
            (Schema::Array(array), Json::Array(items)) => {
                let items = items.iter().map(|item| self.value_of_default(item, &array.items));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            (Schema::Map(map), Json::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.value_of_default(value, &map.types)?)));
                entries.collect::<Result<_, String>>().map(Value::Map)
            }
            (Schema::Enum(found), Json::String(symbol)) => symbol_of(symbol, found),
            (leaf, default) => {
                let value = from_json(default, base(leaf)).ok_or_else(unfit)?;
                value.resolve(leaf).map_err(|error| error.to_string())
            }
        }
    }
}

fn symbol_of(symbol: &str, reader: &EnumSchema) -> Result<Value, String> {
    let known = |symbol: &str| (0..).zip(&reader.symbols).find(|(_, known)| *known == symbol);
    let found = known(symbol).or_else(|| known(reader.default.as_deref()?));
    let (index, symbol) =
        found.ok_or_else(|| format!("the reader's enum {} has no {symbol}", reader.name))?;
    Ok(Value::Enum(index, symbol.clone()))
}

/// A value that has no others in it.
fn leaf(value: Value, writer: &Schema, reader: &Schema) -> Result<Value, String> {
    let is_read = is_same_type(writer, reader) || is_promoted(base(writer), base(reader));
    if !is_read {
        return Err(format!("{} cannot be read as {}", shown(writer), shown(reader)));
    }
    if std::mem::discriminant(writer) == std::mem::discriminant(reader) {
        return Ok(value);
    }
    let plain = match value {
        Value::Date(number) | Value::TimeMillis(number) => Value::Int(number),
        Value::TimeMicros(number)
        | Value::TimestampMillis(number)
        | Value::TimestampMicros(number)
        | Value::TimestampNanos(number)
        | Value::LocalTimestampMillis(number)
        | Value::LocalTimestampMicros(number)
        | Value::LocalTimestampNanos(number) => Value::Long(number),
        Value::Decimal(decimal) => {
            Value::Bytes(<Vec<u8>>::try_from(&decimal).map_err(|error| error.to_string())?)
        }
        other => other,
    };
    plain.resolve(reader).map_err(|error| error.to_string())
}

/// A default of JSON as a plain value.
fn from_json(default: &Json, base: Base) -> Option<Value> {
    let bytes = || -> Option<Vec<u8>> {
        default.as_str()?.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
    };
    Some(match base {
        Base::Null => {
            default.as_null()?;
            Value::Null
        }
        Base::Boolean => Value::Boolean(default.as_bool()?),
        Base::Int => Value::Int(i32::try_from(default.as_i64()?).ok()?),
        Base::Long => Value::Long(default.as_i64()?),
        Base::Float | Base::Double => Value::Double(default.as_f64()?),
        Base::String => Value::String(default.as_str()?.to_owned()),
        Base::Bytes => Value::Bytes(bytes()?),
        Base::Fixed(size) => Value::Fixed(size, bytes().filter(|bytes| bytes.len() == size)?),
        Base::Array | Base::Map | Base::Enum | Base::Record | Base::Union => return None,
    })
}

fn shown(schema: &Schema) -> String {
    match schema.name() {
        Some(name) => name.fullname(None),
        None => format!("{:?}", base(schema)).to_lowercase(),
    }
}
