//! One question over HTTP.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The status and the body that `address` (`host:port`) answers to a GET of `path`.
///
/// # Panics
/// When nobody answers, or not by HTTP.
pub fn get(address: &str, path: &str) -> (u16, String) {
    try_request("GET", address, path, "").expect("somebody answers")
}

/// The status and the body that `address` (`host:port`) answers to a request with a body of JSON.
///
/// # Errors
/// When nobody answers, or not by HTTP with a body in one piece.
pub fn try_request(method: &str, address: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other(format!("no whole answer: {answer}")))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let in_pieces = head.to_ascii_lowercase().contains("transfer-encoding");
    (!in_pieces).then(|| (status, body.to_owned()))
}
