//! Schemas with those that they use, and what reads and writes by them.

use std::fmt;
use std::sync::Arc;

use apache_avro::Schema as Avro;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::ResolvedSchema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use self_cell::self_cell;

use super::resolution::Resolver;
use crate::Error;
use crate::registry::ResolvedReference;

/// A schema, and the named types of other schemas that it uses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AvroSchemas {
    root: Avro,
    used: Vec<Avro>,
}

impl AvroSchemas {
    pub(super) fn parse(name: &str, text: &str, references: &[ResolvedReference]) -> Result<Self, Error> {
        let mut texts: Vec<&str> = Vec::new();
        for reference in references {
            // The same schema may be used under several names.
            if !texts.contains(&&*reference.schema.schema.text) {
                texts.push(&reference.schema.schema.text);
            }
        }
        let parsed = Avro::parse_str_with_list(text, &texts);
        let (root, used) = parsed.map_err(|error| Error::schema(name, error))?;
        Ok(Self { root, used })
    }

    /// What is used comes first: names are resolved in this order.
    fn all(&self) -> Vec<&Avro> {
        self.used.iter().chain([&self.root]).collect()
    }

    /// One schema with everything in its place.
    fn whole(&self) -> Result<Avro, apache_avro::Error> {
        let mut whole = self.root.clone();
        whole.denormalize(&self.used)?;
        Ok(whole)
    }

    /// Why this schema cannot read all that `writer` writes.
    pub(super) fn obstacle(&self, writer: &Self) -> Option<String> {
        match (self.whole(), writer.whole()) {
            (Ok(reader), Ok(writer)) => match SchemaCompatibility::can_read(&writer, &reader) {
                Ok(Compatibility::Full) => None,
                Ok(_) => Some("only a part of the values would fit".to_owned()),
                Err(error) => Some(error.to_string()),
            },
            (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
        }
    }
}

type DatumWriter<'a> = GenericDatumWriter<'a>;

self_cell!(
    /// Writes values of a schema.
    pub(super) struct AvroWriter {
        owner: AvroSchemas,
        #[not_covariant]
        dependent: DatumWriter,
    }
);

self_cell!(
    struct ReaderCell {
        owner: ReaderSchemas,
        #[not_covariant]
        dependent: Reading,
    }
);

impl fmt::Debug for AvroWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroWriter").finish_non_exhaustive()
    }
}

impl AvroWriter {
    pub(super) fn of(schemas: AvroSchemas) -> Result<Self, apache_avro::Error> {
        Self::try_new(schemas, |schemas| {
            GenericDatumWriter::builder(&schemas.root).schemata(schemas.all())?.build()
        })
    }

    pub(super) fn write(
        &self,
        value: &impl serde::Serialize,
        mut out: impl std::io::Write,
    ) -> Result<(), String> {
        let written = self.with_dependent(|_, writer| writer.write_ser(&mut out, value));
        written.map(|_| ()).map_err(|error| error.to_string())
    }

    pub(super) fn write_value(&self, value: &Value, mut out: impl std::io::Write) -> Result<(), String> {
        let written = self.with_dependent(|_, writer| writer.write_value_ref(&mut out, value));
        written.map(|_| ()).map_err(|error| error.to_string())
    }
}

struct ReaderSchemas {
    writer: AvroSchemas,
    reader: Option<Arc<AvroSchemas>>,
}

struct Reading<'a> {
    datum: GenericDatumReader<'a>,
    /// The types of the writer and of the reader, where there are two schemas.
    types: Option<(ResolvedSchema<'a>, ResolvedSchema<'a>)>,
}

/// Reads values of a writer's schema, by the rules of a reader's schema where there is one.
pub(super) struct AvroReader {
    cell: ReaderCell,
}

impl fmt::Debug for AvroReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroReader").finish_non_exhaustive()
    }
}

impl AvroReader {
    pub(super) fn of(
        writer: AvroSchemas,
        reader: Option<Arc<AvroSchemas>>,
    ) -> Result<Self, apache_avro::Error> {
        // Where both are the same there is nothing to resolve.
        let reader = reader.filter(|reader| **reader != writer);
        let cell = ReaderCell::try_new(ReaderSchemas { writer, reader }, |schemas| {
            let writer = &schemas.writer;
            let datum = GenericDatumReader::builder(&writer.root).writer_schemata(writer.all())?.build()?;
            let types = schemas.reader.as_ref().map(|reader| {
                let types = |schemas| ResolvedSchema::new_with_schemata(schemas);
                Ok::<_, apache_avro::Error>((types(writer.all())?, types(reader.all())?))
            });
            Ok::<_, apache_avro::Error>(Reading { datum, types: types.transpose()? })
        })?;
        Ok(Self { cell })
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, mut bytes: &[u8]) -> Result<T, String> {
        if self.cell.borrow_owner().reader.is_some() {
            let value = self.read_value(bytes)?;
            return apache_avro::from_value(&value).map_err(|error| error.to_string());
        }
        let read = self.cell.with_dependent(|_, reading| reading.datum.read_deser(&mut bytes));
        finished(read, bytes).map_err(with_hint)
    }

    pub(super) fn read_value(&self, mut bytes: &[u8]) -> Result<Value, String> {
        self.cell.with_dependent(|schemas, reading| {
            let value = finished(reading.datum.read_value(&mut bytes), bytes)?;
            match (&schemas.reader, &reading.types) {
                (Some(reader), Some((writer_types, reader_types))) => {
                    let resolver =
                        Resolver { writer: writer_types.get_names(), reader: reader_types.get_names() };
                    resolver.resolve(value, &schemas.writer.root, &reader.root)
                }
                _ => Ok(value),
            }
        })
    }
}

fn finished<T>(read: Result<T, apache_avro::Error>, rest: &[u8]) -> Result<T, String> {
    match read {
        Ok(_) if !rest.is_empty() => Err(format!("{} bytes follow the value", rest.len())),
        read => read.map_err(|error| error.to_string()),
    }
}

/// The full name of a schema's type, as Java gives it: a primitive is called by its own.
pub(super) fn full_name(text: &str) -> Option<String> {
    fn of(schema: &serde_json::Value) -> Option<String> {
        match schema {
            serde_json::Value::String(name) => Some(name.clone()),
            serde_json::Value::Array(_) => Some("union".to_owned()),
            serde_json::Value::Object(object) => {
                let Some(name) = object.get("name") else { return of(object.get("type")?) };
                let name = name.as_str()?;
                let namespace =
                    object.get("namespace").and_then(serde_json::Value::as_str).unwrap_or_default();
                let is_full = name.contains('.') || namespace.is_empty();
                Some(if is_full { name.to_owned() } else { format!("{namespace}.{name}") })
            }
            _ => None,
        }
    }
    of(&serde_json::from_str(text).ok()?)
}

/// What to do where the library compares the name of the type with that of the record.
fn with_hint(reason: String) -> String {
    if reason.contains("Expected Schema::Record(name: ") {
        return format!("{reason}; a type must be called as the record is: #[serde(rename = \"...\")]");
    }
    reason
}
