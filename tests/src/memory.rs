//! What a process holds in memory, and whether other clients notice what a test does.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use medallion_wire::messages::MetadataRequest;

use crate::connection::Connection;
use crate::server::Server;

/// The resident memory of a process in bytes: now (`VmRSS`) and at its highest (`VmHWM`).
pub fn resident(process_id: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).expect("the process runs");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB")
            * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// A well-behaved client that asks for metadata all the time.
#[derive(Debug)]
pub struct Neighbour {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Neighbour {
    /// Starts asking, on one connection that must hold.
    pub fn start(server: &Server) -> Self {
        let mut connection: Connection = server.connect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut answers, mut slowest) = (0, Duration::ZERO);
            while answers < 5 || !stopped.load(Ordering::Relaxed) {
                let asked = Instant::now();
                connection.call(&MetadataRequest::default(), 8);
                slowest = slowest.max(asked.elapsed());
                answers += 1;
                thread::sleep(Duration::from_millis(5));
            }
            slowest
        });
        Self { stop, thread }
    }

    /// Ends it and checks that all was answered, each within `limit`.
    pub fn finish(self, limit: Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let slowest = self.thread.join().expect("the neighbour is served");
        assert!(slowest < limit, "the neighbour waited {slowest:?}");
    }
}
