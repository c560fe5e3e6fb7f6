//! What every handler gets: the broker, and who asks.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use medallion_os::Clock;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Decodable, Request, StrBytes};
use medallion_wire::types::Uuid;
use parking_lot::Mutex;

use super::authorize::{Authorizer, Operation, Resource};
use super::throttle::Throttled;
use crate::controller::ControllerHandle;
use crate::controller::image::MetadataImage;
use crate::coordinator::GroupCoordinator;
use crate::live_config::LiveConfig;
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::producer_ids::ProducerIds;
use crate::quota::{ClientQuotas, ConnectionRates};
use crate::replica::ReplicaManager;
use crate::replica::fetch_session::FetchSessionCache;
use crate::server::reply::Reply;
use crate::telemetry::{ClientAttributes, ClientTelemetry, Origin};

/// The broker, as handlers see it.
#[derive(Debug)]
pub(crate) struct BrokerState {
    pub(crate) node_id: i32,
    pub(crate) cluster_id: StrBytes,
    pub(crate) config: Arc<LiveConfig>,
    pub(crate) controller: ControllerHandle,
    pub(crate) replicas: Arc<ReplicaManager>,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) fetch_sessions: Mutex<FetchSessionCache>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) quotas: Arc<ClientQuotas>,
    pub(crate) connection_rates: Arc<ConnectionRates>,
    pub(crate) telemetry: Arc<ClientTelemetry>,
    pub(crate) loggers: Arc<dyn Loggers>,
}

impl BrokerState {
    /// The newest metadata.
    pub(crate) fn image(&self) -> arc_swap::Guard<Arc<MetadataImage>> {
        self.controller.image()
    }

    /// The time on a clock that never goes back, in milliseconds.
    pub(crate) fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether whoever sent the request may do this.
    pub(crate) fn allows(
        &self,
        context: &RequestContext,
        operation: Operation,
        resource: Resource<'_>,
    ) -> bool {
        self.authorizer.allows(&context.principal, operation, resource)
    }

    /// As [`BrokerState::allows`] for the cluster, as a result.
    ///
    /// # Errors
    /// `CLUSTER_AUTHORIZATION_FAILED`.
    pub(crate) fn authorize_cluster(
        &self,
        context: &RequestContext,
        operation: Operation,
    ) -> Result<(), ResponseError> {
        if self.allows(context, operation, Resource::Cluster) {
            Ok(())
        } else {
            Err(ResponseError::ClusterAuthorizationFailed)
        }
    }
}

/// Who sends a request. Without authentication that is `User:ANONYMOUS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Principal {
    /// The type, `User` for all of Kafka's own mechanisms.
    pub(crate) kind: Arc<str>,
    /// The name.
    pub(crate) name: Arc<str>,
}

impl Principal {
    /// Somebody who did not say who they are.
    pub(crate) fn anonymous() -> Self {
        Self { kind: "User".into(), name: "ANONYMOUS".into() }
    }
}

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    /// Clients and brokers.
    Broker,
    /// Controllers, brokers, and tools with `--bootstrap-controller`.
    Controller,
}

/// One of `listeners`.
#[derive(Debug, Clone)]
pub(crate) struct ListenerInfo {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// What it serves.
    pub(crate) kind: ListenerKind,
}

/// What a client is known by, for as long as its connection lasts.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    address: SocketAddr,
    /// The library and its version (KIP-511).
    software: OnceLock<(String, String)>,
    /// The telemetry client that was first heard of here.
    telemetry_instance: Mutex<Option<Uuid>>,
}

impl ClientConnection {
    /// A connection from this address, of which nothing else is known.
    pub(crate) fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, software: OnceLock::new(), telemetry_instance: Mutex::default() })
    }

    /// The client says which library it is; what it says first holds.
    pub(crate) fn set_software(&self, name: &str, version: &str) {
        let _ = self.software.set((name.to_owned(), version.to_owned()));
    }

    /// The telemetry client that was first heard of here.
    pub(crate) fn telemetry_instance(&self) -> Option<Uuid> {
        *self.telemetry_instance.lock()
    }
}

/// One request's surroundings.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<StrBytes>,
    pub(crate) client_address: IpAddr,
    pub(crate) principal: Principal,
    pub(crate) listener: Arc<ListenerInfo>,
    /// How many bytes the request has, header included.
    pub(crate) size_bytes: usize,
    pub(crate) connection: Arc<ClientConnection>,
}

impl Origin for RequestContext {
    fn attributes(&self) -> ClientAttributes {
        ClientAttributes {
            client_id: self.client_id.as_ref().map(ToString::to_string),
            software: self.connection.software.get().cloned(),
            source_address: self.connection.address.ip().to_string(),
            source_port: self.connection.address.port().to_string(),
        }
    }

    fn first_heard(&self, id: Uuid) {
        *self.connection.telemetry_instance.lock() = Some(id);
    }
}

/// One API whose reply is built as a whole.
pub(crate) trait Handler: 'static {
    /// The request; it knows its key and its response.
    type Request: Request<Response: Throttled> + Send;

    /// Reads a request.
    ///
    /// # Errors
    /// Why the bytes are no such request; the connection is closed then.
    fn decode(version: i16, body: &mut Bytes) -> Result<Self::Request, String> {
        Self::Request::decode(body, version).map_err(|error| error.to_string())
    }

    /// Writes a response.
    fn encode(response: &<Self::Request as Request>::Response, version: i16, correlation_id: i32) -> Reply {
        Reply::encode(response, version, correlation_id)
    }

    /// The error codes in a response, zeros included, for the metrics.
    fn error_codes(response: &<Self::Request as Request>::Response) -> Vec<i16>;

    /// Answers a request.
    fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: Self::Request,
    ) -> impl Future<Output = <Self::Request as Request>::Response> + Send;
}
