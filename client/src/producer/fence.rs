//! Producers of which only the newest may write, without transactions.
//!
//! The coordinator of transactions gives ids and epochs out by name, each time the next epoch. Brokers refuse records of an epoch
//! below one that they have seen in the partition, whether the records belong to transactions or not. So whoever takes a name
//! and writes a record has shut out all that had the name before, and no marker of a transaction comes into the partition.

use std::sync::Arc;

use medallion_wire::messages::EndTxnRequest;
use medallion_wire::{ProducerEpoch, ProducerId};
use parking_lot::Mutex;

use super::Producer;
use super::transaction::{Asking, Identity};
use crate::admin::{CoordinatorOf, coordinators};
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;

/// The name that a producer has taken.
#[derive(Debug)]
pub(super) struct Fence {
    asking: Asking,
    /// As whom it has written until now.
    last: Mutex<Identity>,
}

impl Fence {
    pub(super) fn new(name: &Arc<str>, settings: &ProducerSettings) -> Self {
        let last = Mutex::new((ProducerId::NONE, ProducerEpoch::NONE));
        Self { asking: Asking::new(name, settings), last }
    }

    /// The next epoch; refused where somebody else has taken the name since the last one.
    pub(super) async fn identify(&self, client: &Client) -> Result<Identity, Error> {
        let before = *self.last.lock();
        let identity = self.asking.init_producer_id(client, before).await?;
        *self.last.lock() = identity;
        Ok(identity)
    }
}

impl Producer {
    /// Asks whether producers can be fenced by this name ([`ProducerBuilder::fence`](super::ProducerBuilder::fence)), and has the
    /// cluster get ready for that.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] from brokers without transactions; that the coordinator is not there, or may not be used.
    pub async fn find_fence(client: &Client, name: &str) -> Result<(), Error> {
        client.check_any::<EndTxnRequest>().await?;
        let (asking, name) = (client.clone(), name.to_owned());
        let find = move || {
            let (client, name) = (asking.clone(), name.clone());
            async move {
                let mut found =
                    coordinators(&client, CoordinatorOf::Transaction, std::slice::from_ref(&name)).await?;
                let missing =
                    || Err(Error::malformed("the answer to FindCoordinator", format!("it lacks {name}")));
                found.remove(&name).unwrap_or_else(missing).map(drop)
            }
        };
        client.retry(find).await
    }
}
