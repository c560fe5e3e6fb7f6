//! Which registered schema the values of a topic are written with. What is found is kept for each topic.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::Error;
use crate::config::{ConfigError, IdSerializer, SerializerSettings};
use crate::registry::{RegisteredSchema, RegistryClient, RegistryError, Schema};
use crate::subject::RecordPart;
use crate::wire_format::{self, SchemaHeader, SchemaId, WireFormatError};

/// A key or value as bytes, and the header that belongs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes, with the id before them unless there is a header.
    pub payload: Bytes,
    /// With `HeaderSchemaIdSerializer`.
    pub header: Option<SchemaHeader>,
}

impl Encoded {
    /// Only the bytes.
    pub(crate) fn without_header(self, part: RecordPart) -> Result<Bytes, Error> {
        match self.header {
            None => Ok(self.payload),
            Some(_) => Err(WireFormatError::NeedsHeader { setting: setting_of_ids(part) }.into()),
        }
    }
}

fn setting_of_ids(part: RecordPart) -> &'static str {
    match part {
        RecordPart::Key => "key.schema.id.serializer",
        RecordPart::Value => "value.schema.id.serializer",
    }
}

/// What a topic's values are written with: the frame, and the encoder of the format.
#[derive(Debug)]
pub(crate) struct Writer<E> {
    encoder: E,
    prefix: Bytes,
    header: Option<SchemaHeader>,
    /// When the latest version must be asked for again.
    until: Option<Instant>,
    /// How long the last value was: the next one is likely to be alike.
    size: AtomicUsize,
}

impl<E> Writer<E> {
    pub(crate) fn new(selected: &Selected, part: RecordPart, indexes: Option<&[i32]>, encoder: E) -> Self {
        let mut frame = BytesMut::new();
        selected.id.write(&mut frame);
        if let Some(indexes) = indexes {
            wire_format::write_indexes(indexes, &mut frame);
        }
        let frame = frame.freeze();
        let (prefix, header) = match selected.id {
            SchemaId::Id(_) => (frame, None),
            SchemaId::Guid(_) => {
                (Bytes::new(), Some(SchemaHeader { name: part.header_name(), value: frame }))
            }
        };
        Self { encoder, prefix, header, until: selected.until, size: AtomicUsize::new(64) }
    }

    pub(crate) fn encode(
        &self,
        topic: &str,
        write: impl FnOnce(&E, &mut BytesMut) -> Result<(), String>,
    ) -> Result<Encoded, Error> {
        let mut out = BytesMut::with_capacity(self.size.load(Ordering::Relaxed));
        out.extend_from_slice(&self.prefix);
        write(&self.encoder, &mut out).map_err(|reason| Error::encode(topic, reason))?;
        self.size.store(out.len(), Ordering::Relaxed);
        Ok(Encoded { payload: out.freeze(), header: self.header.clone() })
    }
}

/// The schema that was found for a topic.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) subject: Arc<str>,
    pub(crate) registered: Arc<RegisteredSchema>,
    /// As it goes into records.
    pub(crate) id: SchemaId,
    /// Where it is another than our own: the setting that names it, and the one that asks for a check.
    pub(crate) other: Option<(&'static str, &'static str)>,
    /// Whether that check is asked for.
    pub(crate) is_strict: bool,
    until: Option<Instant>,
}

impl Selected {
    pub(crate) fn incompatible(&self, reason: impl ToString) -> Error {
        let (setting, strict) = self.other.unwrap_or_default();
        Error::Incompatible {
            subject: Arc::clone(&self.subject),
            setting,
            strict,
            reason: reason.to_string().into(),
        }
    }
}

/// Finds schemas, and keeps a writer for each topic.
#[derive(Debug)]
pub(crate) struct Writers<E> {
    pub(crate) registry: RegistryClient,
    pub(crate) part: RecordPart,
    pub(crate) settings: SerializerSettings,
    by_topic: ArcSwap<HashMap<Box<str>, Arc<Writer<E>>>>,
}

