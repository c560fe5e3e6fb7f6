//! What can be typed.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects};
use clap::{Args, Parser, Subcommand, ValueHint};

use crate::client::{ClientError, Connect};
use crate::command;
use crate::command::config::{Assignment, parse_assignment};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Yellow.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::BrightBlack.on_default());

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  the cluster could not be reached, or did not answer in time
  4  damaged data found (log verify, log dump)";

/// A Kafka-compatible streaming platform in one binary.
#[derive(Debug, Parser)]
#[command(name = "medallion", version, styles = STYLES, after_help = EXIT_CODES, arg_required_else_help = true)]
#[command(propagate_version = true, infer_subcommands = false, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where the cluster is: one or more host:port, separated by commas [default: 127.0.0.1:9092, or what --client-config says]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "MEDALLION_BOOTSTRAP_SERVER",
        hide_env_values = true,
        value_hint = ValueHint::Hostname,
        help_heading = "Global options"
    )]
    pub(crate) bootstrap_server: Option<String>,
    /// A properties file with settings of the client: security.protocol, sasl.username, ... (docs/client-configuration.md)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MEDALLION_CLIENT_CONFIG",
        hide_env_values = true,
        value_hint = ValueHint::FilePath,
        help_heading = "Global options"
    )]
    pub(crate) client_config: Option<PathBuf>,
    /// A setting of the client, above those of the file; may be repeated
    #[arg(
        long = "client-set",
        global = true,
        value_name = "NAME=VALUE",
        value_parser = parse_assignment,
        help_heading = "Global options"
    )]
    pub(crate) client_settings: Vec<Assignment>,
    /// Print JSON for scripts instead of tables for people
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Print results only, no notes and no progress
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
}

impl Global {
    /// How the cluster is reached.
    pub(crate) fn connect(&self) -> Result<Connect, ClientError> {
        let settings = self.client_settings.iter().map(|one| (one.name.clone(), one.value.clone()));
        let settings: Vec<_> = settings.collect();
        Connect::with(self.bootstrap_server.as_deref(), self.client_config.as_deref(), &settings)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process, with data below one directory
    Up(command::up::UpArguments),
    /// Start a broker from a Kafka properties file
    Broker(command::broker::BrokerArguments),
    /// Start a schema registry from a properties file of Confluent's
    Registry(command::registry::RegistryArguments),
    /// Prepare empty log directories for a new cluster
    Format(command::format::FormatArguments),
    /// List, create, describe, change and delete topics
    #[command(subcommand)]
    Topic(command::topic::TopicCommand),
    /// Write records, from standard input or from a file
    Produce(command::produce::ProduceArguments),
    /// Read records
    Consume(command::consume::ConsumeArguments),
    /// List, describe and delete groups, reset their offsets, and see why they rebalanced
    #[command(subcommand)]
    Group(command::group::GroupCommand),
    /// Show and change settings of topics, brokers, loggers and client metrics subscriptions
    #[command(subcommand)]
    Config(command::config::ConfigCommand),
    /// List, register, check, compare and delete schemas of a registry
    #[command(subcommand)]
    Schema(command::schema::SchemaCommand),
    /// Look into log segments on disk, without a broker
    #[command(subcommand)]
    Log(command::log::LogCommand),
    /// Show it all: trips flow in, somebody else's client reads them back, the sums agree
    Demo(command::demo::DemoArguments),
    /// Print a completion script for a shell
    Completions(command::completions::CompletionsArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_go_behind_the_command_too() {
        let arguments =
            Arguments::parse_from(["medallion", "topic", "list", "--json", "--bootstrap-server", "a:1"]);
        assert!(arguments.global.json);
        assert_eq!(arguments.global.bootstrap_server.as_deref(), Some("a:1"));
    }
}
