//! References, metadata and rule sets as JSON, in requests and in records.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::{Metadata, Rule, RuleSet, SchemaReference};
use crate::json::Json;

/// Entries of an object that leaves out what is empty.
#[derive(Default)]
pub(super) struct Entries(Vec<(String, Json)>);

impl Entries {
    pub(super) fn add(&mut self, key: &str, value: Json) {
        let is_empty = match &value {
            Json::Null => true,
            Json::String(text) => text.is_empty(),
            Json::Array(elements) => elements.is_empty(),
            Json::Object(entries) => entries.is_empty(),
            Json::Bool(_) | Json::Number(_) => false,
        };
        if !is_empty {
            self.0.push((key.to_owned(), value));
        }
    }

    /// Adds what is there, also where it is empty.
    pub(super) fn add_kept(&mut self, key: &str, value: Option<Json>) {
        self.0.extend(value.map(|value| (key.to_owned(), value)));
    }

    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        self.add(key, value.map_or(Json::Null, Json::from));
    }

    pub(super) fn flag(&mut self, key: &str, value: Option<bool>) {
        self.add(key, value.map_or(Json::Null, Json::Bool));
    }

    pub(super) fn build(self) -> Json {
        self.0.into_iter().collect()
    }
}

fn list<'a>(values: impl IntoIterator<Item = &'a String>) -> Json {
    Json::Array(values.into_iter().map(|value| Json::from(value.as_str())).collect())
}

fn map(values: &BTreeMap<String, String>) -> Json {
    values.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect()
}

impl SchemaReference {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        let mut entries = Entries::default();
        entries.text("name", Some(&self.name));
        entries.text("subject", Some(&self.subject));
        entries.add("version", Json::from(self.version));
        entries.build()
    }

    /// From JSON.
    ///
    /// # Errors
    /// With the reason, where it is not a reference.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let text = |key: &str| json.get_str(key).map(str::to_owned);
        match (text("name"), text("subject"), json.get("version").and_then(Json::as_i32)) {
            (Some(name), Some(subject), Some(version)) => Ok(Self { name, subject, version }),
            _ => Err(format!("Invalid reference: {json}")),
        }
    }
}

impl Metadata {
    /// As JSON; an empty object where it is empty.
    pub fn to_json(&self) -> Json {
        let mut entries = Entries::default();
        entries.add("tags", self.tags.iter().map(|(path, tags)| (path.clone(), list(tags))).collect());
        entries.add("properties", map(&self.properties));
        entries.add("sensitive", list(&self.sensitive));
        entries.build()
    }

    /// From JSON.
    ///
    /// # Errors
    /// With the reason, where it is no metadata.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let mut tags = BTreeMap::new();
        for (path, list) in object(json, "tags")? {
            tags.insert(path.clone(), strings(Some(list), "tags")?);
        }
        Ok(Self {
            tags,
            properties: string_map(json, "properties")?,
            sensitive: strings(json.get("sensitive"), "sensitive")?,
        })
    }

    /// This one, with what `newer` has in its place.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let mut merged = self.clone();
        merged.tags.extend(newer.tags.clone());
        merged.properties.extend(newer.properties.clone());
        merged.sensitive.extend(newer.sensitive.clone());
        merged
    }
}

impl RuleSet {
    /// As JSON; an empty object where it is empty.
    pub fn to_json(&self) -> Json {
        let rules = |rules: &[Rule]| Json::Array(rules.iter().map(Rule::to_json).collect());
        let mut entries = Entries::default();
        entries.add("migrationRules", rules(&self.migration_rules));
        entries.add("domainRules", rules(&self.domain_rules));
        entries.add("encodingRules", rules(&self.encoding_rules));
        entries.text("enableAt", self.enable_at.as_deref());
        entries.build()
    }

