//! Questions, answered from the state.

use std::collections::{BTreeMap, BTreeSet};

use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::{Deleted, RegisterRequest, Version, VersionNumber};
use medallion_schema_registry::{Guid, Refusal, RuleSet, SchemaType, Store, Subject};

use super::command::Read;
use super::paging::Limits;
use super::problem::Problem;
use super::reply::{self, Reply, Shown};

/// What is known beside the state.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// `schema.registry.group.id`
    pub group_id: &'a str,
    /// This program's version.
    pub version: &'a str,
    /// Whether somebody writes now.
    pub has_leader: bool,
    /// How long lists are.
    pub limits: &'a Limits,
}

/// Answers a question.
///
/// # Errors
/// Where what is asked for is not there, or not valid.
pub fn answer(store: &Store, about: &About<'_>, read: &Read) -> Result<Reply, Problem> {
    match read {
        Read::Schemas { .. }
        | Read::SchemaById { .. }
        | Read::SchemaTextById { .. }
        | Read::SubjectsOfId { .. }
        | Read::VersionsOfId { .. }
        | Read::SchemaByGuid { .. }
        | Read::IdsOfGuid { .. } => answer_schemas(store, about.limits, read),
        Read::Subjects { .. }
        | Read::Versions { .. }
        | Read::Version { .. }
        | Read::VersionText { .. }
        | Read::ReferencedBy { .. }
        | Read::Lookup { .. }
        | Read::WithMetadata { .. } => answer_subjects(store, about.limits, read),
        Read::Compatibility { subject, against, request, verbose } => {
            compatibility(store, subject, *against, request, *verbose)
        }
        Read::Config { subject, in_scope } => {
            let subject = subject.as_ref();
            let config = if *in_scope { store.config_in_scope(subject) } else { store.config(subject)? };
            Ok(reply::config(&config))
        }
        Read::Mode { subject, in_scope } => {
            let subject = subject.as_ref();
            let mode = if *in_scope { store.mode_in_scope(subject) } else { store.mode(subject)? };
            Ok(reply::mode(Some(mode.as_str())))
        }
        Read::Contexts { prefix, page } => {
            let contexts = store.contexts().filter(|context| context.starts_with(prefix.as_str()));
            Ok(Reply::texts(page.take(contexts, about.limits.contexts)))
        }
        Read::Nothing
        | Read::Types
        | Read::ClusterId
        | Read::ServerVersion
        | Read::Deployment
        | Read::Leader => Ok(answer_about(about, read)),
    }
}

fn answer_about(about: &About<'_>, read: &Read) -> Reply {
    match read {
        Read::Types => Reply::texts([SchemaType::Json, SchemaType::Protobuf, SchemaType::Avro]),
        Read::ClusterId => {
            let clusters = reply::object([
                ("kafka-cluster", Json::from(about.cluster_id)),
                ("schema-registry-cluster", Json::from(about.group_id)),
            ]);
            let scope = reply::object([("path", Json::Array(Vec::new())), ("clusters", clusters)]);
            Reply::object([("id", Json::from("")), ("scope", scope)])
        }
        Read::ServerVersion => {
            Reply::object([("version", Json::from(about.version)), ("commitId", Json::from(""))])
        }
        Read::Leader => Reply::object([("master_available", Json::Bool(about.has_leader))]),
        _ => Reply::object([]),
    }
}

