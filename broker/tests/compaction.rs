//! A compacted topic keeps the last record of each key, while it is written, and after a restart.

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::topics::{batch, fetch};
use common::{Connection, clients_address, start};
use medallion_wire::records::{DecompressionLimits, RecordBatches};

const TOPIC: &str = "compacted";
const KEYS: u32 = 50;

fn create(connection: &mut Connection) {
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("file.delete.delay.ms", "0"),
    ];
    common::topics::create(connection, TOPIC, 1, &configs);
}

/// Writes one record for each key, all with the number of the round.
fn produce(connection: &mut Connection, round: u32) {
    let keys: Vec<[u8; 4]> = (0..KEYS).map(u32::to_be_bytes).collect();
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 4]>::as_slice).collect();
    let value = [&round.to_be_bytes()[..], &[b'x'; 2_000]].concat();
    common::topics::produce(connection, TOPIC, 0, batch(&keys, &value));
}

/// The last round of each key, and how many records there are.
fn read_all(connection: &mut Connection) -> (BTreeMap<u32, u32>, usize) {
    let (mut latest, mut records, mut offset) = (BTreeMap::new(), 0, 0);
    loop {
        let request = fetch(TOPIC, offset).with_min_bytes(0);
        let response = connection.ask(11, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        if offset >= partition.high_watermark {
            return (latest, records);
        }
        for batch in RecordBatches::new(partition.records.clone().unwrap_or_default()) {
            let batch = batch.expect("a sound batch");
            for record in batch.records(DecompressionLimits::default()).expect("records") {
                let record = record.expect("a sound record");
                let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                latest.insert(number(&record.key.expect("a key")), number(&record.value.expect("a value")));
                records += 1;
            }
            offset = batch.next_offset().get();
        }
    }
}

fn compact_while_writing(address: SocketAddr) -> u32 {
    let connection = &mut Connection::open(address);
    create(connection);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut round = 0;
    loop {
        produce(connection, round);
        let (latest, records) = read_all(connection);
        assert_eq!(
            latest,
            (0..KEYS).map(|key| (key, round)).collect(),
            "the newest record of each key is there"
        );
        round += 1;
        let written = usize::try_from(round * KEYS).expect("small");
        if round > 60 && records < written / 2 {
            return round - 1;
        }
        assert!(Instant::now() < deadline, "{records} of {written} records are still there");
    }
}

#[test]
fn the_last_record_of_each_key_stays() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let settings = [("log.cleaner.backoff.ms", "100"), ("log.retention.check.interval.ms", "200")];
    let last_round = runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let address = clients_address(&broker);
        let round =
            tokio::task::spawn_blocking(move || compact_while_writing(address)).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
        round
    });
    runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts again");
        let address = clients_address(&broker);
        let check = move || {
            let (latest, _) = read_all(&mut Connection::open(address));
            assert_eq!(latest, (0..KEYS).map(|key| (key, last_round)).collect());
        };
        tokio::task::spawn_blocking(check).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
