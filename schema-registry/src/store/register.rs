//! Registering schemas.

use std::sync::Arc;

use super::candidate::Candidate;
use super::config::Config;
use super::key::Key;
use super::populate::populate;
use super::query::{Deleted, VersionNumber};
use super::refusal::Refusal;
use super::state::{Decision, Store, Version};
use super::subject::Subject;
use super::value::{encode_context, encode_version};
use crate::content::{Metadata, RuleSet, SchemaReference};
use crate::format::Validation;

/// A schema as a client sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisterRequest {
    /// The text; without one the latest version's is meant.
    pub schema: Option<String>,
    /// `AVRO` where there is none.
    pub schema_type: Option<String>,
    /// What the text refers to; version -1 is the latest.
    pub references: Vec<SchemaReference>,
    /// Notes about it.
    pub metadata: Option<Metadata>,
    /// Rules for it.
    pub rule_set: Option<RuleSet>,
    /// The id that it has elsewhere, in import mode.
    pub id: Option<i32>,
    /// The version that it is to be; -1 is the latest.
    pub version: Option<i32>,
    /// Whether it is normalized first.
    pub normalize: bool,
    /// Whether compatibility is left unchecked.
    pub force: bool,
}

impl RegisterRequest {
    pub(super) fn version_or_zero(&self) -> i32 {
        self.version.unwrap_or(0)
    }

    pub(super) fn id_or_none(&self) -> Option<i32> {
        self.id.filter(|id| *id >= 0)
    }

    pub(super) fn has_schema(&self) -> bool {
        self.schema.as_ref().is_some_and(|schema| !schema.trim().is_empty())
    }
}

impl Store {
    /// Registers a schema under a subject: a new version, or the one that it is already.
    ///
    /// # Errors
    /// Where the schema is not valid or not compatible, or the mode does not allow it.
    pub fn register(
        &self,
        subject: &Subject,
        request: &RegisterRequest,
    ) -> Result<Decision<Arc<Version>>, Refusal> {
        if let Some(Err(error)) = request.rule_set.as_ref().map(RuleSet::validate) {
            return Err(Refusal::InvalidRuleSet(error));
        }
        let subject = &self.follow_alias(subject);
        if !subject.is_valid(false, !self.settings.reject_empty_subject) {
            return Err(Refusal::InvalidSubject(subject.to_string()));
        }
        let config = self.config_in_scope(Some(subject));
        let mut request = request.clone();
        request.normalize |= config.normalize == Some(true);
        if let Some(existing) = self.find_registered(&config, subject, &request)? {
            return Ok(Decision { records: Vec::new(), reply: existing });
        }
        self.check_register_mode(subject, &request)?;
        self.register_new(&config, subject, request)
    }

    /// The version that a request asks for, where it is registered already.
    fn find_registered(
        &self,
        config: &Config,
        subject: &Subject,
        request: &RegisterRequest,
    ) -> Result<Option<Arc<Version>>, Refusal> {
        if config.has_defaults_or_overrides() {
            return Ok(None);
        }
        let latest_only = request.version == Some(-1);
        let Some(existing) = self.find_same(subject, request, Deleted::Without, latest_only)? else {
            return Ok(None);
        };
        if request.version_or_zero() <= 0 {
            return Ok(
                Some(existing).filter(|existing| request.id_or_none().is_none_or(|id| id == existing.id))
            );
        }
        if request.id != Some(existing.id) {
            return Ok(None);
        }
        // The same schema may have been imported as several versions.
        let number = VersionNumber::Number(request.version_or_zero());
        let asked = self.version_here(subject, number, Deleted::Without);
        Ok(asked.filter(|asked| asked.id == existing.id && asked.guid == existing.guid))
    }

    fn check_register_mode(&self, subject: &Subject, request: &RegisterRequest) -> Result<(), Refusal> {
        let mode = self.mode_in_scope(Some(subject));
        let problem = match request.id_or_none() {
            _ if mode.is_read_only() => "in read-only mode",
            Some(_) if !mode.is_import_or_forward() => "not in import mode",
            None if mode != super::Mode::ReadWrite => "not in read-write mode",
            _ => return Ok(()),
        };
        let context = subject.qualified_context();
        Err(Refusal::NotPermitted(format!("Subject {subject} in context {context} is {problem}")))
    }

