//! How long a request keeps threads busy.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Runs `work` and tells how long threads were busy with it: the time of its polls, not the time it waited. Where
/// `measure` is false no clock is read and the time is zero.
pub(crate) async fn timed<T>(measure: bool, work: impl Future<Output = T>) -> (T, Duration) {
    let mut work = pin!(work);
    let mut busy = Duration::ZERO;
    let output = std::future::poll_fn(|context| {
        if !measure {
            return work.as_mut().poll(context);
        }
        let began = Instant::now();
        let polled = work.as_mut().poll(context);
        busy += began.elapsed();
        polled
    })
    .await;
    (output, busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_does_not_count_and_working_does() {
        let ((), waited) = timed(true, tokio::time::sleep(Duration::from_millis(200))).await;
        assert!(waited < Duration::from_millis(100), "{waited:?}");
        let working = async { std::thread::sleep(Duration::from_millis(20)) };
        let ((), worked) = timed(true, working).await;
        assert!(worked >= Duration::from_millis(20), "{worked:?}");
        assert_eq!(timed(false, async { 7 }).await, (7, Duration::ZERO));
    }
}
