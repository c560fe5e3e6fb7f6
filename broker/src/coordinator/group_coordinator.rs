//! Which groups this broker coordinates, and the way of a request to its shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use medallion_group::offsets::Offsets;
use medallion_group::{Caller, Reply, Request};
use medallion_os::Clock;
use medallion_wire::types::Uuid;
use medallion_wire::{LeaderEpoch, ResponseError, TopicId};
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::RebalanceLog;
use super::shard_task::{Message, Phase, ShardTask};
use crate::controller::image::{MetadataDelta, MetadataImage, TopicImage};
use crate::live_config::LiveConfig;
use crate::replica::ReplicaManager;
use crate::topics::CONSUMER_OFFSETS;

/// What the coordinator works with.
pub(crate) struct CoordinatorSurroundings {
    /// This broker's id.
    pub(crate) node_id: i32,
    /// The partitions.
    pub(crate) replicas: Arc<ReplicaManager>,
    /// The settings that hold now.
    pub(crate) config: Arc<LiveConfig>,
    /// The newest metadata.
    pub(crate) image: Box<dyn Fn() -> Arc<MetadataImage> + Send + Sync>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Random numbers, for member ids.
    pub(crate) random: fn() -> u128,
    /// Where shards run.
    pub(crate) runtime: Handle,
    /// Where rebalances are noted.
    pub(crate) rebalances: RebalanceLog,
}

impl std::fmt::Debug for CoordinatorSurroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoordinatorSurroundings").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

/// The groups of the partitions of `__consumer_offsets` that this broker leads.
#[derive(Debug)]
pub(crate) struct GroupCoordinator {
    surroundings: Arc<CoordinatorSurroundings>,
    shards: RwLock<HashMap<i32, ShardHandle>>,
    is_stopped: watch::Sender<bool>,
}

#[derive(Debug)]
struct ShardHandle {
    topic: TopicId,
    leader_epoch: LeaderEpoch,
    inbox: mpsc::UnboundedSender<Message>,
    phase: Arc<AtomicU8>,
}

impl GroupCoordinator {
    /// A coordinator without groups, until [`GroupCoordinator::lead`] or [`GroupCoordinator::apply`].
    pub(crate) fn new(surroundings: CoordinatorSurroundings) -> Arc<Self> {
        Arc::new(Self {
            surroundings: Arc::new(surroundings),
            shards: RwLock::default(),
            is_stopped: watch::Sender::new(false),
        })
    }

    /// Starts and ends shards, so that there is one for each partition that this broker leads in `image`.
    pub(crate) fn lead(&self, image: &MetadataImage) {
        let mut shards = self.shards.write();
        if *self.is_stopped.borrow() {
            return;
        }
        let topic = image.topics.by_name(CONSUMER_OFFSETS);
        let led = topic.map(|topic| self.led(topic)).unwrap_or_default();
        shards.retain(|index, shard| {
            led.iter().any(|(partition, topic, epoch)| {
                (partition, topic, epoch) == (index, &shard.topic, &shard.leader_epoch)
            })
        });
        for (index, topic, leader_epoch) in led {
            if !shards.contains_key(&index)
                && let Some(shard) = self.start(topic, index, leader_epoch)
            {
                let _ = shards.insert(index, shard);
            }
        }
    }

    fn led(&self, topic: &TopicImage) -> Vec<(i32, TopicId, LeaderEpoch)> {
        let led = topic.partitions.iter().filter(|(_, at)| at.leader == self.surroundings.node_id);
        led.map(|(index, at)| (index.get(), topic.id, at.leader_epoch)).collect()
    }

    fn start(&self, topic: TopicId, index: i32, leader_epoch: LeaderEpoch) -> Option<ShardHandle> {
        let partition = self.surroundings.replicas.get(topic, index.into())?;
        let (inbox, messages) = mpsc::unbounded_channel();
        let phase = Arc::new(AtomicU8::new(Phase::Loading as u8));
        let ends = (inbox.downgrade(), messages);
        let task = ShardTask::new(partition, ends, Arc::clone(&phase), Arc::clone(&self.surroundings));
        drop(self.surroundings.runtime.spawn(task.run()));
        Some(ShardHandle { topic, leader_epoch, inbox, phase })
    }

    /// Acts on a change of the metadata, after the partitions did.
    pub(crate) fn apply(&self, delta: &MetadataDelta) {
        let deleted: Arc<[(Uuid, Arc<str>)]> =
            delta.removed_topics().map(|topic| (topic.id.0, Arc::clone(&topic.name))).collect();
        if deleted.is_empty() && delta.changes.partitions.is_empty() {
            return;
        }
        self.lead(&delta.after);
        let shards = self.shards.read();
        for shard in shards.values() {
            let _ = shard.inbox.send(Message::TopicsChanged { deleted: Arc::clone(&deleted) });
        }
    }

