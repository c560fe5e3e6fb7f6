//! Partitions: more of them, their leaders, directories and moves.

use medallion_wire::ResponseError as E;
use medallion_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use medallion_wire::messages::create_partitions_request::CreatePartitionsTopic;
use medallion_wire::types::PartitionIndex;

use super::*;
use crate::controller::image::PartitionRegistration;

fn more(cluster: &mut Cluster, text: &str, count: i32) -> (i16, Option<String>) {
    let topic =
        CreatePartitionsTopic::default().with_name(name(text)).with_count(count).with_assignments(None);
    let request = m::CreatePartitionsRequest::default().with_topics(vec![topic]);
    let decision = cluster.run(Command::CreatePartitions(request));
    let Reply::CreatePartitions(response) = decision.reply else { panic!() };
    let result = &response.results[0];
    (result.error_code, result.error_message.as_ref().map(ToString::to_string))
}

fn partition(cluster: &Cluster, text: &str, index: i32) -> PartitionRegistration {
    let topic = cluster.image().topics.by_name(text).unwrap();
    topic.partitions.get(&PartitionIndex(index)).unwrap().as_ref().clone()
}

#[test]
fn partitions_only_become_more() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 2, 1));
    let invalid = |text: &str| (E::InvalidPartitions.code(), Some(text.to_owned()));
    assert_eq!(more(&mut cluster, "t", 2), invalid("Topic already has 2 partition(s)."));
    assert_eq!(
        more(&mut cluster, "t", 1),
        invalid("The topic t currently has 2 partition(s); 1 would not be an increase.")
    );
    assert_eq!(more(&mut cluster, "absent", 1), (E::UnknownTopicOrPartition.code(), None));
    assert_eq!(more(&mut cluster, "t", 5), (0, None));
    assert_eq!(cluster.image().topics.by_name("t").unwrap().partitions.len(), 5);
    assert_eq!(partition(&cluster, "t", 4).leader, 1);
}

fn elect(cluster: &mut Cluster, election_type: i8, text: &str) -> (i16, Option<String>) {
    let topic =
        m::elect_leaders_request::TopicPartitions::default().with_topic(name(text)).with_partitions(vec![0]);
    let request = m::ElectLeadersRequest::default()
        .with_election_type(election_type)
        .with_topic_partitions(Some(vec![topic]));
    let Reply::ElectLeaders(response) = cluster.run(Command::ElectLeaders(request)).reply else { panic!() };
    let result = &response.replica_election_results[0].partition_result[0];
    (result.error_code, result.error_message.as_ref().map(ToString::to_string))
}

#[test]
fn elections_on_one_node_are_never_needed() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let not_needed =
        (E::ElectionNotNeeded.code(), Some("Leader election not needed for topic partition.".to_owned()));
    assert_eq!(elect(&mut cluster, 0, "t"), not_needed);
    assert_eq!(elect(&mut cluster, 1, "t"), not_needed);
    assert_eq!(
        elect(&mut cluster, 0, "absent"),
        (E::UnknownTopicOrPartition.code(), Some("No such topic as absent".to_owned()))
    );
    let all = m::ElectLeadersRequest::default().with_topic_partitions(None);
    let Reply::ElectLeaders(response) = cluster.run(Command::ElectLeaders(all)).reply else { panic!() };
    assert!(response.replica_election_results[0].partition_result.is_empty());
    let odd = m::ElectLeadersRequest::default().with_election_type(9);
    assert_eq!(cluster.decide(Command::ElectLeaders(odd)).unwrap_err().error, E::InvalidRequest);
}

fn reassign(cluster: &mut Cluster, index: i32, replicas: Option<&[i32]>) -> (i16, Option<String>) {
    let replicas = replicas.map(|ids| ids.iter().copied().map(BrokerId).collect());
    let partition = ReassignablePartition::default().with_partition_index(index).with_replicas(replicas);
    let topic = ReassignableTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    let request = m::AlterPartitionReassignmentsRequest::default()
        .with_allow_replication_factor_change(true)
        .with_topics(vec![topic]);
    let decision = cluster.run(Command::AlterPartitionReassignments(request));
    let Reply::AlterPartitionReassignments(response) = decision.reply else { panic!() };
    let result = &response.responses[0].partitions[0];
    (result.error_code, result.error_message.as_ref().map(ToString::to_string))
}

#[test]
fn reassignments_on_one_node_have_kafkas_codes() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    assert_eq!(reassign(&mut cluster, 0, None), (E::NoReassignmentInProgress.code(), None));
    assert_eq!(
        reassign(&mut cluster, 3, None),
        (E::UnknownTopicOrPartition.code(), Some("Unable to find partition t:3.".to_owned()))
    );
    assert_eq!(reassign(&mut cluster, 0, Some(&[2])).0, E::InvalidReplicaAssignment.code());
    let before = partition(&cluster, "t", 0);
    assert_eq!(reassign(&mut cluster, 0, Some(&[1])), (0, None));
    assert_eq!(partition(&cluster, "t", 0), before, "nothing to move");
    let list = m::ListPartitionReassignmentsRequest::default().with_topics(None);
    let Reply::ListPartitionReassignments(response) =
        cluster.run(Command::ListPartitionReassignments(list)).reply
    else {
        panic!()
    };
    assert!(response.topics.is_empty());
}