    fn register_new(
        &self,
        config: &Config,
        subject: &Subject,
        mut request: RegisterRequest,
    ) -> Result<Decision<Arc<Version>>, Refusal> {
        let versions = self.subjects.get(subject);
        let all: Vec<&Arc<Version>> = versions.into_iter().flat_map(|versions| versions.values()).collect();
        let alive: Vec<&Arc<Version>> = all.iter().copied().filter(|version| !version.deleted).collect();
        let next = all.last().map_or(Some(1), |version| version.version.checked_add(1));
        let is_import = self.mode_in_scope(Some(subject)).is_import_or_forward();
        if !is_import {
            populate(config, &mut request, alive.last().map(|version| &***version), next)?;
        }
        let validates = request.id_or_none().is_none()
            && config.validate_new_schemas.unwrap_or(self.settings.validate_new_schemas);
        let validation = if validates { Validation::Strict } else { Validation::Lenient };
        let candidate = self.read(subject, &request, validation)?;
        let candidate = candidate.ok_or_else(|| Refusal::InvalidSchema("Empty schema".to_owned()))?;
        let mut id = request.id_or_none();
        let known = self.same_content(subject, &candidate).filter(|known| id.is_none_or(|id| id == known.id));
        if let Some(known) = known {
            if request.version_or_zero() == 0
                && let Some(here) = self.version_of_id_in(known.id, subject).filter(|here| !here.deleted)
            {
                return Ok(Decision { records: Vec::new(), reply: here });
            }
            id = Some(known.id);
        }
        if request.version_or_zero() == 0 {
            for version in alive.iter().rev().filter(|version| id.is_none_or(|id| id == version.id)) {
                if self.means(&candidate, version)? {
                    return Ok(Decision { records: Vec::new(), reply: Arc::clone(version) });
                }
            }
        }
        if !is_import && !request.force {
            let messages = self.incompatibilities(config, &candidate, &alive)?;
            if !messages.is_empty() {
                return Err(Refusal::Incompatible { subject: subject.to_string(), messages });
            }
        }
        let number = match request.version_or_zero() {
            ..=0 => next.ok_or_else(|| {
                Refusal::NotPermitted(format!(
                    "Subject {subject} has version {}, the last that there can be",
                    i32::MAX
                ))
            })?,
            number if Some(number) != next && !is_import => {
                return Err(Refusal::InvalidSchema(
                    "Version is not one more than previous version".to_owned(),
                ));
            }
            number => number,
        };
        self.write_version(subject, number, id, candidate, &all)
    }

    /// The records of a new version.
    fn write_version(
        &self,
        subject: &Subject,
        number: i32,
        id: Option<i32>,
        candidate: Candidate,
        all: &[&Arc<Version>],
    ) -> Result<Decision<Arc<Version>>, Refusal> {
        let guid = candidate.guid();
        let mut version = Version {
            subject: subject.clone(),
            version: number,
            id: id.map_or_else(|| self.next_id(subject), Ok)?,
            schema_type: candidate.parsed.schema_type(),
            references: candidate.references,
            metadata: candidate.metadata,
            rule_set: candidate.rule_set,
            text: Arc::from(candidate.text),
            deleted: false,
            guid,
            timestamp: None,
        };
        if let Some(id) = id {
            self.check_id(id, &version)?;
            version.id = id;
        }
        let mut records = Vec::new();
        if !subject.is_in_default_context() && !self.named_contexts.contains(subject.context()) {
            let key = Key::Context { tenant: "default".to_owned(), context: subject.context().to_owned() };
            self.put(&mut records, &key, Some(encode_context("default", subject.context())));
        }
        for old in all {
            let is_same = old.deleted && old.id == version.id && old.version < number;
            if is_same && self.referrers_of(&old.place(), true).next().is_none() {
                self.put(&mut records, &old.key(), None);
            }
        }
        self.put(&mut records, &version.key(), Some(encode_version(&version)));
        Ok(Decision { records, reply: Arc::new(version) })
    }

    fn next_id(&self, subject: &Subject) -> Result<i32, Refusal> {
        let max_id = self.contexts.get(subject.context()).map_or(0, |index| index.max_id);
        max_id.checked_add(1).ok_or_else(|| {
            let context = subject.qualified_context();
            Refusal::NotPermitted(format!("Context {context} has id {max_id}, the last that there can be"))
        })
    }

    /// An id that exists is only for the schema that has it.
    fn check_id(&self, id: i32, version: &Version) -> Result<(), Refusal> {
        let Some(owner) = self.version_of_id(id, version.subject.context()) else { return Ok(()) };
        let is_same = owner.schema_type == version.schema_type
            && owner.guid == version.guid
            && owner.text == version.text;
        if is_same {
            return Ok(());
        }
        let context = version.subject.qualified_context();
        Err(Refusal::NotPermitted(format!(
            "Overwrite new schema with id {id} in context {context} is not permitted."
        )))
    }
}