    /// Asks the shard of `group`. Refused where this broker does not coordinate it, or not yet.
    pub(crate) async fn ask(&self, group: &str, caller: Caller, request: Request) -> Reply {
        let Some(partition) = self.partition_for(group) else {
            return Reply::Refused(ResponseError::NotCoordinator.into());
        };
        self.ask_partition(partition, caller, request).await
    }

    /// Asks every shard; those that load or fail are left out.
    pub(crate) async fn ask_all(&self, caller: &Caller, request: &Request) -> Vec<(i32, Reply)> {
        let mut partitions: Vec<i32> = self.shards.read().keys().copied().collect();
        partitions.sort_unstable();
        let mut replies = Vec::with_capacity(partitions.len());
        for partition in partitions {
            replies.push((partition, self.ask_partition(partition, caller.clone(), request.clone()).await));
        }
        replies
    }

    /// What is committed, by shard; those that load, fail or do not answer by `deadline` are left out.
    pub(crate) async fn offsets(&self, deadline: Instant) -> Vec<Offsets> {
        let receivers: Vec<_> = {
            let shards = self.shards.read();
            let serving = shards.values().filter(|shard| shard.phase() == Phase::Serving);
            let asked = serving.map(|shard| {
                let (reply, receiver) = oneshot::channel();
                let _ = shard.inbox.send(Message::Offsets { reply }); // one that ends drops the sender
                receiver
            });
            asked.collect()
        };
        let mut all = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            if let Ok(Ok(offsets)) = timeout_at(deadline, receiver).await {
                all.push(offsets);
            }
        }
        all
    }

    /// Which groups rebalanced, and why.
    pub(crate) fn rebalances(&self) -> &RebalanceLog {
        &self.surroundings.rebalances
    }

    async fn ask_partition(&self, partition: i32, caller: Caller, request: Request) -> Reply {
        let receiver = match self.send(partition, caller, request) {
            Ok(receiver) => receiver,
            Err(error) => return Reply::Refused(error.into()),
        };
        receiver.await.unwrap_or_else(|_| Reply::Refused(ResponseError::NotCoordinator.into()))
    }

    fn send(
        &self,
        partition: i32,
        caller: Caller,
        request: Request,
    ) -> Result<oneshot::Receiver<Reply>, ResponseError> {
        let shards = self.shards.read();
        let shard = shards.get(&partition).ok_or(ResponseError::NotCoordinator)?;
        match shard.phase() {
            Phase::Loading => return Err(ResponseError::CoordinatorLoadInProgress),
            Phase::Failed => return Err(ResponseError::NotCoordinator),
            Phase::Serving => {}
        }
        let (reply, receiver) = oneshot::channel();
        let message = Message::Request { caller, request: Box::new(request), reply };
        shard.inbox.send(message).map_err(|_| ResponseError::NotCoordinator)?;
        Ok(receiver)
    }

    /// The partition of `__consumer_offsets` that holds a group; `None` while there is no such topic.
    pub(crate) fn partition_for(&self, group: &str) -> Option<i32> {
        let image = (self.surroundings.image)();
        let topic = image.topics.by_name(CONSUMER_OFFSETS)?;
        Some(partition_of(group, i32::try_from(topic.partitions.len()).ok()?))
    }

    /// Ends all shards.
    pub(crate) fn stop(&self) {
        let mut shards = self.shards.write();
        let _ = self.is_stopped.send_replace(true);
        shards.clear();
    }

    /// Waits until [`GroupCoordinator::stop`].
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_stopped = self.is_stopped.subscribe();
        async move {
            let _ = is_stopped.wait_for(|is_stopped| *is_stopped).await;
        }
    }

    /// How many shards are still being loaded.
    pub(crate) fn loading(&self) -> usize {
        let shards = self.shards.read();
        shards.values().filter(|shard| shard.phase() == Phase::Loading).count()
    }
}

impl ShardHandle {
    fn phase(&self) -> Phase {
        Phase::from_code(self.phase.load(Ordering::Acquire))
    }
}

/// The partition of a group among `partitions`: Java's hash of the text, as Kafka does it.
fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash =
        group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let positive = if hash == i32::MIN { 0 } else { hash.abs() };
    positive % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_go_to_the_partitions_that_kafka_gives_them() {
        // "polygenelubricants".hashCode() is Integer.MIN_VALUE, "Aa" and "BB" collide at 2112.
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("Aa", 50), 12);
        assert_eq!(partition_of("BB", 50), 12);
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("console-consumer", 1), 0);
    }
}
