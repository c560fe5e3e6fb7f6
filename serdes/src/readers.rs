//! What the values of a schema are read with. Each is made once.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::Error;
use crate::config::{ConfigError, DeserializerSettings, IdDeserializer};
use crate::registry::{RegisteredSchema, RegistryClient, ResolvedReference, SchemaType};
use crate::subject::RecordPart;
use crate::wire_format::{Frame, Headers, SchemaId};

/// Decoders by the schema of the writer.
#[derive(Debug)]
pub(crate) struct Readers<D> {
    registry: RegistryClient,
    part: RecordPart,
    pub(crate) settings: DeserializerSettings,
    schema_type: SchemaType,
    by_id: ArcSwap<HashMap<SchemaId, Arc<D>>>,
}

impl<D> Readers<D> {
    pub(crate) fn new(
        registry: &RegistryClient,
        part: RecordPart,
        settings: DeserializerSettings,
        schema_type: SchemaType,
    ) -> Result<Self, ConfigError> {
        settings.check()?;
        Ok(Self { registry: registry.clone(), part, settings, schema_type, by_id: ArcSwap::default() })
    }

    /// Takes the frame off.
    pub(crate) fn frame<'a>(
        &self,
        bytes: &'a [u8],
        headers: &'a (impl Headers + ?Sized),
    ) -> Result<Frame<'a>, Error> {
        match self.settings.id_deserializer(self.part) {
            IdDeserializer::Dual => Ok(Frame::read(self.part, bytes, headers)?),
            IdDeserializer::Prefix => Ok(Frame::read(self.part, bytes, &())?),
        }
    }

    /// The decoder for a schema, which `build` makes of it and of all that it uses.
    pub(crate) async fn get(
        &self,
        id: SchemaId,
        build: impl FnOnce(&Arc<RegisteredSchema>, &[ResolvedReference]) -> Result<D, Error>,
    ) -> Result<Arc<D>, Error> {
        if let Some(decoder) = self.by_id.load().get(&id) {
            return Ok(Arc::clone(decoder));
        }
        let registered = match id {
            SchemaId::Id(id) => self.registry.schema_by_id(id, None).await?,
            SchemaId::Guid(guid) => self.registry.schema_by_guid(guid).await?,
        };
        if registered.schema.schema_type != self.schema_type {
            let reason =
                format!("it is of type {}, and {} is read", registered.schema.schema_type, self.schema_type);
            return Err(Error::schema(id.to_string(), reason));
        }
        if let Some(rule) = registered.schema.rule_on_values() {
            return Err(Error::Rule { name: id.to_string().into(), rule: rule.name.as_str().into() });
        }
        let references = self.registry.references(&registered.schema).await?;
        let decoder = Arc::new(build(&registered, &references)?);
        let size_max = self.registry.settings().cache_size.max(1);
        self.by_id.rcu(|by_id| {
            let mut changed = HashMap::clone(by_id);
            if changed.len() >= size_max {
                changed.clear();
            }
            changed.insert(id, Arc::clone(&decoder));
            changed
        });
        Ok(decoder)
    }
}
