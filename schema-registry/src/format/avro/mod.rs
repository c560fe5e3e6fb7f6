//! Avro schemas.
//!
//! ```text
//! text ─ parse ─> AvroSchema (an arena of nodes) ─┬─ write: canonical string, resolved string
//!                                                 ├─ normalize: keys, aliases and defaults in one order
//!                                                 ├─ compatibility: can this read what that wrote
//!                                                 └─ equality: the same but for the text
//! ```
//!
//! The model is that of Java's `Schema` (1.12): the registry's canonical string, and with it a schema's id, depends on the
//! order of properties, on properties of primitive types, on defaults as they were written, all of which other models drop.

mod compatibility;
mod defaults;
mod equality;
mod logical_type;
mod model;
mod name;
mod normalize;
mod parse;
mod place;
mod remedy;
mod resolve;
mod write;

pub use compatibility::{Incompatibility, IncompatibilityKind};
pub use model::{AvroError, AvroSchema};
pub use parse::Validation;
