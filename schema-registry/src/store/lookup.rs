//! Looking schemas up, and checking their compatibility without registering them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::candidate::Candidate;
use super::config::Config;
use super::populate::set_metadata_and_rules;
use super::query::{Deleted, VersionNumber};
use super::refusal::Refusal;
use super::register::RegisterRequest;
use super::state::{Store, Version};
use super::subject::Subject;
use crate::compatibility::{self, CompatibilityLevel, CompatibilityPolicy, Previous};
use crate::content::Metadata;
use crate::format::Validation;

impl Store {
    /// The version of a subject that is this schema.
    ///
    /// # Errors
    /// Where the subject, or the schema under it, is not there, or the schema is not valid.
    pub fn lookup(
        &self,
        subject: &Subject,
        request: &RegisterRequest,
        deleted: Deleted,
    ) -> Result<Arc<Version>, Refusal> {
        let subject = &self.follow_alias(subject);
        let mut found = self.lookup_here(subject, request, deleted)?;
        if found.is_none() && subject.is_in_default_context() {
            for context in &self.named_contexts {
                let elsewhere = subject.in_context(context);
                if found.is_none() && self.subjects.contains_key(&elsewhere) {
                    found = self.lookup_here(&elsewhere, request, deleted)?;
                }
            }
        }
        found.ok_or_else(|| {
            if self.has_subject(subject, deleted) {
                Refusal::NoSuchSchema
            } else {
                Refusal::SubjectNotFound(subject.to_string())
            }
        })
    }

    fn lookup_here(
        &self,
        subject: &Subject,
        request: &RegisterRequest,
        deleted: Deleted,
    ) -> Result<Option<Arc<Version>>, Refusal> {
        let config = self.config_in_scope(Some(subject));
        let mut request = request.clone();
        request.normalize |= config.normalize == Some(true);
        if let Some(found) = self.find_same(subject, &request, deleted, false)? {
            return Ok(Some(found));
        }
        // Registering it would have added the latest version's metadata and rules.
        let Some(latest) = self.version_here(subject, VersionNumber::Latest, Deleted::Without) else {
            return Ok(None);
        };
        let mut populated = request.clone();
        set_metadata_and_rules(&config, &mut populated, Some(&latest), None);
        if populated == request { Ok(None) } else { self.find_same(subject, &populated, deleted, false) }
    }

    pub(super) fn find_same(
        &self,
        subject: &Subject,
        request: &RegisterRequest,
        deleted: Deleted,
        latest_only: bool,
    ) -> Result<Option<Arc<Version>>, Refusal> {
        let Some(candidate) = self.read(subject, request, Validation::Lenient)? else { return Ok(None) };
        let is_asked = |version: &Arc<Version>| deleted == Deleted::With || !version.deleted;
        if !latest_only
            && let Some(known) = self.same_content(subject, &candidate)
            && let Some(here) = self.version_of_id_in(known.id, subject).filter(is_asked)
        {
            return Ok(Some(here));
        }
        let versions = self.subjects.get(subject).into_iter().flat_map(|versions| versions.values().rev());
        let asked = versions.filter(|version| if latest_only { !version.deleted } else { is_asked(version) });
        for version in asked.take(if latest_only { 1 } else { usize::MAX }) {
            if self.means(&candidate, version)? {
                return Ok(Some(Arc::clone(version)));
            }
        }
        Ok(None)
    }

    /// Why a schema breaks the level that holds for a subject; empty where it does not. Against one version, or all.
    ///
    /// # Errors
    /// Where the version is not there, or the schema is not valid.
    pub fn check_compatibility(
        &self,
        subject: &Subject,
        against: Option<VersionNumber>,
        request: &RegisterRequest,
    ) -> Result<Vec<String>, Refusal> {
        let subject = &self.follow_alias(subject);
        let versions: Vec<Arc<Version>> = match against {
            None => {
                let all = self.subjects.get(subject).into_iter().flat_map(|versions| versions.values());
                all.filter(|version| !version.deleted).cloned().collect()
            }
            Some(number) => match (number, self.version_here(subject, number, Deleted::Without)) {
                (VersionNumber::Number(number), None) => return Err(Refusal::VersionNotFound(number)),
                (_, found) => found.into_iter().collect(),
            },
        };
        let config = self.config_in_scope(Some(subject));
        let mut request = request.clone();
        request.normalize |= config.normalize == Some(true);
        let validates = config.validate_new_schemas.unwrap_or(self.settings.validate_new_schemas);
        let validation = if validates { Validation::Strict } else { Validation::Lenient };
        let candidate = self.read(subject, &request, validation)?;
        let candidate = candidate.ok_or_else(|| Refusal::InvalidSchema("Empty schema".to_owned()))?;
        self.incompatibilities(&config, &candidate, &versions.iter().collect::<Vec<_>>())
    }

    /// `versions` goes from old to new.
    pub(super) fn incompatibilities(
        &self,
        config: &Config,
        candidate: &Candidate,
        versions: &[&Arc<Version>],
    ) -> Result<Vec<String>, Refusal> {
        let level = config.compatibility_level.unwrap_or(self.settings.compatibility_level);
        let group = config.compatibility_group.as_deref();
        let group_of =
            |metadata: Option<&Metadata>| group.and_then(|group| metadata?.properties.get(group).cloned());
        let own_group = group_of(candidate.metadata.as_ref());
        let alike = versions.iter().filter(|version| group_of(version.metadata.as_ref()) == own_group);
        let mut parsed = Vec::new();
        if level != CompatibilityLevel::None {
            for version in alike {
                parsed.push((version.version, self.parse_version(version).map_err(Refusal::InvalidSchema)?));
            }
        }
        let previous: Vec<Previous<'_>> =
            parsed.iter().map(|(version, schema)| Previous { version: Some(*version), schema }).collect();
        let validates = config.validate_fields.unwrap_or(self.settings.validate_fields);
        let latest = versions.last().and_then(|version| version.metadata.as_ref());
        let mut messages = if validates { reserved_fields_broken(candidate, latest) } else { Vec::new() };
        let policy = config.compatibility_policy.unwrap_or_default();
        messages.extend(compatibility::check(level, policy, &candidate.parsed, &previous));
        if policy == CompatibilityPolicy::Logical {
            // Only a topic that another registry wrote can say so.
            messages.push("The compatibilityPolicy LOGICAL cannot be checked here".to_owned());
        }
        if !messages.is_empty() {
            messages.push(format!("{{validateFields: '{validates}', compatibility: '{level}'}}"));
        }
        Ok(messages)
    }
}

/// The metadata property with the names that no field may have any more, separated by commas.
const RESERVED_PROPERTY: &str = "confluent:reserved";

fn reserved_fields(metadata: Option<&Metadata>) -> BTreeSet<&str> {
    let names = metadata.and_then(|metadata| metadata.properties.get(RESERVED_PROPERTY));
    names
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// What `validateFields` finds: names that are no longer reserved, and fields with a name that is.
fn reserved_fields_broken(candidate: &Candidate, latest: Option<&Metadata>) -> Vec<String> {
    let reserved = reserved_fields(candidate.metadata.as_ref());
    let before = reserved_fields(latest);
    let removed = before.difference(&reserved).map(|name| {
        format!(
            "The new schema has reserved field {name} removed from its metadata which is present in the old schema's metadata."
        )
    });
    let taken = reserved.iter().filter(|name| candidate.parsed.has_top_level_field(name));
    let taken =
        taken.map(|name| format!("The new schema has field that conflicts with the reserved field {name}."));
    removed.chain(taken).collect()
}
