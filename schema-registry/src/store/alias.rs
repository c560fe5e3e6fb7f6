//! Subjects that stand for others (the setting `alias`, as Confluent's `AliasFilter` follows it).

use std::collections::BTreeMap;

use super::state::Store;
use super::subject::Subject;

impl Store {
    /// The subject that is meant by one in a request on subjects, versions, compatibility or ids: the one that its own setting
    /// `alias` names, in the same context where that names none. An alias of an alias is not followed. Requests on settings and
    /// modes mean the subject itself.
    pub fn follow_alias(&self, subject: &Subject) -> Subject {
        self.alias_of(subject).unwrap_or_else(|| subject.clone())
    }

    /// Under which other names each subject is known, for the subjects with an alias that is in a context.
    pub fn aliases(&self, context: &str) -> BTreeMap<Subject, Vec<Subject>> {
        let mut found: BTreeMap<Subject, Vec<Subject>> = BTreeMap::new();
        for subject in self.configs.keys().flatten().filter(|subject| subject.context() == context) {
            if let Some(meant) = self.alias_of(subject) {
                found.entry(meant).or_default().push(subject.clone());
            }
        }
        found
    }

    fn alias_of(&self, subject: &Subject) -> Option<Subject> {
        if subject.name().is_empty() {
            return None;
        }
        let config = self.configs.get(&Some(subject.clone()))?;
        let alias = config.alias.as_deref().filter(|alias| !alias.is_empty())?;
        Some(subject.referred(alias))
    }
}
