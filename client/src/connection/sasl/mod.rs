//! SASL as Kafka frames it: `SaslHandshake` names the mechanism, `SaslAuthenticate` carries its messages (KIP-152).
//!
//! A broker may end sessions (KIP-368); then the same connection authenticates again in time.

mod oauthbearer;
mod scram;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

pub use oauthbearer::{Token, TokenFuture, TokenProvider};

use super::ApiVersions;
use super::exchange::Stream;
use crate::config::{ClientSettings, SaslMechanism, Secret};
use crate::error::Error;
use scram::Scram;
pub(crate) use scram::ScramHash;

/// A session is renewed when this much of its time has passed, and at most a tenth later.
const RENEW_AFTER: f64 = 0.85;
const RENEW_JITTER: f64 = 0.1;
/// Entropy of a SCRAM nonce.
const NONCE_BYTES: usize = 24;

/// How a client proves who it is.
#[derive(Clone)]
pub(crate) enum Credentials {
    Password { mechanism: SaslMechanism, username: Arc<str>, password: Secret },
    Token(Arc<dyn TokenProvider>),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mechanism().name())
    }
}

impl Credentials {
    /// What the settings say, or `provider`; `None` without SASL.
    pub(crate) fn of(
        settings: &ClientSettings,
        provider: Option<Arc<dyn TokenProvider>>,
    ) -> Result<Option<Self>, Error> {
        if !settings.security_protocol.has_sasl() {
            return Ok(None);
        }
        let mechanism = settings.sasl_mechanism;
        if mechanism != SaslMechanism::OauthBearer {
            let username = settings.sasl_username.clone().unwrap_or_default().into();
            let password = settings.sasl_password.clone().unwrap_or_else(|| Secret::new(""));
            return Ok(Some(Self::Password { mechanism, username, password }));
        }
        let fixed = settings.sasl_oauthbearer_token.clone();
        let fixed = fixed.map(|token| Arc::new(oauthbearer::FixedToken(token)) as Arc<dyn TokenProvider>);
        let provider = provider.or(fixed).ok_or_else(|| crate::ConfigError::Conflict {
            name: "sasl.oauthbearer.token",
            reason: "OAUTHBEARER needs it, or a token provider".into(),
        })?;
        Ok(Some(Self::Token(provider)))
    }

    const fn mechanism(&self) -> SaslMechanism {
        match self {
            Self::Password { mechanism, .. } => *mechanism,
            Self::Token(_) => SaslMechanism::OauthBearer,
        }
    }
}

/// Authenticates one connection, as often as its broker wants that.
#[derive(Debug)]
pub(super) struct Authenticator {
    credentials: Credentials,
    versions: ApiVersions,
    due: Option<Instant>,
}

impl Authenticator {
    pub(super) fn new(credentials: Credentials, versions: ApiVersions) -> Self {
        Self { credentials, versions, due: None }
    }

    /// When to authenticate again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time for that.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    /// Goes through the mechanism's messages. Nothing else may be under way on the stream.
    pub(super) async fn authenticate<R, W>(&mut self, stream: &mut Stream<R, W>) -> Result<(), Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mechanism = self.credentials.mechanism();
        let version = self.versions.agree::<SaslHandshakeRequest>(&stream.address, 1)?;
        let request =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism.name()));
        let response = stream.call(&request, version).await?;
        if response.error_code != 0 {
            let offered: Vec<&str> = response.mechanisms.iter().map(|name| &**name).collect();
            let reason =
                format!("it has {}", if offered.is_empty() { "none".to_owned() } else { offered.join(", ") });
            return Err(refused(&stream.address, mechanism, reason));
        }
        let last = match self.credentials.clone() {
            Credentials::Password { mechanism: SaslMechanism::Plain, username, password } => {
                let message = format!("\0{username}\0{}", password.reveal());
                self.send(stream, message.into_bytes()).await?
            }
            Credentials::Password { mechanism, username, password } => {
                let hash = match mechanism {
                    SaslMechanism::ScramSha512 => ScramHash::Sha512,
                    _ => ScramHash::Sha256,
                };
                self.scram(stream, Scram::new(hash, &username, password.reveal(), &nonce()?)).await?
            }
            Credentials::Token(provider) => self.bearer(stream, &*provider).await?,
        };
        self.due = renewal(last.session_lifetime_ms);
        Ok(())
    }

    async fn scram<R, W>(
        &self,
        stream: &mut Stream<R, W>,
        mut scram: Scram,
    ) -> Result<SaslAuthenticateResponse, Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mechanism = self.credentials.mechanism();
        let first = self.send(stream, scram.first().into_bytes()).await?;
        let reply = scram.reply(&first.auth_bytes);
        let reply = reply.map_err(|reason| refused(&stream.address, mechanism, reason))?;
        let last = self.send(stream, reply.into_bytes()).await?;
        scram.verify(&last.auth_bytes).map_err(|reason| refused(&stream.address, mechanism, reason))?;
        Ok(last)
    }

    async fn bearer<R, W>(
        &self,
        stream: &mut Stream<R, W>,
        provider: &dyn TokenProvider,
    ) -> Result<SaslAuthenticateResponse, Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let failed = |reason: String| refused(&stream.address, SaslMechanism::OauthBearer, reason);
        let token = provider.token().await.map_err(failed)?;
        let message = oauthbearer::client_message(&token).map_err(failed)?;
        let response = self.send(stream, message).await?;
        if response.auth_bytes.is_empty() {
            return Ok(response);
        }
        // What is wrong comes as a challenge; the broker refuses once we have taken note of it (RFC 7628, 3.2.3).
        let challenge = String::from_utf8_lossy(&response.auth_bytes).into_owned();
        match self.send(stream, b"\x01".to_vec()).await {
            Ok(_) => Err(refused(&stream.address, SaslMechanism::OauthBearer, challenge)),
            Err(error) => Err(error),
        }
    }

    async fn send<R, W>(
        &self,
        stream: &mut Stream<R, W>,
        message: Vec<u8>,
    ) -> Result<SaslAuthenticateResponse, Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let version = self.versions.agree::<SaslAuthenticateRequest>(&stream.address, i16::MAX)?;
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let response = stream.call(&request, version).await?;
        if response.error_code == 0 {
            return Ok(response);
        }
        let code = medallion_wire::ResponseError::try_from_code(response.error_code);
        let reason = response.error_message.as_deref().map(str::to_owned);
        let reason = reason.unwrap_or_else(|| code.map(|code| format!("{code:?}")).unwrap_or_default());
        Err(refused(&stream.address, self.credentials.mechanism(), reason))
    }
}

fn refused(address: &Arc<str>, mechanism: SaslMechanism, reason: impl Into<String>) -> Error {
    Error::Authentication {
        address: Arc::clone(address),
        mechanism: mechanism.name().into(),
        reason: reason.into().into(),
    }
}

/// When a session of this lifetime is renewed; 0 for one without end.
fn renewal(session_lifetime_ms: i64) -> Option<Instant> {
    let lifetime =
        Duration::from_millis(u64::try_from(session_lifetime_ms).ok().filter(|lifetime| *lifetime > 0)?);
    Some(Instant::now() + lifetime.mul_f64(RENEW_AFTER + RENEW_JITTER * fastrand::f64()))
}

/// Unforeseeable text for SCRAM.
fn nonce() -> Result<String, Error> {
    use base64::Engine;
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::malformed("random bytes for SCRAM", error))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}
