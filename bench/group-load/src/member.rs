//! What members of both protocols share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use tokio::sync::watch;

use crate::board::{Board, Has, MemberNumber};
use crate::connection::Connection;

/// Who a member is, where a commit wants to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) epoch: i32,
}

/// What a member is made of.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) number: MemberNumber,
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) partitions: usize,
    pub(crate) assignor: String,
    /// Between heartbeats of the classic protocol; the server names it in the other one.
    pub(crate) heartbeat_ms: u64,
    pub(crate) connection: Arc<Connection>,
    pub(crate) board: Arc<Board>,
    pub(crate) identity: Arc<Mutex<Identity>>,
    pub(crate) leaves: watch::Receiver<bool>,
}

impl Member {
    /// Notes where the member is.
    pub(crate) fn has(&self, id: &str, epoch: i32, partitions: usize) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Identity { id: id.to_owned(), epoch };
        self.board.put(&self.group, self.number, Has { epoch, partitions });
    }

    /// Sleeps; whether the member is told to leave meanwhile, or was before.
    pub(crate) async fn sleep(&mut self, time: Duration) -> bool {
        let told = self.leaves.wait_for(|leaves| *leaves);
        tokio::select! {
            _ = told => true,
            () = tokio::time::sleep(time) => false,
        }
    }

    /// Notes that something went wrong, and waits a little before it is tried again.
    pub(crate) async fn trouble(&mut self, what: &str, error: ResponseError) {
        self.board.trouble(|| format!("{what}: {error:?}"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The error of a code, unless it is none.
pub(crate) fn error_of(code: i16) -> Option<ResponseError> {
    ResponseError::try_from_code(code)
}

/// Whether a coordinator is still getting ready, which is no trouble.
pub(crate) fn is_getting_ready(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::CoordinatorLoadInProgress
            | ResponseError::CoordinatorNotAvailable
            | ResponseError::NotCoordinator
    )
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
