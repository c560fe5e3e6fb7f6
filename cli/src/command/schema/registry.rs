//! Schemas out of the registry, as the commands need them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use medallion_schema_registry::{CompatibilityLevel, CompatibilityPolicy, SchemaType};
use medallion_serdes::registry::{RegisteredSchema, SubjectConfig, VersionNumber};
use medallion_serdes::{RegistryClient, RegistryError, RegistrySettings, Schema, SchemaReference};
use medallion_settings::Properties;

use super::RegistryArguments;
use super::source::SchemaText;
use crate::failure::{Failure, UsageError};

/// Error codes for what does not exist: a subject, its only version.
const NO_SUBJECT: i32 = 40_401;
/// How many questions are on their way at once.
const AT_ONCE: usize = 8;

/// A registry that the commands ask.
#[derive(Debug)]
pub(super) struct Registry {
    client: RegistryClient,
}

/// A version of a subject.
#[derive(Debug)]
pub(super) struct Registered {
    /// The subject; nothing where a schema was found by its id.
    pub(super) subject: Option<String>,
    /// The version; nothing where a schema was found by its id.
    pub(super) version: Option<i32>,
    /// The schema's id.
    pub(super) id: i32,
    /// Its language.
    pub(super) schema_type: SchemaType,
    /// Its text.
    pub(super) text: String,
    /// What it refers to.
    pub(super) references: Vec<SchemaReference>,
}

impl Registry {
    /// Nothing is connected before the first question.
    pub(super) fn new(arguments: &RegistryArguments) -> anyhow::Result<Self> {
        let mut properties = Properties::new();
        if let Some(path) = &arguments.config {
            let shown = path.display().to_string();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
            properties.add_file(&shown, &text)?;
        }
        // Nothing is tried again: somebody waits at a terminal.
        for (name, value) in [("schema.registry.url", arguments.url.as_str()), ("max.retries", "0")] {
            if properties.get(name).is_none() {
                properties.add(name, value);
            }
        }
        let settings =
            RegistrySettings::from_properties(properties).map_err(|error| UsageError(error.to_string()))?;
        let client =
            RegistryClient::with_settings(settings).map_err(|error| UsageError(error.to_string()))?;
        Ok(Self { client })
    }

    pub(super) async fn subjects(&self, prefix: &str, deleted: bool) -> anyhow::Result<Vec<String>> {
        Ok(self.client.subjects(prefix, deleted).await?)
    }

    /// The latest version of each subject that begins with the prefix, by subject.
    pub(super) async fn latest(&self, prefix: &str) -> anyhow::Result<BTreeMap<String, Registered>> {
        let mut found = BTreeMap::new();
        let mut offset = 0;
        loop {
            let page = match self.client.latest_schemas(prefix, offset).await {
                // Some registries do not list schemas.
                Err(RegistryError::Refused { status: 404 | 405, .. }) if offset == 0 => {
                    return self.latest_one_by_one(prefix).await;
                }
                page => page?,
            };
            offset += page.len();
            // One that does not know `offset` has given all, again.
            if !add_new(&mut found, &page, prefix)? {
                return Ok(found);
            }
        }
    }

    async fn latest_one_by_one(&self, prefix: &str) -> anyhow::Result<BTreeMap<String, Registered>> {
        let subjects = self.subjects(prefix, false).await?;
        let ask = |subject: String| async move {
            match self.client.latest(&subject).await {
                // Deleted in between.
                Err(error) if error.is_not_found() => Ok(None),
                found => anyhow::Ok(Some((subject, registered(&*found?)?))),
            }
        };
        let asked = stream::iter(subjects).map(ask).buffered(AT_ONCE);
        asked.try_filter_map(async |found| Ok(found)).try_collect().await
    }

    /// The level in force for each of these subjects.
    pub(super) async fn levels(&self, subjects: &[String]) -> anyhow::Result<Vec<CompatibilityLevel>> {
        let ask = |subject| async move { anyhow::Ok(self.level_in_force(subject).await?.0) };
        stream::iter(subjects.iter().map(String::as_str)).map(ask).buffered(AT_ONCE).try_collect().await
    }

