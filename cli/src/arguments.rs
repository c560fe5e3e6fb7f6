//! What can be typed.

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects};
use clap::{Args, Parser, Subcommand, ValueHint};

use crate::command;

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
    /// Where the cluster is: one or more host:port, separated by commas
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "MEDALLION_BOOTSTRAP_SERVER",
        default_value = "127.0.0.1:9092",
        hide_env_values = true,
        value_hint = ValueHint::Hostname,
        help_heading = "Global options"
    )]
    pub(crate) bootstrap_server: String,
    /// Print JSON for scripts instead of tables for people
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Print results only, no notes and no progress
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
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
        assert_eq!(arguments.global.bootstrap_server, "a:1");
    }
}
