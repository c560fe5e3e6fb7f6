//! The settings: one declaration each, and everything that is made of them.
//!
//! [`Settings`] gathers text from a properties file, the environment and the command line; [`BrokerConfig::new`] checks
//! it against the [`declarations`] and gives types. [`TopicDefaults`] gives the settings that hold for a topic.
//!
//! - [`declaration`]: what one setting is; [`declarations`]: the tables of all;
//! - [`settings`]: sources and their order;
//! - [`value`]: values from text, checked;
//! - [`broker`], [`listener`], [`topic`], [`client_match`]: typed settings;
//! - [`dynamic`]: changes while the broker runs; [`validate`]: which ones are allowed; [`describe`]: what
//!   `DescribeConfigs` answers;
//! - [`schema`]: the settings as the controller sees them;
//! - [`mod@reference`]: the page of all settings;
//! - [`error`], [`notice`]: what is wrong, and what is good to know.

pub mod broker;
mod checks;
pub mod client_match;
pub mod declaration;
pub mod declarations;
pub mod describe;
pub mod dynamic;
pub mod error;
pub mod listener;
pub mod notice;
pub mod reference;
mod resolved;
pub(crate) mod schema;
pub mod settings;
pub mod topic;
pub mod validate;
pub mod value;

pub use broker::{BrokerConfig, QuorumVoter};
pub use client_match::{ClientAttribute, ClientMatch};
pub use declaration::Declaration;
pub use describe::{ConfigEntry, ConfigSource, ConfigSynonym};
pub use dynamic::{DynamicConfig, Overrides};
pub use error::{ConfigError, ConfigErrors};
pub use listener::{Listener, SecurityProtocol};
pub use notice::Notice;
pub use settings::{Origin, Setting, Settings};
pub use topic::{TopicConfig, TopicDefaults};
pub use validate::ValidationError;
