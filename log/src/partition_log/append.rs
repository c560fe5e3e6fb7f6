//! Appends: checks, offsets, one vectored write, then producer state, leader epochs and the published end.

use std::collections::BTreeMap;

use bytes::Bytes;
use medallion_wire::records::{BatchHeader, DecompressionLimits, RecordBatch, RecordBatches};
use medallion_wire::{LeaderEpoch, Offset};

use super::{AppendOutcome, AppendRequest, PartitionLog};
use crate::append_origin::AppendOrigin;
use crate::append_validation::{ValidatedBatch, ValidationOptions, may_need_records, validate};
use crate::error::{AppendError, LogError};
use crate::producer_state::{ProducerBatch, Verdict};
use crate::segment::PreparedBatch;
use crate::transaction_index::AbortedTransactionEntry;

/// What has passed the checks and waits to be written at once.
#[derive(Debug)]
struct Plan {
    batches: Vec<PreparedBatch>,
    size_bytes: usize,
    next_offset: Offset,
    aborted: Vec<AbortedTransactionEntry>,
    /// Which requests are in it, or repeat what is.
    requests: Vec<usize>,
    epochs: BTreeMap<LeaderEpoch, Offset>,
}

impl Plan {
    fn at(next_offset: Offset) -> Self {
        Self {
            batches: Vec::new(),
            size_bytes: 0,
            next_offset,
            aborted: Vec::new(),
            requests: Vec::new(),
            epochs: BTreeMap::new(),
        }
    }
}

/// One request that has passed the checks.
struct Prepared {
    batches: Vec<PreparedBatch>,
    producers: Vec<ProducerBatch>,
    size_bytes: usize,
    max_timestamp_ms: i64,
    outcome: AppendOutcome,
}

