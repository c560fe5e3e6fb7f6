//! Appends by the worker thread that has read the request: a write into the page cache is cheaper than waking another thread
//! for it, twice.
//!
//! Such a write can still wait, for a disk that is busy, and a worker that waits keeps others from running: after it has
//! polled the sockets nobody else does so until it is back, unless another worker wakes by chance. Three things bound that:
//! one worker at least never writes ([`InlineAppends::begin`] gives out one turn less than there are workers); a thread of
//! its own sees when the turns do not end and wakes that worker, which takes over the waiting tasks and the sockets; and after
//! a slow write all go to the I/O pool for a while.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::warn;

/// More than this is written by the I/O pool: it keeps a worker for too long, and waking another thread costs little
/// beside it.
pub(super) const INLINE_BYTES_MAX: usize = 256 << 10;
/// How often it is looked whether turns end.
const TICK: Duration = Duration::from_millis(5);
/// A turn that took this long has met a busy disk (or a busy machine).
const SLOW_TURN: Duration = Duration::from_millis(20);
/// How long the I/O pool writes everything after a slow turn.
const PAUSE: Duration = Duration::from_secs(1);
/// It only wakes and looks.
const STACK_BYTES: usize = 128 << 10;

/// Who may append on a worker thread, and the thread that watches over them.
#[derive(Debug)]
pub(crate) struct InlineAppends {
    /// How many turns there are at a time.
    turns_max: usize,
    slow_turn: Duration,
    running: AtomicUsize,
    begun: AtomicU64,
    /// After a slow turn.
    paused_until: Mutex<Option<Instant>>,
    is_paused: AtomicBool,
    watcher: OnceLock<Thread>,
    watcher_sleeps: AtomicBool,
}

/// A turn of appending; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct InlineTurn<'a> {
    appends: &'a InlineAppends,
    began: Instant,
}

impl Default for InlineAppends {
    /// No turns: the I/O pool writes all.
    fn default() -> Self {
        Self::new(0, SLOW_TURN)
    }
}

impl InlineAppends {
    fn new(turns_max: usize, slow_turn: Duration) -> Self {
        Self {
            turns_max,
            slow_turn,
            running: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            paused_until: Mutex::new(None),
            is_paused: AtomicBool::new(false),
            watcher: OnceLock::new(),
            watcher_sleeps: AtomicBool::new(false),
        }
    }

    /// Turns for the workers of `runtime`. Where it has one only, or the watching thread cannot be started, there are none,
    /// and the I/O pool writes all.
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        Self::start_with(runtime, SLOW_TURN)
    }

    /// As [`InlineAppends::start`], with another idea of slowness: tests run on busy machines.
    pub(super) fn start_with(runtime: &Handle, slow_turn: Duration) -> Arc<Self> {
        let workers = match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => 1,
            _ => runtime.metrics().num_workers(),
        };
        if workers < 2 {
            return Arc::default();
        }
        let this = Arc::new(Self::new(workers - 1, slow_turn));
        let (watched, runtime) = (Arc::downgrade(&this), runtime.clone());
        let thread = std::thread::Builder::new().name("append-watch".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn(move || watch(&watched, &runtime)) {
            Ok(handle) => {
                let _ = this.watcher.set(handle.thread().clone());
                this
            }
            Err(error) => {
                warn!(%error, "no thread to watch over appends: the I/O pool writes all of them");
                Arc::default()
            }
        }
    }

    /// A turn for `bytes`, if there is one.
    pub(super) fn begin(&self, bytes: usize) -> Option<InlineTurn<'_>> {
        if bytes > INLINE_BYTES_MAX || self.turns_max == 0 || self.is_paused() {
            return None;
        }
        if self.running.fetch_add(1, Ordering::SeqCst) >= self.turns_max {
            self.running.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.watcher_sleeps.swap(false, Ordering::SeqCst) {
            self.wake_watcher();
        }
        Some(InlineTurn { appends: self, began: Instant::now() })
    }

    fn is_paused(&self) -> bool {
        if !self.is_paused.load(Ordering::Relaxed) {
            return false;
        }
        let mut until = self.paused_until.lock();
        if until.is_some_and(|until| Instant::now() < until) {
            return true;
        }
        *until = None;
        self.is_paused.store(false, Ordering::Relaxed);
        false
    }

    fn pause(&self) {
        let mut until = self.paused_until.lock();
        *until = Some(Instant::now() + PAUSE);
        self.is_paused.store(true, Ordering::Relaxed);
    }

    fn progress(&self) -> Progress {
        Progress { begun: self.begun.load(Ordering::SeqCst), running: self.running.load(Ordering::SeqCst) }
    }

    fn wake_watcher(&self) {
        if let Some(watcher) = self.watcher.get() {
            watcher.unpark();
        }
    }
}

impl Drop for InlineAppends {
    fn drop(&mut self) {
        self.wake_watcher(); // it ends
    }
}

