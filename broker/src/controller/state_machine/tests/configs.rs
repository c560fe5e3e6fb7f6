//! Configs, features, quotas and producer ids.

use medallion_wire::ResponseError as E;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};

use super::*;

fn alter(
    cluster: &mut Cluster,
    kind: i8,
    resource: &str,
    changes: &[(&str, i8, Option<&str>)],
) -> (i16, String) {
    let config = |(key, operation, value): &(&str, i8, Option<&str>)| {
        AlterableConfig::default()
            .with_name((*key).to_owned().into())
            .with_config_operation(*operation)
            .with_value(value.map(|value| value.to_owned().into()))
    };
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(resource.to_owned().into())
        .with_configs(changes.iter().map(config).collect());
    let request = m::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let decision = cluster.run(Command::IncrementalAlterConfigs(request));
    let Reply::IncrementalAlterConfigs(response) = decision.reply else { panic!() };
    let result = &response.responses[0];
    (result.error_code, result.error_message.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[test]
fn single_configs_are_set_deleted_and_appended_to() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let policy = |cluster: &Cluster| {
        cluster.image().config(ResourceType::Topic, "t", "cleanup.policy").map(|value| value.to_string())
    };
    assert_eq!(alter(&mut cluster, 2, "t", &[("cleanup.policy", 2, Some("compact"))]).0, 0);
    assert_eq!(policy(&cluster).as_deref(), Some("delete,compact"), "appended to the default");
    assert_eq!(alter(&mut cluster, 2, "t", &[("cleanup.policy", 3, Some("delete"))]).0, 0);
    assert_eq!(policy(&cluster).as_deref(), Some("compact"));
    assert_eq!(alter(&mut cluster, 2, "t", &[("cleanup.policy", 1, None)]).0, 0);
    assert_eq!(policy(&cluster), None);
    assert!(!cluster.image().configs.contains_key(&ConfigResource::new(ResourceType::Topic, "t")));
}

#[test]
fn wrong_config_changes_have_kafkas_codes() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let set = |key| [(key, 0, Some("1"))];
    let mut code = |kind, resource: &str, changes: &[(&str, i8, Option<&str>)]| {
        alter(&mut cluster, kind, resource, changes)
    };
    assert_eq!(
        code(2, "absent", &set("retention.ms")),
        (E::UnknownTopicOrPartition.code(), "The topic 'absent' does not exist.".to_owned())
    );
    assert_eq!(code(2, "", &set("retention.ms")).0, E::InvalidRequest.code());
    assert_eq!(code(2, "t", &set("nonsense")).0, E::InvalidConfig.code());
    assert_eq!(
        code(2, "t", &[("retention.ms", 0, None)]),
        (E::InvalidRequest.code(), "Null value not supported for : retention.ms".to_owned())
    );
    assert_eq!(
        code(2, "t", &[("retention.ms", 2, Some("1"))]),
        (
            E::InvalidConfig.code(),
            "Can't APPEND to key retention.ms because its type is not LIST.".to_owned()
        )
    );
    assert_eq!(
        code(2, "t", &[("retention.ms", 0, Some("1")), ("retention.ms", 1, None)]).1,
        "Error due to duplicate config keys"
    );
    assert_eq!(code(4, "2", &set("x")).1, "Unexpected broker id, expected 1, but received 2");
    assert_eq!(code(4, "x", &set("x")).1, "Node id must be an integer, but it is: x");
    assert_eq!(
        code(4, "1", &[("log.retention.ms", 2, Some("1"))]).1,
        "Config value append is not allowed for config key: log.retention.ms"
    );
    assert_eq!(code(4, "1", &[("absent", 3, Some("1"))]).1, "Unknown config name: absent");
    let on_nothing = code(2, "a/b", &[("retention.ms", 3, Some("1"))]);
    assert_eq!(on_nothing.0, E::InvalidConfig.code(), "what is to change comes before the topic's name");
    assert_eq!(code(2, "a/b", &set("retention.ms")).0, E::InvalidTopicException.code());
    assert_eq!(code(77, "t", &set("x")).1, "Unknown resource type 77");
    assert_eq!(code(4, "1", &set("x")).0, 0);
}

