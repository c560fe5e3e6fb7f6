//! Confluent's REST API without HTTP's sockets, clocks or locks.
//!
//! ```text
//! Request ─> negotiation ─> route ─> command::parse ─┬─> Read  ─> read::answer(store)  ─> Reply
//!                                                    └─> Write ─> write::decide(store) ─> records, and the Reply for later
//! ```
//! What goes wrong on the way is a [`Problem`]: Confluent's `error_code` and `message`.

mod body;
mod command;
mod context;
mod negotiation;
mod paging;
mod problem;
mod query;
mod read;
mod reply;
mod route;
mod write;

pub use command::{Command, Parsed, Read, Write, parse};
pub use paging::{Limit, Limits};
pub use problem::Problem;
pub use read::{About, answer};
pub use reply::Reply;
pub use route::{Endpoint, Right, Route};
pub use write::decide;

pub(crate) use command::endpoint_name;
pub(crate) use negotiation::MediaType;
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
