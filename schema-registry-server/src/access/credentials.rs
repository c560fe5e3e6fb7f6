//! Users with passwords, or owners of tokens.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::User;

/// The beginning of a secret that is kept as its digest.
const DIGEST: &str = "SHA-256:";

/// What proves who somebody is. Secrets are kept as digests, and only digests are compared.
#[derive(Default)]
pub(super) struct Credentials {
    by_name: BTreeMap<String, ([u8; 32], Vec<String>)>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Credentials {
    /// Reads lines of `name: secret,role,...`.
    pub(super) fn parse(lines: &mut dyn Iterator<Item = (usize, &str)>) -> Result<Self, (usize, String)> {
        let mut by_name = BTreeMap::new();
        for (number, line) in lines {
            let failed = |reason: &str| (number, reason.to_owned());
            let (name, rest) =
                line.split_once(':').ok_or_else(|| failed("expected name: secret,role,..."))?;
            let mut parts = rest.split(',').map(str::trim);
            let secret = parts.next().filter(|secret| !secret.is_empty());
            let secret = secret.ok_or_else(|| failed("there is no secret behind the name"))?;
            let digest = match secret.strip_prefix(DIGEST) {
                None => Sha256::digest(secret).into(),
                Some(digits) => digest(digits)
                    .ok_or_else(|| failed("SHA-256: is not followed by 64 hexadecimal digits"))?,
            };
            let roles = parts.filter(|role| !role.is_empty()).map(str::to_owned).collect();
            if by_name.insert(name.trim().to_owned(), (digest, roles)).is_some() {
                return Err(failed("the name comes twice"));
            }
        }
        Ok(Self { by_name })
    }

    /// The user of this name, where the secret is theirs.
    pub(super) fn check(&self, name: &str, secret: &str) -> Option<User> {
        let given: [u8; 32] = Sha256::digest(secret).into();
        let (digest, roles) = self.by_name.get(name)?;
        (*digest == given).then(|| User { name: name.to_owned(), roles: roles.clone() })
    }

    /// Whose secret it is.
    pub(super) fn owner_of(&self, secret: &str) -> Option<User> {
        let given: [u8; 32] = Sha256::digest(secret).into();
        let found = self.by_name.iter().find(|(_, (digest, _))| *digest == given);
        found.map(|(name, (_, roles))| User { name: name.clone(), roles: roles.clone() })
    }
}

fn digest(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credentials, (usize, String)> {
        Credentials::parse(&mut (1..).zip(text.lines()))
    }

    #[test]
    fn secrets_are_compared_by_their_digests() {
        let digest = "SHA-256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        let credentials = read(&format!("ann: secret,admin,ops\nbob: {digest}")).unwrap();
        assert_eq!(credentials.check("ann", "secret").unwrap().roles, ["admin", "ops"]);
        assert_eq!(credentials.check("bob", "password").unwrap().name, "bob");
        assert!(credentials.check("bob", "secret").is_none() && credentials.check("eve", "secret").is_none());
        assert_eq!(credentials.owner_of("secret").unwrap().name, "ann");
        assert!(!format!("{credentials:?}").contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_secret() {
        for (text, line) in [("ann secret", 1), ("ann: a\nann: b", 2), ("ann:", 1), ("ann: SHA-256:zz", 1)] {
            let (number, reason) = read(text).unwrap_err();
            assert_eq!(number, line, "{text}: {reason}");
            assert!(!reason.contains("zz"));
        }
    }
}
