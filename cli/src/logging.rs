//! Where the server's log lines go, and which of them are written.
//!
//! Lines go to standard error, as text or JSON. A logger is the path of a module (`medallion_broker::server`) and
//! holds for what lies below it; `root` holds where nothing else does. Levels can be changed while the process runs.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow};
use medallion_broker::loggers::{Loggers, ROOT};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Loggers that are listed though nobody has set them.
const KNOWN: [&str; 9] = [
    "medallion",
    "medallion_broker",
    "medallion_broker::config",
    "medallion_broker::controller",
    "medallion_broker::handler",
    "medallion_broker::replica",
    "medallion_broker::server",
    "medallion_log",
    "medallion_os",
];

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people, in colors on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads what `medallion.log.format` may say.
    pub(crate) fn from_name(name: &str) -> Self {
        if name == "json" { Self::Json } else { Self::Text }
    }
}

/// Begins to write log lines. `directives` is what `medallion.log.level` says: `info,medallion_log=debug`.
pub(crate) fn start(directives: &str, format: LogFormat) -> anyhow::Result<Arc<dyn Loggers>> {
    let levels = Levels::parse(directives)
        .with_context(|| format!("medallion.log.level has the value {directives:?}"))?;
    let (filter, handle) = reload::Layer::new(levels.filter());
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().context("cannot begin to log")?;
    Ok(Arc::new(ReloadableLoggers { levels: Mutex::new(levels), handle }))
}

/// The levels of the process, which the subscriber takes over after each change.
#[derive(Debug)]
struct ReloadableLoggers {
    levels: Mutex<Levels>,
    handle: Handle<Targets, Registry>,
}

impl Loggers for ReloadableLoggers {
    fn levels(&self) -> Vec<(String, String)> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).list()
    }

    fn check(&self, changes: &[(&str, Option<&str>)]) -> Result<(), String> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).changed(changes).map(|_| ())
    }

    fn change(&self, changes: &[(&str, Option<&str>)]) -> Result<(), String> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = levels.changed(changes)?;
        self.handle.reload(changed.filter()).map_err(|error| error.to_string())?;
        *levels = changed;
        Ok(())
    }
}

/// A level for the root and those of the loggers that have their own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Levels {
    root: LevelFilter,
    /// What the root goes back to.
    root_at_start: LevelFilter,
    own: BTreeMap<String, LevelFilter>,
}

impl Levels {
    fn parse(directives: &str) -> anyhow::Result<Self> {
        let mut levels =
            Self { root: LevelFilter::INFO, root_at_start: LevelFilter::INFO, own: BTreeMap::new() };
        for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (logger, level) = directive.split_once('=').unwrap_or((ROOT, directive));
            let level = parse_level(level.trim()).ok_or_else(|| anyhow!("{level:?} is no level"))?;
            levels.set(logger.trim(), level);
        }
        levels.root_at_start = levels.root;
        Ok(levels)
    }

    fn set(&mut self, logger: &str, level: LevelFilter) {
        if logger == ROOT {
            self.root = level;
        } else {
            self.own.insert(logger.to_owned(), level);
        }
    }

    fn filter(&self) -> Targets {
        Targets::new().with_default(self.root).with_targets(self.own.clone())
    }

    fn list(&self) -> Vec<(String, String)> {
        let mut listed = BTreeMap::from([(ROOT, self.root)]);
        listed.extend(KNOWN.iter().map(|logger| (*logger, self.effective(logger))));
        listed.extend(self.own.iter().map(|(logger, level)| (logger.as_str(), *level)));
        listed
            .into_iter()
            .map(|(logger, level)| (logger.to_owned(), level.to_string().to_uppercase()))
            .collect()
    }

    /// The level of the nearest logger above that has its own.
    fn effective(&self, logger: &str) -> LevelFilter {
        let mut path = logger;
        loop {
            if let Some(level) = self.own.get(path) {
                return *level;
            }
            match path.rsplit_once("::") {
                Some((parent, _)) => path = parent,
                None => return self.root,
            }
        }
    }

    fn changed(&self, changes: &[(&str, Option<&str>)]) -> Result<Self, String> {
        let mut changed = self.clone();
        for (logger, level) in changes {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            if logger.is_empty() || !logger.chars().all(is_name) {
                return Err(format!("Logger {logger} does not exist!"));
            }
            match level {
                Some(level) => {
                    let parsed = parse_level(level).ok_or_else(|| {
                        format!(
                            "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid log levels are {LEVELS}"
                        )
                    })?;
                    changed.set(logger, parsed);
                }
                None if *logger == ROOT => changed.root = changed.root_at_start,
                None => {
                    changed.own.remove(*logger);
                }
            }
        }
        Ok(changed)
    }
}

/// What a logger can be set to, as messages list it.
const LEVELS: &str = "DEBUG, ERROR, FATAL, INFO, TRACE, WARN";

/// Kafka's levels; there is none above `ERROR` here.
fn parse_level(text: &str) -> Option<LevelFilter> {
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    let is_word = !text.is_empty() && text.chars().all(|character| character.is_ascii_alphabetic());
    is_word.then(|| LevelFilter::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_set_the_root_and_others() {
        let levels = Levels::parse("warn, medallion_log=debug").unwrap();
        assert_eq!(levels.root, LevelFilter::WARN);
        assert_eq!(levels.effective("medallion_log::segment"), LevelFilter::DEBUG);
        assert_eq!(levels.effective("medallion_broker"), LevelFilter::WARN);
        for wrong in ["loud", "a=loud", "a=", "3"] {
            assert!(Levels::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn levels_change_and_go_back() {
        let levels = Levels::parse("info").unwrap();
        let changes = [("medallion_broker::server", Some("TRACE")), (ROOT, Some("FATAL"))];
        let changed = levels.changed(&changes).unwrap();
        let listed: BTreeMap<_, _> = changed.list().into_iter().collect();
        assert_eq!(listed.get("medallion_broker::server").map(String::as_str), Some("TRACE"));
        assert_eq!(listed.get("medallion_broker").map(String::as_str), Some("ERROR"));
        assert!(changed.filter().would_enable("medallion_broker::server::listener", &tracing::Level::TRACE));
        assert!(!changed.filter().would_enable("medallion_log", &tracing::Level::INFO));
        let back = changed.changed(&[("medallion_broker::server", None), (ROOT, None)]).unwrap();
        assert_eq!(back, levels);
    }

    #[test]
    fn a_wrong_change_names_its_logger() {
        let levels = Levels::parse("info").unwrap();
        assert!(levels.changed(&[("medallion_log", Some("LOUD"))]).unwrap_err().contains("medallion_log"));
        assert!(levels.changed(&[("a b", Some("INFO"))]).is_err());
    }
}
