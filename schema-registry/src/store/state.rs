//! The state, and what changes it consists of.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::config::Config;
use super::key::Key;
use super::mode::Mode;
use super::parsed::{NothingKept, ParsedSchemas};
use super::settings::Settings;
use super::subject::Subject;
use crate::content::{Guid, Metadata, RuleSet, SchemaReference};
use crate::format::SchemaType;
use crate::json::Json;

/// The registry's state.
#[derive(Debug)]
pub struct Store {
    pub(super) settings: Settings,
    /// No part of the state: whatever is kept, requests have the same answers.
    pub(super) parsed: Arc<dyn ParsedSchemas>,
    /// All versions, deleted ones too, by number.
    pub(super) subjects: BTreeMap<Subject, BTreeMap<i32, Arc<Version>>>,
    /// By the context's name.
    pub(super) contexts: BTreeMap<String, ContextIndex>,
    /// Contexts other than the default one that have a record of their own.
    pub(super) named_contexts: BTreeSet<String>,
    pub(super) configs: BTreeMap<Option<Subject>, Config>,
    pub(super) modes: BTreeMap<Option<Subject>, Mode>,
    /// Which versions refer to a version.
    pub(super) referrers: BTreeMap<VersionKey, BTreeSet<VersionKey>>,
    /// Keys that were written in other bytes than ours. Compaction does not see that they are the same.
    pub(super) odd_keys: HashMap<Key, BTreeSet<Vec<u8>>>,
    pub(super) next_offset: i64,
    pub(super) skipped_count: u64,
    pub(super) skipped: VecDeque<Skipped>,
}

/// A version's place: its subject and number.
pub(super) type VersionKey = (Subject, i32);

/// What is unique within a context.
#[derive(Debug, Default)]
pub(super) struct ContextIndex {
    /// The highest id that was ever given out here.
    pub(super) max_id: i32,
    /// Under which subjects a schema is registered, each with the version that came last.
    pub(super) ids: HashMap<i32, BTreeMap<Subject, i32>>,
    pub(super) guids: HashMap<Guid, i32>,
}

/// A version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The subject.
    pub subject: Subject,
    /// The number, from 1.
    pub version: i32,
    /// The schema's id, unique in the context.
    pub id: i32,
    /// The language of the text.
    pub schema_type: SchemaType,
    /// What the text refers to.
    pub references: Vec<SchemaReference>,
    /// Notes about it.
    pub metadata: Option<Metadata>,
    /// Rules for it.
    pub rule_set: Option<RuleSet>,
    /// The canonical text.
    pub text: Arc<str>,
    /// Whether it is softly deleted.
    pub deleted: bool,
    /// The identity of all this.
    pub guid: Guid,
    /// The time of its record, in milliseconds since 1970, where that is known.
    pub timestamp: Option<i64>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is in the topic.
    pub offset: i64,
    /// What is wrong with it.
    pub reason: String,
}

/// What a record did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was taken, or means nothing.
    Taken,
    /// It was applied before.
    Again,
    /// It could not be read; see [`Store::skipped`].
    Skipped,
}

/// What follows from a request: records to append, in this order, and the reply for when they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<T> {
    /// The records; none where nothing changes.
    pub records: Vec<Record>,
    /// The reply.
    pub reply: T,
}

/// A record of the `_schemas` topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; none is the end of what has this key.
    pub value: Option<Vec<u8>>,
}

impl Version {
    pub(super) fn key(&self) -> Key {
        Key::Schema { subject: self.subject.clone(), version: self.version }
    }

    pub(super) fn place(&self) -> VersionKey {
        (self.subject.clone(), self.version)
    }
}

impl Store {
    /// A store without any record.
    pub fn new(settings: Settings) -> Self {
        Self::with_parsed(settings, Arc::new(NothingKept))
    }

    /// As [`Store::new`]; schemas that were parsed are kept in `parsed`.
    pub fn with_parsed(settings: Settings, parsed: Arc<dyn ParsedSchemas>) -> Self {
        Self {
            settings,
            parsed,
            subjects: BTreeMap::new(),
            contexts: BTreeMap::new(),
            named_contexts: BTreeSet::new(),
            configs: BTreeMap::new(),
            modes: BTreeMap::new(),
            referrers: BTreeMap::new(),
            odd_keys: HashMap::new(),
            next_offset: 0,
            skipped_count: 0,
            skipped: VecDeque::new(),
        }
    }

    /// The offset after the last record that was applied.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// How many records could not be read, and the last of them.
    pub fn skipped(&self) -> (u64, impl Iterator<Item = &Skipped>) {
        (self.skipped_count, self.skipped.iter())
    }

    /// Adds a record, after the ends of its key's other spellings: else those would come back once the topic is compacted.
    pub(super) fn put(&self, records: &mut Vec<Record>, key: &Key, value: Option<Json>) {
        let odd = self.odd_keys.get(key).into_iter().flatten();
        records.extend(odd.map(|bytes| Record { key: bytes.clone(), value: None }));
        records.push(Record { key: key.encode(), value: value.map(|value| value.to_string().into_bytes()) });
    }

    /// Checks what must hold between the parts, in tests and simulations.
    ///
    /// # Panics
    /// Where it does not hold.
    pub fn check_invariants(&self) {
        for (subject, versions) in &self.subjects {
            assert!(!versions.is_empty(), "{subject} is kept without a version");
            for (number, version) in versions {
                assert_eq!(
                    (&version.subject, version.version),
                    (subject, *number),
                    "a version is in its place"
                );
                let index = &self.contexts[subject.context()];
                assert!(version.id <= index.max_id, "{subject} {number} has an id above {}", index.max_id);
                assert!(
                    index.ids[&version.id].contains_key(subject),
                    "{subject} {number} is found by its id"
                );
            }
        }
        for (context, index) in &self.contexts {
            for (id, subjects) in &index.ids {
                assert!(!subjects.is_empty(), "id {id} of {context} is kept without a subject");
            }
        }
        for (referred, referrers) in &self.referrers {
            for (subject, number) in referrers {
                let version = &self.subjects[subject][number];
                let refers = |reference: &SchemaReference| {
                    (subject.referred(&reference.subject), reference.version) == *referred
                };
                assert!(
                    version.references.iter().any(refers),
                    "{subject} {number} refers to what it is noted for"
                );
            }
        }
    }
}
