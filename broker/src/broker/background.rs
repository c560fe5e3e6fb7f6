//! The threads that run beside the requests.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::BrokerConfig;
use crate::handler::BrokerState;
use crate::replica::background::{self, StopSignal};
use crate::replica::compaction::{Pace, compact_logs};

/// How often it is looked whether logs are due to be flushed.
const FLUSH_CHECK: Duration = Duration::from_millis(500);
/// How often it is looked how much room the volumes have.
const DISK_CHECK: Duration = Duration::from_millis(500);

/// All threads. Dropping them ends them at their next step.
#[derive(Debug)]
pub(super) struct Background {
    signal: Arc<StopSignal>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts all threads; `signal` stops them, and tells them of changed settings.
    ///
    /// # Errors
    /// What the operating system says; no thread goes on then.
    pub(super) fn start(state: &Arc<BrokerState>, signal: Arc<StopSignal>) -> std::io::Result<Self> {
        background::watch_disks(&state.replicas, state.config.load().disk_reserve_bytes);
        let mut this = Self { signal, threads: Vec::new() };
        this.every(
            state,
            "log-flusher",
            |_| FLUSH_CHECK,
            |state, stop| {
                let background_ms = state.config.load().log_flush_background_interval_ms;
                let background = (background_ms > 0).then(|| Duration::from_millis(background_ms));
                background::flush_logs(&state.replicas, background, state.clock.now_ms(), stop);
            },
        )?;
        this.every(state, "checkpointer", checkpoint_interval, |state, _| {
            state.replicas.write_checkpoints();
        })?;
        let interval = |config: &BrokerConfig| from_ms(config.log_retention_check_interval_ms);
        this.every(state, "retention", interval, |state, stop| {
            background::apply_retention(&state.replicas, state.clock.now_ms(), stop);
        })?;
        let interval = |config: &BrokerConfig| from_ms(config.producer_id_expiration_check_interval_ms);
        this.every(state, "producer-expiry", interval, |state, _| {
            background::expire_producers(&state.replicas, state.clock.now_ms());
        })?;
        let interval =
            |config: &BrokerConfig| from_ms(u64::try_from(config.log_cleaner_backoff_ms).unwrap_or(0));
        this.every(state, "log-cleaner", interval, |state, stop| {
            if state.config.load().log_cleaner_enable {
                let rate = || state.config.load().log_cleaner_io_max_bytes_per_second;
                let pace = Pace::new(state.clock.as_ref(), stop, &rate);
                compact_logs(&state.replicas, state.clock.now_ms(), &pace);
            }
        })?;
        this.every(
            state,
            "disk-watch",
            |_| DISK_CHECK,
            |state, _| {
                background::watch_disks(&state.replicas, state.config.load().disk_reserve_bytes);
                state.replicas.reopen_poisoned();
            },
        )?;
        Ok(this)
    }

    fn every(
        &mut self,
        state: &Arc<BrokerState>,
        name: &str,
        interval: impl Fn(&BrokerConfig) -> Duration + Send + 'static,
        work: fn(&BrokerState, &StopSignal),
    ) -> std::io::Result<()> {
        let (asked, worked) = (Arc::clone(state), Arc::clone(state));
        let interval = move || interval(&asked.config.load());
        let thread = background::every(name, &self.signal, interval, move |stop| work(&worked, stop))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Ends all threads at their next step.
    pub(super) fn stop(&self) {
        self.signal.stop();
    }

    /// Waits until all threads have ended.
    pub(super) fn join(mut self) {
        self.stop();
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join(); // a panic was printed
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An interval of 0 would spin.
fn from_ms(interval_ms: u64) -> Duration {
    Duration::from_millis(interval_ms.max(1))
}

/// The recovery points move on with the background flushes, so checkpoints follow them where Kafka's interval is longer.
fn checkpoint_interval(config: &BrokerConfig) -> Duration {
    from_ms(match config.log_flush_background_interval_ms {
        0 => config.log_flush_offset_checkpoint_interval_ms,
        background_ms => config.log_flush_offset_checkpoint_interval_ms.min(background_ms),
    })
}
