//! Random commands: whatever comes, the invariants hold, and a snapshot gives the same image again.

use proptest::prelude::*;

use super::*;

/// Something that a client, a broker or an accident does.
#[derive(Debug, Clone)]
enum Step {
    Create { topic: u8, partitions: i32, factor: i16 },
    Delete { topic: u8 },
    More { topic: u8, count: i32 },
    Configure { topic: u8, value: Option<u8> },
    Quota { user: u8, value: u8 },
    Elr { level: i16 },
    Start { broker: i32, after_a_kill: bool },
    Stop { broker: i32 },
    Unregister { broker: i32 },
    Move { topic: u8, to: Vec<i32> },
    Elect { unclean: bool },
    Join { topic: u8, isr: Vec<i32> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let topic = || 0..3_u8;
    let broker = || 1..=3_i32;
    let step = prop_oneof![
        (topic(), 1..4_i32, 1..4_i16).prop_map(|(topic, partitions, factor)| Step::Create {
            topic,
            partitions,
            factor
        }),
        topic().prop_map(|topic| Step::Delete { topic }),
        (topic(), 1..6_i32).prop_map(|(topic, count)| Step::More { topic, count }),
        (topic(), proptest::option::of(1..3_u8)).prop_map(|(topic, value)| Step::Configure { topic, value }),
        (0..2_u8, 0..3_u8).prop_map(|(user, value)| Step::Quota { user, value }),
        (0..2_i16).prop_map(|level| Step::Elr { level }),
        (broker(), any::<bool>()).prop_map(|(broker, after_a_kill)| Step::Start { broker, after_a_kill }),
        broker().prop_map(|broker| Step::Stop { broker }),
        broker().prop_map(|broker| Step::Unregister { broker }),
        (topic(), proptest::collection::vec(1..=3_i32, 0..3))
            .prop_map(|(topic, to)| Step::Move { topic, to }),
        any::<bool>().prop_map(|unclean| Step::Elect { unclean }),
        (topic(), proptest::collection::vec(1..=3_i32, 1..4))
            .prop_map(|(topic, isr)| Step::Join { topic, isr }),
    ];
    proptest::collection::vec(step, 1..40)
}

fn named(topic: u8) -> TopicName {
    name(&format!("t{topic}"))
}

impl Step {
    fn commands(&self, image: &MetadataImage, serial: u128) -> Vec<Command> {
        let epoch = |broker: i32| image.brokers.get(&broker).map_or(-1, |found| found.epoch);
        match self {
            Self::Create { topic: index, partitions, factor } => {
                let topics = vec![topic(&format!("t{index}"), *partitions, *factor)];
                vec![Command::CreateTopics(m::CreateTopicsRequest::default().with_topics(topics))]
            }
            Self::Delete { topic } => {
                let names = vec![named(*topic)];
                vec![Command::DeleteTopics(m::DeleteTopicsRequest::default().with_topic_names(names))]
            }
            Self::More { topic, count } => {
                let topic = m::create_partitions_request::CreatePartitionsTopic::default()
                    .with_name(named(*topic))
                    .with_count(*count)
                    .with_assignments(None);
                vec![Command::CreatePartitions(
                    m::CreatePartitionsRequest::default().with_topics(vec![topic]),
                )]
            }
            Self::Start { broker, after_a_kill } => {
                let previous = if *after_a_kill { -1 } else { epoch(*broker) };
                let request = registration(*broker, serial + 100).with_previous_broker_epoch(previous);
                vec![Command::RegisterBroker(request)]
            }
            Self::Stop { broker } => {
                let stop = m::BrokerHeartbeatRequest::default()
                    .with_broker_id(BrokerId(*broker))
                    .with_broker_epoch(epoch(*broker))
                    .with_want_shut_down(true);
                vec![Command::BrokerHeartbeat(stop.clone()), Command::BrokerHeartbeat(stop)]
            }
            Self::Unregister { broker } => {
                let request = m::UnregisterBrokerRequest::default().with_broker_id(BrokerId(*broker));
                vec![Command::UnregisterBroker(request)]
            }
            Self::Elect { unclean } => {
                let request = m::ElectLeadersRequest::default()
                    .with_election_type(i8::from(*unclean))
                    .with_topic_partitions(None);
                vec![Command::ElectLeaders(request)]
            }
            Self::Configure { .. } | Self::Quota { .. } | Self::Elr { .. } => vec![self.setting()],
            Self::Move { topic, to } => vec![reassignment(*topic, to)],
            Self::Join { topic, isr } => isr_change(image, *topic, isr).into_iter().collect(),
        }
    }

