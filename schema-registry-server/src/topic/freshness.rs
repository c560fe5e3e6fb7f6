//! How old the state may be: from time to time the brokers are asked where the topic ends.
//!
//! The reader alone cannot tell. A topic that is gone, or brokers that are, look to it like a topic to which nobody writes.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use medallion_client::{Admin, Client, Error};
use medallion_wire::TopicId;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::reader::end_offset;
use super::state::State;

/// The wait between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old the state may be before it counts as stale.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// What the last looks have found.
#[derive(Debug)]
pub(super) struct Freshness {
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    /// The state has all that had been written until then.
    complete_at: Instant,
    /// What has gone wrong since.
    error: Option<String>,
}

impl Freshness {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { last: Mutex::new(Last { complete_at: Instant::now(), error: None }) })
    }

    /// Why the state may be stale, if it may.
    pub(super) fn problem(&self) -> Option<String> {
        let last = self.last.lock();
        let age = last.complete_at.elapsed();
        (age > STALE_AFTER).then(|| {
            let error = last.error.as_deref().unwrap_or("no answer");
            format!("the schemas topic could not be read for {} s: {error}", age.as_secs())
        })
    }

    /// What has gone wrong, where it was read or looked at.
    pub(super) fn note_error(&self, error: &dyn Display) {
        self.last.lock().error = Some(error.to_string());
    }

    /// Notes that the state has all that had been written until then.
    pub(super) fn note_complete(&self, at: Instant) {
        let mut last = self.last.lock();
        if last.error.take().is_some() {
            info!("the schemas topic can be read again");
        }
        last.complete_at = last.complete_at.max(at);
    }

    /// Looks until the topic is another one than at the beginning; the reason then.
    pub(super) async fn watch(&self, client: &Client, topic: &str, state: &State) -> String {
        let mut first = None;
        loop {
            let began = Instant::now();
            let looked = timeout(PATIENCE, look(client, topic, state)).await;
            match looked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))) {
                Ok(id) if is_another(&mut first, id) => {
                    return format!("the topic {topic} is another one than before: it was made anew");
                }
                Ok(_) => self.note_complete(began),
                Err(error) => {
                    if self.last.lock().error.is_none() {
                        warn!(error, "the schemas topic cannot be looked at");
                    }
                    self.note_error(&error);
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether an id is another one than the first. Brokers before 2.8 give none, and some of a cluster that is being upgraded.
fn is_another(first: &mut Option<TopicId>, id: TopicId) -> bool {
    !id.is_none() && id != *first.get_or_insert(id)
}

/// Waits until the state has all that the topic has now; the topic's id.
async fn look(client: &Client, topic: &str, state: &State) -> Result<TopicId, String> {
    let reason = |error: Error| error.to_string();
    let mut described = Admin::new(client).describe_topics(&[topic]).await.map_err(reason)?;
    let described = described.remove(topic).ok_or("no broker knows it")?.map_err(reason)?;
    let end = end_offset(client, topic).await.map_err(reason)?;
    if !state.wait_for(end, PATIENCE / 2).await {
        return Err(format!("it was read to offset {} of {end}", state.read_to()));
    }
    Ok(described.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_without_an_id_is_not_another_one() {
        let id = |letter: &str| TopicId::parse(&letter.repeat(22)).expect("an id");
        let (mut first, one, other) = (None, id("Q"), id("g"));
        for (id, expected) in
            [(TopicId::NONE, false), (one, false), (TopicId::NONE, false), (one, false), (other, true)]
        {
            assert_eq!(is_another(&mut first, id), expected, "{id:?} after {first:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_looked_at_for_long_is_stale() {
        let freshness = Freshness::new();
        freshness.note_error(&"nobody is there");
        assert_eq!(freshness.problem(), None);
        tokio::time::advance(STALE_AFTER + Duration::from_secs(1)).await;
        let problem = "the schemas topic could not be read for 31 s: nobody is there";
        assert_eq!(freshness.problem().as_deref(), Some(problem));
        freshness.note_complete(Instant::now());
        assert_eq!(freshness.problem(), None);
    }
}