impl<E> Writers<E> {
    pub(crate) fn new(
        registry: &RegistryClient,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, ConfigError> {
        settings.check()?;
        if settings.use_schema_guid.is_some() && settings.id_serializer(part) == IdSerializer::Prefix {
            let reason = format!("needs {}=HeaderSchemaIdSerializer", setting_of_ids(part));
            return Err(ConfigError::conflict("use.schema.guid", reason));
        }
        Ok(Self { registry: registry.clone(), part, settings, by_topic: ArcSwap::default() })
    }

    /// The writer that is kept for a topic.
    pub(crate) fn kept(&self, topic: &str) -> Option<Arc<Writer<E>>> {
        let by_topic = self.by_topic.load();
        let writer = by_topic.get(topic)?;
        let is_fresh = writer.until.is_none_or(|until| Instant::now() < until);
        is_fresh.then(|| Arc::clone(writer))
    }

    pub(crate) fn keep(&self, topic: &str, writer: Writer<E>) -> Arc<Writer<E>> {
        let writer = Arc::new(writer);
        let size_max = self.registry.settings().cache_size.max(1);
        self.by_topic.rcu(|by_topic| {
            let mut changed = HashMap::clone(by_topic);
            if changed.len() >= size_max {
                changed.clear();
            }
            changed.insert(topic.into(), Arc::clone(&writer));
            changed
        });
        writer
    }

    /// Finds the schema for a topic; `name` is the full name of our own.
    pub(crate) async fn select(
        &self,
        topic: &str,
        own: &Schema,
        name: Option<&str>,
    ) -> Result<Selected, Error> {
        let subject: Arc<str> = self.settings.strategy(self.part).subject(topic, self.part, name)?.into();
        let registered = self.find(&subject, own).await?;
        if registered.schema.schema_type != own.schema_type {
            let reason = format!(
                "it is of type {}, and {} is written",
                registered.schema.schema_type, own.schema_type
            );
            return Err(Error::schema(subject, reason));
        }
        if let Some(rule) = registered.schema.rule_on_values() {
            return Err(Error::Rule { name: subject, rule: rule.name.as_str().into() });
        }
        let settings = &self.settings;
        let by_id = settings.use_schema_id.is_some() || settings.use_schema_guid.is_some();
        let (strict, is_strict) = if by_id {
            ("id.compatibility.strict", settings.id_compatibility_strict)
        } else {
            ("latest.compatibility.strict", settings.latest_compatibility_strict)
        };
        let other = settings.other_schema().map(|setting| (setting, strict));
        let is_latest = other.is_some() && !by_id;
        let ttl = self.registry.settings().latest_cache_ttl.0.filter(|_| is_latest);
        Ok(Selected {
            id: self.id(&subject, &registered).await?,
            subject,
            registered,
            other,
            is_strict: is_strict && other.is_some(),
            until: ttl.map(|ttl| Instant::now() + ttl),
        })
    }

    async fn find(&self, subject: &str, own: &Schema) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let (registry, settings) = (&self.registry, &self.settings);
        if settings.auto_register_schemas {
            registry.register(subject, own, settings.normalize_schemas).await
        } else if let Some(id) = settings.use_schema_id {
            registry.schema_by_id(id, Some(subject)).await
        } else if let Some(guid) = settings.use_schema_guid {
            registry.schema_by_guid(guid).await
        } else if let Some(properties) = &settings.use_latest_with_metadata {
            registry.latest_with_metadata(subject, &properties.0).await
        } else if settings.use_latest_version {
            registry.latest(subject).await
        } else {
            registry.lookup(subject, own, settings.normalize_schemas).await
        }
    }

    async fn id(&self, subject: &Arc<str>, registered: &RegisteredSchema) -> Result<SchemaId, Error> {
        let no_id = || Error::schema(Arc::clone(subject), "the registry tells no id of it");
        match (self.settings.id_serializer(self.part), registered.guid) {
            (IdSerializer::Prefix, _) => Ok(SchemaId::Id(registered.id.ok_or_else(no_id)?)),
            (IdSerializer::Header, Some(guid)) => Ok(SchemaId::Guid(guid)),
            (IdSerializer::Header, None) => {
                // Some registries tell it only to those who ask by id.
                let found =
                    self.registry.schema_by_id(registered.id.ok_or_else(no_id)?, Some(subject)).await?;
                let missing = || RegistryError::NoGuid { subject: Arc::clone(subject) };
                Ok(SchemaId::Guid(found.guid.ok_or_else(missing)?))
            }
        }
    }
}
