//! Changes of SCRAM credentials (KIP-554). They are kept as Kafka keeps them: never the password, only what a server needs
//! to check one.
//!
//! Source: Kafka's `ScramControlManager`, RFC 5802.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use m::alter_user_scram_credentials_request::{ScramCredentialDeletion, ScramCredentialUpsertion};
use m::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages as m;
use sha2::{Digest, Sha256, Sha512};

use super::ApiError;
use super::decision::Decision;
use crate::controller::image::MetadataImage;
use crate::controller::records::{
    MetadataRecord, RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};

/// The mechanisms by Kafka's numbers.
const SCRAM_SHA_256: i8 = 1;
const SCRAM_SHA_512: i8 = 2;
/// Fewer rounds of hashing than this protect no password, by both mechanisms.
const ITERATIONS_MIN: i32 = 4_096;
/// More than this would take a client too long.
const ITERATIONS_MAX: i32 = 16_384;
/// The level of metadata.version that brought SCRAM (3.5-IV2, KIP-900).
const SCRAM_LEVEL: i16 = 11;

/// What becomes of a user: a record, or none where the password makes no keys, which Kafka finds out last.
type Change = Option<MetadataRecord>;
/// What becomes of all users, or why not. One that is named twice is not altered at all.
type Outcomes<'a> = BTreeMap<&'a str, Result<Change, ApiError>>;

/// Changes the credentials of users; each user succeeds or fails for itself.
pub(crate) fn alter(
    image: &MetadataImage,
    request: &m::AlterUserScramCredentialsRequest,
) -> Decision<m::AlterUserScramCredentialsResponse> {
    let mut outcomes = Outcomes::new();
    for deletion in &request.deletions {
        note(image, &mut outcomes, &deletion.name, || delete(image, deletion));
    }
    for upsertion in &request.upsertions {
        note(image, &mut outcomes, &upsertion.name, || upsert(upsertion));
    }
    let mut records = Vec::new();
    let mut results = Vec::new();
    for (user, outcome) in outcomes {
        let error = match outcome {
            Ok(Some(record)) => {
                records.push(record);
                None
            }
            Ok(None) => Some(ApiError::bare(ResponseError::UnknownServerError)),
            Err(error) => Some(error),
        };
        let (code, message) = error.map_or((0, None), |error| (error.code(), error.message));
        let result = AlterUserScramCredentialsResult::default()
            .with_user(StrBytes::from_string(user.to_owned()))
            .with_error_code(code)
            .with_error_message(message.map(StrBytes::from_string));
        results.push(result);
    }
    Decision { records, reply: m::AlterUserScramCredentialsResponse::default().with_results(results) }
}

fn note<'a>(
    image: &MetadataImage,
    outcomes: &mut Outcomes<'a>,
    user: &'a str,
    change: impl FnOnce() -> Result<Change, ApiError>,
) {
    let outcome = match outcomes.get(user) {
        Some(Err(_)) => return,
        Some(Ok(_)) => Err(ApiError::new(
            ResponseError::DuplicateResource,
            "A user credential cannot be altered twice in the same request",
        )),
        None if image.features.metadata_version() < SCRAM_LEVEL => Err(ApiError::new(
            ResponseError::UnsupportedVersion,
            "The current metadata.version does not support SCRAM",
        )),
        None => change(),
    };
    let _ = outcomes.insert(user, outcome);
}