impl Drop for InlineTurn<'_> {
    fn drop(&mut self) {
        if self.began.elapsed() >= self.appends.slow_turn {
            self.appends.pause();
        }
        self.appends.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How far the turns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    begun: u64,
    running: usize,
}

/// What the watcher makes of two looks, one tick apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nobody appends.
    Quiet,
    /// Turns begin and end.
    Moving,
    /// The turns that were there have not ended, and no other has begun.
    Stuck,
}

fn judge(before: Progress, now: Progress) -> Verdict {
    match now {
        Progress { begun, running: 0 } if begun == before.begun => Verdict::Quiet,
        now if now.running > 0 && now == before => Verdict::Stuck,
        _ => Verdict::Moving,
    }
}

/// Wakes a worker as long as turns are stuck. Sleeps while nobody appends, ends with the last owner of the turns.
fn watch(watched: &Weak<InlineAppends>, runtime: &Handle) {
    let mut before = Progress::default();
    loop {
        let Some(appends) = watched.upgrade() else { return };
        let now = appends.progress();
        let verdict = judge(before, now);
        before = now;
        if verdict == Verdict::Quiet {
            appends.watcher_sleeps.store(true, Ordering::SeqCst);
            if appends.progress() == now {
                drop(appends);
                std::thread::park();
                continue;
            }
            appends.watcher_sleeps.store(false, Ordering::SeqCst);
        } else if verdict == Verdict::Stuck {
            runtime.spawn(std::future::ready(())); // an idle worker wakes, looks for other work, then waits for the sockets
        }
        drop(appends);
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    fn at(begun: u64, running: usize) -> Progress {
        Progress { begun, running }
    }

    #[test]
    fn only_turns_that_stay_are_stuck() {
        assert_eq!(judge(at(0, 0), at(0, 0)), Verdict::Quiet);
        assert_eq!(judge(at(0, 0), at(1, 1)), Verdict::Moving, "it has just begun");
        assert_eq!(judge(at(1, 1), at(1, 1)), Verdict::Stuck);
        assert_eq!(judge(at(1, 1), at(2, 1)), Verdict::Moving, "another one");
        assert_eq!(judge(at(2, 2), at(2, 1)), Verdict::Moving, "one has ended");
        assert_eq!(judge(at(2, 1), at(2, 0)), Verdict::Quiet);
        assert_eq!(judge(at(2, 0), at(3, 0)), Verdict::Moving, "one has come and gone");
    }

    #[tokio::test]
    async fn a_single_worker_gets_no_turn() {
        assert!(InlineAppends::start(&Handle::current()).begin(1).is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn one_worker_always_stays_free() {
        let appends = InlineAppends::start_with(&Handle::current(), Duration::MAX);
        assert!(appends.begin(INLINE_BYTES_MAX + 1).is_none(), "too large");
        let first = appends.begin(1).expect("a turn");
        let _second = appends.begin(1).expect("a turn");
        assert!(appends.begin(1).is_none());
        drop(first);
        assert!(appends.begin(1).is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn after_a_slow_turn_there_is_a_pause() {
        let appends = InlineAppends::start_with(&Handle::current(), Duration::ZERO);
        let turn = appends.begin(1).expect("a turn");
        drop(turn);
        assert!(appends.begin(1).is_none());
        *appends.paused_until.lock() = Some(Instant::now());
        assert!(appends.begin(1).is_some(), "the pause is over");
    }

    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("listening");
        (client, listener.accept().await.expect("connected").0)
    }

    /// The worker that has polled the sockets hangs in a write; what comes for another connection is seen by the other one.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_write_that_hangs_does_not_stop_other_connections() {
        let appends = InlineAppends::start_with(&Handle::current(), Duration::MAX);
        let ((mut writing, writer), (mut other, reader)) = (connection().await, connection().await);
        let (release, released) = mpsc::channel::<()>();
        let (hangs, is_hanging) = mpsc::channel();
        let hanging = Arc::clone(&appends);
        let stuck = tokio::spawn(async move {
            writer.readable().await.expect("a request");
            let _turn = hanging.begin(1).expect("a turn");
            hangs.send(()).expect("the test waits");
            let _ = released.recv_timeout(Duration::from_secs(20));
        });
        let (sees, seen) = mpsc::channel();
        tokio::spawn(async move {
            reader.readable().await.expect("a request");
            sees.send(()).expect("the test waits");
        });
        tokio::time::sleep(Duration::from_millis(50)).await; // both tasks wait for their sockets
        writing.write_all(b"x").await.expect("sent");
        is_hanging.recv_timeout(Duration::from_secs(20)).expect("it hangs");
        std::thread::sleep(Duration::from_millis(50));
        other.write_all(b"x").await.expect("sent");
        seen.recv_timeout(Duration::from_secs(10)).expect("the other connection is served");
        release.send(()).expect("it hangs still");
        stuck.await.expect("no panic");
    }
}
