//! The order in which logs are opened at start: those that a request has asked for come first.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::partition::Partition;

/// Partitions whose logs wait to be opened, each with the index of its directory.
#[derive(Debug, Default)]
pub(crate) struct OpeningQueue {
    waiting: Mutex<Waiting>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<(Arc<Partition>, usize)>,
    running: Vec<Arc<Partition>>,
}

impl OpeningQueue {
    /// Adds a partition at the end.
    pub(crate) fn push(&self, partition: Arc<Partition>, directory: usize) {
        self.waiting.lock().queue.push_back((partition, directory));
    }

    /// Takes the next partition: one that a request waits for if there is any, else the first. After it was opened
    /// [`OpeningQueue::finished`] must be called.
    pub(crate) fn take(&self) -> Option<(Arc<Partition>, usize)> {
        let mut waiting = self.waiting.lock();
        let wanted = waiting.queue.iter().position(|(partition, _)| partition.is_wanted()).unwrap_or(0);
        let next = waiting.queue.remove(wanted)?;
        waiting.running.push(Arc::clone(&next.0));
        Some(next)
    }

    /// A partition that was open is opened anew, without having waited; [`OpeningQueue::finished`] must be called too.
    pub(crate) fn begin(&self, partition: &Arc<Partition>) {
        self.waiting.lock().running.push(Arc::clone(partition));
    }

    /// A partition that was taken is open, or has failed.
    pub(crate) fn finished(&self, partition: &Arc<Partition>) {
        let mut waiting = self.waiting.lock();
        let place = waiting.running.iter().position(|running| Arc::ptr_eq(running, partition));
        waiting.running.swap_remove(place.expect("only what was begun is finished"));
        self.done.notify_all();
    }

    /// Sees to it that nobody opens this partition any longer: takes it out, or waits until it is open.
    pub(crate) fn withdraw(&self, partition: &Arc<Partition>) {
        let mut waiting = self.waiting.lock();
        waiting.queue.retain(|(queued, _)| !Arc::ptr_eq(queued, partition));
        while waiting.running.iter().any(|running| Arc::ptr_eq(running, partition)) {
            self.done.wait(&mut waiting);
        }
    }

    /// Drops all that was not begun and waits for what was.
    pub(crate) fn stop(&self) {
        let mut waiting = self.waiting.lock();
        waiting.queue.clear();
        while !waiting.running.is_empty() {
            self.done.wait(&mut waiting);
        }
    }

    /// How many logs are not open yet.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.queue.len() + waiting.running.len()
    }
}
