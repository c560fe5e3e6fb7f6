//! Partitions and the queue in which they are opened, without a broker around them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use medallion_log::{LogEnvironment, OpenOptions, PartitionLog};
use medallion_os::{RealFileSystem, SystemClock};
use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, TopicId, TopicPartition};
use tokio::runtime::Handle;

use super::opening::OpeningQueue;
use super::partition::Surroundings;
use super::{Partition, PartitionError};
use crate::config::TopicDefaults;
use crate::controller::image::PartitionRegistration;
use crate::error::partition_code;

fn surroundings() -> Surroundings {
    Surroundings {
        clock: Arc::new(SystemClock::new()),
        runtime: Handle::current(),
        metrics: Arc::default(),
        stopping: Arc::default(),
        inline: Arc::default(),
    }
}

fn opening(index: i32, surroundings: Surroundings) -> Arc<Partition> {
    let settings = Arc::new(TopicDefaults::default().topic([]));
    let id = TopicPartition::new("t", index);
    let topic = TopicId(Uuid::from_u128(1));
    Partition::opening(id, topic, &PartitionRegistration::default(), settings, surroundings)
}

fn log(folder: &Path, partition: &Partition) -> PartitionLog {
    let environment = LogEnvironment::new(Arc::new(RealFileSystem));
    let config = Arc::new(partition.settings().log.clone());
    PartitionLog::open(&environment, folder, config, OpenOptions::new(0)).expect("a new log").0
}

#[tokio::test]
async fn who_looks_after_logs_does_not_ask_for_them() {
    let partition = opening(0, surroundings());
    assert!(matches!(partition.with_log(|_| ()), Err(PartitionError::Opening(_))));
    assert!(!partition.is_wanted(), "retention or the cleaner would make all logs urgent");
    assert!(partition.reader().is_err());
    assert!(partition.is_wanted());
}

#[tokio::test]
async fn a_topic_that_is_deleted_while_its_log_opens_stays_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let partition = opening(0, surroundings());
    let log = log(folder.path(), &partition);
    partition.delete();
    partition.open(log);
    assert!(matches!(partition.reader(), Err(PartitionError::Deleted(_))));
    assert!(partition.take_log().is_some(), "whoever deletes gets the log to put it away");
    partition.fail("too late");
    assert!(matches!(partition.reader(), Err(PartitionError::Deleted(_))));
    assert!(partition.reopen().is_none());
}

/// What comes behind the clean stop of a log is to be sent again. Some clients give records up after KAFKA_STORAGE_ERROR.
#[tokio::test]
async fn a_partition_whose_broker_stops_is_asked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let partition = opening(0, surroundings());
    let log = log(folder.path(), &partition);
    partition.open(log);
    assert!(partition.stop().is_some());
    let refused = partition.reader().expect_err("no log");
    assert!(matches!(refused, PartitionError::Stopped(_)));
    assert_eq!(partition_code(&refused), ResponseError::NotLeaderOrFollower);
    assert!(!partition.is_offline(), "nothing failed");
}

#[tokio::test]
async fn nobody_waits_for_a_log_when_the_broker_stops() {
    let surroundings = surroundings();
    let stopping = Arc::clone(&surroundings.stopping);
    let partition = opening(0, surroundings);
    let waiting = Arc::clone(&partition);
    let waiting = tokio::spawn(async move { waiting.opened_reader().await.err() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    stopping.store(true, Ordering::Release);
    partition.wake_all();
    let refused = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("at once");
    assert!(matches!(refused.expect("no panic"), Some(PartitionError::Opening(_))));
}

#[tokio::test]
async fn a_withdrawn_partition_is_opened_by_nobody() {
    let queue = Arc::new(OpeningQueue::default());
    let partitions = [0, 1].map(|index| opening(index, surroundings()));
    for partition in &partitions {
        queue.push(Arc::clone(partition), 0);
    }
    let (taken, _) = queue.take().expect("two wait");
    assert!(Arc::ptr_eq(&taken, &partitions[0]));
    queue.withdraw(&partitions[1]);
    assert!(queue.take().is_none(), "the other one is withdrawn");
    let (finishing, opened) = (Arc::clone(&queue), Arc::clone(&taken));
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        let still_waited_for = finishing.len();
        finishing.finished(&opened);
        still_waited_for
    });
    queue.withdraw(&taken);
    assert_eq!(queue.len(), 0, "it was opened to the end");
    assert_eq!(opener.join().expect("no panic"), 1);
}
