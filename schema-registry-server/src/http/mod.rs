//! HTTP around the API: bodies, headers, status codes; who may ask; and where writes go.

mod answering;
mod app;
mod connections;
pub(crate) mod cors;
mod gzip;
mod large_bodies;
mod listener;
mod operational;
mod patient;
mod respond;
mod tls;

pub(crate) use answering::Answering;
pub(crate) use app::{App, Changes, FORWARDED, Fixed};
pub(crate) use connections::Connections;
pub(crate) use large_bodies::LargeBodies;
pub(crate) use listener::{Bound, Serving};
pub(crate) use respond::Denied;
pub(crate) use tls::{client_config, jwks_client_config, server_config};
