//! The small files as Apache Kafka 4.3.1 wrote them: read, and written back to the same bytes.
//!
//! `fixtures/directory` is a log directory after a clean stop, `fixtures/partition` a partition with committed, aborted
//! and open transactions of three producers and a fourth one without transactions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use medallion_log::meta_properties::MetaProperties;
use medallion_log::producer_state::{
    ProducerBatch, ProducerStateEntry, ProducerStateManager, Verdict, snapshot,
};
use medallion_log::{AppendOrigin, checkpoint_file, clean_shutdown, partition_metadata, transaction_index};
use medallion_wire::records::{RecordBatch, RecordBatches};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, TopicPartition};

fn fixture(name: &str) -> (PathBuf, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let content = std::fs::read(&path).expect("the fixture is there");
    (path, content)
}

#[test]
fn offset_checkpoints() {
    for (name, trip) in [
        ("recovery-point-offset-checkpoint", Some(Offset(27))),
        ("replication-offset-checkpoint", Some(Offset(27))),
        ("log-start-offset-checkpoint", None),
        ("cleaner-offset-checkpoint", None),
    ] {
        let (path, content) = fixture(&format!("directory/{name}"));
        let offsets = checkpoint_file::parse_offsets(&path, &content).unwrap();
        assert_eq!(offsets.get(&TopicPartition::new("txn", 0)).copied(), trip, "{name}");
        let written = checkpoint_file::format_offsets(offsets.iter().map(|(at, offset)| (at, *offset)));
        // Kafka writes the entries in the order of a hash map.
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let original = String::from_utf8(content).unwrap();
        assert_eq!(lines(&written), lines(&original), "{name}");
        assert_eq!(written.len(), original.len(), "{name}");
    }
}

#[test]
fn leader_epochs() {
    let (path, content) = fixture("partition/leader-epoch-checkpoint");
    let entries = checkpoint_file::parse_leader_epochs(&path, &content).unwrap();
    assert_eq!(
        entries.last().map(|entry| (entry.epoch, entry.start_offset)),
        Some((LeaderEpoch(2), Offset(178)))
    );
    assert_eq!(checkpoint_file::format_leader_epochs(&entries).as_bytes(), content);
}

#[test]
fn partition_metadata_file() {
    let (path, content) = fixture("partition/partition.metadata");
    let topic_id = partition_metadata::parse(&path, &content).unwrap();
    assert_eq!(partition_metadata::format(topic_id).as_bytes(), content);
}

#[test]
fn meta_properties() {
    let (path, content) = fixture("directory/meta.properties");
    let properties = MetaProperties::parse(&path, &content).unwrap();
    assert_eq!(properties.version(), 1);
    assert_eq!(properties.node_id(), Some(BrokerId(1)));
    assert_eq!(properties.cluster_id(), Some("MkU3OEVBNTcwNTJENDM2Qk"));
    assert!(properties.directory_id().is_some());
    // The second line is the time of writing.
    assert_eq!(properties.format(1_795_426_511_000).as_bytes(), content);
}

#[test]
fn clean_shutdown_mark() {
    let (_, content) = fixture("directory/kafka_cleanshutdown");
    let epoch = clean_shutdown::parse(&content).expect("the mark tells the epoch");
    assert_eq!(clean_shutdown::format(epoch).as_bytes(), content);
}

#[test]
fn producer_snapshots() {
    for (name, producers) in
        [("partition/00000000000000000027.snapshot", 4), ("partition/00000000000000000026.snapshot", 3)]
    {
        let (_, content) = fixture(name);
        let entries = snapshot::decode(&content).unwrap();
        assert_eq!(entries.len(), producers, "{name}");
        assert_eq!(snapshot::encode(entries.iter()), content, "{name}");
    }
}

#[test]
fn transaction_indexes() {
    let (_, content) = fixture("partition/00000000000000000000.txnindex");
    let entries = transaction_index::decode(&content, Offset(0)).unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(transaction_index::encode(&entries), content);
}

/// Read as a follower would, the records lead to the snapshot and to the index that Kafka wrote beside them.
#[test]
fn the_log_leads_to_its_snapshot_and_its_transaction_index() {
    let (_, log) = fixture("partition/00000000000000000000.log");
    let (_, expected_snapshot) = fixture("partition/00000000000000000027.snapshot");
    let (_, expected_index) = fixture("partition/00000000000000000000.txnindex");
    let mut producers = ProducerStateManager::default();
    let mut aborted = Vec::new();
    for batch in RecordBatches::new(Bytes::from(log)) {
        let batch: RecordBatch = batch.unwrap();
        let of_producer = ProducerBatch::new(&batch, batch.base_offset).unwrap();
        let Verdict::Append(pending) = producers.check(&[of_producer], AppendOrigin::Replication).unwrap()
        else {
            panic!("a follower sees no duplicates");
        };
        aborted.extend(producers.apply(pending, of_producer.last_offset));
        producers.check_invariants();
    }
    assert_eq!(transaction_index::encode(&aborted), expected_index);
    assert_eq!(producers.map_end_offset(), Offset(27));
    let by_id = |content: &[u8]| {
        let mut entries = snapshot::decode(content).unwrap();
        entries.sort_by_key(ProducerStateEntry::producer_id);
        entries
    };
    assert_eq!(by_id(&producers.to_snapshot()), by_id(&expected_snapshot));
    assert_eq!(producers.first_undecided_offset(), Some(Offset(24)), "one transaction was left open");
}
