//! Settings of a subject, a context, or the whole registry.

use super::content_json::Entries;
use crate::compatibility::{CompatibilityLevel, CompatibilityPolicy};
use crate::content::{Metadata, RuleSet};
use crate::json::Json;

/// What is set at one level; `None` is what the level above says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The subject that is meant by this one.
    pub alias: Option<String>,
    /// The same, for keys of encryption.
    pub alias_for_deks: Option<String>,
    /// Whether schemas are normalized before they are registered or looked up.
    pub normalize: Option<bool>,
    /// Whether reserved fields are checked.
    pub validate_fields: Option<bool>,
    /// Whether new schemas are looked at more closely than old ones.
    pub validate_new_schemas: Option<bool>,
    /// Whether rules are checked.
    pub validate_rules: Option<bool>,
    /// What a new version must be able to do.
    pub compatibility_level: Option<CompatibilityLevel>,
    /// How strictly that is taken.
    pub compatibility_policy: Option<CompatibilityPolicy>,
    /// The metadata property by which versions are compared only with their like.
    pub compatibility_group: Option<String>,
    /// Metadata of schemas that bring none.
    pub default_metadata: Option<Metadata>,
    /// Metadata that no schema can change.
    pub override_metadata: Option<Metadata>,
    /// Rules of schemas that bring none.
    pub default_rule_set: Option<RuleSet>,
    /// Rules that no schema can change.
    pub override_rule_set: Option<RuleSet>,
}

/// A change of settings: what is not named stays, what is `Some(None)` is unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigUpdate {
    /// See [`Config::alias`].
    pub alias: Option<Option<String>>,
    /// See [`Config::alias_for_deks`].
    pub alias_for_deks: Option<Option<String>>,
    /// See [`Config::normalize`].
    pub normalize: Option<Option<bool>>,
    /// See [`Config::validate_fields`].
    pub validate_fields: Option<Option<bool>>,
    /// See [`Config::validate_new_schemas`].
    pub validate_new_schemas: Option<Option<bool>>,
    /// See [`Config::validate_rules`].
    pub validate_rules: Option<Option<bool>>,
    /// See [`Config::compatibility_level`].
    pub compatibility_level: Option<Option<CompatibilityLevel>>,
    /// See [`Config::compatibility_policy`].
    pub compatibility_policy: Option<Option<CompatibilityPolicy>>,
    /// See [`Config::compatibility_group`].
    pub compatibility_group: Option<Option<String>>,
    /// See [`Config::default_metadata`].
    pub default_metadata: Option<Option<Metadata>>,
    /// See [`Config::override_metadata`].
    pub override_metadata: Option<Option<Metadata>>,
    /// See [`Config::default_rule_set`].
    pub default_rule_set: Option<Option<RuleSet>>,
    /// See [`Config::override_rule_set`].
    pub override_rule_set: Option<Option<RuleSet>>,
}

impl Config {
    /// As JSON, without what is not set. `compatibilityLevel` is the name in records and in replies.
    pub fn to_json(&self) -> Json {
        let mut entries = Entries::default();
        self.add_to(&mut entries);
        entries.build()
    }

    pub(super) fn add_to(&self, entries: &mut Entries) {
        entries.text("alias", self.alias.as_deref());
        entries.text("aliasForDeks", self.alias_for_deks.as_deref());
        entries.flag("normalize", self.normalize);
        entries.flag("validateFields", self.validate_fields);
        entries.flag("validateNewSchemas", self.validate_new_schemas);
        entries.flag("validateRules", self.validate_rules);
        entries.text("compatibilityLevel", self.compatibility_level.map(CompatibilityLevel::as_str));
        entries.text("compatibilityPolicy", self.compatibility_policy.map(CompatibilityPolicy::as_str));
        entries.text("compatibilityGroup", self.compatibility_group.as_deref());
        entries.add("defaultMetadata", self.default_metadata.as_ref().map_or(Json::Null, Metadata::to_json));
        entries
            .add("overrideMetadata", self.override_metadata.as_ref().map_or(Json::Null, Metadata::to_json));
        entries.add("defaultRuleSet", self.default_rule_set.as_ref().map_or(Json::Null, RuleSet::to_json));
        entries.add("overrideRuleSet", self.override_rule_set.as_ref().map_or(Json::Null, RuleSet::to_json));
    }

    /// This level's settings, and those of `global` that go through to it.
    #[must_use]
    pub(super) fn over(&self, global: &Self) -> Self {
        let mut merged = self.clone();
        merged.normalize = merged.normalize.or(global.normalize);
        merged.validate_fields = merged.validate_fields.or(global.validate_fields);
        merged.validate_new_schemas = merged.validate_new_schemas.or(global.validate_new_schemas);
        merged.validate_rules = merged.validate_rules.or(global.validate_rules);
        merged.compatibility_policy = merged.compatibility_policy.or(global.compatibility_policy);
        merged.compatibility_group =
            merged.compatibility_group.or_else(|| global.compatibility_group.clone());
        merged
    }

    pub(super) fn has_defaults_or_overrides(&self) -> bool {
        self.default_metadata.is_some()
            || self.override_metadata.is_some()
            || self.default_rule_set.is_some()
            || self.override_rule_set.is_some()
    }
}

