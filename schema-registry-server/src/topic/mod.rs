//! The `_schemas` topic: made and looked at, read into the state, written by one decision after another.
//!
//! ```text
//!  Writer::write ─> queue ─> writer::Task: api::decide(state) ─> producer ─> acknowledged ─> state ─> reply
//!  _schemas ─> reader::run ─> State::apply
//! ```

mod freshness;
mod parsed;
mod prepare;
mod reader;
mod state;
mod writer;

pub(crate) use parsed::ParsedCache;
pub(crate) use prepare::{PrepareError, prepare};
pub(crate) use reader::{Reader, end_offset};
pub(crate) use state::State;
pub(crate) use writer::{Leadership, Writer};
