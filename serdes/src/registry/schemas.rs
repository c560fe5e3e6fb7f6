//! Schemas: registered, found, read by id, GUID and version.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use hyper::Method;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use uuid::Uuid;

use super::content::Reply;
use super::http::Call;
use super::{RegisteredSchema, RegistryClient, RegistryError, ResolvedReference, Schema, SchemaType};

/// What has a meaning in a path.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'+')
    .add(b';');

pub(super) fn in_path(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, IN_PATH)
}

pub(super) fn in_query(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// A version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionNumber {
    /// That of the number, from 1.
    Number(i32),
    /// The last one.
    Latest,
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Latest => f.write_str("latest"),
        }
    }
}

impl From<i32> for VersionNumber {
    fn from(number: i32) -> Self {
        Self::Number(number)
    }
}

/// A subject with a version of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubjectVersion {
    /// The subject.
    pub subject: String,
    /// The version.
    pub version: i32,
}

impl RegistryClient {
    /// Registers a schema, unless the subject has it. The answer has the id; version and GUID where the registry tells them.
    ///
    /// # Errors
    /// 409 where it breaks the subject's compatibility, 42201 where it is no schema, and others.
    pub async fn register(
        &self,
        subject: &str,
        schema: &Schema,
        normalize: bool,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let key = (Arc::from(subject), schema.clone(), normalize);
        let path = format!("/subjects/{}/versions?normalize={normalize}", in_path(subject));
        let call = || {
            self.clone().load(Call::new(Method::POST, path).body(&schema.to_request()), Some(schema.clone()))
        };
        self.inner.caches.registered.get(key, || call().boxed()).await
    }

    /// Finds a schema in a subject.
    ///
    /// # Errors
    /// 40401 where there is no such subject, 40403 where it has no such schema.
    pub async fn lookup(
        &self,
        subject: &str,
        schema: &Schema,
        normalize: bool,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let key = (Arc::from(subject), schema.clone(), normalize);
        let path = format!("/subjects/{}?normalize={normalize}&deleted=false", in_path(subject));
        let call = || {
            self.clone().load(Call::new(Method::POST, path).body(&schema.to_request()), Some(schema.clone()))
        };
        self.inner.caches.found.get(key, || call().boxed()).await
    }

    /// The schema of an id. The subject tells the context, where there are several.
    ///
    /// # Errors
    /// 40403 where there is none.
    pub async fn schema_by_id(
        &self,
        id: i32,
        subject: Option<&str>,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let query = subject.map(|subject| format!("?subject={}", in_query(subject))).unwrap_or_default();
        let call = Call::get(format!("/schemas/ids/{id}{query}"));
        let client = self.clone();
        let load = async move {
            let mut found = client.ask(&call, None).await?;
            found.id = Some(id);
            Ok(Arc::new(found))
        };
        self.inner.caches.by_id.get((id, subject.map(Arc::from)), || load.boxed()).await
    }

