//! What records do to the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::Key;
use super::state::{Applied, Skipped, Store, Version};
use super::subject::Subject;
use super::value::{decode_config, decode_mode, decode_version};
use crate::json::Json;

/// How many skipped records are remembered with their reasons.
const SKIPPED_REMEMBERED: usize = 100;

impl Store {
    /// Applies the record at an offset. A record that cannot be read changes nothing and is counted; one that was applied
    /// before is left out, so that records may be applied when they are appended and again when they are read.
    pub fn apply(&mut self, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Applied {
        self.apply_at(offset, None, key, value)
    }

    /// As [`Store::apply`], with the record's timestamp (milliseconds since 1970), which replies tell.
    pub fn apply_at(
        &mut self,
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Applied {
        if offset < self.next_offset {
            return Applied::Again;
        }
        self.next_offset = offset + 1;
        let Err(reason) = self.apply_record(timestamp, key, value) else { return Applied::Taken };
        self.skipped_count += 1;
        if self.skipped.len() == SKIPPED_REMEMBERED {
            self.skipped.pop_front();
        }
        self.skipped.push_back(Skipped { offset, reason });
        Applied::Skipped
    }

    fn apply_record(
        &mut self,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), String> {
        let bytes = key.ok_or("the record has no key")?;
        let key = Key::decode(bytes)?;
        // Karapace deletes by values of no bytes.
        let value = value.filter(|value| !value.is_empty()).map(parse_value).transpose()?;
        self.apply_value(timestamp, &key, value.as_ref())?;
        self.note_spelling(key, bytes, value.is_some());
        Ok(())
    }

    fn apply_value(&mut self, timestamp: Option<i64>, key: &Key, value: Option<&Json>) -> Result<(), String> {
        match (key, value) {
            (Key::Schema { subject, version }, Some(value)) => {
                let version = decode_version(subject, *version, value)?;
                self.put_version(Version { timestamp, ..version })
            }
            (Key::Schema { subject, version }, None) => {
                self.remove_version(subject, *version);
                Ok(())
            }
            (Key::Config(subject), Some(value)) => {
                self.configs.insert(subject.clone(), decode_config(value)?);
                Ok(())
            }
            (Key::Config(subject), None) => {
                self.configs.remove(subject);
                Ok(())
            }
            (Key::Mode(subject), Some(value)) => {
                self.modes.insert(subject.clone(), decode_mode(value)?);
                Ok(())
            }
            (Key::Mode(subject), None) => {
                self.modes.remove(subject);
                Ok(())
            }
            (Key::DeleteSubject(subject), Some(value)) => {
                let up_to = value.get("version").and_then(Json::as_i32).ok_or("the value has no version")?;
                self.delete_up_to(subject, up_to);
                Ok(())
            }
            (Key::ClearSubject(subject), Some(_)) => {
                self.clear_deleted(subject.as_ref());
                Ok(())
            }
            (Key::Context { context, .. }, Some(_)) => {
                self.named_contexts.insert(context.clone());
                Ok(())
            }
            (Key::Context { context, .. }, None) => {
                self.named_contexts.remove(context);
                Ok(())
            }
            (Key::DeleteSubject(_) | Key::ClearSubject(_), None) | (Key::Noop, _) => Ok(()),
        }
    }

    fn note_spelling(&mut self, key: Key, bytes: &[u8], is_alive: bool) {
        if bytes == key.encode() {
            return;
        }
        if is_alive {
            self.odd_keys.entry(key).or_default().insert(bytes.to_vec());
        } else if let Some(spellings) = self.odd_keys.get_mut(&key) {
            spellings.remove(bytes);
            if spellings.is_empty() {
                self.odd_keys.remove(&key);
            }
        }
    }

    /// An id belongs to one text of a context for ever.
    fn put_version(&mut self, version: Version) -> Result<(), String> {
        let id = version.id;
        if let Some(owner) = self.version_of_id(id, version.subject.context())
            && owner.text != version.text
            && owner.place() != version.place()
        {
            return Err(format!(
                "the id {id} belongs to another schema, of subject {} version {}",
                owner.subject, owner.version
            ));
        }
        self.remove_version(&version.subject, version.version);
        let index = self.contexts.entry(version.subject.context().to_owned()).or_default();
        index.max_id = index.max_id.max(id);
        index.ids.entry(id).or_default().insert(version.subject.clone(), version.version);
        index.guids.insert(version.guid, id);
        for reference in &version.references {
            let referred = (version.subject.referred(&reference.subject), reference.version);
            self.referrers.entry(referred).or_default().insert(version.place());
        }
        let versions = self.subjects.entry(version.subject.clone()).or_default();
        versions.insert(version.version, Arc::new(version));
        Ok(())
    }

    fn remove_version(&mut self, subject: &Subject, number: i32) {
        let Some(versions) = self.subjects.get_mut(subject) else { return };
        let Some(version) = versions.remove(&number) else { return };
        let same_id = versions.values().rev().find(|other| other.id == version.id).map(|other| other.version);
        if versions.is_empty() {
            self.subjects.remove(subject);
        }
        if let Some(index) = self.contexts.get_mut(subject.context())
            && let Some(subjects) = index.ids.get_mut(&version.id)
        {
            match same_id {
                Some(other) => drop(subjects.insert(subject.clone(), other)),
                None => drop(subjects.remove(subject)),
            }
            if subjects.is_empty() {
                index.ids.remove(&version.id);
                index.guids.remove(&version.guid);
            }
        }
        for reference in &version.references {
            let referred = (subject.referred(&reference.subject), reference.version);
            if let Some(referrers) = self.referrers.get_mut(&referred) {
                referrers.remove(&version.place());
                if referrers.is_empty() {
                    self.referrers.remove(&referred);
                }
            }
        }
    }

    fn delete_up_to(&mut self, subject: &Subject, up_to: i32) {
        let Some(versions) = self.subjects.get_mut(subject) else { return };
        for (_, version) in versions.range_mut(..=up_to) {
            Arc::make_mut(version).deleted = true;
        }
    }

    fn clear_deleted(&mut self, subject: Option<&Subject>) {
        let is_meant = |candidate: &&Subject| subject.is_none_or(|subject| subject.covers(candidate));
        let subjects: Vec<Subject> = self.subjects.keys().filter(is_meant).cloned().collect();
        for subject in subjects {
            let versions: BTreeMap<_, _> = self.subjects[&subject].clone();
            for version in versions.values().filter(|version| version.deleted) {
                self.remove_version(&subject, version.version);
            }
        }
    }
}

fn parse_value(bytes: &[u8]) -> Result<Json, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("the value is not UTF-8: {error}"))?;
    let json = Json::parse(text).map_err(|error| format!("the value is not JSON: {error}"))?;
    if json.as_object().is_none() {
        return Err("the value is not a JSON object".to_owned());
    }
    Ok(json)
}
