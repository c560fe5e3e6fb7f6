//! From a frame to a running handler.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::guard;
use medallion_wire::header::{RequestHeader, RequestPrefix};
use medallion_wire::messages::ApiKey;

use super::connection::PendingReply;
use super::reply::Reply;
use crate::handler::context::{ClientConnection, ListenerInfo};
use crate::handler::{BrokerState, Principal, RequestContext, api_versions, table};

/// What all requests of one connection share.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) listener: Arc<ListenerInfo>,
    pub(crate) principal: Principal,
    pub(crate) connection: Arc<ClientConnection>,
}

/// About what the request in `frame` takes in memory beside the frame, once it is decoded: structures can be many times
/// their bytes on the wire. What is no request takes nothing; [`start`] will refuse it.
pub(crate) fn weigh(frame: &Bytes) -> usize {
    let mut body = frame.clone();
    let Ok(header) = RequestHeader::parse(&mut body) else { return 0 };
    let RequestPrefix { api_key, api_version, .. } = header.prefix;
    guard::inspect(api_key, api_version, &body).map_or(0, |usage| usage.decoded_bytes())
}

/// Begins the request in `frame`.
///
/// # Errors
/// A reason to close the connection: as in Kafka an unknown API, an unknown version of a known one (but for
/// `ApiVersions`, which is answered), and bytes that are no such request.
pub(crate) fn start(state: &Arc<BrokerState>, peer: &Peer, mut frame: Bytes) -> Result<PendingReply, String> {
    let began = std::time::Instant::now();
    let frame_len = frame.len();
    let prefix = RequestPrefix::parse(&frame).map_err(|error| error.to_string())?;
    let (key, version, correlation_id) = (prefix.api_key, prefix.api_version, prefix.correlation_id);
    let api = table::find(key)
        .filter(|api| api.is_served_on(peer.listener.kind))
        .ok_or_else(|| format!("API {key} is not served on listener {}", peer.listener.name))?;
    if !api.serves(version) {
        if api.key == ApiKey::ApiVersions {
            let reply = api_versions::unsupported_version(correlation_id);
            return Ok(Box::pin(std::future::ready(reply)));
        }
        return Err(format!("version {version} of {:?} is not served", api.key));
    }
    let header = RequestHeader::parse(&mut frame).map_err(|error| error.to_string())?;
    guard::check(key, version, &frame)
        .map_err(|error| format!("{:?} version {version}: {error}", api.key))?;
    let context = RequestContext {
        version,
        correlation_id,
        client_id: header.client_id,
        client_address: peer.address.ip(),
        principal: peer.principal.clone(),
        listener: Arc::clone(&peer.listener),
        size_bytes: frame_len,
        connection: Arc::clone(&peer.connection),
    };
    let pending = (api.start)(Arc::clone(state), context, frame)
        .map_err(|error| format!("{:?} version {version}: {error}", api.key))?;
    let in_flight = InFlight::new(Arc::clone(state));
    Ok(Box::pin(async move {
        let reply: Reply = pending.await;
        in_flight.state.metrics.request_done(api.key, frame_len, reply.len(), began.elapsed());
        reply
    }))
}

/// Counts a request in and, when it was answered or its connection is gone, out.
struct InFlight {
    state: Arc<BrokerState>,
}

impl InFlight {
    fn new(state: Arc<BrokerState>) -> Self {
        state.metrics.request_began();
        Self { state }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.metrics.request_ended();
    }
}
