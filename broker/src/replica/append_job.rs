//! Jobs on the I/O pool that write what was queued on partitions: one job for all partitions of a request, because
//! handing work to another thread costs more than writing a small batch.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::append_time::AppendTime;
use super::partition::Partition;

/// A job that has this much to write is full: what follows goes to another one, beside it.
const JOB_BYTES: usize = 1 << 20;

/// Partitions with queued appends, on their way into jobs. The last job starts when this is dropped, so that nothing
/// queued is forgotten.
#[derive(Debug, Default)]
pub(crate) struct AppendJobs {
    runtime: Option<Handle>,
    partitions: Vec<Arc<Partition>>,
    bytes: usize,
    /// Where the time of the appends is added up, if it is.
    pub(super) time: Option<AppendTime>,
}

impl AppendJobs {
    /// No jobs yet, of a request whose time is added up where `time` says.
    pub(crate) fn timed(time: Option<AppendTime>) -> Self {
        Self { runtime: None, partitions: Vec::new(), bytes: 0, time }
    }

    /// Drains the queue of `partition`, in which `bytes` were just put, together with others.
    pub(super) fn add(&mut self, runtime: &Handle, partition: Arc<Partition>, bytes: usize) {
        self.runtime.get_or_insert_with(|| runtime.clone());
        self.partitions.push(partition);
        self.bytes += bytes;
        if self.bytes >= JOB_BYTES {
            self.start();
        }
    }

    /// Drains the queue of `partition` by a job of its own: it will wait for the disk.
    pub(super) fn add_alone(runtime: &Handle, partition: Arc<Partition>) {
        runtime.spawn_blocking(move || partition.drain());
    }

    fn start(&mut self) {
        self.bytes = 0;
        let partitions = std::mem::take(&mut self.partitions);
        if let Some(runtime) = &self.runtime
            && !partitions.is_empty()
        {
            runtime.spawn_blocking(move || partitions.iter().for_each(|partition| partition.drain()));
        }
    }
}

impl Drop for AppendJobs {
    fn drop(&mut self) {
        self.start();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use medallion_log::{AppendOrigin, AppendRequest, LogConfig, LogEnvironment, OpenOptions, PartitionLog};
    use medallion_os::{ManualClock, SimulatedFileSystem};
    use medallion_wire::records::{BatchBuilder, BatchOptions};
    use medallion_wire::{LeaderEpoch, TopicId, TopicPartition};
    use tokio::sync::oneshot::Receiver;

    use super::*;
    use crate::config::TopicDefaults;
    use crate::controller::image::PartitionRegistration;
    use crate::metrics::Metrics;
    use crate::replica::partition::{AppendReply, Surroundings};

    fn opening(index: i32) -> Arc<Partition> {
        let surroundings = Surroundings {
            clock: Arc::new(ManualClock::new(1000)),
            runtime: Handle::current(),
            metrics: Arc::new(Metrics::default()),
            stopping: Arc::default(),
        };
        let id = TopicPartition::new("t", index);
        let settings = Arc::new(TopicDefaults::default().topic([]));
        Partition::opening(id, TopicId::NONE, &PartitionRegistration::default(), settings, surroundings)
    }

    fn open(partition: &Arc<Partition>) {
        let environment = LogEnvironment::new(Arc::new(SimulatedFileSystem::new()));
        let config = Arc::new(LogConfig::default());
        let log = PartitionLog::open(&environment, Path::new("/t-0"), config, OpenOptions::new(1000));
        partition.open(log.unwrap().0);
    }

    fn append(partition: &Arc<Partition>, jobs: &mut AppendJobs) -> Receiver<AppendReply> {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(1000, None, Some(b"value"), &[]).unwrap();
        let records = builder.build().unwrap().into_bytes();
        let request = AppendRequest { records, leader_epoch: LeaderEpoch(0), origin: AppendOrigin::Client };
        partition.append_with(request, false, jobs)
    }

    async fn offset(reply: Receiver<AppendReply>) -> i64 {
        let reply = tokio::time::timeout(Duration::from_secs(20), reply).await.expect("answered in time");
        reply.expect("not forgotten").expect("appended").base_offset.get()
    }

    #[tokio::test]
    async fn requests_before_and_after_opening_are_written_in_their_order() {
        let partitions = [opening(0), opening(1), opening(2)];
        let mut replies = Vec::new();
        for _request in 0..2 {
            let mut jobs = AppendJobs::default();
            replies.extend(partitions.iter().map(|partition| append(partition, &mut jobs)));
        }
        partitions.iter().for_each(open);
        {
            let mut jobs = AppendJobs::default();
            replies.extend(partitions.iter().map(|partition| append(partition, &mut jobs)));
        }
        for (number, reply) in replies.into_iter().enumerate() {
            assert_eq!(offset(reply).await, i64::try_from(number / 3).unwrap());
        }
    }

    #[tokio::test]
    async fn a_partition_whose_writer_waits_does_not_hold_up_other_requests() {
        let (slow, quick) = (opening(0), opening(1));
        open(&slow);
        open(&quick);
        let (held, is_held) = tokio::sync::oneshot::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let partition = Arc::clone(&slow);
        let holder = std::thread::spawn(move || {
            partition.with_log(|_log| {
                held.send(()).expect("the test waits");
                let _ = released.recv_timeout(Duration::from_secs(20));
            })
        });
        is_held.await.expect("the writer is held");

        let mut jobs = AppendJobs::default();
        let (waiting, behind) = (append(&slow, &mut jobs), append(&quick, &mut jobs));
        drop(jobs);
        let other = append(&quick, &mut AppendJobs::default());
        assert_eq!(offset(other).await, 1, "the partition's order is kept");
        assert_eq!(offset(behind).await, 0);
        release.send(()).expect("the holder waits");
        assert_eq!(offset(waiting).await, 0);
        holder.join().expect("no panic").expect("the log is open");
    }
}
