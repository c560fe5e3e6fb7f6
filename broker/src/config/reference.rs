//! The reference page of all settings (`docs/configuration.md`), made from their declarations.

use super::declaration::{Declaration, DefaultValue, Effect, Validator};
use super::declarations;
use std::fmt::Write as _;

const INTRODUCTION: &str = "\
# Configuration

This page is made from the declarations in `broker/src/config/declarations` (`UPDATE_DOCS=1 cargo test -p \
medallion-broker reference`); a test fails where it is stale.

## Where settings come from

Later ones win:

1. what Medallion assumes: one node with both roles, `listeners` on loopback, data in `./medallion-data`;
2. a properties file, in Java's syntax: `medallion broker server.properties`;
3. environment variables: `KAFKA_LOG_DIRS` is `log.dirs`; `__` stands for an underscore and `___` for a dash, as in \
Kafka's container images. `MEDALLION_NUM_PARTITIONS` works as well, and `MEDALLION_LOG_LEVEL` is `medallion.log.level`;
4. `--set name=value` on the command line;
5. changes while the broker runs, for all brokers (`kafka-configs --entity-default`) and then for one.

A name that nobody knows is ignored with a warning and a guess at what was meant. Each of Kafka's settings is in one of \
three classes:

- **works**: it is obeyed;
- **no effect**: it is known, checked and described, and changes nothing here, for the reason given; the log says so \
once at the start where it was set to something else than its default;
- **refused**: a value other than the default ends the start, because to ignore it would harm.

*Dynamic* tells whether a setting can be changed while the broker runs: for one broker (`per-broker`) or also for all \
(`cluster-wide`).
";

/// The page as Markdown.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, rows) in declarations::chapters() {
        let _ = write!(
            page,
            "\n## {title}\n\n| Setting | Type | Default | Allowed | Dynamic | |\n|---|---|---|---|---|---|\n"
        );
        for row in sorted(rows.iter()) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} | {} |",
                row.name,
                row.value_type,
                default(row),
                allowed(row),
                row.update_mode,
                text(row)
            );
        }
    }
    let own = [
        ("Topics", "A topic's own settings; without them, those of the broker hold.", declarations::topic()),
        ("Groups", "A group's own settings.", declarations::group()),
        ("Client metrics", "Settings of a client metrics subscription.", declarations::client_metrics()),
    ];
    for (title, about, table) in own {
        let _ = write!(
            page,
            "\n## {title}\n\n{about}\n\n| Setting | Type | Default | Allowed | From the broker's | |\n|---|---|---|---|---|---|\n"
        );
        for row in sorted(table.values().copied()) {
            let synonyms: Vec<String> = row.broker_synonyms.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} | {} |",
                row.name,
                row.value_type,
                default(row),
                allowed(row),
                synonyms.join(", "),
                text(row)
            );
        }
    }
    page
}

fn sorted<'a>(rows: impl Iterator<Item = &'a Declaration>) -> Vec<&'a Declaration> {
    let mut rows: Vec<&Declaration> = rows.collect();
    rows.sort_by_key(|row| row.name);
    rows
}

fn default(row: &Declaration) -> String {
    match row.default {
        DefaultValue::Required => "required".into(),
        DefaultValue::Null | DefaultValue::Value("") => String::new(),
        DefaultValue::Value(text) => format!("`{text}`"),
    }
}

fn allowed(row: &Declaration) -> String {
    match row.validator {
        Validator::AtLeast(minimum) => format!("≥ {minimum}"),
        Validator::Between(minimum, maximum) => format!("{minimum} to {maximum}"),
        Validator::DoubleBetween(minimum, maximum) => format!("{minimum} to {maximum}"),
        Validator::GzipLevel => "1 to 9, or -1".into(),
        Validator::OneOf(values) | Validator::OneOfIgnoringCase(values) => values.join(", "),
        Validator::Any | Validator::List { of: [], empty: true } => String::new(),
        Validator::List { of: [], empty: false } | Validator::NonEmpty => "not empty".into(),
        Validator::List { of, .. } => format!("any of {}", of.join(", ")),
        Validator::QuorumVoters => "id@host:port, ...".into(),
        Validator::BootstrapServers => "host:port, ...".into(),
        Validator::ThrottledReplicas => "partition:broker, ..., or *".into(),
        Validator::ShareAutoOffsetReset => "latest, earliest, by_duration:...".into(),
    }
}

fn text(row: &Declaration) -> String {
    let effect = match row.effect {
        Effect::Works => String::new(),
        Effect::Without(reason) => format!(" **No effect:** {reason}."),
        Effect::Refused(reason) => format!(" **Refused:** {reason}."),
    };
    format!("{}{effect}", row.doc).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        medallion_settings::reference::check_page(path, &page());
    }
}
