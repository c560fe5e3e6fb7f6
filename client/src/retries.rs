//! Another attempt, and another, within `default.api.timeout.ms`.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::client::Client;
use crate::error::Error;

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Retries {
    client: Client,
    after: Duration,
    deadline: Instant,
    backoff: Backoff,
    failures: u32,
    last: Option<Error>,
}

impl Retries {
    /// For a call that begins now and may take `default.api.timeout.ms`.
    pub(crate) fn new(client: &Client) -> Self {
        Self::within(client, client.settings().default_api_timeout)
    }

    /// For a call that begins now and may take `after`.
    pub(crate) fn within(client: &Client, after: Duration) -> Self {
        let settings = client.settings();
        // A century is as good as never, and does not overflow.
        let deadline = Instant::now() + after.min(Duration::from_secs(100 * 365 * 86_400));
        let backoff = Backoff { first: settings.retry_backoff, max: settings.retry_backoff_max };
        Self { client: client.clone(), after, deadline, backoff, failures: 0, last: None }
    }

    /// What an attempt comes to, as far as there is time.
    pub(crate) async fn attempt<T>(
        &mut self,
        attempt: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout_at(self.deadline, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.last.take().unwrap_or_else(|| self.client.late(self.after))),
        }
    }

    /// Waits until it is time for another attempt; gives the error back where that cannot help or the time is over.
    pub(crate) async fn again(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_retriable() {
            return Err(error);
        }
        self.failures += 1;
        let wait = self.backoff.after(self.failures, fastrand::f64());
        if Instant::now() + wait >= self.deadline {
            return Err(error);
        }
        self.client.metadata().refresh();
        sleep(wait).await;
        self.last = Some(error);
        Ok(())
    }
}

/// Asks about `keys`, and again about those whose outcome another attempt may mend. Keys without an outcome when the time is
/// over have the last error.
///
/// # Errors
/// Where no key has got an outcome of its own, the reason for that.
pub(crate) async fn each<K, V, F>(
    client: &Client,
    keys: Vec<K>,
    attempt: impl Fn(Client, Vec<K>) -> F,
) -> Result<BTreeMap<K, Result<V, Error>>, Error>
where
    K: Ord + Clone,
    F: Future<Output = Result<BTreeMap<K, Result<V, Error>>, Error>>,
{
    let (mut retries, mut pending, mut done) = (Retries::new(client), keys, BTreeMap::new());
    loop {
        if pending.is_empty() {
            return Ok(done);
        }
        let mut last = None;
        match retries.attempt(attempt(client.clone(), pending.clone())).await {
            Ok(outcomes) => {
                for (key, outcome) in outcomes {
                    last = outcome.as_ref().err().filter(|error| error.is_retriable()).cloned().or(last);
                    done.insert(key, outcome);
                }
            }
            Err(error) => last = Some(error),
        }
        let needs_another =
            |key: &K| done.get(key).is_none_or(|outcome| outcome.as_ref().is_err_and(Error::is_retriable));
        pending.retain(needs_another);
        let Some(error) = last else {
            // Who was asked has said nothing of these.
            let silent = || Error::malformed("an answer", "it lacks something that was asked for");
            done.extend(pending.into_iter().map(|key| (key, Err(silent()))));
            return Ok(done);
        };
        if let Err(error) = retries.again(error).await {
            if done.is_empty() {
                return Err(error);
            }
            for key in pending {
                done.entry(key).or_insert_with(|| Err(error.clone()));
            }
            return Ok(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use medallion_wire::ResponseError;

    use super::*;
    use crate::config::ClientSettings;

    fn error(code: ResponseError) -> Error {
        Error::check(code.code(), || "x".to_owned(), None).unwrap_err()
    }

    /// A client that never reaches anybody, with little patience.
    fn client(timeout: Duration) -> Client {
        let settings = ClientSettings::new("127.0.0.1:1").default_api_timeout(timeout);
        Client::new(settings.retry_backoff(Duration::from_millis(1))).unwrap()
    }

    #[tokio::test]
    async fn only_what_may_be_mended_is_asked_again() {
        let (client, attempts) = (client(Duration::from_secs(10)), AtomicU32::new(0));
        let attempt = |_, keys: Vec<u8>| {
            let number = attempts.fetch_add(1, Ordering::Relaxed);
            async move {
                let outcome = |key| match (number, key) {
                    (0, 1) => Ok(10),
                    (0, 2) => Err(error(ResponseError::InvalidTopicException)),
                    (0, _) | (1, 4) => Err(error(ResponseError::NotCoordinator)),
                    (_, key) => Ok(key),
                };
                if number == 2 {
                    return Err(error(ResponseError::CoordinatorNotAvailable));
                }
                Ok(keys.into_iter().map(|key| (key, outcome(key))).collect())
            }
        };
        let outcomes = each(&client, vec![1, 2, 3, 4], attempt).await.unwrap();
        assert_eq!(attempts.load(Ordering::Relaxed), 4);
        assert_eq!(*outcomes[&1].as_ref().unwrap(), 10);
        assert_eq!(outcomes[&2].as_ref().unwrap_err().code(), Some(ResponseError::InvalidTopicException));
        assert_eq!((*outcomes[&3].as_ref().unwrap(), *outcomes[&4].as_ref().unwrap()), (3, 4));
    }

    #[tokio::test]
    async fn what_never_gets_better_is_told_as_it_is() {
        let client = client(Duration::from_millis(50));
        let attempt = |_, keys: Vec<u8>| async move {
            let not_coordinator = |key| (key, Err::<u8, _>(error(ResponseError::NotCoordinator)));
            Ok(keys.into_iter().filter(|key| *key < 3).map(not_coordinator).collect())
        };
        let outcomes = each(&client, vec![1, 3], attempt).await.unwrap();
        assert_eq!(outcomes[&1].as_ref().unwrap_err().code(), Some(ResponseError::NotCoordinator));
        assert!(outcomes[&3].is_err(), "nobody has said anything of it");
        let attempt = |_, _: Vec<u8>| async {
            Err::<BTreeMap<u8, Result<u8, Error>>, _>(error(ResponseError::CoordinatorNotAvailable))
        };
        let nothing = each(&client, vec![1], attempt).await.unwrap_err();
        assert_eq!(nothing.code(), Some(ResponseError::CoordinatorNotAvailable));
    }
}
