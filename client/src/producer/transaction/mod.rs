//! Transactions (KIP-98, KIP-447, KIP-890): records in several partitions, and offsets of a group, all or nothing.
//!
//! `machine` knows what may be done when; this is the shell around it. The calls themselves ask coordinators, one call at a time;
//! the producer's task hears of new epochs and of aborts by [`Order`]s, and tells of records that have failed. A call that is
//! given up leaves the transaction as it was, or on its way to the end that was asked for, and can be made again.

mod ask;
mod machine;

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::TopicPartition;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::oneshot;

pub(super) use ask::Asking;
pub(super) use machine::Identity;

use super::Producer;
use super::shared::Shared;
use crate::admin::GroupOffset;
use crate::client::Client;
use crate::error::Error;
use machine::{End, Ending, Machine};

/// As which member of a group offsets are sent in a transaction: the group refuses those of a member that is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group's id.
    pub group_id: String,
    /// The member's generation or epoch; -1 without membership.
    pub generation: i32,
    /// The member's id; empty without membership.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
}

impl GroupMetadata {
    /// A group without a membership in it: nobody else may read what the offsets are of.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self { group_id: group_id.into(), generation: -1, member_id: String::new(), instance_id: None }
    }
}

/// What the producer's task is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Write as this producer from now on, and say so.
    Identify(Identity, oneshot::Sender<()>),
    /// Give up what is not sent.
    GiveUp,
}

/// A producer's transactions.
#[derive(Debug)]
pub(super) struct Transactions {
    id: Arc<str>,
    machine: RwLock<Machine>,
    orders: Mutex<Vec<Order>>,
    /// Held by the call that is made now.
    turn: tokio::sync::Mutex<()>,
    asking: Asking,
}

/// While one exists, the transaction stays open.
pub(super) struct Open<'a> {
    _machine: RwLockReadGuard<'a, Machine>,
}

impl Transactions {
    pub(super) fn new(id: &str, settings: &crate::config::ProducerSettings) -> Self {
        let id: Arc<str> = id.into();
        Self {
            machine: RwLock::new(Machine::new(Arc::clone(&id))),
            asking: Asking::new(&id, settings),
            id,
            orders: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The transactional id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether transactions are of version 2.
    pub(super) fn is_v2(&self) -> bool {
        self.machine.read().is_v2()
    }

    /// Keeps the transaction open while a record is put into its batch.
    pub(super) fn enter(&self) -> Result<Open<'_>, Error> {
        let machine = self.machine.read();
        machine.check_open()?;
        Ok(Open { _machine: machine })
    }

    /// What the producer's task is to do, in order.
    pub(super) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock())
    }

    /// Records of the transaction have failed.
    pub(super) fn failed(&self, error: &Error) {
        self.machine.write().failed(error);
    }

    /// Has the coordinator know of partitions that are about to be written to.
    pub(super) async fn prepare(
        &self,
        client: &Client,
        partitions: impl Iterator<Item = &TopicPartition>,
    ) -> Result<(), Error> {
        let (identity, unknown) = {
            let mut machine = self.machine.write();
            machine.touch();
            (machine.identity(), machine.unknown(partitions))
        };
        if unknown.is_empty() {
            return Ok(());
        }
        self.asking.add_partitions(client, identity, &unknown).await?;
        self.machine.write().added(unknown);
        Ok(())
    }

    async fn init(&self, shared: &Shared) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.machine.read().check_new()?;
        let is_v2 = self.asking.find_version(&shared.client).await?;
        self.take_identity(shared, is_v2).await
    }

    /// Takes a new id or epoch from the coordinator.
    async fn take_identity(&self, shared: &Shared, is_v2: bool) -> Result<(), Error> {
        let before = self.machine.read().identity();
        let identity = self.asking.init_producer_id(&shared.client, before).await?;
        self.become_known(shared, identity, is_v2).await
    }

    /// No transaction begins before the task knows as whom to write it.
    async fn become_known(&self, shared: &Shared, identity: Identity, is_v2: bool) -> Result<(), Error> {
        let (sender, heard) = oneshot::channel();
        self.order(shared, Order::Identify(identity, sender));
        heard.await.map_err(|_| Error::Closed { what: "producer" })?;
        self.machine.write().initialized(identity, is_v2);
        Ok(())
    }

    fn order(&self, shared: &Shared, order: Order) {
        self.orders.lock().push(order);
        shared.accumulator.wake();
    }

    async fn send_offsets(
        &self,
        client: &Client,
        offsets: &BTreeMap<TopicPartition, GroupOffset>,
        group: &GroupMetadata,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let (identity, is_v2) = {
            let mut machine = self.machine.write();
            machine.check_open()?;
            machine.touch();
            (machine.identity(), machine.is_v2())
        };
        let sent = self.asking.send_offsets(client, identity, is_v2, offsets, group).await;
        sent.inspect_err(|error| {
            if !error.is_retriable() {
                self.failed(error);
            }
        })
    }

    async fn end(&self, producer: &Producer, end: End) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let shared = producer.shared();
        self.machine.write().close(end)?;
        if end == End::Abort {
            self.order(shared, Order::GiveUp);
        }
        producer.flush().await;
        let ending = self.machine.write().ask_end()?;
        let next = match ending {
            Ending::Nothing => None,
            Ending::Ask(identity) => {
                let asked = self.asking.end(&shared.client, identity, self.is_v2(), end == End::Commit).await;
                asked.inspect_err(|error| self.machine.write().end_failed(error))?
            }
        };
        let (needs_epoch, identity, is_v2) = {
            let mut machine = self.machine.write();
            (machine.ended(next), machine.identity(), machine.is_v2())
        };
        if needs_epoch {
            return self.take_identity(shared, is_v2).await;
        }
        self.become_known(shared, identity, is_v2).await
    }

    /// Aborts a transaction that its owner leaves behind.
    pub(super) async fn leave(&self, producer: &Producer) {
        let is_open = self.machine.read().is_open();
        if is_open && let Err(error) = self.end(producer, End::Abort).await {
            tracing::warn!(transactional_id = &*self.id, %error, "a transaction is left to its timeout");
        }
    }
}

