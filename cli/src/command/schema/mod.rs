//! `medallion schema`.
//!
//! - [`source`]: schemas out of files;
//! - [`registry`]: schemas out of the registry;
//! - [`check`], [`verdict`]: which field breaks which rule of a level, and what would help;
//! - [`diff`]: what lies between two schemas;
//! - [`change`]: register, compat, delete;
//! - [`show`]: list, get.

mod change;
mod check;
mod diff;
mod registry;
mod show;
mod source;
mod verdict;

use clap::{Args, Subcommand};

use crate::output::Output;
use registry::Registry;

/// List, register, check, compare and delete schemas of a registry.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// List the subjects with their latest versions
    List(show::ListArguments),
    /// Print a schema: of a subject, or with an id
    Get(show::GetArguments),
    /// Register a schema as the next version of a subject
    Register(change::RegisterArguments),
    /// Say which field of a schema breaks which rule, and what would make it compatible
    Check(check::CheckArguments),
    /// Show or change the level of compatibility
    Compat(change::CompatArguments),
    /// Delete a subject or one of its versions
    Delete(change::DeleteArguments),
    /// Show what lies between two schemas, and who can read whose data
    Diff(diff::DiffArguments),
}

/// Where the registry is, and who asks.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Where the registry is: one or more URLs, separated by commas
    #[arg(
        long = "registry",
        value_name = "URL",
        env = "MEDALLION_SCHEMA_REGISTRY",
        default_value = "http://127.0.0.1:8081",
        hide_env_values = true
    )]
    url: String,
    /// A properties file with more settings: basic.auth.user.info, bearer.auth.token, schema.registry.ssl.*
    #[arg(long = "registry-config", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<std::path::PathBuf>,
}

/// Runs `medallion schema`.
pub(crate) async fn run(command: SchemaCommand, output: &Output) -> anyhow::Result<()> {
    match command {
        SchemaCommand::List(arguments) => show::list(&arguments, output).await,
        SchemaCommand::Get(arguments) => show::get(&arguments, output).await,
        SchemaCommand::Register(arguments) => change::register(&arguments, output).await,
        SchemaCommand::Check(arguments) => check::run(&arguments, output).await,
        SchemaCommand::Compat(arguments) => change::compat(&arguments, output).await,
        SchemaCommand::Delete(arguments) => change::delete(&arguments, output).await,
        SchemaCommand::Diff(arguments) => diff::run(&arguments, output).await,
    }
}
