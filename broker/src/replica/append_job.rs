//! Writes what a request has queued on partitions: at once where that takes no more than a write into the page cache
//! ([`super::inline_append`]), else by jobs on the I/O pool, one for all partitions of the request, because handing work to
//! another thread costs more than writing a small batch.

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
    partitions: Vec<Arc<Partition>>,
    bytes: usize,
    /// Where the time of the appends is added up, if it is.
    pub(super) time: Option<AppendTime>,
}

impl AppendJobs {
    /// No jobs yet, of a request whose time is added up where `time` says.
    pub(crate) fn timed(time: Option<AppendTime>) -> Self {
        Self { partitions: Vec::new(), bytes: 0, time }
    }

    /// Drains the queue of `partition`, in which `bytes` were just put, together with others.
    pub(super) fn add(&mut self, partition: Arc<Partition>, bytes: usize) {
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
        let bytes = std::mem::take(&mut self.bytes);
        let mut partitions = std::mem::take(&mut self.partitions);
        // Where the request's time is measured the pool writes, or that of the write would be counted twice.
        if self.time.is_none() {
            partitions = write_at_once(partitions, bytes);
        }
        if let Some(first) = partitions.first() {
            let runtime = first.surroundings().runtime.clone();
            runtime.spawn_blocking(move || partitions.iter().for_each(|partition| partition.drain()));
        }
    }
}

/// Writes what can be written here and now; gives back the partitions that need a job.
fn write_at_once(mut partitions: Vec<Arc<Partition>>, bytes: usize) -> Vec<Arc<Partition>> {
    let Some(first) = partitions.first() else { return partitions };
    let inline = Arc::clone(&first.surroundings().inline);
    let Some(turn) = inline.begin(bytes) else { return partitions };
    let mut written = Vec::with_capacity(partitions.len());
    partitions.retain(|partition| match partition.write_now() {
        Some(appended) => {
            written.push((Arc::clone(partition), appended));
            false
        }
        None => true,
    });
    drop(turn);
    // Last, because whom a worker wakes may have to wait until it is done.
    for (partition, appended) in written {
        partition.finish(appended);
    }
    partitions
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
    use crate::replica::inline_append::InlineAppends;
    use crate::replica::partition::{AppendReply, Surroundings};

    fn opening(index: i32) -> Arc<Partition> {
        let surroundings = Surroundings {
            clock: Arc::new(ManualClock::new(1000)),
            runtime: Handle::current(),
            metrics: Arc::new(Metrics::default()),
            stopping: Arc::default(),
            inline: InlineAppends::start_with(&Handle::current(), Duration::MAX),
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

    fn settle(reply: &mut Receiver<AppendReply>) -> Option<i64> {
        let reply = reply.try_recv().ok()?;
        Some(reply.expect("appended").base_offset.get())
    }

    /// The partition has taken a batch since it was opened, so that its files are open and its epoch is known.
    async fn warm(index: i32) -> Arc<Partition> {
        let partition = opening(index);
        open(&partition);
        let first = append(&partition, &mut AppendJobs::default());
        assert_eq!(offset(first).await, 0);
        // The job has answered, and looks into the queue once more before it ends: what comes now could be its to write.
        for _ in 0..10_000 {
            if !partition.is_draining() {
                return partition;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the job does not end");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_small_append_is_written_before_the_request_goes_on() {
        let partitions = [warm(0).await, warm(1).await];
        let mut jobs = AppendJobs::default();
        let mut replies: Vec<_> = partitions.iter().map(|partition| append(partition, &mut jobs)).collect();
        assert_eq!(replies.iter_mut().filter_map(settle).count(), 0, "all partitions of a request together");
        drop(jobs);
        assert_eq!(replies.iter_mut().filter_map(settle).collect::<Vec<_>>(), [1, 1]);
    }

    /// Keeps the only thread of the I/O pool until the sender is dropped.
    fn occupy_pool() -> std::sync::mpsc::Sender<()> {
        let (release, released) = std::sync::mpsc::channel::<()>();
        Handle::current().spawn_blocking(move || released.recv_timeout(Duration::from_secs(20)));
        release
    }

    async fn only_the_pool_writes_what_would_wait() {
        let (held, free) = (warm(0).await, warm(1).await);
        let pool = occupy_pool();
        let mut first = held
            .with_log(|_log| {
                let mut jobs = AppendJobs::default();
                let (held, mut written) = (append(&held, &mut jobs), append(&free, &mut jobs));
                drop(jobs);
                assert_eq!(settle(&mut written), Some(1), "another partition does not wait");
                held
            })
            .expect("the log is open");
        assert_eq!(settle(&mut first), None, "somebody else was at the log");
        drop(pool);
        assert_eq!(offset(first).await, 1);

        let pool = occupy_pool();
        let turn = held.surroundings().inline.begin(1).expect("a turn");
        let mut second = append(&held, &mut AppendJobs::default());
        assert_eq!(settle(&mut second), None, "the only turn is taken");
        drop((turn, pool));
        assert_eq!(offset(second).await, 2);

        let pool = occupy_pool();
        let config = LogConfig { flush_messages: 1, ..LogConfig::default() };
        held.with_log(|log| log.update_config(Arc::new(config))).expect("the log is open");
        let mut third = append(&held, &mut AppendJobs::default());
        assert_eq!(settle(&mut third), None, "it has to be flushed");
        drop(pool);
        assert_eq!(offset(third).await, 3);
    }

    #[test]
    fn what_would_wait_goes_to_the_pool() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            runtime.worker_threads(2).max_blocking_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(only_the_pool_writes_what_would_wait());
    }

    /// Writers on all threads, some inline and some by jobs: each partition's offsets are given out once, and for one caller
    /// in the order of its calls.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn inline_writes_and_jobs_keep_the_order_of_calls() {
        let partitions = Arc::new([warm(0).await, warm(1).await]);
        let writers = (0..4).map(|_| {
            let partitions = Arc::clone(&partitions);
            tokio::spawn(async move {
                let mut offsets = [Vec::new(), Vec::new()];
                for _round in 0..50 {
                    let mut replies = Vec::new();
                    for _request in 0..3 {
                        let mut jobs = AppendJobs::default();
                        replies.extend(partitions.iter().map(|partition| append(partition, &mut jobs)));
                    }
                    for (number, reply) in replies.into_iter().enumerate() {
                        offsets[number % 2].push(offset(reply).await);
                    }
                }
                offsets
            })
        });
        let mut all = [Vec::new(), Vec::new()];
        for writer in writers.collect::<Vec<_>>() {
            for (offsets, all) in writer.await.expect("no panic").into_iter().zip(&mut all) {
                assert!(offsets.is_sorted(), "{offsets:?}");
                all.extend(offsets);
            }
        }
        for mut offsets in all {
            offsets.sort_unstable();
            assert_eq!(offsets, (1..=600).collect::<Vec<i64>>());
        }
    }
}
