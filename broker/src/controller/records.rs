//! The records of the metadata log, and what each level of `metadata.version` allows in them.

pub(crate) use medallion_wire::internal_records::metadata_records::{
    AccessControlEntryRecord, BrokerRegistrationChangeRecord, ClearElrRecord, ClientQuotaRecord,
    ConfigRecord, DelegationTokenRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionRecord,
    ProducerIdsRecord, RegisterBrokerRecord, RegisterControllerRecord, RemoveTopicRecord,
    RemoveUserScramCredentialRecord, TopicRecord, UnregisterBrokerRecord, UserScramCredentialRecord,
    ZkMigrationStateRecord,
};
pub(crate) use medallion_wire::internal_records::{MetadataRecord, MetadataVersion};

use medallion_wire::internal_records::metadata_records::{
    client_quota_record::EntityData,
    register_broker_record::{BrokerEndpoint, BrokerFeature},
    register_controller_record::{ControllerEndpoint, ControllerFeature},
};

use super::image::{MetadataImage, QuotaEntity};

/// The level that brought directory ids into partition and broker records (3.7-IV2, KIP-858).
const DIRECTORIES_LEVEL: i16 = 17;
/// The level that brought registrations of controllers (3.7-IV0, KIP-919).
const CONTROLLER_REGISTRATION_LEVEL: i16 = 15;
/// The levels that changed records in a way that an older level cannot hold (Kafka's `didMetadataChange`).
const LEVELS_WITH_CHANGES: [i16; 8] = [8, 11, 13, 14, 15, 17, 23, 30];

/// Whether partition records carry directory ids.
pub(crate) fn has_directories(image: &MetadataImage) -> bool {
    image.features.metadata_version() >= DIRECTORIES_LEVEL
}

/// Whether controllers register themselves.
pub(crate) fn has_controller_registration(image: &MetadataImage) -> bool {
    image.features.metadata_version() >= CONTROLLER_REGISTRATION_LEVEL
}

/// Whether records can be put into transactions.
pub(crate) fn has_transactions(image: &MetadataImage) -> bool {
    MetadataVersion::from_level(image.features.metadata_version())
        .is_some_and(MetadataVersion::has_transactions)
}

/// Whether any level above `low`, up to `high`, changed the records.
pub(crate) fn changed_between(low: i16, high: i16) -> bool {
    LEVELS_WITH_CHANGES.iter().any(|level| (low + 1..=high).contains(level))
}

/// Applies records to a scratch image, for decisions in several steps.
pub(crate) fn apply_all(image: &mut MetadataImage, records: &[MetadataRecord]) {
    for record in records {
        let applied = image.apply(record, &mut super::image::delta::Changes::default());
        debug_assert!(applied.is_ok(), "a decision's own record applies: {applied:?}");
    }
}

/// A listener in a broker's registration.
pub(crate) fn broker_endpoint(name: &str, host: &str, port: u16, security_protocol: i16) -> BrokerEndpoint {
    let (name, host) = (name.to_owned(), host.to_owned());
    BrokerEndpoint { name, host, port, security_protocol, ..BrokerEndpoint::default() }
}

/// A feature in a broker's registration.
pub(crate) fn broker_feature(name: &str, min: i16, max: i16) -> BrokerFeature {
    BrokerFeature {
        name: name.to_owned(),
        min_supported_version: min,
        max_supported_version: max,
        ..BrokerFeature::default()
    }
}

/// A listener in a controller's registration.
pub(crate) fn controller_endpoint(
    name: &str,
    host: &str,
    port: u16,
    security_protocol: i16,
) -> ControllerEndpoint {
    let (name, host) = (name.to_owned(), host.to_owned());
    ControllerEndpoint { name, host, port, security_protocol, ..ControllerEndpoint::default() }
}

/// A feature in a controller's registration.
pub(crate) fn controller_feature(name: &str, min: i16, max: i16) -> ControllerFeature {
    ControllerFeature {
        name: name.to_owned(),
        min_supported_version: min,
        max_supported_version: max,
        ..ControllerFeature::default()
    }
}

/// A quota's entity in a record.
pub(crate) fn quota_entity(entity: &QuotaEntity) -> Vec<EntityData> {
    let part = |(kind, name): (&std::sync::Arc<str>, &Option<std::sync::Arc<str>>)| EntityData {
        entity_type: kind.to_string(),
        entity_name: name.as_ref().map(ToString::to_string),
        ..EntityData::default()
    };
    entity.0.iter().map(part).collect()
}
