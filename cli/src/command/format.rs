//! `medallion format`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use medallion_broker::storage::{self, FormatOptions, Formatted, VoterKind};
use medallion_os::{Clock, RealFileSystem, SystemClock};
use medallion_wire::internal_records::MetadataVersion;
use medallion_wire::types::Uuid;
use serde_json::json;

use super::server;
use crate::failure::UsageError;
use crate::output::Output;

/// Prepare empty log directories for a new cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
A broker formats its log directories by itself when all of them are empty; this command is for those who want to
choose the cluster's id or release, or who have added a directory (--ignore-formatted).

Examples:
  medallion format server.properties
  medallion format server.properties --cluster-id MkU3OEVBNTcwNTJENDM2Qk --release-version 4.2")]
pub(crate) struct FormatArguments {
    /// A Kafka properties file [default: one node with both roles on 127.0.0.1, data in ./medallion-data]
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// A setting; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// The cluster's id, 22 characters of base64url [default: that of directories formatted already, or a random one]
    #[arg(long, short = 't', value_name = "ID")]
    cluster_id: Option<String>,
    /// Make this node the only voter of the quorum; so it is unless the settings name controller.quorum.voters
    #[arg(long)]
    standalone: bool,
    /// The release of Kafka whose metadata version the cluster begins with [default: the newest]
    #[arg(long, short, value_name = "RELEASE")]
    release_version: Option<String>,
    /// Leave directories that are formatted already as they are
    #[arg(long, short = 'g')]
    ignore_formatted: bool,
}

/// Runs `medallion format`.
pub(crate) fn run(arguments: &FormatArguments, output: &Output) -> anyhow::Result<()> {
    let config = server::config(&server::settings(arguments.file.as_deref(), &arguments.set)?)?;
    let mut random = || Uuid::new_v4().as_u128();
    let mut options = FormatOptions::for_config(&config);
    options.cluster_id.clone_from(&arguments.cluster_id);
    options.ignore_formatted = arguments.ignore_formatted;
    if arguments.standalone && options.voters == VoterKind::Static {
        let message = "--standalone and controller.quorum.voters exclude each other: remove one of them";
        return Err(UsageError(message.to_owned()).into());
    }
    if let Some(release) = &arguments.release_version {
        options.metadata_version =
            release.parse::<MetadataVersion>().map_err(|error| UsageError(error.to_string()))?;
    }
    let outcome = storage::format(&RealFileSystem, &options, SystemClock::new().now_ms(), &mut random)?;
    let directories: Vec<_> = outcome
        .directories
        .iter()
        .map(|(path, formatted)| json!({ "path": path.display().to_string(), "formatted": matches!(formatted, Formatted::Now(_)) }))
        .collect();
    let mut text = format!("cluster {}", outcome.cluster_id);
    for (path, formatted) in &outcome.directories {
        let word = if matches!(formatted, Formatted::Now(_)) { "formatted" } else { "formatted before:" };
        text = format!("{text}\n{word} {}", path.display());
    }
    output.done(&json!({ "cluster_id": outcome.cluster_id, "directories": directories }), &text)
}
