//! OAUTHBEARER (RFC 7628, KIP-255) as a client.

use std::future::Future;
use std::pin::Pin;

use crate::config::Secret;

/// A bearer token.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself: letters, digits and `-._~+/=`.
    pub value: Secret,
    /// More that the broker wants to know (KIP-342), by name.
    pub extensions: Vec<(String, String)>,
}

impl Token {
    /// A token without extensions.
    pub fn new(value: impl Into<Secret>) -> Self {
        Self { value: value.into(), extensions: Vec::new() }
    }
}

/// The future of [`TokenProvider::token`].
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token, String>> + Send + 'a>>;

/// Gives a token whenever a connection is opened or its session renewed.
///
/// ```
/// use medallion_client::{Token, TokenFuture, TokenProvider};
///
/// struct FromFile(std::path::PathBuf);
///
/// impl TokenProvider for FromFile {
///     fn token(&self) -> TokenFuture<'_> {
///         Box::pin(async {
///             let text = std::fs::read_to_string(&self.0).map_err(|error| error.to_string())?;
///             Ok(Token::new(text.trim()))
///         })
///     }
/// }
/// ```
pub trait TokenProvider: Send + Sync {
    /// A token that is valid now, or why there is none.
    fn token(&self) -> TokenFuture<'_>;
}

/// `sasl.oauthbearer.token`.
pub(super) struct FixedToken(pub(super) Secret);

impl TokenProvider for FixedToken {
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(async { Ok(Token { value: self.0.clone(), extensions: Vec::new() }) })
    }
}

/// The only message of a client whose token is good.
pub(super) fn client_message(token: &Token) -> Result<Vec<u8>, String> {
    let value = token.value.reveal();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if value.is_empty() || !value.chars().all(is_token) {
        return Err("the token is empty or has characters that no token has".to_owned());
    }
    let mut message = format!("n,,\x01auth=Bearer {value}");
    for (name, value) in &token.extensions {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic()) && name != "auth";
        let is_value = value.chars().all(|c| matches!(c, ' '..='~' | '\t' | '\r' | '\n'));
        if !is_name || !is_value {
            return Err(format!("{name:?} is no extension"));
        }
        message.extend(["\x01", name, "=", value]);
    }
    message.push_str("\x01\x01");
    Ok(message.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_form_of_the_rfc() {
        let mut token = Token::new("abc.def-_~+/=");
        assert_eq!(client_message(&token).unwrap(), b"n,,\x01auth=Bearer abc.def-_~+/=\x01\x01");
        token.extensions.push(("traceId".to_owned(), "12 3".to_owned()));
        assert_eq!(
            client_message(&token).unwrap(),
            b"n,,\x01auth=Bearer abc.def-_~+/=\x01traceId=12 3\x01\x01"
        );
        token.extensions.push(("auth".to_owned(), "x".to_owned()));
        assert!(client_message(&token).is_err());
        assert!(client_message(&Token::new("a\x01b")).is_err());
        assert!(client_message(&Token::new("")).is_err());
    }
}
