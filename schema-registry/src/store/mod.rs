//! The registry's state, made of the records of the `_schemas` topic.
//!
//! ```text
//! decide: register, delete_*, update_*   ── what is asked, the state ─> records to append and the reply, or a refusal
//! Store::apply                           ── a record ─> the state; also on start, for all records from the beginning
//! queries                                ── the state as it is
//! ```
//!
//! Only [`Store::apply`] changes the state. Whoever drives it appends the records of a decision, applies them (as its own
//! reader sees them, or at once) and then sends the reply. A decision holds for the state it was made on, so decisions on one
//! store are taken one after another.

mod alias;
mod apply;
mod candidate;
mod config;
mod content_json;
mod delete;
mod key;
mod lookup;
mod mode;
mod parsed;
mod populate;
mod query;
mod refusal;
mod register;
mod resolve;
mod settings;
mod state;
mod subject;
mod update;
mod value;

pub use config::{Config, ConfigError, ConfigUpdate};
pub use key::Key;
pub use mode::Mode;
pub use parsed::{NothingKept, ParsedSchemas, Source};
pub use query::{Deleted, VersionNumber};
pub use refusal::Refusal;
pub use register::RegisterRequest;
pub use settings::Settings;
pub use state::{Applied, Decision, Record, Skipped, Store, Version};
pub use subject::Subject;