fn check(user: &str, mechanism: i8) -> Result<(), ApiError> {
    if user.is_empty() {
        return Err(ApiError::new(ResponseError::UnacceptableCredential, "Username must not be empty"));
    }
    if ![SCRAM_SHA_256, SCRAM_SHA_512].contains(&mechanism) {
        return Err(ApiError::new(ResponseError::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"));
    }
    Ok(())
}

fn delete(image: &MetadataImage, deletion: &ScramCredentialDeletion) -> Result<Change, ApiError> {
    let (user, mechanism) = (deletion.name.as_str(), deletion.mechanism);
    check(user, mechanism)?;
    if !image.scram_credentials.contains_key(&(mechanism, user.into())) {
        return Err(ApiError::new(
            ResponseError::ResourceNotFound,
            "Attempt to delete a user credential that does not exist",
        ));
    }
    let record = RemoveUserScramCredentialRecord {
        name: user.to_owned(),
        mechanism,
        ..RemoveUserScramCredentialRecord::default()
    };
    Ok(Some(record.into()))
}

fn upsert(upsertion: &ScramCredentialUpsertion) -> Result<Change, ApiError> {
    check(&upsertion.name, upsertion.mechanism)?;
    let unacceptable = |message| Err(ApiError::new(ResponseError::UnacceptableCredential, message));
    if upsertion.iterations < ITERATIONS_MIN {
        return unacceptable("Too few iterations");
    }
    if upsertion.iterations > ITERATIONS_MAX {
        return unacceptable("Too many iterations");
    }
    if upsertion.salted_password.is_empty() {
        return Ok(None);
    }
    let (stored_key, server_key) = if upsertion.mechanism == SCRAM_SHA_256 {
        keys::<Hmac<Sha256>, Sha256>(&upsertion.salted_password)
    } else {
        keys::<Hmac<Sha512>, Sha512>(&upsertion.salted_password)
    };
    let record = UserScramCredentialRecord {
        name: upsertion.name.to_string(),
        mechanism: upsertion.mechanism,
        salt: upsertion.salt.clone(),
        stored_key,
        server_key,
        iterations: upsertion.iterations,
        ..UserScramCredentialRecord::default()
    };
    Ok(Some(record.into()))
}

/// The stored key and the server key of a salted password (RFC 5802, section 3).
fn keys<M: Mac + KeyInit, H: Digest>(salted_password: &[u8]) -> (Bytes, Bytes) {
    let sign = |text: &[u8]| {
        let mac = <M as KeyInit>::new_from_slice(salted_password).expect("keys of any length are taken");
        mac.chain_update(text).finalize().into_bytes()
    };
    let stored_key = H::digest(sign(b"Client Key"));
    (Bytes::copy_from_slice(&stored_key), Bytes::copy_from_slice(&sign(b"Server Key")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3: user "user", password "pencil", 4096 iterations. Its salted password, and the server
    /// signature that the server key must give.
    #[test]
    fn keys_are_those_of_the_standard() {
        let salted = [
            0xc4, 0xa4, 0x95, 0x10, 0x32, 0x3a, 0xb4, 0xf9, 0x52, 0xca, 0xc1, 0xfa, 0x99, 0x44, 0x19, 0x39,
            0xe7, 0x8e, 0xa7, 0x4d, 0x6b, 0xe8, 0x1d, 0xdf, 0x70, 0x96, 0xe8, 0x75, 0x13, 0xdc, 0x61, 0x5d,
        ];
        let (stored_key, server_key) = keys::<Hmac<Sha256>, Sha256>(&salted);
        let auth_message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,\
                            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let sign = |key: &[u8]| {
            let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length");
            mac.chain_update(auth_message.as_bytes()).finalize().into_bytes()
        };
        // v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=
        let signature = 0xeaba_e24d_1062_db75_a945_1ff0_b6ea_7e98_u128.to_be_bytes();
        assert_eq!(sign(&server_key)[..16], signature);
        // p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ= is the client key, hidden behind its signature.
        let proof = [
            0x74, 0x7c, 0xdb, 0x65, 0xaa, 0x56, 0x22, 0x4e, 0x23, 0x52, 0x13, 0x7e, 0x52, 0xd7, 0xbd, 0xca,
            0xd6, 0xa0, 0xf7, 0x38, 0xdf, 0x30, 0x78, 0x2c, 0xaa, 0x69, 0xa2, 0xcf, 0xb0, 0x27, 0x75,
            0x54_u8,
        ];
        let client_key: Vec<u8> =
            sign(&stored_key).iter().zip(proof).map(|(signed, proof)| signed ^ proof).collect();
        assert_eq!(Sha256::digest(client_key).as_slice(), &*stored_key);
    }
}
