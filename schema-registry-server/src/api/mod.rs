//! Confluent's REST API without HTTP's sockets, clocks or locks.
//!
//! ```text
//! Request ─> route ─> negotiation ─> parse ─> Command ─┬─> Read  ─> read::answer(store)  ─> Reply
//!                                                      └─> Write ─> write::decide(store) ─> records, and the Reply for later
//! ```
//! What goes wrong on the way is a [`Problem`]: Confluent's `error_code` and `message`.

mod body;
mod command;
mod context;
mod negotiation;
mod paging;
mod parse;
mod problem;
mod query;
mod read;
mod reply;
mod route;
mod write;

pub use command::{Command, Read, Write};
pub use paging::{Limit, Limits};
pub use parse::{Parsed, parse};
pub use problem::Problem;
pub use read::{About, answer};
pub use reply::Reply;
pub use route::{Endpoint, Right, Route};
pub use write::decide;

pub(crate) use negotiation::MediaType;
pub(crate) use parse::{endpoint_name, find_route};
pub(crate) use write::registered;

use axum::http::Method;

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: &'a str,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Accept`.
    pub accept: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

#[cfg(test)]
mod tests {
    use medallion_schema_registry::Store;
    use medallion_schema_registry::store::Settings;

    use super::*;

    const SCHEMA: &str =
        r#"{"schema":"{\"type\":\"record\",\"name\":\"T\",\"fields\":[]}","references":[],"id":1}"#;

    /// Some bytes of a text are changed, left out or doubled.
    fn damaged(random: &mut fastrand::Rng, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..random.usize(..3) {
            let at = random.usize(..bytes.len().max(1));
            match random.u8(..3) {
                _ if bytes.is_empty() => bytes.push(random.u8(..)),
                0 => bytes[at] = random.u8(..),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, bytes[at]),
            }
        }
        bytes
    }

    /// Whatever comes is a command or a problem with a code, and a command has an answer or such a problem.
    #[test]
    fn nothing_that_comes_ends_the_server() {
        let paths = [
            "/subjects/a/versions",
            "/contexts/.c/subjects/a/versions/latest",
            "/config/a",
            "/mode",
            "/schemas/ids/1",
            "/compatibility/subjects/a/versions/1",
            "/subjects/%3A.c%3Aa",
            "/contexts/c/mode",
            "/schemas/guids/x/ids",
            "/",
        ];
        let queries = [
            "",
            "deleted=true&offset=1&limit=-1",
            "subject=:.c:&format=resolved",
            "normalize=true&verbose=true",
        ];
        let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
        let mut random = fastrand::Rng::with_seed(7);
        let mut store = Store::new(Settings::default());
        let (limits, mut offset, mut succeeded) = (Limits::default(), 0, 0);
        let about = About { cluster_id: "", group_id: "", version: "", has_leader: true, limits: &limits };
        for _ in 0..20_000 {
            let bodies = [SCHEMA, r#"{"mode":"IMPORT"}"#, r#"{"compatibility":"FULL"}"#];
            let [path, query, body] = [
                paths[random.usize(..paths.len())],
                queries[random.usize(..queries.len())],
                bodies[random.usize(..bodies.len())],
            ];
            let [path, query, body] = [path, query, body].map(|text| damaged(&mut random, text));
            let request = Request {
                method: &methods[random.usize(..methods.len())],
                path: &String::from_utf8_lossy(&path),
                query: &String::from_utf8_lossy(&query),
                content_type: None,
                accept: None,
                body: &body,
            };
            let outcome = parse(&request).and_then(|parsed| match parsed.command {
                Command::Read(read) => answer(&store, &about, &read),
                Command::Write(write) => decide(&store, &write).map(|decision| {
                    for record in decision.records {
                        store.apply(offset, Some(&record.key), record.value.as_deref());
                        offset += 1;
                    }
                    decision.reply
                }),
            });
            match outcome {
                Ok(_) => succeeded += 1,
                Err(problem) => {
                    assert!(problem.status().as_u16() >= 400 && !problem.message.is_empty(), "{problem}");
                }
            }
        }
        assert!(succeeded > 800, "{succeeded}: requests are too much damaged to test anything");
        store.check_invariants();
        assert_eq!(store.skipped().0, 0, "the registry reads what it writes");
    }
}