#[test]
fn legacy_changes_replace_everything() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    alter(&mut cluster, 2, "t", &[("retention.ms", 0, Some("1")), ("cleanup.policy", 0, Some("compact"))]);
    let config = m::alter_configs_request::AlterableConfig::default()
        .with_name("retention.ms".into())
        .with_value(Some("2".into()));
    let resource = m::alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name("t".into())
        .with_configs(vec![config]);
    let request = m::AlterConfigsRequest::default().with_resources(vec![resource]);
    cluster.run(Command::AlterConfigs(request));
    let configs = cluster.image().configs_of(ResourceType::Topic, "t");
    assert_eq!(configs.len(), 1);
    assert_eq!(configs.get("retention.ms").map(|value| &**value), Some("2"));
}

fn update(cluster: &mut Cluster, feature: &'static str, level: i16, upgrade_type: i8) -> (i16, String) {
    let change = m::update_features_request::FeatureUpdateKey::default()
        .with_feature(feature.into())
        .with_max_version_level(level)
        .with_upgrade_type(upgrade_type);
    let request = m::UpdateFeaturesRequest::default().with_feature_updates(vec![change]);
    let Reply::UpdateFeatures(response) = cluster.run(Command::UpdateFeatures(request)).reply else {
        panic!()
    };
    (response.error_code, response.error_message.map(|text| text.to_string()).unwrap_or_default())
}

#[test]
fn features_move_within_what_is_supported() {
    let mut cluster = Cluster::of_one_broker();
    let (code, text) = update(&mut cluster, "metadata.version", 31, 1);
    assert_eq!(code, E::InvalidUpdateVersion.code());
    assert!(text.ends_with("Local controller 1 only supports versions 7-30"), "{text}");
    let (code, text) = update(&mut cluster, "metadata.version", 29, 1);
    assert_eq!(code, E::InvalidUpdateVersion.code());
    assert!(text.contains("without setting the upgrade type"), "{text}");
    let (_, text) = update(&mut cluster, "metadata.version", 29, 2);
    assert!(text.ends_with("because it might delete metadata information."), "{text}");
    let (_, text) = update(&mut cluster, "nonsense", 1, 1);
    assert!(text.ends_with("Local controller 1 does not support this feature."), "{text}");
    let (code, text) = update(&mut cluster, "nonsense", 0, 1);
    assert_eq!(code, E::InvalidUpdateVersion.code());
    assert!(text.ends_with("Feature nonsense not found."), "{text}");
    assert_eq!(update(&mut cluster, "share.version", 0, 2).0, 0);
    assert_eq!(cluster.image().features.level("share.version"), 0);
    assert_eq!(update(&mut cluster, "share.version", 1, 1).0, 0);
    assert_eq!(update(&mut cluster, "kraft.version", 0, 1).0, 0);
}

