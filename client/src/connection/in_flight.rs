//! Requests whose answers are still to come: a machine without I/O.

use std::collections::VecDeque;

use medallion_wire::messages::ApiKey;
use tokio::time::Instant;

/// The requests of one connection that were sent and not answered, in order.
#[derive(Debug)]
pub(super) struct InFlight<T> {
    next_correlation_id: i32,
    sent: VecDeque<Sent<T>>,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Sent<T> {
    pub(super) correlation_id: i32,
    pub(super) api: ApiKey,
    /// When its answer is late.
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    /// Who waits.
    pub(super) waiter: T,
}

/// An answer that does not belong to the request that was sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfOrder {
    #[error("an answer to request {found}, not to {expected}")]
    Other { expected: i32, found: i32 },
    #[error("an answer to request {found}, though none is under way")]
    Unasked { found: i32 },
}

impl<T> InFlight<T> {
    /// None yet; `next_correlation_id` is the first one's number.
    pub(super) fn new(next_correlation_id: i32) -> Self {
        Self { next_correlation_id, sent: VecDeque::new() }
    }

    /// The number of a request that is about to be sent.
    pub(super) fn next_correlation_id(&mut self) -> i32 {
        let id = self.next_correlation_id;
        self.next_correlation_id = if id == i32::MAX { 0 } else { id + 1 };
        id
    }

    /// Notes a request as sent.
    pub(super) fn push(&mut self, sent: Sent<T>) {
        self.sent.push_back(sent);
    }

    /// The request that an answer with this number belongs to.
    pub(super) fn answer(&mut self, found: i32) -> Result<Sent<T>, OutOfOrder> {
        match self.sent.front() {
            None => Err(OutOfOrder::Unasked { found }),
            Some(first) if first.correlation_id != found => {
                Err(OutOfOrder::Other { expected: first.correlation_id, found })
            }
            Some(_) => self.sent.pop_front().ok_or(OutOfOrder::Unasked { found }),
        }
    }

    /// The first deadline of all.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.sent.iter().map(|sent| sent.deadline).min()
    }

    /// What is late at `now`.
    pub(super) fn late(&self, now: Instant) -> Option<&Sent<T>> {
        self.sent.iter().find(|sent| sent.deadline <= now)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// All of them, because the connection is at its end.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Sent<T>> {
        self.sent.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sent(requests: &mut InFlight<u8>, waiter: u8, deadline: Instant) -> i32 {
        let correlation_id = requests.next_correlation_id();
        let since = deadline;
        requests.push(Sent { correlation_id, api: ApiKey::Produce, deadline, since, waiter });
        correlation_id
    }

    #[tokio::test]
    async fn answers_belong_to_requests_in_order() {
        let (now, mut requests) = (Instant::now(), InFlight::new(i32::MAX));
        let first = sent(&mut requests, 1, now + Duration::from_secs(2));
        let second = sent(&mut requests, 2, now + Duration::from_secs(1));
        assert_eq!((first, second), (i32::MAX, 0), "numbers wrap");
        assert_eq!(requests.first_deadline(), Some(now + Duration::from_secs(1)));
        assert_eq!(requests.late(now + Duration::from_secs(1)).map(|sent| sent.waiter), Some(2));
        assert_eq!(
            requests.answer(second).unwrap_err(),
            OutOfOrder::Other { expected: first, found: second }
        );
        assert_eq!(requests.answer(first).unwrap().waiter, 1);
        assert_eq!(requests.answer(second).unwrap().waiter, 2);
        assert_eq!(requests.answer(1).unwrap_err(), OutOfOrder::Unasked { found: 1 });
        assert!(requests.is_empty() && requests.late(now + Duration::from_secs(9)).is_none());
    }
}
