//! JSON Web Tokens (RFC 7519) of an identity provider, under the names that Kafka's OAUTHBEARER has (KIP-768).
//!
//! ```text
//!  token ─> header: algorithm, key id ─> keys::KeySet::candidates ─> signature (ring) ─> exp, nbf, iss, aud ─> User
//!                                              │ none, or the set is old
//!                                              └ source::JwksSource: file or URL, not too often
//! ```
//!
//! Only public keys verify here: a token that is signed by a shared secret (`HS256`, ...) or by nobody (`none`) is refused before
//! a key is looked for, and each key is used with the algorithms of its own kind.

mod keys;
mod ring;
mod source;

use std::collections::BTreeMap;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::Value;

use super::User;
use crate::settings::RegistrySettings;
use keys::Key;
pub(super) use source::JwksError;
use source::JwksSource;

/// Says whose a token is.
#[derive(Debug)]
pub(super) struct JwtVerifier {
    source: JwksSource,
    /// But for the algorithm, which is the token's.
    expected: Validation,
    sub_claim: String,
    groups_claim: Option<String>,
}

/// Why a token is not taken; told to whoever has sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// It is no JWT at all.
    #[error("it is no JSON Web Token")]
    NoToken,
    /// Its algorithm.
    #[error("its algorithm is not taken")]
    Algorithm,
    /// A header that must be understood.
    #[error("its header has crit")]
    Critical,
    /// Its key.
    #[error("its key is not known")]
    UnknownKey,
    /// Its signature.
    #[error("its signature is wrong")]
    Signature,
    /// Too late.
    #[error("it has expired")]
    Expired,
    /// Too early.
    #[error("it is not valid yet")]
    Immature,
    /// Somebody else has made it.
    #[error("its issuer is not the expected one")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// A claim is missing, or not what it must be.
    #[error("its claim {0} is missing or not valid")]
    Claim(String),
}

impl JwtVerifier {
    /// A verifier with the keys of `oauthbearer.jwks.endpoint.url`; nothing where that is not set.
    ///
    /// # Errors
    /// Where the URL or the file cannot be used. A provider that does not answer is asked again later.
    pub(super) async fn start(settings: &RegistrySettings) -> Result<Option<Self>, JwksError> {
        ring::install();
        let Some(source) = JwksSource::start(settings).await? else { return Ok(None) };
        Ok(Some(Self::new(source, settings)))
    }

    fn new(source: JwksSource, settings: &RegistrySettings) -> Self {
        let mut expected = Validation::new(Algorithm::RS256);
        expected.leeway = settings.clock_skew.0.as_secs();
        expected.validate_nbf = true;
        let mut required = vec!["exp"];
        if !settings.expected_audience.is_empty() {
            expected.set_audience(&settings.expected_audience);
            required.push("aud");
        }
        if let Some(issuer) = &settings.expected_issuer {
            expected.set_issuer(&[issuer]);
            required.push("iss");
        }
        expected.set_required_spec_claims(&required);
        let (sub_claim, groups_claim) = (settings.sub_claim.clone(), settings.groups_claim.clone());
        Self { source, expected, sub_claim, groups_claim }
    }

    /// Whose token it is: the user's name is the subject, the roles are the groups.
    pub(super) async fn verify(&self, token: &str) -> Result<User, Rejected> {
        let header = decode_header(token).map_err(|error| rejected(&error))?;
        if !keys::is_taken(header.alg) {
            return Err(Rejected::Algorithm);
        }
        // What it names must be understood (RFC 7515, 4.1.11); nothing is.
        if header.crit.is_some() {
            return Err(Rejected::Critical);
        }
        let keys = self.source.keys_for(&header).await;
        let claims = self.check(token, &header, &keys)?;
        self.user(&claims)
    }

    /// The claims, if one of the keys has signed them and they hold.
    fn check(&self, token: &str, header: &Header, keys: &[Key]) -> Result<BTreeMap<String, Value>, Rejected> {
        let validation = Validation { algorithms: vec![header.alg], ..self.expected.clone() };
        let mut outcome = Err(Rejected::UnknownKey);
        for key in keys {
            outcome = decode(token, key.decoding(), &validation)
                .map(|decoded| decoded.claims)
                .map_err(|error| rejected(&error));
            // Any other error comes after the signature was found right.
            if outcome != Err(Rejected::Signature) {
                break;
            }
        }
        outcome
    }

    fn user(&self, claims: &BTreeMap<String, Value>) -> Result<User, Rejected> {
        let bad = |claim: &str| Rejected::Claim(claim.to_owned());
        let name = claims.get(&self.sub_claim).and_then(Value::as_str).map(str::trim);
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| bad(&self.sub_claim))?;
        let roles = match self.groups_claim.as_ref().and_then(|claim| Some((claim, claims.get(claim)?))) {
            None => Vec::new(),
            Some((_, Value::String(group))) => vec![group.clone()],
            Some((claim, groups)) => {
                let groups = groups.as_array().ok_or_else(|| bad(claim))?;
                let texts = groups.iter().map(|group| group.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(|| bad(claim))?
            }
        };
        Ok(User { name: name.to_owned(), roles })
    }
}

fn rejected(error: &Error) -> Rejected {
    match error.kind() {
        ErrorKind::InvalidSignature => Rejected::Signature,
        ErrorKind::ExpiredSignature => Rejected::Expired,
        ErrorKind::ImmatureSignature => Rejected::Immature,
        ErrorKind::InvalidIssuer => Rejected::Issuer,
        ErrorKind::InvalidAudience => Rejected::Audience,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            Rejected::Claim(claim.clone())
        }
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            Rejected::Algorithm
        }
        // An unknown name of an algorithm, `none` too, comes as an error of JSON.
        ErrorKind::Json(reason) if reason.to_string().contains("unknown variant") => Rejected::Algorithm,
        _ => Rejected::NoToken,
    }
}

#[cfg(test)]
mod tests;
