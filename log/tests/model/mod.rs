//! The plain list, and the operations on it and on the log.

mod checks;
mod operations;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use medallion_log::{FlushTask, LogConfig, LogEnvironment, OpenOptions, PartitionLog, RecoveryReport};
use medallion_os::SimulatedFileSystem;
use medallion_wire::Offset;

use crate::common::{FOLDER, Random, TestRecord, simulated};

/// What is remembered of a record besides itself.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) record: TestRecord,
    pub(crate) epoch: i32,
    /// The producer and the sequence of the record's batch, and the batch's first and last offset.
    pub(crate) producer: Option<(i64, i32)>,
    pub(crate) batch: (i64, i64),
}

/// A log and what it should hold.
pub(crate) struct Model {
    pub(crate) random: Random,
    pub(crate) disk: SimulatedFileSystem,
    pub(crate) env: LogEnvironment,
    pub(crate) config: LogConfig,
    pub(crate) log: Option<PartitionLog>,
    pub(crate) records: BTreeMap<i64, Known>,
    pub(crate) log_start: i64,
    pub(crate) log_end: i64,
    /// Everything below is on disk.
    pub(crate) flushed: i64,
    /// What the broker would have in its checkpoints.
    pub(crate) checkpoint_recovery_point: i64,
    pub(crate) checkpoint_log_start: i64,
    pub(crate) now_ms: i64,
    pub(crate) epoch: i32,
    /// What a failed append may have left, from `log_end` on.
    pub(crate) maybe: Vec<Known>,
    pub(crate) first_dirty: i64,
    /// A flush that was begun and not run yet.
    pub(crate) task: Option<FlushTask>,
    pub(crate) next_value: u64,
    pub(crate) next_producer: i64,
    /// The last batch of each producer that is still wholly there: sequence of its first record, count, offset.
    pub(crate) producers: BTreeMap<i64, (i32, i32, i64)>,
    /// Producers that have lost records to compaction: their last batch cannot be told from the records.
    pub(crate) retired: std::collections::BTreeSet<i64>,
    pub(crate) trace: Vec<String>,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        let (disk, env) = simulated();
        let random = Random(seed);
        let config = LogConfig {
            segment_bytes: 1500,
            index_interval_bytes: 150,
            file_delete_delay_ms: 500,
            min_cleanable_dirty_ratio: 0.1,
            delete_retention_ms: 300,
            ..LogConfig::default()
        };
        let mut model = Self {
            random,
            disk,
            env,
            config,
            log: None,
            records: BTreeMap::new(),
            log_start: 0,
            log_end: 0,
            flushed: 0,
            checkpoint_recovery_point: 0,
            checkpoint_log_start: 0,
            now_ms: 10_000,
            epoch: 0,
            maybe: Vec::new(),
            first_dirty: 0,
            task: None,
            next_value: 0,
            next_producer: 1,
            producers: BTreeMap::new(),
            retired: std::collections::BTreeSet::new(),
            trace: vec![format!("seed {seed}")],
        };
        model.open(false);
        // A first segment whose name is lost looks as if retention had taken it.
        model.log().flush().unwrap();
        model
    }

    pub(crate) fn log(&mut self) -> &mut PartitionLog {
        self.log.as_mut().unwrap()
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    /// All batches are on disk.
    pub(crate) fn check_durable(&self) {
        let mut files = self.disk.not_durable(Path::new(FOLDER)).unwrap();
        let segments = self.log.as_ref().unwrap().reader().segments();
        let read = |file: &std::path::PathBuf| {
            segments.iter().any(|at| at.file == *file && at.end_offset.get() > self.log_start)
        };
        files.retain(read);
        assert!(files.is_empty(), "{files:?} would not survive a crash");
    }

    /// Notes the files of batches and their sizes.
    pub(crate) fn note_files(&mut self) {
        let names = crate::common::file_names(&self.disk);
        let of_batches = names.iter().filter(|name| name.contains(".log"));
        let sizes =
            of_batches.map(|name| format!("{name} {}", crate::common::read_file(&self.disk, name).len()));
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        self.note(sizes);
    }

    pub(crate) fn try_open(&self, clean_shutdown: bool) -> Result<(PartitionLog, RecoveryReport), String> {
        let options = OpenOptions {
            recovery_point: Offset(self.checkpoint_recovery_point),
            log_start_offset: Offset(self.checkpoint_log_start),
            clean_shutdown,
            ..OpenOptions::new(self.now_ms)
        };
        PartitionLog::open(&self.env, Path::new(FOLDER), Arc::new(self.config.clone()), options)
            .map_err(|error| format!("{error:?}"))
    }

    pub(crate) fn open(&mut self, clean_shutdown: bool) -> RecoveryReport {
        let (log, report) =
            self.try_open(clean_shutdown).unwrap_or_else(|error| panic!("{error}: {:#?}", self.trace));
        self.log = Some(log);
        report
    }

    pub(crate) fn step(&mut self) {
        self.now_ms += self.random.in_range(0, 20);
        self.operate();
        self.check();
    }

    /// The last word: everything is read once more after a clean stop.
    pub(crate) fn finish(&mut self) {
        self.restart_clean();
        self.check_all();
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.trace.len().saturating_sub(40);
            println!("{}\n...\n{}", self.trace[0], self.trace[from..].join("\n"));
        }
    }
}