#[test]
fn min_isr_stays_set_for_the_cluster_alone_with_eligible_leader_replicas() {
    let mut cluster = Cluster::of_one_broker();
    assert_eq!(cluster.image().features.level("eligible.leader.replicas.version"), 1);
    let key = "min.insync.replicas";
    let invalid = E::InvalidConfig.code();
    assert_eq!(alter(&mut cluster, 4, "", &[(key, 0, Some("2"))]).0, 0);
    assert_eq!(
        alter(&mut cluster, 4, "", &[(key, 1, None)]),
        (invalid, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.".to_owned())
    );
    for change in [(key, 0, Some("2")), (key, 1, None)] {
        assert_eq!(
            alter(&mut cluster, 4, "1", &[change]),
            (invalid, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.".to_owned())
        );
    }
    cluster.create(topic("t", 1, 1));
    assert_eq!(alter(&mut cluster, 2, "t", &[(key, 0, Some("2"))]).0, 0);
    assert_eq!(alter(&mut cluster, 2, "t", &[(key, 1, None)]).0, 0);
}

fn quota(
    cluster: &mut Cluster,
    entity: &[(&'static str, Option<&'static str>)],
    key: &'static str,
    value: f64,
) -> (i16, String) {
    let part = |(kind, name): &(&'static str, Option<&'static str>)| {
        m::alter_client_quotas_request::EntityData::default()
            .with_entity_type((*kind).into())
            .with_entity_name(name.map(Into::into))
    };
    let operation = m::alter_client_quotas_request::OpData::default()
        .with_key(key.into())
        .with_value(value)
        .with_remove(value == 0.0);
    let entry = m::alter_client_quotas_request::EntryData::default()
        .with_entity(entity.iter().map(part).collect())
        .with_ops(vec![operation]);
    let request = m::AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let alteration =
        QuotaAlteration { request, unknown_hosts: std::iter::once("nowhere".to_owned()).collect() };
    let Reply::AlterClientQuotas(response) = cluster.run(Command::AlterClientQuotas(alteration)).reply else {
        panic!()
    };
    let result = &response.entries[0];
    (result.error_code, result.error_message.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[test]
fn quotas_are_checked_set_and_removed() {
    let mut cluster = Cluster::of_one_broker();
    let user = [("user", Some("alice"))];
    assert_eq!(quota(&mut cluster, &user, "producer_byte_rate", 5.0).0, 0);
    assert_eq!(cluster.image().client_quotas.len(), 1);
    assert_eq!(quota(&mut cluster, &user, "producer_byte_rate", 0.0).0, 0);
    assert!(cluster.image().client_quotas.is_empty());
    let invalid = |text: &str| (E::InvalidRequest.code(), text.to_owned());
    assert_eq!(quota(&mut cluster, &user, "nonsense", 1.0), invalid("Invalid configuration key nonsense"));
    assert_eq!(
        quota(&mut cluster, &user, "producer_byte_rate", -1.0),
        invalid("Quota producer_byte_rate must be greater than 0")
    );
    assert_eq!(
        quota(&mut cluster, &user, "producer_byte_rate", 1.5),
        invalid("producer_byte_rate cannot be a fractional value.")
    );
    assert_eq!(
        quota(&mut cluster, &[], "producer_byte_rate", 1.0),
        invalid("Invalid empty client quota entity")
    );
    assert_eq!(
        quota(&mut cluster, &[("moon", None)], "producer_byte_rate", 1.0),
        invalid("Unhandled client quota entity type: moon")
    );
    assert_eq!(quota(&mut cluster, &[("ip", Some("127.0.0.1"))], "connection_creation_rate", 3.0).0, 0);
    assert_eq!(quota(&mut cluster, &[("ip", Some("localhost"))], "connection_creation_rate", 3.0).0, 0);
    assert_eq!(
        quota(&mut cluster, &[("ip", Some("nowhere"))], "connection_creation_rate", 3.0),
        invalid("nowhere is not a valid IP or resolvable host.")
    );
    assert_eq!(
        quota(&mut cluster, &[("ip", None), ("user", None)], "connection_creation_rate", 3.0),
        invalid("Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId")
    );
    assert_eq!(
        quota(&mut cluster, &[("ip", None)], "producer_byte_rate", 3.0),
        invalid("Invalid configuration key producer_byte_rate")
    );
    assert_eq!(
        quota(&mut cluster, &[("ip", None)], "connection_creation_rate", 3e9),
        invalid("Proposed value for connection_creation_rate is too large for an INT.")
    );
    assert_eq!(
        quota(&mut cluster, &[("client-id", Some(""))], "request_percentage", 3.0),
        invalid("Empty client-id not supported")
    );
    assert_eq!(quota(&mut cluster, &[("client-id", None)], "request_percentage", 0.5).0, 0);
}

#[test]
fn of_quotas_that_name_an_entity_or_a_key_twice_only_the_first_entity_is_set() {
    let mut cluster = Cluster::of_one_broker();
    let operation = |value| {
        m::alter_client_quotas_request::OpData::default()
            .with_key("producer_byte_rate".into())
            .with_value(value)
    };
    let entry = |user: &'static str, values: &[f64]| {
        let part = m::alter_client_quotas_request::EntityData::default()
            .with_entity_type("user".into())
            .with_entity_name(Some(user.into()));
        m::alter_client_quotas_request::EntryData::default()
            .with_entity(vec![part])
            .with_ops(values.iter().map(|value| operation(*value)).collect())
    };
    let entries = vec![entry("a", &[1.0]), entry("b", &[2.0, 3.0]), entry("a", &[4.0]), entry("c", &[5.0])];
    let request = m::AlterClientQuotasRequest::default().with_entries(entries);
    let command = Command::AlterClientQuotas(QuotaAlteration { request, ..QuotaAlteration::default() });
    let Reply::AlterClientQuotas(response) = cluster.run(command).reply else { panic!() };
    let said: Vec<_> = response
        .entries
        .iter()
        .map(|entry| (entry.error_code, entry.error_message.as_ref().map(ToString::to_string)))
        .collect();
    let duplicate = |user: &str| {
        let message = format!("Ignoring duplicate entity ClientQuotaEntity(entries={{user={user}}})");
        (E::InvalidRequest.code(), Some(message))
    };
    assert_eq!(said, [duplicate("a"), duplicate("b"), (0, None)]);
    let values: Vec<f64> =
        cluster.image().client_quotas.values().flat_map(|quotas| quotas.values().copied()).collect();
    assert_eq!(format!("{values:?}"), "[1.0, 5.0]");
}

#[test]
fn producer_ids_come_in_blocks_of_a_thousand() {
    let mut cluster = Cluster::of_one_broker();
    let epoch = cluster.image().brokers.get(&1).unwrap().epoch;
    let request =
        m::AllocateProducerIdsRequest::default().with_broker_id(BrokerId(1)).with_broker_epoch(epoch);
    for expected in [0, 1000, 2000] {
        let Reply::AllocateProducerIds(response) =
            cluster.run(Command::AllocateProducerIds(request.clone())).reply
        else {
            panic!()
        };
        assert_eq!((response.producer_id_start.0, response.producer_id_len), (expected, 1000));
    }
    let stale = request.with_broker_epoch(epoch - 1);
    assert_eq!(cluster.decide(Command::AllocateProducerIds(stale)).unwrap_err().error, E::StaleBrokerEpoch);
}

#[test]
fn brokers_are_registered_only_into_their_cluster() {
    let mut cluster = Cluster::of_one_broker();
    let mut refusal = |request| cluster.decide(Command::RegisterBroker(request)).unwrap_err().error;
    assert_eq!(refusal(registration(2, 5).with_cluster_id("other".into())), E::InconsistentClusterId);
    assert_eq!(refusal(registration(2, 5).with_log_dirs(Vec::new())), E::InvalidRegistration);
    assert_eq!(refusal(registration(2, 5).with_log_dirs(vec![Uuid::from_u128(1)])), E::InvalidRegistration);
    let mut old = registration(2, 5);
    old.features.retain(|feature| feature.name.as_str() == "metadata.version");
    assert_eq!(refusal(old), E::UnsupportedVersion);
}

#[test]
fn a_leader_of_one_fences_the_others() {
    let mut cluster = Cluster::of_one_broker();
    cluster.register(registration(2, 22));
    let records = cluster.machine.activation_records();
    cluster.apply(&records);
    assert!(cluster.image().brokers.get(&2).unwrap().fenced);
    assert!(!cluster.image().brokers.get(&1).unwrap().fenced);
    assert!(cluster.machine.activation_records().is_empty());
}

#[test]
fn min_isr_of_brokers_is_guarded_while_elr_is_on() {
    let mut cluster = Cluster::of_one_broker();
    assert!(cluster.image().features.is_elr_enabled());
    let min_isr = |operation, value| [("min.insync.replicas", operation, value)];
    let invalid = |text: &str| (E::InvalidConfig.code(), text.to_owned());
    let on_broker = "Broker-level min.insync.replicas cannot be altered while ELR is enabled.";
    let removed = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.";
    assert_eq!(alter(&mut cluster, 4, "1", &min_isr(0, Some("2"))), invalid(on_broker));
    assert_eq!(alter(&mut cluster, 4, "", &min_isr(1, None)), invalid(removed));
    assert_eq!(alter(&mut cluster, 4, "", &min_isr(0, Some("2"))).0, 0);
    let resource = m::alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(4)
        .with_configs(Vec::new());
    let request = m::AlterConfigsRequest::default().with_resources(vec![resource]);
    let Reply::AlterConfigs(response) = cluster.run(Command::AlterConfigs(request)).reply else { panic!() };
    assert_eq!(response.responses[0].error_message.as_deref(), Some(removed), "left out is removed");
    update(&mut cluster, "eligible.leader.replicas.version", 0, 2);
    assert_eq!(alter(&mut cluster, 4, "1", &min_isr(0, Some("2"))).0, 0);
    assert_eq!(alter(&mut cluster, 4, "", &min_isr(1, None)).0, 0);
}

/// With another `min.insync.replicas`, who was eligible before may not be so any more.
#[test]
fn a_changed_min_isr_clears_the_eligible_replicas() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let changed = |kind, resource: &'static str, key: &'static str| {
        let config = AlterableConfig::default().with_name(key.into()).with_value(Some("2".into()));
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(resource.into())
            .with_configs(vec![config]);
        Command::IncrementalAlterConfigs(
            m::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]),
        )
    };
    let cleared = |records: &[MetadataRecord]| -> Vec<String> {
        let names = records.iter().filter_map(|record| match record {
            MetadataRecord::ClearElr(record) => Some(record.topic_name.clone()),
            _ => None,
        });
        names.collect()
    };
    let command = changed(2, "t", "min.insync.replicas");
    assert_eq!(cleared(&cluster.decide(command).unwrap().records), ["t"]);
    let command = changed(4, "", "min.insync.replicas");
    assert_eq!(cleared(&cluster.decide(command).unwrap().records), [""]);
    let command = changed(2, "t", "retention.ms");
    assert!(cleared(&cluster.decide(command).unwrap().records).is_empty());

    let config = m::create_topics_request::CreatableTopicConfig::default()
        .with_name("min.insync.replicas".into())
        .with_value(Some("2".into()));
    let request =
        m::CreateTopicsRequest::default().with_topics(vec![topic("new", 1, 1).with_configs(vec![config])]);
    let decision = cluster.run(Command::CreateTopics(request));
    assert_eq!(cleared(&decision.records), ["new"]);
    update(&mut cluster, "eligible.leader.replicas.version", 0, 2);
    let command = changed(2, "t", "min.insync.replicas");
    assert!(cleared(&cluster.decide(command).unwrap().records).is_empty());
}

