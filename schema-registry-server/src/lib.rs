//! The schema registry's server: everything around `medallion-schema-registry`, whose logic knows no I/O.
//!
//! ```text
//!                         ┌ access     who asks, and what they may
//!  HTTP ── http::App ─────┼ api        request ─> command ─> answer from the state, or a decision on it
//!                         ├ topic      State <── Reader ── _schemas <── Writer <── one decision after another
//!                         └ election   who writes; writes of other instances are forwarded
//! ```
//!
//! - [`server`]: starts and stops all of it;
//! - [`settings`]: Confluent's names, each declared once (by `medallion-settings`); `docs/registry-configuration.md` lists them;
//! - [`api`]: Confluent's REST API without sockets, clocks and locks; `docs/registry-api.md` lists it;
//! - `http`: sockets, TLS, bodies, status codes;
//! - `topic`: the `_schemas` topic: prepared, read, written;
//! - `election`: the group of instances, and forwarding;
//! - `access`: users, tokens, rights;
//! - `metrics`: what `/metrics` shows.

mod access;
pub mod api;
mod election;
mod http;
mod metrics;
pub mod server;
pub mod settings;
mod topic;

pub use server::{Registry, StartError};
pub use settings::{ConfigError, RegistrySettings};
