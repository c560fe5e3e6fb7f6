//! The steps as they are read (see `../../README.md`).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Request {
    pub bootstrap: String,
    pub steps: Vec<Step>,
}

/// The fields of all steps.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Step {
    #[serde(rename = "do")]
    pub name: String,
    pub topic: String,
    pub partition: i32,
    pub partitions: i32,
    pub codec: Option<String>,
    pub acks: Option<String>,
    pub idempotent: bool,
    pub linger_ms: Option<u32>,
    pub records: Vec<Record>,
    pub from: i64,
    pub until: i64,
    pub isolation: Option<String>,
    pub seconds: Option<u64>,
    pub timestamp: i64,
    pub stop: PathBuf,
    pub rate: Option<u32>,
    pub count: i64,
    pub group: String,
    pub assignor: String,
    pub instance: Option<String>,
    pub commit: Option<String>,
    pub session_timeout_ms: u32,
    pub offsets: Vec<(i32, i64)>,
}

/// A record as sent or as read; bytes are hexadecimal.
#[derive(Deserialize, Serialize)]
pub struct Record {
    #[serde(default)]
    pub offset: i64,
    pub timestamp: Option<i64>,
    pub key: Option<String>,
    pub value: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, Option<String>)>,
}

impl Step {
    pub fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.seconds.unwrap_or(60))
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.exists()
    }

    /// Partitions of the step's topic with offsets, as the library takes them.
    pub fn offsets_of(&self, offsets: impl IntoIterator<Item = (i32, i64)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))
                .expect("the offset is not negative");
        }
        list
    }

    /// All partitions of the step's topic.
    pub fn all_partitions(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, self.partitions - 1);
        list
    }
}

/// What all of the library's clients are configured with here.
pub fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "200");
    config
}

/// The offset behind the last record, -1 where the library tells none.
pub fn offset_or_none(offset: Offset) -> i64 {
    match offset {
        Offset::Offset(offset) => offset,
        _ => -1,
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("bytes are hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
