//! A set of public keys (JWKS, RFC 7517).

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::Value;

/// How many keys of a set are taken: a token without the id of its key is tried with all.
const KEYS_MAX: usize = 32;

/// What a key of each kind may be used with.
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
const P256: &[Algorithm] = &[Algorithm::ES256];
const P384: &[Algorithm] = &[Algorithm::ES384];
const ED25519: &[Algorithm] = &[Algorithm::EdDSA];

/// Whether there can be a key for an algorithm.
pub(super) fn is_taken(algorithm: Algorithm) -> bool {
    [RSA, P256, P384, ED25519].iter().any(|of_kind| of_kind.contains(&algorithm))
}

/// A public key that verifies signatures.
#[derive(Debug, Clone)]
pub(super) struct Key {
    id: Option<Arc<str>>,
    /// What it may be used with.
    algorithms: Vec<Algorithm>,
    decoding: Arc<DecodingKey>,
}

/// The keys of an identity provider.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a set; keys that are not for signatures, or of kinds that are not known, are left out.
    ///
    /// # Errors
    /// Where it is no set of keys.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or("it has no array \"keys\"")?;
        let keys = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        Ok(Self(keys.filter_map(|key: Jwk| Key::new(&key)).take(KEYS_MAX).collect()))
    }

    /// How many keys there are. None, where all were taken back: then no token is taken any more.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that may have signed a token with this header.
    pub(super) fn candidates(&self, header: &Header) -> Vec<Key> {
        let is_meant = |key: &&Key| {
            key.algorithms.contains(&header.alg)
                && header.kid.as_deref().is_none_or(|id| key.id.as_deref() == Some(id))
        };
        self.0.iter().filter(is_meant).cloned().collect()
    }
}

impl Key {
    fn new(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures = !matches!(common.public_key_use, Some(PublicKeyUse::Encryption))
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return None;
        }
        let of_kind = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => RSA,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => P256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => P384,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => ED25519,
            // A shared secret has no place among public keys.
            _ => return None,
        };
        let named = common.key_algorithm.map(Algorithm::try_from);
        let algorithms = match named {
            None => of_kind.to_vec(),
            Some(Ok(named)) => of_kind.iter().copied().filter(|one| *one == named).collect(),
            Some(Err(_)) => Vec::new(),
        };
        let decoding = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: common.key_id.as_deref().map(Arc::from), algorithms, decoding: Arc::new(decoding) })
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(keys: Value) -> Result<KeySet, String> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_used_with_the_algorithms_of_its_own_kind() {
        let rsa = json!({ "kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB" });
        let named = json!({ "kty": "RSA", "kid": "b", "alg": "RS256", "n": "AQAB", "e": "AQAB" });
        let set = parsed(json!([rsa, named])).unwrap();
        let count = |algorithm, id: Option<&str>| {
            let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
            set.candidates(&header).len()
        };
        assert_eq!((count(Algorithm::RS256, None), count(Algorithm::RS256, Some("a"))), (2, 1));
        assert_eq!((count(Algorithm::PS512, None), count(Algorithm::PS512, Some("b"))), (1, 0));
        assert_eq!((count(Algorithm::HS256, None), count(Algorithm::ES256, Some("a"))), (0, 0));
        assert_eq!(count(Algorithm::RS256, Some("c")), 0);
    }

    #[test]
    fn keys_that_verify_nothing_are_left_out() {
        let secret = json!({ "kty": "oct", "kid": "s", "k": "AQAB" });
        let encrypts = json!({ "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB" });
        let unknown = json!({ "kty": "EC", "crv": "secp256k1", "x": "AQAB", "y": "AQAB" });
        let curve = json!({ "kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB" });
        assert_eq!(parsed(json!([secret, encrypts, unknown])).unwrap().len(), 0);
        assert_eq!(parsed(json!([secret, encrypts, unknown, curve])).unwrap().len(), 1);
        assert!(KeySet::parse(b"<html>").unwrap_err().contains("no JSON"));
        assert!(KeySet::parse(b"[]").unwrap_err().contains("\"keys\""));
    }
}
