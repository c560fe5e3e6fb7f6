//! The consumer's task: it brings news of the cluster and of the time to the machine, and ends what is to be ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::fetcher::Fetcher;
use super::shared::Shared;

/// Commits do not go out more often than this.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Works until the consumer is closed; `_ended` is dropped behind that.
pub(super) async fn run(shared: Arc<Shared>, _ended: watch::Sender<()>) {
    let mut metadata = shared.client.metadata().watch();
    let idle = shared.client.settings().metadata_max_idle / 2;
    let mut use_again = Instant::now() + idle;
    while !shared.is_closed() {
        let due = shared.due();
        let next = due.map_or(use_again, |due| due.min(use_again));
        tokio::select! {
            changed = metadata.changed() => {
                if changed.is_err() {
                    break;
                }
                let cluster = Arc::clone(&metadata.borrow_and_update().cluster);
                shared.drive(|fetcher, _| fetcher.learn(&cluster));
            }
            () = shared.changed.notified() => {}
            () = sleep_until(next) => {
                if Instant::now() >= use_again {
                    use_topics(&shared);
                    use_again = Instant::now() + idle;
                }
                shared.drive(|_, _| ());
            }
        }
    }
    // A source that waits for records is told once they or their absence have come.
    let deadline = Instant::now() + shared.client.settings().request_timeout;
    for source in shared.close_sources() {
        let _ = timeout_at(deadline, source).await;
    }
    shared.client.brokers().forget(shared.purpose);
}

/// Commits what the user is done with every `interval`, until the consumer has ended.
pub(super) async fn commit(shared: Arc<Shared>, interval: Duration, mut ended: watch::Receiver<()>) {
    while !shared.is_closed() {
        tokio::select! {
            _ = ended.changed() => return,
            () = sleep(interval.max(INTERVAL_MIN)) => {}
        }
        shared.commit_quietly(Fetcher::to_commit).await;
    }
}

/// Metadata of topics that nobody uses is not kept up to date.
fn use_topics(shared: &Shared) {
    shared.look(|fetcher| fetcher.topics().for_each(|topic| shared.client.metadata().use_topic(topic)));
}
