//! What is said of a schema that was held against others.

use std::fmt::Write;

use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, conflict};
use medallion_schema_registry::explain::Explanation;
use medallion_schema_registry::format::Reader;
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema};
use serde_json::{Value, json};

/// A schema that is there already.
#[derive(Debug)]
pub(crate) struct Old {
    /// What people are told.
    pub(crate) label: String,
    /// Its version, where it is one of a registry.
    pub(crate) version: Option<i32>,
    /// The schema.
    pub(crate) schema: ParsedSchema,
}

/// What keeps a new schema from following one that is there.
#[derive(Debug)]
pub(crate) struct Broken {
    label: String,
    version: Option<i32>,
    reasons: Vec<Explanation>,
}

/// What is said of a new schema.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The level that was asked for.
    pub(crate) level: CompatibilityLevel,
    /// How many schemas it was held against.
    pub(crate) checked: usize,
    /// Those that it cannot follow, the newest first.
    pub(crate) broken: Vec<Broken>,
    /// Levels that it would fit.
    pub(crate) fits: Vec<CompatibilityLevel>,
}

impl Verdict {
    /// Holds a schema against those that are there, from old to new.
    pub(crate) fn of(
        new: &ParsedSchema,
        old: &[Old],
        level: CompatibilityLevel,
        policy: CompatibilityPolicy,
    ) -> Self {
        let checked = if is_transitive(level) { old.len() } else { old.len().min(1) };
        let broken = old.iter().rev().take(checked).filter_map(|old| {
            let previous = [Previous { version: old.version, schema: &old.schema }];
            let reasons = conflict(level, policy, new, &previous)?.explain(new);
            Some(Broken { label: old.label.clone(), version: old.version, reasons })
        });
        let broken: Vec<Broken> = broken.collect();
        let previous: Vec<Previous<'_>> =
            old.iter().map(|old| Previous { version: old.version, schema: &old.schema }).collect();
        let fits = CompatibilityLevel::ALL.into_iter();
        let fits = fits.filter(|level| conflict(*level, policy, new, &previous).is_none()).collect();
        Self { level, checked, broken, fits }
    }

    /// Whether the schema may follow.
    pub(crate) fn is_compatible(&self) -> bool {
        self.broken.is_empty()
    }

    /// For scripts.
    pub(crate) fn to_json(&self) -> Value {
        let levels: Vec<&str> = self.fits.iter().map(|level| level.as_str()).collect();
        json!({
            "compatible": self.is_compatible(),
            "level": self.level.as_str(),
            "checked": self.checked,
            "broken": self.broken.iter().map(broken_json).collect::<Vec<_>>(),
            "fits_levels": levels,
        })
    }

    /// For people.
    pub(crate) fn to_text(&self, name: &str) -> String {
        let mut text = String::new();
        if self.is_compatible() {
            let _ = match self.checked {
                0 => writeln!(text, "{name} is compatible: there is nothing yet that it has to fit"),
                1 => writeln!(text, "{name} is compatible at the level {}", self.level),
                count => writeln!(
                    text,
                    "{name} is compatible with all {count} versions at the level {}",
                    self.level
                ),
            };
        }
        for broken in &self.broken {
            let _ =
                writeln!(text, "{name} is not compatible with {} at the level {}", broken.label, self.level);
            broken.reasons.iter().for_each(|reason| write_reason(&mut text, reason));
        }
        if !self.is_compatible() {
            let fits: Vec<&str> = self.fits.iter().map(|level| level.as_str()).collect();
            let _ = writeln!(text, "\nIt fits the levels: {}", fits.join(", "));
        }
        text.trim_end().to_owned()
    }
}

fn write_reason(text: &mut String, reason: &Explanation) {
    let who = match reason.reader {
        Reader::New => "old data cannot be read with the new schema",
        Reader::Old => "new data cannot be read with the old schema",
    };
    let _ = writeln!(text, "\n  {}  {}", reason.place, reason.rule);
    let _ = writeln!(text, "    {who}");
    let _ = writeln!(text, "    {}", reason.problem);
    if let Some(remedy) = &reason.remedy {
        let _ = writeln!(text, "    What helps: {remedy}.");
    }
}

fn broken_json(broken: &Broken) -> Value {
    let reasons = broken.reasons.iter().map(|reason| {
        json!({
            "place": reason.place,
            "rule": reason.rule,
            "reader": match reason.reader { Reader::New => "new", Reader::Old => "old" },
            "problem": reason.problem,
            "remedy": reason.remedy,
        })
    });
    json!({ "with": broken.label, "version": broken.version, "reasons": reasons.collect::<Vec<_>>() })
}

fn is_transitive(level: CompatibilityLevel) -> bool {
    matches!(
        level,
        CompatibilityLevel::BackwardTransitive
            | CompatibilityLevel::ForwardTransitive
            | CompatibilityLevel::FullTransitive
    )
}

#[cfg(test)]
mod tests {
    use medallion_schema_registry::SchemaType;
    use medallion_schema_registry::format::Validation;

    use super::*;

    fn record(fields: &str) -> ParsedSchema {
        let text = format!(r#"{{"type":"record","name":"Trip","fields":[{fields}]}}"#);
        ParsedSchema::parse(SchemaType::Avro, &text, &[], Validation::Strict).unwrap()
    }

    fn old(version: i32, fields: &str) -> Old {
        Old { label: format!("version {version}"), version: Some(version), schema: record(fields) }
    }

    #[test]
    fn every_version_that_is_in_the_way_is_told() {
        let versions = [old(1, ""), old(2, r#"{"name":"fare","type":"double"}"#)];
        let new = record(r#"{"name":"fare","type":"double"},{"name":"tip","type":"double"}"#);
        let of = |level| Verdict::of(&new, &versions, level, CompatibilityPolicy::Strict);
        assert_eq!(of(CompatibilityLevel::Backward).broken.len(), 1);
        let all = of(CompatibilityLevel::BackwardTransitive);
        assert_eq!(all.broken.iter().map(|broken| broken.version).collect::<Vec<_>>(), [Some(2), Some(1)]);
        let text = all.to_text("trip.avsc");
        assert!(text.starts_with("trip.avsc is not compatible with version 2"), "{text}");
        assert!(text.contains("Trip.tip  READER_FIELD_MISSING_DEFAULT_VALUE"), "{text}");
        assert!(text.ends_with("It fits the levels: NONE, FORWARD, FORWARD_TRANSITIVE"), "{text}");
        assert_eq!(all.to_json()["broken"][1]["reasons"].as_array().map(Vec::len), Some(2));
        assert!(of(CompatibilityLevel::Forward).is_compatible());
    }

    #[test]
    fn the_first_version_fits_everything() {
        let verdict =
            Verdict::of(&record(""), &[], CompatibilityLevel::FullTransitive, CompatibilityPolicy::Strict);
        assert_eq!((verdict.checked, verdict.is_compatible(), verdict.fits.len()), (0, true, 7));
    }
}
