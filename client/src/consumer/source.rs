//! One task for each broker that a consumer fetches from: one request after another, and the answers' batches cut out.

use std::sync::Arc;
use std::time::Duration;

use medallion_wire::BrokerId;
use medallion_wire::messages::{ApiKey, FetchRequest, FetchResponse};
use tokio::sync::mpsc;

use super::fetcher::{Event, FetchAnswer, SessionRequest};
use super::request::{TOPIC_IDS_FROM, close_session, fetch, fetched};
use super::shared::Shared;
use crate::connection::{Frame, decode_answer};
use crate::error::Error;

/// What a source is to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Fetch.
    Fetch { request: SessionRequest, bytes_max: i32, max_wait: Duration },
    /// End the session.
    Close { session_id: i32 },
}

/// The task's state. The machine gives one job at a time.
pub(super) struct Source {
    pub(super) broker: BrokerId,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
}

impl Source {
    /// Works until the consumer is closed.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            match job {
                Job::Fetch { request, bytes_max, max_wait } => {
                    let outcome = self.fetch(request, bytes_max, max_wait).await;
                    let event = Event::Fetched { broker: self.broker, outcome };
                    self.shared.tell(event);
                }
                Job::Close { session_id } => {
                    let (has_ids, request) = (true, close_session(session_id));
                    if let Err(error) = self.call(request, has_ids).await {
                        tracing::debug!(broker = %self.broker, %error, "a fetch session is left to the broker");
                    }
                }
            }
        }
    }

    async fn fetch(
        &self,
        session: SessionRequest,
        bytes_max: i32,
        max_wait: Duration,
    ) -> Result<FetchAnswer, Error> {
        let has_ids = session.has_ids;
        let rack = self.shared.client.settings().client_rack.as_deref();
        let (request, sent) = fetch(session, bytes_max, max_wait, &self.shared.settings, rack);
        let response = self.call(request, has_ids).await?;
        let (answer, hints) = fetched(&sent, response);
        for hint in hints {
            self.shared.client.metadata().hint(hint);
        }
        Ok(answer)
    }

    async fn call(&self, request: FetchRequest, has_ids: bool) -> Result<FetchResponse, Error> {
        let client = &self.shared.client;
        let connection = client.brokers().connection(self.broker, self.shared.purpose).await?;
        let cap = if has_ids { i16::MAX } else { TOPIC_IDS_FROM - 1 };
        let version = connection.version_of::<FetchRequest>(cap)?;
        let frame = Frame::encode(&request, version, client.brokers().client_id())?;
        // The broker waits for records before it answers.
        let timeout = client.settings().request_timeout + self.shared.settings.fetch_max_wait;
        let mut pending = connection.submit(frame, ApiKey::Fetch, timeout, true).await?;
        let mut body = pending.wait().await?;
        self.shared.counters.fetched(body.len());
        let response = decode_answer::<FetchRequest>(&mut body, version)?;
        connection.throttle(ApiKey::Fetch, &response);
        Ok(response)
    }
}