fn answer_schemas(store: &Store, limits: &Limits, read: &Read) -> Result<Reply, Problem> {
    match read {
        Read::Schemas { prefix, deleted, latest_only, aliases, rule_type, page } => {
            let names = if *aliases { aliases_of(store, prefix) } else { BTreeMap::new() };
            let mut schemas = store.schemas(prefix, *deleted, *latest_only);
            let listed: BTreeSet<Subject> = schemas.iter().map(|version| version.subject.clone()).collect();
            for meant in names.keys().filter(|meant| !listed.contains(*meant)) {
                let more = store.schemas(&meant.to_string(), *deleted, *latest_only).into_iter();
                schemas.extend(more.filter(|version| version.subject == *meant));
            }
            schemas.sort_by(|a, b| (&a.subject, a.version).cmp(&(&b.subject, b.version)));
            let schemas = schemas.into_iter();
            let schemas = schemas.filter(|version| rule_type.is_empty() || has_rule(version, rule_type));
            let shown = page.take(schemas, limits.schemas).map(|version| {
                let names = names.get(&version.subject).map_or(&[][..], Vec::as_slice);
                reply::with_aliases(reply::version(&version, &version.text, Shown::all()), names)
            });
            Ok(Reply::Json(Json::Array(shown.collect())))
        }
        Read::SchemaById { id, subject, format, qualified, max_id } => {
            let version = store.schema_by_id(*id, subject.as_ref())?;
            let text = text(store, &version, format)?;
            let max_id = max_id.then(|| store.max_id(version.subject.context()));
            let is_named = subject.is_some();
            let shown = Shown {
                subject: is_named,
                version: is_named,
                state: true,
                max_id,
                qualifies_references: *qualified,
                id: false,
            };
            Ok(Reply::Json(reply::version(&version, &text, shown)))
        }
        Read::SchemaTextById { id, subject, format } => {
            let version = store.schema_by_id(*id, subject.as_ref())?;
            Ok(Reply::Raw(text(store, &version, format)?))
        }
        Read::SubjectsOfId { id, subject, deleted, page } => {
            let mut subjects: Vec<Subject> = versions_of_id(store, *id, subject.as_ref(), *deleted)?
                .into_iter()
                .map(|(subject, _)| subject)
                .collect();
            subjects.dedup();
            Ok(Reply::texts(page.take(subjects.into_iter(), limits.subjects)))
        }
        Read::VersionsOfId { id, subject, deleted, page } => {
            let versions = versions_of_id(store, *id, subject.as_ref(), *deleted)?.into_iter();
            let shown = page.take(versions, limits.versions).map(|(subject, version)| {
                reply::object([
                    ("subject", Json::String(subject.to_string())),
                    ("version", Json::from(version)),
                ])
            });
            Ok(Reply::Json(Json::Array(shown.collect())))
        }
        Read::SchemaByGuid { guid, format } => {
            let version = store.schema_by_guid(guid)?;
            let text = text(store, &version, format)?;
            Ok(Reply::Json(reply::version(&version, &text, Shown { state: true, ..Shown::default() })))
        }
        Read::IdsOfGuid { guid } => {
            let ids = Guid::parse(guid).into_iter().flat_map(|guid| store.ids_by_guid(guid));
            let shown = ids.map(|(context, id)| {
                reply::object([("context", Json::from(context)), ("id", Json::from(id))])
            });
            Ok(Reply::Json(Json::Array(shown.collect())))
        }
        _ => Err(Problem::not_found()),
    }
}

fn answer_subjects(store: &Store, limits: &Limits, read: &Read) -> Result<Reply, Problem> {
    match read {
        Read::Subjects { prefix, deleted, page } => {
            let subjects = store.subjects(prefix, *deleted).into_iter();
            Ok(Reply::texts(page.take(subjects, limits.subjects)))
        }
        Read::Versions { subject, deleted, negative, page } => {
            let numbers = numbers(store, subject, *deleted, *negative)?;
            Ok(Reply::list(page.take(numbers.into_iter(), limits.versions)))
        }
        Read::Version { subject, number, format, deleted, qualified } => {
            let version = store.version(subject, *number, *deleted)?;
            let shown = Shown { qualifies_references: *qualified, ..Shown::all() };
            Ok(Reply::Json(reply::version(&version, &text(store, &version, format)?, shown)))
        }
        Read::VersionText { subject, number, format, deleted } => {
            let version = store.version(subject, *number, *deleted)?;
            Ok(Reply::Raw(text(store, &version, format)?))
        }
        Read::ReferencedBy { subject, number, deleted, page } => {
            let ids = store.referenced_by(subject, *number, *deleted)?;
            Ok(Reply::list(page.take(ids.into_iter(), limits.schemas)))
        }
        Read::Lookup { subject, request, format, deleted } => {
            let version = store.lookup(subject, request, *deleted)?;
            Ok(Reply::Json(reply::version(&version, &text(store, &version, format)?, Shown::all())))
        }
        Read::WithMetadata { subject, wanted, format, deleted } => {
            let version = with_metadata(store, subject, wanted, *deleted)?;
            Ok(Reply::Json(reply::version(&version, &text(store, &version, format)?, Shown::all())))
        }
        _ => Err(Problem::not_found()),
    }
}