#[test]
fn a_move_to_another_broker_waits_for_its_isr() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    cluster.register(registration(2, 22));
    assert_eq!(reassign(&mut cluster, 0, Some(&[2])), (0, None));
    let moving = partition(&cluster, "t", 0);
    assert_eq!((moving.replicas.as_slice(), moving.adding_replicas.as_slice()), (&[2, 1][..], &[2][..]));
    assert_eq!((moving.removing_replicas.as_slice(), moving.leader), (&[1][..], 1));
    let state = |id| {
        m::alter_partition_request::BrokerState::default().with_broker_id(BrokerId(id)).with_broker_epoch(-1)
    };
    let change = m::alter_partition_request::PartitionData::default()
        .with_leader_epoch(moving.leader_epoch.get())
        .with_partition_epoch(moving.partition_epoch)
        .with_new_isr_with_epochs(vec![state(1), state(2)]);
    let id = cluster.image().topics.by_name("t").unwrap().id;
    let topic =
        m::alter_partition_request::TopicData::default().with_topic_id(id.0).with_partitions(vec![change]);
    let epoch = cluster.image().brokers.get(&1).unwrap().epoch;
    let request = m::AlterPartitionRequest::default()
        .with_broker_id(BrokerId(1))
        .with_broker_epoch(epoch)
        .with_topics(vec![topic]);
    let Reply::AlterPartition(response) = cluster.run(Command::AlterPartition(request)).reply else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions[0].error_code, E::NewLeaderElected.code());
    let moved = partition(&cluster, "t", 0);
    assert_eq!((moved.replicas.as_slice(), moved.isr.as_slice(), moved.leader), (&[2][..], &[2][..], 2));
    assert!(!moved.is_reassigning());
    assert_eq!(moved.directories, [Uuid::from_u128(1002)]);
}

#[test]
fn directories_of_replicas_are_noted() {
    let mut cluster = Cluster::with(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"));
    let levels = Cluster::of_one_broker().image().snapshot_records().collect::<Vec<_>>();
    cluster.apply(&levels);
    let two = registration(1, 12).with_log_dirs(vec![Uuid::from_u128(1001), Uuid::from_u128(1002)]);
    cluster.register(two);
    cluster.create(topic("t", 1, 1));
    let unassigned = crate::controller::image::brokers::UNASSIGNED_DIRECTORY;
    assert_eq!(partition(&cluster, "t", 0).directories, [unassigned]);
    let id = cluster.image().topics.by_name("t").unwrap().id;
    let index = m::assign_replicas_to_dirs_request::PartitionData::default;
    let topic = m::assign_replicas_to_dirs_request::TopicData::default()
        .with_topic_id(id.0)
        .with_partitions(vec![index().with_partition_index(0), index().with_partition_index(9)]);
    let directory = m::assign_replicas_to_dirs_request::DirectoryData::default()
        .with_id(Uuid::from_u128(1002))
        .with_topics(vec![topic]);
    let epoch = cluster.image().brokers.get(&1).unwrap().epoch;
    let request = m::AssignReplicasToDirsRequest::default()
        .with_broker_id(BrokerId(1))
        .with_broker_epoch(epoch)
        .with_directories(vec![directory]);
    let Reply::AssignReplicasToDirs(response) =
        cluster.run(Command::AssignReplicasToDirs(request.clone())).reply
    else {
        panic!()
    };
    let codes: Vec<i16> = response.directories[0].topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [0, E::UnknownTopicOrPartition.code()]);
    assert_eq!(partition(&cluster, "t", 0).directories, [Uuid::from_u128(1002)]);
    assert_eq!(partition(&cluster, "t", 0).leader_epoch.get(), 0, "no new leader");
    assert!(cluster.run(Command::AssignReplicasToDirs(request)).records.is_empty(), "nothing new");
    let stale = m::AssignReplicasToDirsRequest::default().with_broker_id(BrokerId(1)).with_broker_epoch(-5);
    assert_eq!(cluster.decide(Command::AssignReplicasToDirs(stale)).unwrap_err().error, E::StaleBrokerEpoch);
}

#[test]
fn leaderless_partitions_get_their_leader_without_elr_too() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    let off = medallion_wire::internal_records::metadata_records::FeatureLevelRecord {
        name: "eligible.leader.replicas.version".to_owned(),
        feature_level: 0,
        ..Default::default()
    };
    cluster.apply(&[off.into()]);
    let before = partition(&cluster, "t", 0).leader_epoch.get();
    cluster.register(registration(1, 99));
    let after = partition(&cluster, "t", 0);
    assert_eq!((after.leader, after.isr.as_slice()), (1, &[1][..]));
    assert_eq!(after.leader_epoch.get(), before + 2, "fenced and unfenced");
}