    /// All versions; none where nothing is registered yet, or all is deleted.
    pub(super) async fn versions_or_none(&self, subject: &str) -> anyhow::Result<Vec<i32>> {
        match self.client.versions(subject, false).await {
            Err(error) if error.error_code() == Some(NO_SUBJECT) => Ok(Vec::new()),
            outcome => Ok(outcome?),
        }
    }

    pub(super) async fn version(&self, subject: &str, version: i32) -> anyhow::Result<Registered> {
        registered(&*self.client.version(subject, version).await?)
    }

    /// A version by its number, or `latest`.
    pub(super) async fn version_named(&self, subject: &str, version: &str) -> anyhow::Result<Registered> {
        registered(&*self.client.version(subject, parse_version(version)?).await?)
    }

    pub(super) async fn by_id(&self, id: i32) -> anyhow::Result<Registered> {
        registered(&*self.client.schema_by_id(id, None).await?)
    }

    /// The schema with the texts of all that it refers to.
    pub(super) async fn text_of(&self, found: &Registered) -> anyhow::Result<SchemaText> {
        let label = match (&found.subject, found.version) {
            (Some(subject), Some(version)) => format!("version {version} of {subject}"),
            _ => format!("the schema with the id {}", found.id),
        };
        let (schema_type, text) = (found.schema_type, found.text.clone());
        Ok(SchemaText { label, schema_type, text, references: self.texts(&found.references).await? })
    }

    /// Names and texts of these schemas and of all that they refer to, dependencies first.
    pub(super) async fn resolve(
        &self,
        references: &[SchemaReference],
    ) -> anyhow::Result<Vec<(String, String)>> {
        self.texts(references).await
    }

    async fn texts(&self, references: &[SchemaReference]) -> anyhow::Result<Vec<(String, String)>> {
        let schema = Schema::new(medallion_serdes::SchemaType::Avro, "").references(references.to_vec());
        let resolved = self.client.references(&schema).await?;
        let text = |one: medallion_serdes::registry::ResolvedReference| {
            (one.name.to_string(), one.schema.schema.text.to_string())
        };
        Ok(resolved.into_iter().map(text).collect())
    }

    /// Registers a schema; version and id of it.
    pub(super) async fn register(
        &self,
        subject: &str,
        schema: &SchemaText,
        references: &[SchemaReference],
        normalize: bool,
    ) -> anyhow::Result<(i32, i32)> {
        let sent =
            Schema::new(sent_type(schema.schema_type), schema.text.as_str()).references(references.to_vec());
        let answer = match self.client.register(subject, &sent, normalize).await {
            Err(error) if error.is_incompatible() => {
                return Err(not_taken(subject, &schema.label, &error).into());
            }
            outcome => outcome?,
        };
        let found = match answer.version {
            Some(_) => answer,
            // Older registries answer with the id alone.
            None => self.client.lookup(subject, &sent, normalize).await?,
        };
        found.version.zip(found.id).context("the registry tells no version and id")
    }

    /// The level and policy that hold for a subject, its own or a wider one.
    pub(super) async fn level_in_force(
        &self,
        subject: &str,
    ) -> anyhow::Result<(CompatibilityLevel, CompatibilityPolicy)> {
        let config = self.client.config(Some(subject), true).await?;
        let policy = config.compatibility_policy.as_deref().and_then(CompatibilityPolicy::from_name);
        Ok((level_of(&config)?, policy.unwrap_or_default()))
    }

    pub(super) async fn global_level(&self) -> anyhow::Result<CompatibilityLevel> {
        level_of(&self.client.config(None, false).await?)
    }

    pub(super) async fn set_level(
        &self,
        subject: Option<&str>,
        level: CompatibilityLevel,
    ) -> anyhow::Result<()> {
        self.client.set_config(subject, &SubjectConfig::compatibility(level.as_str())).await?;
        Ok(())
    }

    pub(super) async fn unset_level(&self, subject: Option<&str>) -> anyhow::Result<()> {
        self.client.delete_config(subject).await?;
        Ok(())
    }

    pub(super) async fn delete_subject(&self, subject: &str, permanent: bool) -> anyhow::Result<Vec<i32>> {
        Ok(self.client.delete_subject(subject, permanent).await?)
    }

