//! Settings, each declared once: what Kafka has in `ConfigDef`, as typed fields of a struct.
//!
//! ```
//! use std::time::Duration;
//!
//! use medallion_settings::{ConfigError, Foreign, Properties, Secret, settings};
//!
//! settings! {
//!     /// What a pipe is set up with.
//!     pub struct PipeSettings with builders {
//!         /// How long a batch waits for more.
//!         linger: Duration ["linger.ms", low] = Duration::from_millis(5), range 0..=i32::MAX;
//!         /// Who may read.
//!         readers: Vec<String> ["readers"] = Vec::new();
//!         /// What they say.
//!         password: Option<Secret> ["password"] = None;
//!     }
//! }
//!
//! fn read(text: &str) -> Result<PipeSettings, ConfigError> {
//!     let mut properties = Properties::new();
//!     properties.add_file("pipe.properties", text)?;
//!     let mut settings = PipeSettings::default();
//!     properties.read_into(&mut [&mut settings], &Foreign::NONE)?;
//!     Ok(settings)
//! }
//!
//! let built = PipeSettings::default().linger(Duration::from_millis(20)).readers(["ann".to_owned()]);
//! assert_eq!(read("linger.ms=20\nreaders=ann\n")?, built);
//! let text = |file| read(file).unwrap_err().to_string();
//! assert_eq!(text("\nlinger.ms=soon"), "linger.ms=soon: expected milliseconds (pipe.properties:2)");
//! assert_eq!(text("linger.mss=5"), "there is no setting linger.mss; did you mean linger.ms? (pipe.properties:1)");
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! # How it is made
//! ```text
//!  a file (java_properties), the environment, options, pairs of the program
//!      │ Properties: names and texts, each with its Origin
//!      ▼
//!  assign ── what a struct of settings! declares: Value::parse, then the range
//!      │ the others
//!      ▼
//!  Foreign ── what is known from elsewhere: without effect, or refused with the reason
//!      │ the others
//!      ▼
//!  the caller's own (names behind a prefix), else refused with the nearest name
//! ```
//!
//! - [`settings!`]: the struct, its defaults, its builder functions and its [`Declaration`]s;
//! - [`Value`], [`choices!`], [`Secret`]: the types of values;
//! - [`Properties`], [`Property`], [`Origin`]: what was given, and where;
//! - [`java_properties`]: the syntax of Java's files, read and written;
//! - [`environment`]: names of variables;
//! - [`Foreign`]: settings of other programs;
//! - [`ConfigError`]: why a setting is refused;
//! - [`nearest()`]: the name that was meant;
//! - [`mod@reference`]: the tables of the documentation;
//! - [`certificates`]: what settings say of certificates; [`tls`] reads them.
//!
//! What goes together is each struct's own to check, once all is read; [`Properties::placed`] adds where the setting
//! stands. Files, variables and texts come in as parameters, but for PEM files, which are read here.
//!
//! # Features
//! `tls`: keys and certificates for rustls with ring. `uuid`: settings that are GUIDs. Both are off unless asked for.

pub mod certificates;
mod choices;
mod declaration;
pub mod environment;
mod error;
mod foreign;
pub mod java_properties;
mod nearest;
mod origin;
mod properties;
mod reading;
pub mod reference;
mod secret;
#[cfg(feature = "tls")]
pub mod tls;
mod value;

pub use declaration::{Declaration, Importance};
pub use error::ConfigError;
pub use foreign::Foreign;
pub use nearest::nearest;
pub use origin::Origin;
pub use properties::{Properties, Property};
pub use reading::{Settings, check_unknown};
pub use secret::Secret;
pub use value::Value;

/// What the macros' code calls.
#[doc(hidden)]
pub mod of_macros {
    pub use crate::choices::is_class;
    pub use crate::reading::{assign, check_range};
}
