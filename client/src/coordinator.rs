//! The broker that keeps a group, for programs that are members by a protocol of their own, as schema registries and Connect
//! workers are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{
    FindCoordinatorRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use medallion_wire::{BrokerId, ResponseError};
use parking_lot::Mutex;

use crate::brokers::Purpose;
use crate::client::Client;
use crate::connection::Ask;
use crate::error::Error;

/// Asks the coordinator of one group, on a connection of its own: an answer that waits for other members holds up nobody else.
pub struct Coordinator {
    client: Client,
    group: Arc<str>,
    purpose: Purpose,
    broker: Mutex<Option<BrokerId>>,
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinator").field("group", &self.group).finish_non_exhaustive()
    }
}

impl Coordinator {
    /// The coordinator of a group, whichever broker that is.
    pub fn new(client: &Client, group: &str) -> Self {
        let purpose = Purpose::Group(client.next_number());
        Self { client: client.clone(), group: group.into(), purpose, broker: Mutex::default() }
    }

    /// The group's name.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Joins the group, or joins it again; the answer comes when all members have.
    ///
    /// # Errors
    /// Where there is no coordinator now, it does not answer within `patience`, or the connection breaks. Another broker may be
    /// looked for the next time.
    pub async fn join(
        &self,
        request: JoinGroupRequest,
        patience: Duration,
    ) -> Result<JoinGroupResponse, Error> {
        self.call(request, patience).await
    }

    /// Gives, or asks for, the assignment.
    ///
    /// # Errors
    /// As [`Coordinator::join`].
    pub async fn sync(
        &self,
        request: SyncGroupRequest,
        patience: Duration,
    ) -> Result<SyncGroupResponse, Error> {
        self.call(request, patience).await
    }

    /// Says that the member is there.
    ///
    /// # Errors
    /// As [`Coordinator::join`].
    pub async fn heartbeat(
        &self,
        request: HeartbeatRequest,
        patience: Duration,
    ) -> Result<HeartbeatResponse, Error> {
        self.call(request, patience).await
    }

    /// Leaves the group.
    ///
    /// # Errors
    /// As [`Coordinator::join`].
    pub async fn leave(
        &self,
        request: LeaveGroupRequest,
        patience: Duration,
    ) -> Result<LeaveGroupResponse, Error> {
        self.call(request, patience).await
    }

    async fn call<R: Ask>(&self, request: R, patience: Duration) -> Result<R::Response, Error> {
        let outcome = self.call_once(request, patience).await;
        if outcome.is_err() {
            self.forget();
        }
        outcome
    }

    /// The outcome that an error code of an answer stands for; the coordinator is looked for again where it is not this one.
    ///
    /// # Errors
    /// [`Error::Broker`] with any code but 0.
    pub fn check(&self, code: i16) -> Result<(), Error> {
        let outcome = Error::check(code, || format!("group {}", self.group), None);
        if let Err(error) = &outcome
            && matches!(
                error.code(),
                Some(ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable)
            )
        {
            self.forget();
        }
        outcome
    }

    /// Looks for the coordinator again before the next question.
    fn forget(&self) {
        *self.broker.lock() = None;
    }

    async fn call_once<R: Ask>(&self, request: R, patience: Duration) -> Result<R::Response, Error> {
        let id = self.find().await?;
        let brokers = self.client.brokers();
        let connection = brokers.connection(id, self.purpose).await?;
        connection.call(patience, brokers.client_id(), request).await
    }

    async fn find(&self) -> Result<BrokerId, Error> {
        if let Some(known) = *self.broker.lock() {
            return Ok(known);
        }
        let group = StrBytes::from_string(self.group.to_string());
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![group]);
        let found = self.client.call_any(request).await?.coordinators.into_iter().next();
        let found = found.ok_or_else(|| Error::malformed("the answer to FindCoordinator", "it is empty"))?;
        Error::check(found.error_code, || format!("group {}", self.group), found.error_message.as_deref())?;
        let id = BrokerId(found.node_id.0);
        *self.broker.lock() = Some(id);
        Ok(id)
    }
}
