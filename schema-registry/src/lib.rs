//! The logic of the schema registry: schemas and their compatibility, and the state that the records of the `_schemas`
//! topic make. No I/O, no clock, no randomness, no locks: the server, a test and a simulator drive the same code.
//!
//! ```text
//!  request ─> store::Store::register, ... ─┬─> records to append, and the reply once the store has applied them
//!                                          └─> a refusal: Confluent's error code and text
//!  _schemas ─> store::Store::apply ──> subjects, versions, ids, settings
//!                    │
//!                    └ format: text + references ─> ParsedSchema: canonical string, normalized form, differences
//! ```
//!
//! - [`store`]: the state, and what requests make of it;
//! - [`mod@format`]: what a schema is in Avro, JSON Schema and Protobuf behind one type, [`format::ParsedSchema`];
//! - [`compatibility`]: the seven levels, and what is said where a schema breaks one;
//! - [`explain`]: the same for the people who write schemas: which field, which rule, what would help;
//! - [`content`]: what a registered schema consists of beside its text, and the GUID of all of it;
//! - [`json`]: JSON that keeps order and numbers, and is written as Jackson writes it.

pub mod compatibility;
pub mod content;
pub mod explain;
pub mod format;
pub mod json;
pub mod store;

pub use compatibility::{CompatibilityLevel, CompatibilityPolicy};
pub use content::{Guid, Metadata, Rule, RuleSet, SchemaReference};
pub use format::{ParsedSchema, SchemaType};
pub use store::{Refusal, Store, Subject};