    pub(super) async fn delete_version(
        &self,
        subject: &str,
        version: &str,
        permanent: bool,
    ) -> anyhow::Result<i32> {
        Ok(self.client.delete_version(subject, parse_version(version)?, permanent).await?)
    }
}

/// Adds what a page of a list has; whether it had anything new.
fn add_new(
    found: &mut BTreeMap<String, Registered>,
    page: &[RegisteredSchema],
    prefix: &str,
) -> anyhow::Result<bool> {
    let mut has_new = false;
    for schema in page {
        let one = registered(schema)?;
        let subject = one.subject.clone().context("the registry tells no subject")?;
        let newer = |known: &Registered| known.version < one.version;
        // A registry may know neither the prefix nor that only the latest versions are asked for.
        let is_asked = prefix.starts_with(":*:") || subject.starts_with(prefix);
        if is_asked && found.get(&subject).is_none_or(newer) {
            found.insert(subject, one);
            has_new = true;
        }
    }
    Ok(has_new)
}

/// That the level does not allow a schema, and what tells more.
fn not_taken(subject: &str, file: &str, error: &RegistryError) -> Failure {
    Failure::new(
        format!("{subject} does not take {file}: {error}"),
        format!("`medallion schema check {subject} {file}` says what would help"),
    )
}

fn level_of(config: &SubjectConfig) -> anyhow::Result<CompatibilityLevel> {
    let name = config.compatibility_level.as_deref().unwrap_or("BACKWARD");
    CompatibilityLevel::from_name(name)
        .with_context(|| format!("the registry tells an unknown level: {name}"))
}

fn registered(found: &RegisteredSchema) -> anyhow::Result<Registered> {
    Ok(Registered {
        subject: found.subject.as_deref().map(str::to_owned),
        version: found.version,
        id: found.id.context("the registry tells no id")?,
        schema_type: match found.schema.schema_type {
            medallion_serdes::SchemaType::Avro => SchemaType::Avro,
            medallion_serdes::SchemaType::Json => SchemaType::Json,
            medallion_serdes::SchemaType::Protobuf => SchemaType::Protobuf,
        },
        text: found.schema.text.to_string(),
        references: found.schema.references.clone(),
    })
}

fn sent_type(schema_type: SchemaType) -> medallion_serdes::SchemaType {
    match schema_type {
        SchemaType::Avro => medallion_serdes::SchemaType::Avro,
        SchemaType::Json => medallion_serdes::SchemaType::Json,
        SchemaType::Protobuf => medallion_serdes::SchemaType::Protobuf,
    }
}

fn parse_version(text: &str) -> Result<VersionNumber, UsageError> {
    match text {
        "latest" => Ok(VersionNumber::Latest),
        _ => text.parse().map(VersionNumber::Number).map_err(|_| {
            UsageError(format!("{text} is no version: it must be a number from 1 on, or latest"))
        }),
    }
}

/// `NAME=SUBJECT:VERSION`, for clap.
pub(super) fn parse_reference(text: &str) -> Result<SchemaReference, String> {
    let parts = text.split_once('=').and_then(|(name, rest)| {
        let (subject, version) = rest.rsplit_once(':')?;
        Some(SchemaReference {
            name: name.to_owned(),
            subject: subject.to_owned(),
            version: version.parse().ok()?,
        })
    });
    parts.ok_or_else(|| "it must be NAME=SUBJECT:VERSION".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_names_with_versions() {
        let parsed = parse_reference("zone.proto=:.ctx:zones:2").unwrap();
        assert_eq!(
            (parsed.name.as_str(), parsed.subject.as_str(), parsed.version),
            ("zone.proto", ":.ctx:zones", 2)
        );
        assert!(parse_reference("zone.proto=zones").is_err());
        assert!(parse_reference("zones:2").is_err());
    }

    #[test]
    fn versions_are_numbers_or_the_latest() {
        assert_eq!(parse_version("latest").unwrap(), VersionNumber::Latest);
        assert_eq!(parse_version("3").unwrap(), VersionNumber::Number(3));
        assert!(parse_version("last").unwrap_err().to_string().contains("last"));
    }
}
