//! Batches that are being filled, one queue for each partition.
//!
//! This is where senders and the producer's task meet. A queue is locked for as long as a record is copied; the task hears of a
//! queue ([`Accumulator::announced`]) when a batch is begun or full, not of records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use medallion_wire::TopicPartition;
use medallion_wire::records::{BatchBuilder, BatchOptions, CompressionSettings};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::batch::Batch;
use super::completion::{Completion, Delivery};
use super::memory::{Memory, Reservation};
use super::record::Record;
use super::sender::{BatchSource, Head};

/// What a batch takes at first, unless its first record is larger.
const FIRST_BYTES: usize = 4096;

/// How far the ids of batches lie apart: a batch can be split into so many parts.
const BATCH_ID_STEP: u64 = 1 << 20;

/// All queues of a producer.
#[derive(Debug)]
pub(super) struct Accumulator {
    batch_size: usize,
    compression: CompressionSettings,
    is_transactional: bool,
    memory: Arc<Memory>,
    slots: RwLock<Vec<Arc<Slot>>>,
    announced: Mutex<Vec<usize>>,
    signal: Notify,
    next_batch: AtomicU64,
    /// Batches that have not ended, for `flush`.
    unfinished: Mutex<BTreeMap<u64, Arc<Completion>>>,
    is_closed: AtomicBool,
}

/// The queue of one partition.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) index: usize,
    pub(super) partition: TopicPartition,
    queue: Mutex<Queue>,
    /// Batches that wait, for the choice of partitions.
    queued: AtomicUsize,
    is_led: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    full: VecDeque<Batch>,
    open: Option<Batch>,
    /// What the last batch took: the next one is probably as large, and gets the memory for it at once.
    last_bytes: usize,
    /// Whether the task has been told and has not looked yet.
    is_announced: bool,
}

/// What became of a record.
#[derive(Debug)]
pub(super) enum Appended {
    /// It is in a batch; `is_first` where it has begun that.
    Done { delivery: Delivery, is_first: bool },
    /// A new batch needs so many bytes, which are not free.
    NoRoom { bytes: usize },
    /// The producer takes no more records.
    Closed,
}

impl Slot {
    /// Batches that wait, and whether the partition has a leader.
    pub(super) fn load(&self) -> (usize, bool) {
        (self.queued.load(Ordering::Relaxed), self.is_led.load(Ordering::Relaxed))
    }

    pub(super) fn set_led(&self, is_led: bool) {
        self.is_led.store(is_led, Ordering::Relaxed);
    }
}

