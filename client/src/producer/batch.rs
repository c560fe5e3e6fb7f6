//! Records of one partition that go out together.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::Offset;
use medallion_wire::records::{
    BatchBuilder, BatchOptions, BuildError, CompressionSettings, DecodedRecords, DecompressionLimits,
    RecordBatch, increment_sequence,
};
use medallion_wire::{ProducerEpoch, ProducerId};
use tokio::time::Instant;

use super::completion::{Ack, Completion};
use super::memory::Reservation;
use super::record::Record;
use crate::error::Error;

/// Who writes a batch, and as which of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) base_sequence: i32,
}

/// A batch, from its first record to its end.
#[derive(Debug)]
pub(super) struct Batch {
    /// Batches of a producer count up as they are begun, with room in between for the parts that one may be split into.
    pub(super) id: u64,
    /// Behind the ids of its parts.
    ids_end: u64,
    pub(super) created: Instant,
    content: Content,
    /// Given when it is first sent, for good unless its partition counts anew; `None` without idempotence.
    pub(super) stamp: Option<Stamp>,
    pub(super) completion: Arc<Completion>,
    memory: Reservation,
    /// Codec and level.
    compression: CompressionSettings,
    /// How often it has been sent.
    pub(super) attempts: u32,
    /// Whether an attempt may have succeeded though nobody said so.
    pub(super) is_outcome_unknown: bool,
    pub(super) last_error: Option<Error>,
}

#[derive(Debug)]
enum Content {
    Open(Box<BatchBuilder>),
    Sealed {
        batch: RecordBatch,
        /// The stamp in its header.
        stamp: Option<Stamp>,
    },
    /// It could not be sealed.
    Failed,
}

impl Batch {
    pub(super) fn new(
        ids: Range<u64>,
        created: Instant,
        builder: BatchBuilder,
        compression: CompressionSettings,
        completion: Arc<Completion>,
        memory: Reservation,
    ) -> Self {
        Self {
            id: ids.start,
            ids_end: ids.end,
            created,
            content: Content::Open(Box::new(builder)),
            stamp: None,
            completion,
            memory,
            compression,
            attempts: 0,
            is_outcome_unknown: false,
            last_error: None,
        }
    }

    /// Writes a record and tells its place. `None` where it does not fit: the batch may take `size_bytes_max` as far as there is
    /// memory for that.
    pub(super) fn append(
        &mut self,
        record: &Record<'_>,
        timestamp: i64,
        size_bytes_max: usize,
    ) -> Option<u32> {
        let Content::Open(builder) = &mut self.content else { return None };
        let index = builder.record_count().cast_unsigned();
        loop {
            match builder.append(timestamp, record.key, record.value, &record.headers) {
                Ok(()) => return Some(index),
                Err(BuildError::Full { needed, max_bytes }) if needed <= size_bytes_max => {
                    let wanted = needed.max(max_bytes.saturating_mul(2)).min(size_bytes_max);
                    if !self.memory.try_grow(wanted.saturating_sub(self.memory.bytes())) {
                        return None;
                    }
                    builder.set_max_bytes(self.memory.bytes());
                }
                Err(_) => return None,
            }
        }
    }

    /// How many records there are.
    pub(super) fn record_count(&self) -> i32 {
        match &self.content {
            Content::Open(builder) => builder.record_count(),
            Content::Sealed { batch, .. } => batch.record_count,
            Content::Failed => 0,
        }
    }

