//! What Kafka's own `kafka-dump-log` says about the files of a server.

use std::fs;
use std::path::{Path, PathBuf};

use crate::environment::Missing;
use crate::kafka_tools;
use crate::server::Server;

/// What `kafka-dump-log` prints where something is wrong with a file.
const COMPLAINTS: [&str; 7] = [
    "Mismatches in",
    " is followed by ",
    "Found timestamp mismatch in",
    "Found out of order timestamp in",
    "invalid bytes at the end of",
    "isvalid: false",
    "Exception",
];

/// Has `kafka-dump-log` read every file of every partition of a stopped server, records and indexes, and the metadata
/// log with its decoder. Returns how many files it read.
///
/// # Errors
/// Where Kafka's tools are not on this machine.
pub fn assert_sound(server: &Server) -> Result<usize, Missing> {
    let (mut data, mut indexes, mut metadata) = (Vec::new(), Vec::new(), Vec::new());
    for file in server.data_folders().iter().flat_map(|folder| files_below(folder)) {
        let is_metadata = file.parent().is_some_and(|folder| folder.ends_with("__cluster_metadata-0"));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("log" | "checkpoint") if is_metadata => metadata.push(file),
            Some("log" | "snapshot" | "txnindex") => data.push(file),
            Some("index" | "timeindex") => indexes.push(file),
            _ => {}
        }
    }
    check(&data, &["--deep-iteration"])?;
    check(&indexes, &[])?;
    check(&indexes, &["--index-sanity-check"])?;
    check(&metadata, &["--cluster-metadata-decoder", "--skip-record-metadata"])?;
    check(&metadata, &["--deep-iteration"])?;
    Ok(data.len() + indexes.len() + metadata.len())
}

fn check(files: &[PathBuf], arguments: &[&str]) -> Result<(), Missing> {
    for some in files.chunks(200) {
        let names: Vec<_> = some.iter().map(|file| file.display().to_string()).collect();
        let output =
            kafka_tools::run("kafka-dump-log", &[arguments, &["--files", &names.join(",")]].concat())?;
        let status = output.status;
        let text = output.out + &output.err;
        let complaint = text.lines().position(is_complaint);
        if let Some(line) = complaint {
            let context: Vec<_> = text.lines().skip(line.saturating_sub(5)).take(12).collect();
            panic!("kafka-dump-log {arguments:?} complains:\n{}", context.join("\n"));
        }
        assert_eq!(status, 0, "kafka-dump-log {arguments:?} ended badly:\n{text}");
    }
    Ok(())
}

/// The tool takes -1 for the offset before each segment, and so complains about all but the first.
fn is_complaint(line: &str) -> bool {
    COMPLAINTS.iter().any(|complaint| line.contains(complaint)) && !line.contains("  -1 is followed by ")
}

/// All files below a folder, two levels deep as Kafka lays them out.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let list = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        list.map(|entry| entry.expect("a folder's entry").path()).collect::<Vec<_>>()
    };
    let partitions = entries(folder).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<_> =
        partitions.flat_map(|partition| entries(&partition)).filter(|path| path.is_file()).collect();
    files.sort();
    files
}