impl Accumulator {
    pub(super) fn new(
        batch_size: usize,
        compression: CompressionSettings,
        is_transactional: bool,
        memory: Arc<Memory>,
    ) -> Self {
        // While one batch is under way the next is to be filled.
        let batch_size = batch_size.min(memory.total() / 2);
        Self {
            batch_size,
            compression,
            is_transactional,
            memory,
            slots: RwLock::default(),
            announced: Mutex::default(),
            signal: Notify::new(),
            next_batch: AtomicU64::new(0),
            unfinished: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// A queue for one more partition.
    pub(super) fn add_slot(&self, partition: TopicPartition, is_led: bool) -> Arc<Slot> {
        let mut slots = self.slots.write();
        let slot = Arc::new(Slot {
            index: slots.len(),
            partition,
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
            is_led: AtomicBool::new(is_led),
        });
        slots.push(Arc::clone(&slot));
        slot
    }

    pub(super) fn slot(&self, index: usize) -> Option<Arc<Slot>> {
        self.slots.read().get(index).cloned()
    }

    pub(super) fn slot_count(&self) -> usize {
        self.slots.read().len()
    }

    /// Writes a record into the open batch, or begins one with the memory of `reservation` or what is free.
    pub(super) fn append(
        &self,
        slot: &Slot,
        record: &Record<'_>,
        timestamp: i64,
        reservation: &mut Option<Reservation>,
    ) -> Appended {
        let mut queue = slot.queue.lock();
        if self.is_closed.load(Ordering::Acquire) {
            return Appended::Closed;
        }
        if let Some(open) = &mut queue.open {
            if let Some(index) = open.append(record, timestamp, self.batch_size) {
                let delivery = Delivery::new(Arc::clone(&open.completion), index, timestamp);
                return Appended::Done { delivery, is_first: false };
            }
            queue.last_bytes = self.batch_size;
            let full = queue.open.take();
            queue.full.extend(full);
            self.announce(slot, &mut queue);
        }
        let size = record.size_bytes_max();
        let bytes = size.max(queue.last_bytes.max(FIRST_BYTES).min(self.batch_size));
        let memory = reservation.take().filter(|taken| taken.bytes() >= bytes);
        let Some(memory) = memory.or_else(|| self.memory.try_take(bytes)) else {
            return Appended::NoRoom { bytes };
        };
        let mut batch = self.begin(slot, memory);
        let Some(index) = batch.append(record, timestamp, size.max(self.batch_size)) else {
            // The size was an upper bound, so that this cannot be.
            return Appended::NoRoom { bytes };
        };
        self.unfinished.lock().insert(batch.id, Arc::clone(&batch.completion));
        let delivery = Delivery::new(Arc::clone(&batch.completion), index, timestamp);
        queue.open = Some(batch);
        slot.queued.fetch_add(1, Ordering::Relaxed);
        self.announce(slot, &mut queue);
        Appended::Done { delivery, is_first: true }
    }

    fn begin(&self, slot: &Slot, memory: Reservation) -> Batch {
        let id = self.next_batch.fetch_add(BATCH_ID_STEP, Ordering::Relaxed);
        let options = BatchOptions {
            compression: self.compression,
            is_transactional: self.is_transactional,
            max_bytes: memory.bytes(),
            ..BatchOptions::default()
        };
        let builder = BatchBuilder::with_capacity(options, memory.bytes());
        let (ids, completion) = (id..id + BATCH_ID_STEP, Completion::new(slot.partition.clone()));
        Batch::new(ids, Instant::now(), builder, self.compression, completion, memory)
    }

    fn announce(&self, slot: &Slot, queue: &mut Queue) {
        if !std::mem::replace(&mut queue.is_announced, true) {
            self.announced.lock().push(slot.index);
            self.signal.notify_one();
        }
    }

    /// Waits until there is something in [`Accumulator::take_announced`], or [`Accumulator::wake`] is called.
    pub(super) async fn changed(&self) {
        self.signal.notified().await;
    }

    /// Has the task look.
    pub(super) fn wake(&self) {
        self.signal.notify_one();
    }

    /// The queues in which batches were begun or filled.
    pub(super) fn take_announced(&self) -> Vec<usize> {
        std::mem::take(&mut *self.announced.lock())
    }

    /// The batches that have not ended.
    pub(super) fn unfinished(&self) -> Vec<Arc<Completion>> {
        self.unfinished.lock().values().cloned().collect()
    }

    /// Notes that a batch has ended.
    pub(super) fn finished(&self, batch: u64) {
        self.unfinished.lock().remove(&batch);
    }

    /// Notes that a batch was split. Whoever waits for the whole waits for its parts.
    pub(super) fn split(&self, whole: u64, parts: [(u64, Arc<Completion>); 2]) {
        let mut unfinished = self.unfinished.lock();
        unfinished.remove(&whole);
        unfinished.extend(parts);
    }

    /// Takes no more records. What was taken before is sent.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.memory.close();
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Whether every batch has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.unfinished.lock().is_empty()
    }
}

impl BatchSource for &Accumulator {
    fn head(&self, slot: usize) -> Option<Head> {
        let slot = self.slot(slot)?;
        let mut queue = slot.queue.lock();
        queue.is_announced = false;
        let is_full = !queue.full.is_empty();
        let first = queue.full.front().or(queue.open.as_ref())?;
        Some(Head { is_full, created: first.created, bytes: first.size_bytes() })
    }

    fn take(&mut self, slot: usize) -> Option<Batch> {
        let slot = self.slot(slot)?;
        let mut queue = slot.queue.lock();
        let batch = queue.full.pop_front().or_else(|| {
            let open = queue.open.take()?;
            queue.last_bytes = open.size_bytes();
            Some(open)
        });
        if batch.is_some() {
            slot.queued.fetch_sub(1, Ordering::Relaxed);
        }
        batch
    }

    fn is_short(&self) -> bool {
        self.memory.is_short()
    }
}