    /// The schema of a GUID.
    ///
    /// # Errors
    /// 40403 where there is none.
    pub async fn schema_by_guid(&self, guid: Uuid) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let call = Call::get(format!("/schemas/guids/{guid}"));
        let client = self.clone();
        let load = async move {
            let mut found = client.ask(&call, None).await?;
            found.guid = Some(guid);
            Ok(Arc::new(found))
        };
        self.inner.caches.by_guid.get(guid, || load.boxed()).await
    }

    /// A version of a subject; the latest is kept for `latest.cache.ttl.sec`, others as long as there is room. Versions that are deleted, but not
    /// for good, are read too, for schemas still refer to them.
    ///
    /// # Errors
    /// 40401 where there is no such subject, 40402 where it has no such version.
    pub async fn version(
        &self,
        subject: &str,
        version: impl Into<VersionNumber>,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let version = version.into();
        let path = format!("/subjects/{}/versions/{version}", in_path(subject));
        match version {
            VersionNumber::Latest => {
                let call = || self.clone().load(Call::get(path), None).boxed();
                self.inner.caches.latest.get((subject.into(), Vec::new()), call).await
            }
            VersionNumber::Number(number) => {
                let call = || self.clone().load(Call::get(path + "?deleted=true"), None).boxed();
                self.inner.caches.versions.get((subject.into(), number), call).await
            }
        }
    }

    /// The latest version of a subject.
    ///
    /// # Errors
    /// 40401 where there is no such subject.
    pub async fn latest(&self, subject: &str) -> Result<Arc<RegisteredSchema>, RegistryError> {
        self.version(subject, VersionNumber::Latest).await
    }

    /// The latest version of a subject that has all of `properties` in its metadata.
    ///
    /// # Errors
    /// 40401 where there is no such subject, 40402 where no version has them.
    pub async fn latest_with_metadata(
        &self,
        subject: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        use fmt::Write as _;
        let mut path = format!("/subjects/{}/metadata?deleted=false", in_path(subject));
        let mut key = Vec::new();
        for (name, value) in properties {
            let _ = write!(path, "&key={}&value={}", in_query(name), in_query(value));
            key.push((name.clone(), value.clone()));
        }
        let call = || self.clone().load(Call::get(path), None).boxed();
        self.inner.caches.latest.get((subject.into(), key), call).await
    }

    /// All that a schema uses, and what those use, each once and behind what it uses itself.
    ///
    /// # Errors
    /// Where a version that is referred to cannot be read.
    pub async fn references(&self, schema: &Schema) -> Result<Vec<ResolvedReference>, RegistryError> {
        let (mut seen, mut resolved) = (HashSet::new(), Vec::new());
        self.resolve(schema, &mut seen, &mut resolved).await?;
        Ok(resolved)
    }

    async fn resolve(
        &self,
        schema: &Schema,
        seen: &mut HashSet<String>,
        resolved: &mut Vec<ResolvedReference>,
    ) -> Result<(), RegistryError> {
        for reference in &schema.references {
            if !seen.insert(reference.name.clone()) {
                continue;
            }
            let found = match reference.version {
                -1 => self.latest(&reference.subject).await?,
                version => self.version(&reference.subject, version).await?,
            };
            Box::pin(self.resolve(&found.schema, seen, resolved)).await?;
            resolved.push(ResolvedReference { name: reference.name.as_str().into(), schema: found });
        }
        Ok(())
    }

    /// All subjects that begin with `prefix`.
    ///
    /// # Errors
    /// Where the registry cannot be asked.
    pub async fn subjects(&self, prefix: &str, deleted: bool) -> Result<Vec<String>, RegistryError> {
        let query = format!("/subjects?subjectPrefix={}&deleted={deleted}", in_query(prefix));
        self.http().call(&Call::get(query)).await
    }

    /// The latest versions of the subjects that begin with `prefix`, ordered by subject: after `offset` of them, so many as the
    /// registry gives at once.
    ///
    /// # Errors
    /// Where the registry cannot be asked, or does not have this (404, 405).
    pub async fn latest_schemas(
        &self,
        prefix: &str,
        offset: usize,
    ) -> Result<Vec<RegisteredSchema>, RegistryError> {
        let query = format!("/schemas?subjectPrefix={}&latestOnly=true&offset={offset}", in_query(prefix));
        let call = Call::get(query);
        let replies: Vec<Reply> = self.http().call(&call).await?;
        let schemas = replies.into_iter().map(|reply| reply.registered(None));
        let schemas: Option<Vec<_>> = schemas.collect();
        schemas.ok_or_else(|| self.http().unexpected(&call, "an entry has no schema"))
    }

    /// The versions of a subject.
    ///
    /// # Errors
    /// 40401 where there is no such subject.
    pub async fn versions(&self, subject: &str, deleted: bool) -> Result<Vec<i32>, RegistryError> {
        let path = format!("/subjects/{}/versions?deleted={deleted}", in_path(subject));
        self.http().call(&Call::get(path)).await
    }

    /// The subjects and versions that have the schema of an id.
    ///
    /// # Errors
    /// 40403 where there is none.
    pub async fn versions_of_id(&self, id: i32) -> Result<Vec<SubjectVersion>, RegistryError> {
        self.http().call(&Call::get(format!("/schemas/ids/{id}/versions"))).await
    }

    /// The ids of schemas that use a version of a subject.
    ///
    /// # Errors
    /// 40401 and 40402 where there is no such version.
    pub async fn referenced_by(
        &self,
        subject: &str,
        version: impl Into<VersionNumber>,
    ) -> Result<Vec<i32>, RegistryError> {
        let path = format!("/subjects/{}/versions/{}/referencedby", in_path(subject), version.into());
        self.http().call(&Call::get(path)).await
    }

    /// The languages that the registry knows.
    ///
    /// # Errors
    /// Where the registry cannot be asked.
    pub async fn schema_types(&self) -> Result<Vec<SchemaType>, RegistryError> {
        self.http().call(&Call::get("/schemas/types")).await
    }

    async fn load(self, call: Call, sent: Option<Schema>) -> Result<Arc<RegisteredSchema>, RegistryError> {
        self.ask(&call, sent.as_ref()).await.map(Arc::new)
    }

    async fn ask(&self, call: &Call, sent: Option<&Schema>) -> Result<RegisteredSchema, RegistryError> {
        let reply: Reply = self.http().call(call).await?;
        reply.registered(sent).ok_or_else(|| self.http().unexpected(call, "it has no schema"))
    }
}
