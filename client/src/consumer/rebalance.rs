//! What a program sees of a rebalance: its listener, and the moment at which partitions come and go.
//!
//! A change that the membership machine announces is taken within a poll, which is the moment at which the program is done with
//! what it was given before. Nothing is handed out until the listener has returned. The work goes on in a task of its own, so that
//! a poll that is given up takes nothing with it.

use std::collections::BTreeSet;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use medallion_wire::TopicPartition;

use super::membership::{Ask, Change};
use super::shared::Shared;
use super::{Consumer, Fetcher};

/// The future of a [`RebalanceListener`].
pub type RebalanceFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Is told of partitions that come and go with the consumer's group. Give it to [`Consumer::builder`].
///
/// It is called within [`Consumer::poll`] (or [`Consumer::unsubscribe`] and [`Consumer::close`]) and no records are handed out before it
/// has returned. A revocation waits for it, as long as `max.poll.interval.ms` allows: other members get the partitions afterwards. All
/// calls of the consumer are allowed but those that poll or end the subscription, which would wait for the listener itself.
///
/// ```
/// use medallion_client::{Consumer, RebalanceFuture, RebalanceListener};
/// use medallion_wire::TopicPartition;
///
/// struct CommitFirst;
///
/// impl RebalanceListener for CommitFirst {
///     fn on_revoked<'a>(&'a self, consumer: &'a Consumer, _: &'a [TopicPartition]) -> RebalanceFuture<'a> {
///         Box::pin(async {
///             if let Err(error) = consumer.commit().await {
///                 eprintln!("some records will be read again: {error}");
///             }
///         })
///     }
///
///     // Others have the partitions already: there is nothing to commit.
///     fn on_lost<'a>(&'a self, _: &'a Consumer, _: &'a [TopicPartition]) -> RebalanceFuture<'a> {
///         Box::pin(async {})
///     }
/// }
/// ```
pub trait RebalanceListener: Send + Sync + 'static {
    /// These partitions are read from now on. This is the place to seek, or to pause.
    fn on_assigned<'a>(
        &'a self,
        consumer: &'a Consumer,
        partitions: &'a [TopicPartition],
    ) -> RebalanceFuture<'a> {
        let _ = (consumer, partitions);
        Box::pin(ready(()))
    }

    /// These partitions are about to go to other members. Their positions are still known, and can be committed.
    fn on_revoked<'a>(
        &'a self,
        consumer: &'a Consumer,
        partitions: &'a [TopicPartition],
    ) -> RebalanceFuture<'a> {
        let _ = (consumer, partitions);
        Box::pin(ready(()))
    }

    /// These partitions are gone: the group did without this member, and others may read them already. Nothing can be committed.
    /// Unless told otherwise this is a revocation like any other, as in Java.
    fn on_lost<'a>(
        &'a self,
        consumer: &'a Consumer,
        partitions: &'a [TopicPartition],
    ) -> RebalanceFuture<'a> {
        self.on_revoked(consumer, partitions)
    }
}

/// A change on its way to the program.
#[derive(Debug, Default)]
pub(super) enum Slot {
    #[default]
    Empty,
    /// Until somebody polls.
    Waiting(Change),
    /// The listener has it.
    Running,
}

impl Shared {
    /// Announces a change.
    pub(super) fn offer(&self, change: Change) {
        self.with_slot(|slot| *slot = Slot::Waiting(change));
        self.wake();
    }

    /// Forgets a change that nobody has taken yet. Whether there was one.
    pub(super) fn drop_change(&self) -> bool {
        self.with_slot(|slot| matches!(slot, Slot::Waiting(_)).then(|| *slot = Slot::Empty)).is_some()
    }

    /// Ready where nothing keeps records from being handed out; takes a change that waits.
    pub(super) fn poll_change(self: &Arc<Self>, context: &Context<'_>) -> Poll<()> {
        if self.with_slot(|slot| matches!(slot, Slot::Empty)) {
            return Poll::Ready(());
        }
        // Before the look that counts, so that what changes behind it is not missed.
        self.wake_later(context);
        self.with_slot(|slot| match std::mem::take(slot) {
            Slot::Empty => Poll::Ready(()),
            Slot::Running => {
                *slot = Slot::Running;
                Poll::Pending
            }
            Slot::Waiting(change) => {
                *slot = Slot::Running;
                let shared = Arc::clone(self);
                self.spawn(async move { shared.take_change(change).await });
                Poll::Pending
            }
        })
    }

    async fn take_change(self: Arc<Self>, change: Change) {
        let Change { revoked, added, is_lost } = change;
        if !revoked.is_empty() {
            self.drive(|fetcher, _| fetcher.freeze(&revoked));
            if self.settings.auto_commit().is_some() && !is_lost {
                self.commit_quietly(Fetcher::to_commit).await;
            }
            self.call_listener(&revoked, move |listener, consumer, partitions| {
                if is_lost {
                    listener.on_lost(consumer, partitions)
                } else {
                    listener.on_revoked(consumer, partitions)
                }
            })
            .await;
        }
        let cluster = self.client.cluster();
        self.drive(|fetcher, _| {
            fetcher.exchange(&revoked, &added);
            fetcher.learn(&cluster);
        });
        tracing::info!(?revoked, ?added, is_lost, "partitions have changed hands");
        if !added.is_empty() {
            self.call_listener(&added, |listener, consumer, partitions| {
                listener.on_assigned(consumer, partitions)
            })
            .await;
        }
        self.with_slot(|slot| *slot = Slot::Empty);
        self.tell_member(Ask::Changed);
        self.wake();
    }

    async fn call_listener(
        &self,
        partitions: &BTreeSet<TopicPartition>,
        call: impl for<'a> FnOnce(
            &'a dyn RebalanceListener,
            &'a Consumer,
            &'a [TopicPartition],
        ) -> RebalanceFuture<'a>
        + Send
        + 'static,
    ) {
        // Once the last handle is gone there is nobody to tell.
        let Some((listener, handle)) = self.listener.clone().zip(self.handle()) else { return };
        let (consumer, partitions) = (Consumer { handle }, partitions.iter().cloned().collect::<Vec<_>>());
        // A task of its own, so that a listener that panics does not keep records back for ever.
        let called = tokio::spawn(async move { call(&*listener, &consumer, &partitions).await });
        if let Err(error) = called.await {
            tracing::error!(%error, "a rebalance listener has failed");
        }
    }
}
