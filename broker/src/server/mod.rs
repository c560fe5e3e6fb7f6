//! The network side: sockets, frames, limits, and the HTTP port for operators.
//!
//! - [`listener`]: binds, counts connections; [`acceptor`]: takes them;
//! - [`connection`]: frames in, replies out in order;
//! - [`dispatch`]: from a frame to a running handler;
//! - [`reply`] and [`transmit`]: responses, whose records stay in files until they are sent;
//! - [`memory`]: the bytes that requests may take in the whole process;
//! - [`admin_http`]: metrics, health, and what operators ask as JSON.

pub(crate) mod acceptor;
pub(crate) mod admin_http;
pub(crate) mod connection;
pub(crate) mod dispatch;
pub(crate) mod listener;
pub(crate) mod memory;
pub(crate) mod reply;
pub(crate) mod transmit;
