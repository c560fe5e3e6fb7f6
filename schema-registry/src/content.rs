//! What a registered schema consists of beside its text: references, metadata, rules; and the GUID of all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use md5::{Digest, Md5};

/// A reference to a version of another subject's schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaReference {
    /// The name that the referring schema uses: a full name in Avro, a URI in JSON Schema, a path in Protobuf.
    pub name: String,
    /// The subject of the schema that is meant.
    pub subject: String,
    /// Its version.
    pub version: i32,
}

/// What people and tools note about a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Tags of parts of the schema, by path.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// Properties of the whole.
    pub properties: BTreeMap<String, String>,
    /// Names of properties that are stored encrypted.
    pub sensitive: BTreeSet<String>,
}

/// Rules that clients' serializers carry out; the registry keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// From one version to another.
    pub migration_rules: Vec<Rule>,
    /// When data are written or read.
    pub domain_rules: Vec<Rule>,
    /// When bytes are written or read.
    pub encoding_rules: Vec<Rule>,
    /// Where they are carried out: `ALL`, `CLIENT`, `GATEWAY`, `SERVER`, `NONE`.
    pub enable_at: Option<String>,
}

/// A rule of a [`RuleSet`]. Texts are those of requests and records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique in its rule set.
    pub name: Option<String>,
    /// What it is for.
    pub doc: Option<String>,
    /// `TRANSFORM` or `CONDITION`.
    pub kind: Option<String>,
    /// `UPGRADE`, `DOWNGRADE`, `UPDOWN`, `WRITE`, `READ` or `WRITEREAD`.
    pub mode: Option<String>,
    /// Who carries it out: `CEL`, `JSONATA`, `ENCRYPT`, ...
    pub rule_type: Option<String>,
    /// Tags that it is for.
    pub tags: BTreeSet<String>,
    /// Parameters of its type.
    pub params: BTreeMap<String, String>,
    /// Its body.
    pub expr: Option<String>,
    /// What to do where it succeeds.
    pub on_success: Option<String>,
    /// What to do where it fails.
    pub on_failure: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// The identity of a schema's content, in all contexts: an MD5 digest, written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// The GUID of a text with all that belongs to it.
    pub fn of(
        text: &str,
        references: &[SchemaReference],
        metadata: Option<&Metadata>,
        rule_set: Option<&RuleSet>,
    ) -> Self {
        let mut hash = Md5::new();
        hash.update(text);
        for reference in references {
            hash.update(&reference.name);
            hash.update(&reference.subject);
            hash.update(reference.version.to_be_bytes());
        }
        if let Some(metadata) = metadata {
            // Tells empty metadata from none.
            hash.update([1]);
            hash_metadata(&mut hash, metadata);
        }
        if let Some(rule_set) = rule_set {
            hash.update([1]);
            for rule in
                rule_set.migration_rules.iter().chain(&rule_set.domain_rules).chain(&rule_set.encoding_rules)
            {
                hash_rule(&mut hash, rule);
            }
            hash.update(rule_set.enable_at.as_deref().unwrap_or_default());
        }
        Self(hash.finalize().into())
    }

    /// Reads a UUID, or 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_uuid = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
        let digits: String = if is_uuid { text.split('-').collect() } else { text.to_owned() };
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(|value| Self(value.to_be_bytes()))
    }
}

fn hash_metadata(hash: &mut Md5, metadata: &Metadata) {
    for (path, tags) in &metadata.tags {
        hash.update(path);
        for tag in tags {
            hash.update(tag);
        }
    }
    for (name, value) in &metadata.properties {
        hash.update(name);
        hash.update(value);
    }
    for name in &metadata.sensitive {
        hash.update(name);
    }
}

fn hash_rule(hash: &mut Md5, rule: &Rule) {
    for text in [&rule.name, &rule.doc, &rule.kind, &rule.mode, &rule.rule_type].into_iter().flatten() {
        hash.update(text);
    }
    for tag in &rule.tags {
        hash.update(tag);
    }
    for (name, value) in &rule.params {
        hash.update(name);
        hash.update(value);
    }
    for text in [&rule.expr, &rule.on_success, &rule.on_failure].into_iter().flatten() {
        hash.update(text);
    }
    if rule.disabled {
        hash.update([1]);
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let part = |shift: u32, digits: u32| (value >> shift) & ((1u128 << (digits * 4)) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12)
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}
