//! HTTP around the API: bodies, headers, status codes; who may ask; and where writes go.

mod app;
mod listener;
mod operational;
mod respond;
mod tls;

pub(crate) use app::{App, FORWARDED, Fixed};
pub(crate) use listener::Bound;
pub(crate) use respond::Denied;
pub(crate) use tls::{client_config, server_config};