    fn setting(&self) -> Command {
        match self {
            Self::Configure { topic, value } => {
                let config = m::incremental_alter_configs_request::AlterableConfig::default()
                    .with_name("min.insync.replicas".into())
                    .with_config_operation(i8::from(value.is_none()))
                    .with_value(value.map(|value| value.to_string().into()));
                let resource = m::incremental_alter_configs_request::AlterConfigsResource::default()
                    .with_resource_type(2)
                    .with_resource_name(named(*topic).0)
                    .with_configs(vec![config]);
                let request = m::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
                Command::IncrementalAlterConfigs(request)
            }
            Self::Quota { user, value } => {
                let entity = m::alter_client_quotas_request::EntityData::default()
                    .with_entity_type("user".into())
                    .with_entity_name(Some(user.to_string().into()));
                let operation = m::alter_client_quotas_request::OpData::default()
                    .with_key("producer_byte_rate".into())
                    .with_value(f64::from(*value))
                    .with_remove(*value == 0);
                let entry = m::alter_client_quotas_request::EntryData::default()
                    .with_entity(vec![entity])
                    .with_ops(vec![operation]);
                let request = m::AlterClientQuotasRequest::default().with_entries(vec![entry]);
                Command::AlterClientQuotas(QuotaAlteration { request, ..QuotaAlteration::default() })
            }
            Self::Elr { level } => {
                let change = m::update_features_request::FeatureUpdateKey::default()
                    .with_feature("eligible.leader.replicas.version".into())
                    .with_max_version_level(*level)
                    .with_upgrade_type(if *level == 0 { 2 } else { 1 });
                Command::UpdateFeatures(
                    m::UpdateFeaturesRequest::default().with_feature_updates(vec![change]),
                )
            }
            other => unreachable!("{other:?} is no setting"),
        }
    }
}

fn reassignment(topic: u8, to: &[i32]) -> Command {
    let mut distinct = to.to_vec();
    distinct.dedup();
    let replicas = (!distinct.is_empty()).then(|| distinct.into_iter().map(BrokerId).collect());
    let partition =
        m::alter_partition_reassignments_request::ReassignablePartition::default().with_replicas(replicas);
    let topic = m::alter_partition_reassignments_request::ReassignableTopic::default()
        .with_name(named(topic))
        .with_partitions(vec![partition]);
    let request = m::AlterPartitionReassignmentsRequest::default()
        .with_allow_replication_factor_change(true)
        .with_topics(vec![topic]);
    Command::AlterPartitionReassignments(request)
}

/// The leader of partition 0 tells another ISR.
fn isr_change(image: &MetadataImage, topic: u8, isr: &[i32]) -> Option<Command> {
    let topic = image.topics.by_name(&format!("t{topic}"))?;
    let partition = topic.partitions.values().next()?;
    let mut isr = isr.to_vec();
    isr.push(partition.leader);
    isr.sort_unstable();
    isr.dedup();
    let state = |id| {
        m::alter_partition_request::BrokerState::default().with_broker_id(BrokerId(id)).with_broker_epoch(-1)
    };
    let change = m::alter_partition_request::PartitionData::default()
        .with_leader_epoch(partition.leader_epoch.get())
        .with_partition_epoch(partition.partition_epoch)
        .with_new_isr_with_epochs(isr.into_iter().map(state).collect());
    let topic = m::alter_partition_request::TopicData::default()
        .with_topic_id(topic.id.0)
        .with_partitions(vec![change]);
    let request = m::AlterPartitionRequest::default()
        .with_broker_id(BrokerId(partition.leader))
        .with_broker_epoch(image.brokers.get(&partition.leader)?.epoch)
        .with_topics(vec![topic]);
    Some(Command::AlterPartition(request))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_image_is_sound_and_a_snapshot_is_the_same(steps in steps()) {
        let mut cluster = Cluster::of_one_broker();
        for (serial, step) in (0..).zip(&steps) {
            for command in step.commands(cluster.image(), serial) {
                if let Ok(decision) = cluster.decide(command) {
                    cluster.apply(&decision.records);
                }
            }
            if let Step::Start { broker, .. } = step {
                let epoch = cluster.image().brokers.get(broker).map_or(-1, |found| found.epoch);
                let heartbeat = m::BrokerHeartbeatRequest::default()
                    .with_broker_id(BrokerId(*broker))
                    .with_broker_epoch(epoch);
                cluster.run(Command::BrokerHeartbeat(heartbeat));
            }
            cluster.image().check_invariants();
        }
        let mut again = MetadataImage::empty(&cluster.image().cluster_id);
        for record in cluster.image().snapshot_records() {
            again.apply(&record, &mut Changes::default()).unwrap();
        }
        prop_assert_eq!(&again, cluster.image());
    }
}
