//! Tokens, whole and damaged, and keys that change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ::ring::rand::SystemRandom;
use ::ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::get_current_timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use super::source::JwksSource;
use super::*;

/// An identity provider without a socket.
#[derive(Debug, Default)]
pub(super) struct Provider {
    keys: Mutex<Vec<Value>>,
    looks: AtomicUsize,
    is_down: AtomicBool,
    answers_after_secs: AtomicU64,
}

impl Provider {
    pub(super) async fn answer(&self) -> Result<Bytes, String> {
        sleep(Duration::from_secs(self.answers_after_secs.load(Ordering::Relaxed))).await;
        self.looks.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err("it is down".to_owned());
        }
        Ok(Bytes::from(json!({ "keys": *self.keys.lock() }).to_string()))
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

enum Signing {
    Curve(EcdsaKeyPair, &'static str, &'static str),
    Edwards(Ed25519KeyPair),
}

impl Signing {
    fn curve(algorithm: &'static EcdsaSigningAlgorithm, name: &'static str, curve: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Curve(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap(), name, curve)
    }

    fn es256() -> Self {
        Self::curve(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256", "P-256")
    }

    fn eddsa() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Edwards(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Curve(_, name, _) => name,
            Self::Edwards(_) => "EdDSA",
        }
    }

    fn public(&self, id: &str) -> Value {
        match self {
            Self::Curve(pair, _, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "use": "sig", "kid": id, "crv": curve, "x": base64(x), "y": base64(y) })
            }
            Self::Edwards(pair) => {
                let point = base64(pair.public_key().as_ref());
                json!({ "kty": "OKP", "kid": id, "crv": "Ed25519", "x": point })
            }
        }
    }

    fn token(&self, id: Option<&str>, claims: &Value) -> String {
        let mut header = json!({ "typ": "JWT", "alg": self.algorithm() });
        if let Some(id) = id {
            header["kid"] = Value::from(id);
        }
        self.sign(&header, claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = match self {
            Self::Curve(pair, ..) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Self::Edwards(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", base64(signature))
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims that hold, with some of them changed.
fn claims(changes: Value) -> Value {
    let mut claims =
        json!({ "sub": "ann", "iss": "https://idp", "aud": ["registry", "other"], "exp": in_seconds(60) });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn in_seconds(seconds: i64) -> Value {
    Value::from(get_current_timestamp().cast_signed() + seconds)
}

const EXPECTED: &[(&str, &str)] = &[
    ("oauthbearer.expected.issuer", "https://idp"),
    ("oauthbearer.expected.audience", "registry"),
    ("oauthbearer.groups.claim.name", "groups"),
];

fn verifier(provider: &Arc<Provider>, settings: &[(&str, &str)]) -> JwtVerifier {
    ring::install();
    let own = [("kafkastore.bootstrap.servers", "a:1")];
    let settings = RegistrySettings::from_properties(own.iter().chain(settings).copied()).unwrap();
    JwtVerifier::new(JwksSource::of_test(provider, Duration::from_secs(3600)), &settings)
}

fn provider(keys: Vec<Value>) -> Arc<Provider> {
    Arc::new(Provider { keys: Mutex::new(keys), ..Provider::default() })
}

#[tokio::test]
async fn whoever_is_named_by_a_token_that_holds_is_the_user() {
    let keys = [
        Signing::es256(),
        Signing::curve(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384", "P-384"),
        Signing::eddsa(),
    ];
    let provider = provider(keys.iter().map(|key| key.public(key.algorithm())).collect());
    let verifier = verifier(&provider, EXPECTED);
    for key in &keys {
        for id in [Some(key.algorithm()), None] {
            let user = verifier.verify(&key.token(id, &claims(json!({})))).await.unwrap();
            assert_eq!((user.name.as_str(), user.roles.len()), ("ann", 0), "{}", key.algorithm());
        }
    }
    let groups = |groups: Value| keys[0].token(None, &claims(json!({ "groups": groups })));
    assert_eq!(verifier.verify(&groups(json!(["dev", "ops"]))).await.unwrap().roles, ["dev", "ops"]);
    assert_eq!(verifier.verify(&groups(json!("dev"))).await.unwrap().roles, ["dev"]);
    assert_eq!(verifier.verify(&groups(json!([1]))).await, Err(Rejected::Claim("groups".into())));
    assert_eq!(provider.looks(), 1);
}

#[tokio::test]
async fn claims_that_do_not_hold_are_named() {
    let key = Signing::es256();
    let verifier = verifier(&provider(vec![key.public("1")]), EXPECTED);
    for (changes, expected) in [
        (json!({ "exp": in_seconds(-31) }), Err(Rejected::Expired)),
        (json!({ "exp": in_seconds(-10) }), Ok(())),
        (json!({ "exp": null }), Err(Rejected::Claim("exp".into()))),
        (json!({ "exp": "soon" }), Err(Rejected::Claim("exp".into()))),
        (json!({ "nbf": in_seconds(40) }), Err(Rejected::Immature)),
        (json!({ "nbf": in_seconds(20) }), Ok(())),
        (json!({ "iss": "https://other" }), Err(Rejected::Issuer)),
        (json!({ "iss": null }), Err(Rejected::Claim("iss".into()))),
        (json!({ "aud": "other" }), Err(Rejected::Audience)),
        (json!({ "aud": "registry" }), Ok(())),
        (json!({ "aud": null }), Err(Rejected::Claim("aud".into()))),
        (json!({ "sub": "" }), Err(Rejected::Claim("sub".into()))),
        (json!({ "sub": 7 }), Err(Rejected::Claim("sub".into()))),
    ] {
        let outcome = verifier.verify(&key.token(Some("1"), &claims(changes.clone()))).await;
        assert_eq!(outcome.map(drop), expected, "{changes}");
    }
}

#[tokio::test]
async fn a_token_for_an_audience_is_not_for_a_registry_that_expects_none() {
    let key = Signing::es256();
    let provider = provider(vec![key.public("1")]);
    let verifier = verifier(&provider, &[("oauthbearer.sub.claim.name", "client_id")]);
    let token = |aud: Value| key.token(None, &claims(json!({ "aud": aud, "client_id": "app" })));
    assert_eq!(verifier.verify(&token(json!("else"))).await, Err(Rejected::Audience));
    assert_eq!(verifier.verify(&token(Value::Null)).await.unwrap().name, "app");
}

#[tokio::test]
async fn only_public_keys_verify() {
    let key = Signing::es256();
    let verifier = verifier(&provider(vec![key.public("1")]), EXPECTED);
    let holds = claims(json!({}));
    let headed = |header: Value| key.sign(&header, &holds);
    for (header, expected) in [
        (json!({ "alg": "none", "kid": "1" }), Rejected::Algorithm),
        (json!({ "alg": "NONE", "kid": "1" }), Rejected::Algorithm),
        (json!({ "alg": "HS256", "kid": "1" }), Rejected::Algorithm),
        (json!({ "alg": "RS256", "kid": "1" }), Rejected::UnknownKey),
        (json!({ "alg": "ES384", "kid": "1" }), Rejected::UnknownKey),
        (json!({ "alg": "ES256", "kid": "1", "crit": ["exp"] }), Rejected::Critical),
        (json!({ "kid": "1" }), Rejected::NoToken),
    ] {
        assert_eq!(verifier.verify(&headed(header.clone())).await, Err(expected), "{header}");
    }
    // Without a signature at all.
    let unsigned = format!("{}.{}.", base64(r#"{"alg":"none"}"#), base64(holds.to_string()));
    assert_eq!(verifier.verify(&unsigned).await, Err(Rejected::Algorithm));
    let stranger = Signing::es256().token(Some("1"), &holds);
    assert_eq!(verifier.verify(&stranger).await, Err(Rejected::Signature));
}

#[tokio::test]
async fn a_damaged_token_is_never_taken() {
    let key = Signing::es256();
    let verifier = verifier(&provider(vec![key.public("1")]), EXPECTED);
    let token = key.token(None, &claims(json!({})));
    assert!(verifier.verify(&token).await.is_ok());
    for at in 0..token.len() {
        for replacement in ["A", "w", ".", "=", ""] {
            if token[at..=at] != *replacement {
                let damaged = format!("{}{replacement}{}", &token[..at], &token[at + 1..]);
                assert!(verifier.verify(&damaged).await.is_err(), "at {at}: {damaged}");
            }
        }
        assert!(verifier.verify(&token[..at]).await.is_err());
    }
    for junk in ["", ".", "..", "...", "a.b.c", "é.é.é"] {
        assert!(verifier.verify(junk).await.is_err(), "{junk}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_has_the_keys_looked_up_but_not_too_often() {
    let (old, new) = (Signing::es256(), Signing::es256());
    let provider = provider(vec![old.public("old")]);
    let verifier = verifier(&provider, EXPECTED);
    let holds = claims(json!({}));
    let (by_old, by_new) = (old.token(Some("old"), &holds), new.token(Some("new"), &holds));
    assert!(verifier.verify(&by_old).await.is_ok());
    assert_eq!(provider.looks(), 1);
    *provider.keys.lock() = vec![new.public("new")];
    assert!(verifier.verify(&by_new).await.is_ok(), "looked up at once");
    assert_eq!(provider.looks(), 2);
    // Whoever makes key ids up causes no more looks for a while.
    for number in 0..100 {
        let made_up = old.token(Some(&format!("made-up-{number}")), &holds);
        assert_eq!(verifier.verify(&made_up).await, Err(Rejected::UnknownKey));
    }
    assert_eq!(provider.looks(), 2);
    assert_eq!(verifier.verify(&by_old).await, Err(Rejected::UnknownKey), "it was taken back");
    advance(Duration::from_secs(6)).await;
    assert_eq!(verifier.verify(&by_old).await, Err(Rejected::UnknownKey));
    assert_eq!(provider.looks(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_looked_up_again_when_they_are_old_and_stay_while_the_provider_is_down() {
    let key = Signing::es256();
    let provider = provider(vec![key.public("1")]);
    let verifier = verifier(&provider, EXPECTED);
    let token = key.token(Some("1"), &claims(json!({})));
    assert!(verifier.verify(&token).await.is_ok());
    advance(Duration::from_secs(3601)).await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(provider.looks(), 2);
    provider.is_down.store(true, Ordering::Relaxed);
    advance(Duration::from_secs(3601)).await;
    for _ in 0..10 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert_eq!(provider.looks(), 3, "it was asked once");
    provider.is_down.store(false, Ordering::Relaxed);
    provider.keys.lock().clear();
    advance(Duration::from_secs(6)).await;
    assert_eq!(verifier.verify(&token).await, Err(Rejected::UnknownKey), "all keys were taken back");
    assert_eq!(provider.looks(), 5, "once because of the age, once because of the key");
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_keeps_one_request_waiting_and_not_all() {
    let key = Signing::es256();
    let provider = provider(vec![key.public("1")]);
    let verifier = Arc::new(verifier(&provider, EXPECTED));
    let token = key.token(Some("1"), &claims(json!({})));
    assert!(verifier.verify(&token).await.is_ok());
    advance(Duration::from_secs(3601)).await;
    provider.answers_after_secs.store(8, Ordering::Relaxed);
    let started = Instant::now();
    let looking = tokio::spawn({
        let (verifier, token) = (Arc::clone(&verifier), token.clone());
        async move { verifier.verify(&token).await }
    });
    tokio::task::yield_now().await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(looking.await.unwrap().is_ok());
    assert_eq!((started.elapsed().as_secs(), provider.looks()), (8, 2));
}
