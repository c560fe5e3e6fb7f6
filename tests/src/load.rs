//! A producer that keeps sending while the test does something to the server, and the check of what it was promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread::{self, JoinHandle};

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use crate::client::{Client, read_step, records_of};
use crate::environment::Missing;

/// What a load is made of. Each value is the text of a number that is sent once.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// To which topic; it must exist.
    pub topic: &'a str,
    /// Over how many partitions.
    pub partitions: i32,
    /// `1` or `all`.
    pub acks: &'a str,
    /// Whether the producer is idempotent.
    pub idempotent: bool,
    /// Records a second.
    pub rate: u32,
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    folder: TempDir,
    thread: JoinHandle<Result<Outcome, Missing>>,
}

/// What the server has acknowledged.
#[derive(Debug, Deserialize)]
pub struct Outcome {
    /// Partition, offset and number.
    pub acknowledged: Vec<(i32, i64, i64)>,
    /// How many records the client gave up.
    pub failed: u64,
    /// Why, where the client's program tells it.
    #[serde(default)]
    pub why: String,
}

impl Load {
    /// Starts sending.
    pub fn start(client: Client, bootstrap: &str, shape: Shape<'_>) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let step = json!({
            "do": "load", "topic": shape.topic, "partitions": shape.partitions, "acks": shape.acks, "linger_ms": 1,
            "idempotent": shape.idempotent, "rate": shape.rate, "seconds": 600, "stop": folder.path().join("stop"),
        });
        let bootstrap = bootstrap.to_owned();
        let thread = thread::spawn(move || {
            let answer = client.run_well(&bootstrap, &[step])?.remove(0);
            Ok(serde_json::from_value(answer).expect("a load returns what was acknowledged"))
        });
        Self { folder, thread }
    }

    /// Ends the load; the client first sends what it still holds.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    pub fn finish(self) -> Result<Outcome, Missing> {
        fs::write(self.folder.path().join("stop"), "").expect("a file can be written");
        match self.thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Outcome {
    /// Reads the topic with `reader` and checks that each acknowledged record is at its offset, that none came twice
    /// where the producer was idempotent, and that what came at all was sent. Returns how many records there are.
    ///
    /// # Errors
    /// Where the reader is not on this machine.
    pub fn check(
        &self,
        reader: Client,
        bootstrap: &str,
        shape: Shape<'_>,
        ends: &[i64],
    ) -> Result<usize, Missing> {
        let steps: Vec<_> = (0..).zip(ends).map(|(p, end)| read_step(shape.topic, p, 0, *end)).collect();
        let answers = reader.run_well(bootstrap, &steps)?;
        let mut found: BTreeMap<i64, Vec<(i32, i64)>> = BTreeMap::new();
        for (partition, (answer, end)) in (0..).zip(answers.iter().zip(ends)) {
            let records = records_of(answer);
            let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
            assert_eq!(offsets, (0..*end).collect::<Vec<_>>(), "offsets of partition {partition}");
            for record in records {
                let value = String::from_utf8(record.value.expect("a value").0).expect("a number");
                found.entry(value.parse().expect("a number")).or_default().push((partition, record.offset));
            }
        }
        let lost: Vec<_> =
            self.acknowledged.iter().filter(|(p, o, id)| !is_there(&found, *p, *o, *id)).collect();
        assert!(
            lost.is_empty(),
            "{} acknowledged records are not where they were promised: {:?}",
            lost.len(),
            &lost[..lost.len().min(5)]
        );
        if shape.idempotent {
            let twice: BTreeSet<_> = found.iter().filter(|(_, places)| places.len() > 1).collect();
            assert!(twice.is_empty(), "{} records came twice: {:?}", twice.len(), twice.iter().next());
        }
        Ok(found.values().map(Vec::len).sum())
    }
}

fn is_there(found: &BTreeMap<i64, Vec<(i32, i64)>>, partition: i32, offset: i64, id: i64) -> bool {
    let places = found.get(&id).map(Vec::as_slice).unwrap_or_default();
    places.iter().any(|(p, o)| (*p, *o) == (partition, offset))
}