impl ConfigUpdate {
    /// Reads a request or a record's value: `compatibility` or `compatibilityLevel`, in letters of either case.
    ///
    /// # Errors
    /// With the reason, where a setting is not of its type; the level's name is all there is where it is unknown.
    pub fn from_json(json: &Json) -> Result<Self, ConfigError> {
        let text = |key: &str| {
            read(json, key, |value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(key, value)))
        };
        let flag = |key: &str| read(json, key, |value| value.as_bool().ok_or_else(|| wrong(key, value)));
        let metadata =
            |key: &str| read(json, key, |value| Metadata::from_json(value).map_err(ConfigError::Malformed));
        let rules =
            |key: &str| read(json, key, |value| RuleSet::from_json(value).map_err(ConfigError::Malformed));
        let level = |key: &str| {
            read(json, key, |value| {
                let name = value.as_str().ok_or_else(|| wrong(key, value))?;
                CompatibilityLevel::from_name(name).ok_or_else(|| ConfigError::Level(name.to_owned()))
            })
        };
        let policy = |key: &str| {
            read(json, key, |value| {
                let name = value.as_str().ok_or_else(|| wrong(key, value))?;
                CompatibilityPolicy::from_name(name).ok_or_else(|| ConfigError::Policy(name.to_owned()))
            })
        };
        Ok(Self {
            alias: text("alias")?,
            alias_for_deks: text("aliasForDeks")?,
            normalize: flag("normalize")?,
            validate_fields: flag("validateFields")?,
            validate_new_schemas: flag("validateNewSchemas")?,
            validate_rules: flag("validateRules")?,
            compatibility_level: level("compatibility")?.or(level("compatibilityLevel")?),
            compatibility_policy: policy("compatibilityPolicy")?,
            compatibility_group: text("compatibilityGroup")?,
            default_metadata: metadata("defaultMetadata")?,
            override_metadata: metadata("overrideMetadata")?,
            default_rule_set: rules("defaultRuleSet")?,
            override_rule_set: rules("overrideRuleSet")?,
        })
    }

    /// The first setting that would be kept without being followed, and why it is not.
    pub(super) fn unsupported(&self) -> Option<(&'static str, &'static str)> {
        if self.compatibility_policy == Some(Some(CompatibilityPolicy::Logical)) {
            let reason = "LOGICAL needs the type systems of Flink and Iceberg; set STRICT or LENIENT";
            return Some(("compatibilityPolicy", reason));
        }
        if self.validate_rules == Some(Some(true)) {
            return Some((
                "validateRules",
                "the form of rules is always checked, their expressions never are",
            ));
        }
        if self.alias_for_deks.as_ref().is_some_and(Option::is_some) {
            return Some(("aliasForDeks", "there is no registry of data encryption keys"));
        }
        None
    }

    /// The settings after the change.
    #[must_use]
    pub fn apply_to(&self, old: &Config) -> Config {
        fn pick<T: Clone>(new: Option<&Option<T>>, old: Option<&T>) -> Option<T> {
            new.map_or_else(|| old.cloned(), Clone::clone)
        }
        Config {
            alias: pick(self.alias.as_ref(), old.alias.as_ref()),
            alias_for_deks: pick(self.alias_for_deks.as_ref(), old.alias_for_deks.as_ref()),
            normalize: pick(self.normalize.as_ref(), old.normalize.as_ref()),
            validate_fields: pick(self.validate_fields.as_ref(), old.validate_fields.as_ref()),
            validate_new_schemas: pick(self.validate_new_schemas.as_ref(), old.validate_new_schemas.as_ref()),
            validate_rules: pick(self.validate_rules.as_ref(), old.validate_rules.as_ref()),
            compatibility_level: pick(self.compatibility_level.as_ref(), old.compatibility_level.as_ref()),
            compatibility_policy: pick(self.compatibility_policy.as_ref(), old.compatibility_policy.as_ref()),
            compatibility_group: pick(self.compatibility_group.as_ref(), old.compatibility_group.as_ref()),
            default_metadata: pick(self.default_metadata.as_ref(), old.default_metadata.as_ref()),
            override_metadata: pick(self.override_metadata.as_ref(), old.override_metadata.as_ref()),
            default_rule_set: pick(self.default_rule_set.as_ref(), old.default_rule_set.as_ref()),
            override_rule_set: pick(self.override_rule_set.as_ref(), old.override_rule_set.as_ref()),
        }
    }
}

/// Why a change of settings cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The level is none of the seven.
    #[error("the compatibility level {0:?} is not known")]
    Level(String),
    /// The policy is none of the three.
    #[error("the compatibility policy {0:?} is none of STRICT, LENIENT and LOGICAL")]
    Policy(String),
    /// A setting is not of its type.
    #[error("{0}")]
    Malformed(String),
}

fn wrong(key: &str, value: &Json) -> ConfigError {
    ConfigError::Malformed(format!("{key} has a value of the wrong type: {value}"))
}

/// Nothing where the key is absent, `Some(None)` where it is null.
fn read<T>(
    json: &Json,
    key: &str,
    convert: impl Fn(&Json) -> Result<T, ConfigError>,
) -> Result<Option<Option<T>>, ConfigError> {
    match json.get(key) {
        None => Ok(None),
        Some(Json::Null) => Ok(Some(None)),
        Some(value) => convert(value).map(|value| Some(Some(value))),
    }
}
