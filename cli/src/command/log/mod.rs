//! `medallion log`: segments on disk, without a broker.
//!
//! - [`segment`]: the batches of a `.log` file, one after the other;
//! - [`index`]: the entries of `.index` and `.timeindex` files; those of `.txnindex` and `.snapshot` files are read by
//!   the crates that write them;
//! - [`internal`]: what records of Kafka's own topics say;
//! - [`verify`]: everything that must hold, and where it does not;
//! - [`dump`]: what is there, as text or JSON.

mod dump;
mod index;
mod internal;
mod segment;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;

use crate::failure::{DamageFound, Failure};
use crate::output::{Output, bytes, counted};
use verify::Report;

/// Look into log segments on disk, without a broker.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show the batches of segments, their records, and the entries of indexes
    Dump(DumpArguments),
    /// Check batches, records and indexes; name file, position and offset of all damage
    Verify(VerifyArguments),
}

/// Arguments of `log dump`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  medallion log dump medallion-data/trips-0
  medallion log dump medallion-data/trips-0/00000000000000000000.log --records --json")]
pub(crate) struct DumpArguments {
    /// Files (.log, .index, .timeindex, .txnindex, .snapshot, .checkpoint), or folders of partitions
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Show the records too
    #[arg(long, short)]
    records: bool,
}

/// Arguments of `log verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
It ends with code 4 when it finds damage. It reads files while a broker writes to them, too: a batch that is still
being written at the end of the newest segment may then be named.")]
pub(crate) struct VerifyArguments {
    /// Files as `log dump` takes them, folders of partitions, or whole log directories
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
}

/// Runs `medallion log`.
pub(crate) fn run(command: &LogCommand, output: &Output) -> anyhow::Result<()> {
    match command {
        LogCommand::Dump(arguments) => dump_all(arguments, output),
        LogCommand::Verify(arguments) => verify_all(&arguments.paths, output),
    }
}

fn dump_all(arguments: &DumpArguments, output: &Output) -> anyhow::Result<()> {
    let mut damaged = 0;
    for file in files(&arguments.paths)? {
        damaged += dump::run(&file, arguments.records, output)?;
    }
    match damaged {
        0 => Ok(()),
        count => Err(DamageFound { count }.into()),
    }
}

fn verify_all(paths: &[PathBuf], output: &Output) -> anyhow::Result<()> {
    let mut report = Report::default();
    for file in files(paths)? {
        verify::file(&file, &mut report);
    }
    let value = json!({
        "files": report.files,
        "batches": report.batches,
        "records": report.records,
        "bytes": report.bytes,
        "damage": report.damage,
    });
    if output.is_json() {
        output.value(&value)?;
    } else {
        for damage in &report.damage {
            output.line(&damage.to_string())?;
        }
    }
    output.note(&format!(
        "checked {}: {}, {}, {}",
        counted(report.files, "file"),
        counted(report.batches, "batch").replace("batchs", "batches"),
        counted(report.records, "record"),
        bytes(report.bytes)
    ));
    match report.damage.len() {
        0 => Ok(()),
        count => Err(DamageFound { count }.into()),
    }
}

/// What kind of file it is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Batches: a segment, or a snapshot of the metadata.
    Log,
    Index,
    TimeIndex,
    TransactionIndex,
    ProducerSnapshot,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "log" | "checkpoint" => Some(Kind::Log),
        "index" => Some(Kind::Index),
        "timeindex" => Some(Kind::TimeIndex),
        "txnindex" => Some(Kind::TransactionIndex),
        "snapshot" => Some(Kind::ProducerSnapshot),
        _ => None,
    }
}

/// The offset that a segment's file name says: its first. A snapshot of the metadata is numbered from 0.
fn base_offset(path: &Path) -> i64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| stem.parse().ok()).unwrap_or(0)
}

/// Whether a file belongs to a log by its name: `00000000000000000042.log`, `bootstrap.checkpoint`.
fn belongs_to_log(path: &Path) -> bool {
    let starts_with_offset = |name: &str| name.bytes().take(20).filter(u8::is_ascii_digit).count() == 20;
    let name = path.file_name().and_then(|name| name.to_str());
    kind(path).is_some()
        && name.is_some_and(|name| starts_with_offset(name) || name == "bootstrap.checkpoint")
}

/// The files among the paths and within folders, one level of folders deeper too.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = path.metadata().with_context(|| format!("cannot open {}", path.display()))?;
        if metadata.is_dir() {
            let before = found.len();
            add_folder(path, true, &mut found)?;
            if found.len() == before {
                let message = format!("{} holds no segments", path.display());
                return Err(Failure::new(
                    message,
                    "name a .log file, the folder of a partition or a log directory",
                )
                .into());
            }
        } else if kind(path).is_some() {
            found.push(path.clone());
        } else {
            let message = format!("{} is no segment", path.display());
            return Err(Failure::new(
                message,
                "these files can be read: .log, .index, .timeindex, .txnindex, .snapshot, .checkpoint",
            )
            .into());
        }
    }
    Ok(found)
}

fn add_folder(folder: &Path, goes_deeper: bool, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in folder.read_dir().with_context(cannot)? {
        paths.push(entry.with_context(cannot)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if goes_deeper {
                add_folder(&path, false, found)?;
            }
        } else if belongs_to_log(&path) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_log_are_known_by_name() {
        for name in
            ["00000000000000000042.log", "00000000000000000042-0000000001.checkpoint", "bootstrap.checkpoint"]
        {
            assert!(belongs_to_log(Path::new(name)), "{name}");
        }
        for name in ["recovery-point-offset-checkpoint", "partition.metadata", "a.log", "quorum-state"] {
            assert!(!belongs_to_log(Path::new(name)), "{name}");
        }
        assert_eq!(base_offset(Path::new("a-0/00000000000000000042.log")), 42);
        assert_eq!(base_offset(Path::new("bootstrap.checkpoint")), 0);
    }
}
