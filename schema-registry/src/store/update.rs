//! Changing settings and modes. Without a subject the whole registry is meant, and so is the default context.

use super::config::{Config, ConfigUpdate};
use super::key::Key;
use super::mode::Mode;
use super::query::Deleted;
use super::refusal::Refusal;
use super::state::{Decision, Record, Store};
use super::subject::Subject;
use super::value::{encode_clear_subject, encode_config, encode_mode};
use crate::content::RuleSet;

/// The default context's settings are the registry's.
fn scope(subject: Option<&Subject>) -> Option<Subject> {
    subject.filter(|subject| !(subject.is_in_default_context() && subject.name().is_empty())).cloned()
}

impl Store {
    /// Changes settings; the reply is what is set then.
    ///
    /// # Errors
    /// Where a rule is not valid, a setting could not be followed, the subject's name is none, or the mode does not allow it.
    pub fn update_config(
        &self,
        subject: Option<&Subject>,
        update: &ConfigUpdate,
    ) -> Result<Decision<Config>, Refusal> {
        for rules in [&update.default_rule_set, &update.override_rule_set].into_iter().flatten().flatten() {
            RuleSet::validate(rules).map_err(Refusal::InvalidRuleSet)?;
        }
        if let Some((setting, reason)) = update.unsupported() {
            return Err(Refusal::UnsupportedSetting { setting, reason });
        }
        check_name(subject)?;
        let subject = scope(subject);
        self.check_writable(subject.as_ref())?;
        let config = update.apply_to(&self.configs.get(&subject).cloned().unwrap_or_default());
        let mut records = Vec::new();
        let value = encode_config(subject.as_ref(), &config);
        self.put(&mut records, &Key::Config(subject), Some(value));
        Ok(Decision { records, reply: config })
    }

    /// Unsets all settings of a level; the reply is what was set.
    ///
    /// # Errors
    /// Where nothing is set for the subject, or the mode does not allow it.
    pub fn delete_config(&self, subject: Option<&Subject>) -> Result<Decision<Config>, Refusal> {
        let subject = scope(subject);
        let not_found =
            |_| Refusal::SubjectNotFound(subject.as_ref().map(Subject::to_string).unwrap_or_default());
        let config = self.config(subject.as_ref()).map_err(not_found)?;
        self.check_writable(subject.as_ref())?;
        let mut records = Vec::new();
        self.put(&mut records, &Key::Config(subject), None);
        Ok(Decision { records, reply: config })
    }

    /// Sets a mode, or unsets it. To import, there must be nothing that is not deleted; what is, goes for good.
    ///
    /// # Errors
    /// Where modes cannot be changed, or there is something in the way of importing.
    pub fn update_mode(
        &self,
        subject: Option<&Subject>,
        mode: Option<Mode>,
        force: bool,
    ) -> Result<Decision<()>, Refusal> {
        check_name(subject)?;
        let subject = scope(subject);
        if mode == Some(Mode::Forward) && !subject.as_ref().is_some_and(Subject::is_global_context) {
            return Err(Refusal::ForwardNotGlobal);
        }
        self.check_mode_mutability()?;
        let mut records = Vec::new();
        if mode == Some(Mode::Import) && self.mode_in_scope(subject.as_ref()) != Mode::Import && !force {
            self.clear_for_import(&mut records, subject.as_ref())?;
        }
        let value = mode.map(|mode| encode_mode(subject.as_ref(), mode));
        self.put(&mut records, &Key::Mode(subject), value);
        Ok(Decision { records, reply: () })
    }

    fn clear_for_import(&self, records: &mut Vec<Record>, subject: Option<&Subject>) -> Result<(), Refusal> {
        let is_meant = |candidate: &&Subject| subject.is_none_or(|subject| subject.covers(candidate));
        let subjects: Vec<&Subject> = self.subjects.keys().filter(is_meant).collect();
        if subjects.iter().any(|subject| self.has_subject(subject, Deleted::Without)) {
            return Err(Refusal::NotPermitted("Cannot import since found existing subjects".to_owned()));
        }
        for version in subjects.iter().flat_map(|subject| self.subjects[*subject].values()) {
            if self.referrers_of(&version.place(), true).next().is_some() {
                return Err(Refusal::ReferenceExists(version.key().to_string()));
            }
            self.put(records, &version.key(), None);
        }
        let key = Key::ClearSubject(subject.cloned());
        self.put(records, &key, Some(encode_clear_subject(subject)));
        Ok(())
    }

    /// Unsets a mode; the reply is what was set. With `recursive`, for all subjects of a context, too.
    ///
    /// # Errors
    /// Where none is set and it is not recursive, or modes cannot be changed.
    pub fn delete_mode(
        &self,
        subject: Option<&Subject>,
        recursive: bool,
    ) -> Result<Decision<Option<Mode>>, Refusal> {
        let subject = scope(subject);
        let mode = self.mode(subject.as_ref()).ok();
        if mode.is_none() && !recursive {
            return Err(Refusal::SubjectNotFound(
                subject.map(|subject| subject.to_string()).unwrap_or_default(),
            ));
        }
        self.check_mode_mutability()?;
        let mut records = Vec::new();
        self.put(&mut records, &Key::Mode(subject.clone()), None);
        if recursive && subject.as_ref().is_none_or(|subject| subject.name().is_empty()) {
            let context = subject.clone().unwrap_or_else(|| Subject::parse(""));
            let below = self
                .modes
                .keys()
                .flatten()
                .filter(|below| context.covers(below) && Some(*below) != subject.as_ref());
            for below in below {
                self.put(&mut records, &Key::Mode(Some(below.clone())), None);
            }
        }
        Ok(Decision { records, reply: mode })
    }

    fn check_mode_mutability(&self) -> Result<(), Refusal> {
        if self.settings.mode_mutability {
            return Ok(());
        }
        Err(Refusal::NotPermitted("Mode changes are not allowed".to_owned()))
    }
}

fn check_name(subject: Option<&Subject>) -> Result<(), Refusal> {
    match subject {
        Some(subject) if !subject.is_valid(true, true) => Err(Refusal::InvalidSubject(subject.to_string())),
        _ => Ok(()),
    }
}
