//! Makes producers.

use std::fmt;
use std::sync::Arc;

use super::accumulator::Accumulator;
use super::interceptor::ProducerInterceptor;
use super::memory::Memory;
use super::partitioner::{ByKey, Partitioner, SharedPartitioner};
use super::sender::{Policy, Sender};
use super::shared::Shared;
use super::task::Task;
use super::{Handle, Producer};
use crate::backoff::Backoff;
use crate::brokers::Purpose;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;

/// Makes a [`Producer`] with more than settings.
pub struct ProducerBuilder {
    client: Client,
    settings: ProducerSettings,
    partitioner: Option<SharedPartitioner>,
    interceptors: Vec<Arc<dyn ProducerInterceptor>>,
    fence: Option<Arc<str>>,
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ProducerBuilder {
    pub(super) fn new(client: Client, settings: ProducerSettings) -> Self {
        Self { client, settings, partitioner: None, interceptors: Vec::new(), fence: None }
    }

    /// Who chooses partitions, instead of Kafka's rule.
    #[must_use]
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Who sees records and outcomes, behind those given before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Shuts out all producers that had this name before, once this one has written: brokers refuse what they send to that partition
    /// from then on (`INVALID_PRODUCER_EPOCH`), however long it was under way. Records belong to no transaction. It takes brokers with
    /// transactions ([`Producer::find_fence`]), the right to write as this `transactional.id`, and idempotence.
    #[must_use]
    pub fn fence(mut self, name: impl Into<Arc<str>>) -> Self {
        self.fence = Some(name.into());
        self
    }

    /// Makes the producer.
    ///
    /// # Errors
    /// For settings that do not go together.
    pub fn build(self) -> Result<Producer, Error> {
        let Self { client, settings, partitioner, interceptors, fence } = self;
        settings.validate(client.settings())?;
        if fence.is_some() && (settings.transactional_id.is_some() || !settings.enable_idempotence) {
            return Err(Error::TransactionState {
                subject: "the producer".into(),
                reason: "a fence needs enable.idempotence, and goes beside no transactional.id".into(),
            });
        }
        let policy = Policy {
            is_idempotent: settings.enable_idempotence,
            is_transactional: settings.transactional_id.is_some(),
            is_fenced: fence.is_some(),
            linger: settings.linger,
            delivery_timeout: settings.delivery_timeout,
            retries: settings.retries,
            max_in_flight: usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX),
            max_request_size: settings.max_request_size,
            backoff: Backoff {
                first: client.settings().retry_backoff,
                max: client.settings().retry_backoff_max,
            },
        };
        let memory = Memory::new(settings.buffer_memory);
        let accumulator = Accumulator::new(
            settings.batch_size,
            settings.compression(),
            settings.transactional_id.is_some(),
            memory,
        );
        let ignores_keys = settings.partitioner_ignore_keys;
        let partitioner = partitioner.unwrap_or_else(|| Arc::new(ByKey { ignores_keys }));
        let purpose = Purpose::Produce(client.next_number());
        let shared = Arc::new(Shared::new(client, settings, accumulator, partitioner, interceptors, fence));
        tokio::spawn(Task::new(Arc::clone(&shared), Sender::new(policy), purpose).run());
        Ok(Producer { handle: Arc::new(Handle { shared }) })
    }
}
