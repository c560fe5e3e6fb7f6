//! The levels of the process's logs, changed while it runs (`BROKER_LOGGER` resources, `medallion config`).

use std::fmt::Debug;

/// The logger that all others follow. Kafka calls it `root`.
pub const ROOT: &str = "root";

/// What can be asked of the process's logging. Names are targets (`medallion_broker::server`) or [`ROOT`].
pub trait Loggers: Send + Sync + Debug {
    /// Every logger with its level: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `OFF`.
    fn levels(&self) -> Vec<(String, String)>;

    /// Checks changes: a level sets a logger, none lets it follow its parent again.
    ///
    /// # Errors
    /// What is wrong, with the logger's name.
    fn check(&self, changes: &[(&str, Option<&str>)]) -> Result<(), String>;

    /// Makes changes that [`Loggers::check`] found good.
    ///
    /// # Errors
    /// Why they could not be made.
    fn change(&self, changes: &[(&str, Option<&str>)]) -> Result<(), String>;
}
