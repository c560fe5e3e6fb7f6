//! The seven levels of compatibility, and what is said where a schema breaks one.

use std::fmt;

use crate::format::{Allowance, Difference, ParsedSchema};

/// How much of an old schema is shown, in characters.
const SCHEMA_SHOWN_MAX: usize = 10 * 1024;

/// What a new version of a schema must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompatibilityLevel {
    /// Nothing.
    None,
    /// Read what the latest version wrote.
    Backward,
    /// Read what all versions wrote.
    BackwardTransitive,
    /// Be read by the latest version.
    Forward,
    /// Be read by all versions.
    ForwardTransitive,
    /// Both, with the latest version.
    Full,
    /// Both, with all versions.
    FullTransitive,
}

impl CompatibilityLevel {
    /// All levels.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// The name in requests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// The level of this name, in letters of either case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
    }

    fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    fn reads_old(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    fn is_read_by_old(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }
}

impl fmt::Display for CompatibilityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How strictly the rules of a level are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CompatibilityPolicy {
    /// As the formats say.
    #[default]
    Strict,
    /// JSON schemas may gain and lose properties, whatever their content models say.
    Lenient,
    /// As `Strict`, and as Flink's and Iceberg's types demand.
    Logical,
}

impl CompatibilityPolicy {
    /// The name in requests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "STRICT",
            Self::Lenient => "LENIENT",
            Self::Logical => "LOGICAL",
        }
    }

    /// The policy of this name, in letters of either case.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Strict, Self::Lenient, Self::Logical];
        all.into_iter().find(|policy| policy.as_str().eq_ignore_ascii_case(name))
    }
}

/// A version that a new schema is held against.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// Its number.
    pub version: Option<i32>,
    /// Its schema.
    pub schema: &'a ParsedSchema,
}

/// Why a new schema breaks a level: the version that is in the way, and what lies between the two.
#[derive(Debug, Clone)]
pub struct Conflict<'a> {
    /// The version that is in the way.
    pub with: Previous<'a>,
    /// What keeps the old schema from reading what the new one writes.
    pub old_reader: Vec<Difference>,
    /// What keeps the new schema from reading what the old one wrote.
    pub new_reader: Vec<Difference>,
}

impl Conflict<'_> {
    /// What clients are told, in the order of Confluent's registry: first whether the old schema reads the new one's data.
    pub fn messages(&self, level: CompatibilityLevel) -> Vec<String> {
        if self.new_reader.contains(&Difference::SchemaType) {
            return vec![Difference::SchemaType.message("new", "old")];
        }
        let read_by_old = self.old_reader.iter().map(|difference| difference.message("old", "new"));
        let reads_old = self.new_reader.iter().map(|difference| difference.message("new", "old"));
        let mut messages: Vec<String> = read_by_old.chain(reads_old).collect();
        let is_full = level.reads_old() && level.is_read_by_old();
        if !is_full || !self.new_reader.is_empty() {
            messages.extend(self.with.version.map(|version| format!("{{oldSchemaVersion: {version}}}")));
            messages.push(show(&self.with.schema.canonical_string()));
        }
        messages
    }
}

/// Why `new` breaks the level; nothing where it does not. `previous` goes from old to new; the newest version that is in the
/// way is the one that is named.
pub fn conflict<'a>(
    level: CompatibilityLevel,
    policy: CompatibilityPolicy,
    new: &ParsedSchema,
    previous: &[Previous<'a>],
) -> Option<Conflict<'a>> {
    if level == CompatibilityLevel::None {
        return None;
    }
    let count = if level.is_transitive() { previous.len() } else { 1 };
    let mut allowance = Allowance::default();
    let mut newest_first = previous.iter().rev().take(count);
    newest_first.find_map(|old| conflict_with(level, policy, new, *old, &mut allowance))
}

fn conflict_with<'a>(
    level: CompatibilityLevel,
    policy: CompatibilityPolicy,
    new: &ParsedSchema,
    with: Previous<'a>,
    allowance: &mut Allowance,
) -> Option<Conflict<'a>> {
    if new.schema_type() != with.schema.schema_type() {
        return Some(Conflict { with, old_reader: Vec::new(), new_reader: vec![Difference::SchemaType] });
    }
    let mut between = |asked: bool, reader: &ParsedSchema, writer: &ParsedSchema| {
        if asked { reader.differences_within(writer, policy, allowance) } else { Vec::new() }
    };
    let old_reader = between(level.is_read_by_old(), with.schema, new);
    let new_reader = between(level.reads_old(), new, with.schema);
    (!old_reader.is_empty() || !new_reader.is_empty()).then_some(Conflict { with, old_reader, new_reader })
}

/// Why `new` breaks the level, as clients are told; empty where it does not.
pub fn check(
    level: CompatibilityLevel,
    policy: CompatibilityPolicy,
    new: &ParsedSchema,
    previous: &[Previous<'_>],
) -> Vec<String> {
    conflict(level, policy, new, previous).map(|found| found.messages(level)).unwrap_or_default()
}

fn show(schema: &str) -> String {
    // Lengths are Java's: UTF-16 units. A cut through a surrogate pair leaves the pair out.
    let mut units = 0;
    let end = schema.char_indices().find_map(|(at, character)| {
        units += character.len_utf16();
        (units > SCHEMA_SHOWN_MAX).then_some(at)
    });
    match end {
        None => format!("{{oldSchema: '{schema}'}}"),
        Some(end) => format!("{{oldSchema: <truncated> '{}...'}}", &schema[..end]),
    }
}