#[test]
fn values_that_are_too_long_are_refused() {
    let mut cluster = Cluster::of_one_broker();
    let (long, longest) = ("v".repeat(32_768), "v".repeat(32_767));
    assert_eq!(
        alter(&mut cluster, 4, "1", &[("k", 0, Some(&long))]),
        (
            E::InvalidConfig.code(),
            "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes."
                .to_owned()
        )
    );
    assert_eq!(alter(&mut cluster, 4, "1", &[("k", 0, Some(&longest))]).0, 0);
    let config = m::create_topics_request::CreatableTopicConfig::default()
        .with_name("cleanup.policy".into())
        .with_value(Some(long.into()));
    assert_eq!(cluster.create(topic("t", 1, 1).with_configs(vec![config])).0, E::InvalidConfig.code());
}

#[test]
fn features_wait_for_those_that_they_depend_on() {
    let mut cluster = Cluster::with(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"));
    let version = medallion_wire::internal_records::metadata_records::FeatureLevelRecord {
        name: "metadata.version".to_owned(),
        feature_level: 22,
        ..Default::default()
    };
    cluster.apply(&[version.into()]);
    let elr = "eligible.leader.replicas.version";
    let (code, text) = update(&mut cluster, elr, 1, 1);
    assert_eq!(code, E::InvalidUpdateVersion.code(), "{text}");
    assert!(
        text.ends_with(&format!(
            "Invalid update version 1 for feature {elr}. {elr} could not be set to 1 because it depends on \
             metadata.version level 23"
        )),
        "{text}"
    );
    assert!(!cluster.image().features.is_elr_enabled());
    assert_eq!(update(&mut cluster, "metadata.version", 23, 1), (0, String::new()));
    assert_eq!(update(&mut cluster, elr, 1, 1), (0, String::new()));
}

#[test]
fn downgrades_are_refused_in_kafkas_words() {
    let mut cluster = Cluster::of_one_broker();
    let prefix = "The update failed for all features since the following feature had an error: \
                  Unsupported metadata.version downgrade from 30 to 29. ";
    for (upgrade_type, reason) in [
        (2, "Refusing to perform the requested downgrade because it might delete metadata information."),
        (3, "Unsafe metadata downgrade is not supported in this version."),
    ] {
        let (code, text) = update(&mut cluster, "metadata.version", 29, upgrade_type);
        assert_eq!((code, text), (E::InvalidUpdateVersion.code(), format!("{prefix}{reason}")));
    }
}

#[test]
fn a_directory_belongs_to_one_broker() {
    let mut cluster = Cluster::of_one_broker();
    let refusal = |cluster: &mut Cluster, request| {
        let error = cluster.decide(Command::RegisterBroker(request)).unwrap_err();
        (error.error, error.message.unwrap_or_default())
    };
    let taken = Uuid::from_u128(1001);
    assert_eq!(
        refusal(&mut cluster, registration(2, 5).with_log_dirs(vec![taken])),
        (
            E::InvalidRegistration,
            "Broker 1 is already registered with directory AAAAAAAAAAAAAAAAAAAD6Q".to_owned()
        )
    );
    let mut nameless = registration(2, 5);
    nameless.features.retain(|feature| feature.name.as_str() != "metadata.version");
    assert_eq!(
        refusal(&mut cluster, nameless),
        (E::InvalidRegistration, "Request features do not contain 'metadata.version'".to_owned())
    );
    let reserved = registration(2, 5).with_log_dirs(vec![Uuid::from_u128(99)]);
    assert_eq!(refusal(&mut cluster, reserved).1, "Reserved directory ID in request");
}
