//! Changes of finalized feature levels.

use m::update_features_request::FeatureUpdateKey;
use m::update_features_response::UpdatableFeatureResult;
use medallion_wire::ResponseError;
use medallion_wire::internal_records::Feature;
use medallion_wire::messages as m;

use super::ApiError;
use super::decision::{ControllerSettings, Decision, MIN_ISR};
use crate::controller::image::features::{KRAFT_VERSION, METADATA_VERSION};
use crate::controller::image::{MetadataImage, ResourceType, VersionRange};
use crate::controller::records::{self, ConfigRecord, FeatureLevelRecord, MetadataRecord};

/// The request's upgrade types.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// What Kafka says of a feature that was changed.
const NO_ERROR: &str = "NONE";

/// Changes all named features, or none: the first that fails fails the request.
pub(crate) fn update(
    image: &MetadataImage,
    settings: &ControllerSettings,
    kraft_version: i16,
    request: &m::UpdateFeaturesRequest,
) -> Decision<m::UpdateFeaturesResponse> {
    let mut records = Vec::new();
    let proposed = |feature: Feature| {
        let named = request.feature_updates.iter().find(|change| change.feature.as_str() == feature.name());
        named.map_or_else(|| image.features.level(feature.name()), |change| change.max_version_level)
    };
    for change in &request.feature_updates {
        if let Err(error) = update_one(image, settings, kraft_version, change, &proposed, &mut records) {
            let reason = error.message.unwrap_or_default();
            let message = format!(
                "The update failed for all features since the following feature had an error: {reason}"
            );
            let reply = m::UpdateFeaturesResponse::default()
                .with_error_code(error.error.code())
                .with_error_message(Some(message.into()));
            return Decision::read(reply);
        }
    }
    if proposed(Feature::EligibleLeaderReplicasVersion) > 0 && !image.features.is_elr_enabled() {
        let mut first = elr_safety_records(image, settings);
        first.append(&mut records);
        records = first;
    }
    if request.validate_only {
        records.clear();
    }
    let results = request
        .feature_updates
        .iter()
        .map(|change| {
            UpdatableFeatureResult::default()
                .with_feature(change.feature.clone())
                .with_error_message(Some(NO_ERROR.into()))
        })
        .collect();
    let reply = m::UpdateFeaturesResponse::default().with_error_message(None).with_results(results);
    Decision { records, reply }
}

fn update_one(
    image: &MetadataImage,
    settings: &ControllerSettings,
    kraft_version: i16,
    change: &FeatureUpdateKey,
    proposed: &dyn Fn(Feature) -> i16,
    records: &mut Vec<MetadataRecord>,
) -> Result<(), ApiError> {
    let feature = &*change.feature;
    let level = change.max_version_level;
    let refuse = |reason: &str| {
        ApiError::new(
            ResponseError::InvalidUpdateVersion,
            format!("Invalid update version {level} for feature {feature}. {reason}"),
        )
    };
    if !(UPGRADE..=UNSAFE_DOWNGRADE).contains(&change.upgrade_type) {
        return Err(refuse("The controller does not support the given upgrade type."));
    }
    let current = if feature == KRAFT_VERSION { kraft_version } else { image.features.level(feature) };
    if level < 0 {
        return Err(refuse("A feature version cannot be less than 0."));
    }
    if let Some(reason) = reason_not_supported(image, settings, feature, level) {
        return Err(refuse(&reason));
    }
    if level < current && change.upgrade_type == UPGRADE {
        return Err(refuse(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        ));
    }
    if level > current && change.upgrade_type != UPGRADE {
        return Err(refuse("Can't downgrade to a newer version."));
    }
    match feature {
        METADATA_VERSION => check_metadata_version(current, level, change.upgrade_type)?,
        KRAFT_VERSION if level < current => {
            return Err(refuse("Can't downgrade the version of this feature."));
        }
        KRAFT_VERSION if level > current => {
            return Err(refuse(
                "This node cannot turn static voters into dynamic ones yet: format the directory with --standalone.",
            ));
        }
        KRAFT_VERSION => return Ok(()),
        _ if Feature::ALL.iter().all(|known| known.name() != feature) => {
            return Err(refuse(&format!("Feature {feature} not found.")));
        }
        _ => {}
    }
    let missing = Feature::from_name(feature).and_then(|known| known.missing_dependency(level, proposed));
    if let Some(reason) = missing {
        return Err(refuse(&reason));
    }
    records.push(
        FeatureLevelRecord {
            name: feature.to_owned(),
            feature_level: level,
            ..FeatureLevelRecord::default()
        }
        .into(),
    );
    Ok(())
}

/// Why a level cannot be set: who lacks it, in Kafka's words.
fn reason_not_supported(
    image: &MetadataImage,
    settings: &ControllerSettings,
    feature: &str,
    level: i16,
) -> Option<String> {
    let local = format!("Local controller {}", settings.node_id);
    let brokers =
        image.brokers.values().map(|b| (format!("Broker {}", b.id), b.features.get(feature).copied()));
    let controllers = image
        .controllers
        .values()
        .filter(|c| c.id != settings.node_id)
        .map(|c| (format!("Controller {}", c.id), c.features.get(feature).copied()));
    let mut nodes = std::iter::once((local, settings.supported_features.get(feature).copied()))
        .chain(brokers)
        .chain(controllers);
    nodes.find_map(|(who, range)| {
        let range = range.unwrap_or(VersionRange { min: 0, max: 0 });
        if (range.min..=range.max).contains(&level) {
            return None;
        }
        if range.max == 0 {
            return Some(format!("{who} does not support this feature."));
        }
        Some(format!("{who} only supports versions {}-{}", range.min, range.max))
    })
}

fn check_metadata_version(current: i16, level: i16, upgrade_type: i8) -> Result<(), ApiError> {
    let refuse = |reason: &str| {
        Err(ApiError::new(
            ResponseError::InvalidUpdateVersion,
            format!("Unsupported metadata.version downgrade from {current} to {level}. {reason}"),
        ))
    };
    if level >= current || !records::changed_between(level, current) {
        return Ok(());
    }
    match upgrade_type {
        SAFE_DOWNGRADE | UPGRADE => refuse(
            "Refusing to perform the requested downgrade because it might delete metadata information.",
        ),
        _ => refuse("Unsafe metadata downgrade is not supported in this version."),
    }
}

/// What must hold before ISRs may be empty: `min.insync.replicas` is set for the cluster (as this node's own settings have
/// it, unless it is), and for no single broker.
pub(crate) fn elr_safety_records(
    image: &MetadataImage,
    settings: &ControllerSettings,
) -> Vec<MetadataRecord> {
    let key = MIN_ISR;
    let record = |name: &str, value: Option<String>| -> MetadataRecord {
        ConfigRecord {
            resource_type: ResourceType::Broker.code(),
            resource_name: name.to_owned(),
            name: key.to_owned(),
            value,
            ..ConfigRecord::default()
        }
        .into()
    };
    let mut records = Vec::new();
    if image.config(ResourceType::Broker, "", key).is_none() {
        let own = settings.schema.inherited_topic_value(&MetadataImage::default(), key);
        records.push(record("", Some(own.unwrap_or_else(|| "1".to_owned()))));
    }
    for (resource, configs) in &image.configs {
        if resource.kind == ResourceType::Broker && !resource.name.is_empty() && configs.contains_key(key) {
            records.push(record(&resource.name, None));
        }
    }
    records
}
