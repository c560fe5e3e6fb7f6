//! The seven levels of compatibility, and what is said where a schema breaks one.

use std::fmt;

use crate::format::{Difference, ParsedSchema};

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

/// Why `new` breaks the level, as clients are told; empty where it does not. `previous` goes from old to new; the newest
/// version that is in the way is the one that is named.
pub fn check(
    level: CompatibilityLevel,
    policy: CompatibilityPolicy,
    new: &ParsedSchema,
    previous: &[Previous<'_>],
) -> Vec<String> {
    if level == CompatibilityLevel::None {
        return Vec::new();
    }
    let count = if level.is_transitive() { previous.len() } else { 1 };
    let checked = previous.iter().rev().take(count).map(|old| check_one(level, policy, new, *old));
    checked.into_iter().find(|messages| !messages.is_empty()).unwrap_or_default()
}

/// In the order of Confluent's registry: first whether the old schema reads the new one's data.
fn check_one(
    level: CompatibilityLevel,
    policy: CompatibilityPolicy,
    new: &ParsedSchema,
    old: Previous<'_>,
) -> Vec<String> {
    if new.schema_type() != old.schema.schema_type() {
        return vec![Difference::SchemaType.message("new", "old")];
    }
    let mut messages = Vec::new();
    let is_full = level.reads_old() && level.is_read_by_old();
    let mut names_old = false;
    if level.is_read_by_old() {
        let found = old.schema.differences(new, policy);
        names_old |= !is_full && !found.is_empty();
        messages.extend(found.iter().map(|difference| difference.message("old", "new")));
    }
    if level.reads_old() {
        let found = new.differences(old.schema, policy);
        names_old |= !found.is_empty();
        messages.extend(found.iter().map(|difference| difference.message("new", "old")));
    }
    if names_old {
        messages.extend(old.version.map(|version| format!("{{oldSchemaVersion: {version}}}")));
        messages.push(show(&old.schema.canonical_string()));
    }
    messages
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
