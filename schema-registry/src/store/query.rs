//! What can be read from the state.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::config::Config;
use super::mode::Mode;
use super::refusal::Refusal;
use super::state::{Store, Version, VersionKey};
use super::subject::{DEFAULT_CONTEXT, Subject};
use crate::content::Guid;

/// A version as a request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionNumber {
    /// The highest that is not deleted.
    Latest,
    /// This one.
    Number(i32),
}

/// Which versions a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Those that are not deleted.
    Without,
    /// All.
    With,
    /// Those that are deleted.
    Only,
}

impl VersionNumber {
    /// Reads `latest`, `-1` or a number from 1 on.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("latest") {
            return Ok(Self::Latest);
        }
        match trimmed.parse() {
            Ok(-1) => Ok(Self::Latest),
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            Ok(_) | Err(_) => Err(Refusal::InvalidVersion(trimmed.to_owned())),
        }
    }
}

impl Deleted {
    fn includes(self, deleted: bool) -> bool {
        match self {
            Self::Without => !deleted,
            Self::With => true,
            Self::Only => deleted,
        }
    }
}

impl Store {
    /// A version; one of a subject without a context is looked for in all contexts, the default one first.
    ///
    /// # Errors
    /// Where there is no such subject or version.
    pub fn version(
        &self,
        subject: &Subject,
        number: VersionNumber,
        deleted: Deleted,
    ) -> Result<Arc<Version>, Refusal> {
        let subject = &self.follow_alias(subject);
        let mut found = self.version_here(subject, number, deleted);
        if found.is_none() && subject.is_in_default_context() {
            let others = self.named_contexts.iter().map(|context| subject.in_context(context));
            found = others.into_iter().find_map(|subject| self.version_here(&subject, number, deleted));
        }
        found.ok_or_else(|| match number {
            _ if !self.has_subject(subject, deleted) => Refusal::SubjectNotFound(subject.to_string()),
            VersionNumber::Number(number) => Refusal::VersionNotFound(number),
            VersionNumber::Latest => Refusal::VersionNotFound(-1),
        })
    }

    /// The latest version is never a deleted one.
    pub(super) fn version_here(
        &self,
        subject: &Subject,
        number: VersionNumber,
        deleted: Deleted,
    ) -> Option<Arc<Version>> {
        let versions = self.subjects.get(subject)?;
        let found = match number {
            VersionNumber::Latest => versions.values().rev().find(|version| !version.deleted),
            VersionNumber::Number(number) => {
                versions.get(&number).filter(|version| deleted.includes(version.deleted))
            }
        };
        found.cloned()
    }

    /// Whether a subject, or a subject of the context that this one stands for, has such versions.
    pub(super) fn has_subject(&self, subject: &Subject, deleted: Deleted) -> bool {
        let has = |candidate: &Subject| {
            self.subjects[candidate].values().any(|version| deleted.includes(version.deleted))
        };
        if subject.name().is_empty() {
            return self.subjects.keys().any(|candidate| subject.covers(candidate) && has(candidate));
        }
        self.subjects.contains_key(subject) && has(subject)
    }

    /// The numbers of a subject's versions, in order.
    ///
    /// # Errors
    /// Where there is no such subject.
    pub fn versions(&self, subject: &Subject, deleted: Deleted) -> Result<Vec<i32>, Refusal> {
        let subject = &self.follow_alias(subject);
        let at_all = if deleted == Deleted::Without { Deleted::Without } else { Deleted::With };
        if !self.has_subject(subject, at_all) {
            return Err(Refusal::SubjectNotFound(subject.to_string()));
        }
        let versions = self.subjects.get(subject).into_iter().flat_map(|versions| versions.values());
        Ok(versions
            .filter(|version| deleted.includes(version.deleted))
            .map(|version| version.version)
            .collect())
    }

    /// The subjects whose name begins with a prefix: within a context that the prefix names, in all contexts for `:*:`.
    pub fn subjects(&self, prefix: &str, deleted: Deleted) -> Vec<&Subject> {
        let wanted = SubjectPrefix::parse(prefix);
        let subjects = self.subjects.iter().filter(|(subject, _)| wanted.covers(subject));
        let meant = subjects
            .filter(|(_, versions)| versions.values().any(|version| deleted.includes(version.deleted)));
        meant.map(|(subject, _)| subject).collect()
    }

