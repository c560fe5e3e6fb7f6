//! The settings: one declaration each, and everything that is made of them.
//!
//! [`Settings`] gathers text from a properties file, the environment and the command line; [`BrokerConfig::new`] checks
//! it against the [`declarations`] and gives types. [`TopicDefaults`] gives the settings that hold for a topic.
//!
//! - [`declaration`]: what one setting is; [`declarations`]: the tables of all;
//! - [`properties`]: Java's properties files; [`settings`]: sources and their order;
//! - [`value`]: values from text, checked;
//! - [`broker`], [`listener`], [`topic`]: typed settings;
//! - [`error`], [`notice`]: what is wrong, and what is good to know.

pub mod broker;
mod checks;
pub mod declaration;
pub mod declarations;
pub mod error;
pub mod listener;
pub mod notice;
pub mod properties;
mod resolved;
pub mod settings;
pub mod topic;
pub mod value;

pub use broker::{BrokerConfig, QuorumVoter};
pub use declaration::Declaration;
pub use error::{ConfigError, ConfigErrors};
pub use listener::{Listener, SecurityProtocol};
pub use notice::Notice;
pub use settings::{Origin, Setting, Settings};
pub use topic::{TopicConfig, TopicDefaults};