    /// About what it takes in a request.
    pub(super) fn size_bytes(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.estimated_size(),
            Content::Sealed { batch, .. } => batch.size_bytes(),
            Content::Failed => 0,
        }
    }

    /// The batch's bytes under its stamp, in one or two pieces: compressed and sealed at the first call.
    pub(super) fn seal(&mut self, pieces: &mut Vec<Bytes>) -> Result<usize, Error> {
        if let Content::Open(_) = self.content {
            self.seal_open()?;
        }
        let Content::Sealed { batch, stamp } = &self.content else {
            return Err(Error::malformed("a batch", "it could not be sealed"));
        };
        match self.stamp {
            Some(new) if Some(new) != *stamp => {
                let header = batch.renumbered(new.producer_id, new.producer_epoch, new.base_sequence);
                pieces.push(Bytes::copy_from_slice(&header));
                pieces.push(batch.body());
            }
            _ => pieces.push(batch.as_bytes().clone()),
        }
        Ok(batch.size_bytes())
    }

    fn seal_open(&mut self) -> Result<(), Error> {
        let Content::Open(mut builder) = std::mem::replace(&mut self.content, Content::Failed) else {
            return Ok(());
        };
        if let Some(stamp) = self.stamp {
            builder.set_producer(stamp.producer_id, stamp.producer_epoch, stamp.base_sequence);
        }
        let batch = builder.build().map_err(|error| Error::malformed("a batch", error))?;
        // What compression has saved may be used by others.
        self.memory.shrink_to(batch.size_bytes());
        self.content = Content::Sealed { batch, stamp: self.stamp };
        Ok(())
    }

    /// Two batches with the same records in the same order, each of about half the bytes, for a broker that finds this one too large.
    /// They have its place among batches, its sequence numbers and its age. `None` where there is no second record.
    pub(super) fn split(&mut self) -> Option<[Self; 2]> {
        let middle = self.id + (self.ids_end - self.id) / 2;
        let Content::Sealed { batch, .. } = &self.content else { return None };
        if batch.record_count < 2 || middle == self.id {
            return None;
        }
        let records = batch.decode(DecompressionLimits::new(usize::MAX)).ok()?;
        let [first, second] = halves(&records, self.compression, batch.is_transactional())?;
        let first_count = first.record_count();
        let partition = self.completion.partition();
        let completions = [Completion::new(partition.clone()), Completion::new(partition.clone())];
        self.completion.split(first_count.cast_unsigned(), completions.clone());
        let second_stamp = self.stamp.map(|stamp| Stamp {
            base_sequence: increment_sequence(stamp.base_sequence, first_count),
            ..stamp
        });
        let half = self.memory.bytes() / 2;
        let memories = [self.memory.split_off(half), self.memory.split_off(usize::MAX)];
        let parts = [(self.id..middle, first, self.stamp), (middle..self.ids_end, second, second_stamp)];
        let mut parts = parts.into_iter().zip(completions).zip(memories).map(
            |(((ids, builder, stamp), completion), memory)| {
                let part = Self::new(ids, self.created, builder, self.compression, completion, memory);
                (part, stamp)
            },
        );
        let mut next = || {
            let (mut part, stamp) = parts.next()?;
            part.stamp = stamp;
            part.attempts = self.attempts;
            part.last_error.clone_from(&self.last_error);
            Some(part)
        };
        Some([next()?, next()?])
    }

    /// Ends the batch and gives its memory back.
    pub(super) fn complete(mut self, outcome: Result<Ack, Error>) -> bool {
        self.content = Content::Failed;
        self.memory.shrink_to(0);
        self.completion.complete(outcome)
    }
}

/// Builders with the first and the second half of some records, by their bytes; neither is empty.
fn halves(
    records: &DecodedRecords,
    compression: CompressionSettings,
    is_transactional: bool,
) -> Option<[BatchBuilder; 2]> {
    let half = records.data().len() / 2;
    let options = BatchOptions { compression, is_transactional, ..BatchOptions::default() };
    let mut builders = [BatchBuilder::new(options), BatchBuilder::new(options)];
    let mut walk = records.iter().peekable();
    while let Some(record) = walk.next() {
        let mut record = record.ok()?;
        let [first, second] = &mut builders;
        let is_first = second.record_count() == 0
            && (first.record_count() == 0 || (first.estimated_size() < half && walk.peek().is_some()));
        let builder = if is_first { first } else { second };
        record.offset = Offset(i64::from(builder.record_count()));
        builder.append_record(&record).ok()?;
    }
    Some(builders)
}

/// A batch that is dropped by nobody's decision (the runtime ends) must not leave anybody waiting.
impl Drop for Batch {
    fn drop(&mut self) {
        self.completion.complete(Err(Error::Closed { what: "producer" }));
    }
}
