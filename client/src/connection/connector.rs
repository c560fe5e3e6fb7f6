//! Opens connections: resolves, connects, and agrees on what is needed before the first request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::frame::FrameDecoder;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::exchange::Stream;
use super::sasl::{Authenticator, Credentials, TokenProvider};
use super::task::Task;
use super::throttle::Throttle;
use super::{Address, Connection, QUEUED_REQUESTS_MAX, Shared};
use crate::config::ClientSettings;
use crate::error::Error;
use crate::hooks::Observer;

/// Longer than this is never.
const IDLE_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What all connections of a client are opened with.
#[derive(Debug)]
pub(crate) struct Connector {
    settings: Arc<ClientSettings>,
    client_id: Arc<str>,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::Tls>,
    credentials: Option<Credentials>,
    observer: Observer,
}

impl Connector {
    /// Reads certificates and credentials; nothing is connected yet.
    pub(crate) fn new(
        settings: Arc<ClientSettings>,
        tokens: Option<Arc<dyn TokenProvider>>,
        observer: Observer,
    ) -> Result<Self, Error> {
        Ok(Self {
            client_id: settings.client_id.as_str().into(),
            #[cfg(feature = "tls")]
            tls: settings.security_protocol.has_tls().then(|| super::tls::Tls::new(&settings)).transpose()?,
            credentials: Credentials::of(&settings, tokens)?,
            settings,
            observer,
        })
    }

    /// The name that goes with every request.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Opens a connection within `patience`, by the first of the host's addresses that takes one.
    pub(crate) async fn connect(&self, address: &Address, patience: Duration) -> Result<Connection, Error> {
        let since = Instant::now();
        let opened = timeout(patience, self.open(address)).await;
        let opened = opened.unwrap_or_else(|_| {
            Err(address.unreachable(std::io::Error::other(format!(
                "no connection within {} ms (socket.connection.setup.timeout.ms)",
                patience.as_millis()
            ))))
        });
        self.observer.connected(&address.to_string(), since.elapsed(), opened.as_ref().map(drop));
        opened
    }

    async fn open(&self, address: &Address) -> Result<Connection, Error> {
        let mut last = address.unreachable(std::io::Error::other("the name has no addresses"));
        for socket in address.resolve().await? {
            match self.open_socket(address, socket).await {
                Ok(connection) => return Ok(connection),
                // Only what cannot be reached is worth the next address: all of them are the same broker.
                Err(error @ Error::Unreachable { .. }) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn open_socket(&self, address: &Address, socket: SocketAddr) -> Result<Connection, Error> {
        let unreachable = |error| address.unreachable(error);
        let stream = TcpStream::connect(socket).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let options = SockRef::from(&stream);
        if let Ok(bytes @ 1..) = usize::try_from(self.settings.send_buffer_bytes) {
            options.set_send_buffer_size(bytes).map_err(unreachable)?;
        }
        if let Ok(bytes @ 1..) = usize::try_from(self.settings.receive_buffer_bytes) {
            options.set_recv_buffer_size(bytes).map_err(unreachable)?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let (read, write) = tokio::io::split(tls.connect(address, stream).await?);
            return self.introduce(address, read, write).await;
        }
        let (read, write) = stream.into_split();
        self.introduce(address, read, write).await
    }

    /// Versions and credentials; then the connection's task takes over.
    async fn introduce<R, W>(&self, address: &Address, read: R, write: W) -> Result<Connection, Error>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let mut stream = Stream {
            read,
            write,
            decoder: FrameDecoder::trusting(self.settings.receive_message_max_bytes),
            address: address.to_string().into(),
            client_id: Arc::clone(&self.client_id),
            next_correlation_id: 0,
        };
        let versions = stream.agree_on_versions().await?;
        let mut authenticator = None;
        if let Some(credentials) = &self.credentials {
            let mut new = Authenticator::new(credentials.clone(), versions.clone());
            new.authenticate(&mut stream).await?;
            authenticator = Some(new);
        }
        let (sender, requests) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let shared = Shared {
            address: Arc::clone(&stream.address),
            versions,
            requests: sender,
            throttle: Throttle::default(),
            observer: self.observer.clone(),
        };
        let max_idle = self.settings.connections_max_idle;
        let max_idle = (!max_idle.is_zero() && max_idle < IDLE_MAX).then_some(max_idle);
        let task = Task { stream, requests, authenticator, max_idle, observer: self.observer.clone() };
        tokio::spawn(task.run());
        Ok(Connection { shared: Arc::new(shared) })
    }
}