impl Producer {
    /// Asks for the id and epoch of this `transactional.id`: whoever had it before is fenced, and what it left open is aborted. Once,
    /// before the first transaction; after a failure that is retriable it may be called again.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    /// use medallion_client::admin::GroupOffset;
    /// use medallion_client::producer::GroupMetadata;
    /// use medallion_client::{Error, Producer, Record};
    /// use medallion_wire::{Offset, TopicPartition};
    ///
    /// # async fn example() -> Result<(), Error> {
    /// let properties = [("bootstrap.servers", "localhost:9092"), ("transactional.id", "mover-1")];
    /// let producer = Producer::from_properties(properties)?;
    /// producer.init_transactions().await?;
    ///
    /// producer.begin_transaction()?;
    /// drop(producer.send(Record::to("fares").key("zone-7").value("9.50")).await?);
    /// let read = BTreeMap::from([(TopicPartition::new("trips", 0), GroupOffset::new(Offset(42)))]);
    /// producer.send_offsets_to_transaction(&read, &GroupMetadata::new("movers")).await?;
    /// // Records that have failed show here, whether their deliveries were looked at or not.
    /// if let Err(error) = producer.commit_transaction().await {
    ///     if error.is_fatal() {
    ///         return Err(error);
    ///     }
    ///     producer.abort_transaction().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] from brokers without transactions; what the coordinator refuses, or that it is not there for
    /// `max.block.ms`.
    pub async fn init_transactions(&self) -> Result<(), Error> {
        self.transactions()?.init(self.shared()).await
    }

    /// Opens a transaction: what is sent from now on belongs to it.
    ///
    /// # Errors
    /// [`Error::TransactionState`] where one is open or none can be; the reason why the producer cannot go on.
    pub fn begin_transaction(&self) -> Result<(), Error> {
        self.transactions()?.machine.write().begin()
    }

    /// Commits offsets for a group as part of the transaction: the next records to read, so that they are read once by whoever reads
    /// and sends in transactions.
    ///
    /// # Errors
    /// What the coordinators refuse. Unless it is retriable the transaction must be aborted.
    pub async fn send_offsets_to_transaction(
        &self,
        offsets: &BTreeMap<TopicPartition, GroupOffset>,
        group: &GroupMetadata,
    ) -> Result<(), Error> {
        self.transactions()?.send_offsets(&self.shared().client, offsets, group).await
    }

    /// Waits for all records of the transaction, and commits it.
    ///
    /// # Errors
    /// [`Error::TransactionDoomed`] where a record has failed: then call [`Producer::abort_transaction`]. After a retriable error it
    /// may be committed or not: call this again. After a fatal error another producer is needed.
    pub async fn commit_transaction(&self) -> Result<(), Error> {
        self.transactions()?.end(self, End::Commit).await
    }

    /// Gives up what is not sent, waits for the rest, and aborts the transaction.
    ///
    /// # Errors
    /// After a retriable error call this again. After a fatal error another producer is needed.
    pub async fn abort_transaction(&self) -> Result<(), Error> {
        self.transactions()?.end(self, End::Abort).await
    }

    fn transactions(&self) -> Result<&Transactions, Error> {
        self.shared().transactions.as_ref().ok_or_else(|| Error::TransactionState {
            subject: "the producer".into(),
            reason: "transactional.id is not set".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls may be made from any task: this compiles.
    #[allow(dead_code, reason = "it is compiled, not run")]
    fn calls_can_move_between_threads(producer: &Producer, group: &GroupMetadata) {
        fn check<T: Send>(_: T) {}
        let offsets = BTreeMap::new();
        check(producer.init_transactions());
        check(producer.send_offsets_to_transaction(&offsets, group));
        check(producer.commit_transaction());
        check(producer.abort_transaction());
        check(producer.clone().close());
    }
}