impl PartitionLog {
    /// Checks the records, assigns offsets and the leader epoch, and appends.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing is appended then.
    pub fn append_as_leader(
        &mut self,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<AppendOutcome, AppendError> {
        let request = AppendRequest { records, leader_epoch, origin };
        let mut results = self.append_many(vec![request], now_ms);
        results.pop().expect("one result for one request")
    }

    /// Appends the requests in order with one vectored write; one result for each.
    pub fn append_many(
        &mut self,
        requests: Vec<AppendRequest>,
        now_ms: i64,
    ) -> Vec<Result<AppendOutcome, AppendError>> {
        self.now_ms = now_ms;
        if let Err(error) = self.writable() {
            return requests.iter().map(|_| Err(error.clone().into())).collect();
        }
        let mut results = Vec::with_capacity(requests.len());
        let mut plan = Plan::at(self.end_offset());
        for request in requests {
            let origin = request.origin;
            let result = self
                .prepare(request, plan.next_offset)
                .and_then(|prepared| self.add(&mut plan, &mut results, prepared, origin));
            results.push(result);
        }
        // Each request of the plan has its own copy of an error.
        let _ = self.commit(plan, &mut results);
        self.flush_if_due(&mut results);
        results
    }

    /// Appends a leader's records as they are.
    ///
    /// # Errors
    /// [`AppendError::UnexpectedOffset`] and the like; nothing is appended then.
    pub fn append_as_follower(&mut self, records: Bytes) -> Result<AppendOutcome, AppendError> {
        self.writable()?;
        let prepared = self.prepare_copied(records)?;
        let mut results = Vec::new();
        let mut plan = Plan::at(prepared.outcome.base_offset.max(self.end_offset()));
        let added = self.add(&mut plan, &mut results, prepared, AppendOrigin::Replication);
        results.push(added);
        // Each request of the plan has its own copy of an error.
        let _ = self.commit(plan, &mut results);
        self.flush_if_due(&mut results);
        results.pop().expect("one result for one request")
    }

    /// Whether an append of `size_bytes` in this epoch would be one write into the active segment and nothing more: no new
    /// segment, no flush, no checkpoint, no records to decode, no file to open. An estimate: a batch of unusual timestamps
    /// can still need more.
    pub fn is_append_plain(
        &self,
        size_bytes: usize,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> bool {
        let knows_epoch =
            || self.shared.epochs.lock().latest().is_some_and(|latest| latest.epoch == leader_epoch);
        // Indexes are opened, and the first timestamp is read, when something is appended to a segment for the first time.
        let is_warm = || self.active.size_bytes() > 0 && self.active.end().first_timestamp_ms.is_some();
        self.config.flush_messages == i64::MAX
            && !may_need_records(&self.config, origin)
            && knows_epoch()
            && is_warm()
            && matches!(self.roll_is_due(true, size_bytes, self.end_offset(), now_ms), Ok(false))
    }

    /// Checks a leader's request; nothing changes.
    fn prepare(&self, request: AppendRequest, base_offset: Offset) -> Result<Prepared, AppendError> {
        let AppendRequest { records, leader_epoch, origin } = request;
        let options = ValidationOptions {
            origin,
            transactional_writes: self.env.transactional_writes,
            decompression: DecompressionLimits::new(self.env.decompressed_batch_bytes_max),
            now_ms: self.now_ms,
        };
        let mut prepared = Prepared::at(base_offset, leader_epoch, self.shared.log_start_offset.get());
        for records in split(records, origin)? {
            let batch = validate(records, &self.config, &options)?;
            prepared.push_validated(&batch, leader_epoch)?;
        }
        self.check_size(&prepared)?;
        Ok(prepared)
    }

    /// Checks records that a leader has already given offsets.
    fn prepare_copied(&self, records: Bytes) -> Result<Prepared, AppendError> {
        let end_offset = self.end_offset();
        let mut prepared = Prepared::at(end_offset, LeaderEpoch::NONE, self.shared.log_start_offset.get());
        for batch in RecordBatches::new(records) {
            let corrupt = |error: medallion_wire::records::RecordError| AppendError::Corrupt {
                reason: error.to_string(),
            };
            let batch = batch.map_err(corrupt)?;
            batch.verify_crc().map_err(corrupt)?;
            let expected = if prepared.batches.is_empty() { end_offset } else { prepared.next_offset() };
            if batch.base_offset < expected {
                return Err(AppendError::UnexpectedOffset {
                    first_offset: batch.base_offset,
                    end_offset: expected,
                });
            }
            prepared.push_copied(&batch)?;
        }
        self.check_size(&prepared)?;
        Ok(prepared)
    }

    fn check_size(&self, prepared: &Prepared) -> Result<(), AppendError> {
        if prepared.batches.is_empty() {
            return Err(AppendError::Corrupt { reason: "there are no records".to_owned() });
        }
        let (size_bytes, segment_bytes) = (prepared.size_bytes, self.config.segment_bytes);
        if size_bytes as u64 > u64::from(segment_bytes) {
            return Err(AppendError::LargerThanSegment { size_bytes, segment_bytes });
        }
        Ok(())
    }

    /// Judges the producers and puts a request into the plan. Writes the plan first where the segment has to be rolled.
    fn add(
        &mut self,
        plan: &mut Plan,
        results: &mut [Result<AppendOutcome, AppendError>],
        prepared: Prepared,
        origin: AppendOrigin,
    ) -> Result<AppendOutcome, AppendError> {
        let verdict = self.shared.producers.lock().check(&prepared.producers, origin)?;
        let pending = match verdict {
            Verdict::Duplicate(known) => {
                if known.last_offset >= self.end_offset() {
                    // What it repeats waits in the plan, and may yet fail.
                    plan.requests.push(results.len());
                }
                return Ok(AppendOutcome {
                    base_offset: known.first_offset(),
                    last_offset: known.last_offset,
                    log_append_time_ms: Some(known.timestamp_ms),
                    duplicate: true,
                    bytes: 0,
                    ..prepared.outcome
                });
            }
            Verdict::Append(pending) => pending,
        };
        let outcome = prepared.outcome;
        if self.must_roll(plan.size_bytes, &prepared)? {
            let full = std::mem::replace(plan, Plan::at(outcome.base_offset));
            let written = self.commit(full, results);
            // When that failed, the offsets of this request are void too.
            plan.next_offset = self.end_offset();
            written?;
            self.roll_to(outcome.base_offset)?;
        }
        let aborted = self.shared.producers.lock().apply(pending, outcome.last_offset);
        plan.aborted.extend(aborted);
        for batch in &prepared.batches {
            plan.epochs.entry(batch.header.partition_leader_epoch).or_insert(batch.header.base_offset);
        }
        plan.size_bytes += prepared.size_bytes;
        plan.next_offset = outcome.last_offset.next();
        plan.requests.push(results.len());
        plan.batches.extend(prepared.batches);
        Ok(outcome)
    }

    fn must_roll(&self, planned_bytes: usize, prepared: &Prepared) -> Result<bool, LogError> {
        let size_bytes = planned_bytes + prepared.size_bytes;
        self.or_poison(self.roll_is_due(
            planned_bytes > 0,
            size_bytes,
            prepared.outcome.last_offset,
            prepared.max_timestamp_ms,
        ))
    }

    /// Writes a plan. When that fails, all its requests fail and producer state goes back to what is in the log.
    fn commit(
        &mut self,
        plan: Plan,
        results: &mut [Result<AppendOutcome, AppendError>],
    ) -> Result<(), LogError> {
        if plan.batches.is_empty() {
            return Ok(());
        }
        let written = self.write(&plan);
        let written = self.or_poison(written);
        if let Err(error) = &written {
            for request in plan.requests {
                if let Some(result) = results.get_mut(request) {
                    *result = Err(error.clone().into());
                }
            }
            // Without producer state no duplicate would be seen.
            if let Err(error) = self.reload_producers() {
                self.shared.poison(&error);
            }
        }
        written
    }

    fn write(&mut self, plan: &Plan) -> Result<(), LogError> {
        let mut changed = self.epoch_unwritten;
        for (epoch, start_offset) in &plan.epochs {
            changed |= self.shared.epochs.lock().assign(*epoch, *start_offset);
        }
        let written = if changed { self.write_epochs() } else { Ok(()) };
        self.epoch_unwritten = written.is_err();
        let written =
            written.and_then(|()| self.active.append(&plan.batches, self.config.index_interval_bytes));
        if let Err(error) = written {
            self.shared.epochs.lock().truncate_from_end(self.end_offset());
            return Err(error);
        }
        if let Err(error) = self.active.aborted().append(&plan.aborted) {
            // The markers are in the log, so that there is no way back.
            self.shared.poison(&error);
            return Err(error);
        }
        if !plan.aborted.is_empty() {
            self.shared.unsynced.lock().directory = true; // the file may be new
        }
        self.bytes_since_snapshot += plan.size_bytes as u64;
        self.shared.log_end_offset.set(plan.next_offset);
        self.shared.publish_first_unstable();
        Ok(())
    }

    /// `flush.messages`: flushes before the answer when that many records wait.
    fn flush_if_due(&mut self, results: &mut [Result<AppendOutcome, AppendError>]) {
        let waiting = self.end_offset() - self.shared.recovery_point.get();
        if waiting < self.config.flush_messages {
            return;
        }
        if let Err(error) = self.flush() {
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(error.clone().into());
            }
        }
    }
}

/// A client sends one batch, which the validation sees to; others may send several.
fn split(records: Bytes, origin: AppendOrigin) -> Result<Vec<Bytes>, AppendError> {
    if origin == AppendOrigin::Client {
        return Ok(vec![records]);
    }
    RecordBatches::new(records)
        .map(|batch| batch.map(RecordBatch::into_bytes))
        .collect::<Result<_, _>>()
        .map_err(|error| AppendError::Corrupt { reason: error.to_string() })
}

impl Prepared {
    fn at(base_offset: Offset, leader_epoch: LeaderEpoch, log_start_offset: Offset) -> Self {
        Self {
            batches: Vec::with_capacity(1),
            producers: Vec::new(),
            size_bytes: 0,
            max_timestamp_ms: -1,
            outcome: AppendOutcome {
                base_offset,
                last_offset: Offset(base_offset.get() - 1),
                log_append_time_ms: None,
                log_start_offset,
                leader_epoch,
                duplicate: false,
                bytes: 0,
            },
        }
    }

