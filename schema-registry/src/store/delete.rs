//! Deleting versions, subjects and contexts: softly first, then for good.

use super::key::Key;
use super::query::{Deleted, VersionNumber};
use super::refusal::Refusal;
use super::state::{Decision, Record, Store, Version};
use super::subject::Subject;
use super::value::{encode_delete_subject, encode_version};

impl Store {
    /// Deletes a version; the reply is its number.
    ///
    /// # Errors
    /// Where it is not there, not deleted softly before it is for good, needed by others, or the mode does not allow it.
    pub fn delete_version(
        &self,
        subject: &Subject,
        number: VersionNumber,
        permanent: bool,
    ) -> Result<Decision<i32>, Refusal> {
        let subject = &self.follow_alias(subject);
        let found = self.version_here(subject, number, Deleted::With);
        let version = found.ok_or_else(|| match number {
            _ if !self.has_subject(subject, Deleted::With) => Refusal::SubjectNotFound(subject.to_string()),
            VersionNumber::Number(number) => Refusal::VersionNotFound(number),
            VersionNumber::Latest => Refusal::VersionNotFound(-1),
        })?;
        let named = || (subject.to_string(), version.version);
        if version.deleted && !permanent {
            let (subject, version) = named();
            return Err(Refusal::VersionSoftDeleted { subject, version });
        }
        self.check_writable(Some(subject))?;
        if self.referrers_of(&version.place(), permanent).next().is_some() {
            return Err(Refusal::ReferenceExists(version.key().to_string()));
        }
        let mut records = Vec::new();
        if !permanent {
            let deleted = Version { deleted: true, ..(*version).clone() };
            self.put(&mut records, &version.key(), Some(encode_version(&deleted)));
        } else if version.deleted {
            self.put(&mut records, &version.key(), None);
            if self.subjects[subject].len() == 1 {
                self.drop_settings(&mut records, subject);
            }
        } else {
            let (subject, version) = named();
            return Err(Refusal::VersionNotSoftDeleted { subject, version });
        }
        Ok(Decision { records, reply: version.version })
    }

    /// Deletes a subject; the reply is the numbers of the versions that are gone.
    ///
    /// # Errors
    /// As [`Store::delete_version`].
    pub fn delete_subject(&self, subject: &Subject, permanent: bool) -> Result<Decision<Vec<i32>>, Refusal> {
        let subject = &self.follow_alias(subject);
        if !self.has_subject(subject, Deleted::With) {
            return Err(Refusal::SubjectNotFound(subject.to_string()));
        }
        if !permanent && !self.has_subject(subject, Deleted::Without) {
            return Err(Refusal::SubjectSoftDeleted(subject.to_string()));
        }
        self.check_writable(Some(subject))?;
        let all = self.subjects.get(subject).into_iter().flat_map(|versions| versions.values());
        let versions: Vec<_> = all.filter(|version| permanent || !version.deleted).collect();
        for version in &versions {
            // Versions of the subject itself go, too.
            if self.referrers_of(&version.place(), permanent).any(|referrer| referrer.subject != *subject) {
                return Err(Refusal::ReferenceExists(version.key().to_string()));
            }
            if permanent && !version.deleted {
                return Err(Refusal::SubjectNotSoftDeleted(subject.to_string()));
            }
        }
        let numbers: Vec<i32> = versions.iter().map(|version| version.version).collect();
        let mut records = Vec::new();
        if permanent {
            // Later versions may refer to earlier ones.
            for version in versions.iter().rev() {
                self.put(&mut records, &version.key(), None);
            }
            self.drop_settings(&mut records, subject);
        } else {
            let last = numbers.last().copied().unwrap_or(0);
            let value = encode_delete_subject(subject, last);
            self.put(&mut records, &Key::DeleteSubject(subject.clone()), Some(value));
        }
        Ok(Decision { records, reply: numbers })
    }

    /// Forgets a context in which nothing is registered.
    ///
    /// # Errors
    /// Where something is, if only deleted softly.
    pub fn delete_context(&self, context: &Subject) -> Result<Decision<()>, Refusal> {
        if self.has_subject(context, Deleted::With) {
            return Err(Refusal::ContextNotEmpty(context.to_string()));
        }
        let mut records = Vec::new();
        let key = Key::Context { tenant: "default".to_owned(), context: context.context().to_owned() };
        self.put(&mut records, &key, None);
        Ok(Decision { records, reply: () })
    }

    fn drop_settings(&self, records: &mut Vec<Record>, subject: &Subject) {
        let subject = Some(subject.clone());
        if self.modes.contains_key(&subject) {
            self.put(records, &Key::Mode(subject.clone()), None);
        }
        if self.configs.contains_key(&subject) {
            self.put(records, &Key::Config(subject), None);
        }
    }

    pub(super) fn check_writable(&self, subject: Option<&Subject>) -> Result<(), Refusal> {
        if !self.mode_in_scope(subject).is_read_only() {
            return Ok(());
        }
        let context = subject.map(Subject::qualified_context).unwrap_or_default();
        let name = subject.map_or_else(|| "null".to_owned(), Subject::to_string);
        Err(Refusal::NotPermitted(format!("Subject {name} in context {context} is in read-only mode")))
    }
}
