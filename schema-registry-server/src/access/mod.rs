//! Who asks, and what they may.

mod credentials;
mod jwt;
mod rights;

use std::io;
use std::path::{Path, PathBuf};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing::debug;

use self::credentials::Credentials;
use self::jwt::{JwksError, JwtVerifier};
use self::rights::Rights;
use crate::api::Route;
use crate::http::Denied;
use crate::settings::{Authentication, RegistrySettings};

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
}

/// Why a file of users, tokens, rights or keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// It cannot be read.
    #[error("{setting}={}: {reason}", file.display())]
    Io {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The keys of tokens.
    #[error(transparent)]
    Keys(#[from] JwksError),
    /// A line is not what it must be.
    #[error("{}, line {line}: {reason}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong; never the line itself, which may hold a secret.
        reason: String,
    },
}

/// Who may do what.
#[derive(Debug)]
pub(crate) struct Access {
    method: Authentication,
    realm: String,
    /// Of which one is needed; `*` for any.
    roles: Vec<String>,
    skips: Vec<String>,
    credentials: Credentials,
    /// Of those whose tokens an identity provider has signed.
    jwt: Option<JwtVerifier>,
    rights: Option<Rights>,
}

impl Access {
    /// # Errors
    /// Where a file cannot be read.
    pub(crate) async fn start(settings: &RegistrySettings) -> Result<Self, AccessError> {
        let file = match settings.authentication {
            Authentication::None => None,
            Authentication::Basic => {
                Some(("medallion.authentication.users.file", settings.users_file.as_deref()))
            }
            Authentication::Bearer => {
                Some(("medallion.authentication.tokens.file", settings.tokens_file.as_deref()))
            }
        };
        let credentials = match file {
            Some((setting, Some(path))) => lines(setting, path, Credentials::parse)?,
            _ => Credentials::default(),
        };
        let rights = settings.rights_file.as_deref();
        let rights =
            rights.map(|path| lines("medallion.authorization.file", path, Rights::parse)).transpose()?;
        Ok(Self {
            method: settings.authentication,
            realm: settings.realm.clone(),
            roles: settings.roles.clone(),
            skips: settings.authentication_skips.clone(),
            credentials,
            jwt: JwtVerifier::start(settings).await?,
            rights,
        })
    }

    /// Who asks; nobody where nobody has to prove that.
    ///
    /// # Errors
    /// Where whoever asks has not proved who they are, or has none of the roles that are needed.
    pub(crate) async fn authenticate(&self, parts: &Parts) -> Result<Option<User>, Denied> {
        let scheme = match self.method {
            Authentication::None => return Ok(None),
            Authentication::Basic => "Basic",
            Authentication::Bearer => "Bearer",
        };
        if self.skips.iter().any(|skip| is_below(parts.uri.path(), skip)) {
            return Ok(None);
        }
        let unknown = || Denied::unauthenticated(scheme, &self.realm);
        let given = given(&parts.headers, scheme).ok_or_else(unknown)?;
        let user = match self.method {
            Authentication::Bearer => self.bearer(given).await?,
            _ => basic(given)
                .and_then(|(name, password)| self.credentials.check(&name, &password))
                .ok_or_else(unknown)?,
        };
        if self.roles.iter().any(|role| role == "*" || user.roles.contains(role)) {
            Ok(Some(user))
        } else {
            Err(Denied::forbidden())
        }
    }

    /// Whose token it is: one of the file, or one that the identity provider has signed.
    async fn bearer(&self, token: &str) -> Result<User, Denied> {
        if let Some(user) = self.credentials.owner_of(token) {
            return Ok(user);
        }
        let Some(jwt) = &self.jwt else { return Err(Denied::unauthenticated("Bearer", &self.realm)) };
        jwt.verify(token).await.map_err(|reason| {
            debug!(%reason, "a token was refused");
            Denied::invalid_token(&self.realm, &reason)
        })
    }

    /// Whether a user, or whoever needs not be one, may do this.
    pub(crate) fn allows(&self, user: Option<&User>, route: &Route) -> bool {
        match (&self.rights, user) {
            (Some(rights), Some(user)) => rights.allow(user, route),
            // Addresses that need no authentication.
            _ => true,
        }
    }
}

/// Whether a path is `skip`, or below it where it ends with `*`.
fn is_below(path: &str, skip: &str) -> bool {
    match skip.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == skip,
    }
}

/// What stands behind the scheme in the header `Authorization`.
fn given<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn basic(given: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(given).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Reads a file by its lines, without empty ones and comments.
fn lines<T>(
    setting: &'static str,
    file: &Path,
    parse: impl FnOnce(&mut dyn Iterator<Item = (usize, &str)>) -> Result<T, (usize, String)>,
) -> Result<T, AccessError> {
    let text = std::fs::read_to_string(file).map_err(|reason| AccessError::Io {
        setting,
        file: file.to_owned(),
        reason,
    })?;
    let mut lines = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#'));
    parse(&mut lines).map_err(|(line, reason)| AccessError::Line { file: file.to_owned(), line, reason })
}
