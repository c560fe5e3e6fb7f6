//! What the tests of the log share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use medallion_log::{LogConfig, LogEnvironment, LogReader, OpenOptions, PartitionLog};
use medallion_os::{FileSystem, OpenMode, SimulatedFileSystem};
use medallion_wire::records::{AnyBatches, BatchBuilder, BatchOptions, DecompressionLimits};
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

pub(crate) const FOLDER: &str = "/data/trips-0";

/// A record as the tests compare it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TestRecord {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

impl std::fmt::Debug for TestRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text =
            |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (key, value) = (text(&self.key), text(&self.value));
        write!(f, "{}: {key:?} {value:?} at {}", self.offset, self.timestamp_ms)
    }
}

/// A batch as a producer sends it.
pub(crate) fn batch(records: &[(i64, &str, &str)]) -> Bytes {
    producer_batch(ProducerId::NONE, -1, records)
}

/// A batch of an idempotent producer, epoch 0.
pub(crate) fn producer_batch(
    producer_id: ProducerId,
    base_sequence: i32,
    records: &[(i64, &str, &str)],
) -> Bytes {
    let has_producer = producer_id != ProducerId::NONE;
    let options = BatchOptions {
        producer_id,
        producer_epoch: if has_producer { ProducerEpoch(0) } else { ProducerEpoch::NONE },
        base_sequence,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    for (timestamp_ms, key, value) in records {
        let value = (!value.is_empty()).then_some(value.as_bytes());
        builder.append(*timestamp_ms, Some(key.as_bytes()), value, &[]).unwrap();
    }
    builder.build().unwrap().into_bytes()
}

pub(crate) fn decode(bytes: Vec<u8>) -> Vec<TestRecord> {
    let limits = DecompressionLimits::new(1 << 20);
    let mut records = Vec::new();
    for batch in AnyBatches::new(bytes.into()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in batch.records(limits).unwrap() {
            let record = record.unwrap();
            records.push(TestRecord {
                offset: record.offset.get(),
                timestamp_ms: record.timestamp,
                key: record.key.map(|key| key.to_vec()),
                value: record.value.map(|value| value.to_vec()),
            });
        }
    }
    records
}

/// All records from `from` on, read in small steps.
pub(crate) fn read_all(reader: &LogReader, from: i64) -> Vec<TestRecord> {
    let mut records = Vec::new();
    let mut next = Offset(from).max(reader.log_start_offset());
    loop {
        let slice = reader.read(next, 1000, true, reader.log_end_offset()).unwrap();
        let bytes = slice.read_to_vec().unwrap();
        let Some(last) = AnyBatches::new(bytes.clone().into()).last() else { return records };
        records.extend(decode(bytes).into_iter().filter(|record| record.offset >= next.get()));
        next = last.unwrap().last_offset().next();
    }
}

pub(crate) fn simulated() -> (SimulatedFileSystem, LogEnvironment) {
    let disk = SimulatedFileSystem::new();
    disk.create_directories(Path::new("/data")).unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    let env = LogEnvironment::new(Arc::new(disk.clone()));
    (disk, env)
}

pub(crate) fn open(env: &LogEnvironment, config: &LogConfig) -> PartitionLog {
    let options = OpenOptions::new(0);
    PartitionLog::open(env, Path::new(FOLDER), Arc::new(config.clone()), options).unwrap().0
}

pub(crate) fn file_names(fs: &dyn FileSystem) -> Vec<String> {
    fs.read_directory(Path::new(FOLDER)).unwrap().into_iter().map(|entry| entry.name).collect()
}

pub(crate) fn read_file(fs: &dyn FileSystem, name: &str) -> Vec<u8> {
    let file = fs.open(&Path::new(FOLDER).join(name), OpenMode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

/// Random numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn in_range(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(u64::try_from(high - low + 1).unwrap())).unwrap()
    }

    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}
