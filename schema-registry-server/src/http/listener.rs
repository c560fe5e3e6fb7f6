//! Sockets: plain, or with TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::app::{App, router};
use crate::settings::{Listener, Scheme};

/// How long a client may take to agree on TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// The wait after the system had no socket left for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections may have agreed on TLS and not been taken yet.
const AGREED_MAX: usize = 64;

/// A socket that listens and is not answered at yet.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) scheme: Scheme,
    pub(crate) address: SocketAddr,
    socket: TcpListener,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    /// With the listener in the text, where it cannot be taken.
    pub(crate) async fn bind(listener: &Listener) -> io::Result<Self> {
        let name = format!("{}://{}:{}", listener.scheme, listener.host, listener.port);
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen at {name}: {error}"));
        let host = listener.host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpListener::bind((host, listener.port)).await.map_err(named)?;
        let address = socket.local_addr().map_err(named)?;
        Ok(Self { scheme: listener.scheme, address, socket })
    }

    /// Answers until `stop`; connections that are idle end at once then, others after their answer.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        tls: Option<Arc<rustls::ServerConfig>>,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
        let router = router(app);
        match tls.filter(|_| self.scheme == Scheme::Https) {
            None => axum::serve(self.socket, router).with_graceful_shutdown(stopped).await,
            Some(config) => {
                let listener = TlsListener::start(self.socket, self.address, TlsAcceptor::from(config));
                axum::serve(listener, router).with_graceful_shutdown(stopped).await
            }
        }
    }
}

/// Connections that have agreed on TLS. Each agrees on its own, so that a slow client keeps nobody waiting.
struct TlsListener {
    address: SocketAddr,
    agreed: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    fn start(socket: TcpListener, address: SocketAddr, acceptor: TlsAcceptor) -> Self {
        let (sender, agreed) = mpsc::channel(AGREED_MAX);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = socket.accept() => accepted,
                    () = sender.closed() => return,
                };
                match accepted {
                    Ok((stream, peer)) => {
                        tokio::spawn(agree(acceptor.clone(), stream, peer, sender.clone()));
                    }
                    Err(error) => {
                        debug!(%error, "a connection could not be taken");
                        sleep(PAUSE).await;
                    }
                }
            }
        });
        Self { address, agreed }
    }
}

async fn agree(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    agreed: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    match timeout(HANDSHAKE_PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => drop(agreed.send((stream, peer)).await),
        Ok(Err(error)) => debug!(%peer, %error, "no agreement on TLS"),
        Err(_) => debug!(%peer, "no agreement on TLS in time"),
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.agreed.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
