//! Passwords of users for SCRAM (KIP-554).

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use medallion_wire::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use medallion_wire::messages::describe_user_scram_credentials_request::UserName;
use medallion_wire::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};

use super::{Admin, Asked, Each, outcome, text};
use crate::config::Secret;
use crate::connection::ScramHash;
use crate::error::Error;

/// What Kafka's own tools take where nobody says otherwise.
const ITERATIONS: i32 = 4096;
const SALT_BYTES: usize = 32;

/// A mechanism of SCRAM. The codes are those of Kafka's `ScramMechanism`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
    /// One that this client does not know.
    Other(i8),
}

impl ScramMechanism {
    const fn to_wire(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
            Self::Other(code) => code,
        }
    }

    const fn of_wire(code: i8) -> Self {
        match code {
            1 => Self::Sha256,
            2 => Self::Sha512,
            other => Self::Other(other),
        }
    }

    const fn hash(self) -> Option<ScramHash> {
        match self {
            Self::Sha256 => Some(ScramHash::Sha256),
            Self::Sha512 => Some(ScramHash::Sha512),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256 => f.write_str("SCRAM-SHA-256"),
            Self::Sha512 => f.write_str("SCRAM-SHA-512"),
            Self::Other(code) => write!(f, "mechanism {code}"),
        }
    }
}

/// A change of a user's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScramChange {
    /// Takes this password.
    Set {
        /// For which mechanism.
        mechanism: ScramMechanism,
        /// From 4096 to 16384; [`ScramChange::password`] takes the lower one.
        iterations: i32,
        /// The password; the broker never sees it.
        password: Secret,
    },
    /// Forgets the password for a mechanism.
    Delete(ScramMechanism),
}

impl ScramChange {
    /// A new password, with the usual number of iterations.
    pub fn password(mechanism: ScramMechanism, password: impl Into<Secret>) -> Self {
        Self::Set { mechanism, iterations: ITERATIONS, password: password.into() }
    }
}

/// How a user's password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScramCredential {
    /// For which mechanism.
    pub mechanism: ScramMechanism,
    /// How often it was hashed.
    pub iterations: i32,
}

impl Admin {
    /// For which mechanisms users have passwords; `None` for all users. A user that has none fails with `RESOURCE_NOT_FOUND`.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`, or it refuses the question.
    pub async fn describe_scram_credentials(
        &self,
        users: Option<&[&str]>,
    ) -> Result<Each<String, Vec<ScramCredential>>, Error> {
        let name = |user: &&str| UserName::default().with_name(text(user));
        let request = DescribeUserScramCredentialsRequest::default()
            .with_users(users.map(|users| users.iter().map(name).collect()));
        let response = self.ask(Asked::Any, request).await?;
        let message = response.error_message.as_ref();
        let results = outcome(response.error_code, "SCRAM credentials", message, response.results)?;
        let each = results.iter().map(|result| {
            let credentials = result.credential_infos.iter().map(|info| ScramCredential {
                mechanism: ScramMechanism::of_wire(info.mechanism),
                iterations: info.iterations,
            });
            let subject = format!("user {}", &*result.user);
            let message = result.error_message.as_ref();
            (result.user.to_string(), outcome(result.error_code, &subject, message, credentials.collect()))
        });
        Ok(each.collect())
    }

    /// Sets and forgets passwords, by user. Passwords are salted and hashed here.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`, for a mechanism that this client cannot hash for, and where the
    /// system has no random bytes for the salt.
    pub async fn alter_scram_credentials(
        &self,
        changes: &BTreeMap<&str, Vec<ScramChange>>,
    ) -> Result<Each<String, ()>, Error> {
        let (mut deletions, mut upsertions) = (Vec::new(), Vec::new());
        for (user, changes) in changes {
            for change in changes {
                match change {
                    ScramChange::Set { mechanism, iterations, password } => {
                        upsertions.push(upsertion(user, *mechanism, *iterations, password)?);
                    }
                    ScramChange::Delete(mechanism) => deletions.push(
                        ScramCredentialDeletion::default()
                            .with_name(text(user))
                            .with_mechanism(mechanism.to_wire()),
                    ),
                }
            }
        }
        let request =
            AlterUserScramCredentialsRequest::default().with_deletions(deletions).with_upsertions(upsertions);
        let response = self.ask(Asked::Controller, request).await?;
        let each = response.results.iter().map(|result| {
            let subject = format!("user {}", &*result.user);
            let message = result.error_message.as_ref();
            (result.user.to_string(), outcome(result.error_code, &subject, message, ()))
        });
        Ok(each.collect())
    }
}

fn upsertion(
    user: &str,
    mechanism: ScramMechanism,
    iterations: i32,
    password: &Secret,
) -> Result<ScramCredentialUpsertion, Error> {
    let subject = || format!("the password of user {user}");
    let hash = mechanism.hash();
    let hash = hash.ok_or_else(|| Error::malformed(subject(), format!("{mechanism} is not known here")))?;
    let times = u32::try_from(iterations).ok().filter(|times| *times > 0);
    let times = times.ok_or_else(|| Error::malformed(subject(), format!("{iterations} iterations")))?;
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| Error::malformed(subject(), error))?;
    let salted = hash.salted(password.reveal().as_bytes(), &salt, times);
    Ok(ScramCredentialUpsertion::default()
        .with_name(text(user))
        .with_mechanism(mechanism.to_wire())
        .with_iterations(iterations)
        .with_salt(Bytes::copy_from_slice(&salt))
        .with_salted_password(salted.into()))
}