/// The subjects that have another name which begins with the prefix, with these names.
fn aliases_of(store: &Store, prefix: &str) -> BTreeMap<Subject, Vec<Subject>> {
    let wanted = Subject::parse(prefix);
    let begins = |name: &Subject| name.name().starts_with(wanted.name());
    let all = store.aliases(wanted.context()).into_iter();
    let meant = all.map(|(meant, names)| (meant, names.into_iter().filter(begins).collect::<Vec<_>>()));
    meant.filter(|(_, names)| !names.is_empty()).collect()
}

/// A version's text in the format that is asked for.
fn text(store: &Store, version: &Version, format: &str) -> Result<String, Problem> {
    if format.trim().is_empty() {
        return Ok(version.text.to_string());
    }
    Ok(store.formatted(version, format)?)
}

fn has_rule(version: &Version, rule_type: &str) -> bool {
    let rules = |set: &RuleSet| {
        let all = set.migration_rules.iter().chain(&set.domain_rules).chain(&set.encoding_rules);
        all.into_iter().any(|rule| rule.rule_type.as_deref() == Some(rule_type))
    };
    version.rule_set.as_ref().is_some_and(rules)
}

fn versions_of_id(
    store: &Store,
    id: i32,
    subject: Option<&Subject>,
    deleted: Deleted,
) -> Result<Vec<(Subject, i32)>, Problem> {
    // Without the id in its text, as Confluent's registry says it here.
    store.versions_of_id(id, subject, deleted).map_err(|refusal| match refusal {
        Refusal::SchemaNotFound(_) => Refusal::NoSuchSchema.into(),
        other => other.into(),
    })
}

/// With `negative`, all versions, the deleted ones below zero.
fn numbers(store: &Store, subject: &Subject, deleted: Deleted, negative: bool) -> Result<Vec<i32>, Problem> {
    if !negative {
        return Ok(store.versions(subject, deleted)?);
    }
    let alive = store.versions(subject, Deleted::Without).unwrap_or_default();
    let all = store.versions(subject, Deleted::With)?.into_iter();
    Ok(all.map(|number| if alive.contains(&number) { number } else { -number }).collect())
}

/// The latest version whose metadata have all these properties.
fn with_metadata(
    store: &Store,
    subject: &Subject,
    wanted: &BTreeMap<String, String>,
    deleted: Deleted,
) -> Result<std::sync::Arc<Version>, Problem> {
    let has_all = |version: &Version| {
        version.metadata.as_ref().is_some_and(|metadata| {
            wanted.iter().all(|(name, value)| metadata.properties.get(name) == Some(value))
        })
    };
    for number in store.versions(subject, deleted)?.into_iter().rev() {
        let version = store.version(subject, VersionNumber::Number(number), deleted)?;
        if has_all(&version) {
            return Ok(version);
        }
    }
    Err(Refusal::NoSuchSchema.into())
}

fn compatibility(
    store: &Store,
    subject: &Subject,
    against: Option<VersionNumber>,
    request: &RegisterRequest,
    verbose: bool,
) -> Result<Reply, Problem> {
    let messages = match store.check_compatibility(subject, against, request) {
        Ok(messages) => messages,
        Err(Refusal::InvalidSchema(reason)) if verbose => vec![reason],
        Err(other) => return Err(other.into()),
    };
    let mut entries = vec![("is_compatible", Json::Bool(messages.is_empty()))];
    if verbose {
        entries.push(("messages", Json::Array(messages.iter().map(|text| Json::from(&**text)).collect())));
    }
    Ok(Reply::object(entries))
}