    /// From JSON.
    ///
    /// # Errors
    /// With the reason, where it is no rule set.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let rules = |key: &str| match json.get(key) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(rules)) => rules.iter().map(Rule::from_json).collect(),
            Some(other) => Err(format!("{key} is not a list: {other}")),
        };
        Ok(Self {
            migration_rules: rules("migrationRules")?,
            domain_rules: rules("domainRules")?,
            encoding_rules: rules("encodingRules")?,
            enable_at: json.get_str("enableAt").map(str::to_owned),
        })
    }

    /// This one, with the rules of `newer` in place of those of the same name.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let merge = |old: &[Rule], new: &[Rule]| {
            let kept = old.iter().filter(|rule| !new.iter().any(|newer| newer.name == rule.name));
            kept.chain(new).cloned().collect()
        };
        Self {
            migration_rules: merge(&self.migration_rules, &newer.migration_rules),
            domain_rules: merge(&self.domain_rules, &newer.domain_rules),
            encoding_rules: merge(&self.encoding_rules, &newer.encoding_rules),
            enable_at: newer.enable_at.clone().or_else(|| self.enable_at.clone()),
        }
    }

    /// Checks names, modes and actions of all rules.
    ///
    /// # Errors
    /// With the reason, for the first rule that is not valid.
    pub fn validate(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        let migration = self
            .migration_rules
            .iter()
            .map(|rule| (rule, true, "Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN"));
        let domain = self
            .domain_rules
            .iter()
            .map(|rule| (rule, false, "Domain rules can only be WRITE, READ, WRITEREAD"));
        let encoding = self
            .encoding_rules
            .iter()
            .map(|rule| (rule, false, "Encoding rules can only be WRITE, READ, WRITEREAD"));
        for (rule, is_migration, problem) in migration.chain(domain).chain(encoding) {
            let name = rule.validate()?;
            if !names.insert(name) {
                return Err(format!("Found rule with duplicate name '{name}'"));
            }
            let modes = if is_migration {
                ["UPGRADE", "DOWNGRADE", "UPDOWN"]
            } else {
                ["WRITE", "READ", "WRITEREAD"]
            };
            if !rule.mode.as_deref().is_some_and(|mode| modes.contains(&mode)) {
                return Err(problem.to_owned());
            }
        }
        Ok(())
    }
}

impl Rule {
    fn to_json(&self) -> Json {
        let mut entries = Entries::default();
        entries.text("name", self.name.as_deref());
        entries.text("doc", self.doc.as_deref());
        entries.text("kind", self.kind.as_deref());
        entries.text("mode", self.mode.as_deref());
        entries.text("type", self.rule_type.as_deref());
        entries.add("tags", list(&self.tags));
        entries.add("params", map(&self.params));
        entries.text("expr", self.expr.as_deref());
        entries.text("onSuccess", self.on_success.as_deref());
        entries.text("onFailure", self.on_failure.as_deref());
        entries.add("disabled", Json::Bool(self.disabled));
        entries.build()
    }

    fn from_json(json: &Json) -> Result<Self, String> {
        let text = |key: &str| json.get_str(key).map(str::to_owned);
        Ok(Self {
            name: text("name"),
            doc: text("doc"),
            kind: text("kind"),
            mode: text("mode"),
            rule_type: text("type"),
            tags: strings(json.get("tags"), "tags")?,
            params: string_map(json, "params")?,
            expr: text("expr"),
            on_success: text("onSuccess"),
            on_failure: text("onFailure"),
            disabled: json.get("disabled").and_then(Json::as_bool).unwrap_or(false),
        })
    }

    /// The name of a valid rule.
    fn validate(&self) -> Result<&str, String> {
        let name = self.name.as_deref().ok_or("Missing rule name")?;
        let mut characters = name.chars();
        match characters.next() {
            None => return Err("Empty rule name".to_owned()),
            Some(first) if !first.is_alphabetic() && first != '_' => {
                return Err(format!("Illegal initial character in rule name: {name}"));
            }
            Some(_) if name.len() > 64 => return Err("Rule name too long".to_owned()),
            Some(_) => {}
        }
        if !characters.all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return Err(format!("Illegal character in rule name: {name}"));
        }
        if self.rule_type.is_none() {
            return Err("Missing rule type".to_owned());
        }
        let takes_two = matches!(self.mode.as_deref(), None | Some("WRITEREAD" | "UPDOWN"));
        let actions = [&self.on_success, &self.on_failure];
        if !takes_two && actions.into_iter().flatten().any(|action| action.contains(',')) {
            return Err("Multiple actions only valid with WRITEREAD and UPDOWN".to_owned());
        }
        Ok(name)
    }
}

fn object<'a>(json: &'a Json, key: &str) -> Result<impl Iterator<Item = (&'a String, &'a Json)>, String> {
    match json.get(key) {
        None | Some(Json::Null) => Ok(None.into_iter().flatten()),
        Some(Json::Object(entries)) => Ok(Some(entries).into_iter().flatten()),
        Some(other) => Err(format!("{key} is not an object: {other}")),
    }
}

fn string_map(json: &Json, key: &str) -> Result<BTreeMap<String, String>, String> {
    let mut entries = BTreeMap::new();
    for (name, value) in object(json, key)? {
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            other => return Err(format!("{key}.{name} is not a string: {other}")),
        };
        entries.insert(name.clone(), value);
    }
    Ok(entries)
}

fn strings(json: Option<&Json>, key: &str) -> Result<BTreeSet<String>, String> {
    let Some(list) = json.filter(|list| !list.is_null()) else { return Ok(BTreeSet::new()) };
    let list = list.as_array().ok_or_else(|| format!("{key} is not a list: {list}"))?;
    let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().ok_or_else(|| format!("{key} has something that is not a string"))
}
