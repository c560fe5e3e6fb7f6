//! SCRAM (RFC 5802, RFC 7677) as a client, without channel binding. Kafka prepares names and passwords by no profile
//! (SASLprep): they are taken as UTF-8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// Fewer iterations than this are refused, as the RFC asks.
const ITERATIONS_MIN: u32 = 4096;
/// More would only keep us busy.
const ITERATIONS_MAX: u32 = 10_000_000;

/// The hash function of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScramHash {
    Sha256,
    Sha512,
}

macro_rules! by_hash {
    ($hash:expr, $type:ident => $body:expr) => {
        match $hash {
            ScramHash::Sha256 => {
                type $type = Sha256;
                $body
            }
            ScramHash::Sha512 => {
                type $type = Sha512;
                $body
            }
        }
    };
}

impl ScramHash {
    fn hash(self, data: &[u8]) -> Vec<u8> {
        by_hash!(self, H => H::digest(data).to_vec())
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        by_hash!(self, H => {
            let mut mac = Hmac::<H>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        })
    }

    /// The salted password (RFC 5802: `Hi`).
    pub(crate) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        by_hash!(self, H => {
            let mut out = vec![0; <H as Digest>::output_size()];
            pbkdf2::pbkdf2_hmac::<H>(password, salt, iterations, &mut out);
            out
        })
    }
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Scram {
    hash: ScramHash,
    password: String,
    nonce: String,
    client_first_bare: String,
    server_signature: Option<Vec<u8>>,
}

impl Scram {
    pub(super) fn new(hash: ScramHash, username: &str, password: &str, nonce: &str) -> Self {
        let name = username.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            client_first_bare: format!("n={name},r={nonce}"),
            server_signature: None,
        }
    }

    /// The first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.client_first_bare)
    }

    /// The second message: the proof, by the server's salt, iterations and nonce.
    pub(super) fn reply(&mut self, server_first: &[u8]) -> Result<String, String> {
        let server_first = text(server_first)?;
        let (nonce, salt, iterations) =
            (attribute(server_first, 'r')?, attribute(server_first, 's')?, attribute(server_first, 'i')?);
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("its nonce does not extend ours".to_owned());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "its salt is no base64".to_owned())?;
        let iterations: u32 = iterations.parse().map_err(|_| "its iterations are no number".to_owned())?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(format!(
                "{iterations} iterations are outside of {ITERATIONS_MIN} to {ITERATIONS_MAX}"
            ));
        }
        let salted = self.hash.salted(self.password.as_bytes(), &salt, iterations);
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let signature = self.hash.hmac(&self.hash.hash(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, bit)| key ^ bit).collect();
        let server_key = self.hash.hmac(&salted, b"Server Key");
        self.server_signature = Some(self.hash.hmac(&server_key, auth_message.as_bytes()));
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    /// Whether the server knows the password as well.
    pub(super) fn verify(&self, server_final: &[u8]) -> Result<(), String> {
        let server_final = text(server_final)?;
        if let Ok(error) = attribute(server_final, 'e') {
            return Err(error.to_owned());
        }
        let signature = STANDARD.decode(attribute(server_final, 'v')?).ok();
        if signature.is_some() && signature == self.server_signature {
            return Ok(());
        }
        Err("it does not prove to know the password".to_owned())
    }
}

fn text(message: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(message).map_err(|_| "its message is not UTF-8".to_owned())
}

fn attribute(message: &str, name: char) -> Result<&str, String> {
    let mut fields = message.split(',').filter_map(|field| field.split_once('='));
    let found = fields.find(|(key, _)| key.len() == 1 && key.starts_with(name));
    found.map(|(_, value)| value).ok_or_else(|| format!("its message lacks {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_the_rfc() {
        let mut scram = Scram::new(ScramHash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            scram.reply(first).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(scram.verify(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_err());
        assert_eq!(scram.verify(b"e=invalid-proof").unwrap_err(), "invalid-proof");
    }

    #[test]
    fn servers_that_cheat_are_refused() {
        let mut scram = Scram::new(ScramHash::Sha512, "a,b=c", "p", "mine");
        assert_eq!(scram.first(), "n,,n=a=2Cb=3Dc,r=mine");
        for (message, reason) in [
            ("r=other,s=AA==,i=4096", "nonce"),
            ("r=mine,s=AA==,i=4096", "nonce"),
            ("r=minex,s=AA==,i=1", "iterations"),
            ("r=minex,s=AA==,i=99999999", "iterations"),
            ("r=minex,s=!,i=4096", "salt"),
            ("r=minex,i=4096", "lacks s"),
        ] {
            let error = scram.reply(message.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{message}: {error}");
        }
        assert!(scram.verify(b"v=").is_err(), "there was no proof yet");
    }
}