    fn next_offset(&self) -> Offset {
        self.outcome.last_offset.next()
    }

    fn push_validated(
        &mut self,
        batch: &ValidatedBatch,
        leader_epoch: LeaderEpoch,
    ) -> Result<(), AppendError> {
        let base_offset = self.next_offset();
        let header_bytes = batch.header_at(base_offset, leader_epoch);
        let header = parse_header(&header_bytes)?;
        self.outcome.log_append_time_ms = batch.log_append_time_ms();
        let producer = batch.producer_batch(base_offset)?;
        self.push(PreparedBatch { header_bytes, body: batch.body(), header }, producer);
        Ok(())
    }

    fn push_copied(&mut self, batch: &RecordBatch) -> Result<(), AppendError> {
        if self.batches.is_empty() {
            self.outcome.base_offset = batch.base_offset;
        }
        self.outcome.leader_epoch = batch.partition_leader_epoch;
        let header_bytes = batch.header().encode();
        let producer = ProducerBatch::new(batch, batch.base_offset)?;
        self.push(PreparedBatch { header_bytes, body: batch.body(), header: *batch.header() }, producer);
        Ok(())
    }

    fn push(&mut self, batch: PreparedBatch, producer: ProducerBatch) {
        if producer.has_producer_id() {
            self.producers.push(producer);
        }
        self.size_bytes += batch.size_bytes();
        self.outcome.bytes = self.size_bytes;
        self.outcome.last_offset = batch.header.last_offset();
        self.max_timestamp_ms = self.max_timestamp_ms.max(batch.header.max_timestamp);
        self.batches.push(batch);
    }
}

fn parse_header(bytes: &[u8]) -> Result<BatchHeader, AppendError> {
    BatchHeader::parse(bytes).map_err(|error| AppendError::Corrupt { reason: error.to_string() })
}
