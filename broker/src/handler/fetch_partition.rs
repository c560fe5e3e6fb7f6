//! Reads one partition for a fetch.

use medallion_log::{AbortedTransaction, LogReader, LogSlice, ReadError};
use medallion_wire::{LeaderEpoch, Offset, ResponseError};

use crate::error::{partition_code, read_code};
use crate::replica::Partition;
use crate::replica::fetch_session::{PartitionNews, PartitionRequest};

/// How much and what a fetch may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadLimits {
    /// Bytes over all partitions; the first batch comes whatever its size.
    pub(crate) max_bytes: i64,
    /// Only what is decided, and with the list of aborted transactions.
    pub(crate) read_committed: bool,
    /// Up to the log's end instead of the high watermark.
    pub(crate) to_log_end: bool,
}

/// What is left of a fetch's limits.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: ReadLimits,
    left: i64,
    nothing_yet: bool,
}

impl Budget {
    /// All of the limits.
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self { limits, left: limits.max_bytes, nothing_yet: true }
    }
}

/// What a fetch got of one partition.
#[derive(Debug)]
pub(crate) struct ReadOutcome {
    pub(crate) error: Option<ResponseError>,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
    /// The epoch and end at which the client's log parts from this one (KIP-595's truncation on fetch).
    pub(crate) diverging: Option<(LeaderEpoch, Offset)>,
    /// `None` unless the client reads committed records only.
    pub(crate) aborted: Option<Vec<AbortedTransaction>>,
    pub(crate) slice: Option<LogSlice>,
    /// There is more in later segments, which one answer does not reach into.
    pub(crate) is_followed: bool,
}

impl ReadOutcome {
    /// Nothing was read.
    pub(crate) fn refused(error: ResponseError) -> Self {
        Self {
            error: Some(error),
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging: None,
            aborted: None,
            slice: None,
            is_followed: false,
        }
    }

    /// Bytes of records.
    pub(crate) fn len(&self) -> usize {
        self.slice.as_ref().map_or(0, |slice| slice.len)
    }

    /// What the session needs to know.
    pub(crate) fn news(&self) -> PartitionNews {
        PartitionNews {
            records_len: self.len(),
            high_watermark: self.high_watermark,
            log_start_offset: self.log_start_offset,
            error_code: self.error.map_or(0, |error| error.code()),
            diverging: self.diverging.is_some(),
        }
    }
}

/// Reads what `request` asks for, within the budget.
pub(crate) fn read(partition: &Partition, request: PartitionRequest, budget: &mut Budget) -> ReadOutcome {
    let outcome = read_within(partition, request, budget);
    budget.left = budget.left.max(0);
    outcome
}

fn read_within(partition: &Partition, request: PartitionRequest, budget: &mut Budget) -> ReadOutcome {
    let reader = match partition.reader() {
        Ok(reader) => reader,
        Err(error) => return ReadOutcome::refused(partition_code(&error)),
    };
    let high_watermark = reader.high_watermark();
    let last_stable_offset = reader.last_stable_offset();
    let mut outcome = ReadOutcome {
        error: None,
        high_watermark: high_watermark.get(),
        last_stable_offset: last_stable_offset.get(),
        log_start_offset: reader.log_start_offset().get(),
        diverging: None,
        aborted: budget.limits.read_committed.then(Vec::new),
        slice: None,
        is_followed: false,
    };
    match diverging(&reader, request) {
        Ok(None) => {}
        Ok(diverging) => {
            outcome.diverging = diverging;
            return outcome;
        }
        Err(error) => return ReadOutcome::refused(error),
    }
    let upper_bound = match budget.limits {
        ReadLimits { to_log_end: true, .. } => reader.log_end_offset(),
        ReadLimits { read_committed: true, .. } => last_stable_offset,
        ReadLimits { .. } => high_watermark,
    };
    match read_slice(&reader, request, budget, upper_bound) {
        Ok(Some(slice)) => finish(&mut outcome, slice, request, upper_bound),
        // As Kafka has it: an internal error, and only where there is something to read.
        Ok(None) => return ReadOutcome::refused(ResponseError::UnknownServerError),
        Err(error) => {
            if !matches!(error, ReadError::OffsetOutOfRange { .. }) {
                tracing::error!(partition = %partition.id(), %error, "read failed");
            }
            return ReadOutcome::refused(read_code(&error));
        }
    }
    outcome
}

fn diverging(
    reader: &LogReader,
    request: PartitionRequest,
) -> Result<Option<(LeaderEpoch, Offset)>, ResponseError> {
    if request.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let last_fetched = LeaderEpoch(request.last_fetched_epoch);
    let (epoch, end) = reader.epoch_end_offset(last_fetched).ok_or(ResponseError::OffsetOutOfRange)?;
    if request.fetch_offset < reader.log_start_offset().get() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let parted = epoch < last_fetched || end.get() < request.fetch_offset;
    Ok(parted.then_some((epoch, end)))
}

/// Reads within the budget; `None` where a client wants less than nothing.
fn read_slice(
    reader: &LogReader,
    request: PartitionRequest,
    budget: &mut Budget,
    upper_bound: Offset,
) -> Result<Option<LogSlice>, ReadError> {
    let from = Offset(request.fetch_offset);
    let max_bytes = i64::from(request.max_bytes).min(budget.left);
    let slice =
        reader.read(from, usize::try_from(max_bytes).unwrap_or(0), budget.nothing_yet, upper_bound)?;
    if max_bytes < 0 && from < upper_bound {
        return Ok(None);
    }
    if slice.len > 0 {
        budget.nothing_yet = false;
        budget.left -= i64::try_from(slice.len).unwrap_or(i64::MAX);
    }
    Ok(Some(slice))
}

fn finish(outcome: &mut ReadOutcome, slice: LogSlice, request: PartitionRequest, upper_bound: Offset) {
    if outcome.aborted.is_some() && slice.len > 0 {
        match slice.aborted_transactions(Offset(request.fetch_offset), upper_bound) {
            Ok(aborted) => outcome.aborted = Some(aborted),
            Err(error) => {
                *outcome = ReadOutcome::refused(read_code(&error));
                return;
            }
        }
    }
    outcome.log_start_offset = slice.log_start_offset.get();
    outcome.is_followed = slice.is_followed(upper_bound);
    outcome.slice = (slice.len > 0).then_some(slice);
}
