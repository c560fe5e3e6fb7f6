//! What a registration takes over from the latest version and from settings.

use super::config::Config;
use super::refusal::Refusal;
use super::register::RegisterRequest;
use super::state::Version;
use crate::content::{Metadata, RuleSet};

/// The property of metadata in which a version's number may be kept.
pub(super) const VERSION_PROPERTY: &str = "confluent:version";

/// Adds to a request what it leaves out: the latest version's text, metadata and rules, and the settings'.
pub(super) fn populate(
    config: &Config,
    request: &mut RegisterRequest,
    previous: Option<&Version>,
    next: Option<i32>,
) -> Result<(), Refusal> {
    if !request.has_schema() {
        let previous = previous.ok_or_else(|| Refusal::InvalidSchema("Empty schema".to_owned()))?;
        request.schema = Some(previous.text.to_string());
        request.schema_type = Some(previous.schema_type.as_str().to_owned());
        request.references.clone_from(&previous.references);
    }
    set_metadata_and_rules(config, request, previous, next);
    Ok(())
}

pub(super) fn set_metadata_and_rules(
    config: &Config,
    request: &mut RegisterRequest,
    previous: Option<&Version>,
    next: Option<i32>,
) {
    let metadata = request.metadata.clone().or_else(|| previous.and_then(|version| version.metadata.clone()));
    let metadata = merge(config.default_metadata.clone(), metadata, Metadata::merged);
    let mut metadata = merge(metadata, config.override_metadata.clone(), Metadata::merged);
    let rules = request.rule_set.clone().or_else(|| previous.and_then(|version| version.rule_set.clone()));
    let rules = merge(config.default_rule_set.clone(), rules, RuleSet::merged);
    let rules = merge(rules, config.override_rule_set.clone(), RuleSet::merged);
    if let Some(next) = next {
        let has_version =
            metadata.as_ref().is_some_and(|metadata| metadata.properties.contains_key(VERSION_PROPERTY));
        if request.version_or_zero() != 0 || has_version {
            let metadata = metadata.get_or_insert_default();
            metadata.properties.insert(VERSION_PROPERTY.to_owned(), next.to_string());
        }
    }
    if metadata.is_some() || rules.is_some() {
        request.metadata = metadata;
        request.rule_set = rules;
    }
}

fn merge<T>(old: Option<T>, new: Option<T>, merged: impl Fn(&T, &T) -> T) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) => Some(merged(&old, &new)),
        (old, new) => new.or(old),
    }
}
