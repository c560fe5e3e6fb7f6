//! Reassignments, elections, folders, producers, records, features.

use std::collections::BTreeMap;

use medallion_client::admin::ElectionType;
use medallion_client::{Admin, Error};
use medallion_tests::server::Program;
use medallion_wire::{BrokerId, Offset, ResponseError, TopicPartition};

pub(crate) async fn replicas(admin: &Admin, program: Program) {
    let broker = admin.describe_cluster().await.unwrap().brokers[0].id;
    log_dirs(admin, broker).await;
    producers_and_records(admin).await;
    let features = admin.describe_features().await.unwrap();
    assert!(features["metadata.version"].finalized.is_some_and(|level| level >= 25), "{features:?}");
    let supported = features["metadata.version"].supported.unwrap();
    assert!(supported.0 <= supported.1);
    reassign(admin, broker, program).await;
    elect(admin, program).await;
    transactions(admin, program).await;
}

/// What Medallion does not do yet it says so.
fn is_unsupported<T: std::fmt::Debug>(outcome: Result<T, Error>, program: Program) -> Option<T> {
    match (outcome, program) {
        (Err(error), Program::Medallion) => {
            assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
            None
        }
        (outcome, _) => Some(outcome.unwrap()),
    }
}

async fn log_dirs(admin: &Admin, broker: BrokerId) {
    let described = admin.describe_log_dirs(&[broker]).await.unwrap();
    let dirs = described[&broker].as_ref().unwrap();
    let replicas: Vec<_> = dirs.values().flat_map(|dir| &dir.as_ref().unwrap().replicas).collect();
    let (_, trips) = replicas.iter().find(|(name, _)| **name == TopicPartition::new("trips", 1)).unwrap();
    assert!(trips.bytes > 0 && !trips.is_future, "{trips:?}");
    assert!(dirs.values().next().unwrap().as_ref().unwrap().total_bytes.is_some_and(|bytes| bytes > 0));
}

async fn producers_and_records(admin: &Admin) {
    let partition = TopicPartition::new("trips", 1);
    let described = admin.describe_producers(std::slice::from_ref(&partition)).await.unwrap();
    let producers = described[&partition].as_ref().unwrap();
    assert_eq!((producers.len(), producers[0].last_sequence), (1, Some(9)), "ten records were sent");
    assert_eq!(producers[0].transaction_start_offset, None);
    let removed = admin.delete_records(&BTreeMap::from([(partition.clone(), Offset(4))])).await.unwrap();
    // The topic is compacted, which forbids it, or not.
    let error = removed[&partition].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::PolicyViolation), "{error}");
}

async fn reassign(admin: &Admin, broker: BrokerId, program: Program) {
    let partition = TopicPartition::new("trips", 0);
    let to = |replicas: Vec<BrokerId>| BTreeMap::from([(partition.clone(), Some(replicas))]);
    let Some(nowhere) =
        is_unsupported(admin.alter_partition_reassignments(&to(vec![BrokerId(99)])).await, program)
    else {
        return;
    };
    let error = nowhere[&partition].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::InvalidReplicaAssignment));
    admin.alter_partition_reassignments(&to(vec![broker])).await.unwrap()[&partition].as_ref().unwrap();
    assert!(admin.list_partition_reassignments(None).await.unwrap().is_empty());
    let cancelled = BTreeMap::from([(partition.clone(), None)]);
    let cancelled = admin.alter_partition_reassignments(&cancelled).await.unwrap();
    let error = cancelled[&partition].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::NoReassignmentInProgress));
}

async fn elect(admin: &Admin, program: Program) {
    let (partition, beyond) = (TopicPartition::new("trips", 0), TopicPartition::new("trips", 99));
    let both = [partition.clone(), beyond.clone()];
    let elected = admin.elect_leaders(ElectionType::Preferred, Some(&both)).await;
    let Some(elected) = is_unsupported(elected, program) else { return };
    assert_eq!(elected[&partition].as_ref().unwrap_err().code(), Some(ResponseError::ElectionNotNeeded));
    assert_eq!(elected[&beyond].as_ref().unwrap_err().code(), Some(ResponseError::UnknownTopicOrPartition));
    assert!(admin.elect_leaders(ElectionType::Preferred, None).await.unwrap().is_empty());
}

async fn transactions(admin: &Admin, program: Program) {
    if let Some(listed) = is_unsupported(admin.list_transactions().await, program) {
        assert!(listed.is_empty(), "{listed:?}");
    }
}
