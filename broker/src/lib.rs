//! The broker.

pub mod config;
#[allow(dead_code, unused_imports, reason = "its callers are being built")]
mod controller;
mod storage;
