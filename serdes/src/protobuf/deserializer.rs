//! From bytes to messages.

use prost::Message;
use prost_reflect::{DynamicMessage, FileDescriptor};

use super::compile::{compile, message_at};
use crate::Error;
use crate::config::DeserializerSettings;
use crate::readers::Readers;
use crate::registry::{RegistryClient, SchemaType};
use crate::subject::RecordPart;
use crate::wire_format::{Frame, Headers, read_indexes};

/// Reads keys or values that were written with any Protobuf schema. Share it: it has no `&mut` methods.
///
/// The registry is asked only for dynamic messages: the type tells what the bytes mean.
#[derive(Debug)]
pub struct ProtobufDeserializer {
    readers: Readers<FileDescriptor>,
}

impl ProtobufDeserializer {
    /// A deserializer.
    ///
    /// # Errors
    /// Where settings do not go together.
    pub fn new(
        registry: &RegistryClient,
        part: RecordPart,
        settings: DeserializerSettings,
    ) -> Result<Self, Error> {
        Ok(Self { readers: Readers::new(registry, part, settings, SchemaType::Protobuf)? })
    }

    /// The message in bytes that begin with the id of their schema.
    ///
    /// # Errors
    /// Where the bytes have no frame or are no message of the type.
    pub fn deserialize<M: Message + Default>(&self, bytes: &[u8]) -> Result<M, Error> {
        self.decode(bytes, &())
    }

    /// The message in bytes whose schema may be in the record's headers.
    ///
    /// # Errors
    /// As [`Self::deserialize`].
    pub fn decode<M: Message + Default>(
        &self,
        bytes: &[u8],
        headers: &(impl Headers + ?Sized),
    ) -> Result<M, Error> {
        let frame = self.readers.frame(bytes, headers)?;
        let (_, message) = split(&frame)?;
        M::decode(message).map_err(|error| Error::decode(frame.id, error))
    }

    /// The message in bytes, with the descriptor of the writer's schema.
    ///
    /// # Errors
    /// Where the bytes have no frame or are no message, or the registry does not know the schema or cannot be asked.
    pub async fn decode_dynamic(
        &self,
        bytes: &[u8],
        headers: &(impl Headers + ?Sized),
    ) -> Result<DynamicMessage, Error> {
        let frame = self.readers.frame(bytes, headers)?;
        let (indexes, message) = split(&frame)?;
        let build = self.readers.get(frame.id, |registered, references| {
            compile(&frame.id.to_string(), &registered.schema, references)
        });
        let descriptor = message_at(&*build.await?, &indexes)
            .ok_or_else(|| Error::decode(frame.id, format!("it has no message at {indexes:?}")))?;
        DynamicMessage::decode(descriptor, message).map_err(|error| Error::decode(frame.id, error))
    }
}

/// The indexes, which stand behind the id wherever that is, and the message.
fn split<'a>(frame: &Frame<'a>) -> Result<(Vec<i32>, &'a [u8]), Error> {
    match frame.header_rest {
        Some(header_rest) => Ok((read_indexes(header_rest)?.0, frame.rest)),
        None => Ok(read_indexes(frame.rest)?),
    }
}