#[test]
fn replicas_are_spread_over_racks() {
    let mut cluster = Cluster::of_one_broker();
    for id in 2..=6 {
        let rack = format!("rack{}", id % 3);
        cluster.register(registration(id, u128::try_from(id).unwrap()).with_rack(Some(rack.into())));
    }
    cluster.create(topic("t", 60, 3));
    let topic = cluster.image().topics.by_name("t").unwrap();
    let mut leaders = BTreeMap::new();
    for p in topic.partitions.values() {
        *leaders.entry(p.leader).or_insert(0) += 1;
        let racks: std::collections::BTreeSet<_> =
            p.replicas.iter().map(|id| cluster.image().brokers.get(id).unwrap().rack.clone()).collect();
        assert_eq!((p.replicas.len(), racks.len()), (3, 3), "{:?}", p.replicas);
    }
    assert_eq!(leaders.len(), 6, "every broker leads: {leaders:?}");
}

#[test]
fn a_changed_replication_factor_is_refused_in_kafkas_words() {
    let mut cluster = Cluster::of_one_broker();
    cluster.create(topic("t", 1, 1));
    cluster.register(registration(2, 22));
    let replicas = Some(vec![BrokerId(1), BrokerId(2)]);
    let partition = ReassignablePartition::default().with_partition_index(0).with_replicas(replicas);
    let topic = ReassignableTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    let request = m::AlterPartitionReassignmentsRequest::default()
        .with_allow_replication_factor_change(false)
        .with_topics(vec![topic]);
    let decision = cluster.run(Command::AlterPartitionReassignments(request));
    let Reply::AlterPartitionReassignments(response) = decision.reply else { panic!() };
    let result = &response.responses[0].partitions[0];
    assert_eq!(result.error_code, E::InvalidReplicationFactor.code());
    assert_eq!(result.error_message.as_deref(), Some("The replication factor is changed from 1 to 2"));
}

/// Who never led is not remembered as the last leader: -1 is no broker.
#[test]
fn nobody_is_remembered_as_the_last_leader_of_a_partition_without_one() {
    let mut cluster = Cluster::of_one_broker();
    cluster.register(registration(2, 22));
    let id = Uuid::from_u128(7 << 100);
    let records: [MetadataRecord; 2] = [
        crate::controller::records::TopicRecord { name: "t".to_owned(), topic_id: id, ..Default::default() }
            .into(),
        crate::controller::records::PartitionRecord {
            topic_id: id,
            partition_id: 0,
            replicas: vec![2],
            isr: vec![2],
            leader: -1,
            leader_epoch: 4,
            directories: vec![Uuid::from_u128(1002)],
            ..Default::default()
        }
        .into(),
    ];
    let stop = |cluster: &mut Cluster| {
        let epoch = cluster.image().brokers.get(&2).unwrap().epoch;
        let fence = m::BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(2))
            .with_broker_epoch(epoch)
            .with_want_fence(true);
        cluster.run(Command::BrokerHeartbeat(fence));
    };
    stop(&mut cluster);
    cluster.apply(&records);
    cluster.run(Command::RegisterBroker(registration(2, 33)));
    let after = partition(&cluster, "t", 0);
    assert_eq!((after.leader, after.isr.as_slice()), (-1, &[][..]));
    assert_eq!(after.last_known_elr, Vec::<i32>::new());
}

/// Only those that are added must be in sync, unless fewer are added than removed.
#[test]
fn a_move_is_done_when_the_added_replicas_are_in_sync() {
    use crate::controller::state_machine::partition_change::PartitionChange;
    let cluster = Cluster::of_one_broker();
    let done = |adding: &[i32], removing: &[i32]| {
        let before = PartitionRegistration {
            replicas: vec![1, 2, 3, 4],
            directories: vec![Uuid::from_u128(1001); 4],
            isr: vec![1, 3, 4],
            leader: 1,
            adding_replicas: adding.to_vec(),
            removing_replicas: removing.to_vec(),
            ..Default::default()
        };
        let change = PartitionChange::new(cluster.image(), &before, 1);
        let record = change.build(medallion_wire::TopicId(Uuid::from_u128(9)), PartitionIndex(0));
        record.is_some_and(|record| record.adding_replicas.is_some() || record.removing_replicas.is_some())
    };
    assert!(done(&[3], &[4]), "2 is not in sync, but was there before");
    assert!(!done(&[2], &[4]), "2 is to be added");
    assert!(!done(&[], &[4]), "with fewer replicas all must be in sync");
    assert!(!done(&[3], &[1, 3, 4]), "nobody in sync would be left");
}
