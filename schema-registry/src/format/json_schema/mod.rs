//! JSON Schema: drafts 4, 6, 7, 2019-09 and 2020-12.
//!
//! ```text
//! text + references ─ load ─> JsonSchema (nodes, $ref resolved) ── diff: what changed, and which of it breaks readers
//! ```
//!
//! The canonical string is the text without spaces. For comparison a schema becomes nodes of one kind each, as in the library
//! that Confluent's registry stands on: `{"type": "string", "enum": [...]}` is an `allOf` of a string and an enum.

mod dialect;
mod diff;
mod difference;
mod keywords;
mod load;
mod model;
mod reference;
mod remedy;

pub(crate) use diff::Allowance;
pub use difference::{JsonDifference, JsonDifferenceKind};
pub use model::{JsonSchema, JsonSchemaError};
