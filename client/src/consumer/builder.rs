//! Makes consumers.

use std::fmt;
use std::sync::Arc;

use medallion_wire::records::DecompressionLimits;
use tokio::sync::{mpsc, watch};

use super::decode::Decoder;
use super::fetcher::{Fetcher, Policy};
use super::membership::Shell;
use super::rebalance::RebalanceListener;
use super::shared::Shared;
use super::{Consumer, Handle, task};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ConsumerSettings;
use crate::error::Error;

/// Makes a [`Consumer`] with more than settings.
pub struct ConsumerBuilder {
    client: Client,
    settings: ConsumerSettings,
    listener: Option<Arc<dyn RebalanceListener>>,
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ConsumerBuilder {
    pub(super) fn new(client: Client, settings: ConsumerSettings) -> Self {
        Self { client, settings, listener: None }
    }

    /// Who is told of partitions that come and go.
    #[must_use]
    pub fn listener(mut self, listener: impl RebalanceListener) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Makes the consumer.
    ///
    /// # Errors
    /// For settings that are out of their range or do not go together.
    pub fn build(self) -> Result<Consumer, Error> {
        let Self { client, settings, listener } = self;
        settings.validate()?;
        let of_client = client.settings();
        let policy = Policy {
            reset: settings.auto_offset_reset,
            has_group: settings.group_id.is_some(),
            partition_bytes_max: usize::try_from(settings.max_partition_fetch_bytes).unwrap_or(0),
            fetch_bytes_max: settings.fetch_max_bytes,
            fetch_max_wait: settings.fetch_max_wait,
            bytes_max: usize::try_from(settings.queued_max_messages_kbytes).unwrap_or(0) << 10,
            preferred_age: of_client.metadata_max_age,
            backoff: Backoff { first: of_client.retry_backoff, max: of_client.retry_backoff_max },
        };
        let decoder = Decoder { checks_crc: settings.check_crcs, limits: DecompressionLimits::default() };
        let (asks, receiver) = mpsc::unbounded_channel();
        let member = settings.group_id.is_some().then(|| asks.clone());
        let shared = Shared::new(client, settings, decoder, Fetcher::new(policy), listener, member);
        let shared = Arc::new(shared);
        let (sender, ended) = watch::channel(());
        if let Ok(group) = shared.group() {
            let shell = Shell::new(Arc::clone(&shared), Arc::clone(group), receiver, asks);
            tokio::spawn(shell.run(sender.clone()));
        }
        if let Some(interval) = shared.settings.auto_commit() {
            tokio::spawn(task::commit(Arc::clone(&shared), interval, ended.clone()));
        }
        tokio::spawn(task::run(Arc::clone(&shared), sender));
        let handle = Arc::new(Handle { shared, ended });
        handle.shared.set_handle(&handle);
        Ok(Consumer { handle })
    }
}
