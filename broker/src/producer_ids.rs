//! Producer ids in blocks from the metadata, so that most requests need no controller.

use medallion_wire::messages::AllocateProducerIdsRequest;
use medallion_wire::{BrokerId, ResponseError};
use tokio::sync::Mutex;

use crate::controller::{ApiError, ControllerHandle};

/// The block that this broker gives ids out of.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    broker: BrokerId,
    block: Mutex<Block>,
}

#[derive(Debug, Default)]
struct Block {
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// No block yet; the first request fetches one.
    pub(crate) fn new(broker: BrokerId) -> Self {
        Self { broker, block: Mutex::new(Block::default()) }
    }

    /// An id that nobody has had.
    ///
    /// # Errors
    /// What the controller says when it cannot give out another block.
    pub(crate) async fn next(&self, controller: &ControllerHandle) -> Result<i64, ApiError> {
        let mut block = self.block.lock().await;
        if block.next == block.end {
            *block = self.allocate(controller).await?;
        }
        let id = block.next;
        block.next += 1;
        Ok(id)
    }

    async fn allocate(&self, controller: &ControllerHandle) -> Result<Block, ApiError> {
        let epoch = controller.image().brokers.get(&self.broker.get()).map_or(-1, |broker| broker.epoch);
        let request = AllocateProducerIdsRequest::default()
            .with_broker_id(self.broker.get().into())
            .with_broker_epoch(epoch);
        let response = controller.allocate_producer_ids(request).await?;
        match ResponseError::try_from_code(response.error_code) {
            Some(error) => Err(ApiError::bare(error)),
            None => {
                let next = response.producer_id_start.0;
                Ok(Block { next, end: next + i64::from(response.producer_id_len) })
            }
        }
    }
}