    /// All versions of the subjects that [`Store::subjects`] gives for a prefix, or only the latest of each.
    pub fn schemas(&self, prefix: &str, deleted: Deleted, latest_only: bool) -> Vec<Arc<Version>> {
        let wanted = SubjectPrefix::parse(prefix);
        let subjects = self.subjects.iter().filter(|(subject, _)| wanted.covers(subject));
        let versions = subjects.flat_map(|(_, versions)| {
            let versions = versions.values().filter(|version| deleted.includes(version.deleted));
            let count = versions.clone().count();
            versions.skip(if latest_only { count.saturating_sub(1) } else { 0 })
        });
        versions.cloned().collect()
    }

    /// The names of all contexts.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(DEFAULT_CONTEXT).chain(self.named_contexts.iter().map(String::as_str))
    }

    /// The schema of an id: in the context of a subject, as that subject's if it has a name. A name without a context is
    /// looked for in all contexts.
    ///
    /// # Errors
    /// Where there is no such id.
    pub fn schema_by_id(&self, id: i32, subject: Option<&Subject>) -> Result<Arc<Version>, Refusal> {
        let meant = subject.map(|subject| self.follow_alias(subject));
        self.schema_by_id_here(id, meant.as_ref())
    }

    fn schema_by_id_here(&self, id: i32, subject: Option<&Subject>) -> Result<Arc<Version>, Refusal> {
        let context = subject.map_or(DEFAULT_CONTEXT, Subject::context);
        let named = subject.filter(|subject| !subject.name().is_empty());
        let found = match named {
            None => self.version_of_id(id, context),
            Some(subject) => self.version_of_id_in(id, subject).or_else(|| {
                let is_qualified = !subject.is_in_default_context();
                let mut others = self.named_contexts.iter().map(|context| subject.in_context(context));
                let elsewhere = others.find_map(|subject| self.version_of_id_in(id, &subject));
                if is_qualified {
                    None
                } else {
                    elsewhere.or_else(|| self.version_of_id(id, DEFAULT_CONTEXT))
                }
            }),
        };
        found.ok_or_else(|| Refusal::SchemaNotFound(id.to_string()))
    }

    /// The schema of a GUID, in the default context or any other.
    ///
    /// # Errors
    /// Where there is no such schema.
    pub fn schema_by_guid(&self, guid: &str) -> Result<Arc<Version>, Refusal> {
        let found = Guid::parse(guid).and_then(|guid| {
            let mut found = self.ids_by_guid(guid);
            found.next().and_then(|(context, id)| self.version_of_id(id, context))
        });
        found.ok_or_else(|| Refusal::SchemaNotFound(guid.to_owned()))
    }

    /// The ids that a GUID has, by context.
    pub fn ids_by_guid(&self, guid: Guid) -> impl Iterator<Item = (&str, i32)> {
        let contexts = self.contexts.iter();
        contexts.filter_map(move |(context, index)| {
            let id = *index.guids.get(&guid)?;
            index.ids.contains_key(&id).then_some((context.as_str(), id))
        })
    }

    /// The subjects and versions that an id is registered under: in a subject's context, and only this subject if it has a name.
    ///
    /// # Errors
    /// Where there is no such id.
    pub fn versions_of_id(
        &self,
        id: i32,
        subject: Option<&Subject>,
        deleted: Deleted,
    ) -> Result<Vec<(Subject, i32)>, Refusal> {
        let meant = subject.map(|subject| self.follow_alias(subject));
        let subject = meant.as_ref();
        let owner = self.schema_by_id_here(id, subject)?;
        let named = subject.filter(|subject| !subject.name().is_empty()).map(Subject::name);
        let index = &self.contexts[owner.subject.context()];
        let subjects = index.ids.get(&id).into_iter().flat_map(|subjects| subjects.keys());
        let subjects = subjects.filter(|subject| named.is_none_or(|name| name == subject.name()));
        let versions = subjects.flat_map(|subject| self.subjects[subject].values());
        let meant = versions.filter(|version| version.id == id && deleted.includes(version.deleted));
        Ok(meant.map(|version| version.place()).collect())
    }

    /// The highest id of a context.
    pub fn max_id(&self, context: &str) -> i32 {
        self.contexts.get(context).map_or(1, |index| index.max_id)
    }

    /// The ids of schemas that refer to a version.
    ///
    /// # Errors
    /// Where there is no such version.
    pub fn referenced_by(
        &self,
        subject: &Subject,
        number: VersionNumber,
        deleted: Deleted,
    ) -> Result<Vec<i32>, Refusal> {
        let place = self.version(subject, number, Deleted::With)?.place();
        let referrers = self.referrers_of(&place, deleted == Deleted::With);
        let ids: BTreeSet<i32> = referrers.map(|version| version.id).collect();
        Ok(ids.into_iter().collect())
    }

    pub(super) fn referrers_of(
        &self,
        place: &VersionKey,
        with_deleted: bool,
    ) -> impl Iterator<Item = &Arc<Version>> {
        let referrers = self.referrers.get(place).into_iter().flatten();
        let versions = referrers.map(|(subject, number)| &self.subjects[subject][number]);
        versions.filter(move |version| with_deleted || !version.deleted)
    }

    /// Any version of an id.
    pub(super) fn version_of_id(&self, id: i32, context: &str) -> Option<Arc<Version>> {
        let (subject, number) = self.contexts.get(context)?.ids.get(&id)?.iter().next()?;
        self.subjects.get(subject)?.get(number).cloned()
    }

    pub(super) fn version_of_id_in(&self, id: i32, subject: &Subject) -> Option<Arc<Version>> {
        let number = self.contexts.get(subject.context())?.ids.get(&id)?.get(subject)?;
        self.subjects.get(subject)?.get(number).cloned()
    }

    /// The settings made for a subject, a context or, without one, the whole registry.
    ///
    /// # Errors
    /// Where none are.
    pub fn config(&self, subject: Option<&Subject>) -> Result<Config, Refusal> {
        let found = self.own_config(subject);
        found.ok_or_else(|| Refusal::NoSubjectConfig(subject.map(Subject::to_string).unwrap_or_default()))
    }

    fn own_config(&self, subject: Option<&Subject>) -> Option<Config> {
        match self.configs.get(&subject.cloned()) {
            Some(config) => Some(self.with_level(config)),
            None if subject.is_none_or(|subject| subject.context() == Subject::global().context()) => {
                Some(self.with_level(&Config::default()))
            }
            None => None,
        }
    }

    fn with_level(&self, config: &Config) -> Config {
        let level = config.compatibility_level.or(Some(self.settings.compatibility_level));
        Config { compatibility_level: level, ..config.clone() }
    }

    /// The settings that hold for a subject: its own over the registry's, or else its context's, or else those of all contexts.
    pub fn config_in_scope(&self, subject: Option<&Subject>) -> Config {
        let global = self.own_config(None).unwrap_or_default();
        match subject.and_then(|subject| self.own_config(Some(subject))) {
            Some(own) => own.over(&global),
            None => {
                let context = subject.and_then(Subject::whole_context);
                let found = self.configs.get(&context).or_else(|| self.configs.get(&Some(Subject::global())));
                self.with_level(&found.cloned().unwrap_or_default())
            }
        }
    }

    /// The mode set for a subject, a context or, without one, the whole registry.
    ///
    /// # Errors
    /// Where none is.
    pub fn mode(&self, subject: Option<&Subject>) -> Result<Mode, Refusal> {
        let own = self.modes.get(&subject.cloned()).copied();
        let is_global = subject.is_none_or(|subject| subject.context() == Subject::global().context());
        let found = own.or(is_global.then_some(Mode::ReadWrite));
        found.ok_or_else(|| Refusal::NoSubjectMode(subject.map(Subject::to_string).unwrap_or_default()))
    }

    /// The mode that holds for a subject: its own, its context's, or that of all contexts.
    pub fn mode_in_scope(&self, subject: Option<&Subject>) -> Mode {
        let context = subject.and_then(Subject::whole_context);
        let levels = [subject.cloned(), context, Some(Subject::global())];
        levels.iter().find_map(|level| self.modes.get(level)).copied().unwrap_or(Mode::ReadWrite)
    }
}

/// What `subjectPrefix` means.
enum SubjectPrefix {
    AllContexts(String),
    Within(Subject),
}

impl SubjectPrefix {
    fn parse(prefix: &str) -> Self {
        match prefix.strip_prefix(":*:") {
            Some(name) => Self::AllContexts(name.to_owned()),
            None => Self::Within(Subject::parse(prefix)),
        }
    }

    fn covers(&self, subject: &Subject) -> bool {
        match self {
            Self::AllContexts(name) => subject.name().starts_with(name),
            Self::Within(prefix) => {
                subject.context() == prefix.context() && subject.name().starts_with(prefix.name())
            }
        }
    }
}
