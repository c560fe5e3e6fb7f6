//! From messages to bytes.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use prost_reflect::{FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, ReflectMessage};

use super::compile::{compile, indexes_of};
use super::known::is_known;
use super::text::schema_text;
use crate::Error;
use crate::config::SerializerSettings;
use crate::registry::{RegisteredSchema, RegistryClient, Schema, SchemaReference, SchemaType};
use crate::selection::{Encoded, Selected, Writer, Writers};
use crate::subject::RecordPart;

/// Messages in messages are compared down to here.
const DEPTH_MAX: usize = 100;

/// Writes keys or values of one type of message. Share it: it has no `&mut` methods.
#[derive(Debug)]
pub struct ProtobufSerializer {
    writers: Writers<()>,
    descriptor: MessageDescriptor,
}

impl ProtobufSerializer {
    /// A serializer for messages of a descriptor.
    ///
    /// # Errors
    /// Where settings do not go together, or the file of the descriptor has no text that registries take.
    pub fn new(
        registry: &RegistryClient,
        descriptor: MessageDescriptor,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, Error> {
        schema_text(&descriptor.parent_file())?;
        Ok(Self { writers: Writers::new(registry, part, settings)?, descriptor })
    }

    /// A serializer for a type that knows its descriptor.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn reflected<M: ReflectMessage + Default>(
        registry: &RegistryClient,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, Error> {
        Self::new(registry, M::default().descriptor(), part, settings)
    }

    /// A message as bytes, with the id of its schema before it. It must be of the serializer's type. The registry is asked at the
    /// first message of a topic.
    ///
    /// # Errors
    /// Where the registry refuses the schema or cannot be asked, or the id goes into a header.
    pub async fn serialize<M: Message>(&self, topic: &str, message: &M) -> Result<Bytes, Error> {
        self.encode(topic, message).await?.without_header(self.writers.part)
    }

    /// A message as bytes, with the header that belongs beside it (`HeaderSchemaIdSerializer`).
    ///
    /// # Errors
    /// As [`Self::serialize`].
    pub async fn encode<M: Message>(&self, topic: &str, message: &M) -> Result<Encoded, Error> {
        let writer = match self.writers.kept(topic) {
            Some(writer) => writer,
            None => self.make_writer(topic).await?,
        };
        writer.encode(topic, |(), out| message.encode(out).map_err(|error| error.to_string()))
    }

    async fn make_writer(&self, topic: &str) -> Result<Arc<Writer<()>>, Error> {
        let file = self.descriptor.parent_file();
        let own = if self.writers.settings.other_schema().is_some() {
            // It is not sent: its references need no versions.
            Schema::new(SchemaType::Protobuf, schema_text(&file)?)
        } else {
            self.schema_of(&file).await?
        };
        let selected = self.writers.select(topic, &own, Some(self.descriptor.full_name())).await?;
        let indexes = match selected.other {
            None => indexes_of(&self.descriptor),
            Some(_) => indexes_of(&self.same_message(&selected).await?),
        };
        Ok(self.writers.keep(topic, Writer::new(&selected, self.writers.part, Some(&indexes), ())))
    }

    /// A file's schema; what it imports is registered or looked up first.
    async fn schema_of(&self, file: &FileDescriptor) -> Result<Schema, Error> {
        let mut references = Vec::new();
        for import in file.dependencies().filter(|import| !is_known(import.name())) {
            let schema = Box::pin(self.schema_of(&import)).await?;
            let registered = self.reference(import.name(), &schema).await?;
            let version = registered
                .version
                .ok_or_else(|| Error::schema(import.name(), "the registry tells no version"))?;
            let name = import.name().to_owned();
            references.push(SchemaReference { subject: name.clone(), name, version });
        }
        Ok(Schema::new(SchemaType::Protobuf, schema_text(file)?).references(references))
    }

    async fn reference(&self, subject: &str, schema: &Schema) -> Result<Arc<RegisteredSchema>, Error> {
        let (registry, settings) = (&self.writers.registry, &self.writers.settings);
        if settings.auto_register_schemas {
            let registered = registry.register(subject, schema, settings.normalize_schemas).await?;
            if registered.version.is_some() {
                return Ok(registered);
            }
        }
        Ok(registry.lookup(subject, schema, settings.normalize_schemas).await?)
    }

    /// Our message in the schema that the settings name.
    async fn same_message(&self, selected: &Selected) -> Result<MessageDescriptor, Error> {
        let schema = &selected.registered.schema;
        let references = self.writers.registry.references(schema).await?;
        let file = compile(&selected.subject, schema, &references)?;
        let name = self.descriptor.full_name();
        let found = file.parent_pool().get_message_by_name(name).filter(|found| found.parent_file() == file);
        let found = found.ok_or_else(|| {
            Error::schema(Arc::clone(&selected.subject), format!("it has no message {name}"))
        })?;
        if selected.is_strict
            && let Some(reason) = obstacle(&self.descriptor, &found, &mut Vec::new())
        {
            return Err(selected.incompatible(reason));
        }
        Ok(found)
    }
}

/// Why `reader` cannot read all that `writer` writes: a field of the same number that is written in another way.
fn obstacle(
    writer: &MessageDescriptor,
    reader: &MessageDescriptor,
    above: &mut Vec<(String, String)>,
) -> Option<String> {
    let pair = (writer.full_name().to_owned(), reader.full_name().to_owned());
    if above.contains(&pair) || above.len() >= DEPTH_MAX {
        return None;
    }
    above.push(pair);
    let found = writer.fields().find_map(|written| {
        let read = reader.get_field(written.number())?;
        if form_of(&written) != form_of(&read) {
            let (name, number) = (written.full_name(), written.number());
            return Some(format!(
                "{name} = {number} is {:?} here and {:?} there",
                written.kind(),
                read.kind()
            ));
        }
        obstacle(written.kind().as_message()?, read.kind().as_message()?, above)
    });
    above.pop();
    found
}

/// Kinds that can be read for each other have the same form.
fn form_of(field: &FieldDescriptor) -> (u8, bool) {
    let form = match field.kind() {
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => 0,
        Kind::Sint32 | Kind::Sint64 => 1,
        Kind::Fixed32 | Kind::Sfixed32 => 2,
        Kind::Fixed64 | Kind::Sfixed64 => 3,
        Kind::Float => 4,
        Kind::Double => 5,
        Kind::String | Kind::Bytes => 6,
        Kind::Message(_) => 7,
    };
    (form, field.is_group())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::compile::message_at;

    fn first_message(body: &str) -> MessageDescriptor {
        let text = format!("syntax = \"proto3\"; message A {{ {body} }}");
        let file = compile("test", &Schema::new(SchemaType::Protobuf, text), &[]).unwrap();
        message_at(&file, &[0]).unwrap()
    }

    #[test]
    fn a_field_that_is_written_in_another_way_is_an_obstacle() {
        let reason = |writer: &str, reader: &str| {
            obstacle(&first_message(writer), &first_message(reader), &mut Vec::new())
        };
        assert_eq!(reason("int32 a = 1; string b = 2;", "int64 a = 1; bytes c = 2; double d = 3;"), None);
        let found =
            reason("B b = 1; message B { int32 a = 1; }", "B b = 1; message B { sint32 a = 1; }").unwrap();
        assert_eq!(found, "A.B.a = 1 is int32 here and sint32 there");
        assert_eq!(reason("A a = 1;", "A a = 1;"), None);
    }

    #[test]
    fn indexes_lead_to_messages() {
        let text = "syntax = \"proto3\"; message A { message B {} message C { message D {} } } message E {}";
        let file = compile("test", &Schema::new(SchemaType::Protobuf, text), &[]).unwrap();
        for (name, indexes) in [("A", &[0][..]), ("A.B", &[0, 0]), ("A.C.D", &[0, 1, 0]), ("E", &[1])] {
            let message = message_at(&file, indexes).unwrap();
            assert_eq!(message.full_name(), name);
            assert_eq!(indexes_of(&message), indexes);
        }
        assert!(
            message_at(&file, &[2]).is_none()
                && message_at(&file, &[-1]).is_none()
                && message_at(&file, &[]).is_none()
        );
    }
}
